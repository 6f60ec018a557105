// Package audit makes and checks the audit package of a model: the model, the runs with their statements and proofs, and what the
// workspace decided, under a signed manifest of digests (specification §7.8). It needs no server: statements are checked against keys and
// saved key sets, what assertions hold is replayed from the runs, and posture is folded anew from that.
//
// What people decided (attestations, accepted risks, the state of assumptions, settings) and that no run was left out are the
// server's word: its signature says who gave it, and nothing can prove it.
package audit

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/threat"
)

// The format of a package, and the type of its signed manifest.
const (
	Format       = "redoubt/audit-package"
	Version      = 1
	ManifestType = "application/vnd.redoubt.audit-manifest+json"
)

// Package is an audit package as it is written: canonical JSON (RFC 8785), so that it has one form.
type Package struct {
	Format   string                     `json:"format"`
	Version  int                        `json:"format_version"`
	JWKS     json.RawMessage            `json:"jwks"`     // the server's public keys, as at /.well-known/jwks.json
	Manifest json.RawMessage            `json:"manifest"` // DSSE envelope of a [Manifest], signed by the server
	Sections map[string]json.RawMessage `json:"sections"` // those of the exported document, and "runs" and "workspace"
}

// Manifest names what is in a package by digest.
type Manifest struct {
	CreatedAt time.Time         `json:"created_at"`
	Model     string            `json:"model"`
	Sections  map[string]string `json:"sections"` // name → SHA-256 of its canonical JSON
	Server    string            `json:"server"`   // its public URL
	Version   int               `json:"version"`  // of the model
	Workspace string            `json:"workspace"`
}

// Run is a run as the server keeps it. The statement is as received. The fields stand in the order of their names, for [evidence.Plain].
type Run struct {
	Attested    bool          `json:"attested"`
	Counted     bool          `json:"counted"`
	ID          string        `json:"id"`
	Order       int64         `json:"order"` // that of its nonce
	Proof       *attest.Proof `json:"proof,omitempty"`
	Signer      string        `json:"signer,omitempty"`
	Statement   string        `json:"statement"` // canonical JSON
	SubmittedAt time.Time     `json:"submitted_at"`
	SubmittedBy string        `json:"submitted_by"` // user id
}

// SigningKey is a public key that the workspace registered.
type SigningKey struct {
	Fingerprint      string     `json:"fingerprint"`
	Name             string     `json:"name"`
	PublicKey        string     `json:"public_key"` // PEM
	Repos            []string   `json:"repos"`
	CreatedAt        time.Time  `json:"created_at"`
	RevokedAt        *time.Time `json:"revoked_at,omitempty"`
	CompromisedSince *time.Time `json:"compromised_since,omitempty"`
}

// Workspace is what the workspace decided about evidence.
type Workspace struct {
	Settings    account.Settings  `json:"settings"`
	SigningKeys []SigningKey      `json:"signing_keys"`
	Issuers     []attest.Issuer   `json:"issuers"`
	Required    []attest.Required `json:"required_claims"`
}

// Content is what a package says, read.
type Content struct {
	Manifest  Manifest
	Document  exchange.Document
	Runs      []Run
	Workspace Workspace
	Judgments []evidence.Judgment // what engines said of claims, those that count and those that do not any more
}

const (
	runsSection      = "runs"
	workspaceSection = "workspace"
	judgmentsSection = "judgments" // only where there are any: packages of before have none
)

// Write makes a package and signs it: canonical JSON with a line end. keys are the server's public keys, key's own among them.
func Write(c Content, key *ecdsa.PrivateKey, keys []*ecdsa.PublicKey) ([]byte, error) {
	p := Package{Format: Format, Version: Version}
	var err error
	if p.Sections, err = sections(c); err != nil {
		return nil, err
	}
	c.Manifest.Sections = map[string]string{}
	for name, raw := range p.Sections {
		c.Manifest.Sections[name] = evidence.Hash(raw)
	}
	manifest, err := canonical(c.Manifest)
	if err != nil {
		return nil, err
	}
	envelope, err := attest.Sign(ManifestType, manifest, key)
	if err != nil {
		return nil, err
	}
	if p.Manifest, err = canonical(envelope); err != nil {
		return nil, err
	}
	if p.JWKS, err = JWKS(keys); err != nil {
		return nil, err
	}
	return append(p.write(), '\n'), nil
}

// write joins the parts of a package, which are canonical, into its canonical form: the names stand in their order.
func (p *Package) write() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"format":%q,"format_version":%d,"jwks":`, p.Format, p.Version)
	b.Write(p.JWKS)
	b.WriteString(`,"manifest":`)
	b.Write(p.Manifest)
	b.WriteString(`,"sections":{`)
	for i, name := range slices.Sorted(maps.Keys(p.Sections)) { // of ASCII letters alone
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:", name)
		b.Write(p.Sections[name])
	}
	b.WriteString("}}")
	return b.Bytes()
}

// sections cuts content into its parts, each in canonical form.
func sections(c Content) (map[string]json.RawMessage, error) {
	whole, err := canonical(c.Document)
	if err != nil {
		return nil, err
	}
	out := map[string]json.RawMessage{}
	if err := json.Unmarshal(whole, &out); err != nil {
		return nil, err
	}
	if c.Runs == nil {
		c.Runs = []Run{}
	}
	runs := slices.Clone(c.Runs)
	for i := range runs {
		if runs[i].Proof == nil {
			continue
		}
		p := *runs[i].Proof
		for _, part := range []*json.RawMessage{&p.Envelope, &p.JWKS} {
			if len(*part) == 0 {
				continue
			}
			if *part, err = evidence.Canonicalize(*part); err != nil {
				return nil, err
			}
		}
		runs[i].Proof = &p
	}
	raw, ok := evidence.Plain(runs) // a test compares it with the transformation
	if !ok {
		if raw, err = canonical(runs); err != nil {
			return nil, err
		}
	}
	out[runsSection] = raw
	if out[workspaceSection], err = canonical(c.Workspace); err != nil || len(c.Judgments) == 0 {
		return out, err
	}
	out[judgmentsSection], err = canonical(c.Judgments)
	return out, err
}

func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return evidence.Canonicalize(b.Bytes())
}

// JWKS writes public keys as a JSON Web Key Set, each under its fingerprint.
func JWKS(keys []*ecdsa.PublicKey) (json.RawMessage, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k, KeyID: attest.Fingerprint(k), Algorithm: "ES256", Use: "sig"})
	}
	return canonical(set)
}

// Read reads a package strictly: canonical JSON of the known shape alone. It checks no signature. Errors: [threat.Invalid].
func Read(text []byte) (*Package, *Content, error) {
	bad := func(format string, args ...any) error {
		return threat.Errorf(threat.Invalid, format, args...).In("package").Hinted("redoubt export MODEL --audit writes one; it is read as written and not otherwise")
	}
	if len(text) == 0 || text[len(text)-1] != '\n' {
		return nil, nil, bad("it does not end with a line end")
	}
	text = text[:len(text)-1]
	p := &Package{}
	if err := strict(text, p); err != nil {
		return nil, nil, bad("it has another shape: %s", threat.Clip(err.Error(), 200))
	}
	if p.Format != Format || p.Version != Version {
		return nil, nil, bad("it is %s, version %d", threat.Clip(p.Format, 40), p.Version)
	}
	c := &Content{}
	envelope, err := attest.ParseEnvelope(p.Manifest)
	if err != nil {
		return nil, nil, err
	}
	if written, err := canonical(envelope); err != nil || !bytes.Equal(written, p.Manifest) {
		return nil, nil, bad("its manifest is in an envelope with a field of another name")
	}
	if err := strict(envelope.Payload(), &c.Manifest); err != nil || envelope.Type() != ManifestType {
		return nil, nil, bad("its manifest has another shape")
	}
	rest := map[string]json.RawMessage{}
	for name, raw := range p.Sections {
		switch name {
		case runsSection:
			err = strict(raw, &c.Runs)
		case workspaceSection:
			err = strict(raw, &c.Workspace)
		case judgmentsSection:
			err = strict(raw, &c.Judgments)
		default:
			rest[name] = raw
		}
		if err != nil {
			return nil, nil, bad("section %s has another shape: %s", name, threat.Clip(err.Error(), 200))
		}
	}
	whole, err := json.Marshal(rest)
	if err == nil {
		err = strict(whole, &c.Document)
	}
	if err != nil {
		return nil, nil, bad("the model has another shape: %s", threat.Clip(err.Error(), 200))
	}
	// What the decoder reads in more than one way is refused by writing it again.
	again, err := sections(*c)
	if err != nil {
		return nil, nil, bad("a section has no canonical form")
	}
	for name, raw := range p.Sections {
		if !bytes.Equal(raw, again[name]) {
			return nil, nil, bad("section %s is not canonical, or has a field of another name", name)
		}
	}
	if len(again) != len(p.Sections) {
		return nil, nil, bad("a section is missing")
	}
	manifest, err := canonical(c.Manifest)
	if err != nil || !bytes.Equal(manifest, envelope.Payload()) {
		return nil, nil, bad("its manifest is not canonical")
	}
	if !wellFormed(p.JWKS) {
		return nil, nil, bad("the server's key set has another shape")
	}
	if !bytes.Equal(p.write(), text) {
		return nil, nil, bad("it is not canonical JSON, or has a field of another name")
	}
	return p, c, nil
}

// strict decodes one JSON value without unknown fields.
func strict(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	return nil
}

// serverKeys returns the ECDSA keys of a key set, by fingerprint.
func serverKeys(raw json.RawMessage) (map[string]*ecdsa.PublicKey, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, err
	}
	out := map[string]*ecdsa.PublicKey{}
	for _, k := range set.Keys {
		if key, ok := k.Key.(*ecdsa.PublicKey); ok {
			if print := attest.Fingerprint(key); k.KeyID == print {
				out[print] = key
			}
		}
	}
	return out, nil
}

// wellFormed reports whether the embedded key set is what [JWKS] writes of its keys, so that no byte of it is without a meaning.
func wellFormed(raw json.RawMessage) bool {
	var set jose.JSONWebKeySet
	if json.Unmarshal(raw, &set) != nil {
		return false
	}
	keys := make([]*ecdsa.PublicKey, 0, len(set.Keys))
	for _, k := range set.Keys {
		key, ok := k.Key.(*ecdsa.PublicKey)
		if !ok || attest.Fingerprint(key) != k.KeyID {
			return false
		}
		keys = append(keys, key)
	}
	back, err := JWKS(keys)
	return err == nil && bytes.Equal(back, raw) && !slices.Contains(keys, nil)
}
