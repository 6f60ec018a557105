-- +goose Up

ALTER TABLE controls ADD COLUMN distrusted INTEGER NOT NULL DEFAULT 0 CHECK (distrusted IN (0, 1)); -- rests on a run that counts no more
ALTER TABLE runs ADD COLUMN signer TEXT NOT NULL DEFAULT ''; -- fingerprint of the key or URL of the issuer that proved it; '' without a proof
CREATE INDEX runs_attested ON runs (workspace_id, repo) WHERE attested = 1;

-- What a workspace decided for itself; one without a row has the defaults.
CREATE TABLE settings (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    document     TEXT   NOT NULL, -- JSON of account.Settings
    updated_at   BIGINT NOT NULL,
    updated_by   TEXT   NOT NULL,
    PRIMARY KEY (workspace_id)
);

-- Public keys that sign runs. They are never removed: runs that they signed stay to be checked.
CREATE TABLE signing_keys (
    workspace_id      TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    fingerprint       TEXT   NOT NULL,
    name              TEXT   NOT NULL,
    public_key        TEXT   NOT NULL, -- PEM
    repos             TEXT   NOT NULL, -- JSON list: the repositories it may speak for
    created_at        BIGINT NOT NULL,
    created_by        TEXT   NOT NULL,
    revoked_at        BIGINT,
    compromised_since BIGINT,
    PRIMARY KEY (workspace_id, fingerprint)
);

CREATE TABLE issuers (
    workspace_id TEXT    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    url          TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('github', 'gitlab', 'oidc')),
    claims       TEXT    NOT NULL, -- JSON: the names of its claims, for kind oidc
    bound        INTEGER NOT NULL CHECK (bound IN (0, 1)),
    created_at   BIGINT  NOT NULL,
    created_by   TEXT    NOT NULL,
    PRIMARY KEY (workspace_id, url)
);

CREATE TABLE required_claims (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    claim_id     TEXT   NOT NULL,
    issuer       TEXT   NOT NULL, -- '' for all
    claim        TEXT   NOT NULL,
    pattern      TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    created_by   TEXT   NOT NULL,
    PRIMARY KEY (workspace_id, claim_id)
);
CREATE UNIQUE INDEX required_claims_same ON required_claims (workspace_id, issuer, claim, pattern);

-- A token proves one run, in whichever workspace.
CREATE TABLE spent_tokens (
    issuer       TEXT   NOT NULL,
    jti          TEXT   NOT NULL,
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    run_id       TEXT   NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (issuer, jti)
);
CREATE INDEX spent_tokens_workspace ON spent_tokens (workspace_id);
CREATE INDEX spent_tokens_expired ON spent_tokens (expires_at);

-- The server's own signing keys, public parts alone: what an old one signed can still be checked.
CREATE TABLE server_keys (
    fingerprint TEXT   NOT NULL PRIMARY KEY,
    public_key  TEXT   NOT NULL, -- PEM
    created_at  BIGINT NOT NULL
);
