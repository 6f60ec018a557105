package service

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// reviewAfter is how long a control counts as reviewed (specification §4).
const reviewAfter = 90 * 24 * time.Hour

// GetReviewQueueIn pages the queue.
type GetReviewQueueIn struct {
	ModelID string `json:"model_id"`
	Limit   *int   `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset  int    `json:"offset,omitempty"`
}

// ReviewRow is a control that nobody looked at for long.
type ReviewRow struct {
	ID           threat.ID             `json:"id"`
	Description  string                `json:"description"`
	Tier         threat.Tier           `json:"tier"`
	Status       threat.ControlStatus  `json:"status"`
	Verification evidence.Verification `json:"verification"`
	ReviewedAt   *time.Time            `json:"reviewed_at,omitempty" jsonschema:"absent: never"`
}

// GetReviewQueueOut is a page of controls to look at again, the gravest first.
type GetReviewQueueOut struct {
	ModelID  string              `json:"model_id"`
	Version  int                 `json:"version"`
	Total    int                 `json:"total"`
	Returned int                 `json:"returned"`
	Offset   int                 `json:"offset"`
	Summary  map[threat.Tier]int `json:"summary"`
	Controls []ReviewRow         `json:"controls"`
}

// GetReviewQueue lists implemented or verified controls that were not reviewed for 90 days or more. A control that was never reviewed
// counts from its last change. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) GetReviewQueue(ctx context.Context, who account.Principal, in GetReviewQueueIn) (GetReviewQueueOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return GetReviewQueueOut{}, err
	}
	return readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (GetReviewQueueOut, error) {
		out := GetReviewQueueOut{ModelID: h.model.ID, Version: h.model.Version, Offset: offset, Summary: map[threat.Tier]int{}, Controls: []ReviewRow{}}
		var due []ReviewRow
		for _, f := range h.all().found {
			row := ReviewRow{ID: f.ID, Description: f.Description, Tier: f.tier, Status: f.Status, Verification: h.verificationAt(f.Control, v.Now()), ReviewedAt: f.ReviewedAt}
			last := f.UpdatedAt
			if f.ReviewedAt != nil {
				last = *f.ReviewedAt
			}
			if f.orphaned || row.Status != threat.Implemented && row.Verification != evidence.Verified || v.Now().Sub(last) < reviewAfter {
				continue
			}
			out.Summary[f.tier]++
			due = append(due, row)
		}
		out.Total = len(due)
		out.Controls = append(out.Controls, cut(due, limit, offset)...)
		out.Returned = len(out.Controls)
		return out, nil
	})
}

// MarkReviewedIn names the controls that were looked at.
type MarkReviewedIn struct {
	ModelID  string      `json:"model_id"`
	Controls []threat.ID `json:"controls"`
	Note     string      `json:"note,omitempty" jsonschema:"what was seen; kept in the activity"`
}

// MarkReviewedOut says until when they count as reviewed.
type MarkReviewedOut struct {
	ModelID  string      `json:"model_id"`
	Controls []threat.ID `json:"controls"`
	Until    time.Time   `json:"until"`
}

// MarkReviewed marks controls as reviewed now. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) MarkReviewed(ctx context.Context, who account.Principal, in MarkReviewedIn) (MarkReviewedOut, error) {
	v := verb{name: "mark_reviewed", needs: account.Write, model: in.ModelID}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (MarkReviewedOut, error) {
		out := MarkReviewedOut{ModelID: in.ModelID, Controls: in.Controls, Until: tx.Now().Add(reviewAfter)}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		if len(in.Controls) == 0 || len(in.Controls) > MaxLimit {
			return out, threat.Errorf(threat.Invalid, "%d controls, 1 to %d fit", len(in.Controls), MaxLimit).In("controls").Hinted("get_review_queue names them")
		}
		for _, id := range in.Controls {
			if _, err := h.control(id); err != nil {
				return out, fieldError(err, "controls")
			}
		}
		note, err := threat.Text(in.Note, threat.MaxText)
		if err != nil {
			return out, fieldError(err, "note")
		}
		r.version, r.object, r.detail = h.model.Version, threat.Clip(joinStrings(in.Controls), 200), map[string]any{"note": note}
		if err := tx.ReviewControls(who.WorkspaceID, in.ModelID, in.Controls); err != nil {
			return out, err
		}
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// objectivesNamed returns the COs of every asset whose name's words all stand in a text.
func (h *head) objectivesNamed(text string) []threat.ID {
	words := wordSet(text)
	var out []threat.ID
	for _, a := range h.structure.Assets {
		name := wordSet(a.Name)
		if len(name) == 0 || !subset(name, words) {
			continue
		}
		for _, co := range h.objectives() {
			if co.Asset == a.ID {
				out = append(out, co.ID)
			}
		}
	}
	return out
}

func subset(a, b map[string]bool) bool {
	for w := range a {
		if !b[w] {
			return false
		}
	}
	return true
}

// likeness is a text as the comparison for near-duplicates sees it.
type likeness struct {
	id    threat.ID
	words map[string]bool
}

func newLikeness(id threat.ID, text string) likeness { return likeness{id, wordSet(text)} }

// alike is the share of common words from which two controls say the same (words of both over words of either).
const alike = 0.7

// nearest returns the id of the most similar known text that says the same; ok is false when none does.
func (l likeness) nearest(known []likeness) (of threat.ID, ok bool) {
	best := alike
	for _, k := range known {
		common := 0
		for w := range l.words {
			if k.words[w] {
				common++
			}
		}
		either := len(l.words) + len(k.words) - common
		if either > 0 && float64(common)/float64(either) >= best {
			if share := float64(common) / float64(either); share > best || !ok {
				best, of, ok = share, k.id, true
			}
		}
	}
	return of, ok
}

// small are words that say nothing of what a control does.
var small = []string{"a", "an", "the", "of", "to", "in", "on", "for", "and", "or", "is", "are", "be", "by", "with", "from", "that", "it", "its", "all", "any", "every", "each", "must", "shall", "should"}

// wordSet is the set of words of a text in lower case, without endings of the plural and without small words.
func wordSet(text string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(w) > 3 {
			w = strings.TrimSuffix(w, "s")
		}
		if !slices.Contains(small, w) {
			out[w] = true
		}
	}
	return out
}

// GetActivityIn narrows and pages the activity of the workspace.
type GetActivityIn struct {
	ModelID string     `json:"model_id,omitempty"`
	Verb    string     `json:"verb,omitempty" jsonschema:"such as accept_risk"`
	Outcome string     `json:"outcome,omitempty" jsonschema:"done or refused"`
	UserID  string     `json:"user_id,omitempty"`
	Object  string     `json:"object,omitempty" jsonschema:"id within the model, such as C3"`
	Since   *time.Time `json:"since,omitempty" jsonschema:"RFC 3339"`
	Until   *time.Time `json:"until,omitempty" jsonschema:"RFC 3339"`
	Limit   *int       `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset  int        `json:"offset,omitempty"`
}

// ActivityRow is one write, or one refused one.
type ActivityRow struct {
	ID      string          `json:"id"`
	At      time.Time       `json:"at"`
	UserID  string          `json:"user_id"`
	KeyID   string          `json:"key_id"`
	Verb    string          `json:"verb"`
	Outcome string          `json:"outcome"`
	Code    threat.Code     `json:"code,omitempty"`
	ModelID string          `json:"model_id,omitempty"`
	Version int             `json:"version,omitempty"`
	Object  string          `json:"object,omitempty"`
	Detail  json.RawMessage `json:"detail,omitempty" jsonschema:"of a refusal that needed decide: the proposal"`
}

// GetActivityOut is a page of the activity, the newest first.
type GetActivityOut struct {
	Total    int            `json:"total"`
	Returned int            `json:"returned"`
	Offset   int            `json:"offset"`
	Summary  map[string]int `json:"summary" jsonschema:"by outcome"`
	Activity []ActivityRow  `json:"activity"`
}

// ExportActivityIn narrows the export.
type ExportActivityIn struct {
	ModelID string     `json:"model_id,omitempty"`
	Since   *time.Time `json:"since,omitempty" jsonschema:"RFC 3339"`
	Until   *time.Time `json:"until,omitempty" jsonschema:"RFC 3339"`
}

// ExportActivityOut is the activity as JSON lines.
type ExportActivityOut struct {
	Text string `json:"text" jsonschema:"a JSON object a line, the oldest first"`
}

// Raw is the export as a file.
func (out ExportActivityOut) Raw() (string, []byte) {
	return "application/jsonl; charset=utf-8", []byte(out.Text)
}

// maxActivity bounds one export, in rows; since and until cut a longer history into parts.
const maxActivity = 100_000

// ExportActivity writes the activity as JSON lines, the oldest first. Errors: [threat.Invalid] for more rows than fit.
func (s *Service) ExportActivity(ctx context.Context, who account.Principal, in ExportActivityIn) (ExportActivityOut, error) {
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (ExportActivityOut, error) {
		rows, counts, err := v.FilteredActivity(who.WorkspaceID, store.ActivityFilter{Model: in.ModelID, Since: in.Since, Until: in.Until}, maxActivity, 0)
		if err != nil {
			return ExportActivityOut{}, err
		}
		if n := counts["done"] + counts["refused"]; n > maxActivity {
			return ExportActivityOut{}, threat.Errorf(threat.Invalid, "%d rows, at most %d fit", n, maxActivity).In("since").Hinted("export in parts: since and until")
		}
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		for _, a := range slices.Backward(rows) {
			if err := enc.Encode(activityRow(a)); err != nil {
				return ExportActivityOut{}, err
			}
		}
		return ExportActivityOut{b.String()}, nil
	})
}

func activityRow(a store.Activity) ActivityRow {
	row := ActivityRow{a.ID, a.At, a.UserID, a.KeyID, a.Verb, a.Outcome, a.Code, a.ModelID, a.Version, a.Object, nil}
	if a.Detail != "{}" {
		row.Detail = json.RawMessage(a.Detail)
	}
	return row
}

// GetActivity lists who did what and when, refused writes of known callers too. Errors: [threat.Invalid].
func (s *Service) GetActivity(ctx context.Context, who account.Principal, in GetActivityIn) (GetActivityOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return GetActivityOut{}, err
	}
	if in.Outcome != "" && in.Outcome != "done" && in.Outcome != "refused" {
		return GetActivityOut{}, threat.Errorf(threat.Invalid, "outcome %q is not known", threat.Clip(in.Outcome, 20)).In("outcome").Hinted("valid: done, refused")
	}
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (GetActivityOut, error) {
		out := GetActivityOut{Offset: offset, Summary: map[string]int{}, Activity: []ActivityRow{}}
		if in.ModelID != "" { // a foreign model and a missing one are told alike
			if err := modelID(in.ModelID); err != nil {
				return out, err
			}
			if _, err := v.Model(who.WorkspaceID, in.ModelID); err != nil {
				if _, err2 := v.DeletedModel(who.WorkspaceID, in.ModelID); err2 != nil {
					return out, err
				}
			}
		}
		f := store.ActivityFilter{Model: in.ModelID, Verb: in.Verb, Outcome: in.Outcome, User: in.UserID, Object: in.Object, Since: in.Since, Until: in.Until}
		rows, counts, err := v.FilteredActivity(who.WorkspaceID, f, limit, offset)
		if err != nil {
			return out, err
		}
		for outcome, n := range counts {
			out.Summary[outcome] = n
			out.Total += n
		}
		for _, a := range rows {
			out.Activity = append(out.Activity, activityRow(a))
		}
		out.Returned = len(out.Activity)
		return out, nil
	})
}
