-- +goose Up

-- What is deleted is marked first, and from then on nobody sees it; its rows go in batches after that.
ALTER TABLE workspaces ADD COLUMN deleted_at BIGINT;
ALTER TABLE users ADD COLUMN deleted_at BIGINT;

-- What is marked and not yet gone. A row goes with the last row of what it is about, so it refers to nothing.
CREATE TABLE deletions (
    id          TEXT   NOT NULL PRIMARY KEY,
    kind        TEXT   NOT NULL CHECK (kind IN ('workspace', 'user')),
    workspace   TEXT   NOT NULL, -- whose rows go: the one that is deleted, or the user's personal one
    account     TEXT   NOT NULL, -- the user; '' for a workspace
    names       TEXT   NOT NULL, -- JSON: what else names the user in rows that stay
    reached     TEXT   NOT NULL, -- the last workspace in which the user was forgotten
    attempt     BIGINT NOT NULL, -- rises with every claim
    lease_until BIGINT NOT NULL,
    marked_at   BIGINT NOT NULL
);
CREATE INDEX deletions_due ON deletions (lease_until, id);

-- What the owner was shown before deleting, to be confirmed once.
CREATE TABLE deletion_tokens (
    hash         TEXT   NOT NULL PRIMARY KEY, -- SHA-256 of the token, hexadecimal
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE, -- to be deleted; the personal one for an account
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    shown        TEXT   NOT NULL, -- digest of what was counted
    expires_at   BIGINT NOT NULL
);
CREATE INDEX deletion_tokens_workspace ON deletion_tokens (workspace_id);
CREATE INDEX deletion_tokens_user ON deletion_tokens (user_id);
CREATE INDEX deletion_tokens_expired ON deletion_tokens (expires_at);
