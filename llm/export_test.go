package llm

import (
	"context"
	"sync"
	"time"
)

// Waits are the pauses that a client under test asked for instead of making them.
type Waits struct {
	mu  sync.Mutex
	all []time.Duration
}

// All are the pauses so far.
func (w *Waits) All() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]time.Duration(nil), w.all...)
}

// Instant makes a client's pauses take no time, with chance always at the given place in [0, 1).
func Instant(c Client, chance float64, now func() time.Time) *Waits {
	w := &Waits{}
	own := c.(*client)
	own.chance = func() float64 { return chance }
	if now != nil {
		own.now = now
	}
	own.sleep = func(ctx context.Context, d time.Duration) error {
		w.mu.Lock()
		w.all = append(w.all, d)
		w.mu.Unlock()
		return ctx.Err()
	}
	return w
}

// PauseIn runs fn in place of a client's pauses.
func PauseIn(c Client, fn func(context.Context, time.Duration) error) { c.(*client).sleep = fn }

// Repeats, Strictable and Quote are the rules that have tests of their own.
var (
	Repeats    = repeats
	Strictable = strictable
)

// Quote is what is shown of text from outside when key is the key.
func Quote(key Key, text string, max int) string { return secretsOf(key).quote(text, max) }
