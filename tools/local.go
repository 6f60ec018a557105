package tools

import (
	"context"
	"fmt"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// VerifyAssertionIn is what submit_assertions takes; only type and params matter here.
type VerifyAssertionIn struct {
	ModelID    string                 `json:"model_id,omitempty" jsonschema:"not needed"`
	Assertions []service.NewAssertion `json:"assertions" jsonschema:"as for submit_assertions"`
}

// VerifiedRow is what Tier 1 says of one assertion.
type VerifiedRow struct {
	ID       string           `json:"id" jsonschema:"its place in the batch, from 1"`
	Type     evidence.Type    `json:"type"`
	Verdict  evidence.Verdict `json:"verdict"`
	Reason   string           `json:"reason,omitempty"`
	File     string           `json:"file,omitempty"`
	Line     int              `json:"line,omitempty"`
	Warnings []string         `json:"warnings,omitempty"`
}

// VerifyAssertionOut is a dry run.
type VerifyAssertionOut struct {
	Passed  int           `json:"passed"`
	Failed  int           `json:"failed"`
	Results []VerifiedRow `json:"results"`
}

// LocalCheck checks assertions about the files of this machine, with the code that CI runs. It answers each, in order; ID is filled in
// by the tool.
type LocalCheck func(ctx context.Context, assertions []evidence.Assertion) ([]VerifiedRow, error)

// AddLocalCheck adds verify_assertion, which only a server on the developer's own machine can have: a serving process opens no
// project files.
func (r *Registry) AddLocalCheck(check LocalCheck) error {
	add(r, Tool{
		Name: "verify_assertion", Title: "Verify assertions here", Toolset: Core, Needs: account.Write, Effect: Reads,
		Description: "Check assertions against the files of this project with the code that CI runs (Tier 1), before you submit them. Submits nothing.",
	}, func(ctx context.Context, _ account.Principal, in VerifyAssertionIn) (VerifyAssertionOut, error) {
		out := VerifyAssertionOut{Results: []VerifiedRow{}}
		if n := len(in.Assertions); n == 0 || n > service.MaxAssertions {
			return out, threat.Errorf(threat.Invalid, "%d assertions, 1 to %d fit", n, service.MaxAssertions).In("assertions")
		}
		list := make([]evidence.Assertion, len(in.Assertions))
		for i, a := range in.Assertions {
			list[i] = evidence.Assertion{Type: a.Type, Params: a.Params}
		}
		rows, err := check(ctx, list)
		if err != nil {
			return out, err
		}
		for i, row := range rows {
			row.ID = fmt.Sprint(i + 1)
			if row.Verdict == evidence.Pass {
				out.Passed++
			} else {
				out.Failed++
			}
			out.Results = append(out.Results, row)
		}
		return out, nil
	})
	return r.err
}
