// Package testreport reads what a test runner wrote about a run: JUnit XML in its dialects, the output of go test -json, and the
// formats of the runners that the verifier starts itself. A report says which tests passed; what it does not say did not pass.
package testreport

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Outcome is what became of a test.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed" // also an error, a crash, a time-out, a test that began and did not end, one that passed at a later try
	Skipped Outcome = "skipped"
)

// Case is one run of one test.
type Case struct {
	Name    string   // "TestLogin/expired", "test_login[admin]", "refuses an expired token"
	Class   string   // the class or group as the report names it; "" when it does not
	Suites  []string // names of the suites around it, the outermost first
	Package string   // Go: the import path
	File    string   // the source file, where the report names it
	Outcome Outcome
}

// Report is all tests of a run.
type Report struct{ Tests []Case }

// ErrNoTests is the error for a report of a run without a single test: a filter that matches nothing succeeds in some runners.
var ErrNoTests = errors.New("the report holds no test at all")

// Bounds on what is read.
const (
	maxDepth = 100
	maxCases = 1_000_000
)

// Read reads a report, JUnit XML or the output of go test -json, told apart by its first sign. Errors: [ErrNoTests]; what is
// neither, is malformed, or is cut off.
func Read(r io.Reader) (*Report, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte{0xEF, 0xBB, 0xBF}) {
		_, _ = in.Discard(3)
	}
	for {
		c, err := in.ReadByte()
		if err == io.EOF {
			return nil, errors.New("the report is empty")
		}
		if err != nil {
			return nil, err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		if err := in.UnreadByte(); err != nil {
			return nil, err
		}
		var report *Report
		if c == '<' {
			report, err = JUnit(in)
		} else {
			report, err = GoTest(in)
		}
		if err != nil {
			return nil, err
		}
		return report, report.check()
	}
}

// check refuses a report without a test.
func (r *Report) check() error {
	if len(r.Tests) == 0 {
		return ErrNoTests
	}
	return nil
}

func (r *Report) add(c Case) error {
	if len(r.Tests) >= maxCases {
		return fmt.Errorf("the report holds more than %d tests", maxCases)
	}
	r.Tests = append(r.Tests, c)
	return nil
}

// Names returns the names that a case goes by: its own, those with its class, suites or package before it, and those of the
// tests that it is a part of ("TestLogin" for "TestLogin/expired"), the case's own name first.
func (c Case) Names() []string {
	base := unparametrised(c.Name)
	names := []string{c.Name}
	add := func(parts ...string) {
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		for _, join := range []string{".", " › ", " ", "/"} {
			name := strings.Join(parts, join)
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
			if len(parts) < 2 {
				break
			}
		}
	}
	add(base)
	for _, n := range []string{c.Name, base} {
		add(c.Class, n)
		add(lastOf(c.Class, "."), n)
		for i := len(c.Suites) - 1; i >= 0; i-- {
			add(append(slices.Clone(c.Suites[i:]), n)...)
		}
		add(c.Package, n)
		add(lastOf(c.Package, "/"), n)
	}
	if root, _, ok := strings.Cut(base, "/"); ok && (c.Package != "" || strings.HasPrefix(root, "Test")) {
		for i := range len(base) {
			if base[i] == '/' {
				add(base[:i])
				add(c.Package, base[:i])
				add(lastOf(c.Package, "/"), base[:i])
			}
		}
	}
	return names
}

// Group names the test that a case is a run of, however often and with whichever parameters: "pkg TestLogin" for
// "TestLogin/expired". The cases of a group stand and fall together.
func (c Case) Group() string {
	base := unparametrised(c.Name)
	if root, _, ok := strings.Cut(base, "/"); ok && (c.Package != "" || strings.HasPrefix(root, "Test")) {
		base = root
	}
	return strings.Join([]string{c.Package, c.Class, c.File, strings.Join(c.Suites, "\x1f"), base}, "\x1e")
}

var parameters = regexp.MustCompile(`^([\pL_$][\pL\pN_$.]*)[ \t]?[\[({].*$`)

// unparametrised takes the parameters of a run from the name of a test: "test_login[admin]", "adds(int, int)[2]".
func unparametrised(name string) string {
	if m := parameters.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return name
}

func lastOf(s, sep string) string {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[i+len(sep):]
	}
	return s
}

// Verdict says what the cases of one test come to: failed when any failed, passed when at least one passed, else skipped. A test
// that fails and then passes at a second try has failed: what is flaky proves nothing.
func Verdict(cases []Case) Outcome {
	verdict := Skipped
	for _, c := range cases {
		switch c.Outcome {
		case Failed:
			return Failed
		case Passed:
			verdict = Passed
		}
	}
	return verdict
}
