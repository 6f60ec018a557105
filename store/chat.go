package store

import (
	"database/sql"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// ChatSession is a conversation of one user.
type ChatSession struct {
	ID        string
	UserID    string
	ModelID   string // "" while it is about no model
	Title     string
	Messages  int
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ChatMessage is one turn of a conversation. Sources is JSON that the service reads and writes.
type ChatMessage struct {
	N         int
	Role      string // "user" or "assistant"
	Intent    string
	Text      string
	Sources   string
	JobID     string
	CreatedAt time.Time
}

type chatSessionRow struct {
	ID        string         `db:"session_id"`
	UserID    string         `db:"user_id"`
	ModelID   sql.NullString `db:"model_id"`
	Title     string         `db:"title"`
	Messages  int            `db:"messages"`
	CreatedAt int64          `db:"created_at"`
	UpdatedAt int64          `db:"updated_at"`
}

func (r chatSessionRow) session() ChatSession {
	return ChatSession{r.ID, r.UserID, r.ModelID.String, r.Title, r.Messages, fromMicros(r.CreatedAt), fromMicros(r.UpdatedAt)}
}

// NoChatSession is the one answer for a session that does not exist, or is another's.
func NoChatSession() *threat.Error {
	return threat.Errorf(threat.NotFound, "there is no such chat session").In("session_id").Hinted("GET /chat/sessions lists yours")
}

const chatSessionColumns = `s.session_id, s.user_id, s.model_id, s.title, s.created_at, s.updated_at, (
		SELECT COUNT(*) FROM chat_messages m WHERE m.workspace_id = s.workspace_id AND m.session_id = s.session_id) AS messages`

// ChatSession returns a session of a user. Errors: [threat.NotFound].
func (v *Snapshot) ChatSession(workspace, user, id string) (ChatSession, error) {
	var r chatSessionRow
	err := v.get(&r, `SELECT `+chatSessionColumns+` FROM chat_sessions s WHERE s.workspace_id = ? AND s.session_id = ? AND s.user_id = ?`, workspace, id, user)
	if missing(err) {
		return ChatSession{}, NoChatSession()
	}
	return r.session(), err
}

// ChatSessions returns a page of a user's sessions, the one spoken in last first, and how many there are.
func (v *Snapshot) ChatSessions(workspace, user string, limit, offset int) ([]ChatSession, int, error) {
	var total int
	if err := v.get(&total, `SELECT COUNT(*) FROM chat_sessions WHERE workspace_id = ? AND user_id = ?`, workspace, user); err != nil || limit == 0 {
		return nil, total, err
	}
	var rows []chatSessionRow
	err := v.list(&rows, `
		SELECT `+chatSessionColumns+` FROM chat_sessions s WHERE s.workspace_id = ? AND s.user_id = ?
		ORDER BY s.updated_at DESC, s.session_id DESC LIMIT ? OFFSET ?`, workspace, user, limit, offset)
	out := make([]ChatSession, len(rows))
	for i, r := range rows {
		out[i] = r.session()
	}
	return out, total, err
}

// AddChatSession begins a session.
func (t *Tx) AddChatSession(workspace string, s ChatSession) error {
	return t.exec(`
		INSERT INTO chat_sessions (workspace_id, session_id, user_id, model_id, title, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`,
		workspace, s.ID, s.UserID, sql.NullString{String: s.ModelID, Valid: s.ModelID != ""}, s.Title, micros(t.now), micros(t.now))
}

// TouchChatSession says that a session of a user was spoken in just now, and which model it is about. Errors: [threat.NotFound].
func (t *Tx) TouchChatSession(workspace, user, id, model string) error {
	n, err := t.execN(`UPDATE chat_sessions SET model_id = ?, updated_at = ? WHERE workspace_id = ? AND session_id = ? AND user_id = ?`,
		sql.NullString{String: model, Valid: model != ""}, micros(t.now), workspace, id, user)
	if err == nil && n == 0 {
		return NoChatSession()
	}
	return err
}

// AddChatMessages adds turns to a session after those that are there.
func (t *Tx) AddChatMessages(workspace, session string, list []ChatMessage) error {
	var last int
	if err := t.get(&last, `SELECT COALESCE(MAX(n), 0) FROM chat_messages WHERE workspace_id = ? AND session_id = ?`, workspace, session); err != nil {
		return err
	}
	for i, m := range list {
		err := t.exec(`
			INSERT INTO chat_messages (workspace_id, session_id, n, role, intent, body, sources, job_id, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			workspace, session, last+1+i, m.Role, m.Intent, m.Text, m.Sources, m.JobID, micros(t.now))
		if err != nil {
			return err
		}
	}
	return nil
}

// ChatMessages returns a page of a session's turns, the oldest first.
func (v *Snapshot) ChatMessages(workspace, session string, limit, offset int) ([]ChatMessage, error) {
	var rows []struct {
		N         int    `db:"n"`
		Role      string `db:"role"`
		Intent    string `db:"intent"`
		Text      string `db:"body"`
		Sources   string `db:"sources"`
		JobID     string `db:"job_id"`
		CreatedAt int64  `db:"created_at"`
	}
	err := v.list(&rows, `
		SELECT n, role, intent, body, sources, job_id, created_at FROM chat_messages
		WHERE workspace_id = ? AND session_id = ? ORDER BY n LIMIT ? OFFSET ?`, workspace, session, limit, offset)
	out := make([]ChatMessage, len(rows))
	for i, r := range rows {
		out[i] = ChatMessage{r.N, r.Role, r.Intent, r.Text, r.Sources, r.JobID, fromMicros(r.CreatedAt)}
	}
	return out, err
}

// ChatJob returns the job that a session's answers were about last, or "".
func (v *Snapshot) ChatJob(workspace, session string) (string, error) {
	var id []string
	err := v.list(&id, `
		SELECT job_id FROM chat_messages WHERE workspace_id = ? AND session_id = ? AND job_id <> '' ORDER BY n DESC LIMIT 1`, workspace, session)
	if err != nil || len(id) == 0 {
		return "", err
	}
	return id[0], nil
}

// DeleteChatSession deletes a session of a user with its messages. Errors: [threat.NotFound].
func (t *Tx) DeleteChatSession(workspace, user, id string) error {
	n, err := t.execN(`DELETE FROM chat_sessions WHERE workspace_id = ? AND session_id = ? AND user_id = ?`, workspace, id, user)
	if err == nil && n == 0 {
		return NoChatSession()
	}
	return err
}
