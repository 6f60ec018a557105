package verify_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify"
)

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

// The same tree gives the same outcomes, byte for byte, whatever the number of processors and of files looked at at once.
func TestOutcomesAreTheSame(t *testing.T) {
	n := 120
	if testing.Short() {
		n = 60
	}
	files, assertions := generated(n)
	dir := write(t, files)
	repository(t, dir)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	first := ""
	for _, procs := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(procs)
		for _, concurrency := range []int{0, 5} {
			last := 0
			o := verify.Options{Root: dir, Commit: "HEAD", Concurrency: concurrency, Done: func(n int) {
				if last++; n != last {
					t.Errorf("progress says %d after %d", n, last-1)
				}
			}}
			got, err := json.Marshal(checkWith(t, o, assertions...))
			if err != nil {
				t.Fatal(err)
			}
			if last != len(assertions) {
				t.Errorf("progress ended at %d of %d", last, len(assertions))
			}
			if first == "" {
				first = string(got)
			}
			if diff := cmp.Diff(first, string(got)); diff != "" {
				t.Fatalf("%d processors, %d at once: %s", procs, concurrency, diff)
			}
		}
	}
	for i, o := range checkWith(t, verify.Options{Root: dir, Commit: "HEAD"}, assertions...) {
		want := evidence.Pass
		if i%7 == 6 {
			switch o.Assertion.Type {
			case evidence.FileExists, evidence.FileHash, evidence.NoPlaintextSecret, absent: // true of every file
			default:
				want = evidence.Fail
			}
		}
		if o.Verdict != want {
			t.Errorf("%s %v: %s, %s; want %s", o.Assertion.Type, o.Assertion.Params, o.Verdict, o.Reason, want)
		}
	}
}

// What is asked in one run is answered as when it is asked alone, in any order and any number of times.
func TestQuestionsDoNotDisturbEachOther(t *testing.T) {
	files, assertions := generated(60)
	dir := write(t, files)
	alone := map[string]verify.Outcome{}
	for _, a := range assertions {
		alone[string(a.Type)+a.Params.Canonical()] = checkWith(t, verify.Options{Root: dir}, a)[0]
	}
	c, err := verify.New(verify.Options{Root: dir, Concurrency: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfN(rapid.SampledFrom(assertions), 1, 12).Draw(t, "assertions")
		for i, got := range c.Check(context.Background(), some) {
			if diff := cmp.Diff(alone[string(some[i].Type)+some[i].Params.Canonical()], got); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// A cancelled run says so of what it did not check.
func TestCancelled(t *testing.T) {
	files, assertions := generated(40)
	c, err := verify.New(verify.Options{Root: write(t, files)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, o := range c.Check(ctx, assertions) {
		if o.Verdict != evidence.Fail || !strings.Contains(o.Reason, "cancelled") {
			t.Errorf("%s: %s, %s", o.Assertion.Type, o.Verdict, o.Reason)
		}
	}
	if got := c.Check(context.Background(), nil); len(got) != 0 {
		t.Errorf("%d outcomes of nothing", len(got))
	}
}

// Nothing that a text may hold makes a check panic, pass twice over or say more than it may.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{goText(1)[:400], pythonText(1)[:400], scriptText(1)[:400], "a: [1, 2", "\xff\xfe", "{", "<a><b/></a>"} {
		f.Add(s, "Open1")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		files := map[string]string{}
		var all []evidence.Assertion
		for _, ext := range []string{"go", "py", "ts", "jsx", "yaml", "json", "toml", "xml", "env"} {
			file := "f." + ext
			files[file] = text
			for _, spec := range evidence.Specs() {
				a := evidence.Assertion{Type: spec.Type, Params: evidence.Params{}}
				for k, v := range spec.Example {
					a.Params[k] = v
				}
				for _, k := range []string{"file", "manifest"} {
					if _, has := a.Params[k]; has {
						a.Params[k] = file
					}
				}
				for _, k := range []string{"name", "function", "caller", "key", "package"} {
					if _, has := a.Params[k]; has {
						a.Params[k] = name
					}
				}
				all = append(all, a)
			}
		}
		for _, o := range checkWith(t, verify.Options{Root: write(t, files), Concurrency: 1}, all...) {
			if o.Reason == "" || len([]rune(o.Reason)) > evidence.MaxReason || strings.Contains(o.Reason, "internal error") {
				t.Fatalf("%s: %q", o.Assertion.Type, o.Reason)
			}
			if o.Verdict == evidence.Fail && o.Excerpt != "" || o.Line < 0 || o.Line > 2+strings.Count(text, "\n") {
				t.Fatalf("%s: %s", o.Assertion.Type, fmt.Sprintf("%+v", o))
			}
		}
	})
}
