package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify/runtests"
	"github.com/redoubt-dev/redoubt/verify/source"
	"github.com/redoubt-dev/redoubt/verify/testreport"
)

// reports are the test reports of a run: those that assertions name, each read once, and that of the tests run here.
type reports struct {
	run     *run
	read    map[string]*report
	runners []*runtests.Runner
	ran     map[*runtests.Runner]*report
	wanted  map[*runtests.Runner][]runtests.Test // nil when the runner is to run all that it finds
	modules map[string]string                    // Go module path with the folder's path, by folder
}

// report is one report, or why there is none.
type report struct {
	path  string // "" for tests run here
	sum   string
	cases []testreport.Case
	err   error
}

// open reads a report. It lies within the root and git does not track it: one that is committed says what its author wants. How
// old it is is not looked at: a report is of this commit when CI made it in this job.
func (rs *reports) open(name string) *report {
	if rs.read == nil {
		rs.read = map[string]*report{}
	}
	if have := rs.read[name]; have != nil {
		return have
	}
	rep := &report{path: name}
	rs.read[name] = rep
	rep.err = func() error {
		f, _, err := rs.run.root.open(name, maxReport)
		var m *missing
		if errors.As(err, &m) {
			return failf("there is no test report %s; run the tests first and let them write it", name)
		}
		if err != nil {
			return err
		}
		defer f.Close()
		tracked, err := isTracked(rs.run.options.Root, name)
		if err != nil {
			return failf("git cannot tell whether it tracks the test report %s: %v", name, err)
		}
		if tracked {
			return failf("the test report %s is tracked by git, so it proves nothing about this run; let the tests write it in CI and ignore it", name)
		}
		hash := sha256.New()
		in := io.TeeReader(io.LimitReader(f, maxReport+1), hash)
		parsed, err := testreport.Read(in)
		if err != nil {
			return failf("the test report %s: %v", name, err)
		}
		if _, err := io.Copy(io.Discard, in); err != nil {
			return failf("the test report %s cannot be read: %v", name, cause(err))
		}
		rep.sum, rep.cases = hex.EncodeToString(hash.Sum(nil)), parsed.Tests
		return nil
	}()
	return rep
}

// plan notes which tests are to be run: those that the claims without a report select, or all where the files do not tell.
func (rs *reports) plan() {
	rs.runners = runtests.Find(rs.run.root.FS())
	rs.ran = map[*runtests.Runner]*report{}
	rs.wanted = map[*runtests.Runner][]runtests.Test{}
	all := map[*runtests.Runner]bool{}
	for _, t := range rs.run.tests.claims {
		if t.typ != evidence.TestPasses || rs.named(t) != "" || t.err != nil {
			continue
		}
		tests, _ := rs.run.tests.find(t)
		for _, s := range tests {
			for _, r := range runtests.For(rs.runners, s.file.path) {
				one := runtests.Test{File: s.file.path, Name: s.name}
				if !slices.Contains(rs.wanted[r], one) {
					rs.wanted[r] = append(rs.wanted[r], one)
				}
			}
		}
		if len(tests) == 0 { // perhaps of a language that is not parsed
			for _, r := range rs.runners {
				if !r.Selects {
					all[r] = true
				}
			}
		}
	}
	for r := range all {
		rs.wanted[r] = nil
	}
}

// named returns the report that the claim goes by: its own, or that of the options.
func (rs *reports) named(t *testClaim) string {
	if own := t.params.String("report"); own != "" {
		return own
	}
	return rs.run.options.Report
}

// results runs the runners that the plan has something for, each once, and joins what they report.
func (rs *reports) results() *report {
	joined := &report{}
	ran := 0
	for _, r := range rs.runners {
		tests, wanted := rs.wanted[r]
		if !wanted {
			continue
		}
		ran++
		if rs.ran[r] == nil {
			rep := &report{}
			o := runtests.Options{Root: rs.run.options.Root, Env: rs.run.options.Env, Timeout: rs.run.options.TestTimeout}
			got, err := runtests.Run(rs.run.ctx, r, tests, o)
			if err != nil {
				rep.err = failf("the tests could not be run: %v", err)
			} else {
				rep.cases = got.Tests
			}
			rs.ran[r] = rep
		}
		if rs.ran[r].err != nil && joined.err == nil {
			joined.err = rs.ran[r].err
		}
		joined.cases = append(joined.cases, rs.ran[r].cases...)
	}
	switch {
	case len(rs.runners) == 0:
		joined.err = failf("no test runner is told by the files at the top of the project; write a report and name it with report or --test-report")
	case ran == 0:
		joined.err = failf("no test to run is selected")
	}
	return joined
}

// testPasses: a report, or the tests run here, says of each test selected that it passed. A glob selects the tests that its files
// define: each must be in the report. A pattern selects by the names in the report: at least one must be there. A test that is
// only skipped has not passed; one that failed at any try has failed.
func (r *run) testPasses(t *testClaim, rs *reports) (*found, error) {
	var tests []selected
	if t.glob {
		var err error
		if tests, err = r.defined(t); err != nil {
			return nil, err
		}
		if _, unknown := r.tests.find(t); unknown != nil && t.name == "" {
			return nil, failf("the tests of %s are not all known: %v", t.what(), unknown)
		}
	} else {
		tests, _ = r.tests.find(t)
		for _, s := range tests {
			if !slices.Contains(t.rests, s.file) {
				t.rests = append(t.rests, s.file)
			}
		}
	}
	var rep *report
	switch name := rs.named(t); {
	case name != "":
		rep = rs.open(name)
	case r.options.RunTests:
		rep = rs.results()
	default:
		return nil, failf("no test report is given: name one in report or with --test-report, or let the verifier run the tests with --run-tests")
	}
	if rep.err != nil {
		return nil, rep.err
	}
	n, err := 0, error(nil)
	if t.glob {
		n, err = rs.passedEach(rep, tests)
	} else {
		n, err = passedByName(rep, t)
	}
	if err != nil {
		return nil, err
	}
	by := "when run here"
	if rep.path != "" {
		by = "by " + rep.path
	}
	reason := fmt.Sprintf("%d tests selected by %s passed %s", n, t.what(), by)
	if n == 1 {
		reason = fmt.Sprintf("the test selected by %s passed %s", t.what(), by)
	}
	got := &found{reason: reason}
	if len(tests) > 0 {
		got = t.foundIn(r, tests, reason)
	}
	// The outcome rests on the run and not on the file of the test alone: without a report there is no digest to carry it by.
	if rep.path != "" {
		got.file, got.line = known(rep.path, rep.sum), 0
	} else if got.file != nil {
		got.file = known(got.file.path, "")
	}
	return got, nil
}

// passedByName judges the tests of the report whose name the claim's pattern matches as a whole.
func passedByName(rep *report, t *testClaim) (int, error) {
	groups := map[string][]testreport.Case{}
	var order []string
	var near []candidate
	for _, c := range rep.cases {
		if len(near) < maxCandidates {
			near = append(near, candidate{name: c.Name, text: c.Name})
		}
		names := append(c.Names(), c.Class, c.Class[strings.LastIndexByte(c.Class, '.')+1:]) // a class stands for its tests
		if !slices.ContainsFunc(names, t.pattern.re.MatchString) {
			continue
		}
		key := c.Group()
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], c)
	}
	if len(order) == 0 {
		return 0, failf("no test in the report is selected by %s%s", t.what(),
			nearestOr(strings.Trim(t.params.String("pattern"), `^$.*+`), near, "; the nearest is ", "; the nearest are "))
	}
	for _, key := range order {
		if err := judged(groups[key][0].Name, groups[key]); err != nil {
			return 0, err
		}
	}
	return len(order), nil
}

func judged(name string, cases []testreport.Case) error {
	switch testreport.Verdict(cases) {
	case testreport.Failed:
		return failf("the test %s failed", name)
	case testreport.Skipped:
		return failf("the test %s was skipped, so it has not passed", name)
	}
	return nil
}

// passedEach judges each of the tests, which must be in the report.
func (rs *reports) passedEach(rep *report, tests []selected) (int, error) {
	byName := map[string][]testreport.Case{}
	for _, c := range rep.cases {
		for _, n := range c.Names() {
			key := plainName(n)
			if have := byName[key]; len(have) == 0 || have[len(have)-1].Group() != c.Group() || have[len(have)-1].Name != c.Name {
				byName[key] = append(byName[key], c)
			}
		}
	}
	for _, s := range tests {
		var mine []testreport.Case
		for _, c := range byName[plainName(s.name)] {
			if rs.isOf(c, s) {
				mine = append(mine, c)
			}
		}
		if len(mine) == 0 {
			return 0, failAt(s.line, "the test %s (%s:%d) is not in the report", s.name, s.file.path, s.line)
		}
		if err := judged(s.name, mine); err != nil {
			return 0, err
		}
	}
	return len(tests), nil
}

// plainName brings the ways in which reports join the parts of a name to one.
func plainName(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\n›→`>:./$+#\\", r) }), " ")
}

// isOf reports whether a case of a report can be of a test by where it stands: the package in Go, the module and class in Python,
// the file in the others, as far as the report says.
func (rs *reports) isOf(c testreport.Case, s selected) bool {
	file := s.file.path
	if c.File != "" && !pathEnds(c.File, file) {
		return false
	}
	switch s.lang {
	case source.Go:
		pkg := c.Package
		if pkg == "" {
			pkg = c.Class
		}
		if pkg == "" {
			return true
		}
		want, module := rs.importPath(path.Dir(file))
		return pkg == want || !module && pathEnds(pkg, want) || c.Package == "" && !strings.Contains(pkg, "/") && pkg == path.Base(want)
	case source.Python:
		if c.Class == "" {
			return true
		}
		want := strings.ReplaceAll(strings.TrimSuffix(file, path.Ext(file)), "/", ".")
		if i := strings.LastIndexByte(s.name, '.'); i >= 0 {
			want += "." + s.name[:i]
		}
		return c.Class == want || strings.HasSuffix(want, "."+c.Class) || strings.HasSuffix(c.Class, "."+want)
	case source.Java, source.Kotlin, source.Scala:
		return ofJVMClass(c.Class, s)
	}
	if byClass(s.lang) && !strings.Contains(s.name, " › ") && !isSentence(s.lang, s.name) { // with the namespace before it, however its parts are joined
		class := classNames.Replace(c.Class)
		want := s.name[:max(strings.LastIndexByte(s.name, '.'), 0)]
		return class == "" || want == "" || class == want || strings.HasSuffix(class, "."+want)
	}
	if _, isFile := source.LanguageOf(c.Class); isFile && strings.ContainsAny(c.Class, "/.") && c.File == "" { // vitest
		return pathEnds(c.Class, file)
	}
	return true
}

// ofJVMClass reports whether a class of a report, with its package, is that of the test: the folder of the file ends in the package,
// or where the language lets folders leave out the first parts of it, in the rest.
func ofJVMClass(class string, s selected) bool {
	if class == "" {
		return true
	}
	outer, _, _ := strings.Cut(class, "$")
	pkg, name := "", outer
	if i := strings.LastIndexByte(outer, '.'); i >= 0 {
		pkg, name = outer[:i], outer[i+1:]
	}
	if own, _, ok := strings.Cut(strings.ReplaceAll(s.name, " › ", "."), "."); !ok || own != name {
		return false
	}
	dir := strings.ReplaceAll(path.Dir(s.file.path), "/", ".")
	for pkg != "" {
		if dir == pkg || strings.HasSuffix(dir, "."+pkg) {
			return true
		}
		if s.lang == source.Java {
			return false
		}
		_, pkg, _ = strings.Cut(pkg, ".")
	}
	switch path.Base(path.Dir(s.file.path)) { // the folder in which packages begin
	case "java", "kotlin", "scala", "test", ".":
		return true
	}
	return outer == name
}

// classNames brings the ways in which reports join the parts of the name of a class to dots.
var classNames = strings.NewReplacer(`\`, ".", "+", ".", "$", ".")

// pathEnds reports whether one of two paths is the end of the other.
func pathEnds(a, b string) bool {
	a, b = strings.TrimPrefix(strings.ReplaceAll(a, `\`, "/"), "./"), strings.TrimPrefix(b, "./")
	return a == b || strings.HasSuffix(a, "/"+b) || strings.HasSuffix(b, "/"+a)
}

// importPath returns the import path of a folder and whether a go.mod told it; without one it is the folder's own path.
func (rs *reports) importPath(dir string) (string, bool) {
	if rs.modules == nil {
		rs.modules = map[string]string{}
	}
	for at, below := dir, ""; ; {
		module, seen := rs.modules[at]
		if !seen {
			if text, err := rs.run.root.read(path.Join(at, "go.mod")); err == nil {
				for _, line := range strings.Split(string(text), "\n") {
					if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "module" {
						module = strings.Trim(fields[1], "\"`")
						break
					}
				}
			}
			rs.modules[at] = module
		}
		if module != "" {
			return path.Join(module, below), true
		}
		if at == "." {
			return dir, false
		}
		below = path.Join(path.Base(at), below)
		at = path.Dir(at)
	}
}
