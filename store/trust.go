package store

import (
	"database/sql"
	"encoding/json"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Settings returns what a workspace decided for itself, the defaults where it decided nothing.
func (v *Snapshot) Settings(workspace string) (account.Settings, error) {
	s := account.Settings{AllowedJudges: []string{}}
	var document string
	err := v.get(&document, `SELECT document FROM settings WHERE workspace_id = ?`, workspace)
	if missing(err) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(document), &s)
}

// SaveSettings keeps what a workspace decided.
func (t *Tx) SaveSettings(workspace, user string, s account.Settings) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return t.exec(`
		INSERT INTO settings (workspace_id, document, updated_at, updated_by) VALUES (?, ?, ?, ?)
		ON CONFLICT (workspace_id) DO UPDATE SET document = excluded.document, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
		workspace, string(raw), micros(t.now), user)
}

// SigningKey is a public key that signs runs.
type SigningKey struct {
	Fingerprint      string
	Name             string
	PublicKey        string // PEM
	Repos            []string
	CreatedAt        time.Time
	CreatedBy        string
	RevokedAt        *time.Time
	CompromisedSince *time.Time
}

type signingKeyRow struct {
	Fingerprint      string        `db:"fingerprint"`
	Name             string        `db:"name"`
	PublicKey        string        `db:"public_key"`
	Repos            string        `db:"repos"`
	CreatedAt        int64         `db:"created_at"`
	CreatedBy        string        `db:"created_by"`
	RevokedAt        sql.NullInt64 `db:"revoked_at"`
	CompromisedSince sql.NullInt64 `db:"compromised_since"`
}

// SigningKeys returns the keys of a workspace, revoked ones included, the oldest first.
func (v *Snapshot) SigningKeys(workspace string) ([]SigningKey, error) {
	var rows []signingKeyRow
	err := v.list(&rows, `
		SELECT fingerprint, name, public_key, repos, created_at, created_by, revoked_at, compromised_since
		FROM signing_keys WHERE workspace_id = ? ORDER BY created_at, fingerprint`, workspace)
	if err != nil {
		return nil, err
	}
	out := make([]SigningKey, len(rows))
	for i, r := range rows {
		out[i] = SigningKey{
			Fingerprint: r.Fingerprint, Name: r.Name, PublicKey: r.PublicKey, CreatedAt: fromMicros(r.CreatedAt), CreatedBy: r.CreatedBy,
			RevokedAt: optTime(r.RevokedAt), CompromisedSince: optTime(r.CompromisedSince),
		}
		if err := json.Unmarshal([]byte(r.Repos), &out[i].Repos); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// AddSigningKey registers a key. Errors: [threat.Conflict] when the workspace has it.
func (t *Tx) AddSigningKey(workspace string, k SigningKey) error {
	repos, err := json.Marshal(k.Repos)
	if err != nil {
		return err
	}
	return t.exec(`
		INSERT INTO signing_keys (workspace_id, fingerprint, name, public_key, repos, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		workspace, k.Fingerprint, k.Name, k.PublicKey, string(repos), micros(t.now), k.CreatedBy)
}

// RevokeSigningKey revokes a key, and marks it as compromised since a time when one is given. Errors: [threat.NotFound].
func (t *Tx) RevokeSigningKey(workspace, fingerprint string, at time.Time, compromised *time.Time) error {
	n, err := t.execN(`UPDATE signing_keys SET revoked_at = ?, compromised_since = ? WHERE workspace_id = ? AND fingerprint = ?`,
		micros(at), optMicros(compromised), workspace, fingerprint)
	if err == nil && n == 0 {
		return threat.Errorf(threat.NotFound, "there is no such key").In("fingerprint")
	}
	return err
}

// Issuer is a custom issuer of CI tokens, as auth/attest knows it.
type Issuer struct {
	URL       string    `db:"url"`
	Kind      string    `db:"kind"`
	Claims    string    `db:"claims"` // JSON
	Bound     bool      `db:"bound"`
	Created   int64     `db:"created_at"`
	CreatedBy string    `db:"created_by"`
	CreatedAt time.Time `db:"-"`
}

// Issuers returns the custom issuers of a workspace in the order of their URLs.
func (v *Snapshot) Issuers(workspace string) ([]Issuer, error) {
	var out []Issuer
	err := v.list(&out, `SELECT url, kind, claims, bound, created_at, created_by FROM issuers WHERE workspace_id = ? ORDER BY url`, workspace)
	for i := range out {
		out[i].CreatedAt = fromMicros(out[i].Created)
	}
	return out, err
}

// AddIssuer trusts an issuer. Errors: [threat.Conflict] when the workspace does already.
func (t *Tx) AddIssuer(workspace string, i Issuer) error {
	return t.exec(`INSERT INTO issuers (workspace_id, url, kind, claims, bound, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		workspace, i.URL, i.Kind, i.Claims, flag(i.Bound), micros(t.now), i.CreatedBy)
}

// RemoveIssuer trusts an issuer no more. Errors: [threat.NotFound].
func (t *Tx) RemoveIssuer(workspace, url string) error {
	n, err := t.execN(`DELETE FROM issuers WHERE workspace_id = ? AND url = ?`, workspace, url)
	if err == nil && n == 0 {
		return threat.Errorf(threat.NotFound, "there is no such issuer").In("url")
	}
	return err
}

// RequiredClaim is a claim that tokens must carry.
type RequiredClaim struct {
	ID        string `db:"claim_id"`
	Issuer    string `db:"issuer"`
	Claim     string `db:"claim"`
	Pattern   string `db:"pattern"`
	CreatedBy string `db:"created_by"`
}

// RequiredClaims returns the claims that a workspace requires, the oldest first.
func (v *Snapshot) RequiredClaims(workspace string) ([]RequiredClaim, error) {
	var out []RequiredClaim
	err := v.list(&out, `SELECT claim_id, issuer, claim, pattern, created_by FROM required_claims WHERE workspace_id = ? ORDER BY created_at, claim_id`, workspace)
	return out, err
}

// AddRequiredClaim requires a claim. Errors: [threat.Conflict] when the workspace does already.
func (t *Tx) AddRequiredClaim(workspace string, c RequiredClaim) error {
	return t.exec(`INSERT INTO required_claims (workspace_id, claim_id, issuer, claim, pattern, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		workspace, c.ID, c.Issuer, c.Claim, c.Pattern, micros(t.now), c.CreatedBy)
}

// RemoveRequiredClaim requires a claim no more. Errors: [threat.NotFound].
func (t *Tx) RemoveRequiredClaim(workspace, id string) error {
	n, err := t.execN(`DELETE FROM required_claims WHERE workspace_id = ? AND claim_id = ?`, workspace, id)
	if err == nil && n == 0 {
		return threat.Errorf(threat.NotFound, "there is no such required claim").In("claim_id")
	}
	return err
}

// Trust returns what a workspace asks of the runs behind results.
func (v *Snapshot) Trust(workspace string, s account.Settings) (evidence.Trust, error) {
	t := evidence.Trust{Attested: s.RequireAttestation}
	var rows []struct {
		Fingerprint string `db:"fingerprint"`
		Since       int64  `db:"compromised_since"`
	}
	err := v.list(&rows, `SELECT fingerprint, compromised_since FROM signing_keys WHERE workspace_id = ? AND compromised_since IS NOT NULL`, workspace)
	for _, r := range rows {
		if t.Compromised == nil {
			t.Compromised = map[string]time.Time{}
		}
		t.Compromised[r.Fingerprint] = fromMicros(r.Since)
	}
	return t, err
}

// HasAttestedRun reports whether a repository ever had a run with a proof, whichever model it was of.
func (v *Snapshot) HasAttestedRun(workspace, repo string) (bool, error) {
	var n int
	err := v.get(&n, `SELECT 1 FROM runs WHERE workspace_id = ? AND repo = ? AND attested = 1 LIMIT 1`, workspace, repo)
	if missing(err) {
		return false, nil
	}
	return n > 0, err
}

// SpendToken marks a token as spent by a run. Errors: [threat.Conflict] when it was spent before, in any workspace.
func (t *Tx) SpendToken(workspace, issuer, jti, run string, expires time.Time) error {
	n, err := t.execN(`
		INSERT INTO spent_tokens (issuer, jti, workspace_id, run_id, expires_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (issuer, jti) DO NOTHING`, issuer, jti, workspace, run, micros(expires))
	if err == nil && n == 0 {
		return threat.Errorf(threat.Conflict, "a run was proven by this token before").In("proof.jti").Hinted("a token proves one run: fetch a new one")
	}
	return err
}

// PurgeTokens forgets spent tokens that expired before a time, in every workspace.
func (t *Tx) PurgeTokens(before time.Time) (int64, error) {
	return t.execN(`DELETE FROM spent_tokens /* any workspace: housekeeping */ WHERE expires_at < ?`, micros(before))
}

// ModelsWithEvidenceIn returns the live models of a workspace that hold assertions.
func (v *Snapshot) ModelsWithEvidenceIn(workspace string) ([]string, error) {
	var out []string
	err := v.list(&out, `
		SELECT id FROM models WHERE workspace_id = ? AND deleted_at IS NULL
		AND EXISTS (SELECT 1 FROM assertions a WHERE a.workspace_id = models.workspace_id AND a.model_id = models.id) ORDER BY id`, workspace)
	return out, err
}

// ServerKeys returns the public keys that the server signs and signed with, in PEM, the newest first.
func (v *Snapshot) ServerKeys() ([]string, error) {
	var out []string
	err := v.list(&out, `SELECT public_key FROM server_keys ORDER BY created_at DESC, fingerprint`)
	return out, err
}

// KeepServerKey keeps the public part of a signing key of the server.
func (t *Tx) KeepServerKey(fingerprint, public string) error {
	return t.exec(`INSERT INTO server_keys (fingerprint, public_key, created_at) VALUES (?, ?, ?) ON CONFLICT (fingerprint) DO NOTHING`,
		fingerprint, public, micros(t.now))
}

// AllRuns returns the runs of a model, the oldest first.
func (v *Snapshot) AllRuns(workspace, model string) ([]Run, error) {
	var out []Run
	err := v.list(&out, `SELECT `+runColumns+` FROM runs WHERE workspace_id = ? AND model_id = ? ORDER BY n`, workspace, model)
	for i := range out {
		out[i].SubmittedAt = fromMicros(out[i].Submitted)
	}
	return out, err
}
