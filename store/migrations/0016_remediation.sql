-- +goose Up

-- A proposal can also say that requirements do not apply. A CHECK cannot be changed in place, so that the table is made anew.
CREATE TABLE remediation_proposals_before AS SELECT * FROM remediation_proposals;
DROP TABLE remediation_proposals;

-- Assets and attackers proposed to close gaps, each to be approved, rejected or found not applicable, and requirements proposed to be ruled
-- out. Numbers are not used twice.
CREATE TABLE remediation_proposals (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    n            BIGINT NOT NULL, -- the number in its id, "P1"
    framework_id TEXT   NOT NULL,
    kind         TEXT   NOT NULL CHECK (kind IN ('asset', 'attacker', 'not_applicable')),
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

INSERT INTO remediation_proposals (workspace_id, model_id, n, framework_id, kind, body, requirements, reason, status, entity_id,
    proposed_by, proposed_at, decided_by, decided_at)
SELECT workspace_id, model_id, n, framework_id, kind, body, requirements, reason, status, entity_id,
    proposed_by, proposed_at, decided_by, decided_at
FROM remediation_proposals_before;
DROP TABLE remediation_proposals_before;
