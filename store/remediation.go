package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// ProposalStatus is what became of a proposal.
type ProposalStatus string

// The statuses. Only an open proposal is decided.
const (
	ProposalOpen          ProposalStatus = "open"
	ProposalApproved      ProposalStatus = "approved"
	ProposalRejected      ProposalStatus = "rejected"
	ProposalNotApplicable ProposalStatus = "not_applicable"
	ProposalSuperseded    ProposalStatus = "superseded" // nobody decided about it, and newer ones took its place
)

// KindNotApplicable is the kind of a proposal to rule requirements out.
const KindNotApplicable threat.Kind = "not_applicable"

// Proposal is an asset or an attacker proposed to close gaps, or that requirements be ruled out.
type Proposal struct {
	Number       int
	Framework    string
	Kind         threat.Kind // asset, attacker or [KindNotApplicable]
	Body         string      // JSON of it, which the service reads
	Requirements []string    // it is for
	Reason       string
	Status       ProposalStatus
	Entity       threat.ID // what an approved one became
	ProposedAt   time.Time
	DecidedBy    string
	DecidedAt    *time.Time
}

// Proposals returns a model's proposals for a framework in the order of their numbers; an empty framework means all.
func (v *Snapshot) Proposals(workspace, model, framework string) ([]Proposal, error) {
	var rows []struct {
		Number       int            `db:"n"`
		Framework    string         `db:"framework_id"`
		Kind         threat.Kind    `db:"kind"`
		Body         string         `db:"body"`
		Requirements string         `db:"requirements"`
		Reason       string         `db:"reason"`
		Status       ProposalStatus `db:"status"`
		Entity       threat.ID      `db:"entity_id"`
		ProposedAt   int64          `db:"proposed_at"`
		DecidedBy    string         `db:"decided_by"`
		DecidedAt    sql.NullInt64  `db:"decided_at"`
	}
	err := v.list(&rows, `
		SELECT n, framework_id, kind, body, requirements, reason, status, entity_id, proposed_at, decided_by, decided_at
		FROM remediation_proposals WHERE workspace_id = ? AND model_id = ? AND (? = '' OR framework_id = ?) ORDER BY n`,
		workspace, model, framework, framework)
	if err != nil {
		return nil, err
	}
	out := make([]Proposal, len(rows))
	for i, r := range rows {
		out[i] = Proposal{
			Number: r.Number, Framework: r.Framework, Kind: r.Kind, Body: r.Body, Reason: r.Reason, Status: r.Status, Entity: r.Entity,
			ProposedAt: fromMicros(r.ProposedAt), DecidedBy: r.DecidedBy, DecidedAt: optTime(r.DecidedAt),
		}
		if err := json.Unmarshal([]byte(r.Requirements), &out[i].Requirements); err != nil {
			return nil, fmt.Errorf("store: proposal %d: %w", r.Number, err)
		}
	}
	return out, nil
}

// AddProposals adds open proposals, gives them their numbers, and supersedes the open ones of the same framework.
func (t *Tx) AddProposals(workspace, model, user, framework string, list []Proposal) ([]Proposal, error) {
	err := t.exec(`
		UPDATE remediation_proposals SET status = ?, decided_at = ?
		WHERE workspace_id = ? AND model_id = ? AND framework_id = ? AND status = ?`,
		string(ProposalSuperseded), micros(t.now), workspace, model, framework, string(ProposalOpen))
	if err != nil {
		return nil, err
	}
	last, err := t.lastProposal(workspace, model)
	if err != nil {
		return nil, err
	}
	if err := t.SaveCounters(workspace, model, threat.Counters{proposalCounter: last + len(list) + 1}); err != nil {
		return nil, err
	}
	out := make([]Proposal, len(list))
	rows := make([][]any, len(list))
	for i, p := range list {
		p.Number, p.Framework, p.Status, p.ProposedAt = last+i+1, framework, ProposalOpen, t.now
		requirements, err := json.Marshal(nonNil(p.Requirements))
		if err != nil {
			return nil, err
		}
		rows[i] = []any{
			workspace, model, p.Number, framework, string(p.Kind), p.Body, string(requirements), p.Reason, string(p.Status), "", user, micros(t.now), "",
		}
		out[i] = p
	}
	return out, t.insertRows(`
		INSERT INTO remediation_proposals (workspace_id, model_id, n, framework_id, kind, body, requirements, reason, status, entity_id,
		    proposed_by, proposed_at, decided_by)
		VALUES`, rows)
}

// proposalCounter numbers proposals. It is no kind of id: the counters of a model do not show it.
const proposalCounter threat.Kind = "proposal"

// lastProposal is the highest number that a proposal of the model ever had, those of a framework that is gone among them: who decides
// about one that was shown before must not hit another.
func (t *Tx) lastProposal(workspace, model string) (int, error) {
	var last int
	err := t.get(&last, `
		SELECT COALESCE(MAX(n), 0) FROM (
		    SELECT n FROM remediation_proposals WHERE workspace_id = ? AND model_id = ?
		    UNION ALL
		    SELECT next - 1 AS n FROM counters WHERE workspace_id = ? AND model_id = ? AND kind = ?
		) AS numbers`,
		workspace, model, workspace, model, string(proposalCounter))
	return last, err
}

// DecideProposal ends an open proposal and reports whether it was open.
func (t *Tx) DecideProposal(workspace, model, user string, number int, status ProposalStatus, entity threat.ID) (bool, error) {
	n, err := t.execN(`
		UPDATE remediation_proposals SET status = ?, entity_id = ?, decided_by = ?, decided_at = ?
		WHERE workspace_id = ? AND model_id = ? AND n = ? AND status = ?`,
		string(status), entity, user, micros(t.now), workspace, model, number, string(ProposalOpen))
	return n > 0, err
}
