// Package compliance knows external catalogues of requirements: those that come with the program and those that a
// workspace imports, how controls match them, and the report of what is covered. It is pure: no I/O, no clock.
package compliance

import (
	"slices"

	"github.com/redoubt-dev/redoubt/threat"
)

// Framework is a catalogue of requirements. Values from [Embedded] are shared and read-only: change a [Framework.Clone].
type Framework struct {
	ID          string `json:"id" yaml:"id"` // a slug: "asvs-5.0"
	Title       string `json:"title" yaml:"title"`
	Version     string `json:"version,omitempty" yaml:"version"`
	Source      string `json:"source,omitempty" yaml:"source"`           // where its owner publishes it
	License     string `json:"license,omitempty" yaml:"license"`         // an SPDX identifier
	Attribution string `json:"attribution,omitempty" yaml:"attribution"` // what its licence asks to be said, and what was changed

	Levels       []Level       `json:"levels" yaml:"levels"` // rising and cumulative; empty for a catalogue without levels
	Chapters     []Chapter     `json:"chapters" yaml:"-"`    // in the catalogue's order
	Requirements []Requirement `json:"requirements" yaml:"-"`
}

// Level is a degree of rigour. A level includes the requirements of all lower ones.
type Level struct {
	Number int    `json:"number" yaml:"number"` // from 1
	Name   string `json:"name" yaml:"name"`
}

// Chapter is the first division of a catalogue.
type Chapter struct {
	ID       string    `json:"id" yaml:"id"`
	Name     string    `json:"name" yaml:"name"`
	Sections []Section `json:"sections" yaml:"-"`
}

// Section is the second division of a catalogue.
type Section struct {
	ID   string `json:"id" yaml:"id"`
	Name string `json:"name" yaml:"name"`
}

// Requirement is one entry of a catalogue.
type Requirement struct {
	ID      string `json:"id" yaml:"id"`           // the catalogue's own: "V1.1.1"
	Level   int    `json:"level" yaml:"level"`     // the lowest level that asks for it; 0 in a catalogue without levels
	Chapter string `json:"chapter" yaml:"-"`       // the id of a [Chapter]
	Section string `json:"section" yaml:"-"`       // the id of a [Section] of that chapter; empty where there are none
	Summary string `json:"summary" yaml:"summary"` // what it asks for, in one line

	// What the matcher goes by: the kinds of facets that can prove it, what a control that meets it would say beside the
	// words of the summary, and the weaknesses it keeps out, where they are certain.
	Kinds    []threat.FacetKind `json:"kinds,omitempty" yaml:"kinds"`
	Keywords []string           `json:"keywords,omitempty" yaml:"keywords"`
	CWE      []int              `json:"cwe,omitempty" yaml:"cwe"`

	// Retired marks an entry that its owner withdrew and keeps listed, since ids are not reused. It asks for nothing:
	// nothing matches it, and it counts in no total.
	Retired bool `json:"retired,omitempty" yaml:"retired"`
}

// Bounds on a summary and on what the matcher goes by.
const (
	MaxSummary  = 300 // characters, of an embedded framework
	MinKeywords = 3
)

// Requirement returns the requirement with this id, and whether there is one.
func (f *Framework) Requirement(id string) (*Requirement, bool) {
	i := slices.IndexFunc(f.Requirements, func(r Requirement) bool { return r.ID == id })
	if i < 0 {
		return nil, false
	}
	return &f.Requirements[i], true
}

// Chapter returns the chapter with this id, and whether there is one.
func (f *Framework) Chapter(id string) (*Chapter, bool) {
	i := slices.IndexFunc(f.Chapters, func(c Chapter) bool { return c.ID == id })
	if i < 0 {
		return nil, false
	}
	return &f.Chapters[i], true
}

// Section returns the section with this id, and whether there is one.
func (c *Chapter) Section(id string) (*Section, bool) {
	i := slices.IndexFunc(c.Sections, func(s Section) bool { return s.ID == id })
	if i < 0 {
		return nil, false
	}
	return &c.Sections[i], true
}

// Clone returns a copy that shares nothing with f.
func (f *Framework) Clone() Framework {
	out := *f
	out.Levels = slices.Clone(f.Levels)
	out.Chapters = slices.Clone(f.Chapters)
	for i := range out.Chapters {
		out.Chapters[i].Sections = slices.Clone(out.Chapters[i].Sections)
	}
	out.Requirements = slices.Clone(f.Requirements)
	for i := range out.Requirements {
		r := &out.Requirements[i]
		r.Kinds, r.Keywords, r.CWE = slices.Clone(r.Kinds), slices.Clone(r.Keywords), slices.Clone(r.CWE)
	}
	return out
}
