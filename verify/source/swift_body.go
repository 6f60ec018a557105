package source

// swiftStops are the words at which an operand of a comparison ends.
var swiftStops = wordSet(`return is as in case where if guard while let var try await throw else switch and`)

// bodies goes over all tokens once, and notes conditions, handlers, patterns, labels and closures.
func (s *swiftFile) bodies() {
	for i := range s.tokens {
		switch s.tokens[i].kind {
		case wordToken:
			if c := s.src[s.tokens[i].start]; 'c' <= c && c <= 'w' && !s.member(i) {
				s.keyword(i)
			}
		case markToken:
			s.sign(i)
		}
	}
}

// headerEnd returns the index of the brace that ends the header of a statement which begins at token i, or -1.
func (s *swiftFile) headerEnd(i int, stop string) int {
	for n := 0; i < len(s.tokens) && n < 100; i, n = s.skip(i), n+1 {
		s.work++
		t := s.tokens[i]
		if s.is(i, stop) && t.kind != noToken {
			return i
		}
		if t.match >= 0 && int(t.match) < i || s.is(i, ";") || s.isAny(i, "if", "guard", "while", "for", "func", "return", "switch") && !s.member(i) {
			return -1
		}
		if s.is(i, "{") && stop != "{" && s.at(i).match > int32(i) { // a closure in the header of a guard
			continue
		}
	}
	return -1
}

func (s *swiftFile) keyword(i int) {
	switch s.text(i) {
	case "if", "while":
		if end := s.headerEnd(i+1, "{"); end > 0 {
			s.owned[end] = true
			s.condition(i+1, end)
			s.failed(i, end)
		}
	case "guard":
		if end := s.headerEnd(i+1, "else"); end > 0 {
			s.condition(i+1, end)
			if s.is(end+1, "{") {
				s.owned[end+1] = true
			}
		}
	case "switch":
		if end := s.headerEnd(i+1, "{"); end > 0 {
			s.owned[end] = true
			s.condition(i+1, end)
		}
	case "for":
		if end := s.headerEnd(i+1, "{"); end > 0 {
			s.owned[end] = true
		}
	case "where":
		end := s.until(i+1, "{", ":", ";", "=>")
		if s.isAny(end, "{", ":") {
			s.condition(i+1, end)
		}
	case "case":
		s.pattern(i)
	case "catch":
		s.handler(i)
	case "is":
		if a := s.before(i, false); a < i {
			s.comparisons = append(s.comparisons, s.span(a, i+1))
		}
	case "let", "var":
		if s.word(i+1) != "" && s.is(i+2, "=") { // the new name, and not what it is bound to
			s.labels = append(s.labels, int(s.at(i+1).start))
		}
	}
}

func (s *swiftFile) sign(i int) {
	switch s.text(i) {
	case "?":
		if i > 0 && s.at(i-1).end < s.at(i).start && !s.at(i).fresh || s.at(i).fresh {
			if a := s.before(i, true); a < i {
				s.condition(a, i)
			}
		}
	case ":":
		if s.word(i-1) != "" && s.isAny(i-2, "(", ",") {
			s.labels = append(s.labels, int(s.at(i-1).start))
		}
	case "(":
		name := i - 1
		if s.angled != nil && s.is(name, ">") && s.angled[name] {
			name = s.beforeAngles(name)
		}
		if w := s.word(name); w != "" && !s.declared[name] && (!swiftKeywords[w] || s.isAny(name-1, ".", "?.", "!.")) {
			s.calls = append(s.calls, phpCall{name: name, open: i})
		}
	case "{":
		s.closure(i)
	}
}

// until returns the index of the first of the marks from token i on, on the same level, or of what ends it.
func (s *swiftFile) until(i int, marks ...string) int {
	for n := 0; i < len(s.tokens) && n < 60; i, n = s.skip(i), n+1 {
		s.work++
		if s.isAny(i, marks...) || s.at(i).match >= 0 && int(s.at(i).match) < i {
			return i
		}
	}
	return min(i, len(s.tokens))
}

// before returns the index at which the operand begins that ends before token i. A wide one goes on over logic and comparisons.
func (s *swiftFile) before(i int, wide bool) int {
	for n := 0; i > 0 && n < 40; n++ {
		s.work++
		k := i - 1
		t := s.tokens[k]
		if m := int(t.match); m >= 0 {
			if m > k || t.kind == markToken && s.is(k, "}") {
				return i
			}
			i = m
			continue
		}
		switch t.kind {
		case wordToken:
			if swiftStops[s.text(k)] && s.text(k) != "is" && s.text(k) != "as" {
				return i
			}
		case markToken:
			switch s.text(k) {
			case ",", ";", "=", ":", "??", "->", "+=", "-=":
				return i
			case "&&", "||", "==", "!=", "<", ">", "<=", "!":
				if !wide {
					return i
				}
			}
		}
		if t.fresh {
			return k
		}
		i = k
	}
	return i
}

// pattern mutes the pattern of the case at token i, and notes a failure that is looked at: "case .failure(let error): …".
func (s *swiftFile) pattern(i int) {
	end := i + 1
	for n := 0; end < len(s.tokens) && n < 60; end, n = s.skip(end), n+1 {
		s.work++
		if s.isAny(end, ":", "=", "where", "in", "{", ";", "case") || s.at(end).fresh && !s.is(end-1, ",") || s.at(end).match >= 0 && int(s.at(end).match) < end {
			break
		}
	}
	s.muted.add(s.span(i, min(end, len(s.tokens))))
	if !s.is(i+1, ".") || !s.is(i+2, "failure") || !s.is(end, ":") {
		return
	}
	name := ""
	if s.is(i+3, "(") {
		name = s.word(s.partner(i+3) - 1)
	}
	stop := end + 1
	for ; stop < len(s.tokens) && !s.isAny(stop, "case", "default") && !s.is(stop, "}"); stop = s.skip(stop) {
		s.work++
	}
	if stop > end+1 && s.does(end+1, stop, name) {
		s.Handlers = append(s.Handlers, Handler{How: s.fold(s.span(i, end)), Span: s.span(i, stop), Line: s.lineOf(i)})
	}
}

// failed notes "if let error { … }", where the block does something.
func (s *swiftFile) failed(i, brace int) {
	if !s.is(i, "if") || !s.is(i+1, "let") {
		return
	}
	switch name := s.word(i + 2); name {
	case "error", "err":
		if m := s.partner(brace); s.does(brace+1, m, name) {
			s.Handlers = append(s.Handlers, Handler{How: s.fold(s.span(i, i+3)), Span: s.span(i, m+1), Line: s.lineOf(i)})
		}
	}
}

// handler notes the catch at token i if its block does something: more than nothing, and more than throwing the error on unseen.
func (s *swiftFile) handler(i int) {
	brace := s.headerEnd(i+1, "{")
	if brace < 0 || !s.is(i-1, "}") {
		return
	}
	s.owned[brace] = true
	s.muted.add(s.span(i, brace))
	name := "error"
	for k := i + 1; k < brace; k++ {
		if s.isAny(k, "let", "var") {
			name = s.word(k + 1)
		}
	}
	m := s.partner(brace)
	if s.does(brace+1, m, name) {
		s.Handlers = append(s.Handlers, Handler{How: s.fold(s.span(i, brace)), Span: s.span(i, m+1), Line: s.lineOf(i)})
	}
}

// closure notes the names that the closure at token i binds: { [captures] a, b in … }.
func (s *swiftFile) closure(i int) {
	if s.owned[i] || s.partner(i) < 0 {
		return
	}
	k := i + 1
	if s.is(k, "[") {
		k = s.skip(k)
	}
	var names []string
	if s.is(k, "(") {
		for _, item := range s.items(k, ",") {
			end := item[0]
			for end < item[1] && !s.is(end, ":") {
				end++
			}
			if w := s.word(end - 1); w != "" {
				names = append(names, plainSwift(w))
			}
		}
		k = s.skip(k)
	} else {
		for n := 0; s.word(k) != "" && !s.is(k, "in") && n < 20; n++ {
			names = append(names, plainSwift(s.word(k)))
			if k++; s.is(k, ",") {
				k++
			}
		}
	}
	for n := 0; n < 30 && !s.is(k, "in") && (s.word(k) != "" || s.isAny(k, "->", ".", "?", "<", ">", "[", "(", "!")); n++ {
		s.work++
		k = s.skip(k)
	}
	if s.is(k, "in") && len(names) > 0 {
		s.scopes = append(s.scopes, scope{span: s.span(i, s.partner(i)+1), names: names})
	}
}

// trailing notes calls whose only argument is a closure behind them: name { … }.
func (s *swiftFile) trailing() {
	for i := range s.tokens {
		if !s.is(i, "{") || s.owned[i] || s.at(i).fresh || s.partner(i) < 0 {
			continue
		}
		name := i - 1
		if s.angled != nil && s.is(name, ">") && s.angled[name] {
			name = s.beforeAngles(name)
		}
		w := s.word(name)
		member := s.isAny(name-1, ".", "?.", "!.")
		if w == "" || s.declared[name] || !member && (swiftKeywords[w] || swiftOpeners[w]) || w[0] == '$' {
			continue
		}
		called, first := s.chain(name, swiftNotation)
		if called == "" {
			continue
		}
		start := int(s.at(first).start)
		m := s.partner(i)
		s.Calls = append(s.Calls, Call{
			Name: called, Span: Span{start, int(s.at(m).end)}, Args: []Span{s.span(i, m+1)}, Line: s.LineOf(start),
		})
	}
}
