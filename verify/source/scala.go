package source

import (
	"strings"
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

// scalaGoing are the words at the start of a line that go on with the one before.
var scalaGoing = wordSet("else catch finally extends with match yield then derives")

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

// scalaRecoverers are the calls whose cases are about an error.
var scalaRecoverers = wordSet("recover recoverWith handleErrorWith handleError catchAll catchSome onError rescue")

// scalaCallWords are the last parts of names of calls that mean something to wrapped.
var scalaCallWords = wordSet(`DefaultHttpFilters respondWithHeader respondWithHeaders respondWithDefaultHeader respondWithDefaultHeaders
	withHeaders putHeaders env envOrElse envOrNone envOrSome`)

// scalaResults are the ways in which Play and http4s begin an answer.
var scalaResults = wordSet(`Ok Created Accepted NoContent Redirect SeeOther Found NotModified BadRequest Unauthorized Forbidden NotFound
	Conflict InternalServerError ServiceUnavailable TooManyRequests Status Result MovedPermanently PermanentRedirect Results`)

var (
	scalaMiddleware = wordSet(`CORS HSTS GZip CSRF Logger RequestLogger ResponseLogger Timeout Throttle EntityLimiter MaxActiveRequests Metrics
		RequestId AutoSlash HttpsRedirect ErrorHandling ErrorAction Caching DefaultHead UrlFormLifter VirtualHost AuthMiddleware BasicAuth DigestAuth`)
	scalaDirectives = wordSet(`authenticateBasic authenticateBasicAsync authenticateBasicPF authenticateOAuth2 authenticateOAuth2Async authorize
		authorizeAsync cors handleExceptions handleRejections withRequestTimeout withSizeLimit respondWithHeader respondWithHeaders
		respondWithDefaultHeader respondWithDefaultHeaders logRequestResult logRequest logResult encodeResponse`)
)
