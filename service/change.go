package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Target names the model a write works on; writing inputs embed it.
type Target struct {
	ModelID         string `json:"model_id"`
	ExpectedVersion int    `json:"expected_version,omitempty" jsonschema:"refused at any other version"`
	IdempotencyKey  string `json:"idempotency_key,omitempty"`
}

// Changed is what every structural write answers; outputs embed it.
type Changed struct {
	ModelID    string                 `json:"model_id"`
	Version    int                    `json:"version"`
	Objectives threat.ObjectiveChange `json:"control_objectives"`
	Hint       string                 `json:"hint,omitempty"`
}

// changeset is the state that a structural edit works on.
type changeset struct {
	s         *Service
	tx        *store.Tx
	workspace string
	model     store.Model
	old       *version          // what it was
	structure *threat.Structure // the edit changes it in place
	counters  threat.Counters
	loaded    threat.Counters         // counters as they were
	next      *version                // what it is, once committed
	events    []store.AssumptionEvent // state changes of assumptions that go with it
	summary   string                  // one line for the version header
	object    string                  // id of what was changed
	converted []threat.ID             // COs of assumptions that controls replace
	after     func(Changed) error     // runs in the same transaction once the version is written; may be nil
}

// change is the one write path for a model's structure: it loads the head, checks expected_version, runs the edit, settles
// the boundary assumptions, writes the next version, the counters and the events. An edit that changes nothing makes no
// version. finish turns the result into the answer.
func change[In, Out any](ctx context.Context, s *Service, who account.Principal, name string, t Target, in In,
	edit func(*changeset) error, finish func(*changeset, Changed) Out,
) (Out, error) {
	v := verb{name: name, needs: account.Write, model: t.ModelID, idem: t.IdempotencyKey}
	var committed *changeset
	out, err := write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (Out, error) {
		var none Out
		c, err := s.begin(tx, who.WorkspaceID, t)
		if err != nil {
			return none, err
		}
		if err := edit(c); err != nil {
			return none, err
		}
		done, err := c.commit(who)
		if err != nil {
			return none, err
		}
		if c.after != nil {
			if err := c.after(done); err != nil {
				return none, err
			}
		}
		r.version, r.object = done.Version, c.object
		r.detail = map[string]any{"summary": c.summary}
		committed = c
		return finish(c, done), nil
	})
	s.keep(committed, err)
	return out, err
}

// keep puts a committed version into the cache. Before the commit it may not be there: the number might yet be another's.
func (s *Service) keep(c *changeset, err error) {
	if err == nil && c != nil && c.next != nil {
		s.jobs.poke() // a language model may have to judge
		s.versions.put(versionKey{c.model.ID, c.model.Version + 1}, c.next)
	}
}

// begin loads what an edit works on, and refuses a stale expected_version.
func (s *Service) begin(tx *store.Tx, workspace string, t Target) (*changeset, error) {
	if err := modelID(t.ModelID); err != nil {
		return nil, err
	}
	m, err := tx.Model(workspace, t.ModelID)
	if err != nil {
		return nil, err
	}
	old, err := s.versionOf(tx.View(), workspace, m)
	if err != nil {
		return nil, err
	}
	if t.ExpectedVersion != 0 && t.ExpectedVersion != m.Version {
		return nil, stale(tx, workspace, m, t.ExpectedVersion, old.structure)
	}
	shared := *old.structure // its operations replace lists and never write into them
	return &changeset{s: s, tx: tx, workspace: workspace, model: m, old: old, structure: &shared}, nil
}

// ids returns the model's counters, which an edit that adds nothing does not need.
func (c *changeset) ids() (threat.Counters, error) {
	if c.counters == nil {
		var err error
		if c.counters, err = c.tx.Counters(c.workspace, c.model.ID); err != nil {
			return nil, err
		}
		c.loaded = c.counters.Clone()
	}
	return c.counters, nil
}

// settle brings the boundary assumptions up to date and notes those that retire.
func (c *changeset) settle() error {
	if c.structure.Settled() {
		return nil
	}
	ids, err := c.ids()
	if err != nil {
		return err
	}
	retired, err := c.structure.SettleSeparations(ids)
	for _, id := range retired {
		c.events = append(c.events, store.AssumptionEvent{
			Assumption: id, State: threat.Retired, Reason: "its control objectives became reachable",
		})
	}
	return err
}

// stale is the conflict of a writer who worked on an older version: it names the current version and what changed since.
func stale(v *store.Tx, workspace string, m store.Model, expected int, head *threat.Structure) error {
	e := threat.Errorf(threat.Conflict, "the model is at version %d, not %d", m.Version, expected).In("expected_version")
	if expected < 1 || expected > m.Version {
		return e.Hinted("read the model again; its versions are 1 to %d", m.Version)
	}
	then, err := v.Version(workspace, m.ID, expected)
	if err != nil {
		return err
	}
	changes, err := threat.Diff(then, head)
	if err != nil {
		return err
	}
	return e.Hinted("since then: %s; compare_versions shows it in full", changesInWords(changes))
}

// changesInWords names changed entities by id: "added A4, changed T1 (likelihood)". It holds no free text.
func changesInWords(changes []threat.Change) string {
	out, n := "", 0
	for _, c := range changes {
		if c.Kind == threat.KindObjective {
			continue
		}
		if n++; n > 8 {
			continue
		}
		if out != "" {
			out += ", "
		}
		out += fmt.Sprintf("%s %s", c.Op, c.ID)
		if c.Op == threat.Changed {
			names := make([]string, len(c.Fields))
			for i, f := range c.Fields {
				names[i] = f.Field
			}
			out += " (" + joinWords(names) + ")"
		}
	}
	switch {
	case n == 0:
		return "nothing but the controls"
	case n > 8:
		return fmt.Sprintf("%s and %d more", out, n-8)
	}
	return out
}

// commit writes what an edit left behind as the next version.
func (c *changeset) commit(who account.Principal) (Changed, error) {
	done := Changed{ModelID: c.model.ID, Version: c.model.Version}
	if err := c.settle(); err != nil {
		return done, err
	}
	changes, err := store.Compare(c.old.structure, c.structure)
	if err != nil {
		return done, err
	}
	if !changes.Empty() {
		c.next = newVersion(c.structure) // nobody changes it any more
		done.Version, err = c.tx.SaveChanges(who.WorkspaceID, c.model.ID, c.model.Version, changes, who.UserID, c.summary)
		if err != nil {
			return done, err
		}
	} else if len(c.events) > 0 {
		if err := c.tx.TouchModel(who.WorkspaceID, c.model.ID); err != nil {
			return done, err
		}
	}
	if err := c.tx.SaveCounters(who.WorkspaceID, c.model.ID, raised(c.loaded, c.counters)); err != nil {
		return done, err
	}
	for _, e := range c.events {
		e.Version, e.UserID = done.Version, who.UserID
		if err := c.tx.AddAssumptionEvent(who.WorkspaceID, c.model.ID, e); err != nil {
			return done, err
		}
	}
	if err := c.endDecisions(who); err != nil {
		return done, err
	}
	if err := c.askJudge(who); err != nil {
		return done, err
	}
	done.Objectives = threat.CompareObjectives(c.old.structure, c.structure)
	if n := done.Objectives.Added; n > 0 {
		done.Hint = fmt.Sprintf("%d new objectives have no controls yet: regenerate_controls with their ids (get_control_objectives, without_controls: true)", n)
	}
	return done, nil
}

// askJudge has the claims on assumptions judged anew whose words changed.
func (c *changeset) askJudge(who account.Principal) error {
	var reworded []*threat.Assumption
	for i := range c.structure.Assumptions {
		a := &c.structure.Assumptions[i]
		if was := c.old.structure.Assumption(a.ID); was != nil && was.Text != a.Text {
			reworded = append(reworded, a)
		}
	}
	if len(reworded) == 0 {
		return nil
	}
	p, err := loadPolicy(c.tx.View(), c.workspace)
	if err != nil {
		return err
	}
	all, err := c.tx.Evidence(c.workspace, c.model.ID)
	if err != nil {
		return err
	}
	subjects := make([]evidence.Subject, len(reworded))
	for i, a := range reworded {
		subjects[i] = p.assumptionSubject(a.ID, a.Text)
	}
	return c.s.askJudge(c.tx, who, p, c.model.ID, subjects, all)
}

// raised returns the counters that are higher than they were.
func raised(before, after threat.Counters) threat.Counters {
	out := threat.Counters{}
	for k, n := range after {
		if n > before[k] {
			out[k] = n
		}
	}
	return out
}

// operation prefixes an error of the i-th operation of a batch with its place.
func operation(i int, err error) error {
	var te *threat.Error
	if errors.As(err, &te) {
		return te.In(fmt.Sprintf("operations.%d", i))
	}
	return err
}
