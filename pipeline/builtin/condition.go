package builtin

import (
	"fmt"
	"strings"
)

// condition is when an entry of the knowledge applies: any of its clauses, each of which needs all of its literals. In the
// data a clause is one string: "web.ui & !context.internal". The zero condition never holds.
type condition []conjunction

type conjunction []literal

// literal is one signal and the state it must be in.
type literal struct {
	signal int
	want   want
}

// want is the state of a signal that a literal asks for.
type want uint8

const (
	affirmed want = iota // said, or implied by what was said
	absent               // "!x": not affirmed
	denied               // "-x": the text says there is none
	always               // "always": holds in every text
)

// compile reads the clauses of one condition. Every name must be a signal.
func compile(clauses []string, signals map[string]int) (condition, error) {
	var out condition
	for _, c := range clauses {
		var all conjunction
		for part := range strings.SplitSeq(c, "&") {
			part = strings.TrimSpace(part)
			l := literal{want: affirmed}
			switch {
			case part == "always":
				all = append(all, literal{signal: -1, want: always})
				continue
			case strings.HasPrefix(part, "!"):
				l.want, part = absent, part[1:]
			case strings.HasPrefix(part, "-"):
				l.want, part = denied, part[1:]
			}
			n, ok := signals[part]
			if !ok {
				return nil, fmt.Errorf("%q names no signal", part)
			}
			l.signal = n
			all = append(all, l)
		}
		out = append(out, all)
	}
	return out, nil
}
