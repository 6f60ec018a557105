-- +goose Up

-- Answers of language models, kept for a while; a workspace has its own. They go with the user who asked first, too.
CREATE TABLE llm_cache (
    workspace_id      TEXT   NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    digest            TEXT   NOT NULL, -- SHA-256 of what was asked and of whom, hexadecimal
    user_id           TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    answer            TEXT   NOT NULL, -- as the model wrote it
    model             TEXT   NOT NULL, -- that answered
    prompt_tokens     BIGINT NOT NULL, -- what it cost
    completion_tokens BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    expires_at        BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, digest)
);
CREATE INDEX llm_cache_user ON llm_cache (user_id);
CREATE INDEX llm_cache_expired ON llm_cache (expires_at);

-- Every call of a language model: what it was for and what it cost, never what was said.
CREATE TABLE llm_calls (
    id                TEXT    NOT NULL PRIMARY KEY,
    workspace_id      TEXT    NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id           TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    operation         TEXT    NOT NULL,
    engine            TEXT    NOT NULL,
    asked             TEXT    NOT NULL, -- provider:model that was asked
    model             TEXT    NOT NULL, -- that answered; '' where none says so
    prompt_tokens     BIGINT  NOT NULL CHECK (prompt_tokens >= 0), -- 0 in a row from the cache
    completion_tokens BIGINT  NOT NULL CHECK (completion_tokens >= 0),
    saved_tokens      BIGINT  NOT NULL CHECK (saved_tokens >= 0), -- what a row from the cache did not cost
    latency_ms        BIGINT  NOT NULL,
    cached            INTEGER NOT NULL CHECK (cached IN (0, 1)),
    outcome           TEXT    NOT NULL, -- 'answered', or the kind of the failure
    created_at        BIGINT  NOT NULL
);
CREATE INDEX llm_calls_workspace ON llm_calls (workspace_id, created_at);
CREATE INDEX llm_calls_user ON llm_calls (user_id, created_at);
CREATE INDEX llm_calls_time ON llm_calls (created_at);
