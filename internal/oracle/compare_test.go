package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// Every pinned code base belongs to a language with a pool, and both halves of each language have some.
func TestCorpora(t *testing.T) {
	list, err := readCorpora()
	if err != nil {
		t.Fatal(err)
	}
	halves := map[string]map[string]int{}
	for _, c := range list {
		if poolOf(c.Language) == nil {
			t.Errorf("%s: no pool of %q", c, c.Language)
		}
		if c.Half != tuned && c.Half != sealed {
			t.Errorf("%s: half %q", c, c.Half)
		}
		if len(c.SHA256) != 64 || c.Version == "" {
			t.Errorf("%s is not pinned", c)
		}
		if halves[c.Language] == nil {
			halves[c.Language] = map[string]int{}
		}
		halves[c.Language][c.Half]++
	}
	for _, p := range pools {
		if h := halves[p.language]; h[tuned] < 2 || h[sealed] < 2 {
			t.Errorf("%s: %d tuned, %d sealed", p.language, h[tuned], h[sealed])
		}
	}
}

func at(line int, kind, name string) decl { return decl{"a.x", line, kind, name} }

func says(decls ...decl) *findings {
	f := newFindings()
	for _, d := range decls {
		f.decls[d] = true
	}
	return f
}

// What both judges have must be found, what one has may be, and what neither has is made up.
func TestCount(t *testing.T) {
	both, one, none, maybe, torn := at(1, function, "both"), at(2, function, "one"), at(3, function, "none"), at(4, typ, "maybe"), at(9, function, "torn")
	lost := at(5, typ, "lost")
	first, second := says(both, one, lost, torn), says(both, lost, torn)
	second.maybe[maybe] = true
	second.errors["a.x"] = [][2]int{{8, 10}}
	ours := map[decl]bool{both: true, one: true, none: true, maybe: true, torn: true}
	o := oracle{disputed: map[string]bool{}}
	c := &corpus{Name: "base", Language: "go"}
	got := o.count(c, []text{{"a.x", []byte("both()\nother()\n")}}, ours, nil, first, second)
	if got.agreed != 2 || got.found != 1 || got.ours != 4 || got.denied != 1 || got.textClaims != 0 {
		t.Errorf("%+v", got)
	}
	if want := []string{"base/a.x:5 type lost"}; !slices.Equal(got.missed, want) {
		t.Errorf("missed %q, not %q", got.missed, want)
	}
	if want := []string{"base/a.x:3 function none"}; !slices.Equal(got.made, want) {
		t.Errorf("made up %q, not %q", got.made, want)
	}
	o.disputed["base/a.x:3 function none"] = true
	if got := o.count(c, []text{{"a.x", nil}}, ours, nil, first, second); got.denied != 0 || got.known != 1 {
		t.Errorf("a disputed one: %+v", got)
	}
}

// A name before a bracket is a claim of text matching; it is made up unless a judge has a function of that name in the file.
func TestByText(t *testing.T) {
	body := "func both() { other(1); other(2); if (x) {} } // said()"
	got := &tally{}
	got.byText([]text{{"a.x", []byte(body)}}, map[decl]bool{at(1, function, "both"): true}, nil, says(at(1, function, "both")))
	if got.textClaims != 3 || got.textDenied != 2 || got.ourClaims != 1 || got.ourDenied != 0 {
		t.Errorf("%+v", got)
	}
}

// The cap takes the same files whatever the order, and says nothing about what is in them.
func TestCapped(t *testing.T) {
	var list []text
	for _, r := range "zyxwvutsrqponmlkjihgfedcba" {
		for _, s := range "0123" {
			list = append(list, text{string(r) + string(s), []byte("x")})
		}
	}
	got := capped(slices.Clone(list), true)
	slices.Reverse(list)
	again := capped(list, true)
	if len(got) != smallFiles || !slices.EqualFunc(got, again, func(a, b text) bool { return a.name == b.name }) {
		t.Errorf("%d files, then %d", len(got), len(again))
	}
}

// Names are compared in one form.
func TestFold(t *testing.T) {
	for _, c := range []struct{ language, name, want string }{
		{"cpp", "operator ==", "operator=="},
		{"typescript", `"quoted-key"`, "quoted-key"},
		{"sql", `Schema."Name"`, "name"},
		{"rust", "r#type", "type"},
		{"kotlin", "`with blanks`", "withblanks"},
		{"systemverilog", "Class::new", "new"},
		{"go", "Name", "Name"},
	} {
		if got := fold(c.language, c.name); got != c.want {
			t.Errorf("%s: %q became %q, not %q", c.language, c.name, got, c.want)
		}
	}
}

// Each language has a table for a judge besides tree-sitter, or is known to have none.
func TestNormals(t *testing.T) {
	for _, p := range pools {
		if _, ok := ctagsNormals[p.language]; !ok && p.language != "scala" && p.language != "swift" {
			t.Errorf("%s has no second judge", p.language)
		}
		if titles[p.language] == "" {
			t.Errorf("%s has no title", p.language)
		}
	}
	for language := range maps.Keys(ctagsNormals) {
		if poolOf(language) == nil {
			t.Errorf("%s has no pool", language)
		}
	}
}

// More slips than allowed are an error that names the language; a language that was left out, or has no bound yet, is not judged.
func TestWorse(t *testing.T) {
	bounds := map[string]slips{"go": {100, 1, 0}}
	for _, c := range []struct {
		got  map[string]slips
		want string
	}{
		{map[string]slips{"go": {100, 1, 0}}, ""},
		{nil, ""},
		{map[string]slips{"go": {100, 2, 0}}, "Go: 2 missed and 0 made up; 1 and 0"},
		{map[string]slips{"go": {100, 0, 1}}, "Go: 0 missed and 1 made up"},
		{map[string]slips{"java": {100, 1, 0}}, ""},
	} {
		err := worse(c.got, bounds)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: %v, not %q", c.got, err, c.want)
		}
	}
}
