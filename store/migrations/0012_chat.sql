-- +goose Up

-- Conversations. Each is its user's alone, within the workspace it was held in, and goes with the model that it is about.
CREATE TABLE chat_sessions (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    session_id   TEXT   NOT NULL,
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    model_id     TEXT,            -- NULL while it is about none
    title        TEXT   NOT NULL, -- how its first message begins
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, session_id),
    FOREIGN KEY (workspace_id, model_id) REFERENCES models (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX chat_sessions_user ON chat_sessions (user_id, workspace_id, updated_at);
CREATE INDEX chat_sessions_model ON chat_sessions (workspace_id, model_id);

CREATE TABLE chat_messages (
    workspace_id TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    session_id   TEXT   NOT NULL,
    n            BIGINT NOT NULL, -- from 1
    role         TEXT   NOT NULL CHECK (role IN ('user', 'assistant')),
    intent       TEXT   NOT NULL CHECK (intent IN ('generate', 'refine', 'query', 'general')),
    body         TEXT   NOT NULL,
    sources      TEXT   NOT NULL, -- JSON list of the ids that an answer rests on
    job_id       TEXT   NOT NULL, -- the job that an answer is about, or ''
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, session_id, n),
    FOREIGN KEY (workspace_id, session_id) REFERENCES chat_sessions (workspace_id, session_id) ON DELETE CASCADE
);
