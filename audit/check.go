package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/threat"
)

// Options are what an auditor brings.
type Options struct {
	At     time.Time       // for which posture is recomputed beside the package's own time
	Keys   []string        // fingerprints of signing keys, the server's among them, that the auditor knows
	JWKS   json.RawMessage // key sets of CI issuers, saved by the auditor; nil: those in the package
	Repo   string          // that every run behind a result is of
	Commit string          // that every run behind a result is at
}

// pins reports whether the auditor knows a key.
func (o *Options) pins(print string) bool { return slices.Contains(o.Keys, print) }

// Problem is something that does not hold.
type Problem struct {
	Where string `json:"where"` // "manifest", "run ID", "assertion E1", "control C1", "objective CO-…"
	What  string `json:"what"`
}

// RunCounts counts runs by what proves them.
type RunCounts struct {
	Total    int `json:"total"`
	Counted  int `json:"counted"`
	ByKey    int `json:"by_key"`
	ByToken  int `json:"by_token"`
	Unproven int `json:"unproven"`
}

// Report is what a check found.
type Report struct {
	Verdict    string          `json:"verdict"` // "verified" or "failed"
	Model      string          `json:"model"`
	Title      string          `json:"title"`
	Version    int             `json:"version"`
	CreatedAt  time.Time       `json:"created_at"`
	ServerKey  string          `json:"server_key"` // fingerprint
	Problems   []Problem       `json:"problems"`
	Unpinned   []string        `json:"unpinned"` // what was checked against nothing but the package itself
	Notes      []string        `json:"notes"`    // what the server says and its runs do not explain, though it may be right
	Unproven   []string        `json:"unproven"` // assertions whose results rest on a run without a proof
	Runs       RunCounts       `json:"runs"`
	Assertions int             `json:"assertions"`
	Posture    posture.Summary `json:"posture"`    // recomputed, at the package's time
	At         time.Time       `json:"at"`         // of the next
	PostureAt  posture.Summary `json:"posture_at"` // recomputed
	Changed    []threat.ID     `json:"changed"`    // objectives that stand elsewhere at that time
}

// Failed reports whether anything does not hold.
func (r *Report) Failed() bool { return len(r.Problems) > 0 }

type checker struct {
	o      Options
	p      *Package
	c      *Content
	report *Report
	tokens map[string]bool
}

func (k *checker) problem(where, format string, args ...any) {
	k.report.Problems = append(k.report.Problems, Problem{where, fmt.Sprintf(format, args...)})
}

// Check checks a package that was read. It never returns an error: what does not hold is in the report. Results are returned for a
// second run of Tier 1.
func Check(p *Package, c *Content, o Options) (*Report, []exchange.DocumentAssertion) {
	k := &checker{o: o, p: p, c: c, tokens: map[string]bool{}, report: &Report{
		Verdict: "verified", Model: c.Manifest.Model, Title: c.Document.Model.Title, Version: c.Manifest.Version, CreatedAt: c.Manifest.CreatedAt,
		Problems: []Problem{}, Unpinned: []string{}, Notes: []string{}, Unproven: []string{}, Changed: []threat.ID{}, Assertions: len(c.Document.Assertions), At: o.At,
	}}
	k.manifest()
	state, behind := k.runs()
	k.held(state)
	k.pins(behind)
	k.posture(state)
	if k.report.Failed() {
		k.report.Verdict = "failed"
	}
	var live []exchange.DocumentAssertion
	for _, a := range c.Document.Assertions {
		h := state[a.ID]
		if a.DeletedAt == nil && h != nil {
			a.Tier1, a.Tier2 = h.one, h.two
			live = append(live, a)
		}
	}
	return k.report, live
}

// manifest checks the server's signature and the digests.
func (k *checker) manifest() {
	m := &k.c.Manifest
	keys, err := serverKeys(k.p.JWKS)
	e, parseErr := attest.ParseEnvelope(k.p.Manifest)
	switch {
	case err != nil:
		k.problem("manifest", "the server's key set cannot be read")
	case parseErr != nil:
		k.problem("manifest", "%v", parseErr)
	case keys[e.KeyID()] == nil:
		k.problem("manifest", "it is signed by a key that is not in the package: %s", threat.Clip(e.KeyID(), 80))
	default:
		k.report.ServerKey = e.KeyID()
		if err := e.Verify(keys[e.KeyID()]); err != nil {
			k.problem("manifest", "%v", err)
		}
		known, err := serverKeys(k.o.JWKS)
		if !k.o.pins(e.KeyID()) && (k.o.JWKS == nil || err != nil || known[e.KeyID()] == nil) {
			k.report.Unpinned = append(k.report.Unpinned, "the server's key "+e.KeyID())
		}
	}
	if !slices.Equal(slices.Sorted(maps.Keys(m.Sections)), slices.Sorted(maps.Keys(k.p.Sections))) {
		k.problem("manifest", "it names other sections than there are")
	}
	for _, name := range slices.Sorted(maps.Keys(k.p.Sections)) {
		if m.Sections[name] != evidence.Hash(k.p.Sections[name]) {
			k.problem("section "+name, "its digest is not that of the manifest")
		}
	}
	d := &k.c.Document
	if d.Model.ID != m.Model || d.Model.Version != m.Version || !d.ExportedAt.Equal(m.CreatedAt) {
		k.problem("manifest", "it is about another model, version or time than its sections")
	}
	for _, s := range k.c.Workspace.SigningKeys {
		public, err := attest.ParsePublicKey([]byte(s.PublicKey))
		if err != nil || attest.Fingerprint(public) != s.Fingerprint {
			k.problem("signing key "+threat.Clip(s.Name, 80), "its fingerprint is not that of the key")
		}
	}
}

// runs proves every run, replays the counted ones, and returns what each assertion holds and the runs by id.
func (k *checker) runs() (map[threat.ID]*held, map[string]*proven) {
	all := map[threat.ID]*exchange.DocumentAssertion{}
	for i := range k.c.Document.Assertions {
		all[k.c.Document.Assertions[i].ID] = &k.c.Document.Assertions[i]
	}
	state, byID, nonces := map[threat.ID]*held{}, map[string]*proven{}, map[string]bool{}
	branch := map[string]string{}
	for _, r := range k.c.Document.Model.Repos {
		branch[r.Repo] = r.Branch
	}
	order := slices.Clone(k.c.Runs)
	slices.SortStableFunc(order, func(a, b Run) int { // as they were applied; ids are UUIDv7, in the order of time
		return cmp.Or(a.SubmittedAt.Compare(b.SubmittedAt), cmp.Compare(a.ID, b.ID))
	})
	unpinned := map[string]bool{}
	for i := range order {
		r := &order[i]
		where := "run " + threat.Clip(r.ID, 60)
		k.report.Runs.Total++
		p, err := k.prove(r)
		if err != nil {
			k.problem(where, "%v", err)
			continue
		}
		nonce := p.statement.Predicate.Nonce
		switch {
		case nonces[nonce]:
			k.problem(where, "its nonce was spent by another run")
		case byID[r.ID] != nil:
			k.problem(where, "there are two of that id")
		case r.Attested != p.attested || r.Signer != p.signer:
			k.problem(where, "the server says it is attested: %t by %q, and its proof %t by %q", r.Attested, threat.Clip(r.Signer, 80), p.attested, p.signer)
		case r.SubmittedAt.After(k.c.Manifest.CreatedAt):
			k.problem(where, "it was submitted after the package was made")
		}
		nonces[nonce], byID[r.ID] = true, &p
		switch {
		case !p.attested:
			k.report.Runs.Unproven++
		case r.Proof.Envelope != nil:
			k.report.Runs.ByKey++
		default:
			k.report.Runs.ByToken++
		}
		if p.attested && !p.pinned {
			unpinned[p.signer] = true
		}
		// Which branch counts may have been changed since: that is the server's word, and said.
		if on := p.statement.Predicate.Branch; r.Counted != (on == cmp.Or(branch[p.statement.Predicate.Repo], "main")) {
			word := "did not count"
			if r.Counted {
				word = "counted"
			}
			k.report.Notes = append(k.report.Notes, fmt.Sprintf("%s on %s %s, which the branches of today do not explain", where, threat.Clip(on, 80), word))
		}
		if !r.Counted {
			continue
		}
		k.report.Runs.Counted++
		if err := replay(state, all, &p); err != nil {
			k.problem(where, "%v", err)
		}
	}
	for _, signer := range slices.Sorted(maps.Keys(unpinned)) {
		k.report.Unpinned = append(k.report.Unpinned, "the proofs of "+signer)
	}
	return state, byID
}

// held compares what the server says that assertions hold with what its runs say.
func (k *checker) held(state map[threat.ID]*held) {
	for i := range k.c.Document.Assertions {
		a := &k.c.Document.Assertions[i]
		h := state[a.ID]
		if h == nil {
			h = &held{}
		}
		if !sameHeld(a.Tier1, h.one) || !sameHeld(a.Tier2, h.two) {
			k.problem("assertion "+string(a.ID), "what it holds is not what the runs say")
		}
		if a.DeletedAt == nil && (h.one != nil && !h.one.Attested || h.two != nil && !h.two.Attested) {
			k.report.Unproven = append(k.report.Unproven, string(a.ID))
		}
	}
}

// pins checks what the auditor expects of the runs behind the results of today.
func (k *checker) pins(byID map[string]*proven) {
	behind := map[string]bool{}
	for i := range k.c.Document.Assertions {
		a := &k.c.Document.Assertions[i]
		if a.DeletedAt != nil {
			continue
		}
		for _, h := range []*evidence.Held{a.Tier1, a.Tier2} {
			if h != nil {
				behind[h.Run] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(behind)) {
		p := byID[id]
		where := "run " + threat.Clip(id, 60)
		if p == nil {
			k.problem(where, "an assertion rests on it, and it is not in the package, or does not hold")
			continue
		}
		st := &p.statement.Predicate
		if k.o.Repo != "" && st.Repo != k.o.Repo {
			k.problem(where, "it is of %s, not of %s", threat.Clip(st.Repo, 80), k.o.Repo)
		}
		if k.o.Commit != "" && st.Commit != k.o.Commit {
			k.problem(where, "it is at %s, not at %s", st.Commit, k.o.Commit)
		}
		if len(k.o.Keys) > 0 || k.o.JWKS != nil {
			switch {
			case !p.attested:
				k.problem(where, "an assertion rests on it, and it has no proof")
			case p.run.Proof.Envelope != nil && len(k.o.Keys) > 0 && !k.o.pins(p.run.Signer):
				k.problem(where, "it is signed by %s, which was not expected", p.run.Signer)
			}
		}
	}
}

// posture folds the model anew and compares it with what the server says.
func (k *checker) posture(state map[threat.ID]*held) {
	d := &k.c.Document
	then, err := k.c.fold(state, k.c.Manifest.CreatedAt)
	if err != nil {
		k.problem("model", "its objectives cannot be computed: %v", err)
		return
	}
	for i := range d.Controls {
		c := &d.Controls[i]
		if c.DeletedAt == nil && then.controls[c.ID] != c.Verification {
			k.problem("control "+string(c.ID), "the server says %s, and its evidence %s", c.Verification, then.controls[c.ID])
		}
	}
	k.report.Posture = then.posture.Summary
	stated, computed := map[threat.ID]exchange.DocumentObjective{}, map[threat.ID]string{}
	for _, o := range d.Objectives {
		stated[o.ID] = o
	}
	for i := range then.posture.Rows {
		r := &then.posture.Rows[i]
		computed[r.Objective.ID] = standing(r)
		o, ok := stated[r.Objective.ID]
		if !ok || o.Status != r.Status || o.By != r.By || o.Assurance != r.Assurance || o.Attested != r.Attested || o.Reason != r.Reason || o.Accepted != (r.Accepted != nil) {
			k.problem("objective "+string(r.Objective.ID), "the server says %s %s, and its evidence %s", o.Status, o.Assurance, standing(r))
		}
	}
	if len(stated) != len(computed) {
		k.problem("model", "it has %d objectives, and says %d", len(computed), len(stated))
	}
	if d.Posture == nil || !same(*d.Posture, then.posture.Summary) {
		k.problem("posture", "the server's counts are not those of its evidence")
	}
	now, err := k.c.fold(state, k.o.At)
	if err != nil {
		k.problem("model", "its objectives cannot be computed: %v", err)
		return
	}
	k.report.PostureAt = now.posture.Summary
	for i := range now.posture.Rows {
		r := &now.posture.Rows[i]
		if standing(r) != computed[r.Objective.ID] {
			k.report.Changed = append(k.report.Changed, r.Objective.ID)
		}
	}
}

func standing(r *posture.Row) string {
	out := string(r.Status)
	if r.Assurance != "" {
		out += " " + string(r.Assurance)
	}
	if r.Reason != "" {
		out += " (" + string(r.Reason) + ")"
	}
	return out
}

func same(a, b any) bool {
	x, err1 := canonical(a)
	y, err2 := canonical(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}
