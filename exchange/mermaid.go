// Package exchange writes threat models in the formats of other tools, and reads them.
package exchange

import (
	"fmt"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Mermaid draws a structure as a Mermaid flowchart: attackers reach assets through the trust boundaries at which they stand.
// An entity that names no boundary stands outside all of them, in reach of everything, and is drawn so. The text is the same
// for the same structure.
func Mermaid(s *threat.Structure) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, t := range s.Attackers {
		fmt.Fprintf(&b, "  %s{{\"%s %s (likelihood %s)\"}}:::attacker\n", t.ID, t.ID, label(t.Name), t.Likelihood)
	}
	exposed := map[threat.ID]bool{}
	for _, tb := range s.Boundaries {
		fmt.Fprintf(&b, "  %s[/\"%s %s\"/]:::boundary\n", tb.ID, tb.ID, label(tb.Name))
		for _, a := range tb.Assets {
			exposed[a] = true
		}
	}
	for _, a := range s.Assets {
		fmt.Fprintf(&b, "  %s[(\"%s %s (%s, impact %s)\")]:::asset\n", a.ID, a.ID, label(a.Name), properties(a.Properties), a.Impact)
	}
	outside := false
	for _, t := range s.Attackers {
		if len(t.Boundaries) == 0 {
			fmt.Fprintf(&b, "  %s -.-> anywhere\n", t.ID)
			outside = true
		} else {
			fmt.Fprintf(&b, "  %s --> %s\n", t.ID, join(t.Boundaries))
		}
	}
	for _, tb := range s.Boundaries {
		if len(tb.Assets) > 0 {
			fmt.Fprintf(&b, "  %s --> %s\n", tb.ID, join(tb.Assets))
		}
	}
	var silent []threat.ID
	for _, a := range s.Assets {
		if !exposed[a.ID] {
			silent = append(silent, a.ID)
		}
	}
	if len(silent) > 0 {
		fmt.Fprintf(&b, "  anywhere -.-> %s\n", join(silent))
		outside = true
	}
	if outside {
		b.WriteString("  anywhere((\"no boundary named\"))\n")
	}
	b.WriteString("  classDef attacker fill:#fde2e1,stroke:#b3261e,color:#410e0b\n" +
		"  classDef boundary fill:#fff4d6,stroke:#8a6100,color:#3b2a00\n" +
		"  classDef asset fill:#e1effe,stroke:#1a56a8,color:#0b2545\n")
	return b.String()
}

// join writes a list of nodes as one end of an arrow.
func join(ids []threat.ID) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = string(id)
	}
	return strings.Join(words, " & ")
}

func properties(ps []threat.Property) string {
	out := ""
	for _, p := range ps {
		out += string(p)
	}
	return out
}

// label makes a text safe inside a quoted Mermaid label: quotes and what could open markup become entities.
func label(s string) string {
	return strings.NewReplacer(`"`, "#quot;", "#", "#35;", "<", "#lt;", ">", "#gt;", "`", "#96;", "\n", " ", "\\", "#92;").
		Replace(threat.Clip(s, 60))
}
