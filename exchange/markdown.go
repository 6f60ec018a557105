package exchange

import (
	"fmt"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

// How much of a model a report shows; a pull request wants to be read.
const (
	reportObjectives = 50
	reportControls   = 50
)

// Markdown writes a report of a model for a pull request or a page: where it stands, what is not mitigated, the controls, what is taken
// for granted.
func Markdown(d *Document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nVersion %d of `%s`, as of %s.\n", plainText(d.Model.Title), d.Model.Version, d.Model.ID, d.ExportedAt.UTC().Format("2006-01-02 15:04 MST"))
	if p := d.Posture; p != nil {
		o := p.Objectives
		fmt.Fprintf(&b, "\n**%d of %d objectives mitigated** (%d claimed, %d verified), %d at risk, %d unassessed. Accepted risks: %d.\n",
			o.Status.Mitigated, o.Total, o.Assurance.Claimed, o.Assurance.Verified, o.Status.AtRisk, o.Status.Unassessed, o.Accepted.Total)
		b.WriteString("\n| tier | mitigated | of them verified | at risk | unassessed |\n|---|---:|---:|---:|---:|\n")
		for _, t := range o.Tiers {
			fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", t.Tier, t.Mitigated, t.Verified, t.AtRisk, t.Unassessed)
		}
	}
	d.markdownObjectives(&b)
	d.markdownControls(&b)
	d.markdownAssumptions(&b)
	return b.String()
}

func (d *Document) markdownObjectives(b *strings.Builder) {
	n := 0
	for _, o := range d.Objectives {
		if o.Status == posture.Mitigated {
			continue
		}
		if n == 0 {
			b.WriteString("\n## Not mitigated\n\n| objective | tier | statement | why | next |\n|---|---|---|---|---|\n")
		}
		if n++; n <= reportObjectives {
			why := string(o.Reason)
			if o.Accepted {
				why += " (risk accepted)"
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", o.ID, o.Tier, cell(o.Statement), why, joinIDs(o.Next))
		}
	}
	if n > reportObjectives {
		fmt.Fprintf(b, "\n%d more are not shown.\n", n-reportObjectives)
	}
}

func (d *Document) markdownControls(b *strings.Builder) {
	n := 0
	for _, c := range d.Controls {
		if c.DeletedAt != nil {
			continue
		}
		if n == 0 {
			b.WriteString("\n## Controls\n\n| control | status | verification | description |\n|---|---|---|---|\n")
		}
		if n++; n <= reportControls {
			verification := string(c.Verification)
			if c.Weakened != "" {
				verification += " (weakened)"
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", c.ID, c.Status, verification, cell(threat.Clip(c.Description, 200)))
		}
	}
	if n > reportControls {
		fmt.Fprintf(b, "\n%d more are not shown.\n", n-reportControls)
	}
	var failed []DocumentAssertion
	for _, a := range d.Assertions {
		if a.DeletedAt == nil && (a.Tier1 != nil && a.Tier1.Verdict == evidence.Fail || a.Tier2 != nil && a.Tier2.Verdict == evidence.Fail) {
			failed = append(failed, a)
		}
	}
	if len(failed) > 0 {
		b.WriteString("\n## Failing evidence\n\n")
	}
	for _, a := range failed {
		held := a.Tier1
		if held == nil || held.Verdict != evidence.Fail {
			held = a.Tier2
		}
		fmt.Fprintf(b, "- %s (%s, for %s%s): %s\n", a.ID, a.Type, a.Control, a.Assumption, plainText(threat.Clip(held.Reason, 200)))
	}
}

func (d *Document) markdownAssumptions(b *strings.Builder) {
	for i, a := range d.Assumptions {
		if i == 0 {
			b.WriteString("\n## Assumptions\n\n| assumption | kind | state | text |\n|---|---|---|---|\n")
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", a.ID, a.Kind, a.State, cell(threat.Clip(a.Text, 200)))
	}
}

func joinIDs(ids []threat.ID) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = string(id)
	}
	return strings.Join(words, ", ")
}

// marks are the characters that Markdown or HTML would take for markup.
var marks = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "<", "&lt;", ">", "&gt;", "&", "&amp;", "|", "\\|", "#", "\\#", "@", "&#64;", "!", "\\!", "~", "\\~", "\n", " ")

// plainText makes text show as it is: no link, no markup, no mention.
func plainText(s string) string { return marks.Replace(s) }

// cell is plain text for a cell of a table.
func cell(s string) string { return plainText(strings.Join(strings.Fields(s), " ")) }
