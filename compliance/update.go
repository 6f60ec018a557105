package compliance

import (
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Changes counts what an import changed, and names what it retired.
type Changes struct {
	Added     int      `json:"added"`
	Updated   int      `json:"updated"`
	Unchanged int      `json:"unchanged"`
	Removed   int      `json:"removed"`           // gone, and nothing was mapped to it or excluded
	Retired   []string `json:"retired,omitempty"` // gone from the file; kept, since something is mapped to it or excluded
}

// Update puts a framework that was imported anew in the place of the one before it. A requirement that the new one lacks and that is in use
// stays, retired: it asks for nothing and counts in no total, its mappings remain, and it is back as soon as an import has it again.
func Update(old, next Framework, inUse map[string]bool) (Framework, Changes) {
	var ch Changes
	next = next.Clone()
	was := make(map[string]*Requirement, len(old.Requirements))
	for i := range old.Requirements {
		was[old.Requirements[i].ID] = &old.Requirements[i]
	}
	is := make(map[string]bool, len(next.Requirements))
	for i := range next.Requirements {
		r := &next.Requirements[i]
		is[r.ID] = true
		switch o := was[r.ID]; {
		case o == nil:
			ch.Added++
		case same(o, r):
			ch.Unchanged++
		default:
			ch.Updated++
		}
	}
	for _, r := range old.Requirements {
		switch {
		case is[r.ID]:
		case !inUse[r.ID]:
			ch.Removed++
		default:
			r.Retired = true
			r.Level = min(r.Level, len(next.Levels))
			next.Requirements = append(next.Requirements, r)
			next.keepPlace(&old, r)
			ch.Retired = append(ch.Retired, r.ID)
		}
	}
	return next, ch
}

// keepPlace keeps the chapter and section of a retired requirement.
func (f *Framework) keepPlace(old *Framework, r Requirement) {
	c, ok := old.Chapter(r.Chapter)
	if !ok {
		return
	}
	i := slices.IndexFunc(f.Chapters, func(o Chapter) bool { return o.ID == c.ID })
	if i < 0 {
		i = len(f.Chapters)
		f.Chapters = append(f.Chapters, Chapter{ID: c.ID, Name: c.Name})
	}
	if s, ok := c.Section(r.Section); ok {
		if _, known := f.Chapters[i].Section(s.ID); !known {
			f.Chapters[i].Sections = append(f.Chapters[i].Sections, *s)
		}
	}
}

func same(a, b *Requirement) bool {
	return a.Level == b.Level && a.Chapter == b.Chapter && a.Section == b.Section && a.Summary == b.Summary && !a.Retired && !b.Retired &&
		slices.Equal(a.Kinds, b.Kinds) && slices.Equal(a.Keywords, b.Keywords) && slices.Equal(a.CWE, b.CWE)
}

// Overlay puts official texts and names in the place of those of a built-in framework, which keeps its ids, levels, kinds, keywords and
// weaknesses. Errors: [threat.Invalid] where the texts are not those of this framework: an id too many or too few, or another level.
func Overlay(base, texts Framework) (Framework, error) {
	out := base.Clone()
	byID := make(map[string]*Requirement, len(out.Requirements))
	for i := range out.Requirements {
		byID[out.Requirements[i].ID] = &out.Requirements[i]
	}
	var unknown, levels []string
	for _, t := range texts.Requirements {
		r := byID[t.ID]
		switch {
		case r == nil:
			unknown = append(unknown, t.ID)
			continue
		case r.Level != t.Level:
			levels = append(levels, t.ID)
		}
		r.Summary = t.Summary
		delete(byID, t.ID)
	}
	var lacking []string
	for _, r := range out.Requirements { // in order
		if byID[r.ID] != nil && !r.Retired {
			lacking = append(lacking, r.ID)
		}
	}
	for _, wrong := range []struct {
		ids  []string
		what string
	}{{unknown, "has requirements that %s has not: %s"}, {lacking, "lacks requirements of %s: %s"}, {levels, "has other levels than %s: %s"}} {
		if len(wrong.ids) > 0 {
			return Framework{}, threat.Errorf(threat.Invalid, "the file "+wrong.what, base.ID, some(wrong.ids)).In("content").
				Hinted("it is not the published file of this version; give framework_id to import it as a framework of your own")
		}
	}
	for i := range out.Chapters {
		c := &out.Chapters[i]
		t, ok := texts.Chapter(c.ID)
		if !ok {
			continue
		}
		c.Name = t.Name
		for k := range c.Sections {
			if s, ok := t.Section(c.Sections[k].ID); ok {
				c.Sections[k].Name = s.Name
			}
		}
	}
	if texts.Title != "" && texts.Title != texts.ID {
		out.Title = texts.Title
	}
	out.Attribution = "Texts and names as their owner published them: " + base.Source + ", " + base.License + ". Kinds of evidence, keywords and CWE numbers are added."
	return out, nil
}

// some names the first of a list.
func some(ids []string) string {
	const shown = 5
	if len(ids) <= shown {
		return strings.Join(ids, ", ")
	}
	return strings.Join(ids[:shown], ", ") + " …"
}
