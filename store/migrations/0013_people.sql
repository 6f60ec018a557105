-- +goose Up

-- Rises with every change of a workspace's name, members, invitations and keys. Whoever changes one of them takes the row first, so that two
-- changes which are right by themselves cannot leave a workspace without an owner, or a key with somebody who left.
ALTER TABLE workspaces ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- When an MCP client used the key for the first time.
ALTER TABLE api_keys ADD COLUMN mcp_since BIGINT;

-- Asks the person of an address to join. The address is kept as it was typed, in lower case, whether it has an account or not: nothing is looked
-- up, so that nobody learns who has one.
CREATE TABLE invitations (
    id           TEXT   NOT NULL PRIMARY KEY,
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    email        TEXT   NOT NULL,
    role         TEXT   NOT NULL CHECK (role IN ('owner', 'member')),
    state        TEXT   NOT NULL CHECK (state IN ('pending', 'accepted', 'declined', 'withdrawn')), -- pending past expires_at is expired
    invited_by   TEXT   NOT NULL, -- user id
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    ended_at     BIGINT
);
CREATE UNIQUE INDEX invitations_pending ON invitations (workspace_id, email) WHERE state = 'pending'; -- one at a time
CREATE INDEX invitations_workspace ON invitations (workspace_id, created_at);
CREATE INDEX invitations_email ON invitations (email);
CREATE INDEX invitations_expired ON invitations (expires_at);

-- Whether a run was proven, or says that a CI provider ran it.
ALTER TABLE runs ADD COLUMN from_ci INTEGER NOT NULL DEFAULT 0 CHECK (from_ci IN (0, 1));
UPDATE runs SET from_ci = attested;
CREATE INDEX runs_from_ci ON runs (workspace_id, submitted_at) WHERE from_ci = 1;
