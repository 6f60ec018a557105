package threat_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/threat"
)

func TestTextAndLine(t *testing.T) {
	for _, c := range []struct {
		name, in, text, line string
	}{
		{"plain", "one two", "one two", "one two"},
		{"empty", "", "", ""},
		{"only space", " \t\n ", "", ""},
		{"surrounding space", "  a \n", "a", "a"},
		{"CRLF", "a\r\nb\r\n\r\nc", "a\nb\n\nc", "a b c"},
		{"lone CR breaks a line", "a\rb", "a\nb", "a b"},
		{"form feed and vertical tab break a line", "a\fb\vc", "a\nb\nc", "a b c"},
		{"NEL and the Unicode separators break a line", "a\u0085b\u2028c\u2029d", "a\nb\nc\nd", "a b c d"},
		{"tab stays in a text", "a\tb", "a\tb", "a b"},
		{"runs of space", "a  b \n c", "a  b \n c", "a b c"},
		{"no-break space", "a\u00a0 b", "a\u00a0 b", "a b"},
		{"NUL", "a\x00b", "ab", "ab"},
		{"escape sequence", "a\x1b[31mb\x7f", "a[31mb", "a[31mb"},
		{"C1 control", "a\u009bb", "ab", "ab"},
		{"override", "user\u202Enimda\u202C", "usernimda", "usernimda"},
		{"isolate", "a\u2066b\u2069", "ab", "ab"},
		{"direction marks", "a\u200Eb\u200Fc\u061Cd", "abcd", "abcd"},
		{"tag block", "a\U000E0041\U000E007Fb", "ab", "ab"},
		{"zero width", "pass\u200Bword\uFEFF\u2060", "password", "password"},
		{"joiners of scripts and emoji stay", "\u0646\u200C\u0647 \U0001F469\u200D\U0001F4BB", "\u0646\u200C\u0647 \U0001F469\u200D\U0001F4BB", "\u0646\u200C\u0647 \U0001F469\u200D\U0001F4BB"},
		{"space left by what was removed", "\u202E a \u202C", "a", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := threat.Text(c.in, 100); err != nil || got != c.text {
				t.Errorf("Text(%q) = %q, %v; want %q", c.in, got, err, c.text)
			}
			if got, err := threat.Line(c.in, 100); err != nil || got != c.line {
				t.Errorf("Line(%q) = %q, %v; want %q", c.in, got, err, c.line)
			}
		})
	}
}

func TestTextRefusals(t *testing.T) {
	for _, clean := range []func(string, int) (string, error){threat.Text, threat.Line} {
		for _, bad := range []string{"\xff", "a\xc3", "\xed\xa0\x80", string([]byte{0xf5, 0x80, 0x80, 0x80})} {
			_, err := clean(bad, 100)
			refused(t, err, threat.Invalid, "", "UTF-8")
		}
		_, err := clean(strings.Repeat("é", 11), 10)
		refused(t, err, threat.Invalid, "", "shorten")
		if got, err := clean(" "+strings.Repeat("é", 10)+"\x00 ", 10); err != nil || utf8.RuneCountInString(got) != 10 {
			t.Errorf("10 characters of 10 with waste around: %q, %v", got, err)
		}
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"ééééé", 4, "ééé…"},
		{"ab cd", 4, "ab…"},
		{"", 1, ""},
		{"ab", 1, "…"},
	} {
		if got := threat.Clip(c.in, c.n); got != c.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"a", " a", "a ", "a  b", "a\tb", "a\n\nb", "a \n b", "\x7f", strings.Repeat("x", 41), "\r\n", "\r\r\n", "\u202e", "\xff", "a\u2028b", " \x00 ", "\U000e0041", "\u0085"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const limit = 40
		text, err := threat.Text(s, limit)
		// What is clean as it is takes a shorter way. A character that is removed sends it the long way, to the same end.
		if long, errLong := threat.Text(s+"\u200B", limit); long != text || threat.CodeOf(errLong) != threat.CodeOf(err) {
			t.Fatalf("Text(%q) is %q, %v the short way and %q, %v the long way", s, text, err, long, errLong)
		}
		line, errLine := threat.Line(s, limit)
		if long, errLong := threat.Line(s+"\u200B", limit); long != line || threat.CodeOf(errLong) != threat.CodeOf(errLine) {
			t.Fatalf("Line(%q) is %q, %v the short way and %q, %v the long way", s, line, errLine, long, errLong)
		}
		if err != nil {
			if utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit {
				t.Fatalf("%q refused: %v", s, err)
			}
			if threat.CodeOf(err) != threat.Invalid {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if !utf8.ValidString(text) || utf8.RuneCountInString(text) > limit || strings.TrimSpace(text) != text {
			t.Fatalf("%q became %q", s, text)
		}
		for _, r := range text {
			if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q kept %U", s, r)
			}
		}
		if again, err := threat.Text(text, limit); err != nil || again != text {
			t.Fatalf("cleaning %q again gives %q, %v", text, again, err)
		}
		if errLine != nil || strings.ContainsAny(line, "\n\t") || strings.Contains(line, "  ") {
			t.Fatalf("Line(%q) = %q, %v", s, line, errLine)
		}
		if again, err := threat.Line(line, limit); err != nil || again != line {
			t.Fatalf("cleaning the line %q again gives %q, %v", line, again, err)
		}
	})
}
