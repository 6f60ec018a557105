package llm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/llm"
)

func TestObject(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"alone":                 {`{"a":1}`, `{"a":1}`},
		"fence":                 {"```json\n{\"a\": 1}\n```", `{"a": 1}`},
		"prose":                 {`Sure! {"a":1} Anything else?`, `{"a":1}`},
		"nested":                {`{"a":{"b":{}}}`, `{"a":{"b":{}}}`},
		"braces in a string":    {`{"a":"}{"}`, `{"a":"}{"}`},
		"braces in prose":       {`In func f() { return } and {x}: {"a":1}`, `{"a":1}`},
		"a brace too many":      {`{"a":1}}`, `{"a":1}`},
		"a note before":         {`As [1] says: {"a":1}`, `{"a":1}`},
		"thought first":         {`<think>perhaps {"a":2}</think>{"a":1}`, `{"a":1}`},
		"same name elsewhere":   {`{"a":{"a":[{"a":1},{"a":2}]},"b":{"a":1}}`, `{"a":{"a":[{"a":1},{"a":2}]},"b":{"a":1}}`},
		"a name as a value":     {`{"a":"a","b":["a","a"],"c":"b"}`, `{"a":"a","b":["a","a"],"c":"b"}`},
		"byte order mark":       {"\ufeff{\"a\":1}", `{"a":1}`},
		"nothing":               {"", ""},
		"prose alone":           {"It passes.", ""},
		"array":                 {`[1]`, ""},
		"two":                   {`{"a":1} or {"a":2}`, ""},
		"two that are the same": {`{"a":1}{"a":1}`, ""},
		"cut off":               {`{"a":1`, ""},
		"cut off around one":    {`{"a":{"b":1}`, ""},
		"broken around one":     {`{"a":{"b":1},oops}`, ""},
		"one and a cut off one": {`{"a":1} {"b":`, ""},
		"thought unended":       {`<think>{"a":1}`, ""},
		"thought that quotes":   {`<think>it says </think>{"a":2} but</think>{"a":1}`, ""},
		"brace before brace":    {`{{"a":1}`, ""},
		"within bare names":     {`{answer: {"a":1}}`, ""},
		"within an array":       {`[{"a":1}]`, ""},
		"twice the same name":   {`{"a":1,"a":2}`, ""},
		"twice, escaped":        {`{"a":1,"\u0061":2}`, ""},
		"twice, deeper":         {`{"x":[{"a":1,"a":2}]}`, ""},
		"not UTF-8":             {"{\"a\":\"\xff\"}", ""},
		"trailing comma":        {`{"a":1,}`, ""},
		"single quotes":         {`{'a':1}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := llm.Object(tt.text)
			if tt.want == "" {
				failed(t, err, llm.KindMalformed)
				return
			}
			if err != nil || string(got) != tt.want {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// Every object that a model can write comes out as it went in, whatever prose without brackets is around it.
func TestObjectProperty(t *testing.T) {
	prose := rapid.StringMatching(`[^{}\[\]<]{0,40}`)
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.MapOfN(rapid.String(), rapid.OneOf(
			rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.Float64Range(-1e9, 1e9), func(f float64) any { return f }),
			rapid.Map(rapid.SliceOfN(rapid.String(), 0, 3), func(s []string) any { return s }),
			rapid.Map(rapid.MapOfN(rapid.String(), rapid.Bool(), 0, 3), func(m map[string]bool) any { return m }),
		), 0, 5).Draw(t, "value")
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		text := prose.Draw(t, "before") + string(raw) + prose.Draw(t, "after")
		got, err := llm.Object(text)
		if err != nil || string(got) != string(raw) {
			t.Fatalf("%q gives %s, %v", text, got, err)
		}
		if _, err := llm.Object(text + string(raw)); err == nil {
			t.Fatal("two objects pass")
		}
		cut := rapid.IntRange(1, len(raw)-1).Draw(t, "cut")
		if part, err := llm.Object(string(raw[:cut])); err == nil {
			t.Fatalf("a part of %s passes: %s", raw, part)
		}
	})
}

// Whatever comes in, what comes out is one valid object without repeated names that is a part of the text.
func TestObjectIsSound(t *testing.T) {
	piece := rapid.SampledFrom([]string{`{`, `}`, `"a"`, `"b"`, `:`, `,`, `[`, `]`, `1`, ` `, `x`, `<think>`, `</think>`, `\`, `"`})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 25).Draw(t, "pieces"), "")
		got, err := llm.Object(text)
		if err != nil {
			return
		}
		if !json.Valid(got) || got[0] != '{' || !strings.Contains(text, string(got)) || llm.Repeats(got) {
			t.Fatalf("%q gives %s", text, got)
		}
	})
}

// Texts made to be slow to read. Quadratic work on a million bytes would take minutes, so that ending at all is the assertion
// that matters.
func TestObjectIsLinear(t *testing.T) {
	for name, text := range map[string]string{
		"open braces":       strings.Repeat("{", 1<<20),
		"nested objects":    strings.Repeat(`{"a":`, (1<<20)/5),
		"nested and broken": strings.Repeat(strings.Repeat(`{"a":`, 9000)+"!", (1<<20)/45001),
		"quotes":            strings.Repeat(`{"`, (1<<20)/2),
		"one long string":   `{"a":"` + strings.Repeat("{", 1<<20),
	} {
		_, err := llm.Object(text)
		if err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, tt := range []struct {
		key  llm.Key
		text string
		max  int
		want string
	}{
		{key, "a\tb\r\nc\x00d\x1b[31m", 99, "a b cd[31m"},
		{key, "give " + key + "!", 99, "give [redacted]!"},
		{key, strings.Repeat("x", 10) + key, 14, "xxxxxxxxxx[red"},
		{key, "äöü", 3, "ä"},
		{key, "\xff", 9, "?"},
		{"abc", "the abc of it", 99, "the [redacted] of it"},
		{"", "nothing to hide", 99, "nothing to hide"},
	} {
		if got := llm.Quote(tt.key, tt.text, tt.max); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}
