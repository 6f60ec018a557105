package live

import (
	"context"

	"github.com/redoubt-dev/redoubt/pipeline"
)

// GatedEngine is the builtin engine behind a gate: each step waits until the test lets it through.
type GatedEngine struct {
	pipeline.Engine
	// Entered receives each step as it begins.
	Entered chan pipeline.Step
	// Gate lets one step through per value; a closed gate lets all through.
	Gate chan struct{}
}

// NewGatedEngine wraps an engine.
func NewGatedEngine(e pipeline.Engine) *GatedEngine {
	return &GatedEngine{Engine: e, Entered: make(chan pipeline.Step, 100), Gate: make(chan struct{})}
}

// Propose waits for the gate, then answers as the wrapped engine does.
func (g *GatedEngine) Propose(ctx context.Context, r pipeline.Request) (pipeline.Output, error) {
	g.Entered <- r.Step
	select {
	case <-g.Gate:
	case <-ctx.Done():
		return pipeline.Output{}, ctx.Err()
	}
	return g.Engine.Propose(ctx, r)
}
