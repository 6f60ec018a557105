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
	Batch      int                // for [GenerateControls]: the number of this batch, from 1
	Batches    int                // and of how many
	Reuse      bool               // whether the controls so far may serve this batch too
	Rejected   error              // why the previous answer to this very request was refused, or nil
}

// Run carries a draft through the steps that are left. Before a step it calls starting, after it save, and save between
// batches of controls; their errors end the run. Errors are the engine's, the domain's for an answer refused twice, and ctx's.
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

// controls generates controls for a draft's reachable COs, in batches. Batches are asked for together as far as the engine takes it, and
// accepted in their order, so that the result is that of asking one by one.
func controls(ctx context.Context, e Engine, d *Draft, save func(*Draft) error) error {
	cos, err := d.reachable()
	if err != nil {
		return err
	}
	size, parallel := e.BatchSize(), 1
	if size <= 0 {
		size = len(cos)
	}
	if p, ok := e.(interface{ Parallel() int }); ok {
		parallel = max(1, p.Parallel())
	}
	if len(cos) == 0 {
		return nil
	}
	type answer struct {
		request Request
		out     Output
		err     error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running []chan answer // in the order of the batches
	defer func() {
		// Nothing of this run goes on after it. What is under way when a batch fails is paid for: it ends by itself, and a cache has
		// its answers when the run is resumed.
		for _, c := range running {
			<-c
		}
	}()
	start, begun := d.Served, d.Served
	before := (start + size - 1) / size // batches, or what another engine did in batches of its own
	batches := before + (len(cos)-start+size-1)/size
	for d.Served < len(cos) {
		for len(running) < parallel && begun < len(cos) {
			r := Request{
				Step: GenerateControls, Objectives: cos[begun:min(begun+size, len(cos))],
				Batch: before + (begun-start)/size + 1, Batches: batches,
			}
			begun += len(r.Objectives)
			snapshot := *d // [Draft.Accept] replaces what it changes and writes into nothing
			r.Draft = &snapshot
			c := make(chan answer, 1)
			running = append(running, c)
			go func() {
				out, err := propose(ctx, e, r)
				c <- answer{r, out, err}
			}()
		}
		a := <-running[0]
		running = running[1:]
		if a.err != nil {
			return a.err
		}
		if err := d.Accept(a.request, a.out); err != nil {
			return err
		}
		d.Served += len(a.request.Objectives)
		if d.Served == len(cos) || len(running) > 0 && len(running[0]) > 0 {
			continue // the end of the step is saved, or the next batch is there to be saved with this one
		}
		if err := save(d); err != nil {
			cancel()
			return err
		}
	}
	return nil
}

// ask puts one request to the engine and accepts the answer.
func ask(ctx context.Context, e Engine, d *Draft, r Request) error {
	out, err := propose(ctx, e, r)
	if err != nil {
		return err
	}
	return d.Accept(r, out)
}

// propose puts one request to the engine and returns an answer that the request's draft accepts; a refused answer is sent back once
// with the errors. Errors: the engine's; [threat.Unavailable] for a second refused answer to a question; that of the rules for a second refused output of
// an engine that asks none.
func propose(ctx context.Context, e Engine, r Request) (Output, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Output{}, err
		}
		out, err := e.Propose(ctx, r)
		var bad *BadAnswer
		switch {
		case errors.As(err, &bad):
			err = bad.Err
		case err != nil:
			return Output{}, err
		default:
			scratch := *r.Draft
			if err = scratch.Accept(r, out); err == nil {
				return out, nil
			}
		}
		if r.Rejected != nil {
			what := fmt.Sprintf("engine %s answered step %s twice with something the rules refuse", e.Name(), r.Step)
			if bad != nil {
				return Output{}, unusable(err, what)
			}
			return Output{}, twice(err, what) // an engine without questions: what it makes of a description, the caller wrote
		}
		r.Rejected = err
	}
}
