package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sameYAML fails when a text that the fast reader takes reads differently in the whole language.
func sameYAML(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string,
) (taken bool) {
	t.Helper()
	got := readPlainYAML([]byte(text))
	if got == nil {
		return false
	}
	want, err := readAnyYAML(&builder{}, []byte(text))
	if err != nil {
		t.Fatalf("%q is read, but it is malformed: %v", text, err)
	}
	if diff := cmp.Diff(want, []*Node{got}, cmp.AllowUnexported(Node{})); diff != "" {
		t.Fatalf("%q reads differently (-library +here):\n%s", text, diff)
	}
	return true
}

func TestPlainYAML(t *testing.T) {
	for _, text := range []string{
		"a: 1", "a: 1\n", "a:\n", "a:\nb: x", "# c\n\na: true # yes\n", "a: \"x # y\" # z\n", "a: 'x: y'", "a: ''\n",
		"a:\n  b:\n    c: 1.5\n  d: ~\ne: null\n", "a:\n- x\n- y\nb: 2", "a:\n  - x\n  -   y z  \nb: 2",
		"a:\n  - b: 1\n    c: 2\n  - b: 3\n", "a:\n- b:\n  - c\n  - d: e\n", "a:\n- b:\n- c: [x, 1, \"2\", true]\n", "a: []\nb: [ x ]",
		"a: x:y #z\nb: http://h:80/p#f\nc: a b  c\n", "a: -1\nb: 0x1F\nc: 1e3\nd: .5\ne: 2020-01-02\nf: Yes\ng: OFF\nh: NULL", "a:   #c\n  b: 1\n#d\n",
		"a: x  \n  # far in\nb: y\n", "0: a\nb/c.d-e: f\n",
	} {
		if !sameYAML(t, text) {
			t.Errorf("%q is left to the library", text)
		}
	}
	for _, text := range []string{
		"", "# c\n", "- a\n", " a: 1", "a", "a: b: c", "a: |\n x", "a: &x 1", "a: *x", "a: !t x", "a: {b: 1}", "a: 1\n  b: 2", "a: x\n  y", "a: 1\na: 2",
		"a: \"x\n  y\"", "a: \"\\n\"", "a: 'it''s'", "---\na: 1", "a: 1\n---\nb: 2", "a: 1\n...\n", "a:\tb", "a: 1\r\n", "a: ü", "a:\n    b: 1\n  c: 2", "a:\n- b\n  c",
		"a:\n  - b\n  c: 1", "<<: {a: 1}", "? a\n: b", "\"a\": 1", "a: [b", "a: [b, [c]]", "a: [b]c", "a: @x", "a: %x", "a:\n- - b\n", "a:\n  -\n    b: 1", "a: - b",
		"a" + strings.Repeat("a", 1100) + ": 1",
	} {
		if sameYAML(t, text) {
			t.Errorf("%q is not left to the library", text)
		}
	}
}

// TestPlainYAMLAgrees draws texts of lines that are near to what the fast reader takes.
func TestPlainYAMLAgrees(t *testing.T) {
	indent := rapid.SampledFrom([]string{"", "", "  ", "  ", "    ", " ", "   "})
	lead := rapid.SampledFrom([]string{"", "", "", "", "- ", "-  ", "-", "# ", "- - "})
	key := rapid.SampledFrom([]string{"a: ", "b: ", "c: ", "d: ", "e:", "f: ", "g:  ", "h.i-j: ", "", "k :", "1: ", "l:x", "\"q\": ", "<<: "})
	value := rapid.SampledFrom([]string{
		"", "", "", "x", "true", "12", "~", "x y", "x  y ", "'q'", "\"q\"", "\"\"", "'a # b'", "a # b", "#c", " # c", "[a, b]", "[]", "[a,b] # c", "[a, ]", "[ 'a' ,\"b\" ]",
		"{a: b}", "x: y", "x:", "- x", "-x", "-1", "|", "&a x", "*a", "!t", "...", "---", "a#b", "it's", "\"a\\tb\"", "0o7", "1_000", ".inf", "2020-01-02", "[1.5, -2]", "[a b]", "=", "null", "[,]", "a, b", "a]", "[a]]",
	})
	line := rapid.Custom(func(t *rapid.T) string {
		return indent.Draw(t, "indent") + lead.Draw(t, "lead") + key.Draw(t, "key") + value.Draw(t, "value")
	})
	rapid.Check(t, func(t *rapid.T) {
		sameYAML(t, strings.Join(rapid.SliceOfN(line, 1, 7).Draw(t, "lines"), "\n"))
	})
}

func FuzzPlainYAML(f *testing.F) {
	for _, text := range []string{
		"a: 1\nb:\n  - x: [y, 'z']\n    w: \"v\" # u\n  - t\n# s\nr:\n- q\np:\n", "a:\n  b: c d\n  e:\n    - f\n", "a: -1\nb: [1.5, x]\nc: 2020-01-02 #d",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, bad := clean([]byte(text)); bad == nil {
			sameYAML(t, text)
		}
	})
}

// tableDistance is the distance by its definition.
func tableDistance(a, b string) int {
	a, b = a[max(0, len(a)-60):], b[max(0, len(b)-60):]
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
			case a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			default:
				rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
			}
		}
	}
	return rows[len(a)][len(b)]
}

func TestDistance(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching(`[ab.]{0,70}`), rapid.StringMatching(`[a-z]{0,12}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		if got, want := Distance(a, b), tableDistance(a, b); got != want {
			t.Fatalf("the distance of %q and %q is %d, not %d", a, b, got, want)
		}
	})
}
