package store

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Judgment is a judgment with the job that makes or made it.
type Judgment struct {
	evidence.Judgment
	Job string
}

type judgmentRow struct {
	ControlID  threat.ID              `db:"control_id"`
	Engine     string                 `db:"engine"`
	State      evidence.JudgmentState `db:"state"`
	Digest     string                 `db:"digest"`
	LLM        string                 `db:"llm"`
	Template   string                 `db:"template"`
	Incoherent string                 `db:"incoherent"`
	Unproven   string                 `db:"unproven"`
	Reason     string                 `db:"reason"`
	JobID      string                 `db:"job_id"`
	UpdatedAt  int64                  `db:"updated_at"`
}

// Judgments returns what engines said of the claims on a model's controls, those of deleted controls too, in the order of controls and
// engines.
func (v *Snapshot) Judgments(workspace, model string) ([]Judgment, error) {
	var rows []judgmentRow
	err := v.list(&rows, `
		SELECT control_id, engine, state, digest, llm, template, incoherent, unproven, reason, job_id, updated_at
		FROM judgments WHERE workspace_id = ? AND model_id = ? ORDER BY LENGTH(control_id), control_id, engine`, workspace, model)
	if err != nil {
		return nil, err
	}
	out := make([]Judgment, len(rows))
	for i, r := range rows {
		out[i] = Judgment{Job: r.JobID, Judgment: evidence.Judgment{
			Control: r.ControlID, Engine: r.Engine, State: r.State, Digest: r.Digest, Model: r.LLM, Template: r.Template, Reason: r.Reason,
			At: fromMicros(r.UpdatedAt),
		}}
		for _, m := range []struct {
			text string
			into *map[threat.ID]string
		}{{r.Incoherent, &out[i].Incoherent}, {r.Unproven, &out[i].Unproven}} {
			if m.text == "{}" {
				continue
			}
			if err := json.Unmarshal([]byte(m.text), m.into); err != nil {
				return nil, fmt.Errorf("store: judgment of %s: %w", r.ControlID, err)
			}
		}
	}
	return out, nil
}

// SaveJudgment writes an engine's word on a control in the place of its former one.
func (t *Tx) SaveJudgment(workspace, model string, j Judgment) error {
	reasons := func(m map[threat.ID]string) (string, error) {
		if len(m) == 0 {
			return "{}", nil
		}
		raw, err := json.Marshal(m)
		return string(raw), err
	}
	incoherent, err := reasons(j.Incoherent)
	if err != nil {
		return err
	}
	unproven, err := reasons(j.Unproven)
	if err != nil {
		return err
	}
	return t.exec(`
		INSERT INTO judgments (workspace_id, model_id, control_id, engine, state, digest, llm, template, incoherent, unproven, reason, job_id, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (workspace_id, model_id, control_id, engine) DO UPDATE SET
		    state = excluded.state, digest = excluded.digest, llm = excluded.llm, template = excluded.template, incoherent = excluded.incoherent,
		    unproven = excluded.unproven, reason = excluded.reason, job_id = excluded.job_id, updated_at = excluded.updated_at`,
		workspace, model, string(j.Control), j.Engine, string(j.State), j.Digest, j.Model, j.Template, incoherent, unproven, j.Reason, j.Job, micros(t.now))
}

// FailJudgments ends what a job left pending, and returns the models concerned.
func (t *Tx) FailJudgments(job, reason string) ([]ModelKey, error) {
	return t.failJudgments(`
		UPDATE judgments /* any workspace: a job's own are of one */
		SET state = 'failed', reason = ?, updated_at = ?
		WHERE state = 'pending' AND job_id = ?
		RETURNING workspace_id, model_id`, reason, micros(t.now), job)
}

// FailLostJudgments ends, in every workspace, what is pending though its job is at work no more, and returns the models concerned.
func (t *Tx) FailLostJudgments(reason string) ([]ModelKey, error) {
	return t.failJudgments(`
		UPDATE judgments /* any workspace: housekeeping serves all */
		SET state = 'failed', reason = ?, updated_at = ?
		WHERE state = 'pending' AND job_id > '' AND NOT EXISTS (
		    SELECT 1 FROM jobs WHERE jobs.id = judgments.job_id AND jobs.state IN ('ready', 'running', 'waiting'))
		RETURNING workspace_id, model_id`, reason, micros(t.now))
}

func (t *Tx) failJudgments(query string, args ...any) ([]ModelKey, error) {
	var rows, out []ModelKey
	err := t.list(&rows, query, args...)
	for _, r := range rows {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out, err
}
