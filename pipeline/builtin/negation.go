package builtin

import "strings"

// grammar is the closed-class English that negation needs: which words deny, and where a denial ends. It is data of the
// language, not of security, so it stands in code beside the rules that read it.
type grammar struct {
	verbCue   map[string]bool // deny a verb: "not", "never", "doesn't"
	nounCue   map[string]bool // deny the noun phrase that follows: "no", "without"
	presence  map[string]bool // verbs whose denial denies their object: "does not store X"
	passive   map[string]bool // participles whose denial denies the subject: "X is not used"
	touching  map[string]bool // verbs whose denial denies the subject where our side is the object: "X never reach us"
	holding   map[string]bool // nouns that pass a denial on: "no storage of X"
	filler    map[string]bool // words between a cue and what it denies
	ends      map[string]bool // words that end a denied noun phrase
	finite    map[string]bool // verbs: a phrase before one is a subject, and the verb is what was denied
	preps     map[string]bool
	pseudo    map[string]bool // words after a cue that undo it: "not only", "no more than"
	qualified map[string]bool // words that show only a manner was denied: "not stored in plaintext"
}

func newGrammar() *grammar {
	return &grammar{
		verbCue: set(`not never cannot can't cant doesn't doesnt don't dont won't wont isn't isnt aren't arent wasn't
			didn't hasn't haven't shouldn't mustn't`),
		nounCue: set(`no without zero neither nor excluding lack lacks lacking avoids avoiding`),
		presence: set(`use uses using store stores storing have has having had support supports supporting handle handles
			handling process processes processing collect collects collecting include includes including keep keeps
			keeping need needs needing require requires requiring accept accepts accepting offer offers offering
			provide provides providing hold holds holding contain contains containing involve involves involving
			see sees run runs running host hosts hosting issue issues issuing operate operates manage manages
			managing persist persists persisting retain retains retaining save saves saving take takes taking
			employ implement implements implementing track tracks tracking integrate integrates add adds
			build builds rely relies depend depends deal deals ship ships`),
		passive: set(`used supported stored collected involved needed required offered included allowed permitted
			provided handled processed kept retained persisted accepted saved planned implemented present available
			held recorded taken enabled part`),
		touching: set(`touch touches reach reaches hit hits enter enters`),
		holding: set(`use usage need storage support processing handling collection kind kinds sort form type types
			notion concept`),
		filler: set(`a an the any yet currently be been ever to on with upon actually even directly itself also our its
			their your in`),
		ends: set(`but however although though because so which that who whom whose when while whereas if since until
			unless except as only just instead rather with via using every all each everything both it they we you
			he she i this these those there here then once where how what`),
		finite: set(`is are was were be has have had does do did can could may might must should shall will would
			leaves leave gets get goes go holds hold keeps keep stores store uses use sees see log logs signs
			reads read needs need lives live runs run comes come handles handle sends send`),
		preps: set(`of to for from in on at by into onto over under between among about after before during through
			across per within outside inside beyond against than`),
		pseudo: set(`only just necessarily merely simply solely more less later fewer longer matter doubt one other
			different two way sooner earlier exception exceptions least yet-another`),
		qualified: set(`plaintext plain clear cleartext clearly longer after beyond unless until unencrypted outside
			without before directly`),
	}
}

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// longestScope bounds how many words one cue can deny, so that reading stays linear in the text.
const longestScope = 40

// deny marks the hits that the text denies. Doubt is no denial: an asset too many costs a reviewer a glance, one too few
// is a hole. Hits that contain their own "no" (a term of the vocabulary) mean what the term means and are left alone.
func (g *grammar) deny(tokens []token, hits []hit) {
	if len(hits) == 0 {
		return
	}
	s := scopes{grammar: g, tokens: tokens, cue: make([]int, len(tokens)), inside: make([]int, len(tokens))}
	for i := range tokens {
		s.cue[i], s.inside[i] = -1, -1
	}
	for n, h := range hits {
		for i := h.first; i <= h.last; i++ {
			s.inside[i] = n
		}
	}
	s.hits = hits
	for i := range tokens {
		if s.inside[i] >= 0 && hits[s.inside[i]].first < i {
			continue // the second word of a term is no cue
		}
		s.at(i)
	}
	for n := range hits {
		h := &hits[n]
		if c := s.cue[h.first]; c >= 0 && (c < h.first || c > h.last) {
			h.denied, h.cue = true, c
		}
	}
}

// scopes is one reading of a text for denials.
type scopes struct {
	*grammar
	tokens []token
	hits   []hit
	cue    []int // per token the cue that denies it, or -1
	inside []int // per token the hit it belongs to, or -1
	until  int   // where the last list of what is out of scope ends
}

func (s *scopes) word(i int) string {
	if i < 0 || i >= len(s.tokens) {
		return ""
	}
	return s.tokens[i].word
}

func (s *scopes) mark(from, to, cue int) {
	for i := max(from, 0); i < to; i++ {
		if s.cue[i] < 0 {
			s.cue[i] = cue
		}
	}
}

// within reports whether token i continues a term: "CI/CD" is one thing, not a list.
func (s *scopes) within(i int) bool { return s.inside[i] >= 0 && s.hits[s.inside[i]].first < i }

// joined reports whether token i belongs to the same clause as the one before.
func (s *scopes) joined(i int) bool { return i < len(s.tokens) && s.tokens[i].before < clause }

// at looks for a cue at token i and marks what it denies.
func (s *scopes) at(i int) {
	w := s.word(i)
	switch {
	case w == "free" && s.tokens[i].before == hyphen: // "cookie-free"
		if n := s.inside[i-1]; n >= 0 {
			s.mark(s.hits[n].first, i, i)
		}
	case w == "out" && s.word(i+1) == "of" && s.word(i+2) == "scope":
		s.scopeWord(i, i+2)
	case w == "non" && strings.HasPrefix(s.word(i+1), "goal"):
		s.scopeWord(i, i+1)
	case w == "not" && (s.word(i+1) == "in" || s.word(i+1) == "part") && (s.word(i+2) == "scope" || s.word(i+2) == "of"):
		s.scopeWord(i, i+2)
	case w == "instead" && s.word(i+1) == "of", w == "rather" && s.word(i+1) == "than":
		s.phrase(i, i+2, false)
	case w == "no" && s.word(i+1) == "longer":
		s.verb(i, i+2)
	case s.nounCue[w] && s.inside[i] < 0:
		s.noun(i)
	case s.verbCue[w] && s.inside[i] < 0:
		s.verb(i, i+1)
	}
}

// scopeWord handles "out of scope" and its like: with a colon or as a heading it denies what follows, otherwise the
// subject before it.
func (s *scopes) scopeWord(i, last int) {
	last = min(last, len(s.tokens)-1)
	if !s.tokens[last].colon && !s.tokens[i].heading {
		s.subject(i)
		return
	}
	if i < s.until {
		return // inside such a list already: reading it again for each repeat would be quadratic
	}
	heading := s.tokens[i].heading
	for j := last + 1; j < len(s.tokens); j++ {
		t := &s.tokens[j]
		switch {
		case heading && t.heading && j > last+1 && t.before == stop && !s.tokens[j-1].heading:
			return // the next section
		case heading:
		case t.before == stop && !t.bullet && j > last+1:
			return // the sentence is over and no list goes on
		}
		s.mark(j, j+1, i)
		s.until = j + 1
	}
}

// noun handles "no X", "without X": the phrase after the cue and the list it opens.
func (s *scopes) noun(cue int) {
	if s.pseudo[s.word(cue+1)] || !s.joined(cue+1) || s.tokens[cue+1].before == hyphen {
		return // "no more than", "no-code"
	}
	from := cue + 1
	w := s.word(from)
	if strings.HasSuffix(w, "ing") && s.inside[from] < 0 {
		if !s.presence[w] {
			return // "without exposing X" denies the exposing
		}
		from++
	}
	s.phrase(cue, from, true)
}

// verb handles "not", "never" and contractions. Only a few verbs deny their object when they are denied: a key that
// never leaves the HSM is a key all the same.
func (s *scopes) verb(cue, from int) {
	if s.pseudo[s.word(from)] {
		return
	}
	for n := 0; n < 3 && s.joined(from) && s.filler[s.word(from)] && s.inside[from] < 0; n++ {
		from++
	}
	if from >= len(s.tokens) || !s.joined(from) {
		return
	}
	w := s.word(from)
	switch {
	case s.passive[w] && s.word(from+1) == "for":
		s.phrase(cue, from+2, false)
	case s.passive[w] && s.inside[from] < 0:
		if !s.qualifies(from + 1) {
			s.subject(cue)
		}
	case s.touching[w]:
		s.subject(cue)
	case s.presence[w] && s.inside[from] >= 0: // "never store card …", where the verb belongs to the term
		s.phrase(cue, from, false)
	case s.presence[w]:
		s.phrase(cue, from+1, false)
	case s.inside[from] >= 0: // "not public", "not multi-tenant"
		h := s.hits[s.inside[from]]
		s.mark(from, h.last+1, cue)
	}
}

// qualifies reports whether the words at i limit a denial to a manner, a place or a time.
func (s *scopes) qualifies(i int) bool {
	for j := i; j < i+3 && s.joined(j); j++ {
		if s.qualified[s.word(j)] {
			return true
		}
	}
	return false
}

// subject denies the phrase before a cue: "mobile apps are not supported".
func (s *scopes) subject(cue int) {
	first, list := cue, false
	for j := cue - 1; j >= 0 && cue-j < longestScope && s.tokens[j+1].before < clause; j-- {
		w := s.word(j)
		if s.ends[w] || j < cue-2 && s.finite[w] && s.inside[j] < 0 {
			break
		}
		if s.tokens[j+1].before.lists() && !list {
			break // "…, cookies are not used": what stands before the comma is another clause
		}
		list = list || s.inside[j] < 0 && (w == "and" || w == "or" || w == "nor")
		first = j
	}
	s.mark(first, cue, cue)
}

// phrase denies the noun phrase at from and the list it may open. existential is true for "no" and "without", which deny
// that a thing exists unless the phrase is the subject of a verb ("no user can read X").
func (s *scopes) phrase(cue, from int, existential bool) {
	end, list := from, false
	holder := existential && s.holding[s.word(from)]
	segment := from // where the current member of a list begins
	for j := from; j < len(s.tokens) && j-from < longestScope; j++ {
		w := s.word(j)
		if j > from && !s.joined(j) {
			break
		}
		separated := j > from && s.tokens[j].before.lists() || w == "or" || w == "nor" || w == "and"
		if separated && (s.inside[j] < 0 || s.tokens[j].before.lists()) && !s.within(j) {
			next := j
			if s.tokens[j].before.lists() {
				list = true
			}
			if w == "or" || w == "nor" || w == "and" {
				next++
			}
			if !s.member(next, w == "and" && !list, list) {
				break
			}
			end, segment = next, next
			j = max(j, next-1)
			continue
		}
		if s.inside[j] < 0 {
			if s.preps[w] && j > segment {
				if holder && w == "of" || w == "for" && holder {
					continue
				}
				if s.qualifies(j) {
					return
				}
				break
			}
			if existential && j > from && s.finite[w] && s.word(cue) != "without" {
				if s.passiveAt(j) {
					break
				}
				return // "no user can …" denies the verb
			}
			if s.ends[w] || j > from && s.finite[w] {
				break
			}
		}
		end = j + 1
	}
	s.mark(from, end, cue)
}

// passiveAt reports whether "are stored" or its like stands at i, and nothing that makes it a matter of manner.
func (s *scopes) passiveAt(i int) bool {
	w := s.word(i)
	return (w == "is" || w == "are" || w == "was" || w == "were" || w == "be") && s.passive[s.word(i+1)] &&
		s.word(i+2) != "for" && !s.qualifies(i+2)
}

// member reports whether a list denied so far goes on at i: a short phrase that ends at the next separator and has no verb
// of its own. A bare "and" ends the denial: "no database and a cache" affirms the cache.
func (s *scopes) member(i int, bareAnd, list bool) bool {
	if i >= len(s.tokens) || bareAnd {
		return false
	}
	first := s.word(i)
	if s.inside[i] < 0 && (s.ends[first] || s.finite[first] || s.preps[first] || s.nounCue[first]) {
		return false
	}
	for j := i; j < i+8; j++ {
		w := s.word(j)
		if j > i && (j >= len(s.tokens) || !s.joined(j) || s.tokens[j].before.lists() && !s.within(j) ||
			s.inside[j] < 0 && (w == "or" || w == "nor" || w == "and")) {
			// A lone member before the end of the clause is a list's last only when it was joined by a word: "no
			// passwords, passkeys" is one list, "no passwords, users have passkeys" is two clauses.
			return true
		}
		if s.inside[j] < 0 && (s.finite[w] || s.ends[w]) {
			return false
		}
		if s.inside[j] < 0 && s.preps[w] {
			return list
		}
	}
	return false
}
