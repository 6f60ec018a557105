// Package verify is Tier 1: it checks assertions about a tree of files by reading and parsing them. It asks no model and no
// network, and the same tree gives the same outcomes. It fails closed: what it does not understand never passes.
package verify

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Policy says what becomes of an outcome that rests on a file which is not as the stated commit has it.
type Policy string

// The policies. The zero value means DirtyFail.
const (
	DirtyFail   Policy = "fail"   // the check fails
	DirtyWarn   Policy = "warn"   // the outcome carries a warning
	DirtyIgnore Policy = "ignore" // nothing is said
)

// Options say what is checked, and how.
type Options struct {
	Root   string // the top folder of the repository
	Commit string // the commit that the files must be of; "" compares nothing and leaves Outcome.Blob empty
	Dirty  Policy

	Report      string        // test report for test_passes that name none: path from Root
	RunTests    bool          // run the project's own tests where no report is given
	TestTimeout time.Duration // for each run of a test runner; 10 minutes when zero
	Env         []string      // environment of test runners before it is filtered; that of this process when nil

	Concurrency int         // files looked at at once; GOMAXPROCS when zero
	Done        func(n int) // called after each answer with how many there are; never by two goroutines at once
}

// Outcome is what Tier 1 says of one assertion. Digests are SHA-256 in lower-case hexadecimal.
type Outcome struct {
	Assertion      evidence.Assertion
	Verdict        evidence.Verdict // pass or fail
	Reason         string           // at most evidence.MaxReason characters; holds names and lines, never code or secrets
	File           string           // what decided: path from the root; "" when no file did
	Line           int              // from 1; 0 when the whole file is meant
	FileDigest     string           // of the file; of the list of files and digests when there are several
	Blob           string           // git's id of the file at the commit
	Excerpt        string           // the code that Tier 2 judges, with line feeds alone; it stays on this machine
	ExcerptTooLong bool             // the code has more than MaxExcerpt characters, and Excerpt is empty
	ExcerptDigest  string           // "" without an excerpt
	Warnings       []string
}

// Checker checks assertions about one tree. It may be used by several goroutines.
type Checker struct {
	options  Options
	root     *tree
	git      *repository // nil when nothing is compared
	patterns patterns
}

// New opens the tree. The error tells when the root is not a folder, and when a commit is stated that its git repository has
// not.
func New(o Options) (*Checker, error) {
	switch o.Dirty {
	case "":
		o.Dirty = DirtyFail
	case DirtyFail, DirtyWarn, DirtyIgnore:
	default:
		return nil, fmt.Errorf("policy %q for changed files is not known: fail, warn or ignore", o.Dirty)
	}
	if o.Concurrency <= 0 {
		o.Concurrency = runtime.GOMAXPROCS(0)
	}
	if o.Report != "" {
		clean, err := evidence.CleanPath(o.Report)
		if err != nil {
			return nil, fmt.Errorf("the test report %q: %w", o.Report, err)
		}
		o.Report = clean
	}
	root, err := openTree(o.Root)
	if err != nil {
		return nil, err
	}
	c := &Checker{options: o, root: root}
	if o.Commit != "" {
		if c.git, err = openRepository(o.Root, o.Commit); err != nil {
			root.Close()
			return nil, err
		}
	}
	return c, nil
}

// Close lets go of the root.
func (c *Checker) Close() { c.root.Close() }

// Digest returns the SHA-256 of a file in the tree, under the same rules by which checks read it.
func (c *Checker) Digest(path string) (string, error) {
	clean, err := evidence.CleanPath(path)
	if err != nil {
		return "", err
	}
	text, err := c.root.read(clean)
	if err != nil {
		return "", err
	}
	return digest(text), nil
}

// verifier checks one type. It returns what was found, or why the claim does not hold. One that returns neither has failed.
type verifier func(*claim) (*found, error)

// verifiers has an entry for each type that is checked file by file. The types over tests are answered after them all.
var verifiers = map[evidence.Type]verifier{
	evidence.FunctionExists:       functionExists,
	evidence.ClassExists:          classExists,
	evidence.DecoratorPresent:     decoratorPresent,
	evidence.FunctionCalls:        functionCalls,
	evidence.ParameterValidated:   parameterValidated,
	evidence.ImportPresent:        importPresent,
	evidence.ErrorHandled:         errorHandled,
	evidence.MiddlewareRegistered: middlewareRegistered,
	evidence.HTTPHeaderSet:        httpHeaderSet,
	evidence.PatternMatches:       patternMatches,
	evidence.PatternAbsent:        patternAbsent,
	evidence.NoPlaintextSecret:    noPlaintextSecret,
	evidence.FileExists:           fileExists,
	evidence.FileHash:             fileHash,
	evidence.ConfigKeyExists:      configKeyExists,
	evidence.ConfigValueMatches:   configValueMatches,
	evidence.EnvVarReferenced:     envVarReferenced,
	evidence.DependencyExists:     dependencyExists,
	evidence.DependencyVersion:    dependencyVersion,
	evidence.ModuleExists:         moduleExists,
	evidence.ModuleInstantiated:   moduleInstantiated,
	evidence.PortExists:           portExists,
	evidence.ParameterDefined:     parameterDefined,
	evidence.SignalExists:         signalExists,
	evidence.SVAAssertionPresent:  svaAssertionPresent,
	evidence.RegisterReset:        registerReset,
}

// found is what makes a claim true.
type found struct {
	file    *file
	line    int
	reason  string
	excerpt string
}

// failure is why a claim does not hold, with the place when there is one.
type failure struct {
	reason string
	line   int
}

func (f *failure) Error() string { return f.reason }

func failf(format string, args ...any) error { return &failure{reason: fmt.Sprintf(format, args...)} }

func failAt(line int, format string, args ...any) error {
	return &failure{reason: fmt.Sprintf(format, args...), line: line}
}

// claim is one assertion on its way to an outcome.
type claim struct {
	run    *run
	index  int
	typ    evidence.Type
	params evidence.Params
	paths  []string // files that the plan reserved for it, the one it is about first
	rests  []*file  // files that the outcome rests on, in the order of use
}

// run is one call of Check.
type run struct {
	*Checker
	ctx      context.Context
	files    map[string]*file  // planned ones; the map itself is not written after the plan
	blobs    map[string]string // git's ids at the commit, by path
	gitErr   error
	outcomes []Outcome
	tests    *testPlan

	done     sync.Mutex
	answered int
}

// Check answers the assertions in the order given. Each file is read, hashed and parsed at most once, and let go when the last
// assertion about it is answered. A cancelled context makes the remaining ones fail.
func (c *Checker) Check(ctx context.Context, assertions []evidence.Assertion) []Outcome {
	r := &run{Checker: c, ctx: ctx, files: map[string]*file{}, outcomes: make([]Outcome, len(assertions))}
	groups, tests := r.plan(assertions)
	r.compare()
	r.each(groups)
	r.checkTests(tests)
	return r.outcomes
}

// group is the work on one file.
type group struct {
	path   string
	claims []*claim
	tests  bool // the tests that the file defines are asked for
}

// plan sorts the assertions by the file that they are about, and counts how often each file will be wanted.
func (r *run) plan(assertions []evidence.Assertion) (groups []*group, tests []*claim) {
	byPath := map[string]*group{}
	groupOf := func(path string) *group {
		g := byPath[path]
		if g == nil {
			g = &group{path: path}
			byPath[path] = g
			groups = append(groups, g)
		}
		return g
	}
	for i, a := range assertions {
		r.outcomes[i] = Outcome{Assertion: a, Verdict: evidence.Fail}
		k := &claim{run: r, index: i, typ: a.Type}
		params, err := evidence.Check(a.Type, a.Params)
		if err != nil {
			r.answer(k, nil, failf("%s", reasonOf(err)))
			continue
		}
		k.params = params
		if a.Type == evidence.TestExists || a.Type == evidence.TestPasses {
			tests = append(tests, k)
			continue
		}
		if k.paths = k.wants(); len(k.paths) == 0 {
			r.answer(k, nil, failf("%s is not checked by this version: unsupported", a.Type))
			continue
		}
		for _, p := range k.paths {
			r.want(p)
		}
		g := groupOf(k.paths[0])
		g.claims = append(g.claims, k)
	}
	if len(tests) > 0 {
		r.tests = r.planTests(tests)
		for _, p := range r.tests.paths {
			r.want(p)
			groupOf(p).tests = true
		}
	}
	return groups, tests
}

// wants lists the files that a claim needs, the one it is about first.
func (k *claim) wants() []string {
	var paths []string
	for _, name := range []string{"file", "scope_file"} {
		if p := k.params.String(name); p != "" && !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	return append(paths, k.manifests()...)
}

// want counts one more use of a file.
func (r *run) want(path string) {
	f := r.files[path]
	if f == nil {
		f = &file{path: path, root: r.root}
		r.files[path] = f
	}
	f.uses.Add(1)
}

// each hands the groups to the workers.
func (r *run) each(groups []*group) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(r.options.Concurrency, len(groups)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(groups) {
					return
				}
				r.work(groups[i])
			}
		})
	}
	wg.Wait()
}

func (r *run) work(g *group) {
	for _, k := range g.claims {
		r.check(k)
		for _, p := range k.paths {
			r.files[p].release()
		}
	}
	if g.tests {
		r.tests.index(r, r.files[g.path])
		r.files[g.path].release()
	}
}

func (r *run) check(k *claim) {
	if err := r.ctx.Err(); err != nil {
		r.answer(k, nil, failf("the run was cancelled before this was checked"))
		return
	}
	verify := verifiers[k.typ]
	if verify == nil {
		r.answer(k, nil, failf("%s is not checked by this version: unsupported", k.typ))
		return
	}
	got, err := guard(k, verify)
	r.answer(k, got, err)
}

// guard makes a panic in a check a failure of it alone.
func guard(k *claim, verify verifier) (got *found, err error) {
	defer func() {
		if p := recover(); p != nil {
			got, err = nil, failf("internal error while checking %s: please report it", k.typ)
		}
	}()
	return verify(k)
}

// file returns a file of the plan, and notes that the outcome rests on it.
func (k *claim) file(path string) *file {
	f := k.run.files[path]
	if f == nil {
		panic("verify: a file that the plan has not: " + path)
	}
	if !slices.Contains(k.rests, f) {
		k.rests = append(k.rests, f)
	}
	return f
}

// about returns the file that the claim is about.
func (k *claim) about() *file { return k.file(k.paths[0]) }

// answer writes the outcome of a claim.
func (r *run) answer(k *claim, got *found, err error) {
	o := &r.outcomes[k.index]
	o.Verdict = evidence.Fail
	switch {
	case err != nil:
		o.Reason = err.Error()
		var f *failure
		if errors.As(err, &f) {
			o.Line = f.line
		}
	case got == nil:
		o.Reason = "internal error: the check found nothing and no fault"
	default:
		o.Verdict = evidence.Pass
		o.Reason, o.Line = got.reason, got.line
		o.setExcerpt(got.excerpt)
	}
	decided := (*file)(nil)
	if got != nil && got.file != nil {
		decided = got.file
	} else if len(k.rests) > 0 {
		decided = k.rests[0]
	}
	if decided != nil {
		o.File, o.FileDigest = decided.path, decided.digest()
		if decided.isThere() {
			o.Blob = r.blobs[decided.path]
		}
	}
	for _, f := range k.rests {
		r.compareFile(o, f)
	}
	o.Reason = threat.Clip(o.Reason, evidence.MaxReason)
	r.tick()
}

func (r *run) tick() {
	r.done.Lock()
	defer r.done.Unlock()
	r.answered++
	if r.options.Done != nil {
		r.options.Done(r.answered)
	}
}

// fails turns an outcome into a failure for a reason that goes before any other.
func (o *Outcome) fails(reason string) {
	if o.Verdict == evidence.Fail && o.Reason != "" {
		reason += "; besides: " + o.Reason
	}
	o.Verdict, o.Reason = evidence.Fail, reason
	o.Excerpt, o.ExcerptDigest, o.ExcerptTooLong = "", "", false
}

// reasonOf puts a refusal by the catalogue into one sentence.
func reasonOf(err error) string {
	var e *threat.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	s := e.Message
	if e.Field != "" {
		s = strings.TrimPrefix(e.Field, "params.") + ": " + s
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}
