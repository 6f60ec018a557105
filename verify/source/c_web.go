package source

import "strings"

// web takes out of the calls what they mean to HTTP and the environment, and finds the tests.
func (c *cfile) web() {
	c.constants()
	for i := range c.Calls {
		c.webCall(&c.Calls[i])
	}
	c.crow()
	c.testsOf()
}

// constants notes the names that are bound once, to one string literal: const char *NAME = "x", constexpr auto NAME = "x".
func (c *cfile) constants() {
	for i := range c.tokens {
		if c.at(i).kind != textToken || !c.is(i+1, ";") || !c.isAny(i-1, "=", "{", "(") {
			continue
		}
		k := i - 2
		if c.is(k, "]") {
			k = c.back(k)
		}
		name := c.word(k)
		if name == "" || cKeyword[name] {
			continue
		}
		constant := false
		for n := 1; n < 8 && k-n >= 0 && !c.isAny(k-n, ";", "}", "{", ")"); n++ {
			constant = constant || c.isAny(k-n, "const", "constexpr", "string_view")
		}
		value, ok := c.literalValue(i)
		if _, have := c.literals[name]; have || c.unclear[name] || !ok || !constant {
			delete(c.literals, name)
			c.unclear[name] = true
			continue
		}
		c.literals[name] = value
	}
}

// argument returns the literal that an argument of a call is, or that its name stands for.
func (c *cfile) argument(s Span) (string, bool) {
	text := c.part(s)
	if strings.HasPrefix(text, `"`) || strings.HasPrefix(text, `L"`) || strings.HasPrefix(text, `R"`) || strings.HasPrefix(text, `u8"`) {
		value, end := "", s.Start
		for _, lit := range c.StringsIn(s) {
			if strings.TrimSpace(c.src[end:lit.Span.Start]) != "" {
				return "", false
			}
			value += lit.Value
			end = lit.Span.End
		}
		return value, strings.TrimSpace(c.src[end:s.End]) == ""
	}
	value, ok := c.literals[text[strings.LastIndexByte(text, ':')+1:]]
	return value, ok && !c.unclear[text]
}

// header notes a header that is set.
func (c *cfile) header(call *Call, name, value int) {
	if len(call.Args) <= max(name, value) {
		return
	}
	h := Header{Line: call.Line}
	written := c.part(call.Args[name])
	ok := false
	if h.Name, ok = c.argument(call.Args[name]); !ok {
		switch { // enumerators and macros that are called by the header: http::field::server, MHD_HTTP_HEADER_CONTENT_TYPE
		case strings.HasPrefix(written, "MHD_HTTP_HEADER_"):
			h.Name = headerOf(strings.TrimPrefix(written, "MHD_HTTP_HEADER_"))
		case strings.Contains(written, "field::"):
			h.Name = headerOf(written[strings.LastIndexByte(written, ':')+1:])
		default:
			return
		}
	}
	if h.Name == "" || strings.ContainsAny(h.Name, " \t\r\n:") {
		return
	}
	h.Value, h.Known = c.argument(call.Args[value])
	c.Headers = append(c.Headers, h)
}

// headerOf turns CONTENT_TYPE into Content-Type.
func headerOf(constant string) string {
	parts := strings.Split(strings.ToLower(constant), "_")
	for i, p := range parts {
		if p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-")
}

// webCall looks at one call.
func (c *cfile) webCall(call *Call) {
	last := call.Name[strings.LastIndexByte(call.Name, '.')+1:]
	receiver := strings.TrimSuffix(strings.TrimSuffix(call.Name, last), ".")
	switch call.Name {
	case "getenv", "std.getenv", "secure_getenv", "_wgetenv", "qgetenv", "qEnvironmentVariable", "g_getenv":
		if len(call.Args) > 0 {
			c.reads(call, 0)
		}
	case "getenv_s", "_dupenv_s":
		if n := len(call.Args); n > 2 {
			c.reads(call, n-1)
		}
	case "MHD_add_response_header", "evhttp_add_header", "soup_message_headers_append", "soup_message_headers_replace":
		c.header(call, 1, 2)
	case "apr_table_set", "apr_table_setn", "apr_table_add", "apr_table_addn", "apr_table_merge", "apr_table_mergen":
		if len(call.Args) == 3 && strings.HasSuffix(c.part(call.Args[0]), "headers_out") {
			c.header(call, 1, 2)
		}
	case "CROW_MIDDLEWARES":
		for _, arg := range call.Args[min(1, len(call.Args)):] {
			c.registered(c.part(arg), call.Line)
		}
	case "tcase_add_test", "tcase_add_loop_test", "tcase_add_exit_test", "tcase_add_test_raise_signal":
		if len(call.Args) > 1 {
			c.added = append(c.added, c.part(call.Args[1]))
		}
	case "RUN_TEST", "cmocka_unit_test", "cmocka_unit_test_setup_teardown":
		if len(call.Args) > 0 {
			c.added = append(c.added, c.part(call.Args[0]))
		}
	}
	if receiver == "" {
		return
	}
	from := receiver[strings.LastIndexByte(receiver, '.')+1:]
	if from == "req" || from == "request" { // of what is asked for, not of the answer
		return
	}
	switch last {
	case "addHeader", "add_header", "set_header", "setHeader", "putHeader", "putHeaderIfNotExists", "putOrReplaceHeader", "replaceHeader":
		c.header(call, 0, 1)
	case "set":
		if len(call.Args) == 2 && strings.Contains(c.part(call.Args[0]), "field::") {
			c.header(call, 0, 1)
		}
	case "registerPreRoutingAdvice", "registerPostRoutingAdvice", "registerPreHandlingAdvice", "registerPostHandlingAdvice", "registerFilter",
		"registerMiddleware", "set_pre_routing_handler", "set_post_routing_handler", "addRequestInterceptor", "addResponseInterceptor":
		if len(call.Args) > 0 {
			c.registered(c.part(call.Args[0]), call.Line)
		}
	}
}

// reads notes the variable of the environment that an argument names.
func (c *cfile) reads(call *Call, arg int) {
	if name, ok := c.argument(call.Args[arg]); ok && name != "" {
		c.Env = append(c.Env, Reference{Name: name, Line: c.LineOf(call.Args[arg].Start)})
	}
}

// registered notes middleware that is called by a name, with "&" before it or a call behind it.
func (c *cfile) registered(text string, line int) {
	text = strings.TrimSpace(strings.TrimPrefix(text, "&"))
	if i := strings.IndexAny(text, "(<{"); i > 0 {
		if text[:i] != "std::make_shared" {
			text = text[:i]
		} else if j := strings.IndexByte(text, '>'); j > i {
			text = text[i+1 : j]
		}
	}
	for _, r := range []byte(text) {
		if !isNameByte(r) && r != ':' {
			return
		}
	}
	if text != "" && isNameStart(text[0]) {
		c.Middle = append(c.Middle, Reference{Name: strings.ReplaceAll(text, "::", "."), Line: line})
	}
}

// crow notes the middleware of crow::App<A, B>.
func (c *cfile) crow() {
	for i := range c.tokens {
		if !c.is(i, "App") || !c.is(i-1, "::") || !c.is(i-2, "crow") || !c.is(i+1, "<") || !c.angled[i+1] {
			continue
		}
		end := c.afterAngles(i+1) - 1
		for _, item := range c.cut(i+2, end, ",") {
			c.registered(c.part(c.span(item[0], item[1])), c.lineOf(item[0]))
		}
	}
}

// Macros that define a test: those that take its suite and its name, and those that take a title.
var (
	cNamedTests  = wordSet(`TEST TEST_F TEST_P TYPED_TEST TYPED_TEST_P`)
	cTitledTests = wordSet(`TEST_CASE SCENARIO TEST_CASE_METHOD TEST_CASE_FIXTURE TEST_CASE_TEMPLATE TEMPLATE_TEST_CASE
		TEMPLATE_TEST_CASE_METHOD TEMPLATE_LIST_TEST_CASE SCENARIO_METHOD TEST_CASE_PERSISTENT_FIXTURE`)
	cBoostTests = wordSet(`BOOST_AUTO_TEST_CASE BOOST_FIXTURE_TEST_CASE BOOST_DATA_TEST_CASE BOOST_AUTO_TEST_CASE_TEMPLATE`)
)

// testsOf finds the tests. Those that are skipped whatever happens are none.
func (c *cfile) testsOf() {
	var suites []string // of Boost.Test
	skipped := Span{}   // a suite of doctest that is skipped
	unity := false
	for _, im := range c.Imports {
		unity = unity || im.Module == "unity.h" || strings.HasSuffix(im.Module, "/unity.h")
	}
	for i := range c.tokens {
		word := c.word(i)
		if word == "" || !c.is(i+1, "(") || !isUpper(word) {
			continue
		}
		block := c.skip(i + 1)
		args := c.items(i+1, ",")
		if len(args) == 0 {
			if word == "BOOST_AUTO_TEST_SUITE_END" && len(suites) > 0 {
				suites = suites[:len(suites)-1]
			}
			continue
		}
		first := c.word(args[0][0])
		all := c.part(c.inside(i + 1))
		disabled := c.is(i-1, ")") && strings.Contains(c.part(c.inside(c.partner(i-1))), "disabled")
		switch {
		case word == "BOOST_AUTO_TEST_SUITE" || word == "BOOST_FIXTURE_TEST_SUITE":
			if disabled || strings.Contains(all, "disabled") {
				first = ""
			}
			suites = append(suites, first)
		case !c.is(block, "{"):
		case word == "TEST_SUITE":
			if strings.Contains(all, "skip") {
				skipped = c.span(i, c.skip(block))
			}
		case cNamedTests[word] && len(args) == 2:
			name := c.word(args[1][0])
			if first == "" || name == "" || strings.HasPrefix(first, "DISABLED_") || strings.HasPrefix(name, "DISABLED_") || c.skips(block) {
				continue
			}
			c.test(first+"."+name, i)
		case cTitledTests[word]:
			if strings.Contains(all, "skip(") || c.skips(block) || skipped.Holds(int(c.at(i).start)) {
				continue
			}
			for n, arg := range args {
				title, ok := c.literalValue(arg[0])
				if !ok || n > 1 {
					continue
				}
				if n+1 < len(args) {
					if tags, ok := c.literalValue(args[n+1][0]); ok && (strings.Contains(tags, "[.") || strings.Contains(tags, "[!hide]")) {
						break
					}
				}
				if strings.HasPrefix(word, "SCENARIO") {
					title = "Scenario: " + title
				}
				c.test(title, i)
				break
			}
		case cBoostTests[word]:
			if first == "" || disabled || strings.Contains(all, "disabled") {
				continue
			}
			name := ""
			for _, s := range suites {
				if s == "" {
					first = ""
				}
				name += s + "/"
			}
			if first != "" {
				c.test(name+first, i)
			}
		case word == "START_TEST" && len(args) == 1:
			if first != "" && c.isAdded(first) {
				c.test(first, i)
			}
		}
	}
	for i := range c.Decls {
		d := &c.Decls[i]
		if d.Kind != Function || d.Owner != "" || d.Body.Empty() || len(d.Params) > 1 {
			continue
		}
		runs := c.isAdded(d.Name)
		if unity && len(c.added) == 0 { // the runner is generated: it takes what is called so
			runs = len(d.Params) == 0 && (strings.HasPrefix(d.Name, "test") || strings.HasPrefix(d.Name, "spec"))
		}
		if runs && !c.ignored(d) {
			c.Tests = append(c.Tests, Test{Name: d.Name, Line: d.Line})
		}
	}
}

func (c *cfile) isAdded(name string) bool {
	for _, have := range c.added {
		if strings.TrimPrefix(have, "&") == name {
			return true
		}
	}
	return false
}

func (c *cfile) test(name string, token int) {
	if name != "" {
		c.Tests = append(c.Tests, Test{Name: name, Line: c.lineOf(token)})
	}
}

// skips reports whether the first thing that a test does is to skip itself.
func (c *cfile) skips(block int) bool {
	return c.isAny(block+1, "GTEST_SKIP", "SKIP", "TEST_IGNORE", "TEST_IGNORE_MESSAGE", "GTEST_SKIP_")
}

// ignored reports whether the first call of a function is one that ignores the test.
func (c *cfile) ignored(d *Decl) bool {
	calls := c.Within(d.Body)
	if len(calls) == 0 {
		return false
	}
	switch calls[0].Name {
	case "TEST_IGNORE", "TEST_IGNORE_MESSAGE", "skip":
		return strings.TrimSpace(c.src[d.Body.Start:calls[0].Span.Start]) == ""
	}
	return false
}
