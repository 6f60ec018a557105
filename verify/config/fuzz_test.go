package config_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/verify/config"
)

// Any text under any name is read or refused with an error of ours; what is read can be looked up by its own keys.
func FuzzRead(f *testing.F) {
	for _, seed := range []struct{ path, text string }{
		{"a.json", `{"a": [1, {"b": null}], /* c */ "d": "e",}`},
		{"a.yaml", "a: &x {b: 1}\nc:\n  <<: *x\n  d: [1, *x]\n---\n- !t e\n"},
		{"a.toml", "a.b = [1, {c = 1}]\n[[d]]\ne = \"\"\"x\"\"\"\n[d.f]\n"},
		{"a.ini", "[a]\nb = c ; d\n  e\n[f \"g\"]\nh[] = \\\n i\n"},
		{"a.service", "[a]\nb=1\nb=2\n"},
		{"a.cnf", "[a]\nflag\n"},
		{".env", "export A=\"b\\n$C\"\nD='e\nf' # g\nH\n"},
		{"a.properties", "a.b[0] = \\u0041\\\n  c\n#---\nd e\n"},
		{"a.xml", "<a b='c'><d/><d>e</d><!-- f --></a>"},
	} {
		f.Add(seed.path, []byte(seed.text))
	}
	f.Fuzz(func(t *testing.T, path string, text []byte) {
		file, err := config.Read(path, text)
		if err != nil {
			if _, ours := err.(*config.Error); !ours || file != nil {
				t.Fatalf("%T %v", err, err)
			}
			if strings.Contains(err.Error(), "runtime error") {
				t.Fatal(err)
			}
			return
		}
		for _, key := range file.Nearest("a.b", 5) {
			values, err := file.Lookup(key)
			if err != nil || len(values) == 0 {
				t.Fatalf("%q: %v, %v", key, values, err)
			}
			for _, v := range values {
				if v.Line < 1 || v.Line > 1+strings.Count(string(text), "\n") {
					t.Fatalf("%q: line %d", key, v.Line)
				}
			}
		}
	})
}

// Any key is looked up or refused.
func FuzzLookup(f *testing.F) {
	for _, key := range []string{"a.b", "a[0].b", `a."b".c`, "a['b'][*]", "*", "a.*.c", "0", `'\''`, "a.b.c.d"} {
		f.Add(key)
	}
	file, err := config.Read("a.yaml", []byte("a: [{b: {c: 1}}, {b.c: 2}]\na.b: {c.d: 3}\n\"*\": {0: x}\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		values, err := file.Lookup(key)
		if err != nil && values != nil {
			t.Fatalf("%v and %v", values, err)
		}
		for _, v := range values {
			if again, err := file.Lookup(v.Key); err != nil || len(again) == 0 {
				t.Fatalf("%q: the key %q of a value finds %v, %v", key, v.Key, again, err)
			}
		}
	})
}

// What a parser fears most is read or refused with memory that grows with the text, not with its square.
func TestLargeInputs(t *testing.T) {
	if testing.Short() {
		t.Skip("reads many large files")
	}
	const size = 1 << 18
	fill := func(before, unit, after string) string {
		return before + strings.Repeat(unit, (size-len(before)-len(after))/len(unit)) + after
	}
	brackets := []string{fill("", "[", ""), fill("a=", "[1,", ""), fill("", "{\"a\":", ""), fill("", "\"", ""), fill("", "a", "")}
	for path, texts := range map[string][]string{
		"a.json":       append(brackets, fill("[", "0,", "]"), fill("", "/*", ""), fill("", "//\n", "1")),
		"a.yaml":       append(brackets, fill("", "- ", ""), fill("a: &a\n", "- *a\n", ""), fill("", "a: &a {b: *a}\n", ""), fill("", "? ", ""), fill("", "---\n", "")),
		"a.toml":       append(brackets, fill("["+strings.Repeat("k", size/2)+"]\n", "a.b.c=1\n", ""), fill("", "a.", "a=1"), fill("", "[[a]]\n", ""), fill("a=", "{b=", ""), fill("a=[", "1,", "]")),
		"a.ini":        append(brackets, fill("a = 1\n", "  a = b\n", ""), fill("a = 1", "\\\n", ""), fill("", "[a]\nb[]=1\n", "")),
		".env":         append(brackets, fill("A='", "\n", "'"), fill("", "A=1\n", "")),
		"a.properties": append(brackets, fill("a=", "\\\n", ""), fill("", "#---\na=1\n", ""), fill("a=", "\\u0041", "")),
		"a.xml":        {fill("<a>", "<b/>", "</a>"), fill("", "<a>", ""), fill("<a>", "x<!-- -->", "</a>"), fill("<a ", "b='c' ", "/>"), fill("<a>", "&amp;", "</a>")},
	} {
		for _, text := range texts {
			var was, is runtime.MemStats
			runtime.ReadMemStats(&was)
			f, err := config.Read(path, []byte(text))
			if err == nil {
				if _, err := f.Lookup("a.*"); err == nil {
					f.Nearest("a.b", 3)
				}
			}
			runtime.ReadMemStats(&is)
			if perByte := (is.TotalAlloc - was.TotalAlloc) / size; perByte > 4_000 {
				t.Errorf("%s of %q: %d bytes of memory for each of text", path, text[:20], perByte)
			}
		}
	}
}
