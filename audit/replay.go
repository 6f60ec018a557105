package audit

import (
	"fmt"
	"time"

	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/threat"
)

// held is what an assertion holds at both tiers.
type held struct{ one, two *evidence.Held }

// proven is what the proof of a run proves.
type proven struct {
	run       *Run
	statement evidence.Statement
	attested  bool
	signer    string
	issued    time.Time
	pinned    bool // against what the auditor brought
}

// prove checks the statement and the proof of a run.
func (k *checker) prove(r *Run) (proven, error) {
	out := proven{run: r, pinned: true}
	st, err := evidence.ParseStatement([]byte(r.Statement))
	if err != nil {
		return out, err
	}
	out.statement = st
	p := &st.Predicate
	switch {
	case p.Model != k.c.Manifest.Model || p.Workspace != k.c.Manifest.Workspace:
		return out, fmt.Errorf("its statement is about another model")
	case r.Proof == nil:
		return out, nil
	}
	if raw := r.Proof.Envelope; raw != nil {
		if err := k.proveKey(r, raw, p.Repo, &out); err != nil {
			return out, err
		}
	}
	if r.Proof.Token != "" {
		if err := k.proveToken(r, p, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// proveKey checks an envelope against the key that the workspace registered.
func (k *checker) proveKey(r *Run, raw []byte, repo string, out *proven) error {
	e, err := attest.ParseEnvelope(raw)
	if err != nil {
		return err
	}
	if string(e.Payload()) != r.Statement || e.Type() != attest.PayloadType {
		return fmt.Errorf("its envelope holds another statement")
	}
	key := k.signingKey(e.KeyID())
	if key == nil {
		return fmt.Errorf("its signing key %s is not registered", threat.Clip(e.KeyID(), 80))
	}
	public, err := attest.ParsePublicKey([]byte(key.PublicKey))
	if err != nil {
		return err
	}
	if err := e.Verify(public); err != nil {
		return err
	}
	bound := false
	for _, x := range key.Repos {
		bound = bound || x == repo
	}
	switch {
	case !bound:
		return fmt.Errorf("its signing key does not speak for %s", threat.Clip(repo, 80))
	case key.RevokedAt != nil && !r.SubmittedAt.Before(*key.RevokedAt):
		return fmt.Errorf("its signing key was revoked before")
	case r.SubmittedAt.Before(key.CreatedAt):
		return fmt.Errorf("its signing key was registered later")
	}
	out.attested, out.signer = true, e.KeyID()
	out.pinned = out.pinned && k.o.pins(e.KeyID())
	return nil
}

// proveToken checks a token against the saved keys of its issuer, by the rules of its time.
func (k *checker) proveToken(r *Run, p *evidence.Predicate, out *proven) error {
	if r.Proof.Issuer == nil {
		return fmt.Errorf("its token is of no issuer")
	}
	issuer, err := knownIssuer(*r.Proof.Issuer)
	if err != nil {
		return err
	}
	keys := r.Proof.JWKS
	if k.o.JWKS != nil {
		keys = k.o.JWKS
	} else {
		out.pinned = false
	}
	token, err := attest.VerifyOffline(r.Proof.Token, issuer.URL, keys)
	if err != nil {
		return err
	}
	stated := attest.Stated{Repo: p.Repo, Commit: p.Commit, Branch: p.Branch, Digest: evidence.Hash([]byte(r.Statement))}
	if err := token.Check(issuer, stated, r.Proof.Rules(), r.SubmittedAt); err != nil {
		return err
	}
	if id := issuer.URL + "\x00" + token.ID; k.tokens[id] {
		return fmt.Errorf("its token proved another run")
	} else {
		k.tokens[id] = true
	}
	out.attested, out.issued = true, token.IssuedAt.UTC()
	if out.signer == "" {
		out.signer = issuer.URL
	}
	return nil
}

// knownIssuer is an issuer as a package may say it is: what the tokens of the public ones look like is known, and not the package's to say.
func knownIssuer(i attest.Issuer) (attest.Issuer, error) {
	for _, known := range attest.Trusted() {
		if i.URL == known.URL {
			return known, nil
		}
	}
	return i.Check()
}

func (k *checker) signingKey(print string) *SigningKey {
	for i := range k.c.Workspace.SigningKeys {
		if k.c.Workspace.SigningKeys[i].Fingerprint == print {
			return &k.c.Workspace.SigningKeys[i]
		}
	}
	return nil
}

// replay applies a counted run to what assertions hold, as the server does.
func replay(state map[threat.ID]*held, all map[threat.ID]*exchange.DocumentAssertion, p *proven) error {
	info := evidence.RunInfo{
		ID: p.run.ID, Commit: p.statement.Predicate.Commit, Order: p.run.Order, At: p.run.SubmittedAt, Attested: p.attested, Signer: p.signer, IssuedAt: p.issued,
	}
	for i := range p.statement.Predicate.Results {
		x := p.statement.Predicate.Results[i]
		a := all[x.Assertion]
		if a == nil {
			return fmt.Errorf("it answers %s, which is not in the package", threat.Clip(string(x.Assertion), 20))
		}
		if x.Type != a.Type || x.Params.Canonical() != a.Params.Canonical() {
			return fmt.Errorf("its result on %s is about another claim", a.ID)
		}
		if a.DeletedAt != nil && !p.run.SubmittedAt.Before(*a.DeletedAt) {
			continue
		}
		h := state[a.ID]
		if h == nil {
			h = &held{}
			state[a.ID] = h
		}
		tier := &h.one
		if x.Tier == evidence.Tier2 {
			tier = &h.two
		}
		if x.Verdict == evidence.Unchanged && !evidence.MayCarry(*tier, x) {
			return fmt.Errorf("its result on %s is unchanged, and nothing with these digests was held", a.ID)
		}
		*tier = evidence.Apply(*tier, x, info).Held
	}
	return nil
}

// sameHeld compares what is held with what the runs say; the words of the reason are cleaned by the server.
func sameHeld(a, b *evidence.Held) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.Reason, y.Reason = "", ""
	left, err1 := canonical(x)
	right, err2 := canonical(y)
	return err1 == nil && err2 == nil && string(left) == string(right)
}
