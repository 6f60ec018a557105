package tools

import (
	"context"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
)

// verification registers the tools on evidence and on what CI found.
func verification(r *Registry, svc *service.Service) {
	add(r, Tool{
		Name: "update_control_status", Title: "Update a control's status", Toolset: Core, Needs: account.Write, Effect: Changes,
		Description: "Say that a control is implemented (needs a coherent assertion) or not. Verified is computed from CI.",
	}, svc.UpdateControlStatus)
	add(r, Tool{
		Name: "get_assertion_types", Title: "Assertion types", Toolset: Core, Needs: account.Read, Effect: Reads,
		Description: "What can be claimed about code, and which facet kinds it proves; with type or kind: parameters, examples.",
	}, svc.GetAssertionTypes)
	add(r, Tool{
		Name: "submit_assertions", Title: "Submit assertions", Toolset: Core, Needs: account.Write, Effect: Adds,
		Description: "Claim that code implements facets of controls; all or nothing. Says which facets stay uncovered. CI checks the claims.",
	}, svc.SubmitAssertions)
	add(r, Tool{
		Name: "list_assertions", Title: "Assertions", Toolset: Core, Needs: account.Read, Effect: Reads,
		Description: "Assertions with their newest results, and why they failed.",
	}, svc.ListAssertions)
	add(r, Tool{
		Name: "get_verification_report", Title: "Verification report", Toolset: Core, Needs: account.Report, Effect: Reads,
		Description: "What CI found for each control, drift included, failed ones first.",
	}, svc.GetVerificationReport)
	add(r, Tool{
		Name: "delete_assertion", Title: "Delete an assertion", Toolset: Modeling, Needs: account.Write, Effect: Destroys,
		Description: "Withdraw a claim, with a reason. A failure stays with the control until its facets have newer passing results.",
	}, svc.DeleteAssertion)
	sufficiency(r, svc)
}

// SufficiencyIn is what [service.GetSufficiencyIn] and [service.JudgeSufficiencyIn] take.
type SufficiencyIn struct {
	service.GetSufficiencyIn
	Engine      string `json:"engine,omitempty" jsonschema:"have it judge first: openai, or agent (you answer its questions); default: what is known"`
	WaitSeconds *int   `json:"wait_seconds,omitempty" jsonschema:"for the engine, at most 50, default 20"`
}

// sufficiency registers get_sufficiency. It reads, and with an engine it first has that judge, which adds a job: so it is no reading tool.
func sufficiency(r *Registry, svc *service.Service) {
	register(r, Tool{
		Name: "get_sufficiency", Title: "Sufficiency", Toolset: Modeling, Needs: account.Read, Effect: Adds,
		Description: "Which facets of each control no coherent assertion claims, or the claims do not prove as engines judged, and which types would prove them.",
	}, func(ctx context.Context, who account.Principal, in SufficiencyIn, p progress) (service.GetSufficiencyOut, error) {
		if in.Engine == "" {
			return svc.GetSufficiency(ctx, who, in.GetSufficiencyIn)
		}
		left, err := service.Wait(in.WaitSeconds, 20)
		if err != nil {
			return service.GetSufficiencyOut{}, err
		}
		job, err := svc.JudgeSufficiency(ctx, who, service.JudgeSufficiencyIn{ModelID: in.ModelID, IDs: in.IDs, Engine: in.Engine})
		if err == nil {
			job, err = follow(ctx, svc, who, job, left, p)
		}
		if err == nil && job.Error != nil {
			err = job.Error // the call that started the job failed with it
		}
		if err != nil {
			return service.GetSufficiencyOut{}, err
		}
		out, err := svc.GetSufficiency(ctx, who, in.GetSufficiencyIn)
		out.Job = &job
		return out, err
	})
}
