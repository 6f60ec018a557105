-- +goose Up

-- One text for SQLite and PostgreSQL. Ids are TEXT (UUIDv7, or model-local such as A1), times BIGINT microseconds UTC,
-- flags INTEGER 0 or 1, JSON opaque TEXT, enums TEXT with CHECK. Whatever is filtered on is a column.
-- Every table with a workspace_id goes with its workspace.

CREATE TABLE workspaces (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    kind       TEXT   NOT NULL CHECK (kind IN ('personal', 'team')),
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id                 TEXT    NOT NULL PRIMARY KEY,
    email              TEXT    NOT NULL, -- lower case
    name               TEXT    NOT NULL,
    instance_admin     INTEGER NOT NULL CHECK (instance_admin IN (0, 1)),
    disabled           INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    personal_workspace TEXT    NOT NULL REFERENCES workspaces (id),
    created_at         BIGINT  NOT NULL
);
CREATE UNIQUE INDEX users_email ON users (email); -- one account an address
CREATE INDEX users_personal_workspace ON users (personal_workspace);

CREATE TABLE members (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role         TEXT   NOT NULL CHECK (role IN ('owner', 'member')),
    joined_at    BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX members_user ON members (user_id);

CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    workspace_id TEXT    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    scope        TEXT    NOT NULL CHECK (scope IN ('developer', 'verifier', 'admin')),
    decide       INTEGER NOT NULL CHECK (decide IN (0, 1)),
    hash         TEXT    NOT NULL, -- SHA-256 of the key, hexadecimal; the key itself is nowhere
    shown        TEXT    NOT NULL, -- its first characters
    created_at   BIGINT  NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE INDEX api_keys_workspace ON api_keys (workspace_id, user_id);
CREATE INDEX api_keys_user ON api_keys (user_id);

CREATE TABLE models (
    id           TEXT   NOT NULL PRIMARY KEY,
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    title        TEXT   NOT NULL,
    title_key    TEXT   NOT NULL, -- the title in lower case, to filter on: the engines' LOWER stops at ASCII or follows a locale
    version      BIGINT NOT NULL,
    stamp        BIGINT NOT NULL, -- rises with every write to anything of the model; what is derived is cached under it
    created_by   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    deleted_at   BIGINT -- hidden since; gone 30 days later
);
CREATE UNIQUE INDEX models_workspace ON models (workspace_id, id); -- what belongs to a model refers to both: a row of another workspace cannot
CREATE INDEX models_deleted ON models (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE model_versions (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    n            BIGINT NOT NULL,
    author       TEXT   NOT NULL, -- user id
    summary      TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, model_id, n),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);

-- Temporal rows: a row is part of the versions valid_from <= n < valid_to. An open row has valid_to = 1 << 60.
CREATE TABLE entities (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    entity_id    TEXT   NOT NULL,
    kind         TEXT   NOT NULL CHECK (kind IN ('asset', 'attacker', 'trust_boundary', 'assumption', 'feature')),
    valid_from   BIGINT NOT NULL,
    valid_to     BIGINT NOT NULL CHECK (valid_to > valid_from),
    body         TEXT   NOT NULL, -- JSON of the entity
    PRIMARY KEY (workspace_id, model_id, entity_id, valid_from),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX entities_open ON entities (workspace_id, model_id, entity_id) WHERE valid_to = 1152921504606846976; -- one open row an entity
CREATE INDEX entities_span ON entities (workspace_id, model_id, valid_from, valid_to); -- both ends, so that an old version is found without a look at other rows

-- The number the next id of a kind gets. Raised in the transaction that uses it, never lowered.
CREATE TABLE counters (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    next         BIGINT NOT NULL CHECK (next > 0),
    PRIMARY KEY (workspace_id, model_id, kind),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE controls (
    workspace_id   TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id       TEXT   NOT NULL,
    control_id     TEXT   NOT NULL,
    n              BIGINT NOT NULL, -- the number in control_id, to order by
    description    TEXT   NOT NULL,
    status         TEXT   NOT NULL CHECK (status IN ('not_implemented', 'implemented')),
    source         TEXT   NOT NULL CHECK (source IN ('generated', 'imported', 'manual', 'compliance')),
    facets         TEXT   NOT NULL, -- JSON list
    next_facet     BIGINT NOT NULL,
    framework_refs TEXT   NOT NULL, -- JSON list
    basis          TEXT   NOT NULL, -- JSON list
    notes          TEXT   NOT NULL,
    revision       BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    deleted_at     BIGINT,
    deleted_reason TEXT   NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, model_id, control_id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX controls_live ON controls (workspace_id, model_id, n) WHERE deleted_at IS NULL;

-- Which control helps which CO, and in which of the CO's mitigation groups; group 0 is defence in depth.
CREATE TABLE mitigations (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    objective_id TEXT   NOT NULL,
    group_number BIGINT NOT NULL CHECK (group_number >= 0),
    control_id   TEXT   NOT NULL,
    PRIMARY KEY (workspace_id, model_id, objective_id, group_number, control_id),
    FOREIGN KEY (workspace_id, model_id, control_id) REFERENCES controls (workspace_id, model_id, control_id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX mitigations_control ON mitigations (workspace_id, model_id, control_id);

-- State changes of assumptions, beside the versions; the newest of an assumption is its state.
CREATE TABLE assumption_events (
    workspace_id  TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id      TEXT   NOT NULL,
    assumption_id TEXT   NOT NULL,
    seq           BIGINT NOT NULL,
    state         TEXT   NOT NULL CHECK (state IN ('active', 'violated', 'retired', 'deleted')),
    reason        TEXT   NOT NULL,
    user_id       TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, model_id, assumption_id, seq),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE jobs (
    id           TEXT   NOT NULL PRIMARY KEY,
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL DEFAULT '', -- when it works on an existing model
    kind         TEXT   NOT NULL,
    state        TEXT   NOT NULL CHECK (state IN ('ready', 'running', 'waiting', 'done', 'failed', 'cancelled')),
    principal    TEXT   NOT NULL, -- JSON: on whose behalf
    input        TEXT   NOT NULL, -- JSON
    draft        TEXT   NOT NULL DEFAULT '', -- JSON: what is done so far
    trail        TEXT   NOT NULL DEFAULT '[]', -- JSON list: the steps started so far
    steps        BIGINT NOT NULL, -- how many steps there are
    attempt      BIGINT NOT NULL, -- rises with every claim; a result is written only under the newest
    lease_until  BIGINT NOT NULL DEFAULT 0,
    run_at       BIGINT NOT NULL,
    result       TEXT   NOT NULL DEFAULT '', -- JSON
    error        TEXT   NOT NULL DEFAULT '', -- JSON of a threat.Error
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);
CREATE INDEX jobs_ready ON jobs (run_at, id) WHERE state = 'ready';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_workspace ON jobs (workspace_id, created_at);

CREATE TABLE activity (
    id           TEXT   NOT NULL, -- UUIDv7: in the order of time
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    at           BIGINT NOT NULL,
    user_id      TEXT   NOT NULL,
    key_id       TEXT   NOT NULL,
    verb         TEXT   NOT NULL,
    outcome      TEXT   NOT NULL CHECK (outcome IN ('done', 'refused')),
    code         TEXT   NOT NULL, -- of the refusal
    model_id     TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    object       TEXT   NOT NULL, -- the id within the model, or of what was touched
    detail       TEXT   NOT NULL, -- JSON
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX activity_model ON activity (workspace_id, model_id, id);

-- First answers of calls that create something, kept 24 hours.
CREATE TABLE idempotency (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    key_id       TEXT   NOT NULL, -- empty for local stdio, which may act without a key
    tool         TEXT   NOT NULL,
    idem_key     TEXT   NOT NULL,
    arguments    TEXT   NOT NULL, -- SHA-256 of the call's arguments
    answer       TEXT   NOT NULL, -- JSON
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, key_id, tool, idem_key)
);
CREATE INDEX idempotency_created ON idempotency (created_at);

CREATE TABLE instance (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
