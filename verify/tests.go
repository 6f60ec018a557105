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
	pattern *expression     // of names, matched as a whole; nil with a glob
	name    string          // the one test, with a glob
	paths   map[string]bool // files that a glob names
	gone    []string        // those that the commit has beyond them
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
	by      []int  // the claims that select it
}

// planTests finds the files that the claims select.
func (r *run) planTests(claims []*claim) *testPlan {
	p := &testPlan{files: map[string]*testFile{}}
	all, err := r.root.list()
	p.err = err
	parsed := inLanguages(all)
	var committed []string
	byName := false
	for _, k := range claims {
		t := &testClaim{claim: k, name: k.params.String("name"), paths: map[string]bool{}}
		p.claims = append(p.claims, t)
		selector := k.params.String("pattern")
		if t.glob = evidence.IsGlob(selector); !t.glob {
			byName = true
			t.pattern, t.err = r.patterns.compile(`\A(?:` + selector + `)\z`)
			continue
		}
		if !doublestar.ValidatePattern(selector) {
			t.err = failf("the glob %q is not valid", selector)
			continue
		}
		for _, file := range matching(parsed, selector) {
			t.paths[file] = true
		}
		if r.git == nil {
			continue
		}
		if committed == nil {
			if committed, err = r.git.list(); err != nil {
				p.err = fmt.Errorf("the files of the commit cannot be listed: %w", err)
			}
			committed = inLanguages(committed)
		}
		for _, file := range matching(committed, selector) {
			if !t.paths[file] && !inLeftOut(file) {
				t.gone = append(t.gone, file)
			}
		}
	}
	wanted := map[string]bool{}
	for _, t := range p.claims {
		for file := range t.paths {
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

// inLanguages returns the files in a language that is parsed; the list is never nil.
func inLanguages(files []string) []string {
	found := make([]string, 0, len(files))
	for _, file := range files {
		if _, known := source.LanguageOf(file); known {
			found = append(found, file)
		}
	}
	return found
}

// matching returns the files that the glob matches. One without a wildcard is the name of a file, as most are.
func matching(files []string, glob string) []string {
	if !strings.ContainsAny(glob, `*?[]{}\`) {
		if slices.Contains(files, glob) {
			return []string{glob}
		}
		return nil
	}
	var found []string
	for _, file := range files {
		if ok, err := doublestar.Match(glob, file); err == nil && ok {
			found = append(found, file)
		}
	}
	return found
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
	case onJVM(lang):
		return holdsJVMTests(file)
	case lang == source.Rust: // the runner takes those of every file
		return true
	case lang == source.C, lang == source.CPP:
		return strings.Contains(strings.ToLower(file), "test") || strings.HasPrefix(base, "check_")
	case lang == source.PHP && strings.HasSuffix(base, "Test.php"):
		return true
	case lang == source.Swift:
		return strings.HasSuffix(base, "Tests.swift") || strings.HasSuffix(base, "Test.swift") || strings.Contains("/"+file, "Tests/")
	case lang == source.CSharp: // the runner looks at attributes, in every file of a project for tests
		return strings.Contains(file, "Test") || strings.Contains(file, "Spec") || strings.Contains("/"+file, "/test")
	case lang == source.Shell && strings.HasSuffix(base, ".bats"):
		return true
	case lang == source.Ruby && (strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.rb") || strings.HasSuffix(base, "_spec.rb")):
		return true
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

// onJVM reports whether tests of the language are named as those of Java: "Class.method", by classes with a package.
func onJVM(lang source.Language) bool {
	return lang == source.Java || lang == source.Kotlin || lang == source.Scala
}

// holdsJVMTests tells a file with tests by its folder (src/test, androidTest, commonTest) or by its name, as Surefire does.
func holdsJVMTests(file string) bool {
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	for _, end := range []string{"Test", "Tests", "TestCase", "IT", "Spec", "Suite"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	if strings.HasPrefix(name, "Test") {
		return true
	}
	for _, dir := range strings.Split(path.Dir(file), "/") {
		if dir == "test" || dir == "tests" || dir == "it" || strings.HasSuffix(dir, "Test") {
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
	code := newTestCode(facts)
	for _, test := range facts.Tests {
		d := definedTest{name: test.Name, line: test.Line}
		names := namesOf(f.path, t.lang, test.Name)
		for i, c := range p.claims {
			if c.selects(f.path, names) {
				d.by = append(d.by, i)
			}
		}
		if len(d.by) > 0 {
			d.excerpt, d.skipped = code.of(test), code.skippedAlways(test)
		}
		t.tests = append(t.tests, d)
	}
}

// selects reports whether a claim is about the test of the names.
func (t *testClaim) selects(file string, names []string) bool {
	switch {
	case t.err != nil:
		return false
	case t.glob:
		return t.paths[file] && (t.name == "" || slices.Contains(names, t.name))
	}
	return slices.ContainsFunc(names, t.pattern.re.MatchString)
}

// byClass reports whether the tests of a language are methods of classes, named "Class.method".
func byClass(lang source.Language) bool {
	switch lang {
	case source.Python, source.CSharp, source.Ruby, source.SQL, source.PHP, source.Swift:
		return true
	}
	return onJVM(lang)
}

// isSentence reports whether a name is what Pest is told, and none of a class: its dots part nothing.
func isSentence(lang source.Language, name string) bool {
	return lang == source.PHP && strings.Contains(name, " ")
}

// namesOf lists the names that a test goes by: its own, its last part, those of the tests and groups that it is a part of, and in
// Go those with the package before them.
func namesOf(file string, lang source.Language, name string) []string {
	names := []string{name}
	sep := " › "
	switch {
	case lang == source.Go:
		sep = "/"
	case lang == source.Rust:
		sep = "::"
	case byClass(lang) && !strings.Contains(name, sep) && !isSentence(lang, name), lang == source.CPP && !strings.Contains(name, " "): // "Suite.Name" of GoogleTest
		sep = "."
	}
	for i := 0; ; {
		j := strings.Index(name[i:], sep)
		if j < 0 {
			break
		}
		names = append(names, name[:i+j])
		i += j + len(sep)
	}
	switch sep {
	case "/":
		pkg := path.Base(path.Dir(file))
		for _, n := range slices.Clone(names) {
			names = append(names, pkg+"."+n)
		}
	case ".":
		names = append(names, name[strings.LastIndex(name, ".")+1:])
		if lang != source.Python {
			names = append(names, strings.ReplaceAll(name, sep, " "))
		}
	default: // in those of the JVM a method is "Class.method", and a test of a specification "Class › group › what it says"
		if i := strings.LastIndex(name, sep); i >= 0 {
			names = append(names, name[i+len(sep):])
		}
		names = append(names, strings.ReplaceAll(name, sep, " "))
	}
	return names
}

// selected is a test that a claim selects, with its file.
type selected struct {
	*testFile
	definedTest
}

// find returns the tests that a claim selects, and why some may be missing.
func (p *testPlan) find(t *testClaim) (tests []selected, unknown error) {
	at := slices.Index(p.claims, t)
	for _, file := range p.paths {
		f := p.files[file]
		if t.glob && !t.paths[file] {
			continue
		}
		if f.err != nil && unknown == nil {
			unknown = f.err
		}
		for _, d := range f.tests {
			if _, by := slices.BinarySearch(d.by, at); by {
				tests = append(tests, selected{f, d})
			}
		}
	}
	return tests, unknown
}

// near lists the tests that a claim may mean.
func (p *testPlan) near(t *testClaim) []candidate {
	var all []candidate
	for _, file := range p.paths {
		if t.glob && !t.paths[file] {
			continue
		}
		for _, d := range p.files[file].tests {
			all = append(all, candidate{name: d.name, text: fmt.Sprintf("%s is at %s:%d", d.name, file, d.line)})
			if len(all) == maxCandidates {
				return all
			}
		}
	}
	return all
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
	tests, err := r.defined(t)
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
func (r *run) defined(t *testClaim) ([]selected, error) {
	selector := t.params.String("pattern")
	if len(t.gone) > 0 && r.options.Dirty == DirtyFail {
		return nil, failf("dirty: commit %s has %s%s, which is not here", r.git.commit[:12], t.gone[0], andMore(t.gone))
	}
	if t.glob && len(t.paths) == 0 {
		return nil, failf("no file in a language that is parsed (%s) matches %s", strings.Join(source.Extensions(), " "), selector)
	}
	tests, unknown := r.tests.find(t)
	if len(tests) > 0 {
		for _, s := range tests {
			if !slices.Contains(t.rests, s.file) {
				t.rests = append(t.rests, s.file)
			}
		}
		return tests, nil
	}
	near, wanted := r.tests.near(t), t.name
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
