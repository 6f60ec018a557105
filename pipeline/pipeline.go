// Package pipeline turns a feature description into a proposed threat model in steps. It returns proposals and never
// writes: the service applies them. An [Engine] thinks; the pipeline checks every answer against the rules of the domain,
// sends a bad one back once with the errors, and assigns ids.
package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/redoubt-dev/redoubt/threat"
)

// Step is one step of a generation (specification §9).
type Step string

// The steps in their order. The CO matrix is computed after the fifth; controls then come in batches.
const (
	GenerateAssets    Step = "generate_assets"
	RefineAssets      Step = "refine_assets"
	GenerateAttackers Step = "generate_attackers"
	RefineAttackers   Step = "refine_attackers"
	Boundaries        Step = "boundaries_and_assumptions"
	GenerateControls  Step = "generate_controls"
)

// Steps lists the steps of a whole generation.
func Steps() []Step {
	return []Step{GenerateAssets, RefineAssets, GenerateAttackers, RefineAttackers, Boundaries, GenerateControls}
}

// Engine thinks: it answers one step at a time. Implementations are safe for concurrent use.
type Engine interface {
	// Name is the engine's name on the wire: "builtin", "openai", "agent".
	Name() string
	// BatchSize is how many COs a [GenerateControls] request carries at most; 0 puts all in one.
	BatchSize() int
	// Propose answers one step. A *threat.Error reaches the user as it is (a description too thin is [threat.Invalid] with
	// what to add); any other error is internal.
	Propose(ctx context.Context, r Request) (Output, error)
}

// Request is what an engine gets to answer one step.
type Request struct {
	Step       Step
	Draft      *Draft             // what is known so far; read only
	Objectives []threat.Objective // for [GenerateControls]: the COs of this batch, reachable ones only
	Rejected   error              // why the previous answer to this very request was refused, or nil
}

// Run carries a draft through the steps that are left. Before a step it calls starting, after it save, whose error ends
// the run. Errors are the engine's, the domain's for an answer refused twice, and ctx's.
func Run(ctx context.Context, e Engine, d *Draft, starting func(Step) error, save func(*Draft) error) error {
	for _, step := range Steps()[len(d.Done):] {
		if err := starting(step); err != nil {
			return err
		}
		var err error
		if step == GenerateControls {
			err = controls(ctx, e, d, save)
		} else {
			err = ask(ctx, e, d, Request{Step: step, Draft: d})
		}
		if err != nil {
			return err
		}
		d.Done = append(d.Done, step)
		if err := save(d); err != nil {
			return err
		}
	}
	return nil
}

// RunControls carries a draft of a whole structure through control generation alone.
func RunControls(ctx context.Context, e Engine, d *Draft, starting func(Step) error, save func(*Draft) error) error {
	if len(d.Done) > 0 {
		return nil
	}
	if err := starting(GenerateControls); err != nil {
		return err
	}
	if err := controls(ctx, e, d, save); err != nil {
		return err
	}
	d.Done = append(d.Done, GenerateControls)
	return save(d)
}

// controls generates controls for a draft's reachable COs, in batches.
func controls(ctx context.Context, e Engine, d *Draft, save func(*Draft) error) error {
	cos, err := d.reachable()
	if err != nil {
		return err
	}
	size := e.BatchSize()
	if size <= 0 {
		size = len(cos)
	}
	for d.Served < len(cos) {
		batch := cos[d.Served:min(d.Served+size, len(cos))]
		if err := ask(ctx, e, d, Request{Step: GenerateControls, Draft: d, Objectives: batch}); err != nil {
			return err
		}
		d.Served += len(batch)
		if err := save(d); err != nil {
			return err
		}
	}
	return nil
}

// ask puts one request to the engine and accepts the answer; a refused answer is sent back once with the errors.
func ask(ctx context.Context, e Engine, d *Draft, r Request) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		out, err := e.Propose(ctx, r)
		if err != nil {
			return err
		}
		err = d.Accept(r, out)
		if err == nil {
			return nil
		}
		if r.Rejected != nil {
			var te *threat.Error
			if errors.As(err, &te) {
				return te.Hinted("engine %s answered step %s twice with something the rules refuse", e.Name(), r.Step)
			}
			return fmt.Errorf("step %s: %w", r.Step, err)
		}
		r.Rejected = err
	}
}
