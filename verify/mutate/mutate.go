// Package mutate measures evidence: it weakens the code that assertions speak of, in a scratch copy, and looks whether the assertions
// notice. An assertion that still passes when the check it claims is taken out proves less than it seems to.
//
// Each assertion that passes Tier 1 has mutants made for it, chosen by its type from the facts of the file it speaks of: a call
// removed, a body emptied, a condition inverted, a registration deleted, a value loosened. A mutant that no longer parses, or changes
// only comments and layout, is discarded. Mutants are put in place one at a time and taken back. The tree itself is only read.
package mutate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify"
	"github.com/redoubt-dev/redoubt/verify/manifest"
	"github.com/redoubt-dev/redoubt/verify/source"
)

// Options say what is measured, and how.
type Options struct {
	Root        string        // the top folder of the repository; only read
	Only        []threat.ID   // controls and assumptions; all when empty
	MaxMutants  int           // for each assertion; 8 when zero
	RunTests    bool          // run the tests that test_passes names, in the copy
	TestTimeout time.Duration // for each run of a test runner; 10 minutes when zero
	Env         []string      // of test runners, as in [verify.Options]
	Temp        string        // where the copy is made; that of the system when empty
	MaxBytes    int64         // of the copy; [MaxBytes] when zero
	Progress    func(done, total int)
}

// DefaultMutants is how many mutants an assertion has at most, unless the options say otherwise.
const DefaultMutants = 8

// asked is an assertion with what was found of it.
type asked struct {
	evidence.Assertion
	base    verify.Outcome
	files   []string // that it depends on; for tests those that it selects
	tests   bool     // test_passes
	mutants []*mutant
	result  *Result
	trials  []*trial // of its control, when it is the first of it
}

// subjectID is the control or assumption that an assertion is about, "" without one.
func (a *asked) subjectID() threat.ID { return cmp.Or(a.Control, a.Assumption) }

// measuring is one call of Run.
type measuring struct {
	Options
	ctx     context.Context
	tree    *scratch
	checker *verify.Checker
	runner  *verify.Checker // runs tests; nil when they are not run
	all     []*asked
	files   map[string]*subject
}

// Run measures the assertions. It returns an error when the tree cannot be read or copied, or the context ends; the copy is removed in
// either case.
func Run(ctx context.Context, o Options, assertions []evidence.Assertion) (*Report, error) {
	if o.MaxMutants <= 0 {
		o.MaxMutants = DefaultMutants
	}
	m := &measuring{Options: o, ctx: ctx, files: map[string]*subject{}}
	var named []string
	for _, a := range assertions {
		one := &asked{Assertion: a, tests: a.Type == evidence.TestPasses}
		if len(o.Only) > 0 && !slices.Contains(o.Only, one.subjectID()) {
			continue
		}
		if params, err := evidence.Check(a.Type, a.Params); err == nil {
			one.Params = params
			one.files = dependsOn(params)
			named = append(named, one.files...)
		}
		one.result = &Result{ID: a.ID, Type: a.Type, Subject: one.subjectID(), Mutants: []Mutant{}}
		m.all = append(m.all, one)
	}
	tree, err := copyTree(ctx, o, named)
	if err != nil {
		return nil, err
	}
	defer tree.close()
	m.tree = tree
	if err := m.open(); err != nil {
		return nil, err
	}
	defer m.close()
	m.base()
	for _, a := range m.all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if a.result.State == Mutated {
			m.make(a)
		}
	}
	if err := m.try(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return m.report(), nil
}

func (m *measuring) open() (err error) {
	o := verify.Options{Root: m.tree.dir, Dirty: verify.DirtyIgnore, Env: m.Env, TestTimeout: m.TestTimeout}
	if m.checker, err = verify.New(o); err != nil {
		return err
	}
	if m.RunTests {
		o.RunTests = true
		m.runner, err = verify.New(o)
	}
	return err
}

func (m *measuring) close() {
	m.checker.Close()
	if m.runner != nil {
		m.runner.Close()
	}
}

// dependsOn lists the files that parameters name, with the lock files that may stand beside a manifest.
func dependsOn(p evidence.Params) []string {
	var files []string
	for _, name := range []string{"file", "scope_file", "manifest"} {
		if f := p.String(name); f != "" {
			files = append(files, f)
		}
	}
	if f := p.String("manifest"); f != "" {
		files = append(files, manifest.LockNames(f)...)
	}
	return files
}

// base checks the assertions on the copy as it is.
func (m *measuring) base() {
	m.check(m.checker, slices.DeleteFunc(slices.Clone(m.all), func(a *asked) bool { return a.tests }), func(a *asked, o verify.Outcome) {
		a.base = o
		a.result.State = Mutated
		if o.Verdict != evidence.Pass {
			a.result.State, a.result.Reason = Failed, o.Reason
		}
		if a.Type == evidence.TestExists && o.File != "" {
			a.files = append(a.files, o.File)
		}
	})
	if m.runner == nil {
		for _, a := range m.all {
			if a.tests {
				a.result.State, a.result.Reason = NotRun, "its tests run only with --run-tests"
			}
		}
		return
	}
	m.check(m.runner, slices.DeleteFunc(slices.Clone(m.all), func(a *asked) bool { return !a.tests }), func(a *asked, o verify.Outcome) {
		a.base = o
		a.result.State = Mutated
		if o.Verdict != evidence.Pass {
			a.result.State, a.result.Reason = Failed, o.Reason
		}
	})
}

// check asks a checker about some assertions.
func (m *measuring) check(c *verify.Checker, some []*asked, answer func(*asked, verify.Outcome)) {
	if len(some) == 0 {
		return
	}
	list := make([]evidence.Assertion, len(some))
	for i, a := range some {
		list[i] = a.Assertion
		if a.tests { // a report tells of another run
			list[i].Params = maps.Clone(a.Params)
			delete(list[i].Params, "report")
		}
	}
	for i, o := range c.Check(m.ctx, list) {
		answer(some[i], o)
	}
}

// file returns a file of the copy, nil for one that cannot be read.
func (m *measuring) file(name string) *subject {
	s, known := m.files[name]
	if !known {
		if text, err := m.tree.read(name); err == nil {
			s = newSubject(name, text)
		}
		m.files[name] = s
	}
	return s
}

// trial is one mutant with the assertions that it was made for.
type trial struct {
	*mutant
	owners []*asked
	group  []*asked // all that pass and could notice: those of the same control
}

// trials lists the mutants by control, the same change once for each.
func (m *measuring) trials() []*trial {
	var all []*trial
	groups := map[threat.ID][]*asked{}
	for _, a := range m.all {
		if a.result.State == Mutated && a.subjectID() != "" {
			groups[a.subjectID()] = append(groups[a.subjectID()], a)
		}
	}
	seen := map[string]*trial{}
	for _, a := range m.all {
		group := groups[a.subjectID()]
		if group == nil {
			group = []*asked{a}
		}
		for _, one := range a.mutants {
			key := string(a.subjectID()) + "\x00" + one.key()
			if have := seen[key]; have != nil && a.subjectID() != "" {
				have.owners = append(have.owners, a)
				continue
			}
			t := &trial{mutant: one, owners: []*asked{a}, group: group}
			seen[key] = t
			all = append(all, t)
		}
	}
	return all
}

// try puts each mutant in place and asks who notices.
func (m *measuring) try() error {
	all := m.trials()
	for i, t := range all {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		fails := map[*asked]string{}
		unsure := map[*asked]string{}
		if err := m.tree.with(t.mutant, func() error { return m.ask(t, fails, unsure) }); err != nil {
			return fmt.Errorf("a mutant of %s: %w", t.File, err)
		}
		if err := m.ctx.Err(); err != nil {
			return err // what was cancelled failed for another reason
		}
		t.settle(fails, unsure)
		if m.Progress != nil {
			m.Progress(i+1, len(all))
		}
	}
	return nil
}

// ask checks the assertions that the mutant could reach. Tests are run for the mutants that were made for them, and for those that
// nothing else notices.
func (m *measuring) ask(t *trial, fails, unsure map[*asked]string) error {
	var reading, running []*asked
	for _, a := range t.group {
		switch {
		case a.tests:
			running = append(running, a)
		case slices.Contains(a.files, t.File):
			reading = append(reading, a)
		}
	}
	m.check(m.checker, reading, func(a *asked, o verify.Outcome) {
		if o.Verdict != evidence.Pass {
			fails[a] = o.Reason
		}
	})
	if m.runner == nil || len(fails) > 0 && !slices.ContainsFunc(t.owners, func(a *asked) bool { return a.tests }) {
		return nil
	}
	if len(running) > 0 && t.builds != nil {
		if err := m.tree.put(t.File, t.builds); err != nil {
			return err
		}
	}
	m.check(m.runner, running, func(a *asked, o verify.Outcome) {
		switch {
		case o.Verdict == evidence.Pass:
		case gaveNone(o.Reason):
			unsure[a] = o.Reason
		default:
			fails[a] = o.Reason
		}
	})
	return nil
}

// gaveNone reports whether a failure of test_passes says nothing about the mutant: it did not build, or the run was stopped.
func gaveNone(reason string) bool {
	return strings.HasPrefix(reason, "the tests could not be run") || strings.Contains(reason, "is not in the report")
}

// settle writes what became of a mutant, for each assertion that it was made for.
func (t *trial) settle(fails, unsure map[*asked]string) {
	t.State = Survived
	for _, a := range t.group {
		if _, failed := fails[a]; failed {
			t.By = append(t.By, a.ID)
			t.State = Killed
		}
	}
	if t.State == Survived && len(unsure) > 0 {
		t.State = NoVerdict
	}
	for _, a := range t.owners {
		i := slices.IndexFunc(a.mutants, func(m *mutant) bool { return m.key() == t.key() })
		one := a.mutants[i].Mutant // its own words for the change
		one.State, one.By = Survived, t.By
		if reason, failed := fails[a]; failed {
			one.State, one.Reason = Killed, reason
		} else if reason, none := unsure[a]; none {
			one.State, one.Reason = NoVerdict, reason
		}
		if one.State == Survived {
			one.Advice = advice(a.Type, a.mutants[i])
		}
		a.result.Mutants[i] = one
		a.result.count(one.State)
	}
	if t.State == Survived {
		t.Advice = advice(t.owners[0].Type, t.mutant)
	}
	for _, a := range t.group {
		if a.subjectID() != "" {
			a.trials = append(a.trials, t)
			break
		}
	}
}

func (m *measuring) report() *Report {
	r := &Report{Assertions: []Result{}, Controls: []Control{}}
	controls := map[threat.ID]*Control{}
	for _, a := range m.all {
		r.Assertions = append(r.Assertions, *a.result)
		switch a.result.State {
		case Failed:
			r.Failed++
		case NotRun:
			r.NotRun++
		}
		for _, one := range a.result.Mutants {
			r.ByAssert.count(one.State)
		}
		id := a.subjectID()
		if id == "" || a.result.State != Mutated && a.result.State != NoMutants {
			continue
		}
		c := controls[id]
		if c == nil {
			c = &Control{ID: id, Survivors: []Mutant{}}
			controls[id] = c
		}
		c.Assertions++
		for _, t := range a.trials {
			c.count(t.State)
			r.ByControl.count(t.State)
			if t.State == Survived {
				c.Survivors = append(c.Survivors, t.Mutant)
			}
		}
	}
	for _, id := range threat.SortIDs(slices.Collect(maps.Keys(controls))) {
		r.Controls = append(r.Controls, *controls[id])
	}
	return r
}

// make makes the mutants of an assertion.
func (m *measuring) make(a *asked) {
	b := newBatch(m.MaxMutants)
	m.fill(b, a)
	a.mutants = b.take(m.MaxMutants)
	a.result.Mutants = make([]Mutant, len(a.mutants))
	a.result.Unfit = b.unfit
	if len(a.mutants) == 0 {
		a.result.State = NoMutants
		if a.result.Reason == "" {
			a.result.Reason = "nothing that it speaks of could be weakened in a way that still parses"
		}
	}
}

// fill makes a panic over facts that are not as they should be a loss of this assertion's mutants alone.
func (m *measuring) fill(b *batch, a *asked) {
	defer func() {
		if p := recover(); p != nil {
			a.result.Reason = "internal error while mutants were made: please report it"
		}
	}()
	if a.tests {
		m.makeForTests(b, a)
	} else {
		m.makeForType(b, a)
	}
}

// codeTypes are the types whose mutants come from the facts of a source file.
var codeTypes = []evidence.Type{
	evidence.FunctionExists, evidence.ClassExists, evidence.DecoratorPresent, evidence.FunctionCalls, evidence.ParameterValidated,
	evidence.ImportPresent, evidence.ErrorHandled, evidence.MiddlewareRegistered, evidence.HTTPHeaderSet, evidence.EnvVarReferenced,
}

func (m *measuring) makeForType(b *batch, a *asked) {
	p := a.Params
	name := cmp.Or(p.String("scope_file"), p.String("file"), a.base.File)
	s := m.file(name)
	if s == nil {
		a.result.Reason = name + " could not be read"
		return
	}
	if slices.Contains(codeTypes, a.Type) && s.facts == nil {
		if a.Type == evidence.HTTPHeaderSet { // the configuration of a web server
			b.removeLine(s, a.base.Line)
			b.loosen(s, s.line(a.base.Line))
			return
		}
		a.result.Reason = name + " is in no language that is parsed"
		return
	}
	switch a.Type {
	case evidence.FunctionExists:
		for _, d := range s.functions(p.String("name")) {
			b.emptyBody(s, d)
			b.invert(s, d.Body, nil)
			b.removeDeclaration(RemoveDeclaration, s, d)
		}
	case evidence.ClassExists:
		b.weakenClass(s, p.String("name"))
	case evidence.DecoratorPresent:
		b.removeDecorators(s, p.String("function"), p.String("decorator"))
	case evidence.FunctionCalls:
		for _, d := range s.functions(p.String("caller")) {
			b.weakenCalls(s, d, strings.TrimSuffix(p.String("callee"), "()"))
		}
	case evidence.ParameterValidated:
		parameter := strings.TrimLeft(p.String("parameter"), "*.&$")
		for _, d := range s.functions(p.String("function")) {
			b.removeChecks(s, d, parameter)
		}
	case evidence.ImportPresent:
		b.removeImports(s, strings.Trim(p.String("module"), `"'`), a.base.Line)
	case evidence.ErrorHandled:
		for _, d := range s.functions(p.String("function")) {
			b.removeHandlers(s, d)
			for _, h := range s.facts.HandlersIn(d.Body) {
				b.invert(s, h.Span, func(c source.Span) bool { return s.facts.LineOf(c.Start) == h.Line })
			}
		}
	case evidence.MiddlewareRegistered:
		b.deleteRegistrations(s, p.String("middleware"))
	case evidence.HTTPHeaderSet:
		b.deleteHeaders(s, p.String("header"))
		if d := s.enclosing(a.base.Line); d != nil {
			b.returnEarly(s, d)
		}
	case evidence.EnvVarReferenced:
		b.renameReads(s, strings.TrimPrefix(p.String("variable"), "$"))
	case evidence.PatternMatches:
		b.removeMatches(s, p)
	case evidence.PatternAbsent:
		b.introduce(s, p)
	case evidence.NoPlaintextSecret:
		b.expose(s, p)
	case evidence.FileExists:
		b.deleteFile(s)
	case evidence.FileHash:
		b.flipBytes(s, p)
		if p.String("scope_file") == "" {
			b.deleteFile(s)
		}
	case evidence.ConfigKeyExists, evidence.ConfigValueMatches:
		b.removeKeys(s, p.String("key"))
	case evidence.DependencyExists, evidence.DependencyVersion:
		for _, f := range slices.Compact([]string{p.String("manifest"), a.base.File}) {
			if s := m.file(f); s != nil {
				b.weakenDependency(s, p.String("package"))
			}
		}
	case evidence.TestExists:
		if s.facts != nil {
			b.weakenTests(s, p)
		}
	default: // what was found on a line is gone
		b.removeLine(s, a.base.Line)
	}
}

// removeLine takes a line out, from 1.
func (b *batch) removeLine(s *subject, line int) {
	if line > 0 {
		b.add(RemoveDeclaration, s, "line "+itoa(line)+" is gone", spliced(s.text, change{Span: s.lineSpan(s.line(line))}))
	}
}

// weakenClass takes a type out, and empties its methods.
func (b *batch) weakenClass(s *subject, name string) {
	for _, d := range s.facts.Lookup(name) {
		if d.Kind == source.Function {
			continue
		}
		b.removeDeclaration(RemoveDeclaration, s, d)
		for _, method := range s.facts.Functions() {
			if method.Owner == d.Qualified() && !method.Body.Empty() {
				b.emptyBody(s, method)
			}
		}
	}
}

// near is how far behind a call what is decided by it may stand, in bytes.
const near = 160

// weakenCalls takes a call out, lets nothing come of it, and lets it not be reached.
func (b *batch) weakenCalls(s *subject, d *source.Decl, callee string) {
	calls := s.calls(d.Body, callee)
	b.removeCalls(s, calls)
	decides := func(span source.Span) bool {
		return slices.ContainsFunc(calls, func(c source.Call) bool {
			return span.Contains(c.Span) || c.Span.End <= span.Start && span.Start < c.Span.End+near
		})
	}
	b.invert(s, d.Body, decides)
	for _, h := range s.facts.HandlersIn(d.Body) {
		if e := s.emptied(h); len(e) > 0 && decides(h.Span) {
			b.add(EmptyHandler, s, "the error at line "+itoa(h.Line)+" is caught and forgotten", spliced(s.text, e...))
		}
	}
	b.returnEarly(s, d)
	b.emptyBody(s, d)
}

// makeForTests weakens the functions that the other assertions of the control speak of.
func (m *measuring) makeForTests(b *batch, a *asked) {
	if a.subjectID() == "" {
		a.result.Reason = "it names no control, so nothing says which code its tests are about"
		return
	}
	seen := map[string]bool{}
	for _, other := range m.all {
		if other == a || other.tests || other.subjectID() != a.subjectID() || other.result.State != Mutated && other.result.State != NoMutants {
			continue
		}
		s := m.file(cmp.Or(other.Params.String("file"), other.base.File))
		if s == nil || s.facts == nil || holdsTests(s) {
			continue
		}
		for _, d := range s.about(other) {
			key := s.path + "\x00" + itoa(d.Span.Start)
			if seen[key] {
				continue
			}
			seen[key] = true
			if callee := other.Params.String("callee"); callee != "" {
				b.removeCalls(s, s.calls(d.Body, strings.TrimSuffix(callee, "()")))
			}
			b.returnEarly(s, d)
			b.invert(s, d.Body, nil)
		}
	}
	if len(seen) == 0 {
		a.result.Reason = "no other assertion of " + string(a.subjectID()) + " names code, so nothing says which code its tests are about"
	}
}

// holdsTests reports whether the file is one of tests.
func holdsTests(s *subject) bool {
	return len(s.facts.Tests) > 0 || strings.Contains(path.Base(s.path), "_test.")
}

// about lists the functions with a body that an assertion speaks of.
func (s *subject) about(a *asked) []*source.Decl {
	p := a.Params
	if name := cmp.Or(p.String("caller"), p.String("function"), p.String("name")); name != "" && a.Type != evidence.TestExists {
		if found := s.functions(name); len(found) > 0 {
			return found
		}
		var methods []*source.Decl
		for _, d := range s.facts.Lookup(name) {
			for _, method := range s.facts.Functions() {
				if method.Owner == d.Qualified() && !method.Body.Empty() {
					methods = append(methods, method)
				}
			}
		}
		return methods
	}
	if d := s.enclosing(a.base.Line); d != nil {
		return []*source.Decl{d}
	}
	return nil
}
