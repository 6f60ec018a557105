package service

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/audit"
	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// ExportAuditPackageIn names a model.
type ExportAuditPackageIn struct {
	ModelID string `json:"model_id"`
}

// ExportAuditPackageOut is a signed audit package. REST answers with the package alone.
type ExportAuditPackageOut struct {
	ModelID   string          `json:"model_id"`
	Version   int             `json:"version"`
	ServerKey string          `json:"server_key" jsonschema:"fingerprint of the key that signed it"`
	Package   json.RawMessage `json:"package"`
}

// Raw returns the package as a file: byte for byte what was signed.
func (o ExportAuditPackageOut) Raw() (contentType string, body []byte) {
	return "application/json", o.Package
}

// ExportAuditPackage makes the audit package of a model (specification §7.8). Errors: [threat.NotFound], [threat.FailedPrecondition] on a
// server without a signing key.
func (s *Service) ExportAuditPackage(ctx context.Context, who account.Principal, in ExportAuditPackageIn) (ExportAuditPackageOut, error) {
	return readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (ExportAuditPackageOut, error) {
		out := ExportAuditPackageOut{ModelID: h.model.ID, Version: h.model.Version}
		if s.signer == nil {
			return out, threat.Errorf(threat.FailedPrecondition, "the server has no signing key").
				Hinted("redoubt serve makes <data>/signing.key; REDOUBT_SERVER_SIGNING_KEY holds one elsewhere")
		}
		d, err := h.document(v, who.WorkspaceID)
		if err != nil {
			return out, err
		}
		c := audit.Content{Document: *d, Manifest: audit.Manifest{
			CreatedAt: d.ExportedAt, Model: h.model.ID, Version: h.model.Version, Workspace: who.WorkspaceID, Server: s.server(),
		}}
		if c.Runs, err = auditRuns(v, who.WorkspaceID, h.model.ID); err != nil {
			return out, err
		}
		if c.Workspace, err = auditWorkspace(v, who.WorkspaceID); err != nil {
			return out, err
		}
		list, err := v.Judgments(who.WorkspaceID, h.model.ID)
		if err != nil {
			return out, err
		}
		for _, j := range list {
			c.Judgments = append(c.Judgments, j.Judgment)
		}
		keys, err := serverKeys(v, s.signer)
		if err != nil {
			return out, err
		}
		out.ServerKey = attest.Fingerprint(&s.signer.PublicKey)
		out.Package, err = audit.Write(c, s.signer, keys)
		return out, err
	})
}

func auditRuns(v *store.Snapshot, workspace, model string) ([]audit.Run, error) {
	runs, err := v.AllRuns(workspace, model)
	if err != nil {
		return nil, err
	}
	out := make([]audit.Run, len(runs))
	for i, r := range runs {
		out[i] = audit.Run{
			ID: r.ID, Order: r.Order, Counted: r.Counted, SubmittedAt: r.SubmittedAt, SubmittedBy: r.UserID, Attested: r.Attested, Signer: r.Signer,
			Statement: r.Statement,
		}
		if r.Proof == "" {
			continue
		}
		out[i].Proof = &attest.Proof{}
		if err := json.Unmarshal([]byte(r.Proof), out[i].Proof); err != nil {
			return nil, fmt.Errorf("service: the proof of run %s cannot be read: %w", r.ID, err)
		}
	}
	return out, nil
}

func auditWorkspace(v *store.Snapshot, workspace string) (out audit.Workspace, err error) {
	if out.Settings, err = v.Settings(workspace); err != nil {
		return out, err
	}
	keys, err := v.SigningKeys(workspace)
	if err != nil {
		return out, err
	}
	out.SigningKeys = make([]audit.SigningKey, len(keys))
	for i, k := range keys {
		out.SigningKeys[i] = audit.SigningKey{
			Fingerprint: k.Fingerprint, Name: k.Name, PublicKey: k.PublicKey, Repos: k.Repos, CreatedAt: k.CreatedAt, RevokedAt: k.RevokedAt, CompromisedSince: k.CompromisedSince,
		}
	}
	if out.Issuers, err = trustedIssuers(v, workspace); err != nil {
		return out, err
	}
	out.Required, err = requiredClaims(v, workspace)
	return out, err
}

// serverKeys returns the server's public keys, the one in force first.
func serverKeys(v *store.Snapshot, signer *ecdsa.PrivateKey) ([]*ecdsa.PublicKey, error) {
	texts, err := v.ServerKeys()
	if err != nil {
		return nil, err
	}
	out := []*ecdsa.PublicKey{}
	if signer != nil {
		out = append(out, &signer.PublicKey)
	}
	for _, text := range texts {
		key, err := attest.ParsePublicKey([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("service: a key of the server cannot be read: %w", err)
		}
		if signer == nil || !key.Equal(&signer.PublicKey) {
			out = append(out, key)
		}
	}
	return out, nil
}

// KeepSigner keeps the public part of the server's signing key, so that it is published when another one signs.
func (s *Service) KeepSigner(ctx context.Context) error {
	if s.signer == nil {
		return nil
	}
	public := &s.signer.PublicKey
	return s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.KeepServerKey(attest.Fingerprint(public), attest.PublicPEM(public))
	})
}

// JWKS returns the public keys that the server signs and signed with, as a JSON Web Key Set. It needs no caller.
func (s *Service) JWKS(ctx context.Context) (json.RawMessage, error) {
	var out json.RawMessage
	err := s.store.Read(ctx, func(v *store.Snapshot) error {
		keys, err := serverKeys(v, s.signer)
		if err == nil {
			out, err = audit.JWKS(keys)
		}
		return err
	})
	return out, s.logged("jwks", err)
}
