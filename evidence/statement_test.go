package evidence_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// text draws texts with what is written in several ways in JSON.
func text() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringN(0, 20, -1), rapid.SampledFrom([]string{"", "<&>", "\u2028", "\"\\/\b\f", "é", "e\u0301", "😀", "\x7f", "a\nb"}))
}

func drawResult(t *rapid.T) evidence.Result {
	r := evidence.Result{
		Assertion: threat.ID(fmt.Sprintf("A%d", rapid.IntRange(1, 20).Draw(t, "id"))),
		Type:      rapid.SampledFrom(evidence.Types()).Draw(t, "type"),
		Params:    params{},
		Tier:      rapid.IntRange(1, 2).Draw(t, "tier"),
		Verdict:   rapid.SampledFrom(evidence.Verdicts()).Draw(t, "verdict"),
		Reason:    text().Draw(t, "reason"),
		File:      text().Draw(t, "file"),
		Line:      rapid.IntRange(0, 1<<40).Draw(t, "line"),
		Excerpt:   rapid.StringMatching("[0-9a-f]{0,4}").Draw(t, "excerpt"),
		Judge:     text().Draw(t, "judge"),
		Injection: rapid.Bool().Draw(t, "injection"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "params") {
		var v any = text().Draw(t, "value")
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 0:
			v = rapid.Bool().Draw(t, "flag")
		case 1:
			v = []any{v, "x"}
		}
		r.Params[text().Draw(t, "name")] = v
	}
	if rapid.Bool().Draw(t, "judged") {
		r.Facets = map[threat.ID]evidence.Verdict{"C1.a": evidence.Pass, "C1.b": evidence.Fail}
	}
	return r
}

func drawStatement(t *rapid.T) evidence.Statement {
	p := evidence.Predicate{
		Workspace: text().Draw(t, "workspace"), Model: "m", Repo: "org/name", Commit: strings.Repeat("a", 40), Branch: text().Draw(t, "branch"),
		CI: evidence.CI{Provider: text().Draw(t, "ci")}, Verifier: "1", Nonce: "n",
	}
	for range rapid.IntRange(0, 4).Draw(t, "results") {
		p.Results = append(p.Results, drawResult(t))
	}
	if rapid.Bool().Draw(t, "judge") {
		p.Judge = &evidence.Judge{Name: "exec:j", Canaries: 3, Void: text().Draw(t, "void")}
	}
	s, err := evidence.NewStatement(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func canonical(t interface{ Fatal(...any) }, s evidence.Statement) []byte {
	raw, err := s.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// What is written is read back, whatever texts are in it; the results are sorted.
func TestStatementRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStatement(t)
		raw := canonical(t, s)
		got, err := evidence.ParseStatement(raw)
		if err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		if again := canonical(t, got); !bytes.Equal(again, raw) {
			t.Fatalf("written %s\nread back %s", raw, again)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Fatal(diff)
		}
		for i := range got.Predicate.Results[min(1, len(got.Predicate.Results)):] {
			a, b := got.Predicate.Results[i], got.Predicate.Results[i+1]
			if c := threat.CompareIDs(a.Assertion, b.Assertion); c > 0 || c == 0 && a.Tier > b.Tier {
				t.Fatalf("%s of tier %d stands before %s of tier %d", a.Assertion, a.Tier, b.Assertion, b.Tier)
			}
		}
	})
}

// sampled is a statement with every field set.
func sampled(t testing.TB) evidence.Statement {
	t.Helper()
	hash := strings.Repeat("a1", 32)
	s, err := evidence.NewStatement(evidence.Predicate{
		Workspace: "w", Model: "m", Repo: "org/name", Commit: strings.Repeat("a", 40), Branch: "main",
		CI: evidence.CI{Provider: "github", RunURL: "https://ci.example.org/1"}, Verifier: "1.2", Nonce: "n",
		Judge: &evidence.Judge{Name: "exec:j", Canaries: 3, Void: "x"},
		Results: []evidence.Result{
			{
				Assertion: "A1", Type: evidence.FunctionExists, Params: params{"file": "a.go", "name": "F"}, Tier: 1, Verdict: evidence.Pass,
				Reason: "r", File: "a.go", Line: 3, FileDigest: hash, Blob: "b", Excerpt: hash,
			},
			{
				Assertion: "A1", Type: evidence.FunctionExists, Params: params{"file": "a.go", "name": "F"}, Tier: 2, Verdict: evidence.Fail,
				Reason: "r", Excerpt: hash, Template: hash, Text: hash, Judge: "exec:j", Facets: map[threat.ID]evidence.Verdict{"C1.a": evidence.Fail}, Injection: true,
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signed puts the right digest of the results, as they are, into the subject and brings all into the canonical form: what
// somebody would do who wants a changed statement to be read.
func signed(t testing.TB, doc map[string]any) []byte {
	t.Helper()
	if p, ok := doc["predicate"].(map[string]any); ok {
		raw, err := json.Marshal(p["results"])
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = jcs.Transform(raw); err != nil {
			t.Fatal(err)
		}
		if subject, ok := doc["subject"].([]any); ok && len(subject) > 0 {
			if first, ok := subject[0].(map[string]any); ok {
				first["digest"] = map[string]any{"sha256": evidence.Hash(raw)}
			}
		}
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = jcs.Transform(raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

func refuse(t *testing.T, raw []byte) {
	t.Helper()
	_, err := evidence.ParseStatement(raw)
	te, ok := err.(*threat.Error)
	if !ok || te.Code != threat.Invalid || te.Field != "statement" {
		t.Errorf("got %v for %s", err, raw)
	}
}

// A change of one byte is refused, or it makes a different statement that says so everywhere: what is read is what was sent.
// Within the results the digest of the subject refuses every change.
func TestStatementOneByte(t *testing.T) {
	raw := canonical(t, sampled(t))
	from, to := bytes.Index(raw, []byte(`"results":`)), bytes.Index(raw, []byte(`,"verifier":`))
	if from < 0 || to < from {
		t.Fatalf("no results in %s", raw)
	}
	check := func(i int, what string, changed []byte) {
		got, err := evidence.ParseStatement(changed)
		if err != nil {
			return
		}
		if from <= i && i < to {
			t.Fatalf("%s at byte %d is within the results, and is let through: %s", what, i, changed)
		}
		if again := canonical(t, got); !bytes.Equal(again, bytes.TrimSpace(changed)) {
			t.Fatalf("%s at byte %d: sent %s, read %s", what, i, changed, again)
		}
	}
	step := 1
	if testing.Short() {
		step = 11
	}
	for i := 0; i < len(raw); i += step {
		for _, b := range []byte{raw[i] ^ 0x20, raw[i] + 1} {
			if b != raw[i] {
				changed := slices.Clone(raw)
				changed[i] = b
				check(i, fmt.Sprintf("%q for %q", b, raw[i]), changed)
			}
		}
		check(i, "a byte dropped", slices.Delete(slices.Clone(raw), i, i+1))
		check(i, "a byte doubled", slices.Insert(slices.Clone(raw), i, raw[i]))
	}
}

// objects visits every JSON object of a document.
func objects(v any, at string, visit func(at string, o map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(at, v)
		for _, k := range slices.Sorted(func(yield func(string) bool) {
			for k := range v {
				if !yield(k) {
					return
				}
			}
		}) {
			objects(v[k], at+"."+k, visit)
		}
	case []any:
		for i := range v {
			objects(v[i], fmt.Sprintf("%s[%d]", at, i), visit)
		}
	}
}

// No object of a statement takes a field more, under another name, or in other capitals, even when the digest is made to fit.
// Names within params and facets are free, and are answered for elsewhere.
func TestStatementFields(t *testing.T) {
	raw := canonical(t, sampled(t))
	read := func() map[string]any {
		var doc map[string]any
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	if _, err := evidence.ParseStatement(signed(t, read())); err != nil {
		t.Fatalf("the statement as it is: %v", err)
	}
	free := func(at string) bool {
		return strings.HasSuffix(at, ".params") || strings.HasSuffix(at, ".facets") || strings.HasSuffix(at, ".digest")
	}
	type change struct {
		at, name string
		do       func(o map[string]any)
	}
	var changes []change
	objects(read(), "", func(at string, o map[string]any) {
		if free(at) {
			return
		}
		changes = append(changes,
			change{at, "added", func(o map[string]any) { o["more"] = "x" }},
			change{at, "added empty", func(o map[string]any) { o[""] = nil }})
		for k := range o {
			changes = append(changes,
				change{at, k + " renamed", func(o map[string]any) { o[k+"2"] = o[k]; delete(o, k) }},
				change{at, k + " in capitals", func(o map[string]any) { o[strings.ToUpper(k)] = o[k]; delete(o, k) }},
				change{at, k + " also in capitals", func(o map[string]any) { o[strings.ToUpper(k)] = o[k] }},
				change{at, k + " null", func(o map[string]any) { o[k] = nil }},
				change{at, k + " of another type", func(o map[string]any) { o[k] = []any{1.5} }})
		}
	})
	if len(changes) < 100 {
		t.Fatalf("only %d changes", len(changes))
	}
	for _, c := range changes {
		if strings.HasPrefix(c.name, "digest ") && strings.HasPrefix(c.at, ".subject") || c.name == "params null" {
			continue // signed makes the digest good again; parameters are compared with those that were pulled
		}
		t.Run(c.at+" "+c.name, func(t *testing.T) {
			doc := read()
			objects(doc, "", func(at string, o map[string]any) {
				if at == c.at {
					c.do(o)
				}
			})
			changed := signed(t, doc)
			if bytes.Equal(changed, raw) {
				t.Fatal("nothing was changed")
			}
			refuse(t, changed)
		})
	}
}

// A field that says what its absence says is another text for the same, and is refused: one statement has one form.
func TestStatementHasOneForm(t *testing.T) {
	s := sampled(t)
	s.Predicate.Results[0].Reason, s.Predicate.Judge.Void, s.Predicate.CI.Provider = "", "", ""
	s, err := evidence.NewStatement(s.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(p map[string]any){
		"reason":   func(p map[string]any) { p["results"].([]any)[0].(map[string]any)["reason"] = "" },
		"line":     func(p map[string]any) { p["results"].([]any)[1].(map[string]any)["line"] = 0 },
		"facets":   func(p map[string]any) { p["results"].([]any)[0].(map[string]any)["facets"] = map[string]any{} },
		"void":     func(p map[string]any) { p["judge"].(map[string]any)["void"] = "" },
		"provider": func(p map[string]any) { p["ci"].(map[string]any)["provider"] = "" },
	} {
		t.Run(name, func(t *testing.T) {
			var doc map[string]any
			if err := json.Unmarshal(canonical(t, s), &doc); err != nil {
				t.Fatal(err)
			}
			do(doc["predicate"].(map[string]any))
			refuse(t, signed(t, doc))
			raw, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if raw, err = jcs.Transform(raw); err != nil {
				t.Fatal(err)
			}
			refuse(t, raw)
		})
	}
}

func TestStatementText(t *testing.T) {
	raw := string(canonical(t, sampled(t)))
	if _, err := evidence.ParseStatement([]byte("\n" + raw + "\n")); err != nil {
		t.Errorf("blank lines around it: %v", err)
	}
	swap := func(old, new string) string {
		if !strings.Contains(raw, old) {
			t.Fatalf("%s is not in the statement", old)
		}
		return strings.Replace(raw, old, new, 1)
	}
	for name, text := range map[string]string{
		"nothing":                     "",
		"null":                        "null",
		"a list":                      "[]",
		"an empty object":             "{}",
		"a text":                      `"x"`,
		"two of them":                 raw + raw,
		"something behind":            raw + " x",
		"something before":            "x" + raw,
		"keys in another order":       swap(`"model":"m","nonce":"n"`, `"nonce":"n","model":"m"`),
		"keys of a result reordered":  swap(`"tier":1,"type":"function_exists"`, `"type":"function_exists","tier":1`),
		"a field twice":               swap(`"model":"m"`, `"model":"m","model":"m"`),
		"a field twice, once escaped": swap(`"model":"m"`, `"model":"m","mode\u006c":"m2"`),
		"a space":                     swap(`"model":`, `"model": `),
		"an escape that is none":      swap(`"model":"m"`, `"model":"\u006d"`),
		"another number form":         swap(`"canaries":3`, `"canaries":3.0`),
		"a fraction":                  swap(`"canaries":3`, `"canaries":3.5`),
		"another statement type":      swap("in-toto.io/Statement/v1", "in-toto.io/Statement/v0.1"),
		"another predicate type":      swap("verification-run/v1", "verification-run/v2"),
		"another subject":             swap(`"name":"results"`, `"name":"result"`),
		"a subject in SHA-512":        swap(`"digest":{"sha256"`, `"digest":{"sha512"`),
		"two digests":                 swap(`"digest":{"sha256"`, `"digest":{"sha1":"00","sha256"`),
		"two subjects":                swap(`"subject":[`, `"subject":[{"digest":{"sha256":"00"},"name":"results"},`),
		"no subject":                  raw[:strings.Index(raw, `"subject":[`)] + `"subject":[]}`,
		"not UTF-8":                   swap(`"model":"m"`, "\"model\":\"\xff\""),
		"half a surrogate":            swap(`"model":"m"`, `"model":"\ud800"`),
		"deep":                        strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000),
	} {
		t.Run(name, func(t *testing.T) { refuse(t, []byte(text)) })
	}
}

// A list digest names what was pulled: each part of it counts, and what the server holds of it does not.
func TestListDigest(t *testing.T) {
	list := func() []evidence.Pulled {
		return []evidence.Pulled{
			{ID: "A1", Type: evidence.FileExists, Params: params{"file": "a"}, Template: "t", Text: "x"},
			{ID: "A2", Type: evidence.FileExists, Params: params{"file": "b"}, Template: "t", Text: "x"},
		}
	}
	digest := func(l []evidence.Pulled) string {
		d, err := evidence.ListDigest(l)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	seen := map[string]string{digest(list()): "the list"}
	for name, change := range map[string]func(l []evidence.Pulled){
		"id": func(l []evidence.Pulled) { l[0].ID = "A9" }, "type": func(l []evidence.Pulled) { l[0].Type = evidence.FileHash },
		"params": func(l []evidence.Pulled) { l[0].Params = params{"file": "c"} }, "template": func(l []evidence.Pulled) { l[0].Template = "u" },
		"text": func(l []evidence.Pulled) { l[0].Text = "y" }, "order": func(l []evidence.Pulled) { l[0], l[1] = l[1], l[0] },
	} {
		l := list()
		change(l)
		if d := digest(l); seen[d] != "" {
			t.Errorf("%s: the digest is that of %s", name, seen[d])
		} else {
			seen[d] = name
		}
	}
	l := list()
	l[0].Tier1 = &evidence.Held{Verdict: evidence.Pass}
	if seen[digest(l)] != "the list" {
		t.Error("what is held counts")
	}
}

func FuzzParseStatement(f *testing.F) {
	raw := canonical(f, sampled(f))
	f.Add(raw)
	f.Add([]byte(strings.Replace(string(raw), `"verdict"`, `"Verdict"`, 1)))
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 20_000 {
			return
		}
		s, err := evidence.ParseStatement(raw)
		if err != nil {
			if te, ok := err.(*threat.Error); !ok || te.Code != threat.Invalid || te.Field != "statement" {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if again := canonical(t, s); !bytes.Equal(again, bytes.TrimSpace(raw)) {
			t.Fatalf("%s\nis read as\n%s", raw, again)
		}
	})
}
