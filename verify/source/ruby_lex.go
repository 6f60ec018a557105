package source

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// rubyRole tells apart tokens that are written alike.
type rubyRole uint8

const (
	rubyName     rubyRole = iota // a variable, a constant, a method called without a receiver; and all that is no word
	rubyKeyword                  //
	rubyModifier                 // if, unless, while, until, rescue behind a statement
	rubyMember                   // what follows a dot or "::"
	rubyMethod                   // the name in a def
	rubyLabel                    // the key of a pair or of a named argument; its colon is the next token
	rubySymbol                   // :name, :"name"
	rubyEndless                  // a def without an end
	rubyDocument                 // the end of a here-document
	rubyPattern                  // a regular expression
)

// rubyLexer cuts Ruby into tokens. The keywords that open a block are matched with their end, as brackets are, so that a block
// is passed over in one step. A here-document has its tokens where it is named: behind "<<~A" come the pieces of its text, though
// they stand on the lines below.
//
// What "/", "%", "?", "<<" and "{" mean depends on what stands before them, as in Ruby itself. Behind a name that was not
// assigned to, a blank decides: "a /b/" is a call with a regular expression, "a / b" divides.
type rubyLexer struct {
	*lexer
	roles   []rubyRole
	locals  map[string]bool // names assigned to, since the last def
	loops   []rubyLoop      // while, until and for whose condition is being read
	misses  int             // what looked like a here-document and has no end
	aliases int             // names that alias or undef still takes
	undef   bool            // a comma brings another one

	def    rubyDef
	defAt  int32 // index of the def whose head is being read
	params int32 // index of the bracket of its parameters
	piped  bool  // between the bars of the parameters of a block
}

// rubyLoop is a loop whose "do" is yet to come: one at that depth of brackets and blocks is no block.
type rubyLoop struct{ depth int }

// rubyDef is how far the head of a def was read.
type rubyDef uint8

const (
	noDef       rubyDef = iota
	defName             // the name or the object before its dot comes
	defNamed            // the name was read
	defParams           // within the brackets of the parameters
	defClosed           // behind them
	defUnclosed         // parameters without brackets, until the end of the line
)

// rubyState is what the text up to here lets come next.
type rubyState uint8

const (
	rubyBegins rubyState = iota // a value
	rubyMiddle                  // a value, or a modifier: return, break
	rubyArgs                    // an operator, or the first argument of a call without brackets
	rubyEnded                   // an operator
)

var (
	rubyKeywords = wordSet(`alias and begin break case class def defined? do else elsif end ensure false for if in module next nil not
		or redo rescue retry return self super then true undef unless until when while yield __FILE__ __LINE__ __ENCODING__`)
	rubyValues = wordSet(`end self true false nil redo retry __FILE__ __LINE__ __ENCODING__`)

	rubyMarks = []string{
		"**=", "<=>", "===", "...", "<<=", ">>=", "&&=", "||=", "&.", "**", "==", "!=", ">=", "<=", "&&", "||", "=~", "!~", "=>", "->", "<<", ">>",
		"+=", "-=", "*=", "/=", "%=", "|=", "&=", "^=", "..", "::",
	}
	rubyAssigns = map[string]bool{
		"=": true, "+=": true, "-=": true, "*=": true, "/=": true, "%=": true, "|=": true, "&=": true, "^=": true, "**=": true, "<<=": true, ">>=": true,
		"&&=": true, "||=": true,
	}

	// rubyOperators are names of methods that are no words.
	rubyOperators = []string{
		"[]=", "[]", "<=>", "===", "==", "=~", "!~", "!=", "**", "+@", "-@", "~@", "!@", "<<", ">>", "<=", ">=", "+", "-", "*", "/", "%", "&", "|", "^",
		"~", "!", "<", ">", "`",
	}
)

func newRubyLexer(f *File) *rubyLexer {
	l := &rubyLexer{lexer: newLexer(f), locals: map[string]bool{}, defAt: -1, params: -1, roles: make([]rubyRole, 0, len(f.Text)/5+16)}
	l.newlines = true
	l.lexer.next = l.token
	return l
}

// rubyTokens cuts a text for tests of the lexer.
func rubyTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l := newRubyLexer(f)
	if err := l.run(); err != nil {
		return nil, err
	}
	slices.SortFunc(l.comments, func(a, b Span) int { return a.Start - b.Start })
	slices.SortStableFunc(l.tokens, func(a, b lexeme) int { return int(a.start - b.start) })
	return l.spans(), nil
}

func (l *rubyLexer) role(i int) rubyRole {
	if i >= 0 && i < len(l.roles) {
		return l.roles[i]
	}
	return rubyName
}

// mean gives the last token a role.
func (l *rubyLexer) mean(r rubyRole) {
	for len(l.roles) < len(l.tokens) {
		l.roles = append(l.roles, rubyName)
	}
	l.roles[len(l.tokens)-1] = r
}

// written returns the text of the last token but n.
func (l *rubyLexer) written(n int) string {
	i := len(l.tokens) - 1 - n
	if i < 0 {
		return ""
	}
	return l.src[l.tokens[i].start:l.tokens[i].end]
}

// lastIs reports whether the last token is that mark.
func (l *rubyLexer) lastIs(mark string) bool {
	return l.last().kind == markToken && l.written(0) == mark
}

// joined reports whether the last token is a dot behind which the name of a method comes.
func (l *rubyLexer) joined() bool {
	t := l.last()
	if t.kind != markToken {
		return false
	}
	return t.end == t.start+1 && l.text[t.start] == '.' || t.end == t.start+2 && l.text[t.start] == '&' && l.text[t.start+1] == '.'
}

// state tells what may come here.
func (l *rubyLexer) state() rubyState {
	i := len(l.tokens) - 1
	switch t := l.last(); t.kind {
	case numberToken, textToken, textCloseToken:
		return rubyEnded
	case markToken:
		switch l.text[t.start] {
		case ')':
			if t.match >= 0 && t.match == l.params {
				return rubyBegins
			}
			return rubyEnded
		case ']', '}':
			return rubyEnded
		}
	case wordToken:
		word := l.written(0)
		switch l.role(i) {
		case rubyKeyword:
			switch {
			case rubyValues[word]:
				return rubyEnded
			case word == "super" || word == "yield":
				return rubyArgs
			case word == "return" || word == "break" || word == "next" || word == "rescue":
				return rubyMiddle
			}
			return rubyBegins
		case rubyModifier, rubyEndless:
			return rubyBegins
		case rubyMethod:
			return rubyEnded
		case rubyMember:
			return rubyArgs
		}
		if l.locals[word] || word[0] == '@' || word[0] == '$' {
			return rubyEnded
		}
		return rubyArgs
	}
	return rubyBegins
}

// literalHere reports whether a mark that is an operator or begins a literal begins one.
func (l *rubyLexer) literalHere(width int) bool {
	switch l.state() {
	case rubyEnded:
		return false
	case rubyArgs:
		next := l.byteAt(width)
		return l.spaced() && next != ' ' && next != '\t' && next != '\n' && next != '\r' && next != '='
	}
	return true
}

// spaced reports whether a blank stands before the position.
func (l *rubyLexer) spaced() bool { return l.pos > 0 && isBlank(l.text[l.pos-1]) }

// lineStart reports whether the position is the first of a line.
func (l *rubyLexer) lineStart() bool {
	return l.pos == 0 || l.text[l.pos-1] == '\n' || l.pos == len(byteOrderMark) && bytes.HasPrefix(l.text, byteOrderMark)
}

// token reads one token or comment.
func (l *rubyLexer) token() error {
	c := l.byteAt(0)
	if c == '#' {
		l.lineComment()
		return nil
	}
	if (c == '=' || c == '_') && l.lineStart() {
		if done, err := l.outside(); done || err != nil {
			return err
		}
	}
	l.endLine(c == '.' && l.byteAt(1) != '.' || c == '&' && l.byteAt(1) == '.')
	if l.aliases > 0 && c != ',' {
		return l.aliased()
	}
	if l.def == defName && !l.lastIs(".") && c == '(' {
		return l.fail(l.pos, "a method of an object in brackets is not understood")
	}
	if !isNameStart(c) && (l.def == defName || l.joined()) {
		if op := l.operator(); op != "" && (l.def == defName || op != "[]" && op != "[]=") {
			l.add(wordToken, l.pos, l.pos+len(op))
			l.mean(rubyMember)
			l.named()
			return nil
		}
	}
	switch {
	case c == '\\':
		return l.continued()
	case isDigit(c):
		l.number()
		return nil
	case c == '@' || c == '$' || isNameStart(c):
		return l.name()
	case c == '"':
		return l.string(1, 0, '"', true)
	case c == '\'':
		return l.string(1, 0, '\'', false)
	case c == '`':
		return l.quote(1, 0, '`', true, nil)
	case c == ':':
		return l.colon()
	case c == '/' && l.literalHere(1):
		return l.regexp(1, 0, '/')
	case c == '%':
		if done, err := l.percent(); done || err != nil {
			return err
		}
	case c == '?':
		if l.character() {
			return nil
		}
	case c == '<' && l.has("<<") && !l.has("<<="):
		if done, err := l.document(); done || err != nil {
			return err
		}
	}
	return l.sign()
}

// endLine looks at the end of a line before the next token: it is none where the line goes on.
func (l *rubyLexer) endLine(dotted bool) {
	n := len(l.tokens)
	if n == 0 || l.tokens[n-1].kind != newlineToken {
		return
	}
	goesOn := dotted
	if n > 1 && !goesOn {
		before := l.tokens[n-2]
		switch before.kind {
		case markToken:
			c := l.text[before.start]
			goesOn = c != ')' && c != ']' && c != '}' && c != ';' && c != '|' || l.src[before.start:before.end] == "||" || c == '|' && !l.barred(n-2)
			if l.src[before.start:before.end] == ":" && l.role(n-3) == rubyLabel { // f(name:) with its value left out
				goesOn = false
			}
		case wordToken:
			word := l.src[before.start:before.end]
			goesOn = l.role(n-2) == rubyKeyword && (word == "and" || word == "or" || word == "not")
		}
	}
	if goesOn && n > 1 {
		l.tokens = l.tokens[:n-1]
		return
	}
	if l.def == defNamed || l.def == defClosed || l.def == defUnclosed {
		l.def = noDef
	}
	l.undef = false
	l.conditionEnds()
}

// barred reports whether the bar is one that closes the parameters of a block.
func (l *rubyLexer) barred(i int) bool {
	for k := i - 1; k >= 0 && k > i-80; k-- {
		l.file.work++
		t := l.tokens[k]
		if t.kind == newlineToken {
			return false
		}
		if t.kind == markToken && l.src[t.start:t.end] == "|" {
			return k > 0 && (l.tokens[k-1].kind == markToken && l.text[l.tokens[k-1].start] == '{' || l.role(k-1) == rubyKeyword)
		}
	}
	return false
}

// conditionEnds tells the loop at this depth that its condition is over: a "do" that follows is a block.
func (l *rubyLexer) conditionEnds() {
	if n := len(l.loops); n > 0 && l.loops[n-1].depth == len(l.open) {
		l.loops = l.loops[:n-1]
	}
}

// outside takes what is no code: =begin … =end, and all that follows __END__.
func (l *rubyLexer) outside() (bool, error) {
	start := l.pos
	if l.has("=begin") && (l.pos+6 == len(l.text) || isBlank(l.text[l.pos+6])) {
		for at := l.pos; ; {
			n := strings.Index(l.src[at:], "\n=end")
			if n < 0 {
				return false, l.fail(start, "this =begin has no =end")
			}
			l.file.work++
			at += n + 5
			if at == len(l.src) || isBlank(l.src[at]) {
				l.comments = append(l.comments, Span{start, l.lineEnd(at)})
				l.pos = l.lineEnd(at)
				return true, nil
			}
		}
	}
	if l.has("__END__") && l.lineEnd(l.pos) == l.pos+len("__END__") {
		l.comments = append(l.comments, Span{start, len(l.text)})
		l.pos = len(l.text)
		return true, nil
	}
	return false, nil
}

// continued goes over the end of a line that a backslash takes away.
func (l *rubyLexer) continued() error {
	rest := strings.TrimPrefix(l.src[l.pos+1:], "\r")
	if !strings.HasPrefix(rest, "\n") {
		return l.fail(l.pos, "a backslash that does not end its line")
	}
	l.pos = len(l.src) - len(rest) + 1
	if l.behind > 0 {
		l.pos, l.behind = l.behind, 0
	}
	return nil
}

// operator returns the name of a method that is no word and stands here, or "".
func (l *rubyLexer) operator() string {
	for _, op := range rubyOperators {
		if l.has(op) {
			return op
		}
	}
	return ""
}

// rubyWordEnd returns the offset behind the letters, digits and "_" from there on.
func (l *rubyLexer) wordEnd(i int) int {
	for i < len(l.text) && l.text[i] != '$' && isNameByte(l.text[i]) && (l.text[i] < utf8.RuneSelf || unicodeBlank(l.text[i:]) == 0) {
		i++
	}
	return i
}

// setter returns the offset behind a "=" that belongs to the name which ends there, or the offset itself.
func (l *rubyLexer) setter(end int) int {
	rest := l.src[end:]
	if strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "=~") && !strings.HasPrefix(rest, "=>") && (!strings.HasPrefix(rest, "==") || strings.HasPrefix(rest, "==>")) {
		return end + 1
	}
	return end
}

// queried returns the offset behind a "?" or "!" that belongs to the name which ends there, or the offset itself.
func (l *rubyLexer) queried(end int) int {
	if end < len(l.text) && (l.text[end] == '?' || l.text[end] == '!') && (end+1 == len(l.text) || l.text[end+1] != '=' || strings.HasPrefix(l.src[end+1:], "==") || strings.HasPrefix(l.src[end+1:], "=~")) {
		return end + 1
	}
	return end
}

// named goes on in the head of a def when its name, or the object before it, was read.
func (l *rubyLexer) named() {
	if l.def != defName {
		return
	}
	rest := strings.TrimLeft(l.src[l.pos:min(len(l.src), l.pos+40)], " \t")
	if strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "::") {
		l.mean(rubyName)
		return
	}
	l.mean(rubyMethod)
	l.def = defNamed
}

// aliased takes a name behind alias or undef.
func (l *rubyLexer) aliased() error {
	l.aliases--
	switch c := l.byteAt(0); {
	case c == ':':
		return l.colon()
	case c == '$':
		return l.name()
	case isNameStart(c):
		end := l.setter(l.queried(l.wordEnd(l.pos)))
		l.add(wordToken, l.pos, end)
	default:
		op := l.operator()
		if op == "" {
			l.aliases = 0
			return l.sign()
		}
		l.add(wordToken, l.pos, l.pos+len(op))
	}
	l.mean(rubyMethod)
	return nil
}

// name takes a word: a keyword, a label, a variable, a name.
func (l *rubyLexer) name() error {
	start, c := l.pos, l.byteAt(0)
	if c == '@' || c == '$' {
		end := l.sigil()
		if end == start {
			return l.sign()
		}
		l.add(wordToken, start, end)
		l.head()
		return nil
	}
	member := l.joined() || l.lastIs("::") && l.tokens[len(l.tokens)-1].end == int32(start)
	end := l.queried(l.wordEnd(start))
	if l.def == defName {
		l.add(wordToken, start, l.setter(end))
		l.named()
		return nil
	}
	word := l.src[start:end]
	label := end < len(l.text) && l.text[end] == ':' && !strings.HasPrefix(l.src[end:], "::")
	if label && l.lastIs("?") { // a ? b: c
		label = false
	}
	switch {
	case label && !member:
		l.add(wordToken, start, end)
		l.mean(rubyLabel)
		if l.def == defParams || l.def == defUnclosed || l.piped {
			l.locals[word] = true
		}
		l.add(markToken, end, end+1)
		l.head()
		return nil
	case member:
		l.add(wordToken, start, end)
		l.mean(rubyMember)
		return nil
	case len(word) <= 12 && rubyKeywords[word]:
		return l.keyword(word, l.state())
	}
	bound := l.def == defParams || l.def == defUnclosed || l.piped || l.lastIs("=>")
	if l.last().kind == wordToken && l.role(len(l.tokens)-1) == rubyKeyword && l.written(0) == "for" {
		bound = true
	}
	if bound {
		l.locals[word] = true
	}
	l.add(wordToken, start, end)
	l.head()
	return nil
}

// inHead returns the state of the head of a def behind a token that is no part of its name.
func (l *rubyLexer) inHead() rubyDef {
	switch l.def {
	case defName:
		return defName
	case defNamed, defUnclosed:
		return defUnclosed
	case defParams:
		return defParams
	}
	return noDef
}

func (l *rubyLexer) head() { l.def = l.inHead() }

// sigil returns the offset behind the variable @a, @@a, $a, $1, $! that begins here, or the position.
func (l *rubyLexer) sigil() int {
	i := l.pos + 1
	if l.has("@@") {
		i++
	}
	if end := l.wordEnd(i); end > i && (l.text[l.pos] == '$' || !isDigit(l.text[i])) {
		return end
	}
	if l.text[l.pos] == '$' && i < len(l.text) {
		if l.text[i] == '-' && i+1 < len(l.text) && isNameByte(l.text[i+1]) {
			return i + 2
		}
		if strings.IndexByte("~*$?!@/\\;,.=:<>\"&`'+_", l.text[i]) >= 0 {
			return i + 1
		}
	}
	return l.pos
}

// keyword takes a keyword, and opens or closes its block.
func (l *rubyLexer) keyword(word string, state rubyState) error {
	start := l.pos
	i := int32(len(l.tokens))
	l.add(wordToken, start, start+len(word))
	l.mean(rubyKeyword)
	l.head()
	opens := false
	switch word {
	case "class", "module", "begin", "case":
		opens = true
	case "def":
		opens = true
		l.def, l.defAt, l.params = defName, i, -1
		l.locals = map[string]bool{}
	case "if", "unless", "while", "until":
		opens = state == rubyBegins
		if !opens {
			l.mean(rubyModifier)
		} else if word == "while" || word == "until" {
			l.loops = append(l.loops, rubyLoop{len(l.open) + 1})
		}
	case "for":
		opens = true
		l.loops = append(l.loops, rubyLoop{len(l.open) + 1})
	case "do":
		opens = true
		if n := len(l.loops); n > 0 && l.loops[n-1].depth == len(l.open) {
			l.loops = l.loops[:n-1]
			opens = false
		}
	case "rescue":
		if state != rubyBegins {
			l.mean(rubyModifier)
		}
	case "alias":
		l.aliases = 2
	case "undef":
		l.aliases, l.undef = 1, true
	case "end":
		return l.end(i)
	}
	if opens {
		if len(l.open) >= maxNesting {
			return l.fail(start, "blocks nest too deep")
		}
		l.open = append(l.open, i)
	}
	return nil
}

// end matches the end that is token i with what it ends.
func (l *rubyLexer) end(i int32) error {
	n := len(l.open)
	if n == 0 {
		return l.fail(int(l.tokens[i].start), `this "end" ends nothing`)
	}
	partner := l.open[n-1]
	if l.tokens[partner].kind != wordToken {
		return l.fail(int(l.tokens[i].start), `this "end" stands where `+string(rune(closing(l.text[l.tokens[partner].start])))+" was expected")
	}
	l.open = l.open[:n-1]
	l.tokens[partner].match, l.tokens[i].match = i, partner
	for k := len(l.loops); k > 0 && l.loops[k-1].depth > len(l.open); k-- {
		l.loops = l.loops[:k-1]
	}
	return nil
}

// sign takes a bracket, an operator or another mark.
func (l *rubyLexer) sign() error {
	c := l.byteAt(0)
	switch c {
	case '(', '[', '{':
		i := int32(len(l.tokens))
		if c == '(' && l.def == defNamed {
			l.def, l.params = defParams, i
		} else {
			l.head()
		}
		return l.bracket()
	case ')', ']', '}':
		if n := len(l.open); n > 0 && l.tokens[l.open[n-1]].kind == wordToken {
			return l.fail(l.pos, "this "+string(rune(c))+` stands where "end" was expected`)
		}
		err := l.bracket()
		if l.def == defParams && l.last().match == l.params {
			l.def = defClosed
		}
		return err
	case '|':
		opens := l.lastIs("{") || l.role(len(l.tokens)-1) == rubyKeyword && l.written(0) == "do"
		if opens && !l.has("||") || l.piped {
			l.piped = !l.piped
			l.add(markToken, l.pos, l.pos+1)
			return nil
		}
	case ';':
		l.conditionEnds()
		l.def, l.undef = noDef, false
	case ',':
		if l.undef {
			l.aliases = 1
		}
	}
	if (l.def == defNamed || l.def == defClosed) && c == '=' && !l.has("==") && !l.has("=~") && !l.has("=>") {
		if n := len(l.open); n > 0 && l.open[n-1] == l.defAt {
			l.open = l.open[:n-1]
			l.roles[l.defAt] = rubyEndless
		}
		l.def = noDef
	} else if c != ';' {
		l.head()
	}
	before := len(l.tokens)
	if err := l.mark(rubyMarks); err != nil {
		return err
	}
	if rubyAssigns[l.written(0)] {
		l.assigned(before)
	}
	return nil
}

// assigned remembers the names before the assignment that is token i.
func (l *rubyLexer) assigned(i int) {
	for k := i - 1; k >= 0 && k > i-20; k -= 2 {
		t := l.tokens[k]
		if t.kind != wordToken || l.role(k) != rubyName {
			return
		}
		l.locals[l.src[t.start:t.end]] = true
		if k < 1 || l.tokens[k-1].kind != markToken || l.text[l.tokens[k-1].start] != ',' {
			return
		}
	}
}

// string takes a string whose opening has that width.
func (l *rubyLexer) string(width int, open, close byte, fills bool) error {
	return l.quote(width, open, close, fills, func(value string, filled bool, s Span) {
		if fills && !filled {
			value = decodeEscapes(value)
		} else if !fills {
			value = strings.ReplaceAll(strings.ReplaceAll(value, `\`+string(rune(close)), string(rune(close))), `\\`, `\`)
		}
		l.note(value, s)
	})
}

// regexp takes a regular expression with its flags. Groups with a name bind a variable.
func (l *rubyLexer) regexp(width int, open, close byte) error {
	err := l.quote(width, open, close, true, func(value string, _ bool, _ Span) {
		for _, part := range strings.Split(value, "(?<")[1:] {
			if name, _, ok := strings.Cut(part, ">"); ok && len(name) < 60 {
				l.locals[name] = true
			}
		}
	})
	if err != nil {
		return err
	}
	for l.pos < len(l.text) && l.text[l.pos] >= 'a' && l.text[l.pos] <= 'z' {
		l.pos++
	}
	l.tokens[len(l.tokens)-1].end = int32(l.pos)
	l.mean(rubyPattern)
	return nil
}

// quote takes a literal up to close; one that nests counts its likes. With fills, "#{…}" are parts to fill in. Took is given the text.
func (l *rubyLexer) quote(width int, open, close byte, fills bool, took func(value string, filled bool, s Span)) error {
	start := l.pos
	if l.filling++; l.filling > 100 {
		return l.fail(start, "strings within strings nest too deep")
	}
	defer func() { l.filling-- }()
	l.head()
	from := start + width
	head, piece, depth := int32(-1), from, 0
	for i := from; i < len(l.text); {
		l.file.work++
		c := l.text[i]
		switch {
		case c == '\\':
			i += 2
		case c == '\n' && l.behind > i:
			return l.fail(start, "a string that goes on behind a here-document is not understood")
		case fills && c == '#' && i+1 < len(l.text) && l.text[i+1] == '{':
			if head < 0 {
				head = int32(len(l.tokens))
				l.add(textOpenToken, start, from)
			}
			l.addText(piece, i+1)
			if err := l.fillIn(i + 1); err != nil {
				return err
			}
			i, piece = l.pos, l.pos
		case c == close && depth == 0:
			if took != nil {
				took(l.src[from:i], head >= 0, Span{start, i + 1})
			}
			if head < 0 {
				l.add(textToken, start, i+1)
				return nil
			}
			l.addText(piece, i)
			l.tokens[head].match = int32(len(l.tokens))
			l.add(textCloseToken, i, i+1)
			l.tokens[len(l.tokens)-1].match = head
			return nil
		case c == close:
			depth--
			i++
		case open != 0 && c == open:
			depth++
			i++
		default:
			i++
		}
	}
	return l.fail(start, "this string is never closed")
}

// fillIn takes what stands in "#{…}". What was going on around it goes on behind it.
func (l *rubyLexer) fillIn(at int) error {
	def, piped := l.def, l.piped
	l.def, l.piped = noDef, false
	err := l.fill(at)
	l.def, l.piped = def, piped
	return err
}

// colon takes a symbol, "::" or a colon.
func (l *rubyLexer) colon() error {
	if l.has("::") || l.state() == rubyEnded {
		return l.sign()
	}
	start, next := l.pos, l.byteAt(1)
	switch {
	case next == '"':
		if err := l.quote(2, 0, '"', true, nil); err != nil {
			return err
		}
		l.mean(rubySymbol)
		return nil
	case next == '\'':
		if err := l.quote(2, 0, '\'', false, nil); err != nil {
			return err
		}
		l.mean(rubySymbol)
		return nil
	case next == '@' || next == '$':
		l.pos++
		end := l.sigil()
		l.pos--
		if end == start+1 {
			return l.sign()
		}
		l.add(textToken, start, end)
	case isNameStart(next):
		end := l.setter(l.queried(l.wordEnd(start + 1)))
		l.add(textToken, start, end)
	default:
		l.pos++
		op := l.operator()
		l.pos--
		if op == "" {
			return l.sign()
		}
		l.add(textToken, start, start+1+len(op))
	}
	l.mean(rubySymbol)
	l.head()
	return nil
}

// percent takes a literal %w(…), %q<…>, %(…), if there is one here.
func (l *rubyLexer) percent() (bool, error) {
	if !l.literalHere(1) {
		return false, nil
	}
	kind, width := byte('Q'), 1
	if strings.IndexByte("qQwWiIrxs", l.byteAt(1)) >= 0 {
		kind, width = l.byteAt(1), 2
	}
	open := l.byteAt(width)
	if open == 0 || open >= utf8.RuneSelf || isNameByte(open) || isBlank(open) || open == '=' && width == 1 {
		return false, nil
	}
	nests, close := byte(0), open
	switch open {
	case '(', '[', '{':
		nests, close = open, closing(open)
	case '<':
		nests, close = open, '>'
	}
	width++
	switch kind {
	case 'r':
		return true, l.regexp(width, nests, close)
	case 'q':
		return true, l.string(width, nests, close, false)
	case 'Q':
		return true, l.string(width, nests, close, true)
	case 'w', 'W':
		return true, l.quote(width, nests, close, kind == 'W', l.listed(width))
	}
	err := l.quote(width, nests, close, kind == 'I' || kind == 'x', nil)
	if err == nil && (kind == 's' || kind == 'i' || kind == 'I') {
		l.mean(rubySymbol)
	}
	return true, err
}

// listed notes each word of a list %w(…).
func (l *rubyLexer) listed(width int) func(string, bool, Span) {
	return func(value string, _ bool, s Span) {
		for i := 0; i < len(value); {
			for i < len(value) && isBlank(value[i]) {
				i++
			}
			from := i
			for i < len(value) && !isBlank(value[i]) {
				i++
			}
			if i > from {
				l.note(value[from:i], Span{s.Start + width + from, s.Start + width + i})
			}
		}
	}
}

// character takes a literal ?c, if there is one here.
func (l *rubyLexer) character() bool {
	next := l.byteAt(1)
	if l.state() == rubyEnded || next == 0 || isBlank(next) {
		return false
	}
	end := l.pos + 2
	switch {
	case next == '\\':
		if end >= len(l.text) {
			return false
		}
		_, size := utf8.DecodeRune(l.text[end:])
		end += size
		for end < len(l.text) && (isNameByte(l.text[end]) && l.text[end] < utf8.RuneSelf || l.text[end] == '-') && l.text[end] != '$' {
			end++ // ?\C-a, ?\u0041
		}
	case next >= utf8.RuneSelf:
		_, size := utf8.DecodeRune(l.text[l.pos+1:])
		end = l.pos + 1 + size
	}
	if isNameByte(next) && end < len(l.text) && isNameByte(l.text[end]) {
		return false
	}
	l.note(l.src[l.pos+1:end], Span{l.pos, end})
	l.add(textToken, l.pos, end)
	l.head()
	return true
}

// document takes a here-document, if one is named here. A name in no quotes that no line ends is an operand of "<<".
func (l *rubyLexer) document() (bool, error) {
	state := l.state()
	if state == rubyEnded || state == rubyArgs && !l.spaced() || l.role(len(l.tokens)-1) == rubyKeyword && l.written(0) == "class" {
		return false, nil
	}
	start, i := l.pos, l.pos+2
	indented := i < len(l.text) && (l.text[i] == '~' || l.text[i] == '-')
	if indented {
		i++
	}
	raw, id, end := false, "", 0
	switch {
	case i >= len(l.text):
		return false, nil
	case strings.IndexByte("\"'`", l.text[i]) >= 0:
		n := strings.IndexByte(l.src[i+1:l.lineEnd(i)], l.text[i])
		if n < 0 {
			return false, nil
		}
		id, end, raw = l.src[i+1:i+1+n], i+n+2, l.text[i] == '\''
	case isNameStart(l.text[i]) && l.text[i] != '$':
		end = l.wordEnd(i)
		id = l.src[i:end]
	default:
		return false, nil
	}
	from := l.behind
	if from <= start {
		n := strings.IndexByte(l.src[start:], '\n')
		if n < 0 {
			return false, l.unended(start, state)
		}
		from = start + n + 1
	}
	to, closes := l.documentEnd(from, id, indented)
	if to < 0 {
		return false, l.unended(start, state)
	}
	head := int32(len(l.tokens))
	l.add(textOpenToken, start, end)
	if err := l.documentText(from, to, raw); err != nil {
		return false, err
	}
	l.tokens[head].match = int32(len(l.tokens))
	l.add(textCloseToken, closes.Start, closes.End)
	l.tokens[len(l.tokens)-1].match = head
	l.mean(rubyDocument)
	l.note(l.src[from:to], Span{from, closes.End})
	l.pos = end
	l.behind = closes.End
	if n := strings.IndexByte(l.src[closes.End:], '\n'); n >= 0 {
		l.behind += n + 1
	} else {
		l.behind = len(l.src)
	}
	l.head()
	return true, nil
}

// unended tells whether a here-document without an end is an error, or an operator.
func (l *rubyLexer) unended(start int, state rubyState) error {
	if l.misses++; state == rubyArgs && l.misses < 20 {
		return nil
	}
	return l.fail(start, "this here-document has no end")
}

// documentEnd finds the line that ends a here-document, and returns where its text ends and where the line's word stands.
func (l *rubyLexer) documentEnd(from int, id string, indented bool) (to int, closes Span) {
	for at := from; at < len(l.src); {
		l.file.work++
		line, stop := at, l.lineEnd(at)
		if indented {
			for line < stop && (l.src[line] == ' ' || l.src[line] == '\t') {
				line++
			}
		}
		if l.src[line:stop] == id && stop > line {
			return at, Span{line, stop}
		}
		n := strings.IndexByte(l.src[at:], '\n')
		if n < 0 {
			break
		}
		at += n + 1
	}
	return -1, Span{}
}

// documentText takes the text of a here-document, with its parts to fill in.
func (l *rubyLexer) documentText(from, to int, raw bool) error {
	if l.filling++; l.filling > 100 {
		return l.fail(from, "here-documents nest too deep")
	}
	defer func() { l.filling-- }()
	behind := l.behind
	l.behind = 0
	piece := from
	for i := from; i < to && !raw; {
		l.file.work++
		switch {
		case l.text[i] == '\\':
			i += 2
		case l.text[i] == '#' && i+1 < to && l.text[i+1] == '{':
			l.addText(piece, i+1)
			if err := l.fillIn(i + 1); err != nil {
				return err
			}
			if l.pos > to {
				return l.fail(i, "what the here-document fills in here goes over its end")
			}
			i, piece = l.pos, l.pos
		default:
			i++
		}
	}
	l.addText(piece, to)
	l.behind = behind
	return nil
}
