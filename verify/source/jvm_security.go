package source

import "strings"

// jvmConfigurers are the parts of Spring Security's HttpSecurity that put something before or around handlers.
var jvmConfigurers = wordSet(`csrf cors headers httpBasic formLogin oauth2Login oauth2Client oauth2ResourceServer saml2Login
	sessionManagement requiresChannel redirectToHttps x509 rememberMe authorizeHttpRequests authorizeRequests authorizeExchange
	exceptionHandling logout requestCache securityContext`)

// jvmSecurityHeaders are the headers that parts of headers(…) set, with the value where the part has one alone.
var jvmSecurityHeaders = map[string][2]string{
	"frameOptions":                   {"X-Frame-Options", ""},
	"contentSecurityPolicy":          {"Content-Security-Policy", ""},
	"httpStrictTransportSecurity":    {"Strict-Transport-Security", ""},
	"hsts":                           {"Strict-Transport-Security", ""},
	"contentTypeOptions":             {"X-Content-Type-Options", "nosniff"},
	"referrerPolicy":                 {"Referrer-Policy", ""},
	"permissionsPolicy":              {"Permissions-Policy", ""},
	"permissionsPolicyHeader":        {"Permissions-Policy", ""},
	"featurePolicy":                  {"Feature-Policy", ""},
	"xssProtection":                  {"X-XSS-Protection", ""},
	"crossOriginOpenerPolicy":        {"Cross-Origin-Opener-Policy", ""},
	"crossOriginEmbedderPolicy":      {"Cross-Origin-Embedder-Policy", ""},
	"crossOriginResourcePolicy":      {"Cross-Origin-Resource-Policy", ""},
	"httpPublicKeyPinning":           {"Public-Key-Pins-Report-Only", ""},
	"strictTransportSecurityHeaders": {"Strict-Transport-Security", ""},
}

// secured reads what is said of a variable of the type HttpSecurity: http.csrf(…).headers(…), and in Kotlin http { csrf { } }.
func (j *jvm) secured() {
	for i := range j.tokens {
		name := j.word(i)
		if name == "" {
			continue
		}
		if t := j.types[name]; t != "HttpSecurity" && t != "ServerHttpSecurity" {
			continue
		}
		switch {
		case j.is(i-1, "."):
		case j.is(i+1, "."):
			j.chained(i + 1)
		case j.is(i+1, "{"):
			j.block(i + 1)
		}
		if j.is(i+1, ".") && j.is(i+2, "invoke") && j.is(i+3, "{") {
			j.block(i + 3)
		}
	}
}

// chained reads a chain of calls from its first dot.
func (j *jvm) chained(i int) {
	headers := -1
	for j.is(i, ".") && j.word(i+1) != "" {
		j.work++
		name, open := j.word(i+1), i+2
		for j.is(open, "<") && j.angled != nil && j.angled[open] {
			for !j.is(open, "(") && open < len(j.tokens) {
				open++
			}
		}
		if j.partner(open) < open {
			return
		}
		i = j.skip(open)
		if name == "and" || name == "headers" {
			headers = -1
		}
		if jvmConfigurers[name] && !j.disabled(open) {
			j.Middle = append(j.Middle, Reference{Name: name, Line: j.lineOf(open - 1)})
		}
		if name == "headers" && !j.disabled(open) {
			headers = open
			j.securityHeaders(open+1, j.partner(open))
		} else if headers >= 0 {
			j.securityHeader(name, open)
		}
	}
}

// block reads the statements of Kotlin's DSL.
func (j *jvm) block(open int) {
	end := j.partner(open)
	for i := open + 1; i < end; i = j.skip(i) {
		j.work++
		name := j.word(i)
		if !jvmConfigurers[name] || !j.isAny(i+1, "{", "(") || j.disabled(i+1) {
			continue
		}
		j.Middle = append(j.Middle, Reference{Name: name, Line: j.lineOf(i)})
		if name == "headers" {
			j.securityHeaders(i+2, j.partner(i+1))
		}
	}
}

// disabled reports whether a part is switched off: csrf(c -> c.disable()), csrf(X::disable), csrf().disable(), csrf { disable() }.
func (j *jvm) disabled(open int) bool {
	if after := j.skip(open); j.is(after, ".") && j.is(after+1, "disable") {
		return true
	}
	end := j.partner(open)
	for i := open + 1; i < end; i++ {
		j.work++
		switch {
		case j.is(i, "disable"):
			return true
		case j.word(i) != "", j.isAny(i, "->", "::", ".", "{"):
		default:
			return false // what is switched off further in is a part of it
		}
	}
	return false
}

// securityHeaders reads the parts that headers(…) is given.
func (j *jvm) securityHeaders(a, b int) {
	for i := a; i < b; i++ {
		j.work++
		if w := j.word(i); w != "" && j.isAny(i+1, "(", "{") {
			j.securityHeader(w, i+1)
		}
	}
}

// securityHeader notes the header that a part sets.
func (j *jvm) securityHeader(part string, open int) {
	known, ok := jvmSecurityHeaders[part]
	if !ok || j.disabled(open) {
		return
	}
	h := Header{Name: known[0], Value: known[1], Known: known[1] != "", Line: j.lineOf(open - 1)}
	end := j.skip(open)
	if j.is(end, ".") && j.isAny(end+1, "deny", "sameOrigin", "policyDirectives", "policy", "reportOnly") {
		end = j.skip(end + 2)
	}
	for i := open + 1; i < end; i++ {
		j.work++
		on := !(j.is(i+1, "=") && j.is(i+2, "false"))
		switch {
		case j.is(i, "deny") && part == "frameOptions" && on:
			h.Value, h.Known = "DENY", true
		case j.is(i, "sameOrigin") && part == "frameOptions" && on:
			h.Value, h.Known = "SAMEORIGIN", true
		case j.is(i, "reportOnly") && part == "contentSecurityPolicy" && on:
			h.Name += "-Report-Only"
		}
		if s, ok := j.literalValue(i); ok && strings.HasSuffix(strings.ToLower(part), "policy") && !h.Known && h.Value == "" {
			if j.is(i+1, ")") || j.is(i+1, ",") || j.is(i-1, "=") {
				h.Value, h.Known = s, true
			} else {
				h.Value = s // joined with something else
			}
		}
	}
	if !h.Known {
		h.Value = ""
	}
	j.Headers = append(j.Headers, h)
}
