// Package builtin is the engine that thinks without an LLM: a deterministic expert system over the knowledge base embedded
// from knowledge/*.yaml. It reads a feature description, detects what it says of technologies, data, users, interfaces and
// deployment, and derives assets, attackers, trust boundaries, assumptions and controls from that. It uses no network, no
// clock and no randomness: the same request gives the same answer, byte for byte.
//
// The knowledge works in three layers. Signals are what a text can say. Assets, attackers, boundaries and assumptions
// follow from signals. Paths are ways to attack: an attacker walks some, each path works on some classes of assets, and
// controls close paths. The controls of a CO are those that close the attacker's paths to the asset.
package builtin

import (
	"context"
	"errors"
	"fmt"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

// Engine is the builtin engine. It holds no state of a generation: what it needs it reads from the draft, so a generation
// resumes on any replica. It is safe for concurrent use.
type Engine struct {
	knowledge *knowledge
}

var _ pipeline.Engine = (*Engine)(nil)

// New loads the knowledge base, which takes some tens of milliseconds: make one engine and share it. An error means that
// the embedded files are broken.
func New() (*Engine, error) {
	k, err := load(files)
	if err != nil {
		return nil, fmt.Errorf("builtin: knowledge base: %w", err)
	}
	return &Engine{knowledge: k}, nil
}

// Name returns "builtin".
func (e *Engine) Name() string { return "builtin" }

// BatchSize returns 0: all COs are answered in one request.
func (e *Engine) BatchSize() int { return 0 }

// Propose answers one step. Assets and attackers in the draft that the knowledge base did not propose (a person added
// them) are kept by the refine steps and get controls by the words of their names. Errors: [threat.Invalid] for a
// description that names nothing the knowledge base knows, ctx's, and an internal one for a request without a draft.
func (e *Engine) Propose(ctx context.Context, r pipeline.Request) (pipeline.Output, error) {
	if err := ctx.Err(); err != nil {
		return pipeline.Output{}, err
	}
	if r.Draft == nil {
		return pipeline.Output{}, errors.New("builtin: a request without a draft")
	}
	k, s := e.knowledge, &r.Draft.Structure
	said := k.read(s.Feature)
	switch r.Step {
	case pipeline.GenerateAssets:
		assets, err := k.proposeAssets(said)
		return pipeline.Output{Assets: assets}, err
	case pipeline.RefineAssets:
		return pipeline.Output{Assets: k.refineAssets(said, s.Assets)}, nil
	case pipeline.GenerateAttackers:
		return pipeline.Output{Attackers: k.proposeAttackers(said)}, nil
	case pipeline.RefineAttackers:
		return pipeline.Output{Attackers: k.refineAttackers(said, s.Attackers)}, nil
	case pipeline.Boundaries:
		return pipeline.Output{Boundaries: k.proposeBoundaries(said, s), Assumptions: k.proposeAssumptions(said, s)}, nil
	case pipeline.GenerateControls:
		return pipeline.Output{Controls: k.proposeControls(said, s, r.Objectives)}, nil
	}
	return pipeline.Output{}, threat.Errorf(threat.Invalid, "unknown step %q", r.Step)
}
