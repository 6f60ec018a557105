package source

import (
	"slices"
	"strings"
)

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

// answered reports whether a call is called on an answer.
func (s *scalafile) answered(c *jvmCall) bool {
	s.receiver(c)
	if len(c.on) == 0 {
		return false
	}
	return scalaResults[c.on[0]] || c.on[0] == "result" || s.answers(c)
}
