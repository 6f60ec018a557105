package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/redoubt-dev/redoubt/threat"
)

// The types of the statement (specification §7.7).
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://redoubt.dev/attestations/verification-run/v1"
)

// Statement is what a verifier says of one model at one commit: an in-toto Statement v1. Its subject is the list of results, by
// digest, and its predicate says for which pull they are, so that nothing of it can be used elsewhere.
type Statement struct {
	Type          string    `json:"_type"`
	Predicate     Predicate `json:"predicate"`
	PredicateType string    `json:"predicateType"`
	Subject       []Results `json:"subject"`
}

// Results names the results by their digest.
type Results struct {
	Digest map[string]string `json:"digest"`
	Name   string            `json:"name"` // "results"
}

// Predicate is what was verified, where, and with what outcome.
type Predicate struct {
	Branch    string   `json:"branch"`
	CI        CI       `json:"ci"`
	Commit    string   `json:"commit"` // full object name
	Judge     *Judge   `json:"judge,omitempty"`
	Model     string   `json:"model"`
	Nonce     string   `json:"nonce"`
	Repo      string   `json:"repo"`
	Results   []Result `json:"results"`  // sorted by assertion and tier
	Verifier  string   `json:"verifier"` // version of the program that verified
	Workspace string   `json:"workspace"`
}

// CI says where a run took place; both are empty outside of CI.
type CI struct {
	Provider string `json:"provider,omitempty"` // "github", "gitlab"
	RunURL   string `json:"run_url,omitempty"`
}

// Judge records how a Tier 2 pass was calibrated.
type Judge struct {
	Canaries int    `json:"canaries"` // samples with a known answer that it was asked about
	Name     string `json:"name"`
	Void     string `json:"void,omitempty"` // why the pass does not count
}

// NewStatement sorts the results and makes the statement of a predicate. Errors: one for results that are no JSON, which cannot
// happen to checked ones.
func NewStatement(p Predicate) (Statement, error) {
	if p.Results == nil {
		p.Results = []Result{} // an empty list, not null
	}
	SortResults(p.Results)
	digest, err := canonicalDigest(p.Results)
	if err != nil {
		return Statement{}, err
	}
	return Statement{
		Type:          StatementType,
		Subject:       []Results{{Name: "results", Digest: map[string]string{"sha256": digest}}},
		PredicateType: PredicateType,
		Predicate:     p,
	}, nil
}

func canonicalDigest(v any) (string, error) {
	raw, err := canonical(v)
	if err != nil {
		return "", err
	}
	return Hash(raw), nil
}

func canonical(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(raw)
}

// Canonicalize brings JSON into its canonical form (RFC 8785). Errors: [threat.Invalid] for what has none.
func Canonicalize(raw []byte) ([]byte, error) {
	out, err := jcs.Transform(raw)
	if err != nil {
		return nil, threat.Errorf(threat.Invalid, "it is not JSON that can be made canonical").
			Hinted("no repeated names, no lone surrogates, numbers of at most 53 bits")
	}
	return out, nil
}

// Hash returns the SHA-256 of a text in lower-case hexadecimal.
func Hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Canonical returns the statement as it is signed and stored: canonical JSON (RFC 8785).
func (s Statement) Canonical() ([]byte, error) {
	if raw, ok := s.plain(); ok {
		return raw, nil
	}
	return canonical(s)
}

// plain writes the statement without a transformation, and reports whether that is its canonical form. The fields of its types stand in the
// order of their names, and encoding/json sorts maps; what is left are the texts that the two escape in different ways, and numbers, of
// which parameters have none that are legal. A test compares it with the transformation.
func (s Statement) plain() ([]byte, bool) {
	for i := range s.Predicate.Results {
		for name, v := range s.Predicate.Results[i].Params {
			if !plainName(name) || !plainValue(v) {
				return nil, false
			}
		}
		for facet := range s.Predicate.Results[i].Facets {
			if !plainName(string(facet)) {
				return nil, false
			}
		}
	}
	return Plain(s)
}

// Plain writes a value whose fields stand in the order of their names, and reports whether that is its canonical form: it is not where
// a text is escaped in another way than RFC 8785 escapes it.
func Plain(v any) ([]byte, bool) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return nil, false
	}
	raw := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	for _, other := range [][]byte{[]byte(`\u2028`), []byte(`\u2029`), []byte(`\ufffd`)} {
		if bytes.Contains(raw, other) {
			return nil, false
		}
	}
	return raw, true
}

// plainName reports whether a name stands in the same order in both forms: RFC 8785 sorts by UTF-16, encoding/json by UTF-8.
func plainName(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > '\u007e' || r < ' ' })
}

func plainValue(v any) bool {
	switch v := v.(type) {
	case string, bool, []string:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(x any) bool { _, ok := x.(string); return !ok })
	}
	return false
}

// ParseStatement reads a statement strictly: canonical JSON of the known shape and types, without unknown, repeated or empty fields,
// whose subject is the digest of its results. What is accepted is byte for byte what [Statement.Canonical] writes. Errors:
// [threat.Invalid] with the field.
func ParseStatement(raw []byte) (Statement, error) {
	s, written, err := ReadStatement(raw)
	if err == nil && !bytes.Equal(written, bytes.TrimSpace(raw)) {
		// The decoder takes the last of a repeated name, "Verdict" for "verdict", and a null or an empty field for none; other
		// readers do not.
		err = threat.Errorf(threat.Invalid, "it is not canonical JSON, or has a field of another name, twice, or empty").In("statement").
			Hinted("write it by RFC 8785; names are in lower case, and empty fields are left out")
	}
	if err != nil {
		return Statement{}, err
	}
	return s, nil
}

// ReadStatement reads a statement that is not signed in whatever JSON it comes, and returns it with its canonical form. Errors:
// [threat.Invalid] with the field, as for [ParseStatement] but for the form.
func ReadStatement(raw []byte) (Statement, []byte, error) {
	var s Statement
	bad := func(format string, args ...any) *threat.Error {
		return threat.Errorf(threat.Invalid, format, args...).In("statement")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, nil, bad("it has another shape: %s", threat.Clip(err.Error(), 200))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, nil, bad("something follows the statement")
	}
	switch {
	case s.Type != StatementType:
		return s, nil, bad("_type is %q", threat.Clip(s.Type, 80)).Hinted("must be %s", StatementType)
	case s.PredicateType != PredicateType:
		return s, nil, bad("predicateType is %q", threat.Clip(s.PredicateType, 80)).Hinted("must be %s", PredicateType)
	case len(s.Subject) != 1 || s.Subject[0].Name != "results" || len(s.Subject[0].Digest) != 1:
		return s, nil, bad("the subject is not the one digest of the results").Hinted(`[{"name":"results","digest":{"sha256":"…"}}]`)
	}
	if s.Predicate.Results == nil {
		return s, nil, bad("there are no results")
	}
	written, err := s.Canonical()
	if err != nil {
		return s, nil, bad("it has no canonical form").Hinted("no lone surrogates, numbers of at most 53 bits")
	}
	// The canonical form of a part is that part of the whole's.
	var part struct {
		Predicate struct {
			Results json.RawMessage `json:"results"`
		} `json:"predicate"`
	}
	if err := json.Unmarshal(written, &part); err != nil {
		return s, nil, bad("the results have no canonical form")
	}
	if s.Subject[0].Digest["sha256"] != Hash(part.Predicate.Results) {
		return s, nil, bad("the subject is not the digest of the results").Hinted("SHA-256 of the canonical JSON of predicate.results")
	}
	return s, written, nil
}

// Pull is what a verifier is to check: every assertion of a model's live controls and assumptions that is about one repository,
// or the pending ones.
type Pull struct {
	WorkspaceID string     `json:"workspace_id"`
	ModelID     string     `json:"model_id"`
	Title       string     `json:"title"`
	Repo        string     `json:"repo"`
	Branch      string     `json:"branch" jsonschema:"the branch whose runs count"`
	Nonce       string     `json:"nonce,omitempty" jsonschema:"none for a key that may not submit"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	Pending     bool       `json:"pending,omitempty"`
	Total       int        `json:"total"`
	Assertions  []Pulled   `json:"assertions"`
}

// Pulled is one assertion to check, with what the server holds of it.
type Pulled struct {
	ID         threat.ID   `json:"id"`
	Type       Type        `json:"type"`
	Params     Params      `json:"params"`
	Control    threat.ID   `json:"control_id,omitempty"`
	Assumption threat.ID   `json:"assumption_id,omitempty"`
	Facets     []threat.ID `json:"facets"`
	Template   string      `json:"template" jsonschema:"digest of the Tier 2 prompt template"`
	Text       string      `json:"text" jsonschema:"digest of the control's text"`
	Prompt     Prompt      `json:"prompt"`
	Tier1      *Held       `json:"tier1,omitempty"`
	Tier2      *Held       `json:"tier2,omitempty"`
}

// ListDigest names a pulled list: what a nonce is bound to.
func ListDigest(list []Pulled) (string, error) {
	type item struct {
		ID       threat.ID `json:"id"`
		Type     Type      `json:"type"`
		Params   Params    `json:"params"`
		Template string    `json:"template"`
		Text     string    `json:"text"`
	}
	items := make([]item, len(list))
	for i, p := range list {
		items[i] = item{p.ID, p.Type, p.Params, p.Template, p.Text}
	}
	return canonicalDigest(items)
}
