package mutate_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify/mutate"
)

// tested is a module whose test notices that the limit is gone, and not that the name is unchecked.
var tested = map[string]string{
	"go.mod": "module example.org/shop\n\ngo 1.24\n",
	"shop.go": `package shop

import "strings"

// Allow says whether a sum may be sent.
func Allow(sum int, name string) bool {
	if sum > 100 {
		return false
	}
	if strings.Contains(name, "<") {
		return false
	}
	return true
}

// Bound is as much as may be sent.
func Bound(sum int) int {
	most := limit()
	if sum > most {
		return most
	}
	return sum
}

func limit() int { return 100 }
`,
	"shop_test.go": `package shop

import "testing"

func TestAllow(t *testing.T) {
	if Allow(101, "a") || !Allow(1, "a") {
		t.Fatal("the limit does not hold")
	}
}

func TestBound(t *testing.T) {
	if Bound(1000) != 100 {
		t.Fatal("not bounded")
	}
}
`,
}

// TestRunTests: the tests that a control names are run on each weakening of the code that its other assertions name. One that does
// not compile says nothing, and is not counted as killed.
func TestRunTests(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the go command is not installed")
	}
	dir := write(t, tested)
	before := treeDigest(t, dir)
	exists := assertion(evidence.FunctionExists, "file", "shop.go", "name", "Allow")
	passes := assertion(evidence.TestPasses, "pattern", "shop_test.go", "name", "TestAllow", "report", "not/there.xml")
	passes.ID = "E2"
	calls := assertion(evidence.FunctionCalls, "file", "shop.go", "caller", "Bound", "callee", "limit")
	calls.ID, calls.Control = "E3", "C2"
	bound := assertion(evidence.TestPasses, "pattern", "TestBound")
	bound.ID, bound.Control = "E4", "C2"
	alone := assertion(evidence.TestPasses, "pattern", "TestBound")
	alone.ID, alone.Control = "E5", "C3"
	env := append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOTOOLCHAIN=local")
	r := run(t, mutate.Options{Root: dir, RunTests: true, Env: env, MaxMutants: 4}, exists, passes, calls, bound, alone)
	want := []string{"return-early 7 killed", "invert-condition 7 killed", "invert-condition 10 killed"}
	got := made(&mutate.Report{Assertions: r.Assertions[1:2]})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the test of Allow: %s\n%+v", diff, r.Assertions[1])
	}
	// An emptied body is tried in a form that compiles.
	if empty := r.Assertions[0].Mutants[0]; empty.Operator != mutate.EmptyBody || empty.State != mutate.Survived || !slices.Contains(empty.By, "E2") {
		t.Errorf("the emptied body: %+v", empty)
	}
	// The value of the removed call is one that does not compile.
	removed := r.Assertions[3].Mutants[0]
	if removed.Operator != mutate.RemoveCall || removed.State != mutate.NoVerdict || removed.Reason == "" || r.Assertions[3].NoVerdict != 1 {
		t.Errorf("a mutant that does not compile: %+v", removed)
	}
	if c := r.Controls[1]; c.ID != "C2" || c.Killed == 0 || c.Survived != 0 {
		t.Errorf("a control with a call and a test: %+v", c)
	}
	if a := r.Assertions[4]; a.State != mutate.NoMutants || a.Reason == "" {
		t.Errorf("a test of a control that names no code: %+v", a)
	}
	if treeDigest(t, dir) != before {
		t.Error("the tree has changed")
	}
}

// TestRunTestsInPython runs unittest, where a mutant need not compile.
func TestRunTestsInPython(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	dir := write(t, map[string]string{
		"shop.py":      "def allow(total):\n    if total > 100:\n        return False\n    return True\n",
		"test_shop.py": "import unittest\nfrom shop import allow\n\n\nclass TestShop(unittest.TestCase):\n    def test_allow(self):\n        self.assertTrue(allow(1))\n",
	})
	before := treeDigest(t, dir)
	passes := assertion(evidence.TestPasses, "pattern", "test_shop.py")
	passes.ID = "E2"
	r := run(t, mutate.Options{Root: dir, RunTests: true}, assertion(evidence.ParameterValidated, "file", "shop.py", "function", "allow", "parameter", "total"), passes)
	got := made(&mutate.Report{Assertions: r.Assertions[1:2]})
	if diff := cmp.Diff([]string{"return-early 2 survived", "invert-condition 2 killed"}, got); diff != "" {
		t.Errorf("%s\n%+v", diff, r.Assertions[1])
	}
	// The test never asks for more than the limit: that the check is gone is noticed by reading alone, a higher limit and a yes to
	// everything by nobody.
	var survivors []mutate.Operator
	for _, m := range r.Controls[0].Survivors {
		survivors = append(survivors, m.Operator)
	}
	if diff := cmp.Diff([]mutate.Operator{mutate.LoosenValue, mutate.ReturnEarly}, survivors); diff != "" {
		t.Errorf("survivors: %s", diff)
	}
	if treeDigest(t, dir) != before {
		t.Error("the tree has changed")
	}
	if _, err := os.Stat(filepath.Join(dir, "__pycache__")); err == nil {
		t.Error("the tests ran in the tree itself")
	}
}
