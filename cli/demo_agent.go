package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/pipeline/builtin"
	"github.com/redoubt-dev/redoubt/service"
)

// await brings a job to its end. Where it asks, the demo plays the agent: it answers over MCP what the builtin engine would answer.
func (d *demo) await(ctx context.Context, feature string, job service.JobOut) (service.JobOut, error) {
	var expert *builtin.Engine
	id := job.JobID
	for !job.Status.Final() {
		if job.Question == nil {
			if err := d.call(ctx, "get_operation_status", map[string]any{"job_id": id, "wait_seconds": service.MaxWait}, &job); err != nil {
				return job, err
			}
			continue
		}
		if expert == nil {
			var err error
			if expert, err = builtin.New(); err != nil {
				return job, err
			}
		}
		q := *job.Question
		if err := want(len(q.Errors) == 0 && len(q.Prompt)+len(q.Schema) <= pipeline.AgentLimit, "%s asks %d bytes, errors %v", q.Step, len(q.Prompt)+len(q.Schema), q.Errors); err != nil {
			return job, err
		}
		answer, err := expert.Answer(ctx, feature, q.Step, pipeline.Asked(q.Prompt))
		if err != nil {
			return job, err
		}
		fmt.Fprintf(d.out, "   asked %-28s %5d bytes; the agent answers %6d\n", q.Step, len(q.Prompt)+len(q.Schema), len(answer))
		job = service.JobOut{}
		if err := d.call(ctx, "continue_generation", map[string]any{
			"job_id": id, "step": q.Step, "output": json.RawMessage(answer), "wait_seconds": service.MaxWait,
		}, &job); err != nil {
			return job, err
		}
	}
	return job, nil
}
