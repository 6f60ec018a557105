package source

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// SQL is cut into tokens and read statement by statement, in the dialects of PostgreSQL, MySQL, SQL Server and Oracle at once; where
// they contradict each other, marks of MySQL in the file (names in backquotes, DELIMITER, ENGINE=) decide how its strings and comments
// are written. sql_code.go reads what is within the bodies.
//
// Functions, procedures and triggers are functions; a trigger is a member of its table, as a policy is. Tables are classes; views,
// types, domains, indices, schemas, sequences, roles and policies are types. What is qualified has the schema as its owner. A body
// between dollars is read when its language is SQL or PL/pgSQL; one in quotes or in another language is text without calls, and one
// in C is no body: it is defined elsewhere. A CREATE within a body or within DO is none.
var sql = language{
	name:       SQL,
	extensions: []string{".sql"},
	parse:      parseSQL,
	tokens:     sqlTokens,
}

var (
	sqlMySQL    = regexp.MustCompile("(?i)(?m)^\\s*DELIMITER\\s|ENGINE\\s*=|`[a-z_0-9]+`")
	sqlLanguage = regexp.MustCompile(`(?i)\blanguage\s+["']?(\w+)`)
	sqlBracket  = regexp.MustCompile(`^\[[A-Za-z_][\w $.-]*\]`)
	sqlDollar   = regexp.MustCompile(`^\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$`)

	sqlMarks = []string{"::", ":=", "<=", ">=", "<>", "!=", "||", "=>", "->", "@>", "<@"}
)

// sqlLexer cuts SQL into tokens. A body between dollars is a literal whose parts are tokens.
type sqlLexer struct {
	*lexer
	mysql     bool
	delimiter string // what ends a statement beside ";"; "" for none
	first     int    // index of the first token of the statement
	within    bool   // a body between dollars is being read
}

func newSQLLexer(f *File) *sqlLexer {
	l := &sqlLexer{lexer: newLexer(f), mysql: isMySQL(f.Text)}
	l.next = l.token
	return l
}

// isMySQL reports whether a text has marks of MySQL.
func isMySQL(text []byte) bool {
	for _, hint := range []string{"`", "ELIMITER", "elimiter", "ENGINE", "engine", "Engine"} { // most texts hold none
		if bytes.Contains(text, []byte(hint)) {
			return sqlMySQL.Match(text)
		}
	}
	return false
}

func sqlTokens(text []byte) ([]Span, error) {
	f := &File{Text: text}
	f.indexLines()
	l := newSQLLexer(f)
	if err := l.run(); err != nil {
		return nil, err
	}
	return l.spans(), nil
}

func (l *sqlLexer) token() error {
	c := l.byteAt(0)
	switch {
	case l.has("--"), c == '#' && l.mysql:
		l.lineComment()
		return nil
	case l.has("/*"):
		return l.blockComment("/*", "*/", !l.mysql)
	case c == '\\':
		return l.command()
	case l.delimiter != "" && l.has(l.delimiter):
		l.add(directiveToken, l.pos, l.pos+len(l.delimiter))
		l.first = len(l.tokens)
		return nil
	case strings.IndexByte("eEnNbBxX", c) >= 0 && l.byteAt(1) == '\'' && (l.pos == 0 || !isNameByte(l.text[l.pos-1])):
		return l.string(1, c == 'e' || c == 'E' || l.mysql)
	case c == '\'':
		return l.string(0, l.mysql)
	case c == '"' && l.mysql:
		return l.quoted(0, literal{open: `"`, close: `"`, escape: '\\', doubled: true, lines: true, decode: true})
	case c == '"' || c == '`':
		return l.named(string(rune(c)))
	case c == '[' && l.bracketed():
		n := len(sqlBracket.FindString(l.src[l.pos:min(len(l.src), l.pos+140)]))
		l.add(wordToken, l.pos, l.pos+n)
		return nil
	case c == '$':
		if open := sqlDollar.FindString(l.src[l.pos:min(len(l.src), l.pos+80)]); open != "" {
			return l.dollars(open)
		}
		l.word()
		return nil
	case c == '@' && (isNameStart(l.byteAt(1)) || l.byteAt(1) == '@'):
		end := l.pos + 1
		for end < len(l.text) && (isNameByte(l.text[end]) || l.text[end] == '@') {
			end++
		}
		l.add(wordToken, l.pos, end)
		return nil
	case isDigit(c):
		l.number()
		return nil
	case isNameStart(c):
		return l.keyword()
	case c == ';':
		copies := l.copies()
		l.add(markToken, l.pos, l.pos+1)
		l.first = len(l.tokens)
		if copies {
			return l.data()
		}
		return nil
	}
	return l.mark(sqlMarks)
}

// string takes a string whose prefix has that many bytes.
func (l *sqlLexer) string(prefix int, escapes bool) error {
	q := literal{open: "'", close: "'", doubled: true, lines: true}
	if escapes {
		q.escape, q.decode = '\\', true
	}
	return l.quoted(prefix, q)
}

// named takes a name in quotes, as a word.
func (l *sqlLexer) named(mark string) error {
	end, err := l.literalEnd(l.pos, l.pos+1, literal{open: mark, close: mark, doubled: true})
	if err != nil {
		return err
	}
	l.add(wordToken, l.pos, end)
	return nil
}

// bracketed reports whether a name in brackets stands here, and no index of an array.
func (l *sqlLexer) bracketed() bool {
	if l.pos > 0 && (isNameByte(l.text[l.pos-1]) || strings.IndexByte(`])"'`, l.text[l.pos-1]) >= 0) {
		return false
	}
	return sqlBracket.MatchString(l.src[l.pos:min(len(l.src), l.pos+140)])
}

// keyword takes a word; DELIMITER takes the rest of its line.
func (l *sqlLexer) keyword() error {
	if fresh := l.fresh; fresh && len(l.src) > l.pos+10 && strings.EqualFold(l.src[l.pos:l.pos+10], "delimiter ") {
		end := l.lineEnd(l.pos)
		l.delimiter = strings.TrimSpace(l.src[l.pos+10 : end])
		if l.delimiter == ";" {
			l.delimiter = ""
		}
		l.add(directiveToken, l.pos, end)
		l.first = len(l.tokens)
		return nil
	}
	l.word()
	if l.fresh = false; strings.EqualFold(l.src[l.last().start:l.last().end], "go") && l.last().fresh && strings.TrimSpace(l.src[l.pos:l.lineEnd(l.pos)]) == "" {
		l.tokens[len(l.tokens)-1].kind = directiveToken
		l.first = len(l.tokens)
	}
	return nil
}

// command takes a command of psql: the rest of the line when it stands first, else its word.
func (l *sqlLexer) command() error {
	end := l.pos + 1
	if l.fresh {
		end = max(end, l.lineEnd(l.pos))
	} else {
		for end < len(l.text) && isNameByte(l.text[end]) {
			end++
		}
	}
	l.add(directiveToken, l.pos, end)
	l.first = len(l.tokens)
	return nil
}

// copies reports whether the statement at hand is followed by data: COPY … FROM stdin.
func (l *sqlLexer) copies() bool {
	if l.within || l.first >= len(l.tokens) || !strings.EqualFold(l.src[l.tokens[l.first].start:l.tokens[l.first].end], "copy") {
		return false
	}
	return strings.Contains(strings.ToLower(l.src[l.tokens[l.first].start:l.pos]), "from stdin")
}

// data takes the lines of data up to "\.".
func (l *sqlLexer) data() error {
	n := strings.Index(l.src[l.pos:], "\n\\.")
	if n < 0 {
		return l.fail(l.pos, `this COPY has no "\."`)
	}
	start := l.pos
	for start < l.pos+n && isBlank(l.text[start]) {
		start++
	}
	l.fresh = true
	l.add(directiveToken, start, l.lineEnd(l.pos+n+1))
	l.first = len(l.tokens)
	return nil
}

// dollars takes a text between dollars: as a string, or as the body of a routine.
func (l *sqlLexer) dollars(open string) error {
	start, from := l.pos, l.pos+len(open)
	n := strings.Index(l.src[from:], open)
	if n < 0 {
		return l.fail(start, "this "+open+" is never closed")
	}
	to := from + n
	if !l.readable(start, to+len(open)) {
		l.note(l.src[from:to], Span{start, to + len(open)})
		l.add(textToken, start, to+len(open))
		return nil
	}
	head := int32(len(l.tokens))
	l.add(textOpenToken, start, from)
	depth := len(l.open)
	l.within = true
	for l.blanks(); l.pos < to; l.blanks() {
		if err := l.step(); err != nil {
			return err
		}
	}
	l.within = false
	if l.pos > to && !l.endsWith(to) || len(l.open) != depth {
		return l.fail(start, "what stands in this body is not closed in it")
	}
	l.tokens[head].match = int32(len(l.tokens))
	l.add(textCloseToken, to, to+len(open))
	l.tokens[len(l.tokens)-1].match = head
	return nil
}

// endsWith reports whether all that was read behind the offset is blank: nothing of the body goes over its end.
func (l *sqlLexer) endsWith(to int) bool {
	return (len(l.tokens) == 0 || int(l.last().end) <= to) && (len(l.comments) == 0 || l.comments[len(l.comments)-1].End <= to) && strings.TrimSpace(l.src[to:l.pos]) == ""
}

// readable reports whether the text between dollars is the body of a routine in a language of SQL.
func (l *sqlLexer) readable(start, end int) bool {
	if l.within || len(l.tokens) == 0 {
		return false
	}
	last := l.last()
	switch before := strings.ToLower(l.src[last.start:last.end]); {
	case before == "as", before == "do":
	default:
		if n := len(l.tokens); n < 3 || !strings.EqualFold(l.src[l.tokens[n-2].start:l.tokens[n-2].end], "language") || !strings.EqualFold(l.src[l.tokens[n-3].start:l.tokens[n-3].end], "do") {
			return false
		}
	}
	head := ""
	if l.first < len(l.tokens) {
		head = l.src[max(int(l.tokens[l.first].start), start-4000):start]
	}
	tail := l.src[end:min(len(l.src), end+400)]
	if n := strings.IndexByte(tail, ';'); n >= 0 {
		tail = tail[:n]
	}
	for _, part := range []string{tail, head} {
		if m := sqlLanguage.FindStringSubmatch(part); m != nil {
			language := strings.ToLower(m[1])
			return language == "sql" || language == "plpgsql" || language == "edbspl"
		}
	}
	return true
}

// sqlFile is one file of SQL being turned into facts.
type sqlFile struct {
	*reader
	declared map[int]bool // names of declarations, which look like calls
	last     []int32      // for each token the next one that ends a statement
}

func parseSQL(f *File) error {
	l := newSQLLexer(f)
	if err := l.run(); err != nil {
		return err
	}
	s := &sqlFile{reader: newReader(l.lexer), declared: map[int]bool{}}
	s.measure()
	for i := 0; i < len(s.tokens); {
		t := s.tokens[i]
		s.work++
		if t.kind == directiveToken {
			s.directive(i)
		}
		if s.word(i, "create") && s.begins(i) {
			next, err := s.create(i)
			if err != nil {
				return err
			}
			i = next
			continue
		}
		i = s.skip(i)
	}
	s.code()
	return nil
}

// measure finds for each token where its statement ends.
func (s *sqlFile) measure() {
	n := len(s.tokens)
	s.last = make([]int32, n+1)
	s.last[n] = int32(n)
	for i := n - 1; i >= 0; i-- {
		if t := s.tokens[i]; t.kind == directiveToken || s.is(i, ";") {
			s.last[i] = int32(i)
		} else {
			s.last[i] = s.last[min(n, s.skip(i))]
		}
	}
}

// word reports whether the token is one of the words, in either case and in no quotes.
func (s *sqlFile) word(i int, list ...string) bool {
	t := s.at(i)
	if t.kind != wordToken {
		return false
	}
	have := s.src[t.start:t.end]
	for _, w := range list {
		if len(w) == len(have) && strings.EqualFold(w, have) {
			return true
		}
	}
	return false
}

// begins reports whether a statement may begin at the token.
func (s *sqlFile) begins(i int) bool {
	return s.tokens[i].fresh || i == 0 || s.is(i-1, ";") || s.at(i-1).kind == directiveToken || s.word(i-1, "begin", "then", "else")
}

// directive notes what a command of psql includes.
func (s *sqlFile) directive(i int) {
	fields := strings.Fields(s.text(i))
	if len(fields) > 1 && slices.Contains([]string{`\i`, `\ir`, `\include`, `\include_relative`}, fields[0]) {
		s.Imports = append(s.Imports, Import{Module: strings.Trim(fields[1], "'"), Line: s.lineOf(i)})
	}
}

// identifier returns the name that the word is, without its quotes; "" where none stands.
func (s *sqlFile) identifier(i int) string {
	if s.at(i).kind != wordToken {
		return ""
	}
	w := s.text(i)
	switch w[0] {
	case '"', '`':
		return strings.ReplaceAll(w[1:len(w)-1], w[:1]+w[:1], w[:1])
	case '[':
		return w[1 : len(w)-1]
	}
	return w
}

// qualified reads a name a.b.c at token i, and returns it with dots, and the index behind it.
func (s *sqlFile) qualified(i int) (string, int) {
	name := s.identifier(i)
	if name == "" {
		return "", i
	}
	for i++; s.is(i, ".") && s.identifier(i+1) != ""; i += 2 {
		name += "." + s.identifier(i+1)
	}
	return name, i
}

// sqlObjects are what CREATE makes, by the kind of its declaration.
var sqlObjects = map[string]Kind{
	"function": Function, "procedure": Function, "proc": Function, "trigger": Function, "table": Class, "view": Type, "policy": Type, "role": Type,
	"user": Type, "type": Type, "domain": Type, "index": Type, "schema": Type, "sequence": Type, "extension": "",
}

// sqlBefore are words that may stand between CREATE and what it makes.
var sqlBefore = wordSet(`or replace alter temp temporary global local unlogged unique clustered nonclustered materialized recursive force editionable
	noneditionable constraint foreign external virtual algorithm undefined merge temptable definer sql security invoker event bitmap spatial fulltext`)

// create reads CREATE …, and returns the index behind what it took.
func (s *sqlFile) create(i int) (int, error) {
	j := i + 1
	object := ""
	for ; j < i+18 && object == ""; j++ {
		w := strings.ToLower(s.text(j))
		if _, makes := sqlObjects[w]; makes && s.at(j).kind == wordToken {
			object = w
			continue
		}
		definer := j >= i+2 && (s.is(j-1, "=") || s.is(j-1, "@") || s.is(j, "@") || s.is(j, "=") || s.at(j).kind == textToken || strings.HasPrefix(w, "@"))
		if !sqlBefore[w] && !definer {
			return i + 1, nil
		}
	}
	if object == "" {
		return i + 1, nil
	}
	if s.word(j, "concurrently") {
		j++
	}
	if s.word(j, "if") && s.word(j+1, "not") && s.word(j+2, "exists") {
		j += 3
	}
	if s.word(j, "on", "authorization", "mapping", "body") || s.word(i+1, "event") && object != "trigger" {
		return i + 1, nil
	}
	name, next := s.qualified(j)
	if name == "" {
		return i + 1, nil
	}
	if object == "extension" {
		s.Imports = append(s.Imports, Import{Module: name, Line: s.lineOf(j)})
		return next, nil
	}
	for k := j; k < next; k++ {
		s.declared[k] = true
	}
	end := int(s.last[next])
	d := Decl{Kind: sqlObjects[object], Name: name, Line: s.lineOf(next - 1)}
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		d.Owner, d.Name = name[:dot], name[dot+1:]
	}
	if object == "trigger" || object == "policy" {
		for k := next; k < end && k < next+60; k++ {
			if s.word(k, "on") {
				if table, _ := s.qualified(k + 1); table != "" {
					d.Owner = table
				}
				break
			}
		}
	}
	if d.Name == "" {
		return next, nil
	}
	if d.Kind == Function {
		return s.routine(i, next, object, d)
	}
	for k := next; k < end; k = s.skip(k) {
		if s.word(k, "references", "on") {
			if _, behind := s.qualified(k + 1); behind > k+1 {
				s.declared[behind-1] = true
			}
		}
		if object == "table" && d.Body.Empty() && s.is(k, "(") {
			d.Body = s.trimmed(k+1, s.partner(k))
		}
	}
	d.Span = s.span(i, max(end, next))
	s.Decls = append(s.Decls, d)
	return next, nil
}

// trimmed returns the text of the tokens from a up to b, or nothing.
func (s *sqlFile) trimmed(a, b int) Span {
	if b <= a {
		return Span{}
	}
	return s.span(a, b)
}

// routine reads what follows the name of a function, procedure or trigger.
func (s *sqlFile) routine(i, next int, object string, d Decl) (int, error) {
	header := next
	if object != "trigger" {
		if s.is(next, "(") {
			d.Params = s.params(s.items(next, ","))
			header = s.partner(next) + 1
		} else if strings.HasPrefix(s.text(next), "@") {
			stop := next
			for stop < len(s.tokens) && !s.word(stop, "as", "with", "returns", "for") && s.tokens[stop].kind != directiveToken {
				stop = s.skip(stop)
			}
			d.Params = s.params(s.cut(next, stop, ","))
			header = stop
		}
	}
	end, err := s.routineBody(header, &d)
	if err != nil {
		return 0, err
	}
	d.Span = Span{int(s.tokens[i].start), max(d.Body.End, int(s.tokens[max(i, end-1)].end))}
	if strings.HasPrefix(d.Name, "test") && !d.Body.Empty() {
		for k := header; k < end && int(s.tokens[k].start) < max(d.Body.Start, 1); k++ {
			if s.word(k, "setof") && s.word(k+1, "text") {
				s.Tests = append(s.Tests, Test{Name: d.Qualified(), Line: d.Line})
				break
			}
		}
	}
	s.Decls = append(s.Decls, d)
	return max(end, next), nil
}

// routineBody finds the body of a routine behind its parameters, and returns the index behind it.
func (s *sqlFile) routineBody(header int, d *Decl) (int, error) {
	c := false
	for k := header; k < len(s.tokens); k = s.skip(k) {
		s.work++
		t := s.tokens[k]
		switch {
		case t.kind == directiveToken || s.is(k, ";"):
			return k, nil
		case s.word(k, "language") && s.word(k+1, "c", "internal"):
			c = true
		case t.kind == textOpenToken:
			d.Body = s.trimmed(k+1, s.partner(k))
			return max(s.partner(k)+1, int(s.last[k])), nil
		case t.kind == textToken && s.word(k-1, "as"):
			end := int(s.last[k])
			for j := k; j < end; j++ {
				c = c || s.word(j, "language") && s.word(j+1, "c", "internal")
			}
			if !c && !s.is(k+1, ",") {
				d.Body = s.inText(t)
			}
			return end, nil
		case s.word(k, "begin"):
			end, err := s.blockEnd(k)
			if err != nil {
				return 0, err
			}
			d.Body = s.span(k, end+1)
			return end + 1, nil
		case s.word(k, "return") && !s.word(k-1, "as"):
			d.Body = s.trimmed(k, int(s.last[k]))
			return int(s.last[k]), nil
		case s.word(k, "as", "is") && !s.word(k+1, "begin") && s.at(k+1).kind != textOpenToken && s.at(k+1).kind != textToken && k > header-1:
			return s.openBody(k, d)
		}
	}
	return len(s.tokens), nil
}

// openBody reads a body behind AS or IS without BEGIN: declarations and a block of Oracle, or statements of SQL Server up to GO, the
// next CREATE or the end.
func (s *sqlFile) openBody(as int, d *Decl) (int, error) {
	if s.word(as-1, "execute", "with") || s.word(as+1, "caller", "owner", "self") { // WITH EXECUTE AS OWNER
		return s.routineBody(as+2, d)
	}
	for k := as + 1; k < len(s.tokens); k = s.skip(k) {
		s.work++
		switch {
		case s.tokens[k].kind == directiveToken, s.word(k, "create") && s.tokens[k].fresh && k > as+1:
			d.Body = s.trimmed(as+1, k)
			return k, nil
		case s.word(k, "begin") && s.word(as, "is"):
			end, err := s.blockEnd(k)
			if err != nil {
				return 0, err
			}
			d.Body = s.span(as+1, end+1)
			return end + 1, nil
		}
	}
	d.Body = s.trimmed(as+1, len(s.tokens))
	return len(s.tokens), nil
}

// inText returns what stands in a string, blanks around it left out.
func (s *sqlFile) inText(t lexeme) Span {
	text := s.src[t.start:t.end]
	from, to := strings.IndexByte(text, '\'')+1, len(text)-1
	if text[0] == '$' {
		from = strings.IndexByte(text[1:], '$') + 2
		to = len(text) - from
	}
	for from < to && isBlank(text[from]) {
		from++
	}
	for to > from && isBlank(text[to-1]) {
		to--
	}
	return Span{int(t.start) + from, int(t.start) + to}
}

// sqlTypes are names of types that are two words; the first of them is no parameter.
var sqlTypes = wordSet(`double character timestamp time bit national int integer bigint smallint text boolean varchar char numeric real date uuid json jsonb
	bytea name oid record anyelement internal regclass float4 float8 int2 int4 int8 trigger cstring`)

// params reads the parameters of a routine: [IN] name type [DEFAULT …].
func (s *sqlFile) params(items [][2]int) []Param {
	var all []Param
	for _, item := range items {
		a, b := item[0], item[1]
		p := Param{Span: s.span(a, b)}
		if s.word(a, "in", "out", "inout", "variadic") && b > a+1 {
			a++
			if s.word(a, "out") { // IN OUT
				a++
			}
		}
		name := strings.TrimLeft(s.identifier(a), "@")
		if name == "" || b == a+1 || s.is(a+1, "(") || s.is(a+1, "[") || s.is(a+1, ".") || sqlTypes[strings.ToLower(name)] && !s.sigil(a) {
			continue
		}
		p.Name = name
		stop := a + 1
		for stop < b && !s.is(stop, "=") && !s.is(stop, ":=") && !s.word(stop, "default") {
			stop = s.skip(stop)
		}
		p.Type = s.fold(s.span(a+1, max(stop, a+1)))
		all = append(all, p)
	}
	return all
}

// sigil reports whether the word is a variable or a name in quotes.
func (s *sqlFile) sigil(i int) bool { return strings.IndexByte("@\"`[", s.text(i)[0]) >= 0 }

// blockEnd returns the index of the END of the block that BEGIN or CASE opens at token i. IF, LOOP and their kin end with END and their
// own word, and are not counted.
func (s *sqlFile) blockEnd(i int) (int, error) {
	depth := 0
	for k := i; k < len(s.tokens); k = s.skip(k) {
		s.work++
		if s.tokens[k].kind != wordToken || s.is(k-1, ".") {
			continue
		}
		switch {
		case s.word(k, "begin"):
			if !s.word(k+1, "tran", "transaction", "work", "dialog", "conversation") && !s.is(k+1, ";") {
				depth++
			}
		case s.word(k, "case"):
			depth++
		case s.word(k, "end"):
			if s.word(k+1, "if", "loop", "while", "repeat", "for", "conversation") {
				k++
				continue
			}
			if depth--; depth == 0 {
				return k, nil
			}
			if s.word(k+1, "case") {
				k++
			}
		}
	}
	return 0, s.syntaxError(int(s.tokens[i].start), "this BEGIN has no END")
}
