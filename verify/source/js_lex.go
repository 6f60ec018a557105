package source

import "strings"

// jsKind is the kind of a token. Words come last: what may be a name before what is reserved.
type jsKind uint8

const (
	jsEOF jsKind = iota
	jsNumber
	jsString
	jsTemplate     // `…` without a part to fill in
	jsTemplateHead // `…${
	jsTemplateMid  // }…${
	jsTemplateTail // }…`
	jsRegex
	jsText // between the tags of JSX
	jsPrivate

	jsOpenBrace
	jsCloseBrace
	jsOpenParen
	jsCloseParen
	jsOpenBracket
	jsCloseBracket
	jsSemicolon
	jsComma
	jsColon
	jsQuestion
	jsOptional // ?.
	jsDot
	jsEllipsis
	jsArrow
	jsAssign    // =
	jsOpAssign  // += and its like
	jsLess      // < alone; joined to << and <= where an operator stands
	jsGreater   // > alone; joined to >> and >= where an operator stands
	jsAt        // @
	jsBang      // !
	jsTilde     // ~
	jsIncrement // ++ and --
	jsPlusMinus // + and -
	jsStar
	jsSlash
	jsCompare // == != === !== <= >=
	jsLogic   // && || ??
	jsBar     // |
	jsAmp     // &
	jsBinary  // any other operator between two values

	jsIdent
	jsAbstract
	jsAccessor
	jsAs
	jsAssert
	jsAsserts
	jsAsync
	jsAwait
	jsDeclare
	jsFrom
	jsGet
	jsGlobal
	jsImplements
	jsInfer
	jsInterface
	jsIs
	jsKeyof
	jsLet
	jsModule
	jsNamespace
	jsOf
	jsOut
	jsOverride
	jsPrivateWord
	jsProtected
	jsPublic
	jsReadonly
	jsSatisfies
	jsSet
	jsStatic
	jsTypeWord
	jsUnique
	jsUsing
	jsYield

	jsReserved // not a token: the words from here on are reserved
	jsBreak
	jsCase
	jsCatch
	jsClass
	jsConst
	jsContinue
	jsDebugger
	jsDefault
	jsDelete
	jsDo
	jsElse
	jsEnum
	jsExport
	jsExtends
	jsFalse
	jsFinally
	jsFor
	jsFunction
	jsIf
	jsImport
	jsIn
	jsInstanceof
	jsNew
	jsNull
	jsReturn
	jsSuper
	jsSwitch
	jsThis
	jsThrow
	jsTrue
	jsTry
	jsTypeof
	jsVar
	jsVoid
	jsWhile
	jsWith
)

// name reports whether the word may be the name of a variable.
func (k jsKind) name() bool { return jsIdent <= k && k < jsReserved }

// word reports whether the token is a word, reserved or not: all may name a member.
func (k jsKind) word() bool { return k >= jsIdent }

// jsWord returns the kind of a word.
func jsWord(s string) jsKind {
	if len(s) < 2 || len(s) > 10 || s[0] < 'a' || s[0] > 'y' {
		return jsIdent
	}
	switch s {
	case "abstract":
		return jsAbstract
	case "accessor":
		return jsAccessor
	case "as":
		return jsAs
	case "assert":
		return jsAssert
	case "asserts":
		return jsAsserts
	case "async":
		return jsAsync
	case "await":
		return jsAwait
	case "break":
		return jsBreak
	case "case":
		return jsCase
	case "catch":
		return jsCatch
	case "class":
		return jsClass
	case "const":
		return jsConst
	case "continue":
		return jsContinue
	case "debugger":
		return jsDebugger
	case "declare":
		return jsDeclare
	case "default":
		return jsDefault
	case "delete":
		return jsDelete
	case "do":
		return jsDo
	case "else":
		return jsElse
	case "enum":
		return jsEnum
	case "export":
		return jsExport
	case "extends":
		return jsExtends
	case "false":
		return jsFalse
	case "finally":
		return jsFinally
	case "for":
		return jsFor
	case "from":
		return jsFrom
	case "function":
		return jsFunction
	case "get":
		return jsGet
	case "global":
		return jsGlobal
	case "if":
		return jsIf
	case "implements":
		return jsImplements
	case "import":
		return jsImport
	case "in":
		return jsIn
	case "infer":
		return jsInfer
	case "instanceof":
		return jsInstanceof
	case "interface":
		return jsInterface
	case "is":
		return jsIs
	case "keyof":
		return jsKeyof
	case "let":
		return jsLet
	case "module":
		return jsModule
	case "namespace":
		return jsNamespace
	case "new":
		return jsNew
	case "null":
		return jsNull
	case "of":
		return jsOf
	case "out":
		return jsOut
	case "override":
		return jsOverride
	case "private":
		return jsPrivateWord
	case "protected":
		return jsProtected
	case "public":
		return jsPublic
	case "readonly":
		return jsReadonly
	case "return":
		return jsReturn
	case "satisfies":
		return jsSatisfies
	case "set":
		return jsSet
	case "static":
		return jsStatic
	case "super":
		return jsSuper
	case "switch":
		return jsSwitch
	case "this":
		return jsThis
	case "throw":
		return jsThrow
	case "true":
		return jsTrue
	case "try":
		return jsTry
	case "type":
		return jsTypeWord
	case "typeof":
		return jsTypeof
	case "unique":
		return jsUnique
	case "using":
		return jsUsing
	case "var":
		return jsVar
	case "void":
		return jsVoid
	case "while":
		return jsWhile
	case "with":
		return jsWith
	case "yield":
		return jsYield
	}
	return jsIdent
}

// jsToken is one token. Match is the index of the bracket that closes it, or that it closes; it is set once all are known.
type jsToken struct {
	kind       jsKind
	newline    bool // a line ends between the token before and this one
	start, end int32
	match      int32
}

// jsLexer cuts a text into tokens as the parser asks for them: whether "/" divides or begins a regular expression, whether
// "<" compares or opens a tag, and whether "}" closes a block or a part of a template only the grammar tells. The parser
// calls the methods that read a token in the other way (asRegex, asTemplate, asOperator) when it stands on it.
type jsLexer struct {
	text     string
	pos      int       // behind tok
	tok      jsToken   // the current one
	toks     []jsToken // those before it
	comments []Span
	work     int // bytes looked at, those that were looked at again included

	err    string // what stopped the lexer; tok is jsEOF from then on
	errPos int
}

// fail notes the first error and makes all that follows end of file, so that every loop of the parser ends.
func (l *jsLexer) fail(pos int, message string) {
	if l.err == "" {
		l.err, l.errPos = message, pos
	}
	l.pos = len(l.text)
	l.tok = jsToken{kind: jsEOF, start: int32(len(l.text)), end: int32(len(l.text)), newline: true}
}

// next takes the current token and reads the one behind it.
func (l *jsLexer) next() {
	if l.tok.kind != jsEOF {
		l.toks = append(l.toks, l.tok)
	}
	l.scan()
}

// word returns the text of the current token.
func (l *jsLexer) word() string { return l.text[l.tok.start:l.tok.end] }

// scan reads the token at pos.
func (l *jsLexer) scan() {
	if l.err != "" {
		return
	}
	from := l.pos
	newline := l.blanks()
	start := l.pos
	l.tok = jsToken{newline: newline, start: int32(start)}
	if start >= len(l.text) {
		l.tok.kind, l.tok.end = jsEOF, int32(start)
		l.work += start - from
		return
	}
	c := l.text[start]
	switch {
	case isNameStart(c), c == '\\':
		end := l.nameEnd(start)
		if l.err != "" {
			return
		}
		l.pos = end
		l.tok.kind = jsWord(l.text[start:end])
	case c >= '0' && c <= '9', c == '.' && start+1 < len(l.text) && l.text[start+1] >= '0' && l.text[start+1] <= '9':
		l.number()
	case c == '"' || c == '\'':
		l.quoted(c)
	case c == '`':
		l.template(start+1, jsTemplate, jsTemplateHead)
	case c == '#':
		end := l.nameEnd(start + 1)
		if end == start+1 {
			l.fail(start, "a # that begins no name")
		}
		if l.err != "" {
			return
		}
		l.pos = end
		l.tok.kind = jsPrivate
	default:
		l.punctuation(c)
	}
	if l.err == "" {
		l.tok.end = int32(l.pos)
		l.work += l.pos - from
	}
}

// blanks skips blanks and comments and reports whether a line ended among them.
func (l *jsLexer) blanks() (newline bool) {
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		switch {
		case c == ' ' || c == '\t' || c == '\v' || c == '\f':
			l.pos++
		case c == '\n' || c == '\r':
			newline = true
			l.pos++
		case c == '/' && strings.HasPrefix(l.text[l.pos:], "//"):
			end := l.pos
			for end < len(l.text) && l.text[end] != '\n' && l.text[end] != '\r' {
				end++
			}
			l.comments = append(l.comments, Span{l.pos, end})
			l.pos = end
		case c == '/' && strings.HasPrefix(l.text[l.pos:], "/*"):
			n := strings.Index(l.text[l.pos+2:], "*/")
			if n < 0 {
				l.fail(l.pos, "a comment that does not end; close it with */")
				return true
			}
			end := l.pos + 2 + n + 2
			newline = newline || strings.ContainsAny(l.text[l.pos:end], "\n\r")
			l.comments = append(l.comments, Span{l.pos, end})
			l.pos = end
		case c >= 0x80:
			size, ends := jsBlank(l.text[l.pos:])
			if size == 0 {
				return newline
			}
			newline = newline || ends
			l.pos += size
		default:
			return newline
		}
	}
	return newline
}

// jsBlank returns the length of the blank beyond ASCII that s begins with, and whether it ends a line.
func jsBlank(s string) (size int, ends bool) {
	switch {
	case strings.HasPrefix(s, "\u00a0"):
		return 2, false
	case strings.HasPrefix(s, "\ufeff"), strings.HasPrefix(s, "\u3000"), strings.HasPrefix(s, "\u1680"),
		strings.HasPrefix(s, "\u202f"), strings.HasPrefix(s, "\u205f"):
		return 3, false
	case s >= "\u2000" && s < "\u200b":
		return 3, false
	case strings.HasPrefix(s, "\u2028"), strings.HasPrefix(s, "\u2029"):
		return 3, true
	}
	return 0, false
}

// nameEnd returns where the name that begins at the offset ends.
func (l *jsLexer) nameEnd(i int) int {
	for i < len(l.text) {
		c := l.text[i]
		switch {
		case c >= 0x80:
			if size, _ := jsBlank(l.text[i:]); size > 0 {
				return i
			}
			i++
		case isNameByte(c):
			i++
		case c == '\\' && strings.HasPrefix(l.text[i:], `\u{`):
			n := strings.IndexByte(l.text[i:min(i+12, len(l.text))], '}')
			if n < 0 {
				l.fail(i, "a \\ that begins no name")
				return i
			}
			i += n + 1
		case c == '\\' && strings.HasPrefix(l.text[i:], `\u`):
			i += 2
		case c == '\\':
			l.fail(i, "a \\ outside of a string")
			return i
		default:
			return i
		}
	}
	return i
}

func (l *jsLexer) number() {
	i := l.pos
	digits := func() {
		for i < len(l.text) && (l.text[i] >= '0' && l.text[i] <= '9' || l.text[i] == '_') {
			i++
		}
	}
	if l.text[i] == '0' && i+1 < len(l.text) && strings.IndexByte("xXoObB", l.text[i+1]) >= 0 {
		i += 2
	} else {
		digits()
		if i < len(l.text) && l.text[i] == '.' {
			i++
			digits()
		}
		if i < len(l.text) && (l.text[i] == 'e' || l.text[i] == 'E') {
			i++
			if i < len(l.text) && (l.text[i] == '+' || l.text[i] == '-') {
				i++
			}
			digits()
		}
	}
	for i < len(l.text) && l.text[i] < 0x80 && isNameByte(l.text[i]) { // hexadecimal digits, the n of a big integer
		i++
	}
	l.pos = i
	l.tok.kind = jsNumber
}

func (l *jsLexer) quoted(quote byte) {
	for i := l.pos + 1; i < len(l.text); i++ {
		switch l.text[i] {
		case quote:
			l.pos = i + 1
			l.tok.kind = jsString
			return
		case '\\':
			if i++; strings.HasPrefix(l.text[i:], "\r\n") {
				i++
			}
		case '\n', '\r':
			l.fail(l.pos, "a string that does not end on its line")
			return
		}
	}
	l.fail(l.pos, "a string that does not end")
}

// template reads a part of a template from the offset to its end (kind whole) or to the next part to fill in (kind open).
func (l *jsLexer) template(i int, whole, open jsKind) {
	for ; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '`':
			l.pos = i + 1
			l.tok.kind = whole
			return
		case c == '\\':
			i++
		case c == '$' && i+1 < len(l.text) && l.text[i+1] == '{':
			l.pos = i + 2
			l.tok.kind = open
			return
		}
	}
	l.fail(int(l.tok.start), "a template that does not end; close it with `")
}

// asTemplate reads on in a template; the current token is the } of the part filled in.
func (l *jsLexer) asTemplate() {
	from := int(l.tok.start) + 1
	l.template(from, jsTemplateTail, jsTemplateMid)
	if l.err == "" {
		l.tok.end = int32(l.pos)
		l.work += l.pos - from
	}
}

// asRegex reads the current token, which begins with /, as a regular expression.
func (l *jsLexer) asRegex() {
	start := int(l.tok.start)
	class := false
	for i := start + 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '\\':
			i++
			if i < len(l.text) && (l.text[i] == '\n' || l.text[i] == '\r') {
				l.fail(start, "a regular expression that does not end on its line")
				return
			}
		case c == '\n' || c == '\r':
			l.fail(start, "a regular expression that does not end on its line")
			return
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			end := l.nameEnd(i + 1)
			if l.err != "" {
				return
			}
			l.pos = end
			l.tok.kind, l.tok.end = jsRegex, int32(end)
			l.work += l.pos - start
			return
		}
	}
	l.fail(start, "a regular expression that does not end")
}

// asOperator joins < and > with what follows to the operator that they begin.
func (l *jsLexer) asOperator() {
	rest := l.text[l.tok.start:]
	kind, size := jsCompare, 1
	switch {
	case strings.HasPrefix(rest, ">>>="):
		kind, size = jsOpAssign, 4
	case strings.HasPrefix(rest, ">>="), strings.HasPrefix(rest, "<<="):
		kind, size = jsOpAssign, 3
	case strings.HasPrefix(rest, ">>>"):
		kind, size = jsBinary, 3
	case strings.HasPrefix(rest, ">>"), strings.HasPrefix(rest, "<<"):
		kind, size = jsBinary, 2
	case strings.HasPrefix(rest, ">="), strings.HasPrefix(rest, "<="):
		size = 2
	}
	l.pos = int(l.tok.start) + size
	l.tok.kind, l.tok.end = kind, int32(l.pos)
}

// punctuation reads the longest operator at pos. < and > stay alone: they may be brackets.
func (l *jsLexer) punctuation(c byte) {
	at := func(n int) byte {
		if l.pos+n < len(l.text) {
			return l.text[l.pos+n]
		}
		return 0
	}
	kind, size := jsEOF, 1
	one, two := at(1), at(2)
	switch c {
	case '{':
		kind = jsOpenBrace
	case '}':
		kind = jsCloseBrace
	case '(':
		kind = jsOpenParen
	case ')':
		kind = jsCloseParen
	case '[':
		kind = jsOpenBracket
	case ']':
		kind = jsCloseBracket
	case ';':
		kind = jsSemicolon
	case ',':
		kind = jsComma
	case ':':
		kind = jsColon
	case '@':
		kind = jsAt
	case '~':
		kind = jsTilde
	case '<':
		kind = jsLess
	case '>':
		kind = jsGreater
	case '.':
		kind = jsDot
		if one == '.' && two == '.' {
			kind, size = jsEllipsis, 3
		}
	case '?':
		kind = jsQuestion
		switch {
		case one == '?' && two == '=':
			kind, size = jsOpAssign, 3
		case one == '?':
			kind, size = jsLogic, 2
		case one == '.' && (two < '0' || two > '9'):
			kind, size = jsOptional, 2
		}
	case '=':
		kind = jsAssign
		switch {
		case one == '=' && two == '=':
			kind, size = jsCompare, 3
		case one == '=':
			kind, size = jsCompare, 2
		case one == '>':
			kind, size = jsArrow, 2
		}
	case '!':
		kind = jsBang
		switch {
		case one == '=' && two == '=':
			kind, size = jsCompare, 3
		case one == '=':
			kind, size = jsCompare, 2
		}
	case '+', '-':
		kind = jsPlusMinus
		switch one {
		case c:
			kind, size = jsIncrement, 2
		case '=':
			kind, size = jsOpAssign, 2
		}
	case '*':
		kind = jsStar
		switch {
		case one == '*' && two == '=':
			kind, size = jsOpAssign, 3
		case one == '*':
			kind, size = jsBinary, 2
		case one == '=':
			kind, size = jsOpAssign, 2
		}
	case '/': // "/=" may begin a regular expression too; the parser reads it again where a value is due
		kind = jsSlash
		if one == '=' {
			kind, size = jsOpAssign, 2
		}
	case '%', '^':
		kind = jsBinary
		if one == '=' {
			kind, size = jsOpAssign, 2
		}
	case '&', '|':
		kind = jsAmp
		if c == '|' {
			kind = jsBar
		}
		switch {
		case one == c && two == '=':
			kind, size = jsOpAssign, 3
		case one == c:
			kind, size = jsLogic, 2
		case one == '=':
			kind, size = jsOpAssign, 2
		}
	default:
		l.fail(l.pos, "a character that begins no word or operator")
		return
	}
	l.pos += size
	l.tok.kind = kind
}
