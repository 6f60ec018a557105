-- +goose Up

-- Frameworks that a workspace imported: its own, and official texts in place of the summaries of one that is built in.
CREATE TABLE frameworks (
    workspace_id TEXT    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    framework_id TEXT    NOT NULL, -- slug
    overlay      INTEGER NOT NULL CHECK (overlay IN (0, 1)), -- texts over a built-in framework of this id
    body         TEXT    NOT NULL, -- JSON of the framework
    revision     BIGINT  NOT NULL, -- rises with every import
    imported_by  TEXT    NOT NULL, -- user id
    imported_at  BIGINT  NOT NULL,
    PRIMARY KEY (workspace_id, framework_id)
);

-- What a model is to be measured against.
CREATE TABLE framework_selections (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    framework_id TEXT   NOT NULL, -- built in, or of frameworks
    selected_by  TEXT   NOT NULL, -- user id
    selected_at  BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, model_id, framework_id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX framework_selections_framework ON framework_selections (workspace_id, framework_id);

-- Which control serves which requirement. A mapping counts while its control is live: it goes and comes back with it.
CREATE TABLE requirement_mappings (
    workspace_id   TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id       TEXT   NOT NULL,
    control_id     TEXT   NOT NULL,
    framework_id   TEXT   NOT NULL,
    requirement_id TEXT   NOT NULL,
    source         TEXT   NOT NULL CHECK (source IN ('manual', 'auto', 'llm', 'remediation', 'rejected')), -- rejected: a person took it away, so that no engine maps it again
    confidence     BIGINT NOT NULL CHECK (confidence BETWEEN 0 AND 1000), -- in thousandths
    reason         TEXT   NOT NULL,
    mapped_by      TEXT   NOT NULL, -- user id
    mapped_at      BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, model_id, framework_id, requirement_id, control_id),
    FOREIGN KEY (workspace_id, model_id, control_id) REFERENCES controls (workspace_id, model_id, control_id) ON DELETE CASCADE
);
CREATE INDEX requirement_mappings_control ON requirement_mappings (workspace_id, model_id, control_id);
CREATE INDEX requirement_mappings_framework ON requirement_mappings (workspace_id, framework_id, requirement_id);

-- Requirements that somebody with decide ruled out for a model.
CREATE TABLE requirement_exclusions (
    workspace_id   TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id       TEXT   NOT NULL,
    framework_id   TEXT   NOT NULL,
    requirement_id TEXT   NOT NULL,
    reason         TEXT   NOT NULL,
    decided_by     TEXT   NOT NULL, -- user id
    decided_at     BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, model_id, framework_id, requirement_id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX requirement_exclusions_framework ON requirement_exclusions (workspace_id, framework_id, requirement_id);

-- Assets and attackers proposed to close gaps, each to be approved, rejected or found not applicable. Numbers are not used twice.
CREATE TABLE remediation_proposals (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    n            BIGINT NOT NULL, -- the number in its id, "P1"
    framework_id TEXT   NOT NULL,
    kind         TEXT   NOT NULL CHECK (kind IN ('asset', 'attacker')),
    body         TEXT   NOT NULL, -- JSON of the asset or attacker
    requirements TEXT   NOT NULL, -- JSON list of the ids of the requirements it is for
    reason       TEXT   NOT NULL, -- why it is proposed
    status       TEXT   NOT NULL CHECK (status IN ('open', 'approved', 'rejected', 'not_applicable', 'superseded')),
    entity_id    TEXT   NOT NULL, -- what an approved one became
    proposed_by  TEXT   NOT NULL, -- user id
    proposed_at  BIGINT NOT NULL,
    decided_by   TEXT   NOT NULL,
    decided_at   BIGINT,
    PRIMARY KEY (workspace_id, model_id, n),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);

-- Named groups of models.
CREATE TABLE systems (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    system_id    TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    name_key     TEXT   NOT NULL, -- the name in lower case
    description  TEXT   NOT NULL,
    created_by   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, system_id)
);
CREATE UNIQUE INDEX systems_name ON systems (workspace_id, name_key); -- one system a name

CREATE TABLE system_models (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    system_id    TEXT   NOT NULL,
    added_at     BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, model_id), -- a model is in at most one system
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, system_id) REFERENCES systems (workspace_id, system_id) ON DELETE CASCADE
);
CREATE INDEX system_models_system ON system_models (workspace_id, system_id);
