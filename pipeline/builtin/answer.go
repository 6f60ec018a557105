package builtin

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

// Answer is what this engine would answer if it were asked a question about a feature as an agent or a language model is: the JSON of
// [pipeline.Answer]. It lets the demo play the agent. objectives are the COs that a question about controls lists. Errors:
// [threat.Invalid] for a description that names nothing the knowledge base knows, and for a step that is not one of a generation.
func (e *Engine) Answer(ctx context.Context, feature, step string, objectives []threat.ID) (json.RawMessage, error) {
	d, err := pipeline.NewDraft(feature)
	if err != nil {
		return nil, err
	}
	for _, s := range pipeline.Steps() {
		r := pipeline.Request{Step: s, Draft: d}
		if s == pipeline.GenerateControls {
			all, err := d.Structure.Objectives()
			if err != nil {
				return nil, err
			}
			for _, co := range all {
				if slices.Contains(objectives, co.ID) {
					r.Objectives = append(r.Objectives, co)
				}
			}
		}
		out, err := e.Propose(ctx, r)
		if err != nil {
			return nil, err
		}
		if step == string(s) || s == pipeline.GenerateControls && strings.HasPrefix(step, string(s)+"_") {
			return json.Marshal(pipeline.Answer(s, out))
		}
		if err := d.Accept(r, out); err != nil {
			return nil, err
		}
	}
	return nil, threat.Errorf(threat.Invalid, "unknown step %q", threat.Clip(step, 80))
}
