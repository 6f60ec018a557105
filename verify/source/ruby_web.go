package source

import (
	"slices"
	"strings"
)

// What calls and assignments of Ruby mean to Rails, Sinatra, Rack and the environment.

// rubyFilters are the calls of a controller that name what runs around its actions.
var rubyFilters = wordSet(`before_action prepend_before_action append_before_action after_action prepend_after_action append_after_action
	around_action prepend_around_action append_around_action before_filter prepend_before_filter append_before_filter
	after_filter prepend_after_filter append_after_filter around_filter prepend_around_filter append_around_filter`)

// rubyGuards are the calls of a controller that are a filter themselves.
var rubyGuards = wordSet(`protect_from_forgery http_basic_authenticate_with rate_limit`)

// rubyTold are the other calls that say something here; those of ENV come beside them.
var rubyTold = wordSet(`require require_relative load require_dependency autoload protect_from_forgery http_basic_authenticate_with rate_limit use unshift push
	insert_before insert_after insert swap before after rescue_from error content_security_policy set_header add_header append_header store []= merge! update
	reverse_merge! headers header new`)

// rubySecure are the settings of the gem secure_headers, by the header that each sets.
var rubySecure = map[string]string{
	"hsts": "Strict-Transport-Security", "x_frame_options": "X-Frame-Options", "x_content_type_options": "X-Content-Type-Options",
	"x_xss_protection": "X-XSS-Protection", "x_download_options": "X-Download-Options", "referrer_policy": "Referrer-Policy",
	"x_permitted_cross_domain_policies": "X-Permitted-Cross-Domain-Policies", "csp": "Content-Security-Policy",
	"csp_report_only": "Content-Security-Policy-Report-Only", "clear_site_data": "Clear-Site-Data",
}

// web looks at all calls, indices and assignments.
func (r *rubyFile) web() {
	for i := range r.calls {
		c := &r.calls[i]
		r.webCall(c)
		if c.block >= 0 && strings.HasSuffix(c.name, "SecureHeaders.Configuration.default") {
			for k := c.block; k < r.partner(c.block); k++ {
				if header := rubySecure[r.word(k)]; header != "" && r.role(k) == rubyMember && r.is(k+1, "=") {
					r.setHeader(header, k, k+2, r.statementEnd(k+2))
				}
			}
		}
	}
	for i := range r.tokens {
		switch r.sign(i) {
		case '[':
			r.index(i)
		case '=':
			r.assigns(i)
		}
	}
}

// webCall looks at one call.
func (r *rubyFile) webCall(c *rubyCall) {
	last := lastPart(c.name)
	if !rubyTold[last] && !rubyFilters[last] && c.name[0] != 'E' {
		return
	}
	receiver := strings.TrimSuffix(strings.TrimSuffix(c.name, last), ".")
	bare := receiver == ""
	line := r.lineOf(c.index)
	switch {
	case bare && (last == "require" || last == "require_relative" || last == "load" || last == "require_dependency"):
		if len(c.args) > 0 {
			if module, ok := r.stringIn(c.args[0][0], c.args[0][1]); ok && module != "" {
				if last == "require_relative" && !strings.HasPrefix(module, ".") && !strings.HasPrefix(module, "/") {
					module = "./" + module
				}
				r.Imports = append(r.Imports, Import{Module: module, Line: line})
			}
		}
	case last == "autoload" && len(c.args) == 2:
		if module, ok := r.stringIn(c.args[1][0], c.args[1][1]); ok {
			im := Import{Module: module, Line: line}
			if name, ok := r.symbolIn(c.args[0][0], c.args[0][1]); ok {
				im.Names = []string{name}
			}
			r.Imports = append(r.Imports, im)
		}
	case receiver == "ENV":
		r.env(last, c.args)
	case rubyFilters[last]:
		for _, arg := range c.args {
			if name, ok := r.symbolIn(arg[0], arg[1]); ok {
				r.registered(name, arg[0])
			} else if name, next := r.constant(arg[0]); name != "" && (next == arg[1] || r.is(next, ".")) {
				r.registered(name, arg[0])
			}
		}
	case rubyGuards[last] && (bare || receiver == "self"):
		r.registered(last, c.index)
	case last == "use" && (bare || rubyStack(receiver)), rubyStack(receiver) && (last == "unshift" || last == "push"):
		r.middleware(c.args, 0)
	case rubyStack(receiver) && (last == "insert_before" || last == "insert_after" || last == "insert" || last == "swap"):
		r.middleware(c.args, 1)
	case bare && (last == "before" || last == "after") && c.block >= 0 && len(c.args) == 0 && r.requires("sinatra"):
		r.registered(last, c.index)
	case last == "rescue_from" && len(c.args) > 0 && (c.block >= 0 || slices.ContainsFunc(c.args, func(a [2]int) bool { return r.is(a[0], "with") })),
		bare && last == "error" && c.block >= 0 && r.requires("sinatra"):
		end := r.statementEnd(c.index)
		r.Handlers = append(r.Handlers, Handler{How: last, Span: Span{int(r.tokens[c.index].start), r.last[end-1]}, Line: line})
	case last == "content_security_policy" && c.block >= 0:
		r.setHeader("Content-Security-Policy", c.index, 0, 0)
	default:
		r.headerCall(c, receiver, last)
	}
}

// rubyStack reports whether the receiver is the stack of middleware of an application.
func rubyStack(receiver string) bool {
	last := lastPart(receiver)
	return last == "middleware" || last == "app_middleware"
}

func (r *rubyFile) requires(module string) bool {
	return slices.ContainsFunc(r.Imports, func(im Import) bool { return im.Module == module || strings.HasPrefix(im.Module, module+"/") })
}

// env notes the variables that a method of ENV reads.
func (r *rubyFile) env(method string, args [][2]int) {
	switch method {
	case "fetch", "key?", "has_key?", "include?", "member?":
		args = args[:min(1, len(args))]
	case "values_at", "slice":
	default:
		return
	}
	for _, arg := range args {
		r.readsEnv(arg[0], arg[1])
	}
}

func (r *rubyFile) readsEnv(a, b int) {
	if name, ok := r.stringIn(a, b); ok && name != "" {
		r.Env = append(r.Env, Reference{Name: name, Line: r.lineOf(a)})
	}
}

func (r *rubyFile) registered(name string, token int) {
	if name != "" {
		r.Middle = append(r.Middle, Reference{Name: name, Line: r.lineOf(token)})
	}
}

// middleware notes the argument with that index: a constant, a name, or a string.
func (r *rubyFile) middleware(args [][2]int, n int) {
	if len(args) <= n {
		return
	}
	a, b := r.trim(args[n][0], args[n][1])
	if name, ok := r.stringIn(a, b); ok {
		r.registered(name, a)
		return
	}
	if name, next := r.constant(a); name != "" && next == b {
		r.registered(name, a)
	} else if name, first := r.chain(b - 1); r.word(b-1) != "" && first == a && !strings.HasPrefix(name, "?") && strings.Contains(name, ".") {
		r.registered(name, a)
	}
}

// setHeader notes a header with the value of the tokens from a up to b.
func (r *rubyFile) setHeader(name string, at, a, b int) {
	if name == "" {
		return
	}
	h := Header{Name: name, Line: r.lineOf(at)}
	if b > a {
		h.Value, h.Known = r.stringIn(a, b)
	}
	r.Headers = append(r.Headers, h)
}

// pairs notes the headers of "name => value" and "name: value" between the tokens a and b, or within the braces there. A key
// that is a word names a header only by its colon behind quotes.
func (r *rubyFile) pairs(items [][2]int) {
	for _, item := range items {
		a, b := r.trim(item[0], item[1])
		for k := a; k < b; k = r.skip(k) {
			if r.is(k, "=>") || r.is(k, ":") && r.at(k-1).kind == textToken {
				if name, ok := r.stringIn(a, k); ok {
					r.setHeader(name, a, k+1, b)
				}
				break
			}
		}
	}
}

// hash returns the items of the braces that the tokens from a up to b are, perhaps frozen.
func (r *rubyFile) hash(a, b int) ([][2]int, bool) {
	a, b = r.trim(a, b)
	if !r.is(a, "{") {
		return nil, false
	}
	m := r.partner(a)
	if m != b-1 && !(r.is(m+1, ".") && r.is(m+2, "freeze") && m+3 == b) {
		return nil, false
	}
	return r.items(a, ","), true
}

// outgoing reports whether what is called so holds headers of an answer: "headers", "response.headers", not those of a request.
func outgoing(name string) bool {
	last := strings.TrimLeft(lastPart(name), "@")
	if last != "headers" && last != "default_headers" {
		return false
	}
	return !slices.ContainsFunc(strings.Split(name, "."), requestWord)
}

func requestWord(part string) bool {
	return slices.ContainsFunc(words(part), func(w string) bool {
		return w == "request" || w == "req" || w == "http" || w == "client" || w == "conn"
	})
}

// answers reports whether the name is that of an answer: response, @response, res.
func answers(name string) bool {
	switch strings.TrimLeft(lastPart(name), "@") {
	case "response", "resp", "res":
		return !strings.Contains(name, "?")
	}
	return false
}

// ownHash reports whether the method around token i makes the hash "headers" itself: then nothing says that it goes out.
func (r *rubyFile) ownHash(i int) bool {
	at := int(r.tokens[i].start)
	for k := range r.Decls {
		d := &r.Decls[k]
		if d.Kind != Function || !d.Body.Holds(at) {
			continue
		}
		if d.Name == "call" {
			return false
		}
		for _, p := range d.Params {
			if p.Name == "headers" {
				return true
			}
		}
		for k := i - 1; k >= 0 && int(r.tokens[k].start) >= d.Body.Start; k-- {
			r.work++
			if r.is(k, "headers") && r.is(k+1, "=") {
				return true
			}
		}
	}
	return false
}

// headerCall looks at calls that set headers.
func (r *rubyFile) headerCall(c *rubyCall, receiver, last string) {
	switch last {
	case "set_header", "add_header", "append_header":
		if len(c.args) == 2 && receiver != "" && !slices.ContainsFunc(strings.Split(receiver, "."), requestWord) {
			r.pairOf(c.args)
		}
	case "store", "[]=":
		if len(c.args) == 2 && strings.Contains(receiver, ".") && outgoing(receiver) {
			r.pairOf(c.args)
		}
	case "merge!", "update", "reverse_merge!":
		if outgoing(receiver) && len(c.args) > 0 && !(receiver == "headers" && r.ownHash(c.index)) {
			r.hashArgs(c.args)
		}
	case "headers":
		if receiver == "" && len(c.args) > 0 {
			r.hashArgs(c.args)
		}
	case "header":
		if receiver == "" && len(c.args) == 2 && strings.HasPrefix(c.super, "Grape.") {
			r.pairOf(c.args)
		}
	case "new":
		if strings.HasSuffix(receiver, "Rack.Response") && len(c.args) >= 3 {
			if items, ok := r.hash(c.args[2][0], c.args[2][1]); ok {
				r.pairs(items)
			}
		}
	}
}

func (r *rubyFile) pairOf(args [][2]int) {
	if name, ok := r.stringIn(args[0][0], args[0][1]); ok {
		r.setHeader(name, args[0][0], args[1][0], args[1][1])
	}
}

// hashArgs notes the pairs that are the arguments, or the pairs of the one hash that is.
func (r *rubyFile) hashArgs(args [][2]int) {
	if items, ok := r.hash(args[0][0], args[0][1]); ok {
		r.pairs(items)
		return
	}
	r.pairs(args)
}

// index looks at the bracket at i: ENV["X"], headers["X"] = …, [200, {…}, body].
func (r *rubyFile) index(i int) {
	m := r.partner(i)
	word := r.word(i - 1)
	if word == "" || r.tokens[i-1].end != r.tokens[i].start {
		r.triple(i)
		return
	}
	name, _ := r.chain(i - 1)
	sets := r.is(m+1, "=")
	switch {
	case name == "ENV":
		if !sets {
			r.readsEnv(i+1, m)
		}
	case !sets && !r.is(m+1, "||="):
	case outgoing(name) && !(name == "headers" && r.ownHash(i)):
		if key, ok := r.stringIn(i+1, m); ok {
			r.setHeader(key, i+1, m+2, r.statementEnd(m+2))
		}
	case answers(name):
		key, ok := r.stringIn(i+1, m)
		if ok && key != "" && (strings.Contains(key, "-") || key[0] >= 'A' && key[0] <= 'Z') {
			r.setHeader(key, i+1, m+2, r.statementEnd(m+2))
		}
	}
}

// triple looks at the answer of a Rack application: a status, a hash of headers, a body.
func (r *rubyFile) triple(i int) {
	if t := r.at(i + 1); t.kind != numberToken && !r.is(i+1, "status") || !r.is(i+2, ",") {
		return
	}
	if r.at(i+1).kind == numberToken && (len(r.text(i+1)) != 3 || r.text(i + 1)[0] < '1' || r.text(i + 1)[0] > '5') {
		return
	}
	items := r.items(i, ",")
	if len(items) != 3 {
		return
	}
	if pairs, ok := r.hash(items[1][0], items[1][1]); ok {
		r.pairs(pairs)
	}
}

// assigns looks at the assignment at i: x.default_headers = {…}, response.headers = {…}, config.force_ssl = true.
func (r *rubyFile) assigns(i int) {
	if r.word(i-1) == "" || r.role(i-1) != rubyMember {
		return
	}
	name, first := r.chain(i - 1)
	switch {
	case outgoing(name):
		if items, ok := r.hash(i+1, r.statementEnd(i+1)); ok {
			r.pairs(items)
		}
	case lastPart(name) == "force_ssl" && r.is(i+1, "true") && r.statementEnd(i+1) == i+2:
		r.registered(name, first)
		r.setHeader("Strict-Transport-Security", first, 0, 0)
	}
}
