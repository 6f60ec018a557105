package compliance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/threat"
)

func read(t testing.TB, text string, about compliance.About) compliance.Framework {
	t.Helper()
	in, err := compliance.Read([]byte(text), about)
	if err != nil {
		t.Fatal(err)
	}
	return in.Framework
}

var acme = compliance.About{ID: "acme"}

// The same framework, written in either form, is the same.
func TestFormsAgree(t *testing.T) {
	want := compliance.Framework{
		ID: "acme", Title: "Acme baseline", Version: "2",
		Levels: []compliance.Level{{Number: 1, Name: "Basic"}, {Number: 2, Name: "Full"}},
		Chapters: []compliance.Chapter{
			{ID: "K", Name: "Keys", Sections: []compliance.Section{{ID: "K.1", Name: "Storage"}}},
			{ID: "general", Name: "General"},
		},
		Requirements: []compliance.Requirement{
			{
				ID: "K.1.1", Level: 1, Chapter: "K", Section: "K.1", Summary: `Keys are in a "vault", not in code.`,
				Kinds: []threat.FacetKind{threat.AbsenceFacet, threat.ConfigurationFacet}, Keywords: []string{"key vault", "HSM"}, CWE: []int{321, 798},
			},
			{ID: "X", Level: 2, Chapter: "general", Summary: "Something else."},
		},
	}
	about := compliance.About{ID: "acme", Title: "Acme baseline", Version: "2", Levels: []string{"Basic", "Full"}}
	for name, text := range map[string]string{
		"comma":     "id,text,level,chapter_id,chapter,section_id,section,kinds,keywords,cwe\nK.1.1,\"Keys are in a \"\"vault\"\",\nnot in code.\",Basic,K,Keys,K.1,Storage,absence|configuration,key vault; HSM,CWE-798;321\nX,Something else.,2,,,,,,,\n",
		"semicolon": "\xef\xbb\xbfID; Text ;Level;Chapter ID;Chapter;Section ID;Section;Kinds;Keywords;CWE\r\nK.1.1;\"Keys are in a \"\"vault\"\", not in code.\";basic;K;Keys;K.1;Storage;absence,configuration;key vault|HSM;798,321\r\n;;;;;;;;;\r\nX;Something else.;FULL;;;;;;;\r\n",
		"json": `{"id":"other","title":"Acme baseline","version":"2","levels":["Basic","Full"],"requirements":[
			{"id":"K.1.1","text":"Keys are in a \"vault\",\n not in code.","level":1,"chapter_id":"K","chapter":"Keys","section_id":"K.1","section":"Storage","kinds":["absence","configuration"],"keywords":["key vault","HSM"],"cwe":[798,"CWE-321"]},
			{"id":"X","text":"Something else.","level":"full","section":null}]}`,
	} {
		if d := cmp.Diff(want, read(t, text, about)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	doc, err := want.Document()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, read(t, string(doc), compliance.About{})); d != "" {
		t.Errorf("written and read (-want +got):\n%s", d)
	}
}

// What is not said of levels and chapters.
func TestDefaults(t *testing.T) {
	f := read(t, "id\ttext\r1\tOne\r2\tTwo", acme)
	if f.Levels != nil || f.Requirements[1].Level != 0 || f.Requirements[0].Chapter != "general" || f.Title != "acme" {
		t.Errorf("%+v", f)
	}
	f = read(t, "id,text,level,chapter,section\n1,One,1,A,S\n2,Two,3,A,S\n", acme)
	if len(f.Levels) != 3 || f.Levels[2].Name != "Level 3" || f.Chapters[0].ID != "A" || f.Chapters[0].Sections[0].Name != "S" || len(f.Chapters[0].Sections) != 1 {
		t.Errorf("%+v", f)
	}
	f = read(t, `[{"id":"1","text":"One"}]`, acme)
	if len(f.Requirements) != 1 {
		t.Errorf("%+v", f)
	}
}

// Every wrong place is named with its line and field, several at once, and no more than twenty.
func TestErrorsNameLineAndField(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		about compliance.About
		want  []string // field and a part of the message
	}{
		"empty":             {" \n", acme, []string{"content: empty"}},
		"not UTF-8":         {"id,text\n1,\xff\n", acme, []string{"content: line 2"}},
		"no header":         {"1,One\n2,Two\n", acme, []string{`line 1: "1"`, `line 1: "one"`}},
		"no text":           {"id,level\n1,1\n", acme, []string{"line 1: text"}},
		"two columns":       {"id,text,text\n1,a,b\n", acme, []string{"line 1.text: two"}},
		"ragged":            {"id,text\n1,One,more\n\n2\n", acme, []string{"line 2: 3 cells", "line 4: 1 cells"}},
		"quote":             {"id,text\n1,\"One\n2,Two\n", acme, []string{"line 3: it is not CSV"}},
		"no rows":           {"id,text\n", acme, []string{"requirements: no requirements"}},
		"no id":             {"id,text\n1,One\n", compliance.About{}, []string{"framework_id: no id"}},
		"bad id":            {"id,text\n1,One\n", compliance.About{ID: "A B"}, []string{`framework_id: "A B"`}},
		"many":              {"id,text,level,cwe,kinds\n1,One,1,x,y\n,Two,2,,\na b,Three,9,,\n1,,1,,\nA,Four,1,,\na,Five,,,\n", compliance.About{ID: "acme", Levels: []string{"L", "M"}}, []string{`line 2.kinds: "y"`, `line 2.cwe: "x"`, "line 3.id: missing", `line 4.level: "9"`, `line 4.id: "a b"`, "line 5.id: line 2", "line 5.text: missing", "line 7.level: missing", "line 7.id: line 6"}},
		"names clash":       {"id,text,chapter_id,chapter,section_id,section\n1,One,A,Alpha,A.1,S\n2,Two,A,Beta,A.1,S\n3,Three,A,Alpha,A.1,Z\n", acme, []string{"line 3.chapter: another name", "line 4.section: another name"}},
		"level twice":       {"id,text,level\n1,One,x\n", compliance.About{ID: "acme", Levels: []string{"x", "X"}}, []string{"levels: level 2"}},
		"long":              {"id,text\n1," + strings.Repeat("x", 2_001) + "\n", acme, []string{"line 2.text: 2000"}},
		"json, broken":      {"{\n\"requirements\": [\n{\"id\": 1,}\n]}", acme, []string{"line 3: it is no framework"}},
		"json, short":       {"{\"requirements\": [", acme, []string{"line 1: it ends too early"}},
		"json, more":        {"[{\"id\":1,\"text\":\"x\"}]\n[]", acme, []string{"line 2: more behind"}},
		"json, unknown":     {"{\n\"name\": 1,\n\"requirements\": [\n{\"id\": \"1\", \"text\": \"x\", \"tier\": 2},\n5]}", acme, []string{"line 2.name: not known", "line 4.tier: not known", "line 5: not an object"}},
		"json, types":       {"{\"title\": 5, \"levels\": \"x\",\n\"requirements\": [{\"id\": {}, \"text\": [], \"cwe\": 5, \"level\": 1.5}]}", acme, []string{"line 1.title: not a text", "line 1.levels: list of names", "line 2.id: neither", "line 2.text: neither", "line 2.cwe: list", "line 2.level: neither"}},
		"json, twice":       {"{\"id\": \"a\", \"id\": \"b\", \"requirements\": [{\"id\": 1, \"text\": \"x\"}]}", acme, []string{"line 1.id: twice"}},
		"json, no list":     {"{\"requirements\": {}}", acme, []string{"line 1.requirements: not a list", "line 1: it is no framework"}},
		"json, a text":      {"\"x\"", compliance.About{ID: "acme", Form: compliance.JSON}, []string{"line 1: neither an object nor"}},
		"form":              {"id,text\n1,x\n", compliance.About{ID: "acme", Form: "xml"}, []string{`format: "xml"`}},
		"official, no text": {"chapter_id,req_id,req_description,L\nV1,V1.1,,1\n", acme, []string{"line 2.req_description: missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := compliance.Read([]byte(c.text), c.about)
			var te *threat.Error
			if !errors.As(err, &te) || te.Code != threat.Invalid {
				t.Fatalf("got %v", err)
			}
			items := te.Items
			if items == nil {
				items = []threat.Item{{Code: te.Code, Message: te.Message, Field: te.Field, Hint: te.Hint}}
			}
			for _, w := range c.want {
				field, part, _ := strings.Cut(w, ": ")
				if !slices.ContainsFunc(items, func(i threat.Item) bool { return i.Field == field && strings.Contains(i.Message, part) }) {
					t.Errorf("no %q among %+v", w, items)
				}
			}
			if len(items) != len(c.want) && name != "json, types" {
				t.Errorf("%d errors, want %d: %+v", len(items), len(c.want), items)
			}
		})
	}
	var b strings.Builder
	b.WriteString("id,text,level\n")
	for i := range 60 {
		fmt.Fprintf(&b, "%d,x,bad\n", i)
	}
	_, err := compliance.Read([]byte(b.String()), acme)
	var te *threat.Error
	if !errors.As(err, &te) || len(te.Items) != 20 || !strings.Contains(te.Items[19].Hint, "40 more") {
		t.Errorf("got %v", err)
	}
	b.Reset()
	b.WriteString("id,text\n")
	for i := range compliance.MaxRequirements + 10 {
		fmt.Fprintf(&b, "%d,x\n", i)
	}
	if _, err := compliance.Read([]byte(b.String()), acme); !errors.As(err, &te) || te.Items != nil || !strings.Contains(te.Message, "at most 5000") {
		t.Errorf("got %v", err)
	}
}

func builtin(t testing.TB, id string) compliance.Framework {
	t.Helper()
	list, err := compliance.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(f compliance.Framework) bool { return f.ID == id })
	if i < 0 {
		t.Fatalf("there is no %s", id)
	}
	return list[i]
}

// published writes a framework as OWASP publishes it, each text changed.
func published(t testing.TB, f compliance.Framework) (asJSON, asCSV string) {
	t.Helper()
	var rows []map[string]string
	var b strings.Builder
	b.WriteString("chapter_id,chapter_name,section_id,section_name,req_id,req_description,L\n")
	for _, r := range f.Requirements {
		if r.Retired {
			continue
		}
		c, _ := f.Chapter(r.Chapter)
		s, _ := c.Section(r.Section)
		level := fmt.Sprint(r.Level)
		rows = append(rows, map[string]string{
			"chapter_id": c.ID, "chapter_name": c.Name, "section_id": s.ID, "section_name": s.Name, "req_id": r.ID, "req_description": "Official: " + r.ID, "L": level,
		})
		fmt.Fprintf(&b, "%s,\"%s\",%s,\"%s\",%s,Official: %s,%s\n", c.ID, c.Name, s.ID, s.Name, r.ID, r.ID, level)
	}
	raw, err := json.MarshalIndent(map[string]any{"requirements": rows}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), b.String() + "\n"
}

// The published forms are known by themselves and put their texts in place of the summaries, and of nothing else.
func TestOverlay(t *testing.T) {
	base := builtin(t, compliance.ASVS)
	asJSON, asCSV := published(t, base)
	want := base.Clone()
	for i := range want.Requirements {
		if !want.Requirements[i].Retired {
			want.Requirements[i].Summary = "Official: " + want.Requirements[i].ID
		}
	}
	for _, text := range []string{asJSON, asCSV} {
		in, err := compliance.Read([]byte(text), compliance.About{})
		if err != nil || !in.Overlay {
			t.Fatalf("%v %v", in.Overlay, err)
		}
		got, err := compliance.Overlay(base, in.Framework)
		if err != nil {
			t.Fatal(err)
		}
		want.Attribution = got.Attribution
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		own, err := compliance.Read([]byte(text), acme) // with an id of its own it is a framework of one's own
		if err != nil || own.Overlay || own.Framework.ID != "acme" || len(own.Framework.Requirements) != len(in.Framework.Requirements) {
			t.Errorf("%v %+v", err, own.Overlay)
		}
	}
	in, err := compliance.Read([]byte(asCSV), compliance.About{})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*compliance.Framework){
		"has requirements that": func(f *compliance.Framework) { f.Requirements[0].ID = "V99.1.1" },
		"lacks requirements of": func(f *compliance.Framework) { f.Requirements = f.Requirements[1:] },
		"has other levels than": func(f *compliance.Framework) { f.Requirements[0].Level = f.Requirements[0].Level%3 + 1 },
	} {
		texts := in.Framework.Clone()
		change(&texts)
		if _, err := compliance.Overlay(base, texts); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// OWASP's own files, unchanged.
func TestPublishedFiles(t *testing.T) {
	shared := os.Getenv("REDOUBT_SHARED")
	if shared == "" {
		t.Skip("REDOUBT_SHARED does not name the folder with the published files")
	}
	files, err := filepath.Glob(filepath.Join(shared, "asvs", "OWASP_*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	var all []compliance.Framework
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		in, err := compliance.Read(raw, compliance.About{})
		if err != nil || !in.Overlay {
			t.Fatalf("%s: %v", name, err)
		}
		f, err := compliance.Overlay(builtin(t, compliance.ASVS), in.Framework)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r, _ := f.Requirement("V1.1.1")
		if !strings.HasPrefix(r.Summary, "Verify that") || len(r.Kinds) == 0 || len(r.Keywords) == 0 {
			t.Errorf("%s: %+v", name, r)
		}
		all = append(all, f)
	}
	if d := cmp.Diff(all[0], all[1]); d != "" {
		t.Errorf("the two files differ (-csv +json):\n%s", d)
	}
}

// A new import updates; what it lacks and is in use stays, retired, and comes back with the next that has it.
func TestUpdate(t *testing.T) {
	old := read(t, "id,text,level,chapter,section\n1,One,1,A,S\n2,Two,1,A,S\n3,Three,2,B,T\n4,Four,1,A,S\n", acme)
	next := read(t, "id,text,level,chapter,section\n1,One,1,A,S\n2,Zwei,1,A,S\n5,Five,1,A,S\n", acme)
	got, changes := compliance.Update(old, next, map[string]bool{"3": true, "5": true})
	if d := cmp.Diff(compliance.Changes{Added: 1, Updated: 1, Unchanged: 1, Removed: 1, Retired: []string{"3"}}, changes); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	r, ok := got.Requirement("3")
	c, there := got.Chapter("B")
	if !ok || !r.Retired || r.Level != 1 || !there || c.Sections[0].Name != "T" {
		t.Errorf("%+v %+v", r, c)
	}
	if next.Requirements[0].ID != "1" || len(next.Requirements) != 3 {
		t.Error("the new framework was written into")
	}
	again, changes := compliance.Update(got, old, map[string]bool{"3": true})
	if r, _ := again.Requirement("3"); r.Retired || changes.Updated != 2 || changes.Added != 1 || changes.Removed != 1 {
		t.Errorf("%+v %+v", r, changes)
	}
	last, changes := compliance.Update(got, next, nil)
	if len(last.Requirements) != 3 || changes.Removed != 1 || changes.Retired != nil {
		t.Errorf("%+v %+v", last, changes)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("id,text,level,chapter,kinds,keywords,cwe\n1,One,1,A,test,a;b,CWE-1\n")
	f.Add("chapter_id,chapter_name,section_id,section_name,req_id,req_description,L\nV1,A,V1.1,B,V1.1.1,x,2\n")
	f.Add("\xef\xbb\xbfid;text\r\n1;\"a\r\nb\"\r\n")
	f.Fuzz(func(t *testing.T, text string) { check(t, text, compliance.CSV) })
}

func FuzzReadJSON(f *testing.F) {
	f.Add(`{"id":"a","levels":["x"],"requirements":[{"id":"1","text":"x","level":"x","kinds":["test"],"cwe":["CWE-1",2]}]}`)
	f.Add(`{"requirements":[{"chapter_id":"V1","chapter_name":"A","section_id":"V1.1","section_name":"B","req_id":"V1.1.1","req_description":"x","L":"2"}]}`)
	f.Add(`[{"id":1,"text":"x"}]`)
	f.Fuzz(func(t *testing.T, text string) { check(t, text, compliance.JSON) })
}

// check holds what any file must: a refusal is a domain error with bounded items; what is read is whole, and reads back the same.
func check(t *testing.T, text string, form compliance.Form) {
	in, err := compliance.Read([]byte(text), compliance.About{ID: "acme", Form: form})
	if err != nil {
		var te *threat.Error
		if !errors.As(err, &te) || te.Code != threat.Invalid || len(te.Items) > 20 {
			t.Fatalf("%v", err)
		}
		return
	}
	f := in.Framework
	seen := map[string]bool{}
	for _, r := range f.Requirements {
		c, ok := f.Chapter(r.Chapter)
		if _, there := sectionOf(c, r.Section); !ok || !there || r.ID == "" || r.Summary == "" || seen[strings.ToLower(r.ID)] || r.Level < 0 || r.Level > len(f.Levels) || r.Level == 0 && len(f.Levels) > 0 {
			t.Fatalf("%+v", r)
		}
		seen[strings.ToLower(r.ID)] = true
	}
	doc, err := f.Document()
	if err != nil {
		t.Fatal(err)
	}
	again, err := compliance.Read(doc, compliance.About{})
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	if d := cmp.Diff(f, again.Framework); d != "" {
		t.Fatalf("(-read +read again):\n%s", d)
	}
}

func sectionOf(c *compliance.Chapter, id string) (*compliance.Section, bool) {
	if id == "" {
		return nil, true
	}
	return c.Section(id)
}
