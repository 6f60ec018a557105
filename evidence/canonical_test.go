package evidence

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/threat"
)

// A statement that is written without the transformation reads as the transformation writes it, whatever its texts.
func TestPlainIsCanonical(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab\"\\/<>&\x00\x01\b\t\n\f\r\x1f\x7f\u0080\u2028\u2029\ufffd\ue000é漢😀")), 0, 6, -1)
	plain, other := 0, 0
	for range 50 {
		rapid.Check(t, func(t *rapid.T) {
			p := Predicate{
				Workspace: text.Draw(t, "workspace"), Model: text.Draw(t, "model"), Repo: text.Draw(t, "repo"), Commit: "c", Branch: text.Draw(t, "branch"),
				CI: CI{Provider: text.Draw(t, "ci"), RunURL: text.Draw(t, "url")}, Verifier: "v", Nonce: "n", Results: []Result{},
			}
			if rapid.Bool().Draw(t, "judge") {
				p.Judge = &Judge{Name: text.Draw(t, "name"), Canaries: rapid.IntRange(0, 9).Draw(t, "canaries"), Void: text.Draw(t, "void")}
			}
			for range rapid.IntRange(0, 3).Draw(t, "results") {
				r := Result{
					Assertion: threat.ID(text.Draw(t, "id")), Type: FileExists, Tier: 1, Verdict: Pass, Reason: text.Draw(t, "reason"), Line: rapid.IntRange(0, 1<<40).Draw(t, "line"),
					Params: Params{text.Draw(t, "key"): text.Draw(t, "value"), "flag": true, "list": []any{text.Draw(t, "item")}},
					Facets: map[threat.ID]Verdict{"C1.a": Pass, threat.ID(text.Draw(t, "facet")): Fail}, Injection: rapid.Bool().Draw(t, "injection"),
				}
				if rapid.IntRange(0, 9).Draw(t, "number") == 0 {
					r.Params["n"] = rapid.Float64().Draw(t, "float")
				}
				p.Results = append(p.Results, r)
			}
			s := Statement{Type: StatementType, PredicateType: PredicateType, Predicate: p, Subject: []Results{{Name: "results", Digest: map[string]string{"sha256": "x"}}}}
			want, err := canonical(s)
			if err != nil {
				t.Skip("it has no canonical form")
			}
			raw, ok := s.plain()
			if !ok {
				other++
				return
			}
			plain++
			if !bytes.Equal(raw, want) {
				t.Fatalf("plain     %s\ncanonical %s", raw, want)
			}
		})
		if t.Failed() || plain > 10 && other > 10 {
			break
		}
	}
	if plain <= 10 || other <= 10 {
		t.Errorf("%d plain ones were drawn and %d others", plain, other)
	}
}
