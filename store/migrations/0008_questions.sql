-- +goose Up

-- A job that asks the calling agent waits without a lease, until expires_at. Each answer lets it begin anew, which is no failed attempt:
-- attempts are counted from the last one.
ALTER TABLE jobs ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN answered_attempt BIGINT NOT NULL DEFAULT 0;
CREATE INDEX jobs_waiting ON jobs (expires_at) WHERE state = 'waiting';
CREATE UNIQUE INDEX jobs_of_workspace ON jobs (workspace_id, id);

-- What jobs asked and what was answered. A question that is asked again after a bad answer is a row of its own.
CREATE TABLE job_questions (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    job_id       TEXT   NOT NULL,
    n            BIGINT NOT NULL, -- 1, 2 … per job
    step         TEXT   NOT NULL,
    question     TEXT   NOT NULL, -- JSON
    digest       TEXT   NOT NULL DEFAULT '', -- of the answer; empty: none yet
    answer       TEXT   NOT NULL DEFAULT '', -- as it came, not yet checked
    asked_at     BIGINT NOT NULL,
    answered_at  BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, job_id, n),
    FOREIGN KEY (workspace_id, job_id) REFERENCES jobs (workspace_id, id) ON DELETE CASCADE
);
