package source

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Scala is cut into tokens by the shared lexer, ends of lines included, and read in one pass, in the notation of Scala 2 and in
// that of Scala 3, where blocks go by indentation. "def", "class", "trait", "object" and "type" begin a declaration wherever they
// stand; "enum" does before a name. Traits are interfaces, objects are classes.
//
// A function may be named by marks ("+", "unary_-", "name_="); a further constructor is named "this". Methods of anonymous
// classes and of givens belong to what is around them. Left out are functions that are values, cases of an enum and givens.
var scala = language{
	name:       Scala,
	extensions: []string{".scala", ".sc"},
	parse:      parseScala,
	declared:   jvmDeclared,
	tokens:     scalaTokens,
}

// isOperator reports whether the byte may stand in a name of marks.
func isOperator(c byte) bool { return strings.IndexByte("+-*/<>=!?&|:^%~#@\\", c) >= 0 }

// scalaGoing are the words at the start of a line that go on with the one before.
var scalaGoing = wordSet("else catch finally extends with match yield then derives")

func scalaLexer(f *File) *lexer {
	l := newLexer(f)
	l.newlines = true
	name := func(at int) int { // $name
		i := at + 1
		if l.text[at] != '$' || i >= len(l.text) || !isNameStart(l.text[i]) || l.text[i] == '$' {
			return at
		}
		for i < len(l.text) && isNameByte(l.text[i]) && l.text[i] != '$' {
			i++
		}
		return i
	}
	text := literal{open: `"`, close: `"`, escape: '\\', decode: true}
	block := template{literal: literal{open: `"""`, close: `"""`, lines: true, greedy: true}}
	filled := template{literal: text, holes: []string{"${"}, bare: name, twice: "$"}
	filledBlock := template{literal: literal{open: `"""`, close: `"""`, lines: true, greedy: true}, holes: []string{"${"}, bare: name, twice: "$"}
	l.next = func() error {
		l.joinScalaLines()
		switch c := l.byteAt(0); {
		case c == '/' && l.byteAt(1) == '/':
			l.lineComment()
		case c == '/' && l.byteAt(1) == '*':
			return l.blockComment("/*", "*/", true)
		case l.has(`"""`):
			return l.template(0, block)
		case c == '"':
			return l.quoted(0, text)
		case c == '\'':
			return l.scalaChar()
		case c == '`':
			n := strings.IndexAny(l.src[l.pos+1:], "`\n")
			if n <= 0 || l.text[l.pos+1+n] != '`' {
				return l.fail(l.pos, "this name in backquotes is not closed on its line")
			}
			l.add(wordToken, l.pos, l.pos+n+2)
		case l.has("⇒"), l.has("←"), l.has("→"):
			l.add(markToken, l.pos, l.pos+len("⇒"))
		case l.atNumber():
			l.number()
		case isNameStart(c):
			return l.scalaWord(filled, filledBlock)
		case c == '<' && l.atXML():
			return l.xml()
		case isOperator(c):
			end := l.pos
			for end < len(l.text) && isOperator(l.text[end]) && !(end > l.pos && l.text[end] == '/' && end+1 < len(l.text) && (l.text[end+1] == '/' || l.text[end+1] == '*')) {
				end++
			}
			l.add(markToken, l.pos, end)
		default:
			if strings.IndexByte("()[]{},;.", c) < 0 && c < utf8.RuneSelf {
				return l.fail(l.pos, "a character that Scala does not know here")
			}
			return l.mark(nil)
		}
		return nil
	}
	return l
}

// scalaWord takes a name, with the marks behind an underscore at its end, or the literal that it is the prefix of.
func (l *lexer) scalaWord(filled, block template) error {
	end := l.pos + 1
	for end < len(l.text) && isNameByte(l.text[end]) && (l.text[end] < utf8.RuneSelf || unicodeBlank(l.text[end:]) == 0) {
		end++
	}
	if end < len(l.text) && l.text[end] == '"' {
		prefix := end - l.pos
		if strings.HasPrefix(l.src[end:], `"""`) {
			return l.template(prefix, block)
		}
		return l.template(prefix, filled)
	}
	if l.text[end-1] == '_' && end-l.pos > 1 {
		for end < len(l.text) && isOperator(l.text[end]) {
			end++
		}
	}
	l.add(wordToken, l.pos, end)
	return nil
}

// scalaChar takes a character, or the mark before a symbol or a quotation of code.
func (l *lexer) scalaChar() error {
	rest := l.src[l.pos+1:]
	if strings.HasPrefix(rest, `\`) {
		if n := strings.IndexAny(rest[min(2, len(rest)):], "'\n"); n >= 0 && rest[min(2, len(rest))+n] == '\'' && n < 8 {
			l.add(textToken, l.pos, l.pos+1+min(2, len(rest))+n+1)
			return nil
		}
		return l.fail(l.pos, "this character is not closed")
	}
	if _, size := utf8.DecodeRuneInString(rest); size > 0 && strings.HasPrefix(rest[size:], "'") && rest[0] != '\n' {
		l.add(textToken, l.pos, l.pos+1+size+1)
		return nil
	}
	if rest == "" || !isNameStart(rest[0]) && rest[0] != '{' && rest[0] != '[' && !isOperator(rest[0]) {
		return l.fail(l.pos, "this character is not closed")
	}
	l.add(markToken, l.pos, l.pos+1)
	return nil
}

// atXML reports whether a literal of XML begins here: "<" behind a blank or an opening bracket, and a name or "!" behind it.
func (l *lexer) atXML() bool {
	c := l.byteAt(1)
	if !(isNameStart(c) && c != '$' || c == '!' && l.has("<!--") || l.has("<![CDATA[") || c == '?') {
		return false
	}
	before := l.byteAt(-1)
	return l.pos == 0 || isBlank(before) || before == '(' || before == '{' || before == '>'
}

// xml takes a literal of XML; the code in its braces is read as in a template.
func (l *lexer) xml() error {
	start := l.pos
	head := int32(len(l.tokens))
	l.add(textOpenToken, start, start+1)
	piece, depth := start+1, 0
	fill := func(at int) error {
		l.addText(piece, at)
		if l.filling++; l.filling > 100 {
			return l.fail(start, "strings within strings nest too deep")
		}
		err := l.fill(at)
		l.filling--
		piece = l.pos
		return err
	}
	for i := start; ; {
		if i >= len(l.text) {
			return l.fail(start, "this XML is never closed")
		}
		l.file.work++
		rest := l.src[i:]
		over := ""
		switch {
		case strings.HasPrefix(rest, "<!--"):
			over = "-->"
		case strings.HasPrefix(rest, "<![CDATA["):
			over = "]]>"
		case strings.HasPrefix(rest, "<?"):
			over = "?>"
		}
		switch {
		case over != "":
			n := strings.Index(rest, over)
			if n < 0 {
				return l.fail(i, "this XML is never closed")
			}
			i += n + len(over)
		case strings.HasPrefix(rest, "</"):
			n := strings.IndexByte(rest, '>')
			if n < 0 {
				return l.fail(i, "this XML is never closed")
			}
			depth--
			i += n + 1
		case rest[0] == '<':
			for depth++; ; {
				if i >= len(l.text) {
					return l.fail(start, "this XML is never closed")
				}
				l.file.work++
				if c := l.text[i]; c == '"' || c == '\'' {
					n := strings.IndexByte(l.src[i+1:], c)
					if n < 0 {
						return l.fail(i, "this XML is never closed")
					}
					i += n + 2
				} else if c == '{' {
					if err := fill(i); err != nil {
						return err
					}
					i = l.pos
				} else if c == '/' && i+1 < len(l.text) && l.text[i+1] == '>' {
					depth--
					i += 2
					break
				} else if c == '>' {
					i++
					break
				} else {
					i++
				}
			}
		case rest[0] == '{' && !strings.HasPrefix(rest, "{{"):
			if err := fill(i); err != nil {
				return err
			}
			i = l.pos
			continue
		case strings.HasPrefix(rest, "{{"):
			i += 2
			continue
		default:
			i++
			continue
		}
		if depth <= 0 {
			l.addText(piece, i-1)
			l.tokens[head].match = int32(len(l.tokens))
			l.add(textCloseToken, i-1, i)
			l.tokens[len(l.tokens)-1].match = head
			return nil
		}
	}
}

// joinScalaLines takes the end of a line back where the statement goes on.
func (l *lexer) joinScalaLines() {
	n := len(l.tokens)
	if n < 2 || l.tokens[n-1].kind != newlineToken || l.has("//") || l.has("/*") {
		return
	}
	before := l.tokens[n-2]
	text := l.src[before.start:before.end]
	joins := before.kind == markToken && (text == "," || text == "(" || text == "[" || text == ".")
	if before.kind == markToken && isOperator(text[0]) && before.end < l.tokens[n-1].start+1 && n > 2 {
		switch text {
		case "=", "=>", "⇒", ":", "<-", "?=>", "@":
		default:
			prior := l.tokens[n-3]
			joins = joins || !(prior.kind == markToken && l.src[prior.start:prior.end] == ".")
		}
	}
	if c := l.byteAt(0); c == '.' {
		joins = true
	} else if isNameStart(c) {
		end := l.pos
		for end < len(l.text) && isNameByte(l.text[end]) {
			end++
		}
		joins = joins || scalaGoing[l.src[l.pos:end]]
	}
	if joins {
		l.tokens = l.tokens[:n-1]
	}
}

func scalaTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l := scalaLexer(f)
	if err := l.run(); err != nil {
		return nil, err
	}
	return l.spans(), nil
}

// scalaNotation is how calls are written.
var scalaNotation = &notation{
	joins: map[string]bool{".": true},
	keywords: wordSet(`abstract case catch class def do else extends false final finally for forSome if implicit import lazy macro match
		new null object override package private protected return sealed super this throw trait try true type val var while with yield
		then given using`),
	receiver: map[string]bool{"this": true, "super": true},
}

var (
	scalaModifiers = wordSet(`abstract final sealed implicit lazy override private protected case inline opaque open transparent infix
		package private protected erased`)
	scalaStops = wordSet("return throw else if while match case yield then do new")
	// scalaOpeners are what a line may end with before a block that goes by indentation.
	scalaOpeners = wordSet("then else do try match yield catch finally = => ⇒ : return throw ?=> with")
)

// scalafile is one Scala file being turned into facts.
type scalafile struct {
	*jvm
	frames  []kotlinFrame
	opening map[int]kotlinFrame // by the token that begins them
	pending javaModified
	start   int
	heads   []scalaPart // patterns and their cases, for handled errors
}

// scalaPart is a case: from the word to the arrow, and to its end.
type scalaPart struct{ at, arrow int }

func parseScala(f *File) error {
	l := scalaLexer(f)
	if err := l.run(); err != nil {
		return err
	}
	s := &scalafile{jvm: newJVM(newReader(l)), opening: map[int]kotlinFrame{}, start: -1}
	if err := s.read(); err != nil {
		return err
	}
	s.notesComparisons(scalaStops)
	s.calls()
	s.web()
	s.wrapped()
	s.specs()
	return nil
}

func (s *scalafile) unknown(i int) error {
	return s.syntaxError(min(int(s.at(i).start), len(s.Text)), "what stands here is not understood as Scala")
}

func (s *scalafile) nl(i int) int {
	for s.at(i).kind == newlineToken {
		i++
	}
	return i
}

// column returns how far the line of a token is indented, if it is the first of its line, and where the token stands else.
func (s *scalafile) column(i int) int {
	at := int(s.at(i).start)
	return at - s.lines[s.LineOf(at)-1]
}

// indent returns how far the line on which a token stands is indented.
func (s *scalafile) indent(i int) int {
	from := s.lines[s.LineOf(int(s.at(i).start))-1]
	n := 0
	for from+n < len(s.src) && (s.src[from+n] == ' ' || s.src[from+n] == '\t') {
		n++
	}
	return n
}

func (s *scalafile) frame() kotlinFrame {
	if n := len(s.frames); n > 0 {
		return s.frames[n-1]
	}
	return kotlinFrame{end: len(s.tokens), open: -1, class: true}
}

func (s *scalafile) forget() { s.pending, s.start = javaModified{}, -1 }

func (s *scalafile) take(i int) (javaModified, int) {
	m, start := s.pending, s.start
	s.forget()
	if start < 0 {
		start = i
	}
	return m, start
}

// read goes over the whole file.
func (s *scalafile) read() error {
	for i := 0; i < len(s.tokens); {
		s.work++
		for n := len(s.frames); n > 0 && i >= s.frames[n-1].end; n = len(s.frames) {
			s.frames = s.frames[:n-1]
		}
		t := s.tokens[i]
		if t.fresh || t.kind == markToken && t.match > int32(i) { // a brace, or the first of a block by indentation
			if f, ok := s.opening[i]; ok {
				s.frames = append(s.frames, f)
			}
		}
		switch {
		case t.kind == newlineToken:
			i++
			continue
		case t.kind == wordToken && !s.isAny(i-1, ".", "#"):
			next, err := s.keyword(i)
			if err != nil {
				return err
			}
			i = next
			continue
		case s.is(i, "@") && s.word(i+1) != "" && s.at(i+1).start == t.end && !s.isAny(i-1, ")", "]") && !(s.word(i-1) != "" && !scalaModifiers[s.word(i-1)]):
			i = s.annotation(i)
			continue
		case s.is(i, "<-") && s.is(i-1, ")") && isTitle(s.word(s.partner(i-1)-1)):
			s.named[s.partner(i-1)-1] = true
		}
		if s.is(i, "=") && s.word(i-1) != "" && s.isAny(i-2, "(", ",") { // an argument that is given by name
			s.labels = append(s.labels, int(s.at(i-1).start))
		}
		if t.kind == markToken && s.isAny(i, "(", "{") {
			s.bracket(i)
		}
		s.forget()
		i++
	}
	return nil
}

// annotation reads the annotation at token i.
func (s *scalafile) annotation(i int) int {
	start := i
	d := Decorator{Name: s.text(i + 1), Line: s.lineOf(i)}
	for i += 2; s.is(i, ".") && s.word(i+1) != ""; i += 2 {
		d.Name += "." + s.text(i+1)
	}
	s.marks = append(s.marks, jvmMark{d.Name, start, i})
	if s.is(i, "[") {
		i = s.skip(i)
	}
	for s.is(i, "(") && s.at(i).start == s.at(i-1).end {
		s.named[i-1] = true
		i = s.skip(i)
	}
	d.Text = s.part(s.span(start, i))
	s.pending.decorators = append(s.pending.decorators, d)
	if s.start < 0 {
		s.start = start
	}
	return i
}

// bracket notes the names of arguments in round brackets, and the parameters of a function literal at the head of either kind.
func (s *scalafile) bracket(open int) {
	if s.is(open, "(") {
		if s.isAny(s.skip(open), "=>", "⇒") {
			s.lambda(open, s.skip(open)+1)
		}
		return
	}
	k := s.nl(open + 1)
	if s.is(k, "implicit") {
		k++
	}
	if s.word(k) != "" && !s.is(k, "case") {
		e := k + 1
		if s.is(e, ":") {
			e = s.typeEnd(e + 1)
		}
		if s.isAny(e, "=>", "⇒") {
			s.scopes = append(s.scopes, scope{span: s.span(open, s.skip(open)), names: []string{s.text(k)}})
		}
	}
}

// lambda notes the names of (a, b) => body.
func (s *scalafile) lambda(open, body int) {
	var names []string
	for _, item := range s.items(open, ",") {
		if w := s.word(item[0]); w != "" {
			names = append(names, w)
		}
	}
	end := body
	for ; end < len(s.tokens) && end < body+50 && !s.isAny(end, ")", "]", "}", ",", ";") && s.at(end).kind != newlineToken; end = s.skip(end) {
		s.work++
	}
	if len(names) > 0 {
		s.scopes = append(s.scopes, scope{span: s.span(open, end), names: names})
	}
}

// keyword looks at the word at token i and returns the index to go on with.
func (s *scalafile) keyword(i int) (int, error) {
	w := s.word(i)
	switch w {
	case "package":
		if !s.is(i+1, "object") {
			k := i + 1
			for s.word(k) != "" || s.is(k, ".") {
				k++
			}
			s.forget()
			return k, nil
		}
	case "import":
		s.forget()
		return s.imported(i), nil
	case "def":
		return s.function(i)
	case "class", "trait", "object":
		if s.word(i+1) != "" || w == "object" && s.at(i+1).kind == markToken && isOperator(s.text(i + 1)[0]) || s.at(i+1).kind == markToken && s.text(i+1) != "" && isOperator(s.text(i + 1)[0]) && !s.is(i+1, ":") && !s.isAny(i+1, "=>", "⇒") {
			return s.class(i), nil
		}
	case "enum":
		if s.word(i+1) != "" && s.frame().class && (s.isAny(i+2, ":", "(", "[", "{", "extends") || s.at(i+2).kind == newlineToken) {
			return s.class(i), nil
		}
	case "type":
		if name := i + 1; s.word(name) != "" && (s.isAny(name+1, "=", "[", "<:", ">:", ";", "}", ":", "<%", ")") || s.at(name+1).kind == newlineToken || s.at(name+1).kind == noToken || s.at(name+1).kind == wordToken) {
			m, start := s.take(i)
			end := name + 1
			for end < len(s.tokens) && end < name+50 && s.at(end).kind != newlineToken && !s.isAny(end, ";", "}", ")", ",", "type") {
				s.work++
				end = s.skip(end)
			}
			s.declare(Decl{Kind: Type, Name: s.plain(name), Owner: s.frame().owner, Decorators: m.decorators, Line: s.lineOf(name), Span: s.span(start, end)}, m.words, Span{})
			return name + 1, nil
		}
	case "val", "var":
		s.forget()
		return s.value(i), nil
	case "if", "while":
		if s.is(i+1, "(") {
			s.condition(i+2, s.partner(i+1))
		} else {
			k := i + 1
			for k < len(s.tokens) && !s.isAny(k, "then", "do", "=>", "⇒", "{", "}", ";") && s.at(k).kind != newlineToken && k < i+50 {
				s.work++
				k = s.skip(k)
			}
			s.condition(i+1, k)
		}
	case "match":
		if a := s.operand(i); a < i {
			s.condition(a, i)
		}
	case "case":
		if !s.isAny(i+1, "class", "object") {
			s.forget()
			return s.pattern(i), nil
		}
		return s.modifier(i), nil
	case "private", "protected":
		next := s.modifier(i)
		if s.is(next, "[") {
			next = s.skip(next)
		}
		return next, nil
	default:
		if (s.word(i+1) != "" || s.is(i+1, "@") || s.at(i+1).kind == newlineToken) && scalaModifiers[w] {
			return s.modifier(i), nil
		}
		if s.isAny(i+1, "=>", "⇒") { // x => body
			if end := i + 2; !s.is(i-1, "case") {
				for ; end < len(s.tokens) && end < i+50 && !s.isAny(end, ")", "]", "}", ",", ";") && s.at(end).kind != newlineToken; end = s.skip(end) {
					s.work++
				}
				s.scopes = append(s.scopes, scope{span: s.span(i, end), names: []string{w}})
			}
		}
	}
	s.forget()
	return i + 1, nil
}

func (s *scalafile) modifier(i int) int {
	if s.start < 0 {
		s.start = i
	}
	if s.pending.words == nil {
		s.pending.words = map[string]bool{}
	}
	s.pending.words[s.word(i)] = true
	return i + 1
}

// plain returns the name at a token without its backquotes.
func (s *scalafile) plain(i int) string { return strings.Trim(s.text(i), "`") }

// imported reads an import and returns the index behind it.
func (s *scalafile) imported(i int) int {
	line := s.lineOf(i)
	for i++; ; {
		im := Import{Line: line}
		var parts []string
		for s.word(i) != "" || s.is(i, "*") {
			parts = append(parts, s.plain(i))
			if i++; !s.is(i, ".") {
				break
			}
			i++
		}
		if s.is(i, "{") {
			for _, item := range s.items(i, ",") {
				if s.word(item[0]) != "" || s.is(item[0], "*") {
					im.Names = append(im.Names, s.plain(item[0]))
				}
			}
			i = s.skip(i)
		} else if n := len(parts); n > 1 && (parts[n-1] == "_" || parts[n-1] == "*") {
			im.Names, parts = parts[n-1:], parts[:n-1]
		}
		if s.is(i, "as") {
			im.Alias = s.plain(i + 1)
			i += 2
		}
		if im.Module = strings.Join(parts, "."); im.Module != "" {
			s.Imports = append(s.Imports, im)
		}
		if !s.is(i, ",") {
			return i
		}
		i++
	}
}

// typeEnd returns the index behind the type at token i: it ends at "=", at the end of the line, and at what closes or parts.
func (s *scalafile) typeEnd(i int) int {
	for i < len(s.tokens) {
		s.work++
		switch {
		case s.isAny(i, "=", ",", ";", ")", "]", "}"), s.at(i).kind == textToken:
			return i
		case s.isAny(i, "=>", "⇒") && s.word(i-1) == "" && !s.isAny(i-1, ")", "]", ":", "}"):
			return i
		case s.at(i).kind == newlineToken:
			if !s.isAny(i-1, "=>", "⇒", "with") {
				return i
			}
		}
		i = s.skip(i)
	}
	return i
}

// ends returns the index behind the expression at token i of a statement whose line is indented that far.
func (s *scalafile) ends(i, indent int) int {
	for i < len(s.tokens) {
		s.work++
		switch {
		case s.isAny(i, ")", "]", "}", ";", ","), s.at(i).kind == textCloseToken:
			return i
		case s.at(i).kind == newlineToken:
			next := i + 1
			if next >= len(s.tokens) || s.column(next) <= indent && !s.isAny(next, "}", ")") {
				head := s.partner(i - 1)
				if s.is(i-1, ")") && head > 0 && s.isAny(head-1, "if", "while", "for") && next < len(s.tokens) || next < len(s.tokens) && s.isAny(i-1, "=", "=>", "⇒", "else", "yield") {
					i = next
					continue
				}
				return i
			}
			head := s.partner(i - 1)
			if scalaOpeners[s.text(i-1)] || s.is(i-1, ")") && head > 0 && s.isAny(head-1, "if", "while", "for") || s.is(i-1, "}") && head > 0 && s.is(head-1, "for") {
				inner := s.column(next) // a block by indentation: all that is not further out
				for i = next; i < len(s.tokens); i = s.skip(i) {
					s.work++
					if s.isAny(i, ")", "]", "}", ",") || s.at(i).kind == newlineToken && i+1 < len(s.tokens) && s.column(i+1) < inner {
						break
					}
				}
				continue
			}
			if t := s.at(next); t.kind == markToken && isOperator(s.text(next)[0]) || s.isAny(next, "case") && s.is(i-1, "match") {
				i = next
				continue
			}
			return i
		}
		i = s.skip(i)
	}
	return i
}

// function reads what follows "def" at token i.
func (s *scalafile) function(i int) (int, error) {
	m, start := s.take(i)
	name := i + 1
	if s.word(name) == "" && !(s.at(name).kind == markToken && isOperator(s.text(name)[0])) || scalaNotation.keywords[s.word(name)] && !s.isAny(name, "this", "using", "given", "then") {
		return 0, s.unknown(i)
	}
	s.named[name] = true
	d := Decl{Kind: Function, Name: s.plain(name), Owner: s.frame().owner, Decorators: m.decorators, Line: s.lineOf(name)}
	j := name + 1
	if strings.HasSuffix(d.Name, ":") && len(d.Name) > 1 && s.word(name) != "" { // name_: Type
		d.Name = strings.TrimSuffix(d.Name, ":")
	}
	if s.is(j, "[") {
		j = s.skip(j)
	}
	body := j
	for {
		c := j
		if s.at(c).kind == newlineToken && s.is(s.nl(c), "(") && s.nl(c) == c+1 && len(d.Params) > 0 {
			c++
		}
		if !s.is(c, "(") && !(s.is(c, "[") && c > name+1) {
			break
		}
		if s.is(c, "(") {
			d.Params = append(d.Params, s.params(c)...)
		}
		j = s.skip(c)
	}
	end := j
	if c := s.nl(j); s.is(c, ":") && (c == j || c == j+1) || strings.HasSuffix(s.text(name), ":") && s.word(name) != "" {
		t := c + 1
		if !s.is(c, ":") {
			t = j
		}
		t = s.nl(t)
		end = s.typeEnd(t)
		s.returns(len(s.Decls), s.span(t, end))
	}
	indent := s.indent(i)
	c := end
	if s.is(s.nl(end), "=") {
		c = s.nl(end)
	}
	switch {
	case s.is(c, "="):
		body = s.nl(c + 1)
		if s.is(body, "macro") {
			body++
		}
		fresh := s.at(c+1).kind == newlineToken
		if fresh && s.column(body) > indent { // a block by indentation
			inner := s.column(body)
			for end = body; end < len(s.tokens); end = s.skip(end) {
				s.work++
				if s.isAny(end, ")", "]", "}") || s.at(end).kind == newlineToken && end+1 < len(s.tokens) && s.column(end+1) < inner && !s.isAny(end+1, ")", "}") {
					break
				}
			}
		} else {
			end = s.ends(body, indent)
		}
		for end > body && s.at(end-1).kind == newlineToken {
			end--
		}
		d.Body = s.span(body, end)
		if s.is(body, "{") && s.skip(body) == end {
			d.Body = s.bodyOf(body)
		}
	case s.is(c, "{") && end == j: // without "=": Scala 2's procedures
		d.Body, end = s.bodyOf(c), s.skip(c)
	}
	d.Span = s.span(start, end)
	if d.Body == (Span{}) {
		d.Body = Span{d.Span.End, d.Span.End}
	}
	s.declare(d, m.words, Span{})
	s.frames = append(s.frames, kotlinFrame{end: end, open: -1, owner: d.Qualified()})
	return name + 1, nil
}

// params reads the parameters in the bracket.
func (s *scalafile) params(open int) []Param {
	var all []Param
	for _, item := range s.items(open, ",") {
		i, end := item[0], item[1]
		for i < end {
			s.work++
			switch {
			case s.is(i, "@") && s.word(i+1) != "":
				for i += 2; s.is(i, ".") && s.word(i+1) != ""; {
					i += 2
				}
				if s.is(i, "(") {
					i = s.skip(i)
				}
				continue
			case s.at(i).kind == newlineToken, (scalaModifiers[s.word(i)] || s.isAny(i, "val", "var", "using")) && s.word(i+1) != "":
				i++
				continue
			case s.isAny(i, "private", "protected") && s.is(i+1, "["):
				i = s.skip(i + 1)
				continue
			}
			break
		}
		if i+1 >= end || s.word(i) == "" || !s.is(i+1, ":") {
			continue
		}
		p := Param{Name: s.plain(i), Span: s.span(item[0], end)}
		t := i + 2
		e := t
		for e < end && !s.is(e, "=") {
			e = s.skip(e)
		}
		p.Type = s.fold(s.span(t, min(e, end)))
		s.isOfType(p.Name, strings.TrimPrefix(p.Type, "=> "))
		all = append(all, p)
	}
	return all
}

// value notes type and text of a value, and returns the index behind its name. A pattern is no call.
func (s *scalafile) value(i int) int {
	name := i + 1
	if s.is(name+1, "(") && isTitle(s.word(name)) {
		s.named[name] = true
		return name + 1
	}
	if s.word(name) == "" {
		return i + 1
	}
	j := name + 1
	if s.is(j, ":") {
		t := j + 1
		j = s.typeEnd(t)
		s.isOfType(s.plain(name), s.fold(s.span(t, j)))
	}
	if s.is(j, "=") {
		v := s.nl(j + 1)
		if s.is(v, "new") && isTitle(s.word(v+1)) {
			s.isOfType(s.plain(name), s.word(v+1))
		}
		end := v + 1
		if s.at(end).kind != newlineToken && s.at(end).kind != noToken && !s.isAny(end, ";", "}") {
			end++ // more than a literal
		}
		s.bind(s.plain(name), v, end)
	}
	if s.is(i, "var") {
		s.rebind(s.plain(name))
	}
	return name + 1
}

// class reads what follows "class", "trait", "object" or "enum" at token i.
func (s *scalafile) class(i int) int {
	m, start := s.take(i)
	name := i + 1
	s.named[name] = true
	d := Decl{Kind: Class, Name: s.plain(name), Owner: s.frame().owner, Decorators: m.decorators, Line: s.lineOf(name)}
	if s.is(i, "trait") {
		d.Kind = Interface
	}
	indent := s.indent(i)
	j := name + 1
	if s.is(j, "[") {
		j = s.skip(j)
	}
	for {
		for scalaModifiers[s.word(j)] || s.is(j, "@") && s.word(j+1) != "" {
			if s.is(j, "@") {
				for j += 2; s.is(j, ".") && s.word(j+1) != ""; {
					j += 2
				}
				if s.is(j, "(") && (s.is(s.skip(j), "(") || s.partner(j) == j+1 && s.isAny(s.skip(j), "(", "private", "protected")) {
					s.named[j-1] = true
					j = s.skip(j)
				}
				continue
			}
			if j++; s.is(j, "[") {
				j = s.skip(j)
			}
		}
		c := j
		if s.at(c).kind == newlineToken && s.is(c+1, "(") {
			c++
		}
		if !s.is(c, "(") {
			break
		}
		s.params(c)
		s.named[c-1] = true
		j = s.skip(c)
	}
	header := j
	end := j
	if c := s.nl(j); s.isAny(c, "extends", "with", "derives", "<:") {
		j = c
		for j < len(s.tokens) {
			s.work++
			if s.isAny(j, "}", ")", ";", ",") && !s.is(j, ",") || s.at(j).kind == newlineToken {
				break
			}
			if s.is(j, "{") && !(s.is(j-1, "extends") && s.is(s.skip(j), "with")) || s.is(j, ":") && s.at(j+1).kind == newlineToken {
				break
			}
			j = s.skip(j)
		}
		end = j
	}
	body := j
	if s.at(j).kind == newlineToken && s.is(j+1, "{") && s.LineOf(int(s.at(j+1).start)) == s.LineOf(int(s.at(j).start))+1 {
		body = j + 1
	}
	inner := kotlinFrame{open: -1, owner: d.Qualified(), class: true}
	switch {
	case s.is(body, "{"):
		end = s.skip(body)
		d.Body = s.bodyOf(body)
		inner.end = end
		s.opening[body] = inner
	case s.is(body, ":") && s.at(body+1).kind == newlineToken && s.nl(body) < len(s.tokens) && s.column(s.nl(body+1)) > indent:
		first := s.nl(body + 1)
		col := s.column(first)
		for end = first; end < len(s.tokens); end = s.skip(end) {
			s.work++
			if s.isAny(end, ")", "]", "}") || s.at(end).kind == newlineToken && end+1 < len(s.tokens) && s.column(end+1) < col {
				break
			}
		}
		d.Body = s.span(first, end)
		inner.end = end
		s.opening[first] = inner
	}
	d.Span = s.span(start, end)
	if d.Body == (Span{}) {
		d.Body = Span{d.Span.End, d.Span.End}
	}
	if d.Name == "" {
		return i + 1
	}
	s.declare(d, m.words, s.span(header, body))
	return name + 1
}

// pattern reads "case" at token i up to its arrow: what looks like a call there is none, but in its guard. It returns the index of
// the arrow, or the one behind the word for cases of an enum.
func (s *scalafile) pattern(i int) int {
	guard := -1
	for k := i + 1; k < len(s.tokens) && k < i+400; k++ {
		s.work++
		switch {
		case s.isAny(k, "=>", "⇒"):
			if guard > 0 {
				s.condition(guard+1, k)
			}
			s.heads = append(s.heads, scalaPart{i, k})
			return k + 1
		case s.is(k, "if"):
			guard = k
		case s.is(k, "(") && guard < 0:
			s.named[k-1] = true
			if s.is(k-1, "]") {
				s.named[s.partner(k-1)-1] = true
			}
		case s.at(k).kind == newlineToken && !s.is(k+1, "|") && !s.is(k-1, "|") && guard < 0 || s.isAny(k, "extends", ";", "case"):
			return i + 1
		}
	}
	return i + 1
}

// operand returns the first token of the expression that ends before token i.
func (s *scalafile) operand(i int) int {
	first := i
	for n := 0; first > 0 && n < 60; n++ {
		b := first - 1
		if m := s.partner(b); m >= 0 && m < b && !s.is(b, "}") {
			first = m
			continue
		}
		if s.at(b).kind == newlineToken || s.at(b).kind == textOpenToken || s.at(b).kind == textPartToken ||
			s.isAny(b, "=", "(", "[", "{", "}", ",", ";", "=>", "⇒", "return", "throw", "else", "case", "<-", "then", "yield", "do", "if") {
			break
		}
		s.work++
		first = b
	}
	return first
}

// calls notes the calls: name(…), name[T](…) and name { … }.
func (s *scalafile) calls() {
	for i := range s.tokens {
		brace := s.is(i, "{")
		if !brace && !s.is(i, "(") || s.at(i).start != s.at(i-1).end && !brace {
			continue
		}
		if brace && (s.at(i-1).kind == newlineToken || s.at(i-1).kind == textPartToken || s.at(i-1).kind == textOpenToken) {
			continue
		}
		at := i - 1
		if s.is(at, "]") {
			at = s.partner(at) - 1
		}
		w := s.word(at)
		if w == "" || s.named[at] || scalaNotation.keywords[w] && !scalaNotation.receiver[w] && !s.is(at-1, ".") {
			continue
		}
		if brace && (scalaNotation.receiver[w] || s.word(at-1) != "" && !scalaNotation.keywords[s.word(at-1)] || s.isAny(at-1, "extends", "with", ":", "package", "case", "macro")) {
			continue // a type before a body or a refinement, or an operator between two operands
		}
		name, first := s.chain(at, scalaNotation)
		if name == "" {
			continue
		}
		name = strings.ReplaceAll(name, "`", "")
		if brace {
			start := int(s.at(first).start)
			s.Calls = append(s.Calls, Call{Name: name, Span: Span{start, s.span(i, s.skip(i)).End}, Args: []Span{s.span(i, s.skip(i))}, Line: s.LineOf(start)})
			s.opens = append(s.opens, i)
			continue
		}
		s.note(name, first, i)
	}
	s.handled()
}

// handled notes the cases that do something about an error: those of a catch, of recover and its like, and those of a Failure or a
// Left wherever they stand.
func (s *scalafile) handled() {
	for n, h := range s.heads {
		end := s.caseEnd(n)
		failure := s.isAny(h.at+1, "Failure", "Left") && s.is(h.at+2, "(")
		how := ""
		if failure {
			how = s.text(h.at + 1)
		} else if how = s.catching(h.at); how == "" {
			continue
		}
		name := s.word(h.at + 1)
		if s.does(h.arrow+1, end, name) && s.fold(s.span(h.arrow+1, end)) != "()" {
			s.Handlers = append(s.Handlers, Handler{How: how, Span: s.span(h.at, end), Line: s.lineOf(h.at)})
		}
	}
}

// caseEnd returns the index behind the statements of a case.
func (s *scalafile) caseEnd(n int) int {
	h := s.heads[n]
	for i := h.arrow + 1; i < len(s.tokens); i = s.skip(i) {
		s.work++
		if s.isAny(i, ")", "]", "}") || s.is(i, "case") && !s.isAny(i+1, "class", "object") {
			return i
		}
		if s.at(i).kind == newlineToken && i+1 < len(s.tokens) && s.column(i+1) < s.column(h.at) && s.at(h.at).fresh {
			return i
		}
	}
	return len(s.tokens)
}

// scalaRecoverers are the calls whose cases are about an error.
var scalaRecoverers = wordSet("recover recoverWith handleErrorWith handleError catchAll catchSome onError rescue")

// catching returns what makes a case one about an error, or "": the brace around it, or in Scala 3 the catch before it.
func (s *scalafile) catching(at int) string {
	i := at - 1
	for n := 0; i > 0 && n < 200; n++ {
		s.work++
		if s.is(i, "{") {
			switch w := s.word(i - 1); {
			case w == "catch":
				return "catch"
			case scalaRecoverers[w] && s.is(i-2, "."):
				return "." + w
			}
			return ""
		}
		if s.is(i, "catch") {
			return "catch"
		}
		if s.isAny(i, "(", "[") || s.isAny(i, "match") {
			return ""
		}
		i = s.back(i)
	}
	return ""
}

// wrapped notes what Scala's libraries wrap around routes, and the headers that they set.
func (s *scalafile) wrapped() {
	http4s, akka := s.importsFrom("org.http4s"), s.importsFrom("akka.http", "org.apache.pekko.http")
	register := func(name string, at int) { s.Middle = append(s.Middle, Reference{Name: name, Line: s.lineOf(at)}) }
	for i := range s.Calls {
		name := s.Calls[i].Name
		root, _, _ := strings.Cut(name, ".")
		if last := lastPart(name); !scalaCallWords[last] && !scalaDirectives[name] && !(http4s && scalaMiddleware[root]) {
			continue
		}
		c := s.call(i)
		switch {
		case http4s && scalaMiddleware[root] && len(c.args) > 0:
			register(root, c.open)
		case akka && scalaDirectives[c.Name]:
			register(c.Name, c.open)
		case c.last == "DefaultHttpFilters" && s.importsFrom("play"):
			for _, a := range c.args {
				s.middleware(a)
			}
		}
		switch c.last {
		case "respondWithHeader", "respondWithHeaders", "respondWithDefaultHeader", "respondWithDefaultHeaders":
			if akka {
				s.rawHeaders(c.open)
			}
		case "withHeaders":
			if s.answered(c) {
				for _, a := range c.args {
					for k := a[0]; k < a[1]; k++ {
						if s.is(k, "->") {
							s.sets([2]int{a[0], k}, [2]int{k + 1, a[1]})
							break
						}
					}
				}
			}
		case "putHeaders":
			if http4s && s.answered(c) {
				s.rawHeaders(c.open)
			}
		}
		if len(c.args) == 0 {
			continue
		}
		switch first := c.args[0]; {
		case c.Name == "sys.env", c.Name == "scala.sys.env", c.Name == "env" && s.importsFrom("ciris"):
			s.variable(first[0], first[1])
		case slices.Contains([]string{"envOrElse", "envOrNone", "envOrSome"}, c.last) && (strings.HasSuffix(c.Name, "Properties."+c.last) || s.importsFrom("scala.util.Properties")):
			s.variable(first[0], first[1])
		}
	}
	for i := range s.tokens { // routes @@ Middleware.cors
		if s.is(i, "@@") && s.word(i+1) != "" && s.importsFrom("zio.http") {
			register(lastPart(s.fold(s.span(i+1, s.chainEnd(i+1)))), i+1)
		}
	}
}

// scalaCallWords are the last parts of names of calls that mean something to wrapped.
var scalaCallWords = wordSet(`DefaultHttpFilters respondWithHeader respondWithHeaders respondWithDefaultHeader respondWithDefaultHeaders
	withHeaders putHeaders env envOrElse envOrNone envOrSome`)

// chainEnd returns the index behind the dotted name at token i.
func (s *scalafile) chainEnd(i int) int {
	for i++; s.is(i, ".") && s.word(i+1) != ""; {
		i += 2
	}
	return i
}

// rawHeaders notes the headers of RawHeader("X", "v") and Header.Raw(ci"X", "v") in the arguments of a call.
func (s *scalafile) rawHeaders(open int) {
	for k := open + 1; k < s.partner(open); k++ {
		if s.isAny(k, "RawHeader", "Raw") && s.is(k+1, "(") {
			if args := s.items(k+1, ","); len(args) == 2 {
				name := args[0]
				if s.is(name[0], "CIString") && s.is(name[0]+1, "(") {
					name = [2]int{name[0] + 2, name[1] - 1}
				}
				s.sets(name, args[1])
			}
		}
	}
}

// scalaResults are the ways in which Play and http4s begin an answer.
var scalaResults = wordSet(`Ok Created Accepted NoContent Redirect SeeOther Found NotModified BadRequest Unauthorized Forbidden NotFound
	Conflict InternalServerError ServiceUnavailable TooManyRequests Status Result MovedPermanently PermanentRedirect Results`)

// answered reports whether a call is called on an answer.
func (s *scalafile) answered(c *jvmCall) bool {
	s.receiver(c)
	if len(c.on) == 0 {
		return false
	}
	return scalaResults[c.on[0]] || c.on[0] == "result" || s.answers(c)
}

var (
	scalaMiddleware = wordSet(`CORS HSTS GZip CSRF Logger RequestLogger ResponseLogger Timeout Throttle EntityLimiter MaxActiveRequests Metrics
		RequestId AutoSlash HttpsRedirect ErrorHandling ErrorAction Caching DefaultHead UrlFormLifter VirtualHost AuthMiddleware BasicAuth DigestAuth`)
	scalaDirectives = wordSet(`authenticateBasic authenticateBasicAsync authenticateBasicPF authenticateOAuth2 authenticateOAuth2Async authorize
		authorizeAsync cors handleExceptions handleRejections withRequestTimeout withSizeLimit respondWithHeader respondWithHeaders
		respondWithDefaultHeader respondWithDefaultHeaders logRequestResult logRequest logResult encodeResponse`)
)
