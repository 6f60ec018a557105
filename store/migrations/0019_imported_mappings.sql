-- +goose Up

-- A mapping can also come with an imported model. A CHECK cannot be changed in place, so that the table is made anew.
CREATE TABLE requirement_mappings_before AS SELECT * FROM requirement_mappings;
DROP TABLE requirement_mappings;

-- Which control serves which requirement. A mapping counts while its control is live: it goes and comes back with it.
CREATE TABLE requirement_mappings (
    workspace_id   TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id       TEXT   NOT NULL,
    control_id     TEXT   NOT NULL,
    framework_id   TEXT   NOT NULL,
    requirement_id TEXT   NOT NULL,
    source         TEXT   NOT NULL CHECK (source IN ('manual', 'auto', 'llm', 'remediation', 'import', 'rejected')), -- rejected: a person took it away, so that no engine maps it again
    confidence     BIGINT NOT NULL CHECK (confidence BETWEEN 0 AND 1000), -- in thousandths
    reason         TEXT   NOT NULL,
    mapped_by      TEXT   NOT NULL, -- user id
    mapped_at      BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, model_id, framework_id, requirement_id, control_id),
    FOREIGN KEY (workspace_id, model_id, control_id) REFERENCES controls (workspace_id, model_id, control_id) ON DELETE CASCADE
);
CREATE INDEX requirement_mappings_control ON requirement_mappings (workspace_id, model_id, control_id);
CREATE INDEX requirement_mappings_framework ON requirement_mappings (workspace_id, framework_id, requirement_id);

INSERT INTO requirement_mappings (workspace_id, model_id, control_id, framework_id, requirement_id, source, confidence, reason, mapped_by, mapped_at)
SELECT workspace_id, model_id, control_id, framework_id, requirement_id, source, confidence, reason, mapped_by, mapped_at
FROM requirement_mappings_before;
DROP TABLE requirement_mappings_before;
