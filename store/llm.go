package store

import "time"

// LLMAnswer is a kept answer of a language model.
type LLMAnswer struct {
	Text             string
	Model            string // that answered
	PromptTokens     int    // what it cost when it was asked
	CompletionTokens int
}

// LLMAnswer returns the answer kept under a digest. ok is false when there is none, or none that is still in its life.
func (v *Snapshot) LLMAnswer(workspace, digest string) (a LLMAnswer, ok bool, err error) {
	var r struct {
		Answer           string `db:"answer"`
		Model            string `db:"model"`
		PromptTokens     int    `db:"prompt_tokens"`
		CompletionTokens int    `db:"completion_tokens"`
	}
	err = v.get(&r, `
		SELECT answer, model, prompt_tokens, completion_tokens
		FROM llm_cache
		WHERE workspace_id = ? AND digest = ? AND expires_at > ?`, workspace, digest, micros(v.now))
	if missing(err) {
		return LLMAnswer{}, false, nil
	}
	return LLMAnswer{r.Answer, r.Model, r.PromptTokens, r.CompletionTokens}, err == nil, err
}

// KeepLLMAnswer keeps an answer under a digest, in place of one that is there, for so long.
func (t *Tx) KeepLLMAnswer(workspace, user, digest string, a LLMAnswer, life time.Duration) error {
	return t.exec(`
		INSERT INTO llm_cache (workspace_id, digest, user_id, answer, model, prompt_tokens, completion_tokens, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (workspace_id, digest)
		DO UPDATE SET user_id = excluded.user_id, answer = excluded.answer, model = excluded.model,
			prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens,
			created_at = excluded.created_at, expires_at = excluded.expires_at`,
		workspace, digest, user, a.Text, a.Model, a.PromptTokens, a.CompletionTokens, micros(t.now), micros(t.now.Add(life)))
}

// ForgetLLMAnswer removes the answer kept under a digest, if there is one.
func (t *Tx) ForgetLLMAnswer(workspace, digest string) error {
	return t.exec(`DELETE FROM llm_cache WHERE workspace_id = ? AND digest = ?`, workspace, digest)
}

// PurgeLLMAnswers removes answers that are past their life, in every workspace.
func (t *Tx) PurgeLLMAnswers() error {
	return t.exec(`DELETE FROM llm_cache /* any workspace: housekeeping */ WHERE expires_at <= ?`, micros(t.now))
}

// LLMCall is one call of a language model.
type LLMCall struct {
	ID               string
	UserID           string
	Operation        string
	Engine           string
	Asked            string // provider:model
	Model            string // that answered; may be empty
	PromptTokens     int
	CompletionTokens int
	SavedTokens      int // what a call that the cache answered did not cost
	Latency          time.Duration
	Cached           bool
	Outcome          string
}

// AddLLMCall records a call.
func (t *Tx) AddLLMCall(workspace string, c LLMCall) error {
	return t.exec(`
		INSERT INTO llm_calls (id, workspace_id, user_id, operation, engine, asked, model,
			prompt_tokens, completion_tokens, saved_tokens, latency_ms, cached, outcome, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, workspace, c.UserID, c.Operation, c.Engine, c.Asked, c.Model,
		c.PromptTokens, c.CompletionTokens, c.SavedTokens, c.Latency.Milliseconds(), flag(c.Cached), c.Outcome, micros(t.now))
}

// LLMUsage is the sum of the calls of one day, user, operation, and model.
type LLMUsage struct {
	Day              time.Time // its beginning, UTC
	WorkspaceID      string
	UserID           string
	Operation        string
	Asked            string
	Model            string
	Calls            int // all of them
	Cached           int // answered by the cache
	Failed           int // not answered
	PromptTokens     int
	CompletionTokens int
	SavedTokens      int
	LatencyMS        int // of all calls that were not answered by the cache
}

type llmUsageRow struct {
	Day              int64  `db:"day"`
	WorkspaceID      string `db:"workspace_id"`
	UserID           string `db:"user_id"`
	Operation        string `db:"operation"`
	Asked            string `db:"asked"`
	Model            string `db:"model"`
	Calls            int    `db:"calls"`
	Cached           int    `db:"cached"`
	Failed           int    `db:"failed"`
	PromptTokens     int    `db:"prompt_tokens"`
	CompletionTokens int    `db:"completion_tokens"`
	SavedTokens      int    `db:"saved_tokens"`
	LatencyMS        int    `db:"latency_ms"`
}

// The sums are cast: PostgreSQL adds up a BIGINT as a NUMERIC.
const llmUsageColumns = `
	created_at / 86400000000 AS day, workspace_id, user_id, operation, asked, model,
	COUNT(*) AS calls,
	COUNT(*) FILTER (WHERE cached = 1) AS cached,
	COUNT(*) FILTER (WHERE outcome <> 'answered') AS failed,
	CAST(SUM(prompt_tokens) AS BIGINT) AS prompt_tokens,
	CAST(SUM(completion_tokens) AS BIGINT) AS completion_tokens,
	CAST(SUM(saved_tokens) AS BIGINT) AS saved_tokens,
	CAST(SUM(CASE WHEN cached = 1 THEN 0 ELSE latency_ms END) AS BIGINT) AS latency_ms`

const llmUsageGroups = `
	GROUP BY created_at / 86400000000, workspace_id, user_id, operation, asked, model
	ORDER BY day, workspace_id, user_id, operation, asked, model`

// LLMUsage sums up a workspace's calls since a time, the first day first.
func (v *Snapshot) LLMUsage(workspace string, since time.Time) ([]LLMUsage, error) {
	var rows []llmUsageRow
	err := v.list(&rows, `SELECT `+llmUsageColumns+` FROM llm_calls WHERE workspace_id = ? AND created_at >= ?`+llmUsageGroups, workspace, micros(since))
	return llmUsage(rows), err
}

// LLMUsageOfAll sums up the calls of every workspace since a time, for the instance's administrator.
func (v *Snapshot) LLMUsageOfAll(since time.Time) ([]LLMUsage, error) {
	var rows []llmUsageRow
	err := v.list(&rows, `SELECT `+llmUsageColumns+` FROM llm_calls /* any workspace: the instance's summary */ WHERE created_at >= ?`+llmUsageGroups, micros(since))
	return llmUsage(rows), err
}

func llmUsage(rows []llmUsageRow) []LLMUsage {
	out := make([]LLMUsage, len(rows))
	for i, r := range rows {
		out[i] = LLMUsage{
			fromMicros(r.Day * (24 * time.Hour).Microseconds()), r.WorkspaceID, r.UserID, r.Operation, r.Asked, r.Model,
			r.Calls, r.Cached, r.Failed, r.PromptTokens, r.CompletionTokens, r.SavedTokens, r.LatencyMS,
		}
	}
	return out
}

// PurgeLLMCalls removes records older than a time, in every workspace.
func (t *Tx) PurgeLLMCalls(before time.Time) error {
	return t.exec(`DELETE FROM llm_calls /* any workspace: housekeeping */ WHERE created_at < ?`, micros(before))
}
