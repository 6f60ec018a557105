package service

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// ImportSARIFIn is a SARIF 2.1.0 log for a model, plain or gzip.
type ImportSARIFIn struct {
	ModelID string `json:"model_id"`
	sarif   io.Reader
}

// TakeStream gives the log itself.
func (in *ImportSARIFIn) TakeStream(r io.Reader) { in.sarif = r }

// FileTypes are the content types of the log.
func (*ImportSARIFIn) FileTypes() []string {
	return []string{"application/sarif+json", "application/json", "application/gzip"}
}

// ImportSARIFOut says what became of every result: results = added + reopened + known + skipped.
type ImportSARIFOut struct {
	ModelID   string                  `json:"model_id"`
	Version   int                     `json:"version"`
	Results   int                     `json:"results" jsonschema:"in the file"`
	Added     int                     `json:"added"`
	Reopened  int                     `json:"reopened" jsonschema:"new findings that repeat verified ones"`
	Known     int                     `json:"known" jsonschema:"nothing was added for them"`
	Skipped   int                     `json:"skipped" jsonschema:"no findings; skips lists the first 100 with why"`
	Lost      int                     `json:"lost" jsonschema:"of the skipped: they may be findings and could not be read"`
	Dismissed int                     `json:"dismissed" jsonschema:"suppressed in the file"`
	Proposed  int                     `json:"proposed" jsonschema:"suppressed in the file, and left open: the key may not decide"`
	Mapped    int                     `json:"mapped" jsonschema:"of this import's findings: to a control"`
	Unmapped  int                     `json:"unmapped" jsonschema:"of this import's findings: update_finding assigns a control"`
	Severity  map[threat.Severity]int `json:"severity" jsonschema:"of what was added and reopened"`
	First     threat.ID               `json:"first,omitempty" jsonschema:"of the new findings"`
	Last      threat.ID               `json:"last,omitempty"`
	Skips     []exchange.SARIFSkip    `json:"skips"`
	Hint      string                  `json:"hint,omitempty"`
}

// Bounds of imports.
const (
	maxSkips         = 100    // listed of one import
	MaxModelFindings = 50_000 // of a model, whatever their source
)

// ImportSARIF makes findings of a scanner's results, all or nothing. A result that is known, by its fingerprint and not by its line, adds
// nothing, and a second import of a file changes nothing but the activity. What the file suppresses is dismissed when the caller may
// decide, and else proposed to be. Errors: [threat.NotFound], [threat.Invalid] for what is no such log,
// [threat.FailedPrecondition] for more findings than a model holds.
func (s *Service) ImportSARIF(ctx context.Context, who account.Principal, in ImportSARIFIn) (ImportSARIFOut, error) {
	v := verb{name: "import_sarif", needs: account.Write, model: in.ModelID}
	// The file is read before the transaction, which is the only one that writes, and after the caller and the model are known.
	var log *exchange.SARIFLog
	err := who.Allow(account.Write)
	if err == nil {
		_, err = readHead(ctx, s, who, in.ModelID, func(*store.Snapshot, *head) (struct{}, error) { return struct{}{}, nil })
	}
	if err == nil && in.sarif != nil {
		log, err = exchange.ReadSARIF(in.sarif, in.ModelID)
	} else if err == nil {
		err = threat.Errorf(threat.Invalid, "there is no SARIF log").In("sarif").Hinted("send it as the body")
	}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (ImportSARIFOut, error) {
		if err != nil {
			return ImportSARIFOut{}, err
		}
		m := &sarifImport{tx: tx, who: who, out: ImportSARIFOut{
			ModelID: in.ModelID, Results: len(log.Results) + len(log.Skipped), Skipped: len(log.Skipped), Skips: []exchange.SARIFSkip{}, Severity: map[threat.Severity]int{},
		}}
		if err := m.run(s, log); err != nil {
			return m.out, err
		}
		r.version = m.out.Version
		if m.out.First != "" {
			r.object = fmt.Sprintf("%s to %s", m.out.First, m.out.Last)
		}
		r.detail = map[string]any{
			"tools": m.tools(log), "results": m.out.Results, "added": m.out.Added, "reopened": m.out.Reopened, "known": m.out.Known, "skipped": m.out.Skipped,
			"dismissed": m.out.Dismissed, "proposed": m.out.Proposed,
		}
		if !m.changed {
			return m.out, nil
		}
		return m.out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// sarifImport is a log on its way into a model.
type sarifImport struct {
	tx       *store.Tx
	who      account.Principal
	head     *head
	out      ImportSARIFOut
	counters threat.Counters
	known    []store.Finding
	byPrint  map[string]int     // fingerprint of an imported finding → the newest with it in known
	byID     map[threat.ID]int  // → place in known
	linked   map[threat.ID]bool // findings with assertions, whose control a person is about to say
	fresh    []threat.Finding
	controls *controlMap
	changed  bool
}

func (m *sarifImport) run(s *Service, log *exchange.SARIFLog) error {
	ws, model := m.who.WorkspaceID, m.out.ModelID
	h, err := s.head(m.tx.View(), ws, model)
	if err != nil {
		return err
	}
	m.head, m.out.Version, m.controls = h, h.model.Version, newControlMap(h)
	if m.counters, err = m.tx.Counters(ws, model); err != nil {
		return err
	}
	if m.known, err = m.tx.Findings(ws, model); err != nil {
		return err
	}
	links, err := m.tx.FindingLinks(ws, model)
	if err != nil {
		return err
	}
	m.linked = make(map[threat.ID]bool, len(links))
	for _, l := range links {
		m.linked[l.Finding] = true
	}
	m.byPrint, m.byID = make(map[string]int, len(m.known)), make(map[threat.ID]int, len(m.known))
	for i, f := range m.known {
		m.index(i, f.Finding)
	}
	for i := range log.Results {
		if err := m.result(&log.Results[i]); err != nil {
			return err
		}
	}
	for _, skip := range log.Skipped {
		if skip.Lost {
			m.out.Lost++
		}
	}
	m.out.Skips = append(m.out.Skips, log.Skipped[:min(len(log.Skipped), maxSkips)]...)
	m.out.Hint = m.hint()
	if len(m.known) > MaxModelFindings {
		return threat.Errorf(threat.FailedPrecondition, "the model would have %d findings, at most %d fit", len(m.known), MaxModelFindings).
			Hinted("split the system into models, or let the scanner report less")
	}
	if len(m.fresh) == 0 {
		return nil
	}
	m.changed = true
	m.out.First, m.out.Last = m.fresh[0].ID, m.fresh[len(m.fresh)-1].ID
	if err := m.tx.AddFindings(ws, model, m.who.UserID, m.fresh); err != nil {
		return err
	}
	return m.tx.SaveCounters(ws, model, threat.Counters{threat.KindFinding: m.counters[threat.KindFinding]})
}

func (m *sarifImport) index(i int, f threat.Finding) {
	m.byID[f.ID] = i
	if f.Source == threat.FromSARIF {
		m.byPrint[f.Fingerprint] = i
	}
	if f.Reopens != "" {
		m.byID[f.Reopens] = i // who asks for the old one means the new one
	}
}

// result makes a finding of a result, unless it is known.
func (m *sarifImport) result(r *exchange.SARIFResult) error {
	i, seen := m.byPrint[r.Identity]
	if own, ok := strings.CutPrefix(r.Identity, m.out.ModelID+"/"); ok {
		i, seen = m.byID[threat.ID(own)]
	}
	dismissal, suppressed := suppressionOf(r)
	if seen && m.known[i].Refused == dismissal {
		dismissal, suppressed = "", false // somebody who decides said no to just this
	}
	if seen && m.known[i].Status != threat.FixVerified {
		m.out.Known++
		return m.again(&m.known[i], r, dismissal, suppressed)
	}
	f := threat.Finding{
		Title: sarifTitle(r), Description: sarifDescription(r), Severity: r.Severity, Source: threat.FromSARIF, Status: threat.Discovered,
		Fingerprint: r.Identity, CheckedLocations: r.Locations,
	}
	if what := strings.TrimSpace(r.Tool + " " + r.Rule.ID); what != "" && !r.Own {
		f.CheckedPatterns = []string{what}
	}
	if !strings.HasPrefix(f.Fingerprint, exchange.SARIFIdentity) { // of a finding that is not there any more
		f.Fingerprint = exchange.SARIFIdentity + evidence.Hash([]byte(f.Fingerprint))[:40]
	}
	if seen {
		old := m.known[i]
		f.Reopens, f.Fingerprint, f.Refused = old.ID, old.Fingerprint, old.Refused
		if _, err := m.head.control(old.Control); err == nil {
			f.Control, f.MappedBy = old.Control, old.MappedBy
		}
		m.out.Reopened++
	} else {
		m.out.Added++
	}
	if f.Control == "" {
		found := m.controls.of(r)
		f.Control, f.MappedBy = found.control, found.by
	}
	m.countMapped(f.Control)
	if suppressed && m.who.May(account.Decide) {
		f.Status, f.Reason = threat.Dismissed, dismissal
		m.out.Dismissed++
	} else if suppressed {
		f.Proposal = dismissal
		m.out.Proposed++
	}
	m.out.Severity[f.Severity]++
	f.ID = m.counters.Next(threat.KindFinding)
	m.fresh = append(m.fresh, f)
	m.known = append(m.known, store.Finding{Finding: f})
	m.index(len(m.known)-1, f)
	return nil
}

func (m *sarifImport) countMapped(control threat.ID) {
	if control == "" {
		m.out.Unmapped++
	} else {
		m.out.Mapped++
	}
}

// again brings a known finding up to what the file says of it now: a control that it had none of, and what is suppressed.
func (m *sarifImport) again(f *store.Finding, r *exchange.SARIFResult, dismissal string, suppressed bool) error {
	ws, model := m.who.WorkspaceID, m.out.ModelID
	if f.Status.Open() && f.Control == "" && !m.linked[f.ID] {
		if found := m.controls.of(r); found.control != "" {
			m.changed = true
			f.Control, f.MappedBy = found.control, found.by
			if err := m.tx.MapFinding(ws, model, f.ID, found.control, found.by); err != nil {
				return err
			}
		}
	}
	m.countMapped(f.Control)
	switch {
	case !f.Status.Open() || suppressed && f.Proposal == dismissal && !m.who.May(account.Decide) || !suppressed && f.Proposal == "":
		return nil
	case suppressed && m.who.May(account.Decide):
		m.out.Dismissed++
		m.changed = true
		f.Status, f.Reason, f.Proposal = threat.Dismissed, dismissal, ""
		return m.tx.SetFindingStatus(ws, model, f.ID, threat.Dismissed, dismissal)
	case suppressed:
		m.out.Proposed++
	}
	m.changed = true
	f.Proposal = dismissal
	return m.tx.ProposeDismissal(ws, model, f.ID, dismissal)
}

// suppressionOf is why a file passes over a result, if it does.
func suppressionOf(r *exchange.SARIFResult) (string, bool) {
	s, ok := r.Suppressed()
	if !ok {
		return "", false
	}
	if s.Justification != "" {
		return s.Justification, true
	}
	return "suppressed in the report of " + or(r.Tool, "the scanner") + " (" + s.Kind + "), without a justification", true
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// sarifTitle is the rule and the first line of the message. In an export of ours the rule is a control of the model that it came from, and
// the line is the title.
func sarifTitle(r *exchange.SARIFResult) string {
	line, _, _ := strings.Cut(or(or(r.Message, r.Rule.Name), "reported by "+or(r.Tool, "a scanner")), "\n")
	if r.Rule.ID != "" && !r.Own {
		line = r.Rule.ID + ": " + line
	}
	return threat.Clip(strings.Join(strings.Fields(line), " "), 2*threat.MaxName)
}

// sarifDescription is what the scanner says, and about which rule. Code is not in it: it may hold the secret that was found.
func sarifDescription(r *exchange.SARIFResult) string {
	if r.Own { // it says all that there is, below its title
		_, rest, _ := strings.Cut(r.Message, "\n")
		return threat.Clip(strings.TrimSpace(rest), threat.MaxDescription)
	}
	var tail []string
	if r.Rule.ID != "" || r.Rule.Name != "" {
		line := "Rule: " + strings.Join(strings.Fields(r.Rule.ID+" "+r.Rule.Name), " ")
		if r.Rule.Text != "" && r.Rule.Text != r.Message {
			line += ". " + threat.Clip(r.Rule.Text, threat.MaxText/2)
		}
		tail = append(tail, line)
	}
	if r.Tool != "" {
		tail = append(tail, "Tool: "+r.Tool)
	}
	if len(r.CWEs) > 0 {
		words := make([]string, len(r.CWEs))
		for i, n := range r.CWEs {
			words[i] = fmt.Sprintf("CWE-%d", n)
		}
		tail = append(tail, "Weakness: "+strings.Join(words, ", "))
	}
	if r.Rule.HelpURI != "" {
		tail = append(tail, "Help: "+r.Rule.HelpURI)
	}
	end := strings.Join(tail, "\n")
	return strings.TrimSpace(threat.Clip(r.Message, threat.MaxDescription-len([]rune(end))-2) + "\n\n" + end)
}

// tools names the scanners of a log, at most five.
func (m *sarifImport) tools(log *exchange.SARIFLog) []string {
	out := []string{}
	for i := range log.Results {
		if t := log.Results[i].Tool; len(out) < 5 && t != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

func (m *sarifImport) hint() string {
	var words []string
	if m.out.Unmapped > 0 {
		words = append(words, "list_findings(unmapped) and update_finding(control_id) say which control the others are about")
	}
	if m.out.Proposed > 0 {
		words = append(words, "a person with decide dismisses what the file suppresses: list_findings(proposed), update_finding(dismissed)")
	}
	if m.out.Lost > 0 {
		words = append(words, "some results could not be read: see skips")
	}
	return strings.Join(words, "; ")
}

// ExportSARIFIn says of which model.
type ExportSARIFIn struct {
	ModelID string `json:"model_id"`
}

// ExportSARIF writes the findings and the failed assertions of a model as a SARIF 2.1.0 log. Errors: [threat.NotFound].
func (s *Service) ExportSARIF(ctx context.Context, who account.Principal, in ExportSARIFIn) (ExportThreatModelOut, error) {
	return s.ExportThreatModel(ctx, who, ExportThreatModelIn{ModelID: in.ModelID, Format: ExportAsSARIF})
}
