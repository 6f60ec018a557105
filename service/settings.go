package service

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// GetSettingsIn asks for the settings of the key's workspace.
type GetSettingsIn struct{}

// SigningKeyRow is a registered signing key.
type SigningKeyRow struct {
	Fingerprint      string     `json:"fingerprint" jsonschema:"sha256 of the public key's SubjectPublicKeyInfo; the keyid of envelopes"`
	Name             string     `json:"name"`
	PublicKey        string     `json:"public_key" jsonschema:"PEM"`
	Repos            []string   `json:"repos" jsonschema:"the repositories it may speak for"`
	CreatedAt        time.Time  `json:"created_at"`
	RevokedAt        *time.Time `json:"revoked_at,omitempty"`
	CompromisedSince *time.Time `json:"compromised_since,omitempty" jsonschema:"results of its runs from then on do not count"`
}

// RequiredClaimRow is a claim that tokens must carry.
type RequiredClaimRow struct {
	ID      string `json:"id"`
	Issuer  string `json:"issuer,omitempty" jsonschema:"only tokens of this issuer; empty: all"`
	Claim   string `json:"claim"`
	Pattern string `json:"pattern"`
}

// SettingsOut is everything that a workspace decided for itself.
type SettingsOut struct {
	account.Settings
	Audience       string             `json:"audience,omitempty" jsonschema:"what tokens name as their audience: the server's public URL"`
	SigningKeys    []SigningKeyRow    `json:"signing_keys"`
	Issuers        []attest.Issuer    `json:"issuers" jsonschema:"trusted issuers of CI tokens; the first two are so everywhere"`
	RequiredClaims []RequiredClaimRow `json:"required_claims"`
}

// GetSettings reads the settings of the key's workspace.
func (s *Service) GetSettings(ctx context.Context, who account.Principal, _ GetSettingsIn) (SettingsOut, error) {
	return read(ctx, s, who, account.Manage, func(v *store.Snapshot) (SettingsOut, error) { return s.settings(v, who.WorkspaceID) })
}

func (s *Service) settings(v *store.Snapshot, workspace string) (out SettingsOut, err error) {
	out.Audience = s.server()
	if out.Settings, err = v.Settings(workspace); err != nil {
		return out, err
	}
	keys, err := v.SigningKeys(workspace)
	if err != nil {
		return out, err
	}
	out.SigningKeys = make([]SigningKeyRow, len(keys))
	for i, k := range keys {
		out.SigningKeys[i] = SigningKeyRow{
			Fingerprint: k.Fingerprint, Name: k.Name, PublicKey: k.PublicKey, Repos: k.Repos, CreatedAt: k.CreatedAt,
			RevokedAt: k.RevokedAt, CompromisedSince: k.CompromisedSince,
		}
	}
	if out.Issuers, err = trustedIssuers(v, workspace); err != nil {
		return out, err
	}
	claims, err := v.RequiredClaims(workspace)
	out.RequiredClaims = make([]RequiredClaimRow, len(claims))
	for i, c := range claims {
		out.RequiredClaims[i] = RequiredClaimRow{ID: c.ID, Issuer: c.Issuer, Claim: c.Claim, Pattern: c.Pattern}
	}
	return out, err
}

// EditSettingsIn changes settings; what is left out stays.
type EditSettingsIn struct {
	RequireAttestation *bool     `json:"require_attestation,omitempty" jsonschema:"true: results of runs without a proof become stale at once"`
	PullRequests       *bool     `json:"allow_pull_requests,omitempty"`
	StaleAfterDays     *int      `json:"stale_after_days,omitempty" jsonschema:"1 to 365; 0 for the default of 30"`
	AllowedJudges      *[]string `json:"allowed_judges,omitempty" jsonschema:"an empty list allows any"`
	DefaultEngine      *string   `json:"default_engine,omitempty"`
}

// EditSettings changes the settings of the key's workspace. What follows for controls follows at once. Errors: [threat.Invalid].
func (s *Service) EditSettings(ctx context.Context, who account.Principal, in EditSettingsIn) (SettingsOut, error) {
	return s.editSettings(ctx, who, "edit_settings", in, func(tx *store.Tx, r *record) error {
		now, err := tx.Settings(who.WorkspaceID)
		if err != nil {
			return err
		}
		next := now
		set(&next.RequireAttestation, in.RequireAttestation)
		set(&next.PullRequests, in.PullRequests)
		set(&next.StaleAfterDays, in.StaleAfterDays)
		set(&next.AllowedJudges, in.AllowedJudges)
		set(&next.DefaultEngine, in.DefaultEngine)
		if next, err = next.Check(); err != nil {
			return err
		}
		if _, err := s.engine(next.DefaultEngine); err != nil {
			var te *threat.Error
			if errors.As(err, &te) { // the setting is the whole field, not a part of one
				return threat.Errorf(te.Code, "%s", te.Message).In("default_engine").Hinted("%s", te.Hint)
			}
			return err
		}
		r.detail = in
		return tx.SaveSettings(who.WorkspaceID, who.UserID, next)
	})
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

// editSettings changes settings, brings every control of the workspace up to date, and returns the settings.
func (s *Service) editSettings(ctx context.Context, who account.Principal, name string, in any, change func(*store.Tx, *record) error) (SettingsOut, error) {
	return write(ctx, s, who, verb{name: name, needs: account.Manage}, in, func(tx *store.Tx, r *record) (SettingsOut, error) {
		if err := change(tx, r); err != nil {
			return SettingsOut{}, err
		}
		models, err := tx.ModelsWithEvidenceIn(who.WorkspaceID)
		if err != nil {
			return SettingsOut{}, err
		}
		for _, m := range models {
			if err := reassessModel(tx, who.WorkspaceID, m); err != nil {
				return SettingsOut{}, err
			}
			if err := tx.TouchModel(who.WorkspaceID, m); err != nil { // what is read of it depends on the settings
				return SettingsOut{}, err
			}
		}
		return s.settings(tx.View(), who.WorkspaceID)
	})
}

// AddSigningKeyIn is a public key to register.
type AddSigningKeyIn struct {
	Name      string   `json:"name"`
	PublicKey string   `json:"public_key" jsonschema:"ECDSA P-256 in PEM"`
	Repos     []string `json:"repos" jsonschema:"the repositories (org/name) it may speak for"`
}

// maxSigningKeys bounds the keys, issuers and claims of a workspace.
const maxSigningKeys = 200

// AddSigningKey registers a public key whose signatures prove runs. From then on a counted run without a proof is refused. Errors:
// [threat.Invalid], [threat.Conflict] when it is registered.
func (s *Service) AddSigningKey(ctx context.Context, who account.Principal, in AddSigningKeyIn) (SettingsOut, error) {
	return s.editSettings(ctx, who, "add_signing_key", in, func(tx *store.Tx, r *record) error {
		name, err := threat.Line(in.Name, threat.MaxName)
		if err != nil || name == "" {
			return threat.Errorf(threat.Invalid, "the name is missing or too long").In("name").Hinted("one that tells it from the others, such as github-2026")
		}
		public, err := attest.ParsePublicKey([]byte(in.PublicKey))
		if err != nil {
			return err
		}
		if len(in.Repos) == 0 || len(in.Repos) > 50 {
			return threat.Errorf(threat.Invalid, "the key names %d repositories", len(in.Repos)).In("repos").Hinted("1 to 50: a key speaks for the repositories bound to it alone")
		}
		for _, repo := range in.Repos {
			if err := evidence.CheckRepo(repo); err != nil {
				return fieldError(err, "repos")
			}
		}
		repos := slices.Clone(in.Repos)
		slices.Sort(repos)
		have, err := tx.SigningKeys(who.WorkspaceID)
		if err != nil {
			return err
		}
		print := attest.Fingerprint(public)
		switch {
		case len(have) >= maxSigningKeys:
			return threat.Errorf(threat.FailedPrecondition, "the workspace has %d signing keys", len(have)).In("public_key")
		case slices.ContainsFunc(have, func(k store.SigningKey) bool { return k.Fingerprint == print }):
			return threat.Errorf(threat.Conflict, "the workspace has this key: %s", print).In("public_key").Hinted("a revoked key does not come back: make a new one")
		case slices.ContainsFunc(have, func(k store.SigningKey) bool { return k.Name == name && k.RevokedAt == nil }):
			return threat.Errorf(threat.Conflict, "another key in force has this name").In("name")
		}
		r.object, r.detail = print, map[string]any{"name": name, "repos": repos}
		return tx.AddSigningKey(who.WorkspaceID, store.SigningKey{
			Fingerprint: print, Name: name, PublicKey: attest.PublicPEM(public), Repos: slices.Compact(repos), CreatedBy: who.UserID,
		})
	})
}

// RevokeSigningKeyIn takes a key out of force.
type RevokeSigningKeyIn struct {
	Fingerprint      string `json:"fingerprint"`
	CompromisedSince string `json:"compromised_since,omitempty" jsonschema:"RFC 3339: results of its runs from then on do not count; without it the runs before the revocation stay"`
}

// RevokeSigningKey revokes a key from now on. Errors: [threat.Invalid], [threat.NotFound], [threat.Conflict] when it is revoked and nothing
// would change.
func (s *Service) RevokeSigningKey(ctx context.Context, who account.Principal, in RevokeSigningKeyIn) (SettingsOut, error) {
	return s.editSettings(ctx, who, "revoke_signing_key", in, func(tx *store.Tx, r *record) error {
		have, err := tx.SigningKeys(who.WorkspaceID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(have, func(k store.SigningKey) bool { return k.Fingerprint == in.Fingerprint })
		if i < 0 {
			return threat.Errorf(threat.NotFound, "there is no such signing key").In("fingerprint")
		}
		at, since := tx.Now(), have[i].CompromisedSince
		if have[i].RevokedAt != nil {
			at = *have[i].RevokedAt
		}
		if in.CompromisedSince != "" {
			t, err := time.Parse(time.RFC3339, in.CompromisedSince)
			if err != nil || t.After(tx.Now()) {
				return threat.Errorf(threat.Invalid, "compromised_since is no time in the past").In("compromised_since").Hinted("RFC 3339, such as 2026-03-02T09:00:00Z")
			}
			if since == nil || t.Before(*since) { // what counts no more does not count again
				t = t.UTC()
				since = &t
			}
		} else if have[i].RevokedAt != nil {
			return threat.Errorf(threat.Conflict, "the key was revoked at %s", at.Format(time.RFC3339)).In("fingerprint")
		}
		r.object, r.detail = in.Fingerprint, map[string]any{"compromised_since": in.CompromisedSince}
		return tx.RevokeSigningKey(who.WorkspaceID, in.Fingerprint, at, since)
	})
}

// AddIssuerIn is an issuer of CI tokens to trust.
type AddIssuerIn struct {
	attest.Issuer
}

// AddIssuer trusts an issuer beside those that every workspace trusts. Errors: [threat.Invalid], [threat.Conflict].
func (s *Service) AddIssuer(ctx context.Context, who account.Principal, in AddIssuerIn) (SettingsOut, error) {
	return s.editSettings(ctx, who, "add_issuer", in, func(tx *store.Tx, r *record) error {
		i, err := in.Check()
		if err != nil {
			return err
		}
		all, err := trustedIssuers(tx.View(), who.WorkspaceID)
		if err != nil {
			return err
		}
		if len(all) >= maxSigningKeys {
			return threat.Errorf(threat.FailedPrecondition, "the workspace trusts %d issuers", len(all)).In("url")
		}
		if slices.ContainsFunc(all, func(x attest.Issuer) bool { return x.URL == i.URL }) {
			return threat.Errorf(threat.Conflict, "the workspace trusts this issuer").In("url")
		}
		claims, err := json.Marshal(i.Claims)
		if err != nil {
			return err
		}
		r.object = i.URL
		return tx.AddIssuer(who.WorkspaceID, store.Issuer{URL: i.URL, Kind: string(i.Kind), Claims: string(claims), Bound: i.Bound, CreatedBy: who.UserID})
	})
}

// RemoveIssuerIn names an issuer.
type RemoveIssuerIn struct {
	URL string `json:"url"`
}

// RemoveIssuer trusts an issuer no more. Runs that it proved stay. Errors: [threat.NotFound].
func (s *Service) RemoveIssuer(ctx context.Context, who account.Principal, in RemoveIssuerIn) (SettingsOut, error) {
	return s.editSettings(ctx, who, "remove_issuer", in, func(tx *store.Tx, r *record) error {
		r.object = in.URL
		return tx.RemoveIssuer(who.WorkspaceID, in.URL)
	})
}

// AddRequiredClaimIn is a claim to require.
type AddRequiredClaimIn struct {
	attest.Required
}

// AddRequiredClaim requires a claim of tokens. From then on a counted run without a proof is refused. Errors: [threat.Invalid],
// [threat.Conflict].
func (s *Service) AddRequiredClaim(ctx context.Context, who account.Principal, in AddRequiredClaimIn) (SettingsOut, error) {
	return s.editSettings(ctx, who, "add_required_claim", in, func(tx *store.Tx, r *record) error {
		if err := in.Check(); err != nil {
			return err
		}
		issuers, err := trustedIssuers(tx.View(), who.WorkspaceID)
		if err != nil {
			return err
		}
		if in.Issuer != "" && !slices.ContainsFunc(issuers, func(x attest.Issuer) bool { return x.URL == in.Issuer }) {
			return threat.Errorf(threat.Invalid, "the workspace does not trust this issuer").In("issuer").Hinted("trusted: %s", issuerWords(issuers))
		}
		have, err := tx.RequiredClaims(who.WorkspaceID)
		if err != nil {
			return err
		}
		if len(have) >= maxSigningKeys {
			return threat.Errorf(threat.FailedPrecondition, "the workspace requires %d claims", len(have)).In("claim")
		}
		if slices.ContainsFunc(have, func(c store.RequiredClaim) bool {
			return c.Issuer == in.Issuer && c.Claim == in.Claim && c.Pattern == in.Pattern
		}) {
			return threat.Errorf(threat.Conflict, "the workspace requires this").In("claim")
		}
		r.object = newID()
		return tx.AddRequiredClaim(who.WorkspaceID, store.RequiredClaim{ID: r.object, Issuer: in.Issuer, Claim: in.Claim, Pattern: in.Pattern, CreatedBy: who.UserID})
	})
}

// RemoveRequiredClaimIn names a required claim.
type RemoveRequiredClaimIn struct {
	ClaimID string `json:"claim_id"`
}

// RemoveRequiredClaim requires a claim no more. Errors: [threat.NotFound].
func (s *Service) RemoveRequiredClaim(ctx context.Context, who account.Principal, in RemoveRequiredClaimIn) (SettingsOut, error) {
	return s.editSettings(ctx, who, "remove_required_claim", in, func(tx *store.Tx, r *record) error {
		r.object = in.ClaimID
		return tx.RemoveRequiredClaim(who.WorkspaceID, in.ClaimID)
	})
}
