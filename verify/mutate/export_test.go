package mutate

import (
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify"
)

// Weakened is a mutant with the whole text that it makes of its file.
type Weakened struct {
	Mutant
	Text []byte
}

// Weaken makes the mutants of an assertion about one file, which the checker found true at the line.
func Weaken(path string, text []byte, a evidence.Assertion, line int) []Weakened {
	m := &measuring{Options: Options{MaxMutants: 100}, files: map[string]*subject{path: newSubject(path, text)}}
	one := &asked{Assertion: a, base: verify.Outcome{File: path, Line: line}, result: &Result{State: Mutated}}
	m.make(one)
	var all []Weakened
	for _, w := range one.mutants {
		all = append(all, Weakened{w.Mutant, w.content})
		if w.builds != nil {
			all = append(all, Weakened{w.Mutant, w.builds})
		}
	}
	return all
}

// Sample makes a text of an expression.
func Sample(expression string) (string, bool) { return sample(expression) }
