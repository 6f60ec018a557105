package source

import "strings"

// sqlNoCalls are the words before "(" that call nothing: clauses, constraints, types.
var sqlNoCalls = wordSet(`in values and or not exists any all some as on using if when where into references table index key unique check primary foreign over
	partition by within group filter with varchar nvarchar char nchar character varying numeric decimal dec float double precision bit varbinary binary time
	timestamp timestamptz datetime2 datetimeoffset int integer bigint smallint tinyint number varchar2 nvarchar2 raw interval enum set select from join
	having limit offset returning return returns then else case between like union except intersect distinct array row rows range exclude include procedure
	function is begin end while until loop elsif elseif execute exec call default generated always identity order update insert delete of for lateral
	cube rollup grouping sets recursive materialized conflict constraint add column type print max`)

// sqlStatements are the words that begin a statement behind a condition that no word ends.
var sqlStatements = wordSet(`select set return raiserror throw exec execute print insert update delete goto break continue declare rollback commit begin drop
	alter create truncate`)

// code reads what stands in bodies and statements: calls, conditions, handlers.
func (s *sqlFile) code() {
	for i := range s.tokens {
		t := s.tokens[i]
		if t.kind == markToken && s.is(i, "(") {
			s.callBefore(i)
			continue
		}
		if t.kind != wordToken || s.is(i-1, ".") {
			continue
		}
		switch {
		case s.word(i, "exec", "call"), s.word(i, "execute"):
			s.executes(i)
		case s.word(i, "if", "elsif", "elseif", "while", "until", "assert"):
			s.decides(i)
		case s.word(i, "case"):
			if !s.word(i-1, "end") && !s.word(i+1, "when") {
				s.until(i+1, "when")
			}
		case s.word(i, "when"):
			s.until(i+1, "then")
		case s.word(i, "exception") && s.word(i+1, "when"):
			s.exceptions(i)
		case s.word(i, "catch") && s.word(i-1, "begin"):
			s.catches(i)
		case s.word(i, "handler") && s.word(i+1, "for"):
			s.handler(i)
		}
	}
}

// callBefore notes the call whose arguments begin at token i.
func (s *sqlFile) callBefore(i int) {
	name := i - 1
	if s.at(name).kind != wordToken || s.declared[name] || strings.HasPrefix(s.text(name), "@") {
		return
	}
	first := name
	called := s.identifier(name)
	if sqlNoCalls[strings.ToLower(s.text(name))] && !s.is(name-1, ".") {
		return
	}
	for s.is(first-1, ".") && s.identifier(first-2) != "" && name-first < 8 {
		first -= 2
		called = s.identifier(first) + "." + called
	}
	if s.declared[first] || s.word(first-1, "into", "table", "references", "view", "index", "join", "update", "function", "procedure", "trigger", "exists") && !s.word(first-2, "execute") {
		return
	}
	if m := s.partner(i); s.word(m+1, "as") && (s.word(first-1, "with", "recursive") || s.is(first-1, ",")) && s.is(m+2, "(") {
		return // WITH name (columns) AS (…)
	}
	s.note(called, first, i)
}

// executes notes the procedure that EXEC or CALL names without brackets. EXECUTE of one word runs a text.
func (s *sqlFile) executes(i int) {
	j := i + 1
	if strings.HasPrefix(s.text(j), "@") && s.is(j+1, "=") { // EXEC @result = name
		j += 2
	}
	name, next := s.qualified(j)
	if name == "" || s.is(next, "(") || strings.HasPrefix(name, "@") || s.word(j, "function", "procedure", "immediate", "as", "format", "using", "into", "on") {
		return
	}
	if s.word(i, "execute") && next == j+1 {
		return
	}
	end := int(s.last[next])
	for k := next; k < end; k = s.skip(k) {
		s.work++
		if t := s.tokens[k]; t.fresh && sqlStatements[strings.ToLower(s.text(k))] || s.word(k, "end", "if") || k > next+60 {
			end = k
			break
		}
	}
	start := int(s.tokens[j].start)
	c := Call{Name: name, Span: Span{start, int(s.tokens[max(end, next)-1].end)}, Line: s.LineOf(start)}
	for _, item := range s.cut(next, end, ",") {
		c.Args = append(c.Args, s.span(item[0], item[1]))
	}
	s.Calls = append(s.Calls, c)
}

// until notes a condition from token a up to the word.
func (s *sqlFile) until(a int, word string) {
	for k := a; k < len(s.tokens) && k < a+50; k = s.skip(k) {
		s.work++
		if s.word(k, word) {
			s.condition(a, k)
			return
		}
		if s.is(k, ";") || s.at(k).kind == directiveToken || s.word(k, "end") {
			return
		}
	}
}

// decides notes what IF, WHILE and their kin decide by.
func (s *sqlFile) decides(i int) {
	if s.word(i-1, "end") || s.word(i+1, "exists") && !s.is(i+2, "(") || s.word(i+1, "not") && s.word(i+2, "exists") && !s.is(i+3, "(") {
		return
	}
	end := i + 1
	for ; end < len(s.tokens) && end < i+50; end = s.skip(end) {
		s.work++
		t := s.tokens[end]
		if t.kind == directiveToken || s.is(end, ";") || s.word(end, "then", "loop", "do", "begin") || end > i+1 && t.fresh && sqlStatements[strings.ToLower(s.text(end))] {
			break
		}
		if s.word(i, "assert") && s.is(end, ",") {
			break
		}
		if s.word(end, "@@error") && s.word(i, "if") {
			s.Handlers = append(s.Handlers, Handler{How: "@@ERROR", Span: s.span(i, end+1), Line: s.lineOf(i)})
		}
		if t.kind == wordToken && end > i+1 && s.word(end, "return", "raiserror", "throw", "exec", "rollback", "goto", "break") {
			break
		}
	}
	s.condition(i+1, min(end, len(s.tokens)))
}

// exceptions notes the clauses WHEN … THEN behind EXCEPTION that do something.
func (s *sqlFile) exceptions(i int) {
	when, from := i+1, -1
	depth := 0
	for k := i + 1; k < len(s.tokens); k = s.skip(k) {
		s.work++
		over := s.at(k).kind == textCloseToken || s.at(k).kind == directiveToken
		switch {
		case over:
		case from < 0:
			if s.word(k, "then") {
				from = k + 1
			}
			continue
		case s.word(k, "begin", "case") || s.word(k, "if", "loop") && !s.word(k-1, "end"):
			depth++
			continue
		case s.word(k, "end") && depth > 0:
			if depth--; s.word(k+1, "if", "loop", "case") {
				k++
			}
			continue
		case s.word(k, "end"):
			over = true
		case s.word(k, "when") && depth == 0:
		default:
			continue
		}
		if from >= 0 && s.acts(from, k) {
			s.Handlers = append(s.Handlers, Handler{How: s.fold(s.span(when, from)), Span: s.span(when, k), Line: s.lineOf(when)})
		}
		if over {
			return
		}
		when, from = k, -1
	}
}

// acts reports whether one of the statements from token a up to b does something: it is not NULL, and does not raise again what
// was caught.
func (s *sqlFile) acts(a, b int) bool {
	for a < b {
		end := a
		for end < b && !s.is(end, ";") {
			end = s.skip(end)
			s.work++
		}
		switch n := end - a; {
		case n == 0:
		case n == 1 && s.word(a, "null", "raise", "throw", "return", "resignal"):
		case n == 2 && s.word(a, "return") && s.word(a+1, "null"):
		default:
			return true
		}
		a = end + 1
	}
	return false
}

// catches notes BEGIN CATCH … END CATCH; i is the index of CATCH.
func (s *sqlFile) catches(i int) {
	end, err := s.blockEnd(i - 1)
	if err == nil && s.acts(i+1, end) {
		s.Handlers = append(s.Handlers, Handler{How: "BEGIN CATCH", Span: s.span(i-1, end+1), Line: s.lineOf(i - 1)})
	}
}

// handler notes DECLARE … HANDLER FOR … of MySQL; one for NOT FOUND ends a loop and handles no error.
func (s *sqlFile) handler(i int) {
	k := i + 2
	for ; k < len(s.tokens) && k < i+40 && !s.is(k, ";"); k++ {
		if s.word(k, "found") {
			return
		}
		if s.word(k, "begin") || sqlStatements[strings.ToLower(s.text(k))] || s.word(k, "call", "signal", "resignal") {
			break
		}
	}
	end := int(s.last[k])
	from := k
	if s.word(k, "begin") {
		var err error
		if end, err = s.blockEnd(k); err != nil {
			return
		}
		from = k + 1
	}
	if s.acts(from, end) {
		s.Handlers = append(s.Handlers, Handler{How: "HANDLER", Span: s.span(i, max(end, i+1)), Line: s.lineOf(i)})
	}
}
