package source

import "strings"

// An error is handled in Rust where something is done with it: an arm of a match for Err(…), "if let Err", the else of "let Ok" and
// "if let Ok", map_err, or_else and unwrap_or_else with a closure that takes the error, inspect_err, context. A bare "?" passes it on
// unseen, unwrap and expect end the program, and ok() drops it: none of them handles it, nor does an arm that only panics or returns
// the same error. unwrap_or counts behind parse, var and the like alone: an Option has it too.

// body takes facts out of the statements in a brace; items in it are members of the owner.
func (r *rustFile) body(open int, owner string) {
	m := r.closed(open, len(r.tokens))
	r.bodies = append(r.bodies, [2]int{open, m})
	for i := open + 1; i < m; i++ {
		r.work++
		if r.is(i, "#") {
			r.settings(i)
		}
		if t := r.at(i); t.kind == markToken || t.kind == wordToken {
			if r.isAny(i-1, "{", "}", ";") || r.is(i-1, "]") && r.is(r.back(i-1), "#") {
				if next := r.item(i, m, owner, "fn"); next > i {
					i = next - 1
					continue
				}
			}
			if next, _ := r.attributes(i, m); next > i {
				i = next - 1
				continue
			}
		}
		switch r.word(i) {
		case "if", "while":
			r.branch(i, m)
		case "match":
			r.match(i, m)
		case "let":
			if !r.isAny(i-1, "if", "while", "&&") {
				r.let(i, m)
			}
		case "":
			switch {
			case r.is(i, "|") || r.is(i, "||"):
				r.closure(i, m)
			case r.is(i, ":") && r.word(i-1) != "" && r.isAny(i-2, "{", ","):
				r.labels = append(r.labels, int(r.at(i-1).start))
			case r.is(i, "!") && r.is(i+1, "("):
				r.checks(i)
			}
		}
	}
}

// head returns the index of the brace or the "=>" behind a condition that begins at token i.
func (r *rustFile) head(i, m int) int {
	for n := 0; i < m && n < 1000; n++ {
		r.work++
		if r.isAny(i, "{", "=>", ";", "}") {
			return i
		}
		i = r.skip(i)
	}
	return m
}

// branch reads "if", "while" and guards of arms.
func (r *rustFile) branch(i, m int) {
	open := r.head(i+1, m)
	r.condition(i+1, open)
	pattern, value := -1, -1
	if r.is(i+1, "let") {
		pattern = i + 2
		for value = pattern; value < open && !r.is(value, "="); value = r.skip(value) {
			r.work++
		}
		r.quiet(pattern, value)
	}
	if !r.is(open, "{") {
		return
	}
	block := r.skip(open)
	switch {
	case pattern > 0 && r.errors(pattern, value):
		if r.acts(open+1, r.closed(open, m), r.caught(pattern, value)) {
			r.handled("if let Err", i, block)
		}
	case pattern > 0 && r.is(pattern, "Ok"):
		if r.is(block, "else") && r.is(block+1, "{") && r.acts(block+2, r.closed(block+1, m), "") {
			r.handled("if let Ok else", i, r.skip(block+1))
		}
	case pattern < 0:
		for k := i + 1; k < open; k++ {
			r.work++
			if r.is(k, "is_err") && r.is(k-1, ".") && r.is(k+1, "(") && r.acts(open+1, r.closed(open, m), "") {
				r.handled("if is_err()", i, block)
				return
			}
		}
	}
}

// errors reports whether a pattern is of Err.
func (r *rustFile) errors(a, b int) bool {
	for i := a; i < b; i++ {
		r.work++
		if r.is(i, "Err") && r.is(i+1, "(") && (i == a || !r.is(i-1, ".")) {
			return true
		}
	}
	return false
}

// caught returns the name that the error is bound to.
func (r *rustFile) caught(a, b int) string {
	for i := a; i < b; i++ {
		if r.is(i, "Err") && r.is(i+1, "(") {
			if names := r.bound(i+2, min(b, r.closed(i+1, b))); len(names) == 1 {
				return names[0]
			}
		}
	}
	return ""
}

// acts reports whether the tokens do something: not nothing, and not only a panic or the same error handed on.
func (r *rustFile) acts(a, b int, caught string) bool {
	for r.is(a, "{") && r.closed(a, b) == b-1 || r.is(a, "return") {
		if r.is(a, "{") {
			b--
		}
		a++
	}
	for b > a && r.isAny(b-1, ";", ",") {
		b--
	}
	r.work++
	switch {
	case b <= a:
		return false
	case b == a+1 && (r.isAny(a, "continue", "break", "None", "_") || r.at(a).kind != wordToken):
		return false
	case b == a+2 && r.is(a, "(") && r.is(a+1, ")"), b == a+2 && r.is(a, "{"):
		return false
	case r.is(a, "Err") && r.is(a+1, "(") && r.closed(a+1, b) == b-1 && b == a+4 && r.word(a+2) == caught:
		return false
	case r.isAny(a, "panic", "unreachable", "todo", "unimplemented") && r.is(a+1, "!") && r.skip(a+2) >= b:
		return false
	}
	return true
}

func (r *rustFile) handled(how string, a, b int) {
	r.Handlers = append(r.Handlers, Handler{How: how, Span: r.span(a, b), Line: r.lineOf(a)})
}

// match reads the arms of a match.
func (r *rustFile) match(i, m int) {
	open := r.head(i+1, m)
	if !r.is(open, "{") {
		return
	}
	r.condition(i+1, open)
	end := r.closed(open, m)
	for a := open + 1; a < end; {
		r.work++
		if next, _ := r.attributes(a, end); next > a {
			a = next
			continue
		}
		arrow, guard := a, -1
		for arrow < end && !r.is(arrow, "=>") {
			r.work++
			if r.is(arrow, "if") && guard < 0 {
				guard = arrow
			}
			arrow = r.skip(arrow)
		}
		if arrow >= end {
			return
		}
		pattern := arrow
		if guard > 0 {
			pattern = guard
		}
		r.quiet(a, pattern)
		stop := arrow + 1
		if r.is(stop, "{") {
			stop = r.skip(stop)
		} else {
			for stop < end && !r.is(stop, ",") {
				r.work++
				stop = r.skip(stop)
			}
		}
		if r.errors(a, pattern) && r.acts(arrow+1, stop, r.caught(a, pattern)) {
			r.handled("match Err", a, stop)
		}
		if a = stop; r.is(a, ",") {
			a++
		}
	}
}

// let reads the pattern of a let, and its else.
func (r *rustFile) let(i, m int) {
	value := i + 1
	for value < m && !r.isAny(value, "=", ";", "{") {
		r.work++
		if r.is(value, "{") {
			break
		}
		value = r.skip(value)
	}
	if r.is(value, "{") && r.word(value-1) != "" { // a pattern of fields
		if value = r.skip(value); !r.is(value, "=") {
			return
		}
	}
	r.quiet(i+1, min(value, m))
	if !r.is(value, "=") {
		return
	}
	if !r.isAny(i+1, "Ok", "Some") && !isCapital(r.word(i+1)) {
		return
	}
	for k, n := value+1, 0; k < m && n < 400 && !r.is(k, ";"); n++ {
		r.work++
		if r.is(k, "else") && r.is(k+1, "{") {
			r.condition(value+1, k)
			if r.is(i+1, "Ok") && r.acts(k+2, r.closed(k+1, m), "") {
				r.handled("let Ok else", i, r.skip(k+1))
			}
			return
		}
		k = r.skip(k)
	}
}

// closure notes the names that a closure binds, when the mark at token i begins one.
func (r *rustFile) closure(i, m int) {
	if !r.isAny(i-1, "(", ",", "=", "{", ";", "}", "move", "return", "=>", ":", "&", "async", "[", "else") || r.is(i, "||") {
		return
	}
	k := i + 1
	for n := 0; n < 60 && k < m && !r.is(k, "|"); n++ {
		if r.isAny(k, ";", "}") {
			return
		}
		k = r.skip(k)
	}
	if !r.is(k, "|") {
		return
	}
	var names []string
	for _, item := range r.cut(i+1, k, ",") {
		colon := item[0]
		for colon < item[1] && !r.is(colon, ":") {
			colon = r.skip(colon)
		}
		names = append(names, r.bound(item[0], min(colon, item[1]))...)
	}
	end := k + 1
	for n := 0; end < m && n < 200 && !r.isAny(end, ",", ";", ")", "}", "]"); n++ {
		r.work++
		block := r.is(end, "{") && end == k+1
		if end = r.skip(end); block {
			break
		}
	}
	r.scopes = append(r.scopes, scope{span: r.span(i, max(end, k+1)), names: names})
}

// rustChecks are macros whose arguments decide something.
var rustChecks = wordSet(`assert debug_assert assert_eq assert_ne debug_assert_eq debug_assert_ne ensure matches assert_matches`)

// checks notes the condition of an assertion whose "!" is token i.
func (r *rustFile) checks(i int) {
	word := r.word(i - 1)
	if !rustChecks[word] {
		return
	}
	items := r.reader.items(i+1, ",")
	for n, item := range items {
		switch {
		case n == 0, n == 1 && strings.Contains(word, "_eq"), n == 1 && strings.Contains(word, "_ne"):
			r.condition(item[0], item[1])
		case n == 1 && strings.Contains(word, "matches"):
			r.quiet(item[0], item[1])
		}
	}
}

// rustQuoting are macros that are given code as a text.
var rustQuoting = wordSet(`quote quote_spanned parse_quote parse_quote_spanned stringify macro_rules`)

// macros notes the macros that are called with square brackets or braces, takes out of the calls what is only quoted, and finds
// the handlers that are methods.
func (r *rustFile) macros() {
	for i := range r.tokens {
		if !r.is(i, "!") || r.word(i-1) == "" || !r.isAny(i+1, "[", "{") || rustNotation.keywords[r.word(i-1)] {
			continue
		}
		if name, first := r.chain(i-1, &rustNotation); name != "" && !r.declared[i-1] {
			r.note(name, first, i+1)
		}
	}
	var quoted []Span
	for i := range r.tokens {
		if rustQuoting[r.word(i)] && r.is(i+1, "!") && r.isAny(i+2, "(", "[", "{") {
			quoted = append(quoted, r.inside(i+2))
		}
	}
	if len(quoted) > 0 {
		var kept []Call
		q := 0
		r.File.sort()
		for _, c := range r.Calls {
			for q < len(quoted) && quoted[q].End <= c.Span.Start {
				q++
			}
			if q == len(quoted) || !quoted[q].Holds(c.Span.Start) {
				kept = append(kept, c)
			}
		}
		r.Calls = kept
	}
	for i := range r.tokens {
		if r.is(i, ".") && r.word(i+1) != "" {
			r.method(i + 1)
		}
	}
}

// method notes a handler that is a method of a Result.
func (r *rustFile) method(i int) {
	open := i + 1
	if !r.is(open, "(") || r.partner(open) < open {
		return
	}
	m := r.partner(open)
	switch r.word(i) {
	case "map_err", "or_else", "unwrap_or_else", "inspect_err", "map_or_else":
		k := open + 1
		if r.is(k, "move") {
			k++
		}
		switch {
		case r.is(k, "||"), m == k: // of an Option
			return
		case r.is(k, "|"):
			end := k + 1
			for end < m && !r.is(end, "|") {
				end = r.skip(end)
			}
			stop := m
			if items := r.reader.items(open, ","); r.is(i, "map_or_else") && len(items) > 0 {
				stop = items[0][1]
			}
			if !r.acts(end+1, stop, "") && r.at(end+1).kind != textToken && r.at(end+1).kind != numberToken {
				return
			}
		case r.word(i) != "map_err" && r.word(i) != "inspect_err": // a function may be of an Option
			return
		case r.is(k, "drop") || r.is(k, "identity"):
			return
		}
	case "context", "with_context", "wrap_err", "wrap_err_with":
		if m == open+1 || !r.is(m+1, "?") && !r.is(i, "with_context") {
			return
		}
	case "unwrap_or":
		if m == open+1 || !r.isAny(i-2, ")") {
			return
		}
		if !r.parses(r.nameBefore(r.partner(i - 2))) {
			return
		}
	default:
		return
	}
	r.handled(r.word(i), i, m+1)
}

// parses reports whether the name at token i is of a function that gives a Result.
func (r *rustFile) parses(i int) bool {
	return r.isAny(i, "parse", "var", "try_into", "try_from", "from_str", "from_str_radix", "from_utf8", "read_to_string")
}
