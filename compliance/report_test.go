package compliance_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/threat"
)

// slow says anew what specification §10 says of one requirement, model by model and control by control, without any of the program's
// own folding: which controls count, who excludes it, and what follows.
func slow(q compliance.Requirement, members []compliance.Member) (status compliance.Status, controls, excludedIn, unmappedIn []string) {
	isExcluded := func(m compliance.Member) bool {
		for _, e := range m.Exclusions {
			if e.Requirement == q.ID {
				return true
			}
		}
		return false
	}
	everyVerified, someDone := true, false
	for _, m := range members {
		if isExcluded(m) {
			excludedIn = append(excludedIn, m.Model)
			continue
		}
		found := false
		for _, p := range m.Mappings {
			for id, standing := range m.Controls {
				if id != p.Control || p.Requirement != q.ID {
					continue
				}
				found = true
				controls = append(controls, m.Model+"/"+string(id))
				if standing != compliance.Verified {
					everyVerified = false
				}
				if standing != compliance.NotImplemented {
					someDone = true
				}
			}
		}
		if !found {
			unmappedIn = append(unmappedIn, m.Model)
		}
	}
	slices.Sort(controls)
	if len(excludedIn) == len(members) {
		return compliance.Excluded, nil, excludedIn, nil
	}
	if len(controls) == 0 {
		return compliance.Unmapped, nil, excludedIn, unmappedIn
	}
	if everyVerified {
		return compliance.Covered, controls, excludedIn, unmappedIn
	}
	if someDone {
		return compliance.Partial, controls, excludedIn, unmappedIn
	}
	return compliance.Uncovered, controls, excludedIn, unmappedIn
}

func genFramework(t *rapid.T) *compliance.Framework {
	f := &compliance.Framework{ID: "f"}
	for n := range rapid.IntRange(0, 3).Draw(t, "levels") {
		f.Levels = append(f.Levels, compliance.Level{Number: n + 1, Name: fmt.Sprint("L", n+1)})
	}
	for n := range rapid.IntRange(1, 3).Draw(t, "chapters") {
		f.Chapters = append(f.Chapters, compliance.Chapter{ID: fmt.Sprint("V", n+1), Name: fmt.Sprint("Chapter ", n+1)})
	}
	for n := range rapid.IntRange(0, 8).Draw(t, "requirements") {
		r := compliance.Requirement{ID: fmt.Sprint("R", n), Summary: fmt.Sprint("text ", n), Chapter: rapid.SampledFrom(f.Chapters).Draw(t, "chapter").ID}
		if len(f.Levels) > 0 {
			r.Level = rapid.IntRange(1, len(f.Levels)).Draw(t, "level")
		}
		r.Retired = rapid.IntRange(0, 5).Draw(t, "retired") == 0
		f.Requirements = append(f.Requirements, r)
	}
	return f
}

func genMembers(t *rapid.T, f *compliance.Framework) []compliance.Member {
	ids := []string{"gone"} // a requirement that is in no framework any more
	for _, r := range f.Requirements {
		ids = append(ids, r.ID)
	}
	out := make([]compliance.Member, rapid.IntRange(1, 3).Draw(t, "members"))
	for n := range out {
		m := &out[n]
		m.Model, m.Controls = fmt.Sprint("m", n), map[threat.ID]compliance.Standing{}
		for c := range rapid.IntRange(0, 5).Draw(t, "controls") {
			m.Controls[threat.ID(fmt.Sprint("C", c+1))] = rapid.SampledFrom([]compliance.Standing{compliance.Verified, compliance.Implemented, compliance.NotImplemented}).Draw(t, "standing")
		}
		seen := map[string]bool{}
		for range rapid.IntRange(0, 15).Draw(t, "mappings") {
			p := compliance.Mapping{Control: threat.ID(fmt.Sprint("C", rapid.IntRange(1, 7).Draw(t, "control"))), Requirement: rapid.SampledFrom(ids).Draw(t, "requirement")}
			if key := string(p.Control) + p.Requirement; !seen[key] {
				seen[key] = true
				m.Mappings = append(m.Mappings, p)
			}
		}
		for _, id := range ids {
			if rapid.IntRange(0, 3).Draw(t, "exclude") == 0 {
				m.Exclusions = append(m.Exclusions, compliance.Exclusion{Requirement: id, Reason: "r"})
			}
		}
	}
	return out
}

// The report is what a slow reading of the specification gives, requirement by requirement and in every count.
func TestReportAgreesWithTheSlowReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := genFramework(t)
		members := genMembers(t, f)
		report := compliance.Assess(f, members)
		byLevel, byChapter := map[string]int{}, map[string]int{}
		i, retired := 0, 0
		for _, q := range f.Requirements {
			status, controls, excludedIn, unmappedIn := slow(q, members)
			if q.Retired {
				if len(controls)+len(excludedIn) > 0 {
					retired++
				}
				continue
			}
			row := report.Rows[i]
			i++
			var got []string
			for _, c := range row.Controls {
				got = append(got, c.Model+"/"+string(c.Control))
			}
			if row.Requirement.ID != q.ID || row.Status != status || !slices.Equal(got, controls) ||
				!slices.Equal(row.ExcludedIn, excludedIn) || !slices.Equal(row.UnmappedIn, unmappedIn) || len(row.Exclusions) != len(excludedIn) {
				t.Fatalf("%s is %s, controls %v, excluded in %v, unmapped in %v\nwant %s %v %v %v", q.ID, row.Status, got, row.ExcludedIn, row.UnmappedIn, status, controls, excludedIn, unmappedIn)
			}
			for _, l := range f.Levels {
				if q.Level <= l.Number {
					byLevel[fmt.Sprint(l.Number, status)]++
					byChapter[fmt.Sprint(l.Number, q.Chapter, status)]++
				}
			}
			byLevel[fmt.Sprint(0, status)]++
			byChapter[fmt.Sprint(0, q.Chapter, status)]++
		}
		if i != len(report.Rows) || retired != report.Retired {
			t.Fatalf("%d rows, %d retired; want %d and %d", len(report.Rows), report.Retired, i, retired)
		}
		check := func(place string, c compliance.Counts, want map[string]int) {
			sum := 0
			for status, n := range map[compliance.Status]int{
				compliance.Covered: c.Covered, compliance.Partial: c.Partial, compliance.Uncovered: c.Uncovered, compliance.Unmapped: c.Unmapped, compliance.Excluded: c.Excluded,
			} {
				sum += n
				if n != want[place+string(status)] {
					t.Fatalf("%s: %d %s, want %d", place, n, status, want[place+string(status)])
				}
			}
			if sum != c.Total {
				t.Fatalf("%s: %+v does not add up", place, c)
			}
		}
		check("0", report.Counts(0), byLevel)
		levels := report.Levels()
		if len(levels) != len(f.Levels) {
			t.Fatalf("%d levels", len(levels))
		}
		for _, l := range levels {
			check(fmt.Sprint(l.Level), l.Counts, byLevel)
		}
		for level := 0; level <= len(f.Levels); level++ {
			total := 0
			for _, c := range report.Chapters(level) {
				check(fmt.Sprint(level, c.ID), c.Counts, byChapter)
				total += c.Total
			}
			if total != report.Counts(level).Total {
				t.Fatalf("chapters hold %d of %d", total, report.Counts(level).Total)
			}
		}
	})
}

func TestFilter(t *testing.T) {
	f := read(t, "id,text,level,chapter_id,section\nK.1,Keep KEYS safe,1,K,Vaults\nK.2,x,2,K,Other\nL.1,y,2,L,Other\n", acme)
	report := compliance.Assess(&f, []compliance.Member{{
		Model: "m", Controls: map[threat.ID]compliance.Standing{"C1": compliance.Implemented}, Mappings: []compliance.Mapping{{Control: "C1", Requirement: "K.2"}},
	}})
	for name, c := range map[string]struct {
		filter compliance.Filter
		want   string
	}{
		"none":    {compliance.Filter{}, "K.1 K.2 L.1"},
		"status":  {compliance.Filter{Status: compliance.Partial}, "K.2"},
		"level":   {compliance.Filter{Level: 1}, "K.1"},
		"chapter": {compliance.Filter{Chapter: "K"}, "K.1 K.2"},
		"text":    {compliance.Filter{Text: "Keys"}, "K.1"},
		"id":      {compliance.Filter{Text: "l.1"}, "L.1"},
		"section": {compliance.Filter{Text: "vault"}, "K.1"},
		"ids":     {compliance.Filter{IDs: []string{"L.1", "K.2"}}, "K.2 L.1"},
		"both":    {compliance.Filter{Chapter: "K", Status: compliance.Unmapped}, "K.1"},
		"nothing": {compliance.Filter{Text: "zzz"}, ""},
	} {
		var got []string
		for _, r := range report.Filter(c.filter) {
			got = append(got, r.Requirement.ID)
		}
		if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// A report of a model with 300 controls, each mapped to three requirements of ASVS.
func BenchmarkReport(b *testing.B) {
	f := builtin(b, compliance.ASVS)
	m := compliance.Member{Model: "m", Controls: map[threat.ID]compliance.Standing{}}
	standings := []compliance.Standing{compliance.Verified, compliance.Implemented, compliance.NotImplemented}
	for n := range 300 {
		id := threat.ID(fmt.Sprint("C", n+1))
		m.Controls[id] = standings[n%3]
		for k := range 3 {
			m.Mappings = append(m.Mappings, compliance.Mapping{Control: id, Requirement: f.Requirements[(n*7+k*11)%len(f.Requirements)].ID})
		}
	}
	for b.Loop() {
		r := compliance.Assess(&f, []compliance.Member{m})
		r.Levels()
		r.Chapters(0)
	}
}
