package exchange

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Tables lists the tables that a document can be written as in CSV.
func Tables() []string { return []string{"control_objectives", "controls", "assertions"} }

// CSV writes one table of a document, with a header. A cell that a spreadsheet would take for a formula gets an apostrophe in front.
// Errors: [threat.Invalid] for an unknown table.
func CSV(d *Document, table string) ([]byte, error) {
	var rows [][]string
	switch table {
	case "control_objectives":
		rows = append(rows, []string{"id", "tier", "status", "by", "assurance", "attested", "reason", "next", "reachable", "accepted", "statement"})
		for _, o := range d.Objectives {
			rows = append(rows, []string{
				string(o.ID), string(o.Tier), string(o.Status), string(o.By), string(o.Assurance), fmt.Sprint(o.Attested), string(o.Reason),
				joinIDs(o.Next), fmt.Sprint(o.Reachable), fmt.Sprint(o.Accepted), o.Statement,
			})
		}
	case "controls":
		rows = append(rows, []string{"id", "status", "verification", "weakened", "source", "control_objectives", "facets", "description", "notes", "deleted"})
		for _, c := range d.Controls {
			facets := make([]string, len(c.Facets))
			for i, f := range c.Facets {
				facets[i] = fmt.Sprintf("%s (%s): %s", f.ID, f.Kind, f.Text)
			}
			rows = append(rows, []string{
				string(c.ID), string(c.Status), string(c.Verification), c.Weakened, string(c.Source), joinIDs(c.Objectives),
				strings.Join(facets, "; "), c.Description, c.Notes, fmt.Sprint(c.DeletedAt != nil),
			})
		}
	case "assertions":
		rows = append(rows, []string{"id", "type", "control", "assumption", "facets", "repo", "params", "tier1", "tier2", "file", "reason", "deleted"})
		for _, a := range d.Assertions {
			row := []string{
				string(a.ID), string(a.Type), string(a.Control), string(a.Assumption), joinIDs(a.Facets), a.Repo, a.Params.Canonical(), "", "", "", a.Incoherent,
				fmt.Sprint(a.DeletedAt != nil),
			}
			if a.Tier1 != nil {
				row[7], row[9], row[10] = string(a.Tier1.Verdict), a.Tier1.File, a.Tier1.Reason
			}
			if a.Tier2 != nil {
				row[8] = string(a.Tier2.Verdict)
			}
			rows = append(rows, row)
		}
	default:
		return nil, threat.Errorf(threat.Invalid, "there is no table %q", threat.Clip(table, 40)).In("table").Hinted("valid: %s", strings.Join(Tables(), ", "))
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, r := range rows {
		for i := range r {
			r[i] = guard(r[i])
		}
		if err := w.Write(r); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// formula are the characters with which a spreadsheet begins a formula. Source: OWASP, CSV Injection.
var formula = []byte("=+-@\t\r")

// guard keeps a spreadsheet from taking a cell for a formula.
func guard(s string) string {
	if s != "" && slices.Contains(formula, s[0]) {
		return "'" + s
	}
	return s
}
