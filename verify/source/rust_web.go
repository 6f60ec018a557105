package source

import (
	"slices"
	"strings"
)

// testOf notes a test: a function that an attribute marks as one, and that is not ignored.
func (r *rustFile) testOf(d *Decl) {
	is := false
	for _, c := range d.Decorators {
		switch last := c.Name[strings.LastIndexByte(c.Name, '.')+1:]; last {
		case "test", "rstest", "test_case", "quickcheck", "wasm_bindgen_test":
			is = true
		case "ignore":
			return
		}
	}
	if is && !d.Body.Empty() || is && d.Body.Start > 0 {
		r.Tests = append(r.Tests, Test{Name: strings.ReplaceAll(d.Qualified(), ".", "::"), Line: d.Line})
	}
}

// settings notes the variables of the environment that an attribute at token i names: #[arg(env = "X")] of clap,
// #[envconfig(from = "X")].
func (r *rustFile) settings(i int) {
	open := i + 1
	m := r.partner(open)
	if !r.is(open, "[") || m < open || !r.isAny(open+1, "arg", "clap", "structopt", "envconfig") {
		return
	}
	key := "env"
	if r.is(open+1, "envconfig") {
		key = "from"
	}
	for k := open + 2; k < m; k++ {
		r.work++
		if r.is(k, key) && r.is(k+1, "=") {
			if name, ok := r.literalValue(k + 2); ok && name != "" {
				r.Env = append(r.Env, Reference{Name: name, Line: r.lineOf(k + 2)})
			}
		}
	}
}

// resolved replaces the first part of a name by what its import says that it stands for.
func (r *rustFile) resolved(name string) string {
	first, rest, dotted := strings.Cut(name, ".")
	full, ok := r.names[first]
	switch {
	case !ok:
		return name
	case dotted:
		return full + "." + rest
	}
	return full
}

// web takes out of the calls what they mean to HTTP and the environment. Calls and strings are in the order of the text.
func (r *rustFile) web() {
	for i := range r.Calls {
		r.webCall(&r.Calls[i])
	}
}

// before returns the text that ends where a call begins, blanks left out; at most that many bytes.
func (r *rustFile) before(c *Call, n int) string {
	text := strings.TrimRight(r.src[max(0, c.Span.Start-n):c.Span.Start], " \t\r\n")
	return strings.TrimSpace(strings.TrimSuffix(text, "."))
}

func (r *rustFile) webCall(c *Call) {
	last := c.Name[strings.LastIndexByte(c.Name, '.')+1:]
	receiver := strings.TrimSuffix(strings.TrimSuffix(c.Name, last), ".")
	if len(c.Args) == 0 {
		return
	}
	bang := strings.HasPrefix(strings.TrimLeft(r.src[min(len(r.src), c.Span.Start+len(last)):c.Span.End], " "), "!")
	switch full := r.resolved(c.Name); {
	case full == "std.env.var" || full == "std.env.var_os" || full == "dotenvy.var" || full == "dotenv.var",
		c.Name == "env.var" || c.Name == "env.var_os",
		(last == "env" || last == "option_env" || last == "dotenv") && bang && (receiver == "" || receiver == "std" || receiver == "dotenvy_macro"):
		if name, ok := r.argument(c.Args[0]); ok && name != "" {
			r.Env = append(r.Env, Reference{Name: name, Line: r.LineOf(c.Args[0].Start)})
		}
		return
	}
	switch last {
	case "insert_header", "append_header":
		r.pair(c.Args[0], c.Line)
	case "add":
		if receiver == "?" && strings.Contains(r.before(c, 400), "DefaultHeaders::new()") && !strings.Contains(r.after("DefaultHeaders::new()", c), ";") {
			r.pair(c.Args[0], c.Line)
		}
	case "insert", "append":
		if len(c.Args) == 2 && r.ofHeaders(c, receiver) {
			r.header(c.Args[0], c.Args[1], c.Line)
		}
	case "header":
		if len(c.Args) == 2 && receiver != "" && r.ofAnswer(c, receiver) {
			r.header(c.Args[0], c.Args[1], c.Line)
		}
	case "set_raw_header", "adjoin_raw_header":
		if len(c.Args) == 2 {
			r.header(c.Args[0], c.Args[1], c.Line)
		}
	case "set_header":
		for _, inner := range r.Within(c.Args[0]) {
			if strings.HasSuffix(inner.Name, "Header.new") && len(inner.Args) == 2 {
				r.header(inner.Args[0], inner.Args[1], c.Line)
			}
		}
	case "if_not_present", "overriding", "appending":
		if strings.HasSuffix(receiver, "SetResponseHeaderLayer") && len(c.Args) == 2 {
			r.header(c.Args[0], c.Args[1], c.Line)
		}
	case "layer", "route_layer", "wrap", "attach":
		if receiver != "" && len(c.Args) == 1 && r.applied(c) {
			r.registered(c.Args[0])
		}
	}
}

// after returns the text between the last place of a mark before a call and the call.
func (r *rustFile) after(mark string, c *Call) string {
	text := r.src[max(0, c.Span.Start-400):c.Span.Start]
	return text[strings.LastIndex(text, mark)+len(mark):]
}

// ofHeaders reports whether what a call inserts into are the headers of an answer.
func (r *rustFile) ofHeaders(c *Call, receiver string) bool {
	name := receiver[strings.LastIndexByte(receiver, '.')+1:]
	if receiver == "?" {
		before := r.before(c, 120)
		if !strings.HasSuffix(before, "headers_mut()") {
			return false
		}
		before = strings.TrimRight(strings.TrimSuffix(before, "headers_mut()"), " \t\r\n.")
		start := strings.LastIndexFunc(before, func(r rune) bool { return r > 0x7f || !isNameByte(byte(r)) })
		owner := before[start+1:]
		return !slices.Contains(words(owner), "req") && !slices.Contains(words(owner), "request")
	}
	if strings.Contains(receiver, "req") {
		return false
	}
	return name == "headers" || strings.HasSuffix(name, "_headers")
}

// ofAnswer reports whether a method "header" is of the builder of an answer, and not of a request.
func (r *rustFile) ofAnswer(c *Call, receiver string) bool {
	text := r.src[max(0, c.Span.Start-300):c.Span.Start]
	if i := strings.LastIndexAny(text, ";{}"); i >= 0 {
		text = text[i:]
	}
	return (strings.Contains(text, "Response") || strings.Contains(receiver, "response")) && !strings.Contains(text, "Request")
}

// pair notes a header that is written as a pair: ("X-A", "1").
func (r *rustFile) pair(s Span, line int) {
	i := r.tokenAt(s.Start)
	if !r.is(i, "(") {
		return
	}
	if items := r.reader.items(i, ","); len(items) == 2 {
		r.header(r.span(items[0][0], items[0][1]), r.span(items[1][0], items[1][1]), line)
	}
}

// tokenAt returns the index of the token that begins at the offset.
func (r *rustFile) tokenAt(offset int) int {
	i, found := slices.BinarySearchFunc(r.tokens, offset, func(t lexeme, at int) int { return int(t.start) - at })
	if !found {
		return -1
	}
	return i
}

// argument returns the literal that an argument is, that its name stands for, or that a constructor such as from_static is given.
func (r *rustFile) argument(s Span) (string, bool) {
	text := strings.TrimLeft(r.part(s), "& ")
	if literals := r.StringsIn(s); len(literals) > 0 {
		lit := literals[0]
		rest := strings.TrimSpace(r.src[lit.Span.End:s.End])
		switch before := strings.TrimLeft(r.src[s.Start:lit.Span.Start], "& \n\t"); {
		case before == "" && rest == "":
			return lit.Value, true
		case (strings.HasSuffix(before, "::from_static(") || strings.HasSuffix(before, "HeaderValue::from_str(")) && strings.Trim(rest, ") ?,\n\t") == "":
			return lit.Value, true
		}
		return "", false
	}
	value, ok := r.literals[text[strings.LastIndexByte(text, ':')+1:]]
	return value, ok
}

// header notes a header that is set.
func (r *rustFile) header(name, value Span, line int) {
	h := Header{Line: line}
	ok := false
	if h.Name, ok = r.argument(name); !ok {
		written := strings.TrimLeft(r.part(name), "& ")
		last := written[strings.LastIndexByte(written, ':')+1:]
		full := r.resolved(strings.ReplaceAll(written, "::", "."))
		if !isUpper(last) || !strings.Contains("."+full, "header.") {
			return
		}
		h.Name = headerOf(last)
	}
	if h.Name == "" {
		return
	}
	h.Value, h.Known = r.argument(value)
	r.Headers = append(r.Headers, h)
}

// applied reports whether a layer is added to what serves: a builder of layers alone must be given on.
func (r *rustFile) applied(c *Call) bool {
	dot := r.tokenAt(c.Span.Start)
	for n := 0; n < 200 && dot > 0; n++ { // back to what the chain begins with
		r.work++
		k := dot - 1
		if !r.isAny(k, ".", "::") {
			break
		}
		k--
		for r.isAny(k, ")", "]", "?") {
			k = r.back(k)
		}
		if r.is(k, ">") && r.angled[k] {
			return false
		}
		dot = k
	}
	if !r.is(dot, "ServiceBuilder") {
		return true
	}
	if r.is(dot-1, "(") && r.isAny(dot-2, "layer", "route_layer", "wrap") {
		return true
	}
	name := ""
	if r.is(dot-1, "=") {
		name = r.word(dot - 2)
	}
	return name != "" && slices.ContainsFunc(r.Calls, func(c Call) bool {
		return strings.HasSuffix(c.Name, "layer") && len(c.Args) == 1 && r.part(c.Args[0]) == name
	})
}

// registered notes the middleware that an argument is: a function handed to from_fn, or a type that is made.
func (r *rustFile) registered(s Span) {
	i := r.tokenAt(s.Start)
	if i < 0 {
		return
	}
	name, k := "", i
	for ; r.word(k) != "" || r.is(k, "::"); k++ {
		if r.is(k, "::") {
			name += "."
		} else {
			name += r.plain(k)
		}
		if r.is(k+1, "<") && r.angled[k+1] {
			break
		}
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch last {
	case "from_fn", "from_fn_with_state", "map_request", "map_response", "from_fn_with_state_arc", "map_request_with_state", "map_response_with_state":
		if items := r.reader.items(k, ","); r.is(k, "(") && len(items) > 0 {
			f := items[len(items)-1]
			r.registered(r.span(f[0], f[1]))
		}
		return
	case "from_extractor", "from_extractor_with_state":
		for j := k; j < k+8; j++ {
			if isCapital(r.word(j)) {
				r.Middle = append(r.Middle, Reference{Name: r.word(j), Line: r.lineOf(i)})
				return
			}
		}
		return
	}
	name = strings.Trim(name, ".")
	if name == "" || rustNotation.keywords[name] || strings.HasPrefix(name, "ServiceBuilder") {
		return
	}
	if prefix := strings.TrimSuffix(strings.TrimSuffix(name, last), "."); prefix != "" && !isCapital(last) && isCapital(prefix[strings.LastIndexByte(prefix, '.')+1:]) {
		name = prefix // Type::new
	}
	first, rest, _ := strings.Cut(name, ".")
	if full := r.names[first]; full != "" && !strings.HasSuffix("."+full, "."+first) { // imported under another name
		name = strings.TrimSuffix(full[strings.LastIndexByte(full, '.')+1:]+"."+rest, ".")
	}
	r.Middle = append(r.Middle, Reference{Name: name, Line: r.lineOf(i)})
}
