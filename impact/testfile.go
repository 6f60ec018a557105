package impact

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
)

// tests finds the changed test files that an assertion about tests selects.
func (x *Index) tests(a *evidence.Assertion, places []Place, take func(Touch)) {
	selector := a.Params.String("pattern")
	if !evidence.IsGlob(selector) {
		x.testNames(a, selector, places, take)
		return
	}
	glob, known := x.globs[selector]
	if !known {
		glob = compileGlob(selector)
		x.globs[selector] = glob
	}
	one := !strings.ContainsAny(selector, `*?[{\`)
	for i := range x.changes {
		c := &x.changes[i]
		for _, file := range c.sides() {
			if glob != nil && x.spend(patternCost(selector, len(file))) && !glob.MatchString(file) {
				continue
			}
			t := Touch{File: file, Why: "test file changed", Risk: Possible}
			switch {
			case x.gone(i, file) && c.Op == Renamed:
				t = Touch{File: file, To: c.New, Why: "test file renamed to " + Show(c.New, 200), Risk: Likely, Broken: one}
			case x.gone(i, file):
				t = Touch{File: file, Why: "test file deleted", Risk: Likely, Broken: one}
			case x.mentions(i, lastName(a.Params.String("name")), false):
				t.Why, t.Risk = "test "+Show(lastName(a.Params.String("name")), 80)+" is in a changed hunk", Likely
			case file == c.New && file != c.Old:
				t.Why = "test file added"
			}
			take(t)
		}
	}
}

// testNames finds tests whose names a pattern selects in the hunks of changed test files.
func (x *Index) testNames(a *evidence.Assertion, selector string, places []Place, take func(Touch)) {
	re, err := regexp.Compile(`\A(?:` + selector + `)\z`)
	if err != nil {
		return
	}
	for i := range x.changes {
		c := &x.changes[i]
		held := slices.ContainsFunc(places, func(p Place) bool { return p.File != "" && p.File == c.Old })
		if !held && !TestFile(c.Old) && !TestFile(c.New) {
			continue
		}
		t := Touch{File: c.Path(), Why: "test file changed", Risk: Possible}
		switch {
		case held && x.gone(i, c.Old) && c.Op == Renamed:
			t = Touch{File: c.Old, To: c.New, Why: "test file renamed to " + Show(c.New, 200), Risk: Likely}
		case held && x.gone(i, c.Old):
			t = Touch{File: c.Old, Why: "test file deleted", Risk: Likely}
		case x.spend(0) && slices.ContainsFunc(x.titlesOf(i), func(s string) bool {
			return x.spend(patternCost(selector, len(s))) && re.MatchString(s)
		}):
			t.Why, t.Risk = "a test that the pattern names is in a changed hunk", Likely
		case !held && len(c.Hunks) > 0:
			continue // its lines are there to see, and none names such a test
		}
		take(t)
	}
}

var quoted = regexp.MustCompile("\"([^\"]{1,200})\"|'([^']{1,200})'|`([^`]{1,200})`")

// titlesOf returns what may be the name of a test in the hunks of a change.
func (x *Index) titlesOf(i int) []string {
	f := &x.facts[i]
	if f.titles == nil {
		seen := map[string]bool{}
		f.titles = []string{}
		add := func(s string) {
			if s != "" && !seen[s] {
				seen[s] = true
				f.titles = append(f.titles, s)
			}
		}
		texts(&x.changes[i], func(s string) bool {
			eachWord(s, add)
			for _, m := range quoted.FindAllStringSubmatch(s, -1) {
				add(m[1] + m[2] + m[3])
			}
			return false
		})
	}
	return f.titles
}

// TestFile reports whether a path is by custom one of tests.
func TestFile(p string) bool {
	base := strings.ToLower(path.Base(p))
	stem, _, _ := strings.Cut(base, ".")
	if strings.HasPrefix(stem, "test_") || strings.HasSuffix(stem, "_test") || strings.HasSuffix(stem, "_spec") ||
		strings.Contains(base, ".test.") || strings.Contains(base, ".spec.") || stem == "conftest" {
		return true
	}
	if name, _, _ := strings.Cut(path.Base(p), "."); strings.HasSuffix(name, "Test") || strings.HasSuffix(name, "Tests") {
		return true
	}
	for dir := range strings.SplitSeq(path.Dir(p), "/") {
		switch dir {
		case "test", "tests", "__tests__", "spec", "testdata":
			return true
		}
	}
	return false
}
