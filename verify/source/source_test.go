package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// sampleOf names a file of each language of the table.
func sampleOf(l *language) string { return "a" + l.extensions[0] }

func TestLanguageOf(t *testing.T) {
	for name, want := range map[string]Language{
		"a/b.go": Go, "A.PY": Python, "stub.pyi": Python, "x.go.txt": "", "Makefile": "", ".go": Go, "a.go/b": "",
	} {
		got, ok := LanguageOf(name)
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q, %t", name, got, ok)
		}
	}
	if !slices.IsSorted(Extensions()) || !slices.Contains(Extensions(), ".pyi") {
		t.Errorf("extensions: %v", Extensions())
	}
	if !slices.Contains(Languages(), Go) || !slices.Contains(Languages(), Python) {
		t.Errorf("languages: %v", Languages())
	}
}

func TestUnsupported(t *testing.T) {
	for _, name := range []string{"a.lua", "Makefile", "a.go.orig"} {
		_, err := Parse(name, []byte("x"))
		if !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(err.Error(), ".pyi") || !strings.Contains(err.Error(), filepath.Ext(name)) {
			t.Errorf("the error does not help: %v", err)
		}
	}
}

// What is no text in UTF-8 is refused in every language, with the line.
func TestRefusesWhatIsNoText(t *testing.T) {
	var wide []byte
	for _, u := range append([]uint16{0xFEFF}, utf16.Encode([]rune("x = 1\n"))...) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for _, l := range languages {
		for want, text := range map[string]string{
			"line 2: a NUL byte":               "\n\x00",
			"line 3: bytes that are not UTF-8": "\n\n\xff",
			"line 1: the text is UTF-16":       string(wide),
		} {
			_, err := Parse(sampleOf(l), []byte(text))
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s: %v, not %s", l.name, err, want)
			}
		}
	}
}

func TestQueries(t *testing.T) {
	f, err := Parse("a.py", []byte("def f():\n    g('s')  # c\n    try: h()\n    except E: i()\n\nclass A:\n    def f(self): pass\n"))
	if err != nil {
		t.Fatal(err)
	}
	d := f.Lookup("f")
	if len(d) != 2 || d[0].Qualified() != "f" || d[1].Qualified() != "A.f" {
		t.Fatalf("f is %v", d)
	}
	if n := len(f.Lookup("A.f")); n != 1 {
		t.Errorf("%d A.f", n)
	}
	if len(f.Functions()) != 2 || len(f.Classes()) != 1 || len(f.OfKind(Function, Class)) != 3 {
		t.Errorf("functions %v, classes %v", f.Functions(), f.Classes())
	}
	var names []string
	for _, c := range f.Within(d[0].Body) {
		names = append(names, fmt.Sprint(c.Name, " ", c.Line))
	}
	if diff := cmp.Diff([]string{"g 2", "h 3", "i 4"}, names); diff != "" {
		t.Error(diff)
	}
	if len(f.Within(d[1].Body)) != 0 || len(f.Within(Span{})) != 0 {
		t.Error("calls where there are none")
	}
	if s := f.StringsIn(d[0].Body); len(s) != 1 || s[0].Value != "s" || len(f.StringsIn(d[1].Body)) != 0 {
		t.Errorf("strings %v", s)
	}
	want := []Handler{{How: "except E", Span: Span{f.lines[3] + 4, f.lines[4] - 1}, Line: 4}}
	if diff := cmp.Diff(want, f.HandlersIn(d[0].Body)); diff != "" {
		t.Error(diff)
	}
	if code := string(f.Code()); strings.Contains(code, "# c") || len(code) != len(f.Text) || !strings.Contains(code, "g('s')     \n") {
		t.Errorf("%q", code)
	}
	for offset, line := range map[int]int{0: 1, 8: 1, 9: 2, len(f.Text): 8} {
		if got := f.LineOf(offset); got != line {
			t.Errorf("offset %d is on line %d, not %d", offset, got, line)
		}
	}
}

// Compiler directives are code.
func TestDirectivesAreCode(t *testing.T) {
	f, err := Parse("a.go", []byte("//go:build linux\n\n// a comment\npackage p\n\nimport _ \"embed\"\n\n//go:embed x\nvar x string\n"))
	if err != nil {
		t.Fatal(err)
	}
	if code := string(f.Code()); !strings.Contains(code, "//go:embed") || !strings.Contains(code, "//go:build") || strings.Contains(code, "a comment") {
		t.Error(code)
	}
	f, err = Parse("a.py", []byte("#!/usr/bin/env python\n# a comment\n"))
	if err != nil {
		t.Fatal(err)
	}
	if code := string(f.Code()); !strings.Contains(code, "#!/usr") || strings.Contains(code, "comment") {
		t.Error(code)
	}
}

// The verbs of rule 2 of Validates are taken as words.
func TestValidating(t *testing.T) {
	for name, want := range map[string]bool{
		"validate": true, "validateEmail": true, "is_valid": true, "isURL": true, "email.IsLocal": true, "re.fullmatch": true, "pattern.test": true,
		"strconv.ParseInt": true, "html.escape": true, "mustParse": true, "?.parse": true, "schema.load": true, "userSchema.decode": true, "assert.ok": true,
		"validate.Struct": true, "s.checkAccess": true, "NormalizePath": true, "ensure_admin": true, "isinstance": true, "safeParse": true,
		"ArgumentNullException.ThrowIfNull": true, "Guard.Against.Null": true, "Guard.NotNull": true, "throwIf": false, "lifeguard.notNull": false,
		"checkout": false, "checkOut": false, "check_in": false, "cleanUp": false, "latest": false, "testimony": false, "test": false, "issue": false, "is": false,
		"must": false, "skipValidation": false, "disable_checks": false, "logInvalid": false, "require": false, "json.load": false, "save": false, "sparse": false,
		"validator.log": false, "unescape": false, "print": false, "": false, "?.then": false,
	} {
		if got := validating(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestWords(t *testing.T) {
	for name, want := range map[string][]string{
		"isHTTPUrl_ok2": {"is", "http", "url", "ok"}, "validate": {"validate"}, "__init__": {"init"}, "A": {"a"}, "": nil, "ÉtatÜber": {"état", "über"}, "x2y": {"x", "y"},
	} {
		if diff := cmp.Diff(want, words(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// hardened are the languages that hostile texts and the fuzzer are tried on. JavaScript and TypeScript have their own tests.
var hardened = slices.DeleteFunc(slices.Clone(languages), func(l *language) bool { return l.name == JavaScript || l.name == TypeScript })

// hostile texts are long in what a reader may recurse on or read again and again.
func hostile(size int) map[string]string {
	texts := map[string]string{}
	for _, unit := range []string{
		"{", "}", "(", "[", `"`, "'", "`", "/*", "${", "`${", "f'{", `f"""{`, "#", "//", "\\", "<", "</", "<a>", "<!--", "a<", "=>", "x=>", "@", "@a\n", "!", "-", "*",
		"a.", "a(", "a[", "(a)", "a==", "a in ", "a if b else ", "lambda:", "lambda a:", "lambda a=", "not ", "a,", "a;", "a:", "\n", "\r", "\r\n", "\t", " ", "1", "1.", "...",
		"def f(): pass\n", "if a:\n", "def f(a=lambda:", "class A:", "if a: ", "if(a)", "else ", "case ", "async ", "await ", "new ", "function ", "func(", "interface{", "struct{", "[]", "map[a]", "chan ",
		"for(;;)", "/a", "/[", "a?b:", "a?.", "type A=", "A<B", "import a\n", "\"\"\"", "'''", "\\N{", "f'{a:", "match a:\n", "try:\n", "a=", "a = {'b': ", "x = \"y\"\n", "{a:", "export ", "\u00e9", "return ",
	} {
		texts[unit] = strings.Repeat(unit, size/len(unit)+1)
	}
	return texts
}

// Long hostile texts neither panic nor take more than their share: eight times the text is about eight times the work. Work
// is counted in tokens and bytes looked at, and in memory taken; for Go, whose parser is not ours, in memory alone.
func TestWorkGrowsWithTheText(t *testing.T) {
	const factor = 8
	small := 2 << 10
	if testing.Short() {
		small = 512
	}
	for _, l := range hardened {
		long := hostile(factor * small)
		for unit, text := range hostile(small) {
			for _, prefix := range []string{"", before(l)} {
				one, oneAllocs := effort(l, prefix+text)
				many, manyAllocs := effort(l, prefix+long[unit])
				if many > one*factor*3/2+5000 {
					t.Errorf("%s, %q after %q: work %d for %d bytes, %d for %d", l.name, unit, prefix, one, len(text), many, len(long[unit]))
				}
				if manyAllocs > oneAllocs*factor*3/2+5000 {
					t.Errorf("%s, %q after %q: %d allocations for %d bytes, %d for %d", l.name, unit, prefix, oneAllocs, len(text), manyAllocs, len(long[unit]))
				}
			}
		}
	}
}

// before is what a text needs before it for a body to follow.
func before(l *language) string {
	if l.name == Go {
		return "package p\nfunc f() { x = "
	}
	return "x = "
}

// effort parses a text, which may be refused, and returns the work and the allocations.
func effort(l *language, text string) (work, allocations int) {
	bytes := []byte(text)
	allocs := testing.AllocsPerRun(1, func() {
		f := &File{Language: l.name, Text: bytes, name: sampleOf(l)}
		f.indexLines()
		if l.parse(f) == nil {
			f.sort()
		}
		work = f.work
	})
	return work, int(allocs)
}

// A megabyte of what could nest, and 50,000 brackets that do, end in facts or in a refusal.
func TestDeepNesting(t *testing.T) {
	for _, l := range hardened {
		for _, unit := range []string{"{", "(", "[", `"`, "'", "`", "/*", "${", "`${", "f'{", "<"} {
			size := 1 << 20
			if testing.Short() {
				size = 1 << 16
			}
			text := strings.Repeat(unit, size/len(unit))
			if f, err := Parse(sampleOf(l), []byte(text)); err == nil {
				checkInvariants(t, f)
			} else if syntax := (*SyntaxError)(nil); !errors.As(err, &syntax) || syntax.Line < 1 {
				t.Errorf("%s, %q: %v", l.name, unit, err)
			}
		}
		for _, pair := range []string{"()", "[]", "{}"} {
			text := before(l) + strings.Repeat(pair[:1], 50_000) + "1" + strings.Repeat(pair[1:], 50_000) + "\n"
			f, err := Parse(sampleOf(l), []byte(text))
			if l.name == Go || err != nil {
				if syntax := (*SyntaxError)(nil); !errors.As(err, &syntax) {
					t.Errorf("%s, %s: %v", l.name, pair, err)
				}
				continue
			}
			checkInvariants(t, f)
		}
	}
}

// checkInvariants fails the test when facts are out of order or out of the text.
func checkInvariants(t *testing.T, f *File) {
	t.Helper()
	last := 0
	within := func(what string, s Span, line int) {
		if s.Start < 0 || s.End < s.Start || s.End > len(f.Text) {
			t.Fatalf("%s %v is not in a text of %d bytes", what, s, len(f.Text))
		}
		if line < 1 || line > len(f.lines) {
			t.Fatalf("%s %v: line %d of %d", what, s, line, len(f.lines))
		}
	}
	ordered := func(what string, s Span, line int) {
		within(what, s, line)
		if s.Start < last {
			t.Fatalf("%s %v comes after one that starts at %d", what, s, last)
		}
		last = s.Start
	}
	for _, d := range f.Decls {
		ordered("declaration "+d.Name, d.Span, d.Line)
		if d.Name == "" {
			t.Fatalf("a declaration without a name at %v", d.Span)
		}
		if !d.Body.Empty() && !d.Span.Contains(d.Body) {
			t.Fatalf("the body %v of %s is not within %v", d.Body, d.Name, d.Span)
		}
		for _, p := range d.Params {
			within("parameter "+p.Name, p.Span, d.Line)
		}
	}
	last = 0
	for _, c := range f.Calls {
		ordered("call "+c.Name, c.Span, c.Line)
		end := c.Span.Start
		for _, arg := range c.Args {
			within("argument of "+c.Name, arg, c.Line)
			if arg.Start < end || arg.End > c.Span.End {
				t.Fatalf("argument %v of %s at %v", arg, c.Name, c.Span)
			}
			end = arg.End
		}
		if f.LineOf(c.Span.Start) != c.Line {
			t.Fatalf("call %s at %v is not on line %d", c.Name, c.Span, c.Line)
		}
	}
	last = 0
	for _, s := range f.Strings {
		ordered("string", s.Span, s.Line)
	}
	last = 0
	for _, c := range f.Comments {
		ordered("comment", c, 1)
		last = c.End
	}
	last = 0
	for _, h := range f.Handlers {
		ordered("handler "+h.How, h.Span, h.Line)
	}
	for _, list := range [][]Span{f.conditions, f.comparisons} {
		for _, s := range list {
			within("condition", s, 1)
		}
	}
	if len(f.Code()) != len(f.Text) {
		t.Fatal("code of another length")
	}
	for i := range f.Decls {
		for _, p := range f.Decls[i].Params {
			f.Validates(&f.Decls[i], p.Name)
		}
	}
}

// excerpts returns the files of testdata in a language.
func excerpts(t testing.TB, l Language) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	paths, err := filepath.Glob("testdata/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		if have, ok := LanguageOf(name); !ok || have != l {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = text
	}
	if len(found) == 0 {
		t.Fatalf("no excerpts of %s", l)
	}
	return found
}

// Whatever the text, facts are in order and within it, and tokens cover all but blanks.
func FuzzParse(f *testing.F) {
	for i, l := range hardened {
		for _, text := range excerpts(f, l.name) {
			f.Add(uint8(i), text)
		}
		for _, text := range hostile(20) {
			f.Add(uint8(i), []byte(before(l)+text))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, text []byte) {
		l := hardened[int(which)%len(hardened)]
		if file, err := Parse(sampleOf(l), text); err == nil {
			checkInvariants(t, file)
		}
		if l.tokens != nil && checkText(text) == nil {
			checkTokens(t, l, text)
		}
	})
}

// checkTokens fails the test when tokens overlap, or leave out what is not blank.
func checkTokens(t *testing.T, l *language, text []byte) {
	t.Helper()
	tokens, err := l.tokens(text)
	if err != nil {
		return
	}
	end := 0
	gap := func(to int) {
		if rest := strings.Trim(strings.TrimPrefix(string(text[end:to]), "\ufeff"), " \t\r\n\f\v\\\u00a0\u2028\u2029\ufeff"); rest != "" && !strings.HasPrefix(rest, "#!") {
			t.Fatalf("%s: no token for %q at %d", l.name, rest, end)
		}
	}
	for _, s := range tokens {
		if s.Start < end || s.End <= s.Start || s.End > len(text) {
			t.Fatalf("%s: token %v after one that ends at %d", l.name, s, end)
		}
		gap(s.Start)
		end = s.End
	}
	gap(len(text))
}

// The excerpts, cut by the lexers.
func TestTokensOfExcerpts(t *testing.T) {
	for _, l := range hardened {
		if l.tokens == nil {
			continue
		}
		for _, text := range excerpts(t, l.name) {
			checkTokens(t, l, text)
			if _, err := l.tokens(text); err != nil {
				t.Error(err)
			}
		}
	}
}
