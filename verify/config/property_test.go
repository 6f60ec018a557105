package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/magiconair/properties"
	"go.yaml.in/yaml/v3"
	"gopkg.in/ini.v1"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/verify/config"
)

// names of keys: plain ones, and those that need quotes in a key.
var names = rapid.SampledFrom([]string{"a", "b", "tls", "cert_file", "x-y", "a.b", "it's", `q"q`, "br[0]", "0", "7", "*", "ü", "with space", "@at", `back\slash`, "#h", "true"})

var texts = rapid.SampledFrom([]string{"", "x", "true", "12", "a # b", "a: b", "- x", "line\nline", "ünï", `"`, "'", "${HOME}", " pad ", "~", "null", "{{x}}", `\n`})

// tree draws maps, lists and scalars; TOML has no null.
func tree(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 6).Draw(t, "kind")
		if depth == 0 && kind > 3 {
			kind -= 4
		}
		switch kind {
		case 0, 1:
			return texts.Draw(t, "text")
		case 2:
			return rapid.Int64Range(-1000, 1<<40).Draw(t, "number")
		case 3:
			return rapid.Bool().Draw(t, "bool")
		case 4:
			return rapid.SliceOfN(tree(depth-1), 0, 4).Draw(t, "list")
		}
		return rapid.MapOfN(names, tree(depth-1), 0, 11).Draw(t, "map")
	})
}

// each visits every value of a tree with its key, all names in quotes.
func each(v any, key string, visit func(key string, v any)) {
	if key != "" {
		visit(key, v)
	}
	switch x := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(x)) {
			each(x[name], key+"['"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name)+"']", visit)
		}
	case []any:
		for i, item := range x {
			each(item, fmt.Sprintf("%s[%d]", key, i), visit)
		}
	}
}

// The same tree, written as JSON, YAML and TOML, has the same value at every path, with the line it stands on.
func TestSameTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root := rapid.MapOfN(names, tree(3), 1, 9).Draw(t, "tree")
		asJSON, err := json.MarshalIndent(root, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		asYAML, err := yaml.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string][]byte{"t.json": asJSON, "t.yaml": asYAML}
		var asTOML bytes.Buffer
		if err := toml.NewEncoder(&asTOML).Encode(root); err == nil { // it refuses some lists of mixed kinds
			files["t.toml"] = asTOML.Bytes()
		}
		for path, text := range files {
			f, err := config.Read(path, text)
			if err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			rows := strings.Split(string(text), "\n")
			each(map[string]any(root), "", func(key string, v any) {
				got, err := f.Lookup(key)
				if err != nil || len(got) != 1 {
					t.Fatalf("%s %s: %v, %v in\n%s", path, key, got, err, text)
				}
				wantKind, wantText := config.String, fmt.Sprint(v)
				switch v.(type) {
				case bool:
					wantKind = config.Bool
				case int64:
					wantKind = config.Number
				case map[string]any:
					wantKind, wantText = config.Map, ""
				case []any:
					wantKind, wantText = config.List, ""
				}
				if got[0].Kind != wantKind || got[0].Text != wantText {
					t.Fatalf("%s %s: %+v, want %s %q in\n%s", path, key, got[0], wantKind, wantText, text)
				}
				if line := got[0].Line; line < 1 || line > len(rows) || strings.TrimSpace(rows[line-1]) == "" {
					t.Fatalf("%s %s: line %d of\n%s", path, key, line, text)
				} else if wantKind == config.Number && !strings.Contains(rows[line-1], wantText) {
					t.Fatalf("%s %s: line %d does not hold %s in\n%s", path, key, line, wantText, text)
				}
				if again, err := f.Lookup(got[0].Key); err != nil || !slices.Contains(again, got[0]) {
					t.Fatalf("%s: the key %s of the value finds %v, %v", path, got[0].Key, again, err)
				}
			})
			for _, near := range f.Nearest("tls.cert", 5) {
				if v, err := f.Lookup(near); err != nil || len(v) == 0 {
					t.Fatalf("%s: the near key %s finds %v, %v", path, near, v, err)
				}
			}
		}
	})
}

// A key that is commented out is never found, whatever stands around it; without the comment it is.
func TestCommentedOut(t *testing.T) {
	word := rapid.StringMatching(`[a-z]{1,8}`)
	forms := []struct{ path, line, comment string }{
		{"a.json", `"secret": "on",`, "// %s"},
		{"a.json", `"secret": "on",`, "/* %s */"},
		{"a.yaml", "secret: on", "# %s"},
		{"a.toml", `secret = "on"`, "# %s"},
		{"a.ini", "secret = on", "; %s"},
		{"a.ini", "secret = on", "# %s"},
		{".env", "secret=on", "# %s"},
		{"a.properties", "secret=on", "#%s"},
		{"a.properties", "secret=on", "! %s"},
		{"a.xml", "<secret>on</secret>", "<!-- %s -->"},
	}
	other := func(path, name string) string {
		switch path {
		case "a.json":
			return fmt.Sprintf("%q: \"x\",", name)
		case "a.yaml":
			return name + ": x"
		case "a.toml":
			return name + ` = "x"`
		case "a.xml":
			return fmt.Sprintf("<%s>x</%[1]s>", name)
		}
		return name + "=x"
	}
	rapid.Check(t, func(t *rapid.T) {
		around := rapid.SliceOfNDistinct(word, 0, 6, rapid.ID[string]).Filter(func(s []string) bool { return !slices.Contains(s, "secret") }).Draw(t, "around")
		at := rapid.IntRange(0, len(around)).Draw(t, "at")
		pad := rapid.SampledFrom([]string{"", "", "\n", "\n\n"}).Draw(t, "pad")
		for _, form := range forms {
			for _, commented := range []bool{true, false} {
				var rows []string
				for i := 0; i <= len(around); i++ {
					if i == at {
						row := form.line
						if commented {
							row = fmt.Sprintf(form.comment, form.line)
						}
						rows = append(rows, pad+row)
					}
					if i < len(around) {
						rows = append(rows, other(form.path, around[i]))
					}
				}
				text, key := strings.Join(rows, "\n")+"\n", "secret"
				switch form.path {
				case "a.json":
					text = "{\n" + text + "}"
				case "a.xml":
					text, key = "<root>\n"+text+"</root>", "root.secret"
				}
				f, err := config.Read(form.path, []byte(text))
				if err != nil {
					t.Fatalf("%v in\n%s", err, text)
				}
				got, err := f.Lookup(key)
				if err != nil || len(got) != 1 && !commented || len(got) != 0 && commented {
					t.Fatalf("%s, commented %v: %v, %v in\n%s", form.path, commented, got, err, text)
				}
			}
		}
	})
}

// Java's properties, as magiconair/properties reads them.
func TestPropertiesLikeAnother(t *testing.T) {
	key := rapid.SampledFrom([]string{"a", "b.c", `c\ d`, `e\:f`, `\u0041`, "é", "g[0]", "h-i"})
	sign := rapid.SampledFrom([]string{"=", ":", " ", "\t", " = ", " : ", "="})
	value := rapid.SampledFrom([]string{"", "x", "two words", `\n\t`, `\\`, "#x", "!x", "=x", "${a}", "long \\\n   more", `\u00e9`, "a=b", "%"})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for range rapid.IntRange(0, 8).Draw(t, "lines") {
			b.WriteString(rapid.SampledFrom([]string{"", "", "# a=1\n", "!b\n", "\n", "  \n"}).Draw(t, "between"))
			b.WriteString(rapid.SampledFrom([]string{"", "", "  "}).Draw(t, "indent"))
			fmt.Fprintf(&b, "%s%s%s\n", key.Draw(t, "key"), sign.Draw(t, "sign"), value.Draw(t, "value"))
		}
		text := b.String()
		want, err := (&properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}).LoadBytes([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		f, err := config.Read("a.properties", []byte(text))
		if err != nil {
			t.Fatalf("%v in %q, read elsewhere as %v", err, text, want.Map())
		}
		for _, e := range f.Docs[0].Entries() {
			if v, ok := want.Get(e.Name); !ok || v != e.Node.Text {
				if _, err := f.Lookup("['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(e.Name) + "']"); err == nil { // twice: theirs is the last
					t.Fatalf("%q: %q = %q, want %q", text, e.Name, e.Node.Text, v)
				}
			}
		}
		if ours := f.Docs[0].Entries(); len(ours) != want.Len() {
			t.Fatalf("%q: %v, want %v", text, ours, want.Map())
		}
	})
}

// Plain INI files, as gopkg.in/ini.v1 reads them.
func TestINILikeAnother(t *testing.T) {
	word := rapid.StringMatching(`[a-z][a-z0-9_]{0,6}`)
	value := rapid.SampledFrom([]string{"", "x", "two words", "'q'", "v ; note", "v # note", "a#b", "http://h/?a=b", "%d", "a:b"})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for _, section := range rapid.SliceOfNDistinct(word, 0, 4, rapid.ID[string]).Draw(t, "sections") {
			fmt.Fprintf(&b, "[%s]\n", section)
			for _, name := range rapid.SliceOfNDistinct(word, 0, 5, rapid.ID[string]).Draw(t, "names") {
				b.WriteString(rapid.SampledFrom([]string{"", "; c\n", "#c = d\n", "\n"}).Draw(t, "between"))
				fmt.Fprintf(&b, "%s %s %s\n", name, rapid.SampledFrom([]string{"=", ":"}).Draw(t, "sign"), value.Draw(t, "value"))
			}
		}
		want, err := ini.LoadSources(ini.LoadOptions{SpaceBeforeInlineComment: true}, []byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		f, err := config.Read("a.ini", []byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range want.Sections() {
			for _, key := range section.Keys() {
				got, err := f.Lookup(section.Name() + "." + key.Name())
				if err != nil || len(got) != 1 || got[0].Text != key.Value() {
					t.Fatalf("%s.%s: %v, %v, want %q in\n%s", section.Name(), key.Name(), got, err, key.Value(), b.String())
				}
			}
		}
	})
}
