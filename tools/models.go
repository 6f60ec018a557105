package tools

import (
	"context"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
)

// models registers the tools on whole threat models and their jobs.
func models(r *Registry, svc *service.Service) {
	await(r, svc, Tool{
		Name: "generate_threat_model", Title: "Generate a threat model", Toolset: Core, Needs: account.Write, Effect: Adds,
		Description: "Make a threat model of a described feature: assets, attackers, trust boundaries, assumptions, control objectives, controls. Answers a job; its result has the model_id.",
	}, 5, func(in service.GenerateThreatModelIn) *int { return in.WaitSeconds }, svc.GenerateThreatModel)

	await(r, svc, Tool{
		Name: "continue_generation", Title: "Answer a job's question", Toolset: Core, Needs: account.Write, Effect: Changes,
		Description: "With engine agent you think: when a job is waiting, answer its question.prompt by question.schema. Answers the next question, the same one with errors, or the result.",
	}, 20, func(in service.ContinueGenerationIn) *int { return in.WaitSeconds }, svc.ContinueGeneration)

	register(r, Tool{
		Name: "get_operation_status", Title: "Job status", Toolset: Core, Needs: account.Read, Effect: Reads,
		Description: "How a job goes; waits for its end or a question.",
	}, func(ctx context.Context, who account.Principal, in service.GetOperationStatusIn, p progress) (service.JobOut, error) {
		left, err := service.Wait(in.WaitSeconds, 20)
		if err != nil {
			return service.JobOut{}, err
		}
		now := 0
		in.WaitSeconds = &now
		job, err := svc.GetOperationStatus(ctx, who, in)
		if err != nil {
			return job, err
		}
		return follow(ctx, svc, who, job, left, p)
	})

	add(r, Tool{
		Name: "cancel_operation", Title: "Cancel a job", Toolset: Modeling, Needs: account.Write, Effect: Destroys,
		Description: "Cancel a job that has not ended; what it has done so far is dropped.",
	}, svc.CancelOperation)

	add(r, Tool{
		Name: "list_threat_models", Title: "List threat models", Toolset: Core, Needs: account.List, Effect: Reads,
		Description: "The workspace's models, the most recently changed first.",
	}, svc.ListThreatModels)

	add(r, Tool{
		Name: "get_threat_model", Title: "Read a threat model", Toolset: Core, Needs: account.Read, Effect: Reads,
		Description: "A model with all ids, or one section in full, at any version.",
	}, svc.GetThreatModel)

	add(r, Tool{
		Name: "edit_threat_model", Title: "Edit title or description", Toolset: Modeling, Needs: account.Write, Effect: Changes,
		Description: "Rename a model, or replace its feature description.",
	}, svc.EditThreatModel)

	add(r, Tool{
		Name: "delete_threat_model", Title: "Delete a threat model", Toolset: Modeling, Needs: account.Write, Effect: Destroys,
		Description: "Hide a model; it can be restored for 30 days, then it is gone.",
	}, svc.DeleteThreatModel)

	add(r, Tool{
		Name: "restore_threat_model", Title: "Restore a deleted model", Toolset: Modeling, Needs: account.Write, Effect: Changes,
		Description: "Bring a deleted model back as it was.",
	}, svc.RestoreThreatModel)
}
