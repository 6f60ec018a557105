package service

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/posture"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// The deterministic lookup: what of a model a question is about, by the ids and words in it. It answers query_threat_model where nobody
// thinks, and chooses what a language model is shown.

// SourceRow is something of the model that an answer rests on.
type SourceRow struct {
	ID     threat.ID `json:"id"`
	Kind   string    `json:"kind"`
	Text   string    `json:"text"`
	Status string    `json:"status,omitempty"`
}

// subject is something of a model that a question can be about.
type subject struct {
	row    SourceRow
	long   string // the text in full
	words  map[string]bool
	near   map[string]bool // of what it is linked to
	weight float64
	open   bool // of a finding
	rank   int  // of a finding: open ones first, the gravest first
}

// library is what the lookup searches.
type library struct {
	head     *head
	posture  *posture.Posture
	subjects []subject
	place    map[threat.ID]int
}

func (h *head) library(v *store.Snapshot, workspace string) (*library, error) {
	j, err := loadJudgments(v, workspace, h)
	if err != nil {
		return nil, err
	}
	findings, err := v.Findings(workspace, h.model.ID)
	if err != nil {
		return nil, err
	}
	l := &library{head: h, posture: h.posture(&j, v.Now()), place: map[threat.ID]int{}}
	add := func(id threat.ID, kind, name, text, status string, near map[string]bool) {
		long := strings.TrimSpace(name)
		if text != "" {
			long = strings.TrimPrefix(long+": "+text, ": ")
		}
		l.place[id] = len(l.subjects)
		l.subjects = append(l.subjects, subject{SourceRow{id, kind, threat.Clip(oneLine(long), 200), status}, long, wordSet(long), near, 0, false, 0})
	}
	s := h.structure
	names := map[threat.ID]map[string]bool{}
	for _, a := range s.Assets {
		names[a.ID] = wordSet(a.Name)
		add(a.ID, "asset", a.Name, a.Description, "impact "+string(a.Impact), nil)
	}
	for _, t := range s.Attackers {
		names[t.ID] = wordSet(t.Name)
		add(t.ID, "attacker", t.Name, t.Position+" "+t.Capability, "likelihood "+string(t.Likelihood), nil)
	}
	for _, b := range s.Boundaries {
		add(b.ID, "trust_boundary", b.Name, b.Description, "", nil)
	}
	for _, a := range s.Assumptions {
		add(a.ID, "assumption", "", a.Text, string(stateOf(a.ID, j.states)), nil)
	}
	for i := range h.controls {
		c := &h.controls[i]
		var facets []string
		for _, f := range c.Facets {
			facets = append(facets, f.Text)
		}
		near := map[string]bool{}
		for _, co := range c.Objectives {
			a, t, _ := threat.SplitObjective(co)
			for _, id := range []threat.ID{a, t} {
				for w := range names[id] {
					near[w] = true
				}
			}
		}
		add(c.ID, "control", c.Description, strings.Join(facets, " "), string(c.Status)+", "+string(h.verificationAt(c, v.Now())), near)
	}
	for _, f := range findings {
		add(f.ID, "finding", f.Title, f.Description, string(f.Severity)+", "+string(f.Status), nil)
		s := &l.subjects[len(l.subjects)-1]
		s.open, s.rank = f.Status.Open(), slices.Index(threat.Severities(), f.Severity)
		if !s.open {
			s.rank += len(threat.Severities())
		}
	}
	return l, nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// knows reports whether an id is one of the model: of an entity, a CO, a live control or a finding.
func (l *library) knows(id threat.ID) bool {
	_, ok := l.place[id]
	return ok || l.head.structure.HasObjective(id)
}

// row is the source of an id that the model has.
func (l *library) row(id threat.ID) SourceRow {
	if i, ok := l.place[id]; ok {
		return l.subjects[i].row
	}
	for i := range l.posture.Rows {
		if r := &l.posture.Rows[i]; r.Objective.ID == id {
			return l.objective(r)
		}
	}
	return SourceRow{ID: id, Kind: "control_objective"}
}

func (l *library) objective(r *posture.Row) SourceRow {
	status := string(r.Status)
	if r.Assurance != "" {
		status += ", " + string(r.Assurance)
	}
	if r.Reason != "" {
		status += ", " + string(r.Reason)
	}
	if !r.Objective.Reachable {
		status += ", unreachable"
	}
	return SourceRow{r.Objective.ID, "control_objective", threat.Clip(r.Objective.Statement, 200), string(r.Objective.Tier) + ", " + status}
}

var (
	askedID      = regexp.MustCompile(`(?i)\b(?:CO-A\d+-T\d+|TB\d+|AS\d+|[ACFT]\d+)\b`)
	postureWords = wordSet("posture status risk risky covered coverage mitigated unmitigated mitigate unassessed secure safe progress summary verified claimed left open done overall many stand ready weak weakest")
	anyKind      = wordSet("many left open done overall") // posture words that speak of anything
	questionWord = wordSet(`what which who whom how why where when does do did can could would will have has had there here our we us me my i you your about tell show list give
		explain describe find get please thing anything something model threat protect protected against not no this these those than then but if so more most other`)
	kindsAsked = map[string]string{
		"asset": "asset", "attacker": "attacker", "boundary": "trust_boundary", "boundarie": "trust_boundary", "assumption": "assumption",
		"control": "control", "finding": "finding", "objective": "control_objective",
	}
	// levels are words that rate: they say of what grade something is, not what it is.
	levelsAsked = map[string]threat.Tier{"critical": threat.Critical, "high": threat.HighTier, "medium": threat.MediumTier, "low": threat.LowTier}
)

// looked is what a lookup found.
type looked struct {
	say     string // in words of ours and ids alone
	sources []SourceRow
}

// maxSources bounds the sources of an answer.
const maxSources = 12

// find answers a question without anybody's help: what is asked for by id, where the objectives stand when that is asked, and what the
// words match, the best first.
func (l *library) find(question string) looked {
	var out looked
	take := func(r SourceRow) {
		if len(out.sources) < maxSources && !slices.ContainsFunc(out.sources, func(o SourceRow) bool { return o.ID == r.ID }) {
			out.sources = append(out.sources, r)
		}
	}
	var said []string
	var unknown []threat.ID
	for _, m := range askedID.FindAllString(question, 20) {
		if id := threat.ID(strings.ToUpper(m)); l.knows(id) {
			take(l.row(id))
		} else {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 {
		said = append(said, "The model has no "+threat.IDList(unknown, 10)+".")
	}
	words := wordSet(question)
	kinds := map[string]bool{}
	posed, loosely := words["risk"] || words["posture"], false
	var tier threat.Tier
	for w := range words {
		posed, loosely = posed || postureWords[w] && !anyKind[w], loosely || anyKind[w]
		if k := kindsAsked[w]; k != "" {
			kinds[k] = true
		}
		if t := levelsAsked[w]; t != "" {
			tier = t
		}
	}
	// "How many assets?" is about assets, "how many are left?" about objectives.
	posed = posed || loosely && (len(kinds) == 0 || kinds["control_objective"])
	focus := l.focus(words, out.sources)
	if posed || tier != "" || kinds["control_objective"] {
		said = append(said, l.stand(words, tier, focus, take))
	}
	hits := l.match(words, kinds, focus)
	if len(hits) == 0 && !posed && tier == "" && len(out.sources) == 0 {
		say, of := l.ofKinds(kinds, words["open"])
		said, hits = append(said, say...), of
	}
	for _, i := range hits {
		take(l.subjects[i].row)
	}
	if n := len(out.sources); n > 0 {
		said = append(said, fmt.Sprintf("What the question names or is about, the best match first: %s.", threat.IDList(entityIDs(out.sources, func(r SourceRow) threat.ID { return r.ID }), maxSources)))
	} else if len(said) == 0 {
		said = append(said, "Nothing in the model matches the words of the question.")
	}
	out.say = strings.Join(said, " ")
	return out
}

// ofKinds counts what the model has of kinds that a question names without saying which, and gives the places of it: findings that are
// open first, the gravest first.
func (l *library) ofKinds(kinds map[string]bool, open bool) (say []string, places []int) {
	for _, k := range []struct{ kind, word string }{
		{"asset", "assets"}, {"attacker", "attackers"}, {"trust_boundary", "trust boundaries"}, {"assumption", "assumptions"}, {"control", "controls"}, {"finding", "findings"},
	} {
		if !kinds[k.kind] {
			continue
		}
		var all []int
		still := 0
		for i := range l.subjects {
			if s := &l.subjects[i]; s.row.Kind == k.kind && (!open || k.kind != "finding" || s.open) {
				all = append(all, i)
				if s.open {
					still++
				}
			}
		}
		count := fmt.Sprintf("The model has %d %s.", len(all), k.word)
		switch k.kind {
		case "control":
			done := 0
			for i := range l.head.controls {
				if l.head.controls[i].Status == threat.Implemented {
					done++
				}
			}
			count = fmt.Sprintf("The model has %d controls, of which %d are implemented.", len(all), done)
		case "finding":
			slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(l.subjects[a].rank, l.subjects[b].rank) })
			count = fmt.Sprintf("The model has %d findings that are open.", still)
			if !open {
				count = fmt.Sprintf("The model has %d findings, of which %d are open.", len(all), still)
			}
		}
		say, places = append(say, count), append(places, all...)
	}
	return say, places
}

// focus are the assets and attackers that a question is about: those it gives the id of, and those whose whole name is in it.
func (l *library) focus(words map[string]bool, asked []SourceRow) map[threat.ID]bool {
	out := map[threat.ID]bool{}
	for _, r := range asked {
		out[r.ID] = true
	}
	for _, a := range l.head.structure.Assets {
		if n := wordSet(a.Name); len(n) > 0 && subset(n, words) {
			out[a.ID] = true
		}
	}
	for _, t := range l.head.structure.Attackers {
		if n := wordSet(t.Name); len(n) > 0 && subset(n, words) {
			out[t.ID] = true
		}
	}
	return out
}

// stand says where the objectives stand, those of a tier and of what the question is about, and takes the ones to look at first.
func (l *library) stand(words map[string]bool, tier threat.Tier, focus map[threat.ID]bool, take func(SourceRow)) string {
	assets, attackers := false, false
	for id := range focus {
		assets, attackers = assets || id.Kind() == threat.KindAsset, attackers || id.Kind() == threat.KindAttacker
	}
	var rows []posture.Row
	for _, r := range l.posture.Filter(posture.Filter{Tier: tier}) {
		if (!assets || focus[r.Objective.Asset]) && (!attackers || focus[r.Objective.Attacker]) {
			rows = append(rows, r)
		}
	}
	mitigated := words["mitigated"] || words["covered"] || words["verified"] || words["claimed"]
	taken := 0
	for i := range rows {
		if (rows[i].Status == posture.Mitigated) == mitigated && taken < 8 {
			take(l.objective(&rows[i]))
			taken++
		}
	}
	c := posture.Count(rows)
	of := "control objectives"
	if tier != "" {
		of = "of tier " + string(tier)
	}
	say := fmt.Sprintf("Of %d %s %d are mitigated (%d claimed, %d verified), %d at risk, %d unassessed; %d are unreachable.",
		c.Total, of, c.Status.Mitigated, c.Assurance.Claimed, c.Assurance.Verified, c.Status.AtRisk, c.Status.Unassessed, c.Unreachable)
	done := 0
	for i := range l.head.controls {
		if l.head.controls[i].Status == threat.Implemented {
			done++
		}
	}
	return say + fmt.Sprintf(" %d of %d controls are implemented.", done, len(l.head.controls))
}

// match returns the places of the subjects whose words match, the best first.
func (l *library) match(words map[string]bool, kinds map[string]bool, focus map[threat.ID]bool) []int {
	count := map[string]int{}
	for i := range l.subjects {
		for w := range l.subjects[i].words {
			count[w]++
		}
	}
	total := float64(len(l.subjects)) + 1
	var asked []string
	for w := range words {
		if _, kind := kindsAsked[w]; !kind && !questionWord[w] && !postureWords[w] && len(w) > 1 {
			asked = append(asked, w)
		}
	}
	slices.Sort(asked) // sums of floats in one order
	var hits []int
	for i := range l.subjects {
		s := &l.subjects[i]
		s.weight = 0
		for _, w := range asked {
			worth := math.Log(total / float64(1+count[w]))
			switch {
			case s.words[w]:
				s.weight += worth
			case s.near[w]:
				s.weight += worth / 2
			}
		}
		if focus[s.row.ID] {
			s.weight += 2 * math.Log(total)
		}
		if s.weight > 0 && (len(kinds) == 0 || kinds[s.row.Kind] || focus[s.row.ID]) {
			if kinds[s.row.Kind] {
				s.weight *= 2
			}
			hits = append(hits, i)
		}
	}
	slices.SortStableFunc(hits, func(a, b int) int { return cmp.Compare(l.subjects[b].weight, l.subjects[a].weight) })
	// What matches far worse than the best is about something else.
	for n, i := range hits {
		if l.subjects[i].weight < l.subjects[hits[0]].weight/4 {
			return hits[:n]
		}
	}
	return hits
}

// shown is what a language model is shown of the model: what the lookup found in full, and the rest in brief.
func (l *library) shown(found looked) (relevant, overview string) {
	var full, brief strings.Builder
	full.WriteString(found.say + "\n")
	in := map[threat.ID]bool{}
	for _, r := range found.sources {
		in[r.ID] = true
		text := r.Text
		if i, ok := l.place[r.ID]; ok {
			text = oneLine(threat.Clip(l.subjects[i].long, 1_500))
		}
		fmt.Fprintf(&full, "%s (%s; %s): %s\n", r.ID, r.Kind, r.Status, text)
	}
	for i := range l.subjects {
		if s := &l.subjects[i]; !in[s.row.ID] {
			fmt.Fprintf(&brief, "%s (%s; %s): %s\n", s.row.ID, s.row.Kind, s.row.Status, threat.Clip(s.row.Text, 120))
		}
	}
	return strings.TrimSpace(full.String()), strings.TrimSpace(brief.String())
}
