package service

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/redoubt-dev/redoubt/pipeline"
)

// askedTogether is how many questions of one job a language model is asked at a time; how many calls really run is its client's limit.
const askedTogether = 16

// restore reads what the job was started with, and what it saved if anything.
func (t *task) restore(input, draft any) error {
	if err := json.Unmarshal([]byte(t.job.Input), input); err != nil {
		return internal("the input of job %s: %w", t.job.ID, err)
	}
	if t.draft == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(t.draft), draft); err != nil {
		return internal("the draft of job %s: %w", t.job.ID, err)
	}
	return nil
}

// askEach asks the n questions of a step from the done-th on: the agent one by one, a language model several together. ask puts the i-th
// under the name of its step and keeps what was answered; it must be safe to call for several at a time. What draft returns is saved after
// each, with the number of those that are answered. Errors: ask's, of the first question that has one.
func (t *task) askEach(ctx context.Context, engine, step string, done, n int, ask func(ctx context.Context, i int, step string) error, draft func(done int) any) error {
	together := 1
	if engine == openaiEngine {
		together = askedTogether
	}
	var running []chan error // in the order of the questions
	defer func() {
		for _, c := range running { // nothing of the job goes on after it
			<-c
		}
	}()
	for begun := done; done < n; {
		for len(running) < together && begun < n {
			i, name := begun, pipeline.Batch(step, begun+1, n)
			if !slices.ContainsFunc(t.trail, func(s JobStep) bool { return s.Name == name }) {
				if err := t.begin(name); err != nil {
					return err
				}
			}
			c := make(chan error, 1)
			running = append(running, c)
			go func() { c <- ask(ctx, i, name) }()
			begun++
		}
		err := <-running[0]
		running = running[1:]
		if err != nil {
			return err
		}
		if done++; done == n {
			break
		}
		if err := t.keep(draft(done)); err != nil {
			return err
		}
	}
	return nil
}

// keep saves a draft as JSON.
func (t *task) keep(draft any) error {
	raw, err := json.Marshal(draft)
	if err != nil {
		return err
	}
	return t.save(string(raw))
}

// joinHints puts hints one after the other.
func joinHints(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
