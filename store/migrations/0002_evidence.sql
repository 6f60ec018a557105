-- +goose Up

ALTER TABLE models ADD COLUMN repos TEXT NOT NULL DEFAULT '[]'; -- JSON list of {repo, branch}: the branch whose runs count
ALTER TABLE models ADD COLUMN pulls BIGINT NOT NULL DEFAULT 0; -- how many nonces were issued: runs are ordered by theirs

-- What follows from the evidence. service.reassess alone writes these; 'stale' depends on the time and is decided on read.
ALTER TABLE controls ADD COLUMN verification TEXT NOT NULL DEFAULT 'none'
    CHECK (verification IN ('none', 'failed', 'incoherent', 'insufficient', 'verified', 'partial', 'pending'));
ALTER TABLE controls ADD COLUMN sufficiency TEXT NOT NULL DEFAULT ''; -- JSON; '' when nothing was ever claimed
ALTER TABLE controls ADD COLUMN oldest_result_at BIGINT; -- of the results the verification rests on
ALTER TABLE controls ADD COLUMN attested INTEGER NOT NULL DEFAULT 0 CHECK (attested IN (0, 1));

-- An assertion never changes but in what is held of it. Deleted ones stay on record.
CREATE TABLE assertions (
    workspace_id   TEXT    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id       TEXT    NOT NULL,
    assertion_id   TEXT    NOT NULL,
    n              BIGINT  NOT NULL, -- the number in assertion_id, to order by
    control_id     TEXT, -- exactly one of control_id and assumption_id
    assumption_id  TEXT,
    type           TEXT    NOT NULL,
    params         TEXT    NOT NULL, -- JSON object
    repo           TEXT    NOT NULL,
    description    TEXT    NOT NULL,
    facets         TEXT    NOT NULL, -- JSON list of ids
    incoherent     TEXT    NOT NULL, -- why; '' for a coherent one
    tier1          TEXT    NOT NULL DEFAULT '', -- JSON of the result held; '' without one
    tier2          TEXT    NOT NULL DEFAULT '',
    drifted_at     BIGINT, -- a pass became a fail then, and it has not passed since
    debt           INTEGER NOT NULL DEFAULT 0 CHECK (debt IN (0, 1)), -- deleted while failing, and not yet made good
    created_at     BIGINT  NOT NULL,
    created_by     TEXT    NOT NULL,
    deleted_at     BIGINT,
    deleted_by     TEXT    NOT NULL DEFAULT '',
    deleted_reason TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, model_id, assertion_id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, model_id, control_id) REFERENCES controls (workspace_id, model_id, control_id) ON DELETE CASCADE,
    CHECK ((control_id IS NULL) <> (assumption_id IS NULL))
);
CREATE INDEX assertions_live ON assertions (workspace_id, model_id, n) WHERE deleted_at IS NULL;
CREATE INDEX assertions_control ON assertions (workspace_id, model_id, control_id);

-- A nonce: what one key pulled, and may submit a run for once.
CREATE TABLE pulls (
    workspace_id TEXT    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    nonce        TEXT    NOT NULL,
    model_id     TEXT    NOT NULL,
    repo         TEXT    NOT NULL,
    key_id       TEXT    NOT NULL,
    n            BIGINT  NOT NULL, -- its place among the model's nonces
    list_digest  TEXT    NOT NULL, -- of the list that was pulled
    assertions   TEXT    NOT NULL, -- JSON list of the ids in it
    pending      INTEGER NOT NULL CHECK (pending IN (0, 1)),
    issued_at    BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    spent_at     BIGINT,
    run_id       TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, nonce),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX pulls_model ON pulls (workspace_id, model_id, n);
CREATE INDEX pulls_expired ON pulls (expires_at);

CREATE TABLE runs (
    workspace_id     TEXT    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    run_id           TEXT    NOT NULL,
    model_id         TEXT    NOT NULL,
    n                BIGINT  NOT NULL, -- that of its nonce
    repo             TEXT    NOT NULL,
    commit_id        TEXT    NOT NULL,
    branch           TEXT    NOT NULL,
    counted          INTEGER NOT NULL CHECK (counted IN (0, 1)), -- else a preview
    verifier         TEXT    NOT NULL,
    key_id           TEXT    NOT NULL,
    user_id          TEXT    NOT NULL,
    statement        TEXT    NOT NULL, -- as received
    statement_digest TEXT    NOT NULL,
    proof            TEXT    NOT NULL DEFAULT '', -- as received; '' without one
    attested         INTEGER NOT NULL DEFAULT 0 CHECK (attested IN (0, 1)),
    answer           TEXT    NOT NULL, -- JSON of what the submitter was told
    submitted_at     BIGINT  NOT NULL,
    PRIMARY KEY (workspace_id, run_id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX runs_model ON runs (workspace_id, model_id, n);

-- What each run said; rows are only ever added.
CREATE TABLE run_results (
    workspace_id TEXT    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    run_id       TEXT    NOT NULL,
    assertion_id TEXT    NOT NULL,
    tier         BIGINT  NOT NULL CHECK (tier IN (1, 2)),
    verdict      TEXT    NOT NULL CHECK (verdict IN ('pass', 'fail', 'skipped', 'unchanged')),
    reason       TEXT    NOT NULL,
    file         TEXT    NOT NULL,
    line         BIGINT  NOT NULL,
    PRIMARY KEY (workspace_id, run_id, assertion_id, tier),
    FOREIGN KEY (workspace_id, run_id) REFERENCES runs (workspace_id, run_id) ON DELETE CASCADE
);

CREATE TABLE findings (
    workspace_id      TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id          TEXT   NOT NULL,
    finding_id        TEXT   NOT NULL,
    n                 BIGINT NOT NULL,
    control_id        TEXT   NOT NULL, -- '' when it is mapped to none
    title             TEXT   NOT NULL,
    description       TEXT   NOT NULL,
    severity          TEXT   NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low', 'info')),
    source            TEXT   NOT NULL CHECK (source IN ('agent', 'manual', 'sarif', 'drift', 'injection')),
    status            TEXT   NOT NULL CHECK (status IN ('discovered', 'acknowledged', 'remediated', 'verified', 'dismissed')),
    reason            TEXT   NOT NULL,
    fingerprint       TEXT   NOT NULL,
    checked_locations TEXT   NOT NULL, -- JSON list
    checked_patterns  TEXT   NOT NULL, -- JSON list
    expected_evidence TEXT   NOT NULL,
    reopens           TEXT   NOT NULL, -- the verified finding it repeats; '' for none
    created_at        BIGINT NOT NULL,
    created_by        TEXT   NOT NULL, -- user id
    updated_at        BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, model_id, finding_id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX findings_model ON findings (workspace_id, model_id, n);
CREATE INDEX findings_same ON findings (workspace_id, model_id, control_id, fingerprint);

-- The assertions that will show a finding mended, and since which run they count.
CREATE TABLE finding_assertions (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    finding_id   TEXT   NOT NULL,
    assertion_id TEXT   NOT NULL,
    since        BIGINT NOT NULL, -- order of the newest nonce when it was linked: only later runs count
    PRIMARY KEY (workspace_id, model_id, finding_id, assertion_id),
    FOREIGN KEY (workspace_id, model_id, finding_id) REFERENCES findings (workspace_id, model_id, finding_id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, model_id, assertion_id) REFERENCES assertions (workspace_id, model_id, assertion_id) ON DELETE CASCADE
);
CREATE INDEX finding_assertions_assertion ON finding_assertions (workspace_id, model_id, assertion_id);
