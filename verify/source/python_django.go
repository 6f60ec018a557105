package source

import "strings"

// pySetting is the value of a setting: tokens.
type pySetting struct{ value, end int }

// pySettings are the settings beside SECURE_* that set headers, with the middleware that reads them.
var pySettings = map[string][]string{
	"X_FRAME_OPTIONS":         {"django.middleware.clickjacking.XFrameOptionsMiddleware"},
	"CONTENT_SECURITY_POLICY": {"csp.middleware.CSPMiddleware"},
	"CSP_DEFAULT_SRC":         {"csp.middleware.CSPMiddleware"},
}

// django notes the headers that Django's middleware sets, by the settings of the file that lists it. Settings without the
// middleware, as in a file that extends another, set nothing that is known.
func (p *pyfile) django() {
	lists := map[string]int{} // to the line
	for _, m := range p.Middle {
		lists[m.Name] = m.Line
	}
	set := func(name, value string, known bool, line int) {
		if !known {
			value = ""
		}
		p.Headers = append(p.Headers, Header{Name: name, Value: value, Known: known, Line: line})
	}
	if line := lists["django.middleware.security.SecurityMiddleware"]; line > 0 {
		if at, value, known, on := p.setting("SECURE_HSTS_SECONDS"); on && value != "0" {
			value = "max-age=" + value
			for _, more := range [][2]string{{"SECURE_HSTS_INCLUDE_SUBDOMAINS", "; includeSubDomains"}, {"SECURE_HSTS_PRELOAD", "; preload"}} {
				switch _, given, literal, on := p.setting(more[0]); {
				case on && given == "True":
					value += more[1]
				case len(p.settings[more[0]]) > 0 && !literal:
					known = false
				}
			}
			set("Strict-Transport-Security", value, known, at)
		}
		if at, value, known, on := p.setting("SECURE_CONTENT_TYPE_NOSNIFF"); on && known && value == "True" {
			set("X-Content-Type-Options", "nosniff", true, at)
		} else if at == 0 { // by default since Django 3.0
			set("X-Content-Type-Options", "nosniff", true, line)
		}
		if at, value, known, on := p.setting("SECURE_REFERRER_POLICY"); on {
			set("Referrer-Policy", value, known, at)
		} else if at == 0 { // since 3.1
			set("Referrer-Policy", "same-origin", true, line)
		}
		if at, value, known, on := p.setting("SECURE_CROSS_ORIGIN_OPENER_POLICY"); on {
			set("Cross-Origin-Opener-Policy", value, known, at)
		}
	}
	if line := lists["django.middleware.clickjacking.XFrameOptionsMiddleware"]; line > 0 {
		if at, value, known, on := p.setting("X_FRAME_OPTIONS"); on {
			set("X-Frame-Options", strings.ToUpper(value), known, at)
		} else if at == 0 { // DENY since 3.0, SAMEORIGIN before
			set("X-Frame-Options", "", false, line)
		}
	}
	for _, middleware := range []string{"csp.middleware.CSPMiddleware", "django.middleware.csp.ContentSecurityPolicyMiddleware"} {
		for _, name := range []string{"CONTENT_SECURITY_POLICY", "CSP_DEFAULT_SRC", "SECURE_CSP"} {
			if at, _, _, on := p.setting(name); on && lists[middleware] > 0 {
				set("Content-Security-Policy", "", false, at)
			}
		}
	}
}

// setting returns the value of a setting, whether it is a literal, and whether it turns something on: it is off when any place
// sets it to nothing, and its value is not known when places differ. The line is 0 when it is not set.
func (p *pyfile) setting(name string) (line int, value string, known, on bool) {
	for i, s := range p.settings[name] {
		v, literal := p.scalar(s.value, s.end)
		if literal && (v == "" || v == "None" || v == "False" || v == "0") {
			return p.LineOf(p.tokens[s.value].start), v, true, false
		}
		if i == 0 {
			line, value, known = p.LineOf(p.tokens[s.value].start), v, literal
		} else if v != value || !literal {
			known = false
		}
		on = true
	}
	return line, value, known, on
}

// scalar returns the text of a number, a string, True, False or None.
func (p *pyfile) scalar(a, b int) (string, bool) {
	if s, ok := p.stringAt(a, b); ok {
		return s, true
	}
	if b != a+1 {
		return "", false
	}
	text := p.part(p.spanOf(a, b))
	switch {
	case text == "True" || text == "False" || text == "None":
		return text, true
	case strings.Trim(text, "0123456789_") == "":
		text = strings.TrimLeft(strings.ReplaceAll(text, "_", ""), "0")
		if text == "" {
			text = "0"
		}
		return text, true
	}
	return "", false
}

// pyWrap is what stands in a decorator.
type pyWrap struct {
	name  string
	token int
}

// wrap notes the decorator from token i up to end, and what method_decorator makes one of.
func (p *pyfile) wrap(i, end int) {
	name, open := p.dottedAt(i+1, end)
	last := name[strings.LastIndexByte(name, '.')+1:]
	if last != "method_decorator" || !p.is(open, '(') {
		p.wraps = append(p.wraps, pyWrap{last, i + 1})
		return
	}
	args := p.arguments(open)
	if len(args) == 0 {
		return
	}
	all := args[:1]
	if p.is(args[0][0], '[') || p.is(args[0][0], '(') {
		all = p.arguments(args[0][0])
	}
	for _, arg := range all {
		if given, _ := p.dottedAt(arg[0], arg[1]); given != "" {
			p.wraps = append(p.wraps, pyWrap{given[strings.LastIndexByte(given, '.')+1:], arg[0]})
		}
	}
}

// wrapped notes what the decorators of Django mean for one view: those that are middleware, and those that set a header.
func (p *pyfile) wrapped() {
	if !p.importsFrom("django") {
		return
	}
	for _, w := range p.wraps {
		h := Header{Line: p.LineOf(p.tokens[w.token].start)}
		switch w.name {
		case "csrf_protect", "gzip_page", "cache_page", "conditional_page":
			p.registered(w.name, w.token)
			continue
		case "xframe_options_deny":
			h.Name, h.Value, h.Known = "X-Frame-Options", "DENY", true
		case "xframe_options_sameorigin":
			h.Name, h.Value, h.Known = "X-Frame-Options", "SAMEORIGIN", true
		case "never_cache", "cache_control":
			h.Name = "Cache-Control"
		default:
			continue
		}
		p.Headers = append(p.Headers, h)
	}
}
