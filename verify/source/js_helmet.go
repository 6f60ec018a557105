package source

import "strings"

// jsHelmets are the modules that set the headers of helmet where they are registered.
var jsHelmets = map[string]bool{"helmet": true, "koa-helmet": true, "@fastify/helmet": true, "fastify-helmet": true}

// jsHelmetOption is a header of helmet with the names of its option.
type jsHelmetOption struct {
	header string
	names  []string
	on     bool   // without a word of it; as in helmet 5 and later
	value  string // when nothing is said of it; "" where versions differ
}

// jsHelmetOptions are the options of helmet 4 to 8.
var jsHelmetOptions = []jsHelmetOption{
	{"Content-Security-Policy", []string{"contentSecurityPolicy"}, true, ""},
	{"Cross-Origin-Embedder-Policy", []string{"crossOriginEmbedderPolicy"}, false, "require-corp"},
	{"Cross-Origin-Opener-Policy", []string{"crossOriginOpenerPolicy"}, true, "same-origin"},
	{"Cross-Origin-Resource-Policy", []string{"crossOriginResourcePolicy"}, true, "same-origin"},
	{"Origin-Agent-Cluster", []string{"originAgentCluster"}, true, "?1"},
	{"Referrer-Policy", []string{"referrerPolicy"}, true, "no-referrer"},
	{"Strict-Transport-Security", []string{"strictTransportSecurity", "hsts"}, true, ""},
	{"X-Content-Type-Options", []string{"xContentTypeOptions", "noSniff"}, true, "nosniff"},
	{"X-DNS-Prefetch-Control", []string{"xDnsPrefetchControl", "dnsPrefetchControl"}, true, "off"},
	{"X-Download-Options", []string{"xDownloadOptions", "ieNoOpen"}, true, "noopen"},
	{"X-Frame-Options", []string{"xFrameOptions", "frameguard"}, true, "SAMEORIGIN"},
	{"X-Permitted-Cross-Domain-Policies", []string{"xPermittedCrossDomainPolicies", "permittedCrossDomainPolicies"}, true, "none"},
	{"X-XSS-Protection", []string{"xXssProtection", "xssFilter"}, true, "0"},
}

// importedAs returns the module that a name of the file stands for, or "".
func (j *jsFacts) importedAs(name string) string {
	if j.modules == nil {
		j.modules = map[string]string{}
		for _, i := range j.imports {
			if i.alias != "" {
				j.modules[i.alias] = i.module
			}
		}
		for i := range j.calls { // const x = require("x")
			if c := &j.calls[i]; c.name == "require" && j.at(c.open-2).kind == jsAssign && j.at(c.open-3).kind.name() &&
				j.at(c.open+1).kind == jsString && j.at(c.open).match == c.open+2 && !j.dotted(c.open+3) {
				j.modules[j.spelled(c.open-3)] = jsUnquote(j.spelled(c.open + 1))
			}
		}
	}
	return j.modules[name]
}

// called returns what a range of tokens names, and the bracket of the arguments when it calls that; else -1. What is required in
// place has the name of its module.
func (j *jsFacts) called(r jsRange) (name, module string, open int32) {
	i := r.from
	for i < r.to && (j.at(i).kind == jsNew || j.at(i).kind == jsAwait) {
		i++
	}
	first := j.spelled(i)
	after := i + 1
	if (first == "require" || j.at(i).kind == jsImport) && j.at(i+1).kind == jsOpenParen && j.at(i+2).kind == jsString && j.at(i+1).match == i+3 {
		module = jsUnquote(j.spelled(i + 2))
		name, after = module, i+4
	} else if name = j.callName(r); name != "" {
		root, _, _ := strings.Cut(name, ".")
		module = j.importedAs(root)
		after = i + 1 + 2*int32(strings.Count(name, "."))
	}
	if t := j.at(after); name != "" && t.kind == jsOpenParen && t.match == r.to-1 {
		return name, module, after
	}
	return name, module, -1
}

// helmet notes the headers that a registered argument sets when it is helmet or a part of it: helmet({…}), helmet.hsts({…}).
func (j *jsFacts) helmet(r jsRange) {
	name, module, open := j.called(r)
	if !jsHelmets[module] || open < 0 {
		return
	}
	options := jsRange{open + 1, j.at(open).match}
	part := name[strings.LastIndexByte(name, '.')+1:]
	if name == module || !strings.Contains(name, ".") || part == "default" {
		j.helmetOptions(options, r.from)
		return
	}
	for _, o := range jsHelmetOptions {
		for _, n := range o.names {
			if n == part {
				j.helmetHeader(o, options, r.from)
			}
		}
	}
}

// helmetOptions notes the headers that helmet sets with these options. Options that are not written in place may turn any of
// them off, and then none counts.
func (j *jsFacts) helmetOptions(options jsRange, at int32) {
	given := map[string]jsProperty{}
	if options.to > options.from {
		if j.at(options.from).kind != jsOpenBrace || j.spreads(options.from) {
			return
		}
		for _, p := range j.properties(options.from) {
			given[p.name] = p
		}
		if p, ok := given["global"]; ok && j.spelled(p.value.from) != "true" { // of @fastify/helmet: only where a route asks
			return
		}
	}
	for _, o := range jsHelmetOptions {
		on, value, where := o.on, jsRange{}, at
		for _, name := range o.names {
			if p, ok := given[name]; ok {
				value, where = p.value, p.key
				literal, _ := j.literal(p.value)
				on = literal == "true" || j.at(value.from).kind == jsOpenBrace
				if literal == "true" {
					value = jsRange{}
				}
			}
		}
		if on {
			j.helmetHeader(o, value, where)
		}
	}
}

// helmetHeader notes one header of helmet with its own options.
func (j *jsFacts) helmetHeader(o jsHelmetOption, options jsRange, at int32) {
	h := Header{Name: o.header, Value: o.value, Known: o.value != "", Line: j.f.LineOf(int(j.at(at).start))}
	switch object := options.to > options.from; {
	case object && (j.at(options.from).kind != jsOpenBrace || j.spreads(options.from)):
		h.Known = false
	case object:
		switch o.header {
		case "Content-Security-Policy":
			if p, ok := j.property(options.from, "reportOnly"); ok && j.spelled(p.value.from) != "false" {
				h.Name += "-Report-Only"
			}
		case "Strict-Transport-Security":
			h.Value, h.Known = j.hsts(options.from)
		case "X-Frame-Options":
			if p, ok := j.property(options.from, "action"); ok {
				h.Value, h.Known = j.literal(p.value)
				h.Value = strings.ToUpper(h.Value)
			}
		default:
			h.Known = h.Known && len(j.properties(options.from)) == 0
		}
	}
	if !h.Known {
		h.Value = ""
	}
	j.f.Headers = append(j.f.Headers, h)
}

// hsts returns the value that helmet makes of { maxAge, includeSubDomains, preload }, when these are literals.
func (j *jsFacts) hsts(object int32) (value string, known bool) {
	for _, name := range []string{"maxAge", "includeSubDomains", "preload"} {
		p, given := j.property(object, name)
		literal, isLiteral := j.literal(p.value)
		if given && !isLiteral {
			return "", false
		}
		switch {
		case name == "maxAge" && !given:
			return "", false
		case name == "maxAge":
			value = "max-age=" + strings.ReplaceAll(literal, "_", "")
		case name == "includeSubDomains" && (!given || literal == "true"):
			value += "; includeSubDomains"
		case name == "preload" && literal == "true":
			value += "; preload"
		}
	}
	return value, true
}

// spreads reports whether another object is spread in the one whose brace has that index.
func (j *jsFacts) spreads(open int32) bool {
	for i := open + 1; i < j.at(open).match; i++ {
		if j.at(i).kind == jsEllipsis {
			return true
		}
		i = max(i, j.at(i).match)
	}
	return false
}
