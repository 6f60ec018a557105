package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// ChatIn is a message in a conversation.
type ChatIn struct {
	Message     string `json:"message"`
	SessionID   string `json:"session_id,omitempty" jsonschema:"default: a new session"`
	ModelID     string `json:"model_id,omitempty" jsonschema:"default: the session's"`
	Engine      string `json:"engine,omitempty" jsonschema:"default: the server's"`
	WaitSeconds *int   `json:"wait_seconds,omitempty" jsonschema:"at most 50, default 20"`
}

// ChatOut is the answer to a message.
type ChatOut struct {
	SessionID string          `json:"session_id"`
	ModelID   string          `json:"model_id,omitempty"`
	Intent    pipeline.Intent `json:"intent" jsonschema:"generate, refine, query or general"`
	Engine    string          `json:"engine"`
	Text      string          `json:"text"`
	Sources   []SourceRow     `json:"sources" jsonschema:"what of the model the answer rests on"`
	Job       *JobOut         `json:"job,omitempty" jsonschema:"of generate and refine; ask for it (GET /jobs/{job_id}) until it has ended"`
}

// maxChat bounds the turns of one session.
const maxChat = 2_000

// Chat answers a message: it tells what is wanted, by rules and where they do not decide and a language model is configured by that one,
// and does it as the caller, who may no more here than elsewhere. Both turns are kept in the session, which is its user's alone. What
// cannot be begun is an error and leaves no trace in the session; a job that failed is an answer. Errors: [threat.NotFound],
// [threat.Invalid], [threat.FailedPrecondition], and those of the use case.
func (s *Service) Chat(ctx context.Context, who account.Principal, in ChatIn) (ChatOut, error) {
	wait, err := Wait(in.WaitSeconds, 20)
	if err != nil {
		return ChatOut{}, err
	}
	deadline := time.Now().Add(wait)
	message, err := threat.Text(in.Message, threat.MaxFeature)
	if err == nil && message == "" {
		err = threat.Errorf(threat.Invalid, "the message is missing").Hinted("1 to %d characters", threat.MaxFeature)
	}
	if err != nil {
		return ChatOut{}, fieldError(err, "message")
	}
	out, err := s.chatContext(ctx, who, in)
	if err != nil {
		return ChatOut{}, err
	}
	think := max(wait, 20*time.Second) // an answer that is no job comes now or not at all
	if out.Intent, err = s.intent(ctx, who, message, out, think); err != nil {
		return ChatOut{}, err
	}
	if err := s.reply(ctx, who, message, &out, think); err != nil {
		return ChatOut{}, err
	}
	if out.Job != nil {
		if err := s.awaitChat(ctx, who, &out, time.Until(deadline)); err != nil {
			return ChatOut{}, err
		}
	}
	in.Message = "" // the records say that there was talk, not what was said
	return write(ctx, s, who, verb{name: "chat", needs: account.Read, model: out.ModelID}, in, func(tx *store.Tx, r *record) (ChatOut, error) {
		done := out
		if done.SessionID == "" {
			done.SessionID = newID()
			begun := store.ChatSession{ID: done.SessionID, UserID: who.UserID, ModelID: done.ModelID, Title: threat.Clip(oneLine(message), 80)}
			if err := tx.AddChatSession(who.WorkspaceID, begun); err != nil {
				return done, err
			}
		} else if err := tx.TouchChatSession(who.WorkspaceID, who.UserID, done.SessionID, done.ModelID); err != nil {
			return done, err
		}
		sources, err := json.Marshal(done.Sources)
		if err != nil {
			return done, err
		}
		answer := store.ChatMessage{Role: "assistant", Intent: string(done.Intent), Text: done.Text, Sources: string(sources)}
		if done.Job != nil {
			answer.JobID = done.Job.JobID
		}
		r.object, r.detail = done.SessionID, map[string]any{"intent": done.Intent}
		return done, tx.AddChatMessages(who.WorkspaceID, done.SessionID, []store.ChatMessage{
			{Role: "user", Intent: string(done.Intent), Text: message, Sources: "[]"}, answer,
		})
	})
}

// chatContext finds the session, the model and the engine of a message.
func (s *Service) chatContext(ctx context.Context, who account.Principal, in ChatIn) (ChatOut, error) {
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (ChatOut, error) {
		out := ChatOut{SessionID: in.SessionID, ModelID: in.ModelID, Sources: []SourceRow{}}
		if in.SessionID != "" {
			session, err := v.ChatSession(who.WorkspaceID, who.UserID, in.SessionID)
			if err != nil {
				return out, err
			}
			if session.Messages >= maxChat {
				return out, threat.Errorf(threat.FailedPrecondition, "the session has %d messages", session.Messages).In("session_id").Hinted("begin a new one: leave session_id out")
			}
			if out.ModelID == "" {
				if out.ModelID, err = chatModel(v, who.WorkspaceID, session); err != nil {
					return out, err
				}
			}
		}
		if out.ModelID != "" {
			if err := modelID(out.ModelID); err != nil {
				return out, err
			}
			if _, err := v.Model(who.WorkspaceID, out.ModelID); err != nil {
				return out, err
			}
		}
		e, err := s.engineOf(v, who.WorkspaceID, in.Engine)
		if err != nil {
			return out, err
		}
		out.Engine = e.Name()
		return out, nil
	})
}

// chatModel is the model that a session is about: its own, or the one that its last job has made meanwhile.
func chatModel(v *store.Snapshot, workspace string, session store.ChatSession) (string, error) {
	if session.ModelID != "" {
		return session.ModelID, nil
	}
	id, err := v.ChatJob(workspace, session.ID)
	if err != nil || id == "" {
		return "", err
	}
	j, err := v.Job(workspace, id)
	if threat.CodeOf(err) == threat.NotFound {
		return "", nil
	}
	return j.ModelID, err
}

// intent tells what a message wants.
func (s *Service) intent(ctx context.Context, who account.Principal, message string, c ChatOut, wait time.Duration) (pipeline.Intent, error) {
	intent, ok := pipeline.IntentOf(message, c.ModelID != "")
	if ok {
		return intent, nil
	}
	if c.Engine == openaiEngine {
		err := s.consultModel(ctx, who, "chat", wait, pipeline.ClassifyQuestion(message, c.ModelID != ""), func(raw []byte) (err error) {
			intent, err = pipeline.ParseIntent(raw)
			return err
		})
		if err != nil {
			return "", err
		}
		if c.ModelID == "" && (intent == pipeline.IntentRefine || intent == pipeline.IntentQuery) {
			intent = pipeline.IntentGeneral // there is nothing yet to refine or to ask about
		}
		return intent, nil
	}
	if c.ModelID != "" {
		return pipeline.IntentQuery, nil // which changes nothing
	}
	return pipeline.IntentGeneral, nil
}

// canDo answers what is about no model where nobody thinks.
const canDo = "Describe a feature (its data, users, interfaces and where it runs) and a threat model is made of it. About a model you can ask " +
	"(what is A1? which critical objectives are at risk?) and say what to change (add a database attacker; set impact of A1 to H; remove T2). " +
	"Name it by model_id, or go on in the session that made it."

// reply does what a message wants.
func (s *Service) reply(ctx context.Context, who account.Principal, message string, out *ChatOut, wait time.Duration) error {
	switch out.Intent {
	case pipeline.IntentGenerate:
		job, err := s.GenerateThreatModel(ctx, who, GenerateThreatModelIn{FeatureDescription: message, Engine: out.Engine})
		out.Job = &job
		return fieldAs(err, "feature_description", "message")
	case pipeline.IntentRefine:
		job, err := s.RefineThreatModel(ctx, who, RefineThreatModelIn{Target: Target{ModelID: out.ModelID}, Instruction: message, Engine: out.Engine})
		out.Job = &job
		return fieldAs(err, "instruction", "message")
	case pipeline.IntentQuery:
		seconds := int(wait.Seconds())
		answer, err := s.QueryThreatModel(ctx, who, QueryThreatModelIn{ModelID: out.ModelID, Question: message, Engine: out.Engine, WaitSeconds: &seconds})
		out.Text, out.Sources = answer.Answer, answer.Sources
		return fieldAs(err, "question", "message")
	}
	out.Text = canDo
	if out.Engine != openaiEngine {
		return nil
	}
	return s.consultModel(ctx, who, "chat", wait, pipeline.GeneralQuestion(message), func(raw []byte) (err error) {
		out.Text, err = pipeline.ParseText(raw)
		return err
	})
}

// awaitChat waits for the job of an answer and says in words how it stands.
func (s *Service) awaitChat(ctx context.Context, who account.Principal, out *ChatOut, left time.Duration) error {
	seconds := max(int(left.Round(time.Second).Seconds()), 0)
	job, err := s.GetOperationStatus(ctx, who, GetOperationStatusIn{JobID: out.Job.JobID, WaitSeconds: &seconds, Seen: -1})
	if err != nil {
		return err
	}
	out.Job, out.Text = &job, jobWords(out.Intent, job)
	if job.Status == store.JobDone && out.Intent == pipeline.IntentGenerate {
		var made ModelSummary
		if err := json.Unmarshal(job.Result, &made); err != nil {
			return err
		}
		out.ModelID = made.ModelID
	}
	return nil
}

// jobWords says how the job of an answer stands.
func jobWords(intent pipeline.Intent, job JobOut) string {
	switch job.Status {
	case store.JobDone:
	case store.JobFailed:
		text := "That did not work: " + job.Error.Message + "."
		if job.Error.Hint != "" {
			text += " What to do: " + job.Error.Hint + "."
		}
		return text
	case store.JobWaiting:
		return "The calling agent has to answer: see job.question and continue_generation."
	case store.JobCancelled:
		return "It was cancelled."
	default:
		return "It is under way: " + job.Message + "."
	}
	if intent == pipeline.IntentGenerate {
		var m ModelSummary
		if json.Unmarshal(job.Result, &m) == nil {
			total := 0
			for _, n := range m.Objectives {
				total += n
			}
			return fmt.Sprintf("The threat model is made: %d assets, %d attackers, %d trust boundaries, %d assumptions, %d control objectives (%d critical) and %d controls.",
				m.Assets, m.Attackers, m.Boundaries, m.Assumptions, total, m.Objectives[threat.Critical], m.Controls)
		}
	}
	var r RefineResult
	if json.Unmarshal(job.Result, &r) != nil {
		return "It is done."
	}
	if len(r.Changes) == 0 {
		return "Nothing was changed. " + r.Note
	}
	text := fmt.Sprintf("Version %d: %s.", r.Version, changesInWords(r.Changes))
	if r.Note != "" {
		text += " " + r.Note
	}
	if r.Hint != "" {
		text += " " + r.Hint + "."
	}
	return text
}

// ListChatSessionsIn pages a user's sessions.
type ListChatSessionsIn struct {
	Limit  *int `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset int  `json:"offset,omitempty"`
}

// ChatSessionRow is a conversation.
type ChatSessionRow struct {
	ID        string    `json:"id"`
	ModelID   string    `json:"model_id,omitempty"`
	Title     string    `json:"title"`
	Messages  int       `json:"messages"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// ListChatSessionsOut is a page of the caller's sessions, the one spoken in last first.
type ListChatSessionsOut struct {
	Total    int              `json:"total"`
	Returned int              `json:"returned"`
	Offset   int              `json:"offset"`
	Sessions []ChatSessionRow `json:"sessions"`
}

// ListChatSessions lists the caller's own sessions in the workspace. Errors: [threat.Invalid].
func (s *Service) ListChatSessions(ctx context.Context, who account.Principal, in ListChatSessionsIn) (ListChatSessionsOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListChatSessionsOut{}, err
	}
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (ListChatSessionsOut, error) {
		list, total, err := v.ChatSessions(who.WorkspaceID, who.UserID, limit, offset)
		out := ListChatSessionsOut{Total: total, Returned: len(list), Offset: offset, Sessions: make([]ChatSessionRow, len(list))}
		for i, c := range list {
			out.Sessions[i] = chatSessionRow(c)
		}
		return out, err
	})
}

func chatSessionRow(c store.ChatSession) ChatSessionRow {
	return ChatSessionRow{c.ID, c.ModelID, c.Title, c.Messages, c.CreatedAt, c.UpdatedAt}
}

// GetChatSessionIn names a session.
type GetChatSessionIn struct {
	SessionID string `json:"session_id"`
	Limit     *int   `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset    int    `json:"offset,omitempty"`
}

// ChatMessageRow is one turn. A job's state is that of now.
type ChatMessageRow struct {
	Number    int             `json:"number"`
	Role      string          `json:"role" jsonschema:"user or assistant"`
	Intent    pipeline.Intent `json:"intent"`
	Text      string          `json:"text"`
	Sources   []SourceRow     `json:"sources"`
	Job       *JobOut         `json:"job,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
}

// GetChatSessionOut is a session and a page of its turns, the oldest first.
type GetChatSessionOut struct {
	Session  ChatSessionRow   `json:"session"`
	Total    int              `json:"total"`
	Returned int              `json:"returned"`
	Offset   int              `json:"offset"`
	Messages []ChatMessageRow `json:"messages"`
}

// GetChatSession returns a session of the caller. Errors: [threat.NotFound], also for another user's; [threat.Invalid].
func (s *Service) GetChatSession(ctx context.Context, who account.Principal, in GetChatSessionIn) (GetChatSessionOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return GetChatSessionOut{}, err
	}
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (GetChatSessionOut, error) {
		c, err := v.ChatSession(who.WorkspaceID, who.UserID, in.SessionID)
		if err != nil {
			return GetChatSessionOut{}, err
		}
		out := GetChatSessionOut{Session: chatSessionRow(c), Total: c.Messages, Offset: offset, Messages: []ChatMessageRow{}}
		if out.Session.ModelID, err = chatModel(v, who.WorkspaceID, c); err != nil {
			return out, err
		}
		list, err := v.ChatMessages(who.WorkspaceID, c.ID, limit, offset)
		if err != nil {
			return out, err
		}
		for _, m := range list {
			row := ChatMessageRow{Number: m.N, Role: m.Role, Intent: pipeline.Intent(m.Intent), Text: m.Text, CreatedAt: m.CreatedAt}
			if err := json.Unmarshal([]byte(m.Sources), &row.Sources); err != nil {
				return out, internal("message %d of session %s: %w", m.N, c.ID, err)
			}
			if m.JobID != "" {
				job, err := jobState(v, who.WorkspaceID, m.JobID)
				switch {
				case err == nil:
					row.Job, row.Text = &job, jobWords(row.Intent, job)
				case threat.CodeOf(err) != threat.NotFound:
					return out, err
				}
			}
			out.Messages = append(out.Messages, row)
		}
		out.Returned = len(out.Messages)
		return out, nil
	})
}

// DeleteChatSessionIn names a session.
type DeleteChatSessionIn struct {
	SessionID string `json:"session_id"`
}

// DeleteChatSessionOut says what is gone.
type DeleteChatSessionOut struct {
	Deleted string `json:"deleted"`
}

// DeleteChatSession deletes a session of the caller with all its messages. Errors: [threat.NotFound].
func (s *Service) DeleteChatSession(ctx context.Context, who account.Principal, in DeleteChatSessionIn) (DeleteChatSessionOut, error) {
	return write(ctx, s, who, verb{name: "delete_chat_session", needs: account.Read}, in, func(tx *store.Tx, r *record) (DeleteChatSessionOut, error) {
		r.object = in.SessionID
		return DeleteChatSessionOut{in.SessionID}, tx.DeleteChatSession(who.WorkspaceID, who.UserID, in.SessionID)
	})
}
