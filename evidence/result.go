package evidence

import (
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Verdict is the outcome of one check.
type Verdict string

// The verdicts. A judge's "injection" arrives as a fail whose Injection is set.
const (
	Pass      Verdict = "pass"
	Fail      Verdict = "fail"
	Skipped   Verdict = "skipped"   // Tier 2 only: no judge, or Tier 1 failed
	Unchanged Verdict = "unchanged" // the digests are those of the result that the server holds
)

// Verdicts lists the legal verdicts.
func Verdicts() []Verdict { return []Verdict{Pass, Fail, Skipped, Unchanged} }

// Enum lists the legal values, for schemas.
func (Verdict) Enum() []string { return []string{"pass", "fail", "skipped", "unchanged"} }

// The tiers of verification.
const (
	Tier1 = 1 // mechanical, by parsing
	Tier2 = 2 // semantic, by a judge
)

// Result is what one run says of one assertion at one tier, as it stands in the statement. Digests are SHA-256 in lower-case
// hexadecimal.
type Result struct {
	Assertion  threat.ID             `json:"assertion"`
	Blob       string                `json:"blob,omitempty"`        // git blob id of the file at the commit
	Excerpt    string                `json:"excerpt,omitempty"`     // digest of the code that Tier 2 judges
	Facets     map[threat.ID]Verdict `json:"facets,omitempty"`      // Tier 2: per facet claimed
	File       string                `json:"file,omitempty"`        // path from the repository root
	FileDigest string                `json:"file_digest,omitempty"` // of the file read
	Injection  bool                  `json:"injection,omitempty"`   // Tier 2: the code tried to instruct the judge
	Judge      string                `json:"judge,omitempty"`       // Tier 2: "openai:gpt-5", "exec:judge.sh"
	Line       int                   `json:"line,omitempty"`        // from 1
	Params     Params                `json:"params"`
	Reason     string                `json:"reason,omitempty"`
	Template   string                `json:"template,omitempty"` // Tier 2: digest of the prompt template
	Text       string                `json:"text,omitempty"`     // Tier 2: digest of the control's text
	Tier       int                   `json:"tier"`
	Type       Type                  `json:"type"`
	Verdict    Verdict               `json:"verdict"`
}

// MaxReason bounds a result's reason, in characters.
const MaxReason = 1_000

// Held is the result of one tier that an assertion has: the newest counted one. The server keeps it on the assertion's row.
type Held struct {
	Verdict    Verdict               `json:"verdict"` // pass or fail
	Reason     string                `json:"reason,omitempty"`
	File       string                `json:"file,omitempty"`
	Line       int                   `json:"line,omitempty"`
	FileDigest string                `json:"file_digest,omitempty"`
	Blob       string                `json:"blob,omitempty"`
	Excerpt    string                `json:"excerpt,omitempty"`
	Template   string                `json:"template,omitempty"`
	Text       string                `json:"text,omitempty"`
	Judge      string                `json:"judge,omitempty"`
	Facets     map[threat.ID]Verdict `json:"facets,omitempty"`
	Injection  bool                  `json:"injection,omitempty"`
	Run        string                `json:"run"`
	Commit     string                `json:"commit"`
	Order      int64                 `json:"order"`              // of the run that said so last
	At         time.Time             `json:"at"`                 // when it was said last
	Carried    bool                  `json:"carried,omitempty"`  // said by an earlier run and found unchanged by this one
	Attested   bool                  `json:"attested,omitempty"` // the run came with a proof, and so did the one it is carried from
	Signer     string                `json:"signer,omitempty"`   // of the run: fingerprint of its key, or URL of its token's issuer
	IssuedAt   time.Time             `json:"issued_at,omitzero"` // of the run's token
	Origin     string                `json:"origin,omitempty"`   // when carried: the signer of the run that said so first
	OriginAt   time.Time             `json:"origin_at,omitzero"` // and when that was
}

// hold makes a result the one held.
func hold(r Result, run RunInfo) *Held {
	return &Held{
		Verdict: r.Verdict, Reason: r.Reason, File: r.File, Line: r.Line, FileDigest: r.FileDigest, Blob: r.Blob, Excerpt: r.Excerpt,
		Template: r.Template, Text: r.Text, Judge: r.Judge, Facets: r.Facets, Injection: r.Injection,
		Run: run.ID, Commit: run.Commit, Order: run.Order, At: run.At, Attested: run.Attested, Signer: run.Signer, IssuedAt: run.IssuedAt,
	}
}

// RunInfo is what a result takes over from its run.
type RunInfo struct {
	ID       string
	Commit   string
	Order    int64 // rises with each nonce issued for the model
	At       time.Time
	Attested bool
	Signer   string    // fingerprint of the key or URL of the issuer that proved it
	IssuedAt time.Time // of its token; zero without one
}

// Change is what one result does to what an assertion holds.
type Change struct {
	Held    *Held // what is held afterwards; nil when nothing is
	Applied bool  // false for a skipped one, and for one older than what is held
	Drift   bool  // a pass became a fail
	Mended  bool  // a fail became a pass
}

// Apply folds a result into what is held at its tier. An older run, by its nonce or by its token, never replaces a newer one's
// result; a skipped result leaves
// what is held. An unchanged one confirms what is held, which [MayCarry] must have allowed.
func Apply(held *Held, r Result, run RunInfo) Change {
	if r.Verdict == Skipped || held != nil && (held.Order > run.Order || !run.IssuedAt.IsZero() && run.IssuedAt.Before(held.IssuedAt)) {
		return Change{Held: held}
	}
	if r.Verdict == Unchanged {
		if held == nil {
			return Change{}
		}
		next := *held
		if !next.Carried {
			next.Origin, next.OriginAt = held.Signer, held.At
		}
		next.Run, next.Commit, next.Order, next.At = run.ID, run.Commit, run.Order, run.At
		next.Attested, next.Signer, next.IssuedAt = held.Attested && run.Attested, run.Signer, run.IssuedAt
		next.Blob = r.Blob
		next.Carried = true
		return Change{Held: &next, Applied: true}
	}
	c := Change{Held: hold(r, run), Applied: true}
	if held != nil {
		c.Drift = held.Verdict == Pass && r.Verdict == Fail
		c.Mended = held.Verdict == Fail && r.Verdict == Pass
	}
	return c
}

// MayCarry reports whether an unchanged result may stand for what is held: there is something, and the digests are the same. At
// Tier 1 that is the file's digest and the excerpt's; at Tier 2 the excerpt, the template and the control's text. A result
// without a file (a failed one, a test report that is gone) is never carried at Tier 1.
func MayCarry(held *Held, r Result) bool {
	if held == nil {
		return false
	}
	if r.Tier == Tier1 {
		return held.FileDigest != "" && held.FileDigest == r.FileDigest && held.Excerpt == r.Excerpt
	}
	return held.Excerpt != "" && held.Excerpt == r.Excerpt && held.Template == r.Template && held.Text == r.Text
}

// SortResults orders results as the statement lists them: by assertion, then tier.
func SortResults(results []Result) {
	slices.SortFunc(results, func(a, b Result) int {
		if c := threat.CompareIDs(a.Assertion, b.Assertion); c != 0 {
			return c
		}
		return a.Tier - b.Tier
	})
}
