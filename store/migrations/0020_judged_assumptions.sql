-- +goose Up

-- Claims on assumptions are judged as those on controls: control_id is the control's id or the assumption's, which are told apart by their
-- letters. The table is made anew without its reference to controls; the named key keeps the old one's name free.
DROP INDEX judgments_pending;
ALTER TABLE judgments RENAME TO judgments_of_controls;
CREATE TABLE judgments (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    model_id     TEXT   NOT NULL,
    control_id   TEXT   NOT NULL,
    engine       TEXT   NOT NULL CHECK (engine IN ('openai', 'agent')),
    state        TEXT   NOT NULL CHECK (state IN ('pending', 'judged', 'failed')),
    digest       TEXT   NOT NULL, -- of what is judged
    llm          TEXT   NOT NULL, -- the language model; '' where it is not known
    template     TEXT   NOT NULL, -- version of the prompt
    incoherent   TEXT   NOT NULL, -- JSON object: assertion, why
    unproven     TEXT   NOT NULL, -- JSON object: facet, why
    reason       TEXT   NOT NULL, -- of a failure
    job_id       TEXT   NOT NULL, -- that makes it; no reference, since it outlives the job
    updated_at   BIGINT NOT NULL,
    CONSTRAINT judged_claims_pkey PRIMARY KEY (workspace_id, model_id, control_id, engine),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
INSERT INTO judgments (workspace_id, model_id, control_id, engine, state, digest, llm, template, incoherent, unproven, reason, job_id, updated_at)
SELECT workspace_id, model_id, control_id, engine, state, digest, llm, template, incoherent, unproven, reason, job_id, updated_at
FROM judgments_of_controls;
DROP TABLE judgments_of_controls;
CREATE INDEX judgments_pending ON judgments (job_id) WHERE state = 'pending';
