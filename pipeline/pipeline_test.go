package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

// scripted is an engine whose answers a test writes.
type scripted struct {
	batch  int
	answer func(pipeline.Request) (pipeline.Output, error)
	asked  []pipeline.Request
}

func (s *scripted) Name() string   { return "scripted" }
func (s *scripted) BatchSize() int { return s.batch }
func (s *scripted) Propose(_ context.Context, r pipeline.Request) (pipeline.Output, error) {
	s.asked = append(s.asked, r)
	return s.answer(r)
}

// good answers every step with n assets and m attackers, and one control for each objective.
func good(n, m int) func(pipeline.Request) (pipeline.Output, error) {
	return func(r pipeline.Request) (pipeline.Output, error) {
		var out pipeline.Output
		switch r.Step {
		case pipeline.GenerateAssets, pipeline.RefineAssets:
			for i := range n {
				out.Assets = append(out.Assets, pipeline.AssetProposal{Name: fmt.Sprint("asset ", i), Properties: []threat.Property{"C"}, Impact: "H"})
			}
		case pipeline.GenerateAttackers, pipeline.RefineAttackers:
			for i := range m {
				out.Attackers = append(out.Attackers, pipeline.AttackerProposal{Name: fmt.Sprint("attacker ", i), Capability: "c", Position: "p", Likelihood: "M"})
			}
		case pipeline.GenerateControls:
			for _, co := range r.Objectives {
				out.Controls = append(out.Controls, control("protect "+string(co.ID), pipeline.Mitigation{Objective: co.ID, Group: 1}))
			}
			c := control("serve all", pipeline.Mitigation{Objective: r.Objectives[0].ID})
			out.Controls = append(out.Controls, c)
		}
		return out, nil
	}
}

func control(description string, m ...pipeline.Mitigation) pipeline.ControlProposal {
	return pipeline.ControlProposal{Description: description, Mitigates: m, Facets: []pipeline.FacetProposal{{Text: "it is there", Kind: threat.StructureFacet}}}
}

func run(t *testing.T, e pipeline.Engine, d *pipeline.Draft) (begun []pipeline.Step, saved int, err error) {
	t.Helper()
	err = pipeline.Run(context.Background(), e, d,
		func(s pipeline.Step) error { begun = append(begun, s); return nil },
		func(*pipeline.Draft) error { saved++; return nil })
	return begun, saved, err
}

func draft(t *testing.T) *pipeline.Draft {
	t.Helper()
	d, err := pipeline.NewDraft("a feature")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRun(t *testing.T) {
	e := &scripted{batch: 4, answer: good(3, 3)}
	d := draft(t)
	begun, saved, err := run(t, e, d)
	if err != nil || !slices.Equal(begun, pipeline.Steps()) {
		t.Fatalf("%v, %v", begun, err)
	}
	if len(e.asked) != 5+3 || saved != 6+2 {
		t.Errorf("%d requests, saved %d times; 9 objectives in batches of 4 are 3", len(e.asked), saved)
	}
	if len(d.Controls) != 10 {
		t.Errorf("%d controls: 9, and one that came out the same in every batch", len(d.Controls))
	}
	for _, c := range d.Controls {
		if c.Description == "serve all" && len(c.Mitigates) != 3 {
			t.Errorf("the shared control serves %v", c.Mitigates)
		}
	}
}

// A draft that was kept goes on where it was, without asking for what is done.
func TestResume(t *testing.T) {
	stop := errors.New("the process ends")
	for calls := range 7 {
		e := &scripted{batch: 4, answer: good(3, 3)}
		kept, err := json.Marshal(draft(t))
		if err != nil {
			t.Fatal(err)
		}
		d := draft(t)
		n := 0
		err = pipeline.Run(context.Background(), e, d, func(pipeline.Step) error { return nil }, func(d *pipeline.Draft) error {
			if n == calls {
				return stop
			}
			n++
			kept, err = json.Marshal(d)
			return err
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		resumed := &pipeline.Draft{}
		if err := json.Unmarshal(kept, resumed); err != nil {
			t.Fatal(err)
		}
		if _, _, err := run(t, &scripted{batch: 4, answer: good(3, 3)}, resumed); err != nil {
			t.Fatal(err)
		}
		whole := draft(t)
		if _, _, err := run(t, &scripted{batch: 4, answer: good(3, 3)}, whole); err != nil {
			t.Fatal(err)
		}
		a, b := mustJSON(t, resumed), mustJSON(t, whole)
		if a != b {
			t.Errorf("after %d saves the resumed draft is\n%s\nnot\n%s", calls, a, b)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// A bad answer is sent back once with the errors; a second one ends the run with them and leaves the draft as it was.
func TestBadAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		step pipeline.Step
		bad  pipeline.Output
		code threat.Code
	}{
		"no assets":            {pipeline.GenerateAssets, pipeline.Output{}, threat.Invalid},
		"asset without rating": {pipeline.GenerateAssets, pipeline.Output{Assets: []pipeline.AssetProposal{{Name: "x", Properties: []threat.Property{"C"}}}}, threat.Invalid},
		"asset of no property": {pipeline.RefineAssets, pipeline.Output{Assets: []pipeline.AssetProposal{{Name: "x", Impact: "H"}}}, threat.Invalid},
		"twin assets": {pipeline.RefineAssets, pipeline.Output{Assets: []pipeline.AssetProposal{
			{Name: "x", Properties: []threat.Property{"C"}, Impact: "H"}, {Name: "X", Properties: []threat.Property{"C"}, Impact: "H"},
		}}, threat.Conflict},
		"no attackers":     {pipeline.GenerateAttackers, pipeline.Output{}, threat.Invalid},
		"attacker nowhere": {pipeline.RefineAttackers, pipeline.Output{Attackers: []pipeline.AttackerProposal{{Name: "x", Capability: "c", Likelihood: "H"}}}, threat.Invalid},
		"boundary of none": {pipeline.Boundaries, pipeline.Output{Boundaries: []pipeline.BoundaryProposal{{Name: "b", Assets: []threat.ID{"A9"}}}}, threat.NotFound},
		"unknown attacker": {pipeline.Boundaries, pipeline.Output{Boundaries: []pipeline.BoundaryProposal{{Name: "b", Attackers: []threat.ID{"T9"}}}}, threat.NotFound},
		"assumption, kind": {pipeline.Boundaries, pipeline.Output{Assumptions: []pipeline.AssumptionProposal{{Text: "x", Kind: "hope"}}}, threat.Invalid},
		"foreign CO":       {pipeline.GenerateControls, pipeline.Output{Controls: []pipeline.ControlProposal{control("x", pipeline.Mitigation{Objective: "CO-A9-T9", Group: 1})}}, threat.Invalid},
		"no CO":            {pipeline.GenerateControls, pipeline.Output{Controls: []pipeline.ControlProposal{control("x")}}, threat.Invalid},
		"group gap":        {pipeline.GenerateControls, pipeline.Output{Controls: []pipeline.ControlProposal{control("x", pipeline.Mitigation{Objective: "CO-A1-T1", Group: 2})}}, threat.Invalid},
		"negative group":   {pipeline.GenerateControls, pipeline.Output{Controls: []pipeline.ControlProposal{control("x", pipeline.Mitigation{Objective: "CO-A1-T1", Group: -1})}}, threat.Invalid},
		"no facets":        {pipeline.GenerateControls, pipeline.Output{Controls: []pipeline.ControlProposal{{Description: "x", Mitigates: []pipeline.Mitigation{{Objective: "CO-A1-T1"}}}}}, threat.Invalid},
	} {
		for _, mends := range []bool{true, false} {
			e := &scripted{}
			e.answer = func(r pipeline.Request) (pipeline.Output, error) {
				if r.Step == c.step && (r.Rejected == nil || !mends) {
					return c.bad, nil
				}
				return good(2, 2)(r)
			}
			d := draft(t)
			before := ""
			_, _, err := func() ([]pipeline.Step, int, error) {
				return nil, 0, pipeline.Run(context.Background(), e, d, func(pipeline.Step) error { before = mustJSON(t, d); return nil }, func(*pipeline.Draft) error { return nil })
			}()
			sent := 0
			for _, r := range e.asked {
				if r.Step == c.step && r.Rejected != nil {
					sent++
					if threat.CodeOf(r.Rejected) != c.code {
						t.Errorf("%s: sent back with %v, want %s", name, r.Rejected, c.code)
					}
				}
			}
			switch {
			case sent != 1:
				t.Errorf("%s: sent back %d times", name, sent)
			case mends && err != nil:
				t.Errorf("%s: mended, and still %v", name, err)
			case !mends && (threat.CodeOf(err) != c.code || !strings.Contains(err.Error(), "scripted")):
				t.Errorf("%s: ended with %v", name, err)
			case !mends && mustJSON(t, d) != before:
				t.Errorf("%s: the refused answer left something behind", name)
			}
		}
	}
}

// Only the objectives asked for, and of them only the reachable ones.
// Everything that is wrong with an answer is said at once, each with its place in the answer.
func TestBadAnswersSayWhere(t *testing.T) {
	d := draft(t)
	accept := func(step pipeline.Step, out pipeline.Output) (fields []string) {
		err := d.Accept(pipeline.Request{Step: step, Draft: d}, out)
		var te *threat.Error
		if !errors.As(err, &te) {
			return nil
		}
		for _, i := range te.Items {
			fields = append(fields, i.Field)
		}
		if te.Items == nil {
			fields = []string{te.Field}
		}
		return fields
	}
	asset := func(name string) pipeline.AssetProposal {
		return pipeline.AssetProposal{Name: name, Properties: []threat.Property{"C"}, Impact: "H"}
	}
	if got := accept(pipeline.GenerateAssets, pipeline.Output{Assets: []pipeline.AssetProposal{asset("x"), asset("y"), asset("X")}}); !slices.Equal(got, []string{"assets.2"}) {
		t.Errorf("twins: %q", got)
	}
	if got := accept(pipeline.GenerateAssets, pipeline.Output{Assets: []pipeline.AssetProposal{asset("x")}}); got != nil {
		t.Fatalf("%q", got)
	}
	got := accept(pipeline.Boundaries, pipeline.Output{
		Boundaries:  []pipeline.BoundaryProposal{{Name: "a", Assets: []threat.ID{"A9"}}, {Name: "b", Assets: []threat.ID{"A1"}}, {Name: "c", Attackers: []threat.ID{"T9"}}},
		Assumptions: []pipeline.AssumptionProposal{{Text: "x", Kind: "hope"}},
	})
	if !slices.Equal(got, []string{"trust_boundaries.0.assets", "trust_boundaries.2.attackers", "assumptions.0.kind"}) {
		t.Errorf("boundaries: %q", got)
	}
}

func TestRunControls(t *testing.T) {
	d := draft(t)
	e := &scripted{answer: good(2, 2)}
	if _, _, err := run(t, e, d); err != nil {
		t.Fatal(err)
	}
	only := &pipeline.Draft{Structure: d.Structure, Counters: threat.Counters{}, Only: []threat.ID{"CO-A1-T2", "CO-A2-T1"}}
	one := &scripted{answer: good(2, 2)}
	err := pipeline.RunControls(context.Background(), one, only, func(pipeline.Step) error { return nil }, func(*pipeline.Draft) error { return nil })
	if err != nil || len(one.asked) != 1 || len(one.asked[0].Objectives) != 2 {
		t.Errorf("asked %d times (%v)", len(one.asked), err)
	}
	if err := pipeline.RunControls(context.Background(), one, only, func(pipeline.Step) error { return errors.New("begun again") }, nil); err != nil {
		t.Errorf("a finished draft: %v", err)
	}
}

func TestCancelledRun(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	e := &scripted{}
	e.answer = func(r pipeline.Request) (pipeline.Output, error) {
		cancel()
		return good(1, 1)(r)
	}
	err := pipeline.Run(ctx, e, draft(t), func(pipeline.Step) error { return nil }, func(*pipeline.Draft) error { return nil })
	if !errors.Is(err, context.Canceled) || len(e.asked) != 1 {
		t.Errorf("%v after %d requests", err, len(e.asked))
	}
}
