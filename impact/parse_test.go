package impact_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/impact"
	"github.com/redoubt-dev/redoubt/threat"
)

func fixture(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func parse(t testing.TB, diff string) []impact.Change {
	t.Helper()
	list, err := impact.Parse(diff)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// short is a change in a line: what, from where to where, how many hunks, how many lines go and come.
func short(c impact.Change) string {
	gone, come := 0, 0
	for _, h := range c.Hunks {
		for _, l := range h.Lines {
			switch l.Kind {
			case '-':
				gone++
			case '+':
				come++
			}
		}
	}
	binary := ""
	if c.Binary {
		binary = " binary"
	}
	return fmt.Sprintf("%s %q %q %d -%d +%d%s", c.Op, c.Old, c.New, len(c.Hunks), gone, come, binary)
}

// What git 2.39 and GNU diff 3.8 print of one change of every sort. Each fixture is the output of the command beside it.
func TestParseWhatGitPrints(t *testing.T) {
	staged := []string{
		`copied "auth/key.go" "auth/copy.go" 1 -1 +1`,
		`modified "auth/key.go" "auth/key.go" 1 -1 +1`,
		`modified "blob.bin" "blob.bin" 0 -0 +0 binary`,
		`modified "crlf.txt" "crlf.txt" 1 -1 +1`,
		`renamed "empty.txt" "fresh.txt" 0 -0 +0`,
		`deleted "gone.py" "" 1 -1 +0`,
		`renamed "old.txt" "moved to.txt" 1 -1 +1`,
		`modified "naïve \"q\".txt" "naïve \"q\".txt" 1 -1 +1`,
		`added "" "new.sql" 1 -0 +2`,
		`deleted "noeol.txt" "" 1 -1 +0`,
		`added "" "noeol.txt" 1 -0 +1`,
		`renamed "mode.sh" "pure rename.sh" 0 -0 +0`,
		`modified "with space.txt" "with space.txt" 1 -1 +1`,
	}
	uncopied := slices.Clone(staged)
	uncopied[0] = `added "" "auth/copy.go" 1 -0 +18`
	for name, want := range map[string][]string{
		"all.diff":      staged, // git diff --cached -M -C --find-copies-harder
		"crlf.diff":     staged, // the same with CRLF at every line
		"noprefix.diff": uncopied,
		"mnemonic.diff": uncopied,
		"show.diff":     uncopied, // git show -M
		"patch.diff":    uncopied, // git format-patch -1 -M --stdout
		"u0.diff":       uncopied, // git diff --cached -M -U0
		"log.diff": { // git log -p -2: the same file twice
			`modified "new.sql" "new.sql" 1 -1 +1`, `added "" "new.sql" 1 -0 +2`,
		},
		"binary.diff": { // git diff --binary
			`modified "auth/key.go" "auth/key.go" 1 -1 +1`, `modified "blob.bin" "blob.bin" 0 -0 +0 binary`,
		},
		"plain.diff":  {`modified "n" "n" 1 -1 +1`}, // diff -u a/n b/n
		"plainr.diff": {`modified "n" "n" 1 -1 +1`}, // diff -ru a b
	} {
		list, err := impact.Parse(fixture(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, c := range list {
			got = append(got, short(c))
		}
		slices.Sort(got)
		want = slices.Clone(want)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The other way round, what was added is deleted: names of both sides are told apart.
func TestParseReverse(t *testing.T) {
	var got []string
	for _, c := range parse(t, fixture(t, "reverse.diff")) {
		got = append(got, fmt.Sprintf("%s %s %s", c.Op, c.Old, c.New))
	}
	for _, want := range []string{"added  gone.py", "deleted new.sql ", "deleted auth/copy.go ", "renamed moved to.txt old.txt", "modified auth/key.go auth/key.go"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

func TestParseLines(t *testing.T) {
	list := parse(t, fixture(t, "all.diff"))
	i := slices.IndexFunc(list, func(c impact.Change) bool { return c.New == "auth/key.go" })
	h := list[i].Hunks[0]
	if h.Section != "func CheckKey(a, b string) bool {" || h.OldStart != 10 || h.OldLines != 7 || h.NewStart != 10 || h.NewLines != 7 {
		t.Errorf("%+v", h)
	}
	want := impact.Line{Kind: '+', New: 13, Text: "\treturn subtle.ConstantTimeCompare(x, y) == 0"}
	if diff := cmp.Diff(want, h.Lines[4]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if l := h.Lines[5]; l != (impact.Line{Kind: ' ', Old: 14, New: 14, Text: "}"}) {
		t.Errorf("%+v", l)
	}
}

const head = "diff --git a/x.go b/x.go\nindex 1..2 100644\n--- a/x.go\n+++ b/x.go\n"

// What is not a whole unified diff is refused with the line and what to send; no word of it comes back.
func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ diff, words string }{
		"nothing":                       {"", "no file"},
		"prose":                         {"I changed CANARY in x.go\n", "no file"},
		"a merge":                       {fixture(t, "merge.diff"), "merge"},
		"names without common ground":   {fixture(t, "unrelated.diff"), "different names"},
		"a hunk cut off":                {head + "@@ -1,3 +1,3 @@\n a\n-b\n", "line 7: the diff ends within a hunk: 1 old and 2 new"},
		"a header cut off":              {"diff --git a/x.go b/x.go\nindex 1..2 100644\n", "ends within the headers"},
		"names and no hunk":             {head, "no hunk"},
		"a line too many":               {head + "@@ -1 +1 @@\n-a\n+b\n+CANARY\n", "line 8: it is not part"},
		"a line too few":                {head + "@@ -1,2 +1 @@\n-a\n+b\n@@ -5 +5 @@\n-c\n+d\n", "line 8: it does not fit"},
		"a header that is wrong":        {head + "@@ -1,x +1 @@\n-a\n+b\n", "header of the hunk"},
		"a header that overflows":       {head + "@@ -99999999999 +1 @@\n-a\n+b\n", "header of the hunk"},
		"a hunk of nothing":             {head + "@@ -1,0 +1,0 @@\n", "counts no lines"},
		"a hunk at line zero":           {head + "@@ -0 +1 @@\n-a\n+b\n", "counts no lines"},
		"a hunk without a file":         {"@@ -1 +1 @@\n-a\n+b\n", "without a file"},
		"a line of a wrong kind":        {head + "@@ -1 +1 @@\n-a\n*b\n", "does not fit"},
		"words between files":           {head + "@@ -1 +1 @@\n-a\n+b\nCANARY\n" + head + "@@ -1 +1 @@\n-a\n+b\n", "line 8: it is not part"},
		"--- without +++":               {"diff --git a/x b/x\n--- a/x\n@@ -1 +1 @@\n-a\n+b\n", "+++"},
		"another file in the names":     {"diff --git a/x b/x\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n", "different files"},
		"a deletion that keeps a side":  {"diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", "different files"},
		"prefixes of one's own":         {"diff --git old/x new/x\n--- old/x\n+++ new/x\n@@ -1 +1 @@\n-a\n+b\n", "cannot be told"},
		"a rename without its end":      {"diff --git a/x b/y\nrename from x\n", "ends within"},
		"a rename without headers":      {"diff --git a/x b/y\nold mode 100644\nnew mode 100755\n", "cannot be told"},
		"a quote that does not close":   {"diff --git \"a/x b/x\n--- \"a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", ""},
		"a path that climbs out":        {"diff --git a/../x b/../x\n--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n", "repository root"},
		"an absolute path":              {"--- /etc/CANARY\n+++ /etc/CANARY\n@@ -1 +1 @@\n-a\n+b\n", "repository root"},
		"two sides that are no file":    {"--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+b\n", "neither side"},
		"files that are only in one":    {"Only in b: CANARY\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\nOnly in b: CANARY\n", "line 7"},
		"a binary patch that is no one": {"diff --git a/x b/x\nindex 1..2\nGIT binary patch\nCANARY\n", "binary patch"},
		"a submodule's log":             {head + "@@ -1 +1 @@\n-a\n+b\nSubmodule sub 1..2:\n", "not part"},
		"more than fits":                {strings.Repeat("x", impact.MaxDiff+1), "1048577 bytes"},
	} {
		list, err := impact.Parse(c.diff)
		if threat.CodeOf(err) != threat.Invalid || list != nil {
			t.Errorf("%s: %v, %v", name, list, err)
			continue
		}
		if !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "CANARY") || !strings.Contains(err.Error(), "changed_paths") {
			t.Errorf("%s: %v; want %q in it, and nothing of the diff", name, err, c.words)
		}
	}
}

// Diffs that people and tools bend a little.
func TestParseAccepts(t *testing.T) {
	for name, c := range map[string]struct{ diff, want string }{
		"no end at the last line":     {head + "@@ -1 +1 @@\n-a\n+b", `modified "x.go" "x.go" 1 -1 +1`},
		"a blank that was trimmed":    {head + "@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n", `modified "x.go" "x.go" 1 -1 +1`},
		"no git header":               {"--- a/d/x.go\n+++ b/d/x.go\n@@ -1 +1 @@\n-a\n+b\n", `modified "d/x.go" "d/x.go" 1 -1 +1`},
		"no git header, new":          {"--- /dev/null\n+++ b/d/x.go\n@@ -0,0 +1 @@\n+b\n", `added "" "d/x.go" 1 -0 +1`},
		"no git header, deleted":      {"--- a/d/x.go\n+++ /dev/null\n@@ -1 +0,0 @@\n-b\n", `deleted "d/x.go" "" 1 -1 +0`},
		"emptied":                     {"--- x.go\t2026-01-01\n+++ x.go\t1970-01-01\n@@ -1 +0,0 @@\n-b\n", `deleted "x.go" "" 1 -1 +0`},
		"an index line of svn":        {"Index: x.go\n=====\n--- x.go\t(revision 1)\n+++ x.go\t(working copy)\n@@ -1 +1 @@\n-a\n+b\n", `modified "x.go" "x.go" 1 -1 +1`},
		"lines that look like heads":  {head + "@@ -1,2 +1,2 @@\n--- a/x\n-diff --git a/y b/y\n+++ b/x\n+@@ -1 +1 @@\n", `modified "x.go" "x.go" 1 -2 +2`},
		"mode alone":                  {"diff --git a/x b/x\nold mode 100644\nnew mode 100755\n", `modified "x" "x" 0 -0 +0`},
		"an empty file, deleted":      {"diff --git a/x b/x\ndeleted file mode 100644\nindex e69de29..0000000\n", `deleted "x" "" 0 -0 +0`},
		"a folder named a, no prefix": {"diff --git a/x a/x\n--- a/x\n+++ a/x\n@@ -1 +1 @@\n-a\n+b\n", `modified "a/x" "a/x" 1 -1 +1`},
		"a quoted rename":             {"diff --git \"a/\\303\\244\" \"b/\\t\"\nsimilarity index 100%\nrename from \"\\303\\244\"\nrename to \"\\t\"\n", `renamed "ä" "\t" 0 -0 +0`},
		"no newline, in German":       {head + "@@ -1 +1 @@\n-a\n\\ Kein Zeilenumbruch am Dateiende.\n+b\n\\ Kein Zeilenumbruch am Dateiende.\n", `modified "x.go" "x.go" 1 -1 +1`},
	} {
		list, err := impact.Parse(c.diff)
		if err != nil || len(list) != 1 || short(list[0]) != c.want {
			t.Errorf("%s: %v, %v; want %s", name, list, err, c.want)
		}
	}
}

func TestPaths(t *testing.T) {
	list, err := impact.Paths([]string{"./a/b.go", "a/b.go", "c"})
	if err != nil || len(list) != 2 || list[0].New != "a/b.go" || list[0].Op != impact.Unknown || list[1].Old != "c" {
		t.Errorf("%+v, %v", list, err)
	}
	for _, bad := range []string{"", "/etc/passwd", "../x", "a/../../x", `a\b`, "C:/x", "~/x"} {
		if _, err := impact.Paths([]string{"ok", bad}); threat.CodeOf(err) != threat.Invalid || !strings.Contains(err.Error(), "1:") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := impact.Paths(make([]string, impact.MaxPaths+1)); threat.CodeOf(err) != threat.Invalid {
		t.Errorf("too many paths: %v", err)
	}
}

// drawChange draws a change as git would print it.
func drawChange(t *rapid.T) impact.Change {
	name := rapid.Custom(func(t *rapid.T) string {
		return path.Clean("d/" + rapid.StringMatching(`[a-zä "\\.\t-]{1,8}x`).Draw(t, "name"))
	})
	c := impact.Change{Op: rapid.SampledFrom([]impact.Op{impact.Modified, impact.Added, impact.Deleted, impact.Renamed, impact.Copied}).Draw(t, "op")}
	c.Old = name.Draw(t, "old")
	c.New = c.Old
	switch c.Op {
	case impact.Added:
		c.Old = ""
	case impact.Deleted:
		c.New = ""
	case impact.Renamed, impact.Copied:
		c.New = c.Old + "2"
	}
	hunks := rapid.IntRange(0, 3).Draw(t, "hunks")
	if c.Op == impact.Modified {
		hunks = max(hunks, 1)
	}
	old, now := 1, 1
	for range hunks {
		skip := rapid.IntRange(0, 50).Draw(t, "skip")
		old, now = old+skip, now+skip
		h := impact.Hunk{OldStart: old, NewStart: now, Section: rapid.StringMatching(`(func [A-Z]+\(\) \{)?`).Draw(t, "section")}
		kinds := "+- "
		switch c.Op {
		case impact.Added:
			kinds = "+"
		case impact.Deleted:
			kinds = "-"
		}
		for range rapid.IntRange(1, 6).Draw(t, "lines") {
			l := impact.Line{Kind: kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")], Text: rapid.StringMatching(`[-+ @\\a-z]{0,12}`).Draw(t, "text")}
			if l.Kind != '+' {
				l.Old = old
				old++
				h.OldLines++
			}
			if l.Kind != '-' {
				l.New = now
				now++
				h.NewLines++
			}
			h.Lines = append(h.Lines, l)
		}
		if h.OldLines == 0 {
			h.OldStart-- // a side without lines names the line before
		}
		if h.NewLines == 0 {
			h.NewStart--
		}
		c.Hunks = append(c.Hunks, h)
	}
	return c
}

// quote writes a path as git does.
func quote(p string) string {
	if !strings.ContainsAny(p, "\"\\\t") && strings.IndexFunc(p, func(r rune) bool { return r > 0x7e }) < 0 {
		return p
	}
	var b strings.Builder
	for _, c := range []byte(p) {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c == '\t':
			b.WriteString(`\t`)
		case c > 0x7e:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return `"` + b.String() + `"`
}

// print writes a change as git does.
func print(b *strings.Builder, c impact.Change, eol string) {
	side := func(prefix, name, other string) string {
		if name == "" {
			name = other
		}
		return quote(prefix + name)
	}
	line := func(format string, args ...any) { fmt.Fprintf(b, format+eol, args...) }
	line("diff --git %s %s", side("a/", c.Old, c.New), side("b/", c.New, c.Old))
	switch c.Op {
	case impact.Added:
		line("new file mode 100644")
	case impact.Deleted:
		line("deleted file mode 100644")
	case impact.Renamed, impact.Copied:
		word := map[impact.Op]string{impact.Renamed: "rename", impact.Copied: "copy"}[c.Op]
		line("similarity index 90%%")
		line("%s from %s", word, quote(c.Old))
		line("%s to %s", word, quote(c.New))
	}
	if len(c.Hunks) == 0 {
		return
	}
	names := []string{"--- " + quote("a/"+c.Old), "+++ " + quote("b/"+c.New)}
	if c.Old == "" {
		names[0] = "--- /dev/null"
	}
	if c.New == "" {
		names[1] = "+++ /dev/null"
	}
	line("%s", names[0])
	line("%s", names[1])
	count := func(start, n int) string {
		if n == 1 {
			return fmt.Sprint(start)
		}
		return fmt.Sprintf("%d,%d", start, n)
	}
	for _, h := range c.Hunks {
		section := ""
		if h.Section != "" {
			section = " " + h.Section
		}
		line("@@ -%s +%s @@%s", count(h.OldStart, h.OldLines), count(h.NewStart, h.NewLines), section)
		for _, l := range h.Lines {
			line("%c%s", l.Kind, l.Text)
		}
	}
}

// A diff that git could print is read as exactly the files, hunks and lines that it was printed from. Cut after any of its lines it
// is refused, or read as the whole hunks that are left: no hunk and no file is made up or cut short.
func TestParseReadsWhatWasPrinted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(drawChange), 1, 4).Draw(t, "changes")
		eol := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "eol")
		var b strings.Builder
		for _, c := range want {
			print(&b, c, eol)
		}
		got, err := impact.Parse(b.String())
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s\n%s", diff, b.String())
		}
		lines := strings.SplitAfter(b.String(), "\n")
		cut := rapid.IntRange(0, len(lines)-1).Draw(t, "cut")
		got, err = impact.Parse(strings.Join(lines[:cut], ""))
		if err != nil {
			return
		}
		for i, c := range got {
			if n := len(c.Hunks); i < len(want) && n <= len(want[i].Hunks) && (n == len(want[i].Hunks) || i == len(got)-1) {
				left := want[i]
				left.Hunks = left.Hunks[:n:n]
				if n == 0 {
					left.Hunks = nil
				}
				if cmp.Equal(left, c) {
					continue
				}
			}
			t.Fatalf("cut after %d lines it holds %+v", cut, c)
		}
	})
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.diff")
	if err != nil || len(files) < 10 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	f.Fuzz(func(t *testing.T, diff string) {
		list, err := impact.Parse(diff)
		if (err == nil) != (len(list) > 0) || err != nil && threat.CodeOf(err) != threat.Invalid {
			t.Fatalf("%v, %v", list, err)
		}
		for _, c := range list {
			if c.Path() == "" || strings.HasPrefix(c.Path(), "/") {
				t.Fatalf("%+v", c)
			}
			for _, h := range c.Hunks {
				old, now := 0, 0
				for _, l := range h.Lines {
					if l.Old > 0 {
						old++
					}
					if l.New > 0 {
						now++
					}
				}
				if old != h.OldLines || now != h.NewLines {
					t.Fatalf("%+v", h)
				}
			}
		}
		for _, s := range impact.FindSurface(list) {
			if s.What == "" || s.Line < 1 || len([]rune(s.What)) > impact.MaxWhat {
				t.Fatalf("%+v", s)
			}
		}
	})
}
