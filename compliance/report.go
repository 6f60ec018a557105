package compliance

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Status is where a requirement stands (specification §10).
type Status string

// The statuses, from what is done to what is left to do.
const (
	Covered   Status = "covered"   // every live control mapped to it is verified
	Partial   Status = "partial"   // not that, but at least one is implemented or verified
	Uncovered Status = "uncovered" // mapped, and none of that
	Unmapped  Status = "unmapped"  // no live control is mapped to it
	Excluded  Status = "excluded"  // somebody with decide ruled it out
)

// Statuses lists the legal statuses.
func Statuses() []Status { return []Status{Covered, Partial, Uncovered, Unmapped, Excluded} }

// Enum lists the statuses for schemas.
func (Status) Enum() []string {
	return []string{string(Covered), string(Partial), string(Uncovered), string(Unmapped), string(Excluded)}
}

// Standing is how far a control is.
type Standing string

// The standings. What a change weakened is not verified before it is approved.
const (
	Verified       Standing = "verified"
	Implemented    Standing = "implemented"
	NotImplemented Standing = "not_implemented"
)

// Mapping says that a control serves a requirement.
type Mapping struct {
	Control     threat.ID `json:"control_id"`
	Requirement string    `json:"requirement"`
	Source      string    `json:"source"`
	Confidence  int       `json:"confidence"` // in thousandths
	Reason      string    `json:"reason,omitempty"`
}

// Exclusion is a requirement that is ruled out.
type Exclusion struct {
	Requirement string    `json:"requirement"`
	Reason      string    `json:"reason"`
	By          string    `json:"by"`
	At          time.Time `json:"at"`
}

// Member is a model as a report sees it. Controls holds the live ones alone: a mapping of any other control does not count.
type Member struct {
	Model      string // id
	Title      string
	Controls   map[threat.ID]Standing
	Carried    map[threat.ID][]threat.ID // controls whose standing is an assumption's, with those assumptions
	Mappings   []Mapping
	Exclusions []Exclusion
}

// MappedControl is a live control that is mapped to a requirement.
type MappedControl struct {
	Model     string
	Standing  Standing
	CarriedBy []threat.ID // assumptions that hold and carry it, when its standing is theirs and not its own
	Mapping
}

// Row is where one requirement stands.
type Row struct {
	Requirement *Requirement
	Status      Status
	Controls    []MappedControl // of the members that do not exclude it
	Exclusions  []Exclusion     // one for each member that excludes it
	ExcludedIn  []string        // those members
	UnmappedIn  []string        // members that neither map nor exclude it
}

// Counts counts requirements by status.
type Counts struct {
	Total     int `json:"total"`
	Covered   int `json:"covered"`
	Partial   int `json:"partial"`
	Uncovered int `json:"uncovered"`
	Unmapped  int `json:"unmapped"`
	Excluded  int `json:"excluded"`
}

// Add counts one requirement.
func (c *Counts) Add(s Status) {
	c.Total++
	switch s {
	case Covered:
		c.Covered++
	case Partial:
		c.Partial++
	case Uncovered:
		c.Uncovered++
	case Unmapped:
		c.Unmapped++
	case Excluded:
		c.Excluded++
	}
}

// LevelCounts counts the requirements of a level and of all below it.
type LevelCounts struct {
	Level int    `json:"level"`
	Name  string `json:"name"`
	Counts
}

// ChapterCounts counts the requirements of a chapter.
type ChapterCounts struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Counts
}

// Report is where each requirement of a framework stands, in the framework's order.
type Report struct {
	Framework *Framework
	Rows      []Row
	Retired   int // requirements that are withdrawn and still mapped or excluded: in no count, and in no row
}

// Assess folds what members say of a framework. For one model it is specification §10 to the letter. Of several, which a system groups, the
// same rule is applied to the controls of all of them together: a requirement is covered when every live control mapped to it, in any member,
// is verified. Members that exclude it are left out; it is excluded when every member excludes it. A member that neither maps nor excludes it
// does not lower the status, since a requirement is met where the system has what it is about, but is named in UnmappedIn: silence is shown.
func Assess(f *Framework, members []Member) *Report {
	out := &Report{Framework: f, Rows: make([]Row, 0, len(f.Requirements))}
	place := make(map[string]int, len(f.Requirements))
	for i := range f.Requirements {
		place[f.Requirements[i].ID] = i
	}
	rows := make([]Row, len(f.Requirements))
	mapped := make([]int, len(f.Requirements)) // the last member that maps it, counted from 1
	for n := range members {
		m := &members[n]
		excluded := make(map[int]bool, len(m.Exclusions))
		for _, e := range m.Exclusions {
			i, ok := place[e.Requirement]
			if !ok || excluded[i] {
				continue
			}
			excluded[i] = true
			rows[i].Exclusions = append(rows[i].Exclusions, e)
			rows[i].ExcludedIn = append(rows[i].ExcludedIn, m.Model)
		}
		for _, p := range m.Mappings {
			i, ok := place[p.Requirement]
			if !ok || excluded[i] {
				continue
			}
			standing, live := m.Controls[p.Control]
			if !live {
				continue
			}
			rows[i].Controls = append(rows[i].Controls, MappedControl{m.Model, standing, m.Carried[p.Control], p})
			mapped[i] = n + 1
		}
		for i := range rows {
			if mapped[i] != n+1 && !excluded[i] {
				rows[i].UnmappedIn = append(rows[i].UnmappedIn, m.Model)
			}
		}
	}
	for i := range rows {
		row := &rows[i]
		row.Requirement = &f.Requirements[i]
		if row.Requirement.Retired {
			if len(row.Controls)+len(row.Exclusions) > 0 {
				out.Retired++
			}
			continue
		}
		row.settle(len(members))
		out.Rows = append(out.Rows, *row)
	}
	return out
}

// settle puts the controls in order and says what follows from them.
func (r *Row) settle(members int) {
	slices.SortFunc(r.Controls, func(a, b MappedControl) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), threat.CompareIDs(a.Control, b.Control))
	})
	verified, implemented := 0, 0
	for _, c := range r.Controls {
		switch c.Standing {
		case Verified:
			verified++
		case Implemented:
			implemented++
		}
	}
	switch {
	case members > 0 && len(r.ExcludedIn) == members:
		r.Status = Excluded
	case len(r.Controls) == 0:
		r.Status = Unmapped
	case verified == len(r.Controls):
		r.Status = Covered
	case verified+implemented > 0:
		r.Status = Partial
	default:
		r.Status = Uncovered
	}
}

// Filter narrows a report. Zero fields do not narrow.
type Filter struct {
	Status  Status
	Level   int    // requirements of this level and those below
	Chapter string // id
	Text    string // contained in the id, the text or the section's name, whatever the case
	IDs     []string
}

// Filter returns the rows that pass, in their order.
func (r *Report) Filter(f Filter) []*Row {
	var out []*Row
	text := strings.ToLower(f.Text)
	for i := range r.Rows {
		row := &r.Rows[i]
		q := row.Requirement
		if f.Status != "" && row.Status != f.Status || f.Level != 0 && q.Level > f.Level || f.Chapter != "" && q.Chapter != f.Chapter ||
			len(f.IDs) > 0 && !slices.Contains(f.IDs, q.ID) || text != "" && !r.says(q, text) {
			continue
		}
		out = append(out, row)
	}
	return out
}

func (r *Report) says(q *Requirement, text string) bool {
	if strings.Contains(strings.ToLower(q.ID), text) || strings.Contains(strings.ToLower(q.Summary), text) {
		return true
	}
	if c, ok := r.Framework.Chapter(q.Chapter); ok {
		if s, ok := c.Section(q.Section); ok {
			return strings.Contains(strings.ToLower(s.Name), text)
		}
	}
	return false
}

// Counts counts the requirements up to a level; 0 is all of them.
func (r *Report) Counts(level int) (c Counts) {
	for i := range r.Rows {
		if level == 0 || r.Rows[i].Requirement.Level <= level {
			c.Add(r.Rows[i].Status)
		}
	}
	return c
}

// Levels counts by level; each includes those below it.
func (r *Report) Levels() []LevelCounts {
	out := make([]LevelCounts, len(r.Framework.Levels))
	for i, l := range r.Framework.Levels {
		out[i] = LevelCounts{l.Number, l.Name, r.Counts(l.Number)}
	}
	return out
}

// Chapters counts by chapter, the requirements up to a level; 0 is all of them. Chapters without any are left out.
func (r *Report) Chapters(level int) []ChapterCounts {
	place := make(map[string]int, len(r.Framework.Chapters))
	all := make([]ChapterCounts, len(r.Framework.Chapters))
	for i, c := range r.Framework.Chapters {
		place[c.ID] = i
		all[i].ID, all[i].Name = c.ID, c.Name
	}
	for i := range r.Rows {
		q := r.Rows[i].Requirement
		if n, ok := place[q.Chapter]; ok && (level == 0 || q.Level <= level) {
			all[n].Add(r.Rows[i].Status)
		}
	}
	return slices.DeleteFunc(all, func(c ChapterCounts) bool { return c.Total == 0 })
}
