-- +goose Up

ALTER TABLE controls ADD COLUMN reviewed_at BIGINT; -- by a person or an agent; NULL when never
ALTER TABLE controls ADD COLUMN verification_at BIGINT; -- when the verification became what it is
ALTER TABLE controls ADD COLUMN weakened TEXT NOT NULL DEFAULT ''; -- what a change took away that nobody has approved; '' when nothing

-- What a change took from the mitigation of a CO, until someone with decide approves it.
CREATE TABLE weakened_objectives (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    objective_id TEXT   NOT NULL,
    reason       TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, model_id, objective_id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);

-- Assumptions that carry a control: while one holds, the control counts as implemented in its groups.
CREATE TABLE carried_controls (
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id      TEXT NOT NULL,
    control_id    TEXT NOT NULL,
    assumption_id TEXT NOT NULL,
    PRIMARY KEY (workspace_id, model_id, control_id, assumption_id),
    FOREIGN KEY (workspace_id, model_id, control_id) REFERENCES controls (workspace_id, model_id, control_id) ON DELETE CASCADE
);

-- Auxiliary evidence: context that hangs on a control, never proof.
CREATE TABLE control_documents (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    control_id   TEXT   NOT NULL,
    n            BIGINT NOT NULL, -- within the control; never used again
    title        TEXT   NOT NULL,
    url          TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    created_by   TEXT   NOT NULL,
    deleted_at   BIGINT,
    PRIMARY KEY (workspace_id, model_id, control_id, n),
    FOREIGN KEY (workspace_id, model_id, control_id) REFERENCES controls (workspace_id, model_id, control_id) ON DELETE CASCADE
);

-- A named person states that an assumption holds, until a date. It counts while the head says what it was given for, and nothing later
-- ended it.
CREATE TABLE attestations (
    workspace_id   TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    attestation_id TEXT   NOT NULL, -- UUIDv7: in the order of time
    model_id       TEXT   NOT NULL,
    assumption_id  TEXT   NOT NULL,
    statement      TEXT   NOT NULL,
    evidence_url   TEXT   NOT NULL,
    given_for      TEXT   NOT NULL, -- JSON: digests of the text and of each CO's statement and tier
    user_id        TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    ended_at       BIGINT,
    ended_reason   TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, attestation_id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX attestations_model ON attestations (workspace_id, model_id, assumption_id);

-- A risk that was accepted for a CO. Accepted is not mitigated.
CREATE TABLE accepted_risks (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    risk_id      TEXT   NOT NULL, -- UUIDv7
    model_id     TEXT   NOT NULL,
    objective_id TEXT   NOT NULL,
    owner        TEXT   NOT NULL, -- a named person
    reason       TEXT   NOT NULL,
    review_by    BIGINT NOT NULL,
    expires_at   BIGINT,
    given_for    TEXT   NOT NULL, -- digest of the CO's statement and tier
    user_id      TEXT   NOT NULL, -- who decided
    created_at   BIGINT NOT NULL,
    ended_at     BIGINT,
    ended_reason TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, risk_id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX accepted_risks_model ON accepted_risks (workspace_id, model_id, objective_id);
CREATE UNIQUE INDEX accepted_risks_live ON accepted_risks (workspace_id, model_id, objective_id) WHERE ended_at IS NULL; -- one live acceptance a CO

