package verify

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify/source"
)

// testPlan is what the assertions about tests want to know of the tree. It is gathered while the files are worked on, so that a
// file with tests is parsed once too; the assertions are answered when all files are done.
type testPlan struct {
	claims []*testClaim
	paths  []string // files whose tests are wanted, in the order of the tree
	files  map[string]*testFile
	err    error // the tree cannot be searched
}

// testClaim is an assertion about tests.
type testClaim struct {
	*claim
	glob    bool
	pattern *expression // of names, matched as a whole; nil with a glob
	name    string      // the one test, with a glob
	paths   []string    // files that a glob names
	err     error
}

// testFile is what is kept of a file with tests.
type testFile struct {
	file  *file
	lang  source.Language
	err   error // why its tests are not known
	tests []definedTest
}

// definedTest is one test that a file defines.
type definedTest struct {
	name    string // as package source names it
	line    int
	skipped string // how it is skipped whatever happens; "" when it runs
	excerpt string // its code, for tests that a claim selects
}

// planTests finds the files that the claims select.
func (r *run) planTests(claims []*claim) *testPlan {
	p := &testPlan{files: map[string]*testFile{}}
	all, err := r.root.list()
	p.err = err
	byName := false
	for _, k := range claims {
		t := &testClaim{claim: k, name: k.params.String("name")}
		selector := k.params.String("pattern")
		if t.glob = evidence.IsGlob(selector); t.glob {
			for _, file := range all {
				ok, err := doublestar.Match(selector, file)
				if err != nil {
					t.err = failf("the glob %q is not valid: %v", selector, err)
					break
				}
				if _, known := source.LanguageOf(file); ok && known {
					t.paths = append(t.paths, file)
				}
			}
		} else {
			byName = true
			t.pattern, t.err = r.patterns.compile(`\A(?:` + selector + `)\z`)
		}
		p.claims = append(p.claims, t)
	}
	wanted := map[string]bool{}
	for _, t := range p.claims {
		for _, file := range t.paths {
			wanted[file] = true
		}
	}
	for _, file := range all {
		if wanted[file] || byName && holdsTests(file) {
			lang, _ := source.LanguageOf(file)
			p.paths = append(p.paths, file)
			p.files[file] = &testFile{lang: lang}
		}
	}
	return p
}

// holdsTests reports whether a file is one in which the runners of its language look for tests.
func holdsTests(file string) bool {
	lang, known := source.LanguageOf(file)
	base := path.Base(file)
	switch {
	case !known:
		return false
	case lang == source.Go:
		return strings.HasSuffix(base, "_test.go")
	case lang == source.Python:
		return strings.HasPrefix(base, "test") || strings.HasSuffix(base, "_test.py") || strings.HasSuffix(base, "_tests.py")
	}
	if strings.Contains(base, ".test.") || strings.Contains(base, ".spec.") || strings.HasPrefix(base, "test.") || strings.HasPrefix(base, "test-") {
		return true
	}
	for _, dir := range strings.Split(path.Dir(file), "/") {
		switch dir {
		case "test", "tests", "__tests__", "spec", "specs", "e2e":
			return true
		}
	}
	return false
}

// index keeps what the claims will ask of a file's tests.
func (p *testPlan) index(r *run, f *file) {
	t := p.files[f.path]
	t.file = f
	defer recovered(&t.err, f.path)
	facts, err := f.facts()
	if r.git != nil {
		f.clean(r.blobs[f.path]) // while the content is here
	}
	if err != nil {
		t.err = err
		return
	}
	for _, test := range facts.Tests {
		d := definedTest{name: test.Name, line: test.Line}
		for _, c := range p.claims {
			if d.excerpt == "" && c.selects(f.path, t.lang, test.Name) {
				d.excerpt = codeOfTest(facts, test)
			}
		}
		d.skipped = skippedAlways(facts, test)
		t.tests = append(t.tests, d)
	}
}

// selects reports whether a claim is about a test.
func (t *testClaim) selects(file string, lang source.Language, name string) bool {
	if t.err != nil {
		return false
	}
	if t.glob {
		return slices.Contains(t.paths, file) && (t.name == "" || slices.Contains(namesOf(file, lang, name), t.name))
	}
	return slices.ContainsFunc(namesOf(file, lang, name), t.pattern.re.MatchString)
}

// namesOf lists the names that a test goes by: its own, its last part, those of the tests and groups that it is a part of, and in
// Go those with the package before them.
func namesOf(file string, lang source.Language, name string) []string {
	names := []string{name}
	sep := map[source.Language]string{source.Go: "/", source.Python: "."}[lang]
	if sep == "" {
		sep = " › "
	}
	for i := 0; ; {
		j := strings.Index(name[i:], sep)
		if j < 0 {
			break
		}
		names = append(names, name[:i+j])
		i += j + len(sep)
	}
	switch lang {
	case source.Go:
		pkg := path.Base(path.Dir(file))
		for _, n := range slices.Clone(names) {
			names = append(names, pkg+"."+n)
		}
	case source.Python:
		names = append(names, name[strings.LastIndex(name, ".")+1:])
	default:
		if i := strings.LastIndex(name, sep); i >= 0 {
			names = append(names, name[i+len(sep):])
		}
		names = append(names, strings.ReplaceAll(name, sep, " "))
	}
	return names
}

// declarationAt returns the smallest declared function that holds the line, or nil.
func declarationAt(facts *source.File, line int) *source.Decl {
	var best *source.Decl
	for _, d := range facts.Functions() {
		if facts.LineOf(d.Span.Start) <= line && line <= facts.LineOf(max(d.Span.Start, d.Span.End-1)) &&
			(best == nil || d.Span.End-d.Span.Start < best.Span.End-best.Span.Start) {
			best = d
		}
	}
	return best
}

// callAt returns the largest call that begins on the line, or nil: it("…", () => {…}).
func callAt(facts *source.File, line int) *source.Call {
	var best *source.Call
	for i := range facts.Calls {
		c := &facts.Calls[i]
		if c.Line == line && (best == nil || c.Span.End-c.Span.Start > best.Span.End-best.Span.Start) {
			best = c
		}
	}
	return best
}

// codeOfTest is the code of a test: its function, or in JavaScript and TypeScript the call that defines it.
func codeOfTest(facts *source.File, t source.Test) string {
	if facts.Language == source.JavaScript || facts.Language == source.TypeScript {
		if c := callAt(facts, t.Line); c != nil {
			return partOf(facts, c.Span)
		}
	}
	if d := declarationAt(facts, t.Line); d != nil {
		return partOf(facts, d.Span)
	}
	return aroundLines(unixLines(facts.Text), t.Line, t.Line, around)
}

// skippedAlways tells how a test is skipped whatever happens: by a decorator without a condition, or by the first thing it does.
// Tests of JavaScript and TypeScript that are skipped are none in the facts.
func skippedAlways(facts *source.File, t source.Test) string {
	d := declarationAt(facts, t.Line)
	if d == nil || facts.Language != source.Go && facts.Language != source.Python {
		return ""
	}
	for _, dec := range slices.Concat(d.Decorators, ownersDecorators(facts, d)) {
		if dec.Name[strings.LastIndexByte(dec.Name, '.')+1:] == "skip" {
			return "@" + dec.Name
		}
	}
	calls := facts.Within(d.Body)
	if len(calls) == 0 {
		return ""
	}
	switch first := calls[0]; first.Name[strings.LastIndexByte(first.Name, '.')+1:] {
	case "Skip", "Skipf", "SkipNow", "skipTest", "skip":
		switch strings.TrimSpace(string(facts.Code()[d.Body.Start:first.Span.Start])) {
		case "", "await", "return", "raise":
			return first.Name
		}
	}
	return ""
}

// ownersDecorators are the decorators of the class that a test is a method of.
func ownersDecorators(facts *source.File, d *source.Decl) []source.Decorator {
	if d.Owner == "" {
		return nil
	}
	for _, c := range facts.Classes() {
		if c.Qualified() == d.Owner && c.Span.Contains(d.Span) {
			return c.Decorators
		}
	}
	return nil
}

// selected is a test that a claim selects, with its file.
type selected struct {
	*testFile
	definedTest
}

// find returns the tests that a claim selects, and why some may be missing.
func (p *testPlan) find(t *testClaim) (tests []selected, near []candidate, unknown error) {
	for _, file := range p.paths {
		f := p.files[file]
		if t.glob && !slices.Contains(t.paths, file) {
			continue
		}
		if f.err != nil && unknown == nil {
			unknown = f.err
		}
		for _, d := range f.tests {
			near = append(near, candidate{name: d.name, text: fmt.Sprintf("%s is at %s:%d", d.name, file, d.line)})
			if t.selects(file, f.lang, d.name) {
				tests = append(tests, selected{f, d})
			}
		}
	}
	return tests, near, unknown
}

// checkTests answers the assertions about tests. All files are read by now, so that tests which are run change nothing that is
// checked.
func (r *run) checkTests(claims []*claim) {
	if len(claims) == 0 {
		return
	}
	reports := &reports{run: r}
	if r.options.RunTests {
		reports.plan()
	}
	for _, t := range r.tests.claims {
		got, err := guard(t.claim, func(*claim) (*found, error) {
			switch {
			case r.ctx.Err() != nil:
				return nil, failf("the run was cancelled before this was checked")
			case t.err != nil:
				return nil, t.err
			case r.tests.err != nil:
				return nil, failf("tests cannot be looked for: %v", r.tests.err)
			case t.typ == evidence.TestExists:
				return r.testExists(t)
			}
			return r.testPasses(t, reports)
		})
		r.answer(t.claim, got, err)
	}
}

// testExists: the tests are defined and at least one of them is not skipped whatever happens; with a name it is that test.
func (r *run) testExists(t *testClaim) (*found, error) {
	tests, err := t.defined(r.tests)
	if err != nil {
		return nil, err
	}
	runs := slices.DeleteFunc(slices.Clone(tests), func(s selected) bool { return s.skipped != "" })
	if len(runs) == 0 {
		return nil, failAt(tests[0].line, "%s at %s:%d is skipped (%s)", tests[0].name, tests[0].file.path, tests[0].line, tests[0].skipped)
	}
	return t.foundIn(r, runs, fmt.Sprintf("%s is defined at %s:%d%s", runs[0].name, runs[0].file.path, runs[0].line, andMore(runs))), nil
}

func andMore[T any](all []T) string {
	if len(all) > 1 {
		return fmt.Sprintf(" and %d more", len(all)-1)
	}
	return ""
}

// defined returns the tests that the claim selects: at least one.
func (t *testClaim) defined(p *testPlan) ([]selected, error) {
	selector := t.params.String("pattern")
	if t.glob && len(t.paths) == 0 {
		return nil, failf("no file in a language that is parsed (%s) matches %s", strings.Join(source.Extensions(), " "), selector)
	}
	tests, near, unknown := p.find(t)
	if len(tests) > 0 {
		for _, s := range tests {
			if !slices.Contains(t.rests, s.file) {
				t.rests = append(t.rests, s.file)
			}
		}
		return tests, nil
	}
	wanted := t.name
	if wanted == "" {
		wanted = strings.Trim(selector, `^$.*+`)
	}
	reason := fmt.Sprintf("no test is selected by %s", t.what())
	switch hints := isOrAre(wanted, near); {
	case hints != "":
		reason += hints
	case len(near) == 0 && unknown == nil:
		reason += "; there are none in the files looked at"
	case unknown == nil:
		reason += "; a pattern matches a name as a whole"
	}
	if unknown != nil {
		reason += fmt.Sprintf("; %v", unknown)
	}
	return nil, failf("%s", reason)
}

// what names the selection.
func (t *testClaim) what() string {
	if t.name != "" {
		return fmt.Sprintf("%s in %s", t.name, t.params.String("pattern"))
	}
	return t.params.String("pattern")
}

// foundIn makes the tests the place of the outcome: their one file, or for several the first, with a digest over all.
func (t *testClaim) foundIn(r *run, tests []selected, reason string) *found {
	var sums strings.Builder
	var excerpt strings.Builder
	seen := map[string]bool{}
	files := 0
	for _, s := range tests {
		if !seen[s.file.path] {
			seen[s.file.path] = true
			files++
			fmt.Fprintf(&sums, "%s %s\n", s.file.digest(), s.file.path)
		}
		// Subtests share the code of their test.
		if key := s.file.path + "\x00" + s.excerpt; !seen[key] && excerpt.Len() <= 4*MaxExcerpt {
			seen[key] = true
			excerpt.WriteString(s.excerpt)
		}
	}
	first := tests[0]
	f := first.file
	if files > 1 {
		f = known(f.path, digest([]byte(sums.String())))
	}
	return &found{file: f, line: first.line, reason: reason, excerpt: excerpt.String()}
}

// known is a file whose digest is known already: a report that was read elsewhere, or several files under the name of the first.
func known(path, sum string) *file {
	f := &file{path: path}
	f.reading.Do(func() { f.sum = sum })
	return f
}
