package compliance

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Matcher is the builtin matcher of one framework: it ranks requirements for a control by the words they share (the sum of
// BM25 over weighted fields, with synonyms) and by whether the control's facets can prove them. The same control gets the
// same answer. It is safe for concurrent use.
type Matcher struct {
	dictionary *dictionary
	reqs       []Requirement
	postings   map[string][]posting // by term, in the order of the requirements
	size       float64              // ln(1 + number of requirements): what a rare term weighs grows with it
}

// posting is a term in a requirement.
type posting struct {
	req    int
	weight float64 // rarity of the term times its saturated frequency
}

// How much a term counts by where a requirement has it, and how slowly repeats wear out (k1 of BM25). Texts are not weighed
// by their length: that of a summary says nothing. These numbers and those below were chosen on the open half of
// testdata/pairs.yaml.
const (
	inKeywords = 2.0
	inSummary  = 1.0
	inSection  = 0.3
	inChapter  = 0.25
	k1         = 3.6
)

// NewMatcher reads a framework, which takes some milliseconds: make one and share it. Retired requirements are left out.
func NewMatcher(f *Framework) *Matcher {
	m := &Matcher{dictionary: english(), postings: map[string][]posting{}}
	var texts []map[string]float64
	in := map[string]float64{} // term → requirements that have it
	for _, r := range f.Requirements {
		if r.Retired {
			continue
		}
		terms := m.read(f, r)
		for t := range terms {
			in[t]++
		}
		m.reqs, texts = append(m.reqs, r), append(texts, terms)
	}
	n := float64(len(texts))
	m.size = math.Log(1 + n)
	for i, terms := range texts {
		for t, tf := range terms {
			idf := math.Log(1 + (n-in[t]+0.5)/(in[t]+0.5))
			m.postings[t] = append(m.postings[t], posting{req: i, weight: idf * tf * (k1 + 1) / (tf + k1)})
		}
	}
	return m
}

// read returns the terms of a requirement with their weighted frequencies.
func (m *Matcher) read(f *Framework, r Requirement) map[string]float64 {
	terms := map[string]float64{}
	add := func(text string, weight float64) {
		for _, w := range m.dictionary.words(text) {
			terms[w.term] += weight
		}
	}
	for _, k := range r.Keywords {
		add(k, inKeywords)
	}
	add(r.Summary, inSummary)
	if c, ok := f.Chapter(r.Chapter); ok {
		add(c.Name, inChapter)
		if s, ok := c.Section(r.Section); ok {
			add(s.Name, inSection)
		}
	}
	return terms
}

// How much a term counts by where a control has it, and each further time.
const (
	inDescription = 1.0
	inFacets      = 0.7
	inTests       = 0.5 // facets that are tests: they name samples and surroundings
	again         = 0.3
	atMost        = 1.5
)

// How the kinds of a control's facets bear on a requirement.
const (
	kindsApart = 0.6 // no facet is of a kind that can prove it
	documents  = 1.6 // it asks for a document, and the control has a facet of that kind and speaks of documents
)

// The confidence of a match is the share of right ones among matches that look like it: a logistic curve fitted to the open
// half of testdata/pairs.yaml. What counts is the score for the length of the control and the size of the framework, and how
// near it comes to the control's best.
const (
	fittedBase  = -5.0
	fittedScore = 3.2
	fittedShare = 5.2
)

// Confident is the confidence from which a match may be applied without a person's look: of those on either half of the
// labelled set, about 85 in 100 are right.
const Confident = 700

// Match ranks the requirements for a control, the best first, at most limit of them; one that shares nothing with the
// control is never among them.
func (m *Matcher) Match(s Subject, limit int) []Match {
	terms, counts := m.terms(s)
	list := m.rank(s, terms, counts, limit)
	out := make([]Match, 0, len(list))
	for _, r := range list {
		x := fittedBase + fittedScore*math.Log(r.score/math.Sqrt(float64(len(terms)))/m.size) + fittedShare*r.score/list[0].score
		out = append(out, Match{
			Control:     s.Control,
			Requirement: m.reqs[r.req].ID,
			Confidence:  int(math.Round(1000 / (1 + math.Exp(-x)))),
			Reason:      m.reason(r.req, terms, counts),
		})
	}
	return out
}

// ranked is a requirement with what it scores for a control.
type ranked struct {
	req   int
	score float64
}

// rank lists the requirements that share a term with the control, the best first, at most limit of them.
func (m *Matcher) rank(s Subject, terms []word, counts map[string]float64, limit int) []ranked {
	scores := make([]float64, len(m.reqs))
	for _, t := range terms {
		count := counts[t.term]
		for _, p := range m.postings[t.term] {
			scores[p.req] += count * p.weight
		}
	}
	_, speaksOfDocuments := counts[document]
	var best []ranked
	for i, score := range scores {
		if score == 0 {
			continue
		}
		score *= kindFactor(s.Facets, m.reqs[i].Kinds, speaksOfDocuments)
		// Of equals the earlier requirement stands first.
		at, _ := slices.BinarySearchFunc(best, score, func(r ranked, score float64) int {
			if r.score >= score {
				return -1
			}
			return 1
		})
		if at < limit {
			best = slices.Insert(best, at, ranked{i, score})
			best = best[:min(limit, len(best))]
		}
	}
	return best
}

// terms lists the terms of a control in the order they come, each once, and what each counts.
func (m *Matcher) terms(s Subject) ([]word, map[string]float64) {
	var order []word
	counts := map[string]float64{}
	read := func(text string, first float64) {
		for _, w := range m.dictionary.words(text) {
			if _, seen := counts[w.term]; seen {
				counts[w.term] = min(atMost, counts[w.term]+again)
				continue
			}
			order = append(order, w)
			counts[w.term] = first
		}
	}
	read(s.Description, inDescription)
	for _, f := range s.Facets {
		weight := inFacets
		if f.Kind == threat.TestFacet {
			weight = inTests
		}
		read(f.Text, weight)
	}
	return order, counts
}

// kindFactor weighs a requirement by the kinds that can prove it; an imported one need not name any.
func kindFactor(facets []threat.Facet, kinds []threat.FacetKind, speaksOfDocuments bool) float64 {
	if len(kinds) == 0 || len(facets) == 0 {
		return 1
	}
	if !slices.ContainsFunc(facets, func(f threat.Facet) bool { return slices.Contains(kinds, f.Kind) }) {
		return kindsApart
	}
	if speaksOfDocuments && len(kinds) == 1 && kinds[0] == threat.StructureFacet {
		return documents
	}
	return 1
}

// Bounds of a reason.
const (
	maxReason     = 5 // shared terms named
	maxReasonTerm = 40
)

// reason names the terms that speak most for a requirement, as the control has them.
func (m *Matcher) reason(req int, terms []word, counts map[string]float64) string {
	type share struct {
		as     string
		weight float64
	}
	var shares []share
	for _, t := range terms {
		list := m.postings[t.term]
		if i, ok := slices.BinarySearchFunc(list, req, func(p posting, req int) int { return cmp.Compare(p.req, req) }); ok {
			shares = append(shares, share{threat.Clip(t.as, maxReasonTerm), counts[t.term] * list[i].weight})
		}
	}
	slices.SortStableFunc(shares, func(a, b share) int { return cmp.Compare(b.weight, a.weight) })
	var said []string
	for _, s := range shares {
		if len(said) == maxReason {
			break
		}
		if !slices.ContainsFunc(said, func(o string) bool { return strings.Contains(o, s.as) || strings.Contains(s.as, o) }) {
			said = append(said, s.as)
		}
	}
	return "shared terms: " + strings.Join(said, ", ")
}
