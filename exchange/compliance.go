package exchange

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/threat"
)

// Compliance is a compliance report on its way out.
type Compliance struct {
	Subject string // title of the model or of the system
	System  bool
	Version int // of the model; 0 for a system
	AsOf    time.Time
	Level   int // the level asked for; 0 for all
	Report  *compliance.Report
	Rows    []*compliance.Row // those to show
	Members []compliance.Member
}

// ComplianceCSV writes the rows of a report with a header. A cell that a spreadsheet would take for a formula gets an apostrophe in front.
func ComplianceCSV(d *Compliance) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"id", "level", "chapter", "section", "status", "controls", "exclusion", "unmapped_in", "text"}}
	for _, r := range d.Rows {
		q := r.Requirement
		rows = append(rows, []string{
			q.ID, d.levelName(q.Level), d.chapterName(q), d.sectionName(q), string(r.Status), d.controls(r), d.exclusions(r), d.unmapped(r), q.Summary,
		})
	}
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

func (d *Compliance) levelName(level int) string {
	if level < 1 || level > len(d.Report.Framework.Levels) {
		return ""
	}
	return d.Report.Framework.Levels[level-1].Name
}

func (d *Compliance) chapterName(q *compliance.Requirement) string {
	if c, ok := d.Report.Framework.Chapter(q.Chapter); ok {
		return named(c.ID, c.Name)
	}
	return q.Chapter
}

func (d *Compliance) sectionName(q *compliance.Requirement) string {
	if c, ok := d.Report.Framework.Chapter(q.Chapter); ok {
		if s, ok := c.Section(q.Section); ok {
			return named(s.ID, s.Name)
		}
	}
	return q.Section
}

func named(id, name string) string {
	if id == name || name == "" {
		return id
	}
	return id + " " + name
}

// controls names the controls of a row and how far each is: "C1 verified; C4 not_implemented". In the report of a system each stands with
// its model's title.
func (d *Compliance) controls(r *compliance.Row) string {
	parts := make([]string, len(r.Controls))
	for i, c := range r.Controls {
		parts[i] = string(c.Control) + " " + string(c.Standing)
		if len(c.CarriedBy) > 0 {
			parts[i] += " (carried by " + threat.IDList(c.CarriedBy, 10) + ")"
		}
		if d.System {
			parts[i] = d.title(c.Model) + ": " + parts[i]
		}
	}
	return strings.Join(parts, "; ")
}

func (d *Compliance) exclusions(r *compliance.Row) string {
	parts := make([]string, len(r.Exclusions))
	for i, e := range r.Exclusions {
		parts[i] = e.Reason
		if d.System {
			parts[i] = d.title(r.ExcludedIn[i]) + ": " + e.Reason
		}
	}
	return strings.Join(parts, "; ")
}

// unmapped names the members of a system that neither map nor exclude a requirement.
func (d *Compliance) unmapped(r *compliance.Row) string {
	if !d.System {
		return ""
	}
	parts := make([]string, len(r.UnmappedIn))
	for i, m := range r.UnmappedIn {
		parts[i] = d.title(m)
	}
	return strings.Join(parts, "; ")
}

func (d *Compliance) title(model string) string {
	for i := range d.Members {
		if d.Members[i].Model == model {
			return d.Members[i].Title
		}
	}
	return model
}

// heading says what the report is about, in one line.
func (d *Compliance) heading() string {
	f := d.Report.Framework
	return strings.TrimSpace(f.Title + " " + f.Version)
}

// scope says of what and when the report is.
func (d *Compliance) scope() string {
	at := d.AsOf.UTC().Format("2006-01-02 15:04 MST")
	what := fmt.Sprintf("version %d, as of %s", d.Version, at)
	if d.System {
		what = fmt.Sprintf("%d models, as of %s", len(d.Members), at)
	}
	if name := d.levelName(d.Level); name != "" {
		what += ", up to " + name
	}
	return what
}

// columns of the tables of counts.
func numbers(c compliance.Counts) []int {
	return []int{c.Total, c.Covered, c.Partial, c.Uncovered, c.Unmapped, c.Excluded}
}

// ComplianceMarkdown writes a report for a pull request or a page.
func ComplianceMarkdown(d *Compliance) string {
	var b strings.Builder
	c := d.Report.Counts(d.Level)
	fmt.Fprintf(&b, "# %s: %s\n\n%s.\n\n**%d of %d requirements covered**, %d partial, %d uncovered, %d unmapped, %d excluded.\n",
		plainText(d.Subject), plainText(d.heading()), plainText(capital(d.scope())), c.Covered, c.Total, c.Partial, c.Uncovered, c.Unmapped, c.Excluded)
	if levels := d.Report.Levels(); len(levels) > 0 {
		d.markdownCounts(&b, "level", len(levels), func(i int) (string, compliance.Counts) { return levels[i].Name, levels[i].Counts })
	}
	chapters := d.Report.Chapters(d.Level)
	d.markdownCounts(&b, "chapter", len(chapters), func(i int) (string, compliance.Counts) {
		return named(chapters[i].ID, chapters[i].Name), chapters[i].Counts
	})
	if len(d.Rows) > 0 {
		b.WriteString("\n## Requirements\n\n| requirement | level | status | controls | text |\n|---|---|---|---|---|\n")
	}
	for _, r := range d.Rows {
		proof := d.controls(r)
		if e := d.exclusions(r); e != "" {
			proof = strings.TrimPrefix(proof+"; excluded: "+e, "; ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(r.Requirement.ID), cell(d.levelName(r.Requirement.Level)), r.Status, cell(threat.Clip(proof, 300)), cell(r.Requirement.Summary))
	}
	if a := d.Report.Framework.Attribution; a != "" {
		fmt.Fprintf(&b, "\n%s\n", plainText(a))
	}
	return b.String()
}

func (d *Compliance) markdownCounts(b *strings.Builder, what string, n int, row func(int) (string, compliance.Counts)) {
	fmt.Fprintf(b, "\n| %s | requirements | covered | partial | uncovered | unmapped | excluded |\n|---|---:|---:|---:|---:|---:|---:|\n", what)
	for i := range n {
		name, c := row(i)
		fmt.Fprintf(b, "| %s |", cell(name))
		for _, v := range numbers(c) {
			fmt.Fprintf(b, " %d |", v)
		}
		b.WriteString("\n")
	}
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
