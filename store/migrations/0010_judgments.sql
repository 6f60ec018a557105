-- +goose Up

-- What engines said of the claims on a control: the newest word of each engine. It counts while its digest is that of the control's words
-- and claims; service.reassess folds it into the control's verification and sufficiency.
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
    PRIMARY KEY (workspace_id, model_id, control_id, engine),
    FOREIGN KEY (workspace_id, model_id, control_id) REFERENCES controls (workspace_id, model_id, control_id) ON DELETE CASCADE
);
CREATE INDEX judgments_pending ON judgments (job_id) WHERE state = 'pending';
