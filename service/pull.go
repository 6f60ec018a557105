package service

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// nonceLife is how long a pull may be answered (specification §7.7).
const nonceLife = 6 * time.Hour

// pullLife is how long after its expiry a nonce is remembered: as long as the same statement gets the first answer, and some.
const pullLife = 7 * 24 * time.Hour

// PullAssertionsIn says which assertions a verifier is to check.
type PullAssertionsIn struct {
	ModelID string `json:"model_id"`
	Repo    string `json:"repo,omitempty" jsonschema:"org/name; default: the model's only one"`
	Pending bool   `json:"pending,omitempty" jsonschema:"only those without a current result"`
}

// PullAssertions hands a verifier the assertions on one repository, each with its Tier 2 prompt and what is held of it. A key that
// may submit gets a nonce, which binds the run to this list. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) PullAssertions(ctx context.Context, who account.Principal, in PullAssertionsIn) (evidence.Pull, error) {
	if !who.May(account.Submit) { // nothing to issue, so nothing to write
		return read(ctx, s, who, account.Pull, func(v *store.Snapshot) (evidence.Pull, error) { return s.pull(v, who.WorkspaceID, in) })
	}
	v := verb{name: "pull_assertions", needs: account.Pull, model: in.ModelID}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (evidence.Pull, error) {
		out, err := s.pull(tx.View(), who.WorkspaceID, in)
		if err != nil {
			return out, err
		}
		nonce := make([]byte, 32)
		if _, err := rand.Read(nonce); err != nil {
			return out, err
		}
		digest, err := evidence.ListDigest(out.Assertions)
		if err != nil {
			return out, err
		}
		out.Nonce = hex.EncodeToString(nonce)
		expires := tx.Now().Add(nonceLife)
		out.ExpiresAt = &expires
		_, err = tx.AddPull(who.WorkspaceID, store.Pull{
			Nonce: out.Nonce, ModelID: in.ModelID, Repo: out.Repo, KeyID: who.KeyID, ListDigest: digest, Pending: in.Pending,
			Assertions: ids(out.Assertions, func(p evidence.Pulled) threat.ID { return p.ID }), IssuedAt: tx.Now(), ExpiresAt: expires,
		})
		r.object = out.Repo
		r.detail = map[string]any{"assertions": out.Total}
		return out, err
	})
}

func (s *Service) pull(v *store.Snapshot, workspace string, in PullAssertionsIn) (evidence.Pull, error) {
	h, err := s.head(v, workspace, in.ModelID)
	if err != nil {
		return evidence.Pull{}, err
	}
	repo, err := h.repo(in.Repo)
	if err != nil {
		return evidence.Pull{}, err
	}
	out := evidence.Pull{
		WorkspaceID: workspace, ModelID: h.model.ID, Title: h.model.Title, Repo: repo, Branch: h.branch(repo), Pending: in.Pending,
		Assertions: []evidence.Pulled{},
	}
	err = h.eachLive(v, workspace, func(a *store.Assertion, subject *evidence.Subject) {
		if a.Repo != repo || in.Pending && h.current(subject, a, v.Now()) {
			return
		}
		one, two := a.Tier1, a.Tier2
		if !h.trust.Trusts(one) { // what counts no more is not carried over: it is checked anew
			one = nil
		}
		if !h.trust.Trusts(two) {
			two = nil
		}
		out.Assertions = append(out.Assertions, evidence.Pulled{
			ID: a.ID, Type: a.Type, Params: a.Params, Control: a.Control, Assumption: a.Assumption, Facets: a.Facets,
			Template: evidence.TemplateDigest(a.Type), Text: subject.TextDigest(a.Facets),
			Prompt: subject.NewPrompt(a.Type, a.Params, a.Facets, h.statements(a)), Tier1: one, Tier2: two,
		})
	})
	out.Total = len(out.Assertions)
	return out, err
}

// eachLive visits the assertions of live controls and assumptions in id order.
func (h *head) eachLive(v *store.Snapshot, workspace string, visit func(*store.Assertion, *evidence.Subject)) error {
	all, err := v.Assertions(workspace, h.model.ID)
	if err != nil {
		return err
	}
	for i := range all {
		if subject, err := h.subject(all[i].Control, all[i].Assumption); err == nil {
			visit(&all[i], &subject)
		}
	}
	return nil
}

// current reports whether an assertion needs no check: both tiers hold a result that counts today.
func (p policy) current(s *evidence.Subject, a *store.Assertion, now time.Time) bool {
	switch p.assertionStatus(s, a, now) {
	case evidence.Verified:
		return true
	case evidence.Failed, evidence.Incoherent:
		return a.Tier1 != nil && !p.old(a.Tier1, now)
	}
	return false
}

// maxStatements bounds how many COs a prompt states.
const maxStatements = 10

// statements returns the statements of the COs behind an assertion.
func (h *head) statements(a *store.Assertion) []string {
	var of []threat.ID
	if a.Control != "" {
		if c, err := h.control(a.Control); err == nil {
			of = c.Objectives
		}
	} else if as := h.structure.Assumption(a.Assumption); as != nil {
		of = as.Objectives
	}
	var out []string
	cos, place := h.objectives(), h.place()
	for _, id := range of {
		if i, ok := place[id]; ok && len(out) < maxStatements {
			out = append(out, cos[i].Statement)
		}
	}
	return out
}

// ListPendingIn asks which assertions wait for a check.
type ListPendingIn struct {
	ModelID string `json:"model_id"`
	Tier    int    `json:"tier,omitempty" jsonschema:"1 or 2; default both"`
	Repo    string `json:"repo,omitempty" jsonschema:"default: every repository"`
	Limit   *int   `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset  int    `json:"offset,omitempty"`
}

// PendingRow is an assertion that waits for a check.
type PendingRow struct {
	ID         threat.ID     `json:"id"`
	Type       evidence.Type `json:"type"`
	Control    threat.ID     `json:"control_id,omitempty"`
	Assumption threat.ID     `json:"assumption_id,omitempty"`
	Repo       string        `json:"repo"`
	Tiers      []int         `json:"tiers" jsonschema:"tiers without a current result"`
}

// PendingSummary counts the pending checks.
type PendingSummary struct {
	Tier1    int `json:"tier1"`
	Tier2    int `json:"tier2"`
	Controls int `json:"controls"`
}

// ListPendingOut is a page of pending assertions.
type ListPendingOut struct {
	ModelID    string         `json:"model_id"`
	Total      int            `json:"total"`
	Returned   int            `json:"returned"`
	Offset     int            `json:"offset"`
	Summary    PendingSummary `json:"summary"`
	Assertions []PendingRow   `json:"assertions"`
}

// ListPending lists the assertions that have no current result. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) ListPending(ctx context.Context, who account.Principal, in ListPendingIn) (ListPendingOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListPendingOut{}, err
	}
	if in.Tier < 0 || in.Tier > 2 {
		return ListPendingOut{}, threat.Errorf(threat.Invalid, "tier is %d", in.Tier).In("tier").Hinted("1 or 2")
	}
	return read(ctx, s, who, account.Pull, func(v *store.Snapshot) (ListPendingOut, error) {
		out := ListPendingOut{ModelID: in.ModelID, Offset: offset, Assertions: []PendingRow{}}
		h, err := s.head(v, who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		var found []PendingRow
		controls := map[threat.ID]bool{}
		err = h.eachLive(v, who.WorkspaceID, func(a *store.Assertion, subject *evidence.Subject) {
			if in.Repo != "" && a.Repo != in.Repo {
				return
			}
			tiers := h.pendingTiers(subject, a, v.Now())
			row := PendingRow{ID: a.ID, Type: a.Type, Control: a.Control, Assumption: a.Assumption, Repo: a.Repo}
			for _, t := range tiers {
				if in.Tier == 0 || in.Tier == t {
					row.Tiers = append(row.Tiers, t)
				}
			}
			if row.Tiers == nil {
				return
			}
			for _, t := range row.Tiers {
				if t == evidence.Tier1 {
					out.Summary.Tier1++
				} else {
					out.Summary.Tier2++
				}
			}
			controls[subjectID(a)] = true
			found = append(found, row)
		})
		out.Summary.Controls = len(controls)
		out.Total = len(found)
		out.Assertions = append(out.Assertions, cut(found, limit, offset)...)
		out.Returned = len(out.Assertions)
		return out, err
	})
}

// pendingTiers returns the tiers at which an assertion has no current result. Tier 2 waits for nothing where Tier 1 failed.
func (p policy) pendingTiers(s *evidence.Subject, a *store.Assertion, now time.Time) []int {
	var out []int
	if a.Tier1 == nil || p.old(a.Tier1, now) {
		out = append(out, evidence.Tier1)
	}
	failed := a.Tier1 != nil && a.Tier1.Verdict == evidence.Fail
	if !failed && (!s.Current(a.Claim()) || p.old(a.Tier2, now)) {
		out = append(out, evidence.Tier2)
	}
	return out
}
