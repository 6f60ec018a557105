package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// ImportThreatModelIn carries a document that export_threat_model wrote.
type ImportThreatModelIn struct {
	Document       map[string]any `json:"document" jsonschema:"as export_threat_model(format: json) gave it"`
	Title          string         `json:"title,omitempty" jsonschema:"default: the document's"`
	IdempotencyKey string         `json:"idempotency_key,omitempty"`
}

// LeftOut counts what an import does not take over: what only CI and people with decide can say.
type LeftOut struct {
	Results      int `json:"results" jsonschema:"of runs: CI verifies anew"`
	Attestations int `json:"attestations"`
	Risks        int `json:"accepted_risks"`
	Findings     int `json:"findings" jsonschema:"verified or dismissed ones"`
	Exclusions   int `json:"exclusions" jsonschema:"of requirements: those of a framework that is here are proposed anew"`
	Mappings     int `json:"mappings" jsonschema:"to requirements that are not here: import_framework first, then the model"`
}

// ImportThreatModelOut is the new model.
type ImportThreatModelOut struct {
	ModelID     string  `json:"model_id"`
	Version     int     `json:"version"`
	Title       string  `json:"title"`
	Assets      int     `json:"assets"`
	Attackers   int     `json:"attackers"`
	Assumptions int     `json:"assumptions"`
	Controls    int     `json:"controls"`
	Assertions  int     `json:"assertions"`
	Findings    int     `json:"findings"`
	Mappings    int     `json:"mappings" jsonschema:"of controls to requirements"`
	Proposed    int     `json:"proposed" jsonschema:"exclusions that are proposals now: apply_remediation approves them, with decide"`
	LeftOut     LeftOut `json:"left_out"`
	Hint        string  `json:"hint"`
}

// maxImported bounds the controls, links and findings of a document.
const maxImported = 20_000

// ImportThreatModel makes a new model of a document, all or nothing, under the ids it has there. Nothing is verified by importing it: results,
// attestations and accepted risks stay out. Errors: [threat.Invalid] with the field.
func (s *Service) ImportThreatModel(ctx context.Context, who account.Principal, in ImportThreatModelIn) (ImportThreatModelOut, error) {
	v := verb{name: "import_threat_model", needs: account.Write, idem: in.IdempotencyKey}
	defer s.jobs.poke() // a language model may have to judge
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (ImportThreatModelOut, error) {
		m := &importing{tx: tx, who: who, out: ImportThreatModelOut{ModelID: newID(), Hint: "nothing is verified by an import: CI verifies anew (redoubt verify run)"}}
		if err := m.read(in.Document); err != nil {
			return m.out, err
		}
		title := in.Title
		if title == "" {
			title = m.d.Model.Title
		}
		var err error
		if m.out.Title, err = threat.Line(title, threat.MaxName); err != nil || m.out.Title == "" {
			return m.out, threat.Errorf(threat.Invalid, "the title is missing or too long").In("title").Hinted("1 to %d characters", threat.MaxName)
		}
		for _, step := range []func() error{m.structure, m.controls, m.links, m.evidence, m.rest, func() error { return m.frameworks(s) }} {
			if err := step(); err != nil {
				return m.out, err
			}
		}
		h, err := s.head(tx.View(), who.WorkspaceID, m.out.ModelID)
		if err != nil {
			return m.out, err
		}
		all, err := tx.Evidence(who.WorkspaceID, m.out.ModelID)
		if err != nil {
			return m.out, err
		}
		own := h.own(nil)
		if err := s.askJudge(tx, who, h.policy, h.model.ID, append(h.controlSubjects(own), h.assumptionSubjects()...), all); err != nil {
			return m.out, err
		}
		if _, err := reassess(tx, who.WorkspaceID, m.out.ModelID, own, all); err != nil {
			return m.out, err
		}
		r.model, r.version = m.out.ModelID, m.out.Version
		return m.out, tx.TouchModel(who.WorkspaceID, m.out.ModelID)
	})
}

// importing is a document on its way in.
type importing struct {
	tx       *store.Tx
	who      account.Principal
	d        exchange.Document
	s        threat.Structure
	counters threat.Counters
	live     map[threat.ID]*threat.Control
	deleted  map[threat.ID]string // reason
	out      ImportThreatModelOut
}

func (m *importing) bad(field, format string, args ...any) *threat.Error {
	return threat.Errorf(threat.Invalid, format, args...).In("document." + field)
}

// inDocument names the place of a domain error within the document.
func inDocument(err error, format string, args ...any) error {
	return fieldError(err, "document."+fmt.Sprintf(format, args...))
}

// notOurs says what of a document does not fit, in words that know nothing of this program's types.
func notOurs(err error) *threat.Error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		e := threat.Errorf(threat.Invalid, "it is not a document of this program: no %s belongs there", threat.Clip(wrong.Value, 40))
		return e.In(strings.TrimSuffix("document."+wrong.Field, "."))
	}
	return threat.Errorf(threat.Invalid, "it is not a document of this program: %s", threat.Clip(strings.TrimPrefix(err.Error(), "json: "), 200)).In("document")
}

func (m *importing) read(document map[string]any) error {
	raw, err := json.Marshal(document)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&m.d); err != nil {
		return notOurs(err).Hinted("export_threat_model(format: json) writes one")
	}
	if m.d.Format != exchange.DocumentFormat || m.d.FormatVersion != exchange.DocumentVersion {
		return threat.Errorf(threat.Invalid, "it is of format %q, version %d", threat.Clip(m.d.Format, 40), m.d.FormatVersion).In("document.format").
			Hinted("this program reads %s, version %d", exchange.DocumentFormat, exchange.DocumentVersion)
	}
	mappings := 0
	for _, f := range m.d.Frameworks {
		mappings += len(f.Mappings) + len(f.Exclusions)
	}
	if n := max(len(m.d.Controls), len(m.d.Mitigations), len(m.d.Findings), mappings); n > maxImported || len(m.d.Assertions) > MaxModelAssertions {
		return threat.Errorf(threat.Invalid, "the document is too large").In("document").Hinted("at most %d controls, links, findings and mappings, and %d assertions", maxImported, MaxModelAssertions)
	}
	return nil
}

// structure writes version 1.
func (m *importing) structure() error {
	m.s = threat.Structure{Feature: m.d.Model.Feature, Assets: m.d.Assets, Attackers: m.d.Attackers, Boundaries: m.d.Boundaries}
	for i, a := range m.d.Assumptions {
		if a.State != threat.Active && a.State != threat.Violated {
			return m.bad(fmt.Sprintf("assumptions.%d.state", i), "state %q is not that of a live assumption", threat.Clip(string(a.State), 20)).Hinted("valid: active, violated")
		}
		m.s.Assumptions = append(m.s.Assumptions, a.Assumption)
	}
	if err := m.s.Check(); err != nil {
		return inDocument(err, "model")
	}
	m.counters = threat.Counters{}
	raise := func(id threat.ID) { m.counters[id.Kind()] = max(m.counters[id.Kind()], id.Number()+1) }
	for _, a := range m.s.Assets {
		raise(a.ID)
	}
	for _, t := range m.s.Attackers {
		raise(t.ID)
	}
	for _, b := range m.s.Boundaries {
		raise(b.ID)
	}
	for _, a := range m.s.Assumptions {
		raise(a.ID)
	}
	for kind, n := range m.d.Counters {
		switch kind {
		case threat.KindAsset, threat.KindAttacker, threat.KindBoundary, threat.KindAssumption, threat.KindControl, threat.KindAssertion, threat.KindFinding:
		default:
			return m.bad("counters", "%q is no kind of id", threat.Clip(string(kind), 20))
		}
		if n < 1 || n > 1_000_000 {
			return m.bad("counters", "the counter of %s is %d", kind, n)
		}
		m.counters[kind] = max(m.counters[kind], n)
	}
	if !m.s.Settled() {
		if _, err := m.s.SettleSeparations(m.counters); err != nil {
			return inDocument(err, "assumptions")
		}
	}
	if _, err := m.s.Objectives(); err != nil {
		return inDocument(err, "model")
	}
	ws := m.who.WorkspaceID
	if err := m.tx.AddModel(ws, store.Model{ID: m.out.ModelID, Title: m.out.Title, CreatedBy: m.who.UserID}); err != nil {
		return err
	}
	version, err := m.tx.SaveVersion(ws, m.out.ModelID, 0, &threat.Structure{}, &m.s, m.who.UserID, "imported")
	if err != nil {
		return err
	}
	m.out.Version = version
	m.out.Assets, m.out.Attackers, m.out.Assumptions = len(m.s.Assets), len(m.s.Attackers), len(m.s.Assumptions)
	if len(m.d.Model.Repos) > 0 {
		repos := make([]store.Repo, len(m.d.Model.Repos))
		for i, r := range m.d.Model.Repos {
			repos[i] = store.Repo{Repo: r.Repo, Branch: r.Branch}
		}
		if repos, err = checkRepos(repos); err != nil {
			return inDocument(err, "model")
		}
		if err := m.tx.SetRepos(ws, m.out.ModelID, repos); err != nil {
			return err
		}
	}
	return nil
}

// controls writes the controls, deleted ones too, all of them not implemented until their evidence is in.
func (m *importing) controls() error {
	m.live, m.deleted = map[threat.ID]*threat.Control{}, map[threat.ID]string{}
	var list []threat.Control
	for i := range m.d.Controls {
		c := m.d.Controls[i].Control
		field := fmt.Sprintf("controls.%d", i)
		if m.live[c.ID] != nil || m.known(c.ID) {
			return m.bad(field+".id", "%s is there twice", threat.Clip(string(c.ID), 20))
		}
		if err := checkFacetIDs(&c); err != nil {
			return inDocument(err, "%s", field)
		}
		if err := c.Check(); err != nil {
			return inDocument(err, "%s", field)
		}
		c.Revision = 1
		list = append(list, c)
		m.counters[threat.KindControl] = max(m.counters[threat.KindControl], c.ID.Number()+1)
		if m.d.Controls[i].DeletedAt != nil {
			reason, err := threat.Text(m.d.Controls[i].DeletedReason, threat.MaxText)
			if err != nil {
				return inDocument(err, "%s.deleted_reason", field)
			}
			m.deleted[c.ID] = reason
			continue
		}
		m.live[c.ID] = &c
		m.out.Controls++
	}
	for i := range list {
		list[i].Status = threat.NotImplemented
	}
	return m.tx.AddControls(m.who.WorkspaceID, m.out.ModelID, list)
}

func (m *importing) known(id threat.ID) bool {
	_, ok := m.deleted[id]
	return ok || m.live[id] != nil
}

// checkFacetIDs checks that facets carry ids of their control, each once, below the next letter.
func checkFacetIDs(c *threat.Control) error {
	seen := map[threat.ID]bool{}
	for _, f := range c.Facets {
		letter, ok := strings.CutPrefix(string(f.ID), string(c.ID)+".")
		if !ok || threat.FacetNumber(letter) < 1 || seen[f.ID] {
			return threat.Errorf(threat.Invalid, "%q is no id of a facet of %s, or is there twice", threat.Clip(string(f.ID), 20), threat.Clip(string(c.ID), 20)).In("facets")
		}
		seen[f.ID] = true
		c.NextFacet = max(c.NextFacet, threat.FacetNumber(letter)+1)
	}
	return nil
}

func (m *importing) links() error {
	var links []store.Link
	for i, l := range m.d.Mitigations {
		field := fmt.Sprintf("mitigations.%d", i)
		if _, _, ok := threat.SplitObjective(l.Objective); !ok || !m.known(l.Control) || l.Group < 0 || l.Group > maxImported {
			return m.bad(field, "it links no control of the document with an objective")
		}
		link := store.Link{Objective: l.Objective, Group: l.Group, Control: l.Control}
		if slices.Contains(links, link) {
			return m.bad(field, "the link is there twice")
		}
		links = append(links, link)
	}
	ws := m.who.WorkspaceID
	if err := m.tx.AddLinks(ws, m.out.ModelID, links); err != nil {
		return err
	}
	for _, w := range m.d.Weakened {
		if _, _, ok := threat.SplitObjective(w.Objective); !ok {
			return m.bad("weakened_objectives", "%q is no objective", threat.Clip(string(w.Objective), 20))
		}
		reason, err := threat.Text(w.Reason, threat.MaxText)
		if err != nil {
			return inDocument(err, "weakened_objectives")
		}
		if err := m.tx.WeakenObjective(ws, m.out.ModelID, w.Objective, reason); err != nil {
			return err
		}
	}
	for _, c := range m.d.Controls {
		if c.Weakened != "" {
			reason, err := threat.Text(c.Weakened, threat.MaxText)
			if err != nil {
				return inDocument(err, "controls")
			}
			if err := m.tx.WeakenControl(ws, m.out.ModelID, c.ID, reason); err != nil {
				return err
			}
		}
		for _, x := range c.Documents {
			title, err := threat.Line(x.Title, threat.MaxName)
			if err == nil && title == "" {
				err = threat.Errorf(threat.Invalid, "the title is missing")
			}
			if err == nil {
				err = checkURL(x.URL, "url")
			}
			if err != nil {
				return inDocument(err, "controls")
			}
			if _, err := m.tx.AddDocument(ws, m.out.ModelID, store.Document{Control: c.ID, Title: title, URL: x.URL, CreatedBy: m.who.UserID}); err != nil {
				return err
			}
		}
	}
	return nil
}

// evidence writes the assertions without their results, and the status of the controls that have a coherent one.
func (m *importing) evidence() error {
	ws := m.who.WorkspaceID
	var list []store.Assertion
	seen, coherent := map[threat.ID]bool{}, map[threat.ID]bool{}
	for i := range m.d.Assertions {
		field := fmt.Sprintf("assertions.%d", i)
		a := store.Assertion{Assertion: m.d.Assertions[i].Assertion}
		if a.ID.Kind() != threat.KindAssertion || seen[a.ID] {
			return m.bad(field+".id", "%q is no id of an assertion, or is there twice", threat.Clip(string(a.ID), 20))
		}
		seen[a.ID] = true
		if (a.Control == "") == (a.Assumption == "") || a.Control != "" && !m.known(a.Control) {
			return m.bad(field, "it evidences no one control or assumption of the document")
		}
		var err error
		if a.Params, err = evidence.Check(a.Type, a.Params); err == nil {
			err = evidence.CheckRepo(a.Repo)
		}
		if err == nil {
			a.Description, err = threat.Text(a.Description, threat.MaxText)
		}
		if err != nil {
			return inDocument(err, "%s", field)
		}
		if len(a.Facets) == 0 || len(a.Facets) > threat.MaxFacets {
			return m.bad(field+".facets", "it claims no facet")
		}
		subject := evidence.Subject{}
		if c := m.live[a.Control]; c != nil {
			subject = policy{}.controlSubject(&store.Control{Control: *c})
		} else if as := m.s.Assumption(a.Assumption); as != nil {
			subject = policy{}.assumptionSubject(as.ID, as.Text)
		}
		a.Incoherent = subject.Coherence(a.Type, a.Facets)
		if a.Control != "" && a.Incoherent == "" && m.d.Assertions[i].DeletedAt == nil {
			coherent[a.Control] = true
		}
		list = append(list, a)
		m.counters[threat.KindAssertion] = max(m.counters[threat.KindAssertion], a.ID.Number()+1)
		for _, held := range []*evidence.Held{m.d.Assertions[i].Tier1, m.d.Assertions[i].Tier2} {
			if held != nil {
				m.out.LeftOut.Results++
			}
		}
	}
	if err := m.tx.AddAssertions(ws, m.out.ModelID, m.who.UserID, list); err != nil {
		return err
	}
	for i, a := range list {
		if m.d.Assertions[i].DeletedAt == nil {
			m.out.Assertions++
			continue
		}
		reason, err := threat.Text(m.d.Assertions[i].DeletedReason, threat.MaxText)
		if err != nil {
			return inDocument(err, "assertions.%d.deleted_reason", i)
		}
		if err := m.tx.DeleteAssertion(ws, m.out.ModelID, a.ID, m.who.UserID, reason, false); err != nil {
			return err
		}
	}
	for _, c := range m.d.Controls {
		if k := m.live[c.ID]; k != nil && c.Status == threat.Implemented && coherent[c.ID] {
			if err := m.tx.SaveControl(ws, m.out.ModelID, *k); err != nil {
				return err
			}
		}
	}
	for id, reason := range m.deleted {
		if err := m.tx.DeleteControls(ws, m.out.ModelID, []threat.ID{id}, reason); err != nil {
			return err
		}
	}
	return nil
}

// rest writes states, carried controls, open findings and the counters.
func (m *importing) rest() error {
	ws := m.who.WorkspaceID
	for i, a := range m.d.Assumptions {
		m.out.LeftOut.Attestations += len(a.Attestations)
		if a.State == threat.Violated {
			reason, err := threat.Text(a.Reason, threat.MaxText)
			if err != nil {
				return inDocument(err, "assumptions.%d.reason", i)
			}
			e := store.AssumptionEvent{Assumption: a.ID, State: threat.Violated, Reason: reason, UserID: m.who.UserID, Version: m.out.Version}
			if err := m.tx.AddAssumptionEvent(ws, m.out.ModelID, e); err != nil {
				return err
			}
		}
		for _, c := range a.Carries {
			if !m.known(c) {
				return m.bad(fmt.Sprintf("assumptions.%d.carries", i), "%s is no control of the document", threat.Clip(string(c), 20))
			}
			if err := m.tx.CarryControl(ws, m.out.ModelID, store.Carried{Control: c, Assumption: a.ID}); err != nil {
				return err
			}
		}
	}
	m.out.LeftOut.Risks = len(m.d.Risks)
	if err := m.findings(); err != nil {
		return err
	}
	return m.tx.SaveCounters(ws, m.out.ModelID, m.counters)
}

func (m *importing) findings() error {
	var list []threat.Finding
	var links []store.FindingLink
	seen := map[threat.ID]bool{}
	for i, f := range m.d.Findings {
		field := fmt.Sprintf("findings.%d", i)
		m.counters[threat.KindFinding] = max(m.counters[threat.KindFinding], f.ID.Number()+1)
		if f.ID.Kind() != threat.KindFinding || seen[f.ID] || f.Control != "" && !m.known(f.Control) ||
			!slices.Contains(threat.Severities(), f.Severity) || !slices.Contains(threat.FindingSources(), f.Source) || !slices.Contains(threat.FindingStatuses(), f.Status) {
			return m.bad(field, "it is not a finding on a control of the document")
		}
		seen[f.ID] = true
		if !f.Status.Open() {
			m.out.LeftOut.Findings++
			continue
		}
		var err error
		for _, t := range []struct {
			text *string
			most int
		}{{&f.Title, threat.MaxName * 2}, {&f.Description, threat.MaxDescription}, {&f.ExpectedEvidence, threat.MaxText}, {&f.Fingerprint, threat.MaxName * 2}, {&f.MappedBy, threat.MaxName * 2}, {&f.Proposal, threat.MaxText}} {
			if *t.text, err = threat.Text(*t.text, t.most); err != nil {
				return inDocument(err, "%s", field)
			}
		}
		f.Reopens = ""
		list = append(list, f.Finding)
		for _, a := range f.Assertions {
			if slices.ContainsFunc(m.d.Assertions, func(x exchange.DocumentAssertion) bool { return x.ID == a }) {
				links = append(links, store.FindingLink{Finding: f.ID, Assertion: a})
			}
		}
	}
	m.out.Findings = len(list)
	if err := m.tx.AddFindings(m.who.WorkspaceID, m.out.ModelID, m.who.UserID, list); err != nil {
		return err
	}
	return m.tx.LinkFindings(m.who.WorkspaceID, m.out.ModelID, links)
}
