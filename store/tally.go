package store

import (
	"context"
	"sync/atomic"
)

// Tally counts statements and transactions. Two answers that cost the same of both cannot be told apart by their time: tests count instead of timing.
type Tally struct{ n atomic.Int64 }

// N is how many were counted so far.
func (t *Tally) N() int64 { return t.n.Load() }

func (t *Tally) add() {
	if t != nil {
		t.n.Add(1)
	}
}

type tallyKey struct{}

// WithTally returns a context whose transactions are counted, with their statements.
func WithTally(ctx context.Context) (context.Context, *Tally) {
	t := &Tally{}
	return context.WithValue(ctx, tallyKey{}, t), t
}

func tallyOf(ctx context.Context) *Tally {
	t, _ := ctx.Value(tallyKey{}).(*Tally)
	return t
}
