package source

import (
	"slices"
	"strings"
)

// Ruby is cut into tokens by ruby_lex.go, blocks matched with their ends, and read here: declarations, calls, conditions, handlers.
// ruby_web.go says what calls mean to Rails, Sinatra and Rack, and which ones define tests.
//
// A module is a Type; a method of the class itself (def self.x, class << self) is a member of the class as any other. A constant
// that Class.new, Struct.new, Data.define or Module.new is assigned to is a declaration. What attr_accessor, define_method, delegate
// and other calls make is none: their names may be computed. Calls need no brackets: a name that is not assigned to within the
// method is a call, and so is each "a.b". A rescue is a handler unless it does nothing, yields nil, or raises again what it caught.
var ruby = language{
	name:       Ruby,
	extensions: []string{".rb", ".rake", ".ru", ".gemspec"},
	parse:      parseRuby,
	tokens:     rubyTokens,
}

// rubyFrame is a class, module, def or block that is open.
type rubyFrame struct {
	end   int // index of the token that ends it
	owner string
	super string // what the class around inherits from
	names map[string]bool
}

// rubyCall is what is kept of a call beyond the facts.
type rubyCall struct {
	name  string
	index int      // of its last word
	first int      // token with which its name begins
	args  [][2]int // token ranges
	block int      // token that opens its block; -1 without one
	owner string
	super string
}

// rubyFile is one Ruby file being turned into facts.
type rubyFile struct {
	*reader
	roles   []rubyRole
	ends    []int32 // for each token the index of the one that ends the arguments of a call there, at most that of the statement
	commas  []int32 // for each token the index of the next comma before that end, or the end
	last    []int   // the largest end of a token so far: here-documents stand further below
	frames  []rubyFrame
	blocked map[int]bool // blocks that belong to a call already
	calls   []rubyCall
	consts  map[string]string
	supers  map[string]string // what each class inherits from
}

func parseRuby(f *File) error {
	l := newRubyLexer(f)
	if err := l.run(); err != nil {
		return err
	}
	r := &rubyFile{reader: newReader(l.lexer), roles: l.roles, blocked: map[int]bool{}, consts: map[string]string{}, supers: map[string]string{}}
	for len(r.roles) <= len(r.tokens) {
		r.roles = append(r.roles, rubyName)
	}
	r.Calls, r.calls = make([]Call, 0, len(r.tokens)/5), make([]rubyCall, 0, len(r.tokens)/5)
	r.Decls, r.labels = make([]Decl, 0, len(r.tokens)/60+4), make([]int, 0, len(r.tokens)/10)
	r.measure()
	r.constants()
	r.frames = []rubyFrame{{end: len(r.tokens), names: r.bound(0, len(r.tokens), true)}}
	for i := range r.tokens {
		for len(r.frames) > 1 && r.frames[len(r.frames)-1].end <= i {
			r.frames = r.frames[:len(r.frames)-1]
		}
		r.token(i)
	}
	r.notesComparisons(rubyStops)
	r.web()
	r.tests()
	return nil
}

// rubyStops are the words at which an operand of a comparison ends.
var rubyStops = wordSet(`if unless while until and or not then do return when in end else elsif ensure rescue begin case`)

func (r *rubyFile) role(i int) rubyRole {
	if i < 0 || i >= len(r.tokens) {
		return rubyName
	}
	return r.roles[i]
}

// keyword reports whether the token is that keyword.
func (r *rubyFile) keyword(i int, words ...string) bool {
	return r.role(i) == rubyKeyword && slices.Contains(words, r.text(i))
}

// measure finds where the arguments of a call without brackets end, for all tokens at once.
func (r *rubyFile) measure() {
	n := len(r.tokens)
	r.ends, r.commas, r.last = make([]int32, n+1), make([]int32, n+1), make([]int, n+1)
	r.ends[n], r.commas[n] = int32(n), int32(n)
	for i := n - 1; i >= 0; i-- {
		switch next := min(r.skip(i), n); {
		case r.stops(i):
			r.ends[i], r.commas[i] = int32(i), int32(i)
		case r.sign(i) == ',':
			r.ends[i], r.commas[i] = r.ends[next], int32(i)
		default:
			r.ends[i], r.commas[i] = r.ends[next], r.commas[next]
		}
	}
	end := 0
	for i := range r.tokens {
		end = max(end, int(r.tokens[i].end))
		r.last[i] = end
	}
	r.last[n] = end
}

// stops reports whether the arguments of a call without brackets end before the token.
func (r *rubyFile) stops(i int) bool {
	t := r.tokens[i]
	switch t.kind {
	case newlineToken:
		return true
	case markToken:
		c := r.src[t.start]
		return c == ';' || (c == ')' || c == ']' || c == '}')
	case wordToken:
		switch r.role(i) {
		case rubyModifier:
			return true
		case rubyKeyword:
			switch r.text(i) {
			case "do", "then", "and", "or", "end", "else", "elsif", "when", "in", "ensure", "rescue":
				return true
			}
		}
	}
	return false
}

// statementEnd returns the index of the token before which the statement or condition that holds token i ends: as the arguments
// of a call do, but "and", "or" and blocks do not end it.
func (r *rubyFile) statementEnd(i int) int {
	for i < len(r.tokens) {
		r.work++
		e := int(r.ends[i])
		if r.keyword(e, "and", "or") || r.keyword(e, "do") && r.partner(e) > e {
			i = r.skip(e)
			continue
		}
		return e
	}
	return min(i, len(r.tokens))
}

// trim leaves out ends of lines and semicolons around the tokens from a up to b.
func (r *rubyFile) trim(a, b int) (int, int) {
	blank := func(i int) bool { return r.at(i).kind == newlineToken || r.is(i, ";") }
	for a < b && blank(a) {
		a++
	}
	for b > a && blank(b-1) {
		b--
	}
	return a, b
}

// part returns the text of the tokens from a up to b. That of a here-document is left out where it comes last: it is elsewhere.
func (r *rubyFile) partOf(a, b int) Span {
	a, b = r.trim(a, b)
	if b <= a {
		return r.span(a, a)
	}
	s := Span{int(r.tokens[a].start), int(r.tokens[b-1].end)}
	if r.role(b-1) == rubyDocument {
		s.End = int(r.at(r.partner(b - 1)).end)
	}
	return s
}

// body returns the text of the statements from token a up to b, those of here-documents included.
func (r *rubyFile) body(a, b int) Span {
	a, b = r.trim(a, b)
	if b <= a {
		return Span{}
	}
	return Span{int(r.tokens[a].start), r.last[b-1]}
}

func (r *rubyFile) frame() *rubyFrame { return &r.frames[len(r.frames)-1] }

// constants notes the names that are bound once, to a string.
func (r *rubyFile) constants() {
	seen := map[string]bool{}
	for i := range r.tokens {
		if r.sign(i) == '=' && isConstant(r.word(i-1)) && r.role(i-1) == rubyName {
			name := r.text(i - 1)
			if value, ok := r.stringIn(i+1, int(r.ends[i+1])); ok && !seen[name] {
				r.consts[name] = value
			} else {
				delete(r.consts, name)
			}
			seen[name] = true
		}
	}
}

func isConstant(word string) bool { return word != "" && word[0] >= 'A' && word[0] <= 'Z' }

// bound returns the names that are bound between the tokens a and b: assigned to, parameters of blocks, matched by a pattern. With
// outside, what stands in a def is left out.
func (r *rubyFile) bound(a, b int, outside bool) map[string]bool {
	names := map[string]bool{}
	words := func(i, to int) {
		for ; i < to; i++ {
			if w := r.word(i); w != "" && (r.role(i) == rubyName || r.role(i) == rubyLabel) {
				names[w] = true
			}
		}
	}
	for i := a; i < b; i++ {
		if outside && r.keyword(i, "def") && r.partner(i) > i {
			i = r.partner(i)
			continue
		}
		r.work++
		t := r.tokens[i]
		switch {
		case t.kind == newlineToken || t.kind == numberToken:
		case t.kind == wordToken && r.roles[i] != rubyKeyword:
		case t.kind == markToken && r.src[t.end-1] == '=' && rubyAssigns[r.text(i)]:
			for k := i - 1; k >= a && r.role(k) == rubyName && r.word(k) != ""; k -= 2 {
				names[r.text(k)] = true
				if k--; r.is(k, "*") {
					k--
				}
				if !r.is(k, ",") {
					break
				}
				k++
			}
			if r.is(i-1, ")") { // (a, b), c = …
				words(r.partner(i-1), i)
			}
		case t.kind == markToken && r.is(i, "|") && (r.is(i-1, "{") || r.keyword(i-1, "do")):
			for i++; i < b && !r.is(i, "|") && r.at(i).kind != newlineToken; i++ {
				words(i, i+1)
			}
		case r.is(i, "->"):
			if r.is(i+1, "(") {
				words(i+2, r.partner(i+1))
			} else {
				for k := i + 1; k < b && !r.is(k, "{") && !r.keyword(k, "do") && r.at(k).kind != newlineToken; k++ {
					words(k, k+1)
				}
			}
		case r.is(i, "=>"), r.keyword(i, "in"), r.keyword(i, "for"):
			end := i + 1
			if r.is(end, "{") || r.is(end, "[") {
				end = r.skip(end)
			} else {
				for end < b && r.at(end).kind != newlineToken && !r.is(end, ";") && !r.keyword(end, "then", "do") && end < i+60 && !r.is(end, ",") {
					end++
				}
			}
			words(i+1, end) // a pair is not told apart from a pattern: that costs at most a call
		case t.kind == textToken && r.role(i) == rubyPattern:
			for _, part := range strings.Split(r.text(i), "(?<")[1:] {
				name, _, _ := strings.Cut(part, ">")
				names[name] = true
			}
		}
	}
	return names
}

// token reads what begins at a token.
func (r *rubyFile) token(i int) {
	t := r.tokens[i]
	switch t.kind {
	case textToken:
		if r.role(i) == rubySymbol {
			r.labels = append(r.labels, int(t.start)+1)
		}
		return
	case markToken:
		switch r.src[t.start] {
		case '?':
			r.ternary(i)
		case '|':
			if r.is(i-1, "{") || r.keyword(i-1, "do") {
				r.blockScope(i)
			}
		case '-':
			if r.is(i, "->") {
				r.lambdaScope(i)
			}
		}
		return
	case wordToken:
	default:
		return
	}
	word := r.text(i)
	switch r.roles[i] {
	case rubyKeyword, rubyModifier, rubyEndless:
		r.keywordAt(i, word)
	case rubyLabel:
		if !r.is(i+2, ",") && !r.is(i+2, ")") && !r.is(i+2, "}") && !r.is(i+2, "|") && r.at(i+2).kind != newlineToken {
			r.labels = append(r.labels, int(t.start)) // with its value left out it is a value
		}
	case rubyName, rubyMember:
		c := word[0]
		if c == '@' || c == '$' || word[len(word)-1] == '?' || word[len(word)-1] == '!' {
			r.labels = append(r.labels, int(t.start)+len(word)-len(strings.TrimLeft(word, "@$")))
		}
		if c == '@' || c == '$' {
			return
		}
		if isConstant(word) && r.is(i+1, "=") {
			r.made(i, word)
		}
		r.call(i, word)
	}
}

func (r *rubyFile) keywordAt(i int, word string) {
	m := r.partner(i)
	switch word {
	case "class", "module":
		if m > i {
			r.class(i, m, word)
		}
	case "def":
		r.def(i, m)
	case "if", "elsif", "unless", "while", "until", "case":
		r.conditionAt(i+1, r.statementEnd(i+1))
	case "rescue":
		r.rescue(i)
	case "super":
		r.call(i, word)
	}
}

func (r *rubyFile) conditionAt(a, b int) {
	if s := r.partOf(a, b); !s.Empty() {
		r.conditions = append(r.conditions, s)
	}
}

// ternary notes what stands before the "?" at i.
func (r *rubyFile) ternary(i int) {
	a := i
	for n := 0; a > 0 && n < 60; n++ {
		k := a - 1
		if m := r.partner(k); m >= 0 && m < k {
			a = m
			continue
		}
		t := r.tokens[k]
		if t.kind == newlineToken || t.kind == textOpenToken || t.kind == textPartToken || r.role(k) == rubyKeyword && !rubyValues[r.text(k)] && r.text(k) != "defined?" && r.text(k) != "not" {
			break
		}
		if t.kind == markToken {
			if s := r.text(k); rubyAssigns[s] || strings.Contains(" , ; ( [ { | ? : => ", " "+s+" ") {
				break
			}
		}
		a = k
		r.work++
	}
	r.conditionAt(a, i)
}

// names returns the names among the tokens from a up to b.
func (r *rubyFile) names(a, b int) []string {
	var all []string
	for ; a < b; a++ {
		if w := r.word(a); w != "" && (r.role(a) == rubyName || r.role(a) == rubyLabel) {
			all = append(all, w)
		}
	}
	return all
}

// blockScope notes the names that a block binds between its bars; the first is token i.
func (r *rubyFile) blockScope(i int) {
	m := r.partner(i - 1)
	to := i + 1
	for to < m && !r.is(to, "|") {
		to = r.skip(to)
	}
	if names := r.names(i+1, to); m > i && len(names) > 0 {
		r.scopes = append(r.scopes, scope{span: r.span(i-1, m+1), names: names})
	}
}

// lambdaScope notes the names that a lambda binds.
func (r *rubyFile) lambdaScope(i int) {
	open := i + 1
	for open < len(r.tokens) && open < i+60 && !r.is(open, "{") && !r.keyword(open, "do") && r.at(open).kind != newlineToken {
		open = r.skip(open)
	}
	if m := r.partner(open); m > open {
		if names := r.names(i+1, open); len(names) > 0 {
			r.scopes = append(r.scopes, scope{span: r.span(i, m+1), names: names})
		}
	}
}

func joined(parts ...string) string {
	var all []string
	for _, p := range parts {
		if p != "" {
			all = append(all, p)
		}
	}
	return strings.Join(all, ".")
}

// constant reads the name of a constant A::B or ::A at i, dotted, and returns the index behind it.
func (r *rubyFile) constant(i int) (string, int) {
	if r.is(i, "::") {
		i++
	}
	var parts []string
	for isConstant(r.word(i)) {
		parts = append(parts, r.text(i))
		i++
		if !r.is(i, "::") || !isConstant(r.word(i+1)) {
			break
		}
		i++
	}
	return strings.Join(parts, "."), i
}

// class reads class A < B, class << self and module A; m is the index of their end.
func (r *rubyFile) class(i, m int, word string) {
	around := r.frame()
	frame := rubyFrame{end: m, owner: around.owner, super: around.super, names: around.names}
	j := i + 1
	if r.is(j, "<<") {
		if name, _ := r.constant(j + 1); name != "" {
			frame.owner = within(around.owner, name)
		}
		r.frames = append(r.frames, frame)
		return
	}
	name, j := r.constant(j)
	if name == "" && r.role(j) == rubyName { // Ruby refuses it
		name = r.word(j)
		j++
	}
	if name == "" {
		r.frames = append(r.frames, frame)
		return
	}
	if frame.super = ""; r.is(j, "<") {
		frame.super, _ = r.constant(j + 1)
		j = int(r.ends[j+1])
	}
	d := Decl{Kind: Class, Owner: around.owner, Name: name, Line: r.lineOf(i + 1), Span: r.span(i, m+1), Body: r.body(j, m)}
	if word == "module" {
		d.Kind = Type
	}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		d.Owner, d.Name = joined(around.owner, name[:dot]), name[dot+1:]
	}
	r.Decls = append(r.Decls, d)
	frame.owner = d.Qualified()
	r.supers[frame.owner] = frame.super
	r.frames = append(r.frames, frame)
}

// within returns the owner of what an object of that name gets: the class around, when it is named itself.
func within(owner, name string) string {
	if owner == name || strings.HasSuffix(owner, "."+name) {
		return owner
	}
	return joined(owner, name)
}

// made declares the constant at i when a class is made for it.
func (r *rubyFile) made(i int, word string) {
	j := i + 2
	if r.is(j, "::") {
		j++
	}
	kind := Class
	switch r.text(j) + r.text(j+1) + r.text(j+2) {
	case "Class.new", "Struct.new", "Data.define":
	case "Module.new":
		kind = Type
	default:
		return
	}
	end := r.statementEnd(j)
	around := r.frame()
	owner := around.owner
	first := i
	for r.is(first-1, "::") && isConstant(r.word(first-2)) {
		first -= 2
	}
	if first < i {
		name, _ := r.constant(first)
		owner = joined(owner, strings.TrimSuffix(name, "."+word))
	}
	d := Decl{Kind: kind, Name: word, Owner: owner, Line: r.lineOf(i), Span: Span{int(r.tokens[first].start), r.last[end-1]}}
	if open := r.blockOf(j+2, end); open >= 0 {
		from := open + 1
		if r.is(from, "|") {
			for from++; from < r.partner(open) && !r.is(from, "|"); from++ {
			}
			from++
		}
		d.Body = r.body(from, r.partner(open))
		r.frames = append(r.frames, rubyFrame{end: r.partner(open), owner: d.Qualified(), names: around.names})
	}
	r.Decls = append(r.Decls, d)
}

// blockOf returns the token that opens the block of the call whose name is token i, or -1; end is where the statement ends.
func (r *rubyFile) blockOf(i, end int) int {
	for k := i + 1; k < end; k = r.skip(k) {
		if r.keyword(k, "do") && r.partner(k) > k || r.is(k, "{") {
			return k
		}
	}
	return -1
}

// def reads a method; m is the index of its end, or -1 for one without.
func (r *rubyFile) def(i, m int) {
	around := r.frame()
	name, owner := i+1, around.owner
	if r.isAny(i+2, ".", "::") && r.role(i+3) == rubyMethod {
		name = i + 3
		if recv := r.text(i + 1); recv != "self" {
			owner = within(owner, recv)
		}
	}
	if r.role(name) != rubyMethod || r.role(i) == rubyKeyword && m < i {
		return
	}
	d := Decl{Kind: Function, Name: r.text(name), Owner: owner, Line: r.lineOf(name)}
	next := name + 1
	if r.is(next, "(") {
		d.Params = r.params(r.items(next, ","))
		next = r.partner(next) + 1
	} else if m > i {
		to := int(r.ends[next])
		d.Params = r.params(r.cut(next, to, ","))
		next = to
	}
	end := m
	if m > i {
		d.Span = r.span(i, m+1)
		d.Body = r.body(next, m)
	} else {
		if !r.is(next, "=") {
			return
		}
		end = r.statementEnd(next + 1)
		if r.role(end) == rubyModifier && r.text(end) == "rescue" {
			end = r.statementEnd(end + 1)
		}
		d.Body = r.body(next+1, end)
		d.Span = Span{int(r.tokens[i].start), max(d.Body.End, int(r.tokens[next].end))}
	}
	r.Decls = append(r.Decls, d)
	names := r.bound(i, end, false)
	for _, p := range d.Params {
		names[p.Name] = true
	}
	r.frames = append(r.frames, rubyFrame{end: end, owner: around.owner, super: around.super, names: names})
}

// params reads parameters; each item is a range of tokens.
func (r *rubyFile) params(items [][2]int) []Param {
	var all []Param
	for _, item := range items {
		a, b := r.trim(item[0], item[1])
		s := r.partOf(a, b)
		for r.isAny(a, "*", "**", "&") {
			a++
		}
		switch {
		case r.is(a, "("):
			for _, name := range r.names(a+1, r.partner(a)) {
				all = append(all, Param{Name: name, Span: s})
			}
		case r.word(a) != "" && (r.role(a) == rubyName || r.role(a) == rubyLabel):
			all = append(all, Param{Name: r.text(a), Span: s})
		}
	}
	return all
}

// chain returns the dotted name that ends at token i, and the index of its first token.
func (r *rubyFile) chain(i int) (string, int) {
	first := i
	parts := []string{r.text(i)}
	if !r.joint(i - 1) {
		return parts[0], i
	}
	for r.joint(first - 1) {
		before := first - 2
		role := r.role(before)
		switch {
		case r.word(before) != "" && (role == rubyName || role == rubyMember || role == rubyKeyword && r.isAny(before, "self", "super")):
			parts = append(parts, r.text(before))
			first = before
		case r.is(first-1, "::") && !r.isAny(before, ")", "]", "}") && r.at(before).kind != textToken && r.at(before).kind != textCloseToken:
			first-- // ::A, the one of the top
			goto done
		default:
			return "?." + r.text(i), i
		}
		r.work++
		if len(parts) > 40 {
			return "?." + r.text(i), i
		}
	}
done:
	slices.Reverse(parts)
	return strings.Join(parts, "."), first
}

// joint reports whether the token joins a receiver and the name behind it: ".", "&." or "::".
func (r *rubyFile) joint(i int) bool {
	t := r.at(i)
	if t.kind != markToken {
		return false
	}
	switch r.src[t.start] {
	case '.':
		return t.end == t.start+1
	case '&':
		return t.end == t.start+2 && r.src[t.start+1] == '.'
	case ':':
		return t.end == t.start+2
	}
	return false
}

// sign returns the mark of one byte that the token is, or 0.
func (r *rubyFile) sign(i int) byte {
	if t := r.at(i); t.kind == markToken && t.end == t.start+1 {
		return r.src[t.start]
	}
	return 0
}

// call notes the call of the word at i, if it is one.
func (r *rubyFile) call(i int, word string) {
	end := int32(r.tokens[i].end)
	open := -1
	behind := r.sign(i + 1)
	if behind == '(' && r.tokens[i+1].start == end {
		open = i + 1
	}
	member := r.joint(i - 1)
	bare := word == "super"
	switch {
	case isConstant(word) && open < 0 && !r.isAny(i-1, ".", "&."):
		return
	case !member && (r.keyword(i-1, "def", "class", "module") || r.role(i-1) == rubyEndless): // the name, or the object before its dot
		return
	case behind == '=' && open < 0:
		return
	case !member && open < 0 && !bare && r.frame().names[word]:
		return
	}
	if open >= 0 && !member {
		r.labels = append(r.labels, int(r.tokens[i].start)) // a method, whatever else is called so
	}
	name, first := r.chain(i)
	c := rubyCall{name: name, index: i, first: first, block: -1, owner: r.frame().owner, super: r.frame().super}
	start := int(r.tokens[first].start)
	fact := Call{Name: name, Span: Span{start, int(end)}, Line: r.LineOf(start)}
	next := i + 1
	switch {
	case open >= 0:
		c.args = r.items(open, ",")
		next = r.partner(open) + 1
		fact.Span.End = int(r.tokens[next-1].end)
	case r.argument(i, next):
		stop := int(r.ends[next])
		for len(c.args) < 50 && next < stop {
			comma := int(r.commas[next])
			c.args = append(c.args, [2]int{next, comma})
			next = comma + 1
			r.work++
		}
		next = stop
		fact.Span.End = max(fact.Span.End, r.partOf(i, stop).End)
	}
	if m := r.partner(next); (r.is(next, "{") && (open >= 0 || next == i+1) || r.keyword(next, "do")) && m > next && !r.blocked[next] {
		r.blocked[next] = true
		c.block = next
		fact.Span.End = int(r.tokens[m].end)
	}
	for _, arg := range c.args {
		if s := r.partOf(arg[0], arg[1]); !s.Empty() {
			fact.Args = append(fact.Args, s)
		}
	}
	r.Calls = append(r.Calls, fact)
	r.calls = append(r.calls, c)
}

// argument reports whether token j begins the first argument of a call without brackets, whose name is token i.
func (r *rubyFile) argument(i, j int) bool {
	name, t := r.tokens[i], r.at(j)
	if t.start <= name.end { // a blank has to be between
		return false
	}
	tight := r.at(j+1).start == t.end
	switch t.kind {
	case textToken, textOpenToken, numberToken:
		return true
	case wordToken:
		switch r.role(j) {
		case rubyName, rubyLabel:
			return true
		case rubyKeyword:
			return r.partner(j) > j && r.text(j) != "do" || r.isAny(j, "self", "true", "false", "nil", "not", "defined?", "super", "yield", "def", "__FILE__", "__LINE__")
		case rubyEndless:
			return true
		}
	case markToken:
		switch r.text(j) {
		case "[", "(", "->":
			return true
		case "::", "*", "&", "-", "**", "!", "~", "..", "...":
			return tight
		}
	}
	return false
}

// rescue notes a handler: a clause that does something about what it caught, or a value for it behind a statement.
func (r *rubyFile) rescue(i int) {
	if r.role(i) == rubyModifier {
		end := int(r.ends[i+1])
		if end > i+1 && !(end == i+2 && r.is(i+1, "nil")) {
			r.Handlers = append(r.Handlers, Handler{How: "rescue", Span: Span{int(r.tokens[i].start), r.last[end-1]}, Line: r.lineOf(i)})
		}
		return
	}
	header := r.statementEnd(i + 1)
	caught := ""
	for k := i + 1; k < header; k++ {
		if r.is(k, "=>") {
			caught = r.word(k + 1)
		}
	}
	from := header
	if r.keyword(from, "then") {
		from++
	}
	acts := false
	end := from
	for a := from; end < len(r.tokens); end = r.skip(end) {
		r.work++
		over := r.keyword(end, "rescue", "else", "ensure", "end") && r.partner(end) < end
		if over || r.at(end).kind == newlineToken || r.is(end, ";") {
			acts = acts || r.acts(a, end, caught)
			a = end + 1
		}
		if over {
			break
		}
	}
	if !acts {
		return
	}
	a, b := r.trim(i, end)
	r.Handlers = append(r.Handlers, Handler{
		How: strings.TrimSpace(r.fold(r.partOf(i, header))), Span: Span{int(r.tokens[a].start), r.last[b-1]}, Line: r.lineOf(i),
	})
}

// acts reports whether the statement of the tokens from a up to b does something about an error: it is not nil, and does not
// raise again what was caught.
func (r *rubyFile) acts(a, b int, caught string) bool {
	if b <= a {
		return false
	}
	if r.keyword(a, "nil", "next", "return", "break") && (b == a+1 || r.keyword(a, "next", "return", "break") && b == a+2 && r.is(a+1, "nil")) {
		return false
	}
	if r.is(a, "raise") && r.role(a) == rubyName {
		k := a + 1
		if r.is(k, "(") && r.partner(k) == b-1 {
			k, b = k+1, b-1
		}
		if k < b && (caught != "" && r.is(k, caught) || r.is(k, "$!")) {
			k++
		}
		return k < b && r.role(k) != rubyModifier
	}
	return true
}

// stringIn returns the value of the tokens from a up to b: string literals, perhaps frozen, or a constant that holds one.
func (r *rubyFile) stringIn(a, b int) (string, bool) {
	a, b = r.trim(a, b)
	if b-a > 2 && r.is(b-2, ".") && r.is(b-1, "freeze") {
		b -= 2
	}
	if b == a+1 && isConstant(r.word(a)) {
		s, ok := r.consts[r.text(a)]
		return s, ok
	}
	value := ""
	for i := a; i < b; i++ {
		s, ok := r.literalValue(i)
		if !ok || r.roles[i] == rubySymbol {
			return "", false
		}
		value += s
	}
	return value, a < b
}

// symbolIn returns the name of the symbol that the tokens from a up to b are.
func (r *rubyFile) symbolIn(a, b int) (string, bool) {
	a, b = r.trim(a, b)
	if b != a+1 || r.role(a) != rubySymbol || r.at(a).kind != textToken || !strings.HasPrefix(r.text(a), ":") {
		return "", false
	}
	return strings.Trim(r.text(a)[1:], `"'`), true
}
