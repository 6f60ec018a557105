package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Asker puts a question to a thinker and hands what it says to check. It returns nil when check took an answer, *[BadAnswer] when an
// answer came that check refused or that is none, and any other error when none came.
type Asker func(ctx context.Context, q Question, check func(raw []byte) error) error

// BadAnswer is an answer that cannot be used. The question is put once more with Err, which says why.
type BadAnswer struct{ Err error }

func (b *BadAnswer) Error() string { return b.Err.Error() }

// Unwrap is why.
func (b *BadAnswer) Unwrap() error { return b.Err }

// Consult puts one question that is no step of a generation. A bad answer is sent back once with the errors; the calling agent gets as many
// tries as it likes, since its asker ends the run to wait for each. Errors: [threat.Unavailable] after a second answer that check refused,
// and the asker's.
func Consult(ctx context.Context, ask Asker, q Question, check func(raw []byte) error) error {
	err := ask(ctx, q, check)
	var bad *BadAnswer
	if !errors.As(err, &bad) {
		return err
	}
	err = ask(ctx, q.Again(bad.Err), check)
	if errors.As(err, &bad) {
		return unusable(bad.Err, "the answer to "+q.Step+" was refused twice")
	}
	return err
}

// unusable is the error of a second bad answer. What the rules refuse of it is the thinker's mistake, not one of the call that had it
// think: with its code and field it would read as if that call's arguments were wrong. Its items stay.
func unusable(err error, what string) error {
	var te *threat.Error
	if !errors.As(err, &te) || te.Code != threat.Invalid && te.Code != threat.Conflict && te.Code != threat.NotFound {
		return twice(err, what)
	}
	c := *te
	c.Code, c.Field, c.Message = threat.Unavailable, "", what+": "+threat.Item{Message: te.Message, Field: te.Field, Hint: te.Hint}.Words()
	return c.Hinted("try again, or name another engine: agent, builtin")
}

// twice adds to the refusal of a second answer that it was the second.
func twice(err error, what string) error {
	var te *threat.Error
	if !errors.As(err, &te) {
		return fmt.Errorf("%s: %w", what, err)
	}
	if te.Hint != "" {
		what = te.Hint + "; " + what
	}
	return te.Hinted("%s", what)
}

// Bounds says how an engine is to be asked.
type Bounds struct {
	Size     int // of a question with its schema, in bytes; 0 is no bound
	Batch    int // COs in one question about controls
	Parallel int // batches asked for at a time
}

// AgentBounds are those of the calling agent: it reads one question at a time, and its context is dear.
var AgentBounds = Bounds{Size: AgentLimit, Batch: 16, Parallel: 1}

// ModelBounds are those of a language model. How many calls really run at once is its client's limit.
var ModelBounds = Bounds{Batch: 16, Parallel: 16}

// Prompted is an engine that asks somebody else. It turns a request into a question, and an answer into proposals.
type Prompted struct {
	name   string
	bounds Bounds
	ask    Asker
}

var _ Engine = (*Prompted)(nil)

// NewPrompted returns an engine of a name.
func NewPrompted(name string, bounds Bounds, ask Asker) *Prompted {
	return &Prompted{name, bounds, ask}
}

// Name is the engine's name on the wire.
func (p *Prompted) Name() string { return p.name }

// BatchSize is how many COs one question is about at most.
func (p *Prompted) BatchSize() int { return p.bounds.Batch }

// Parallel is how many batches of controls may be asked for at a time.
func (p *Prompted) Parallel() int { return max(1, p.bounds.Parallel) }

// Propose asks. An answer is taken only if it is well-formed and the rules of the domain accept it. Errors: *[BadAnswer], the asker's.
func (p *Prompted) Propose(ctx context.Context, r Request) (Output, error) {
	// Batches that are asked for together know nothing of each other's controls, and asking again gives the same question.
	r.Reuse = r.Step == GenerateControls && p.Parallel() == 1 && len(r.Draft.Controls) > 0
	q := question(r, p.bounds.Size)
	if r.Rejected != nil {
		q = q.Again(r.Rejected)
	}
	var out Output
	err := p.ask(ctx, q, func(raw []byte) (err error) {
		if out, err = Parse(r.Step, raw); err != nil {
			return err
		}
		if err := r.resolve(&out); err != nil {
			return err
		}
		out.quote(r.Draft.Structure.Feature)
		scratch := *r.Draft
		return scratch.Accept(r, out)
	})
	if err != nil {
		return Output{}, err
	}
	return out, nil
}

// resolve puts the controls that an answer names for use anew in their place, and refuses a batch of which a CO was forgotten: it
// would look like one that nobody can mitigate.
func (r Request) resolve(out *Output) error {
	if r.Step != GenerateControls {
		return nil
	}
	var wrong []*threat.Error
	for i, u := range out.Reuse {
		n, err := strconv.Atoi(strings.TrimPrefix(u.Control, "K"))
		if err != nil || n < 1 || n > len(r.Draft.Controls) || !r.Reuse {
			wrong = append(wrong, threat.Errorf(threat.Invalid, "there is no control %s to use anew", threat.Clip(u.Control, 20)).
				In("reuse."+strconv.Itoa(i)+".control").Hinted("K1, K2 … from the list, or none"))
			continue
		}
		c := r.Draft.Controls[n-1]
		c.Mitigates = u.Mitigates
		out.Controls = append(out.Controls, c)
	}
	out.Reuse = nil
	served := map[threat.ID]bool{}
	for _, c := range out.Controls {
		for _, m := range c.Mitigates {
			served[m.Objective] = served[m.Objective] || m.Group == 1
		}
	}
	var bare []threat.ID
	for _, co := range r.Objectives {
		if !served[co.ID] {
			bare = append(bare, co.ID)
		}
	}
	if len(bare) > 0 {
		wrong = append(wrong, threat.Errorf(threat.Invalid, "no control of group 1 for %s", threat.IDList(bare, 20)).
			In("controls").Hinted("every CO of the list needs one"))
	}
	return threat.Batch(wrong)
}

// quote keeps, of the words that are said to have led to an entity, those that the description really holds.
func (out *Output) quote(feature string) {
	text := plainWords(feature)
	held := func(quotes []string) []string {
		var kept []string
		for _, q := range quotes {
			if w := plainWords(strings.TrimSuffix(q, "…")); w != "" && strings.Contains(text, w) {
				kept = append(kept, q)
			}
		}
		return kept
	}
	for i := range out.Assets {
		out.Assets[i].Basis = held(out.Assets[i].Basis)
	}
	for i := range out.Attackers {
		out.Attackers[i].Basis = held(out.Attackers[i].Basis)
	}
}

func plainWords(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// Answer is proposals in the form in which a thinker answers a step: every member there, empty ones too.
func Answer(step Step, out Output) any {
	type object = map[string]any
	list := func(n int, at func(int) any) []any {
		out := make([]any, n)
		for i := range out {
			out[i] = at(i)
		}
		return out
	}
	switch step {
	case GenerateAssets, RefineAssets:
		return object{"assets": list(len(out.Assets), func(i int) any {
			a := out.Assets[i]
			return object{"name": a.Name, "description": a.Description, "properties": a.Properties, "impact": a.Impact, "notes": a.Notes, "basis": filled(a.Basis)}
		})}
	case GenerateAttackers, RefineAttackers:
		return object{"attackers": list(len(out.Attackers), func(i int) any {
			t := out.Attackers[i]
			return object{
				"name": t.Name, "capability": t.Capability, "position": t.Position, "archetype": t.Archetype, "likelihood": t.Likelihood, "basis": filled(t.Basis),
			}
		})}
	case Boundaries:
		return object{"trust_boundaries": list(len(out.Boundaries), func(i int) any {
			b := out.Boundaries[i]
			return object{"name": b.Name, "description": b.Description, "assets": filled(b.Assets), "attackers": filled(b.Attackers)}
		}), "assumptions": list(len(out.Assumptions), func(i int) any {
			a := out.Assumptions[i]
			return object{"text": a.Text, "kind": a.Kind, "control_objectives": filled(a.Objectives)}
		})}
	}
	return object{"controls": list(len(out.Controls), func(i int) any {
		c := out.Controls[i]
		return object{"description": c.Description, "facets": filled(c.Facets), "mitigates": filled(c.Mitigates), "notes": c.Notes}
	}), "reuse": filled(out.Reuse)}
}

func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
