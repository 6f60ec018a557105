package impact

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Kind is what sort of new surface a change adds.
type Kind string

// The kinds.
const (
	Route       Kind = "route"                // somebody can call it
	Listener    Kind = "listener"             // a port opens
	Upload      Kind = "file_upload"          // files come in
	Secret      Kind = "secret"               // a setting or a literal that looks like a credential
	Environment Kind = "environment_variable" // read or set
	Endpoint    Kind = "endpoint"             // another system that is named
	Command     Kind = "command"              // a program is run
	Dependency  Kind = "dependency"
)

// Kinds lists the kinds, what to look at first before the rest.
func Kinds() []Kind {
	return []Kind{Route, Listener, Upload, Secret, Command, Endpoint, Environment, Dependency}
}

// Enum lists the legal values, for schemas.
func (Kind) Enum() []string {
	out := make([]string, 0, 8)
	for _, k := range Kinds() {
		out = append(out, string(k))
	}
	return out
}

// Surface is something that a change adds and a threat model may lack.
type Surface struct {
	Kind Kind
	What string // "POST /login", a package, a variable, a host: of the diff, cleaned, at most [MaxWhat] characters; never a secret's value
	File string
	Line int // in the new file, from 1
}

// MaxWhat bounds what is shown of the diff, in characters.
const MaxWhat = 120

// maxLine is how much of a line is looked at, in bytes: longer ones are generated.
const maxLine = 2_000

// FindSurface lists what the added lines of a change bring, by kind in the order of [Kinds], then as the diff has it, each once. What
// a removed line of the diff had too is not new. Tests, vendored code, prose and lock files are left out, and so are comments as
// far as the lines of a hunk show them; a call that spans lines and a name that is put together are not seen. A path without its
// lines brings nothing.
func FindSurface(changes []Change) []Surface {
	type key struct {
		kind Kind
		what string
	}
	known := map[key]bool{}
	for i := range changes {
		for _, s := range scan(&changes[i], '-') {
			known[key{s.Kind, s.What}] = true
		}
	}
	byKind := map[Kind][]Surface{}
	for i := range changes {
		for _, s := range scan(&changes[i], '+') {
			if k := (key{s.Kind, s.What}); !known[k] {
				known[k] = true
				byKind[s.Kind] = append(byKind[s.Kind], s)
			}
		}
	}
	var out []Surface
	for _, k := range Kinds() {
		out = append(out, byKind[k]...)
	}
	return out
}

// scan finds surface in the lines of a kind, with the lines around them to tell comments and sections.
func scan(c *Change, kind byte) []Surface {
	name := c.New
	if kind == '-' {
		name = c.Old
	}
	if name == "" || skipped(name) {
		return nil
	}
	var out []Surface
	if kind == '+' && (c.Op == Added || c.Op == Renamed) {
		if m := fileRoute.FindStringSubmatch(name); m != nil {
			out = append(out, Surface{Kind: Route, What: Show("/"+m[1]+m[2], MaxWhat), File: Show(name, 200), Line: 1})
		}
	}
	l := languageOf(name)
	if l == "" {
		return out
	}
	for h := range c.Hunks {
		found, open := scanHunk(&c.Hunks[h], kind, name, l, "")
		if open == `"""` || open == `'''` { // it may have begun within a text that ended here: what either reading shows counts
			other, _ := scanHunk(&c.Hunks[h], kind, name, l, open)
			for _, s := range other {
				if !slices.Contains(found, s) {
					found = append(found, s)
				}
			}
		}
		out = append(out, found...)
	}
	return out
}

// scanHunk scans a hunk that begins within what the text "within" closes; it returns what is still open at the end.
func scanHunk(h *Hunk, kind byte, name string, l language, within string) (out []Surface, open string) {
	s := newStripper(l)
	s.within = within
	m := manifestOf(name)
	for i := range h.Lines {
		line := &h.Lines[i]
		if line.Kind != ' ' && line.Kind != kind {
			continue
		}
		text := line.Text
		if len(text) > maxLine {
			text = text[:maxLine]
		}
		code := s.strip(text)
		number := line.New
		if kind == '-' {
			number = line.Old
		}
		section := m.follow(code)
		if line.Kind != kind || strings.TrimSpace(code) == "" {
			continue
		}
		add := func(k Kind, what string) {
			if what = Show(what, MaxWhat); what != "" {
				out = append(out, Surface{Kind: k, What: what, File: Show(name, 200), Line: number})
			}
		}
		if m != nil {
			if p := m.dependency(code, text, section); p != "" {
				add(Dependency, p)
			}
			continue
		}
		for _, p := range patterns[l] {
			if !p.mayMatch(code) || p.only != nil && !p.only.MatchString(name) {
				continue
			}
			for _, m := range p.match.FindAllStringSubmatch(code, -1) {
				add(p.kind, p.what(m))
			}
		}
		for _, host := range hosts(code) {
			add(Endpoint, host)
		}
		if what := secretName(code, l); what != "" {
			add(Secret, what)
		}
	}
	return out, s.within
}

// fileRoute is a file that a framework serves by its place (Next.js, SvelteKit).
var fileRoute = regexp.MustCompile(`^(?:.*/)?(?:pages/(api/.+)|(?:app|routes)/(?:(.+)/)?(?:route|\+server|\+page\.server))\.[cm]?[jt]sx?$`)

// pattern finds one kind of surface in a line.
type pattern struct {
	kind  Kind
	match *regexp.Regexp
	fixed string         // what to call it, where the line names nothing
	only  *regexp.Regexp // files in which it means that
	near  []string       // texts of which a line without any cannot match; nil where that is not known
}

func (p *pattern) mayMatch(code string) bool {
	return p.near == nil || slices.ContainsFunc(p.near, func(s string) bool { return strings.Contains(code, s) })
}

// what is the name of what was found: the groups of the match, a method in capitals first.
func (p *pattern) what(m []string) string {
	if p.fixed != "" {
		return p.fixed
	}
	var words []string
	for _, g := range m[1:] {
		if g = strings.TrimSpace(g); g != "" {
			words = append(words, g)
		}
	}
	if p.kind == Route && len(words) == 2 && methods[strings.ToLower(words[0])] {
		words[0] = strings.ToUpper(words[0])
	} else if p.kind == Route && len(words) == 2 {
		words = words[1:]
	}
	return strings.Join(words, " ")
}

var methods = map[string]bool{"get": true, "post": true, "put": true, "patch": true, "delete": true, "head": true, "options": true, "connect": true, "trace": true}

// urls find other systems by scheme and host. What stands before an @ is a credential and is not shown.
var urls = regexp.MustCompile(`\b((?:https?|wss?|grpcs?|amqps?|rediss?|postgres(?:ql)?|mysql|mongodb(?:\+srv)?|kafka|nats|ldaps?|smtps?|sftp|ftp|s3|gs)://)(?:[^\s"'/@]*@)?([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::\d{2,5})?)`)

// names of documents and examples, which nothing connects to.
var noEndpoint = regexp.MustCompile(`(?i)://(?:(?:[\w-]+\.)*(?:w3\.org|json-schema\.org|schemas\.[\w.]+|xmlsoap\.org|apache\.org/licenses|example\.(?:com|org|net)|example|test|invalid|spdx\.org|opensource\.org)|localhost|127\.0\.0\.1|0\.0\.0\.0)(?::\d+)?$`)

func hosts(code string) []string {
	if !strings.Contains(code, "://") {
		return nil
	}
	var out []string
	for _, m := range urls.FindAllStringSubmatch(code, -1) {
		if name := strings.ToLower(m[1] + m[2]); !noEndpoint.MatchString(name) && (strings.Contains(m[2], ".") || !strings.HasPrefix(m[1], "http")) {
			out = append(out, name)
		}
	}
	return out
}

const secretWords = `(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key|encryption[_-]?key|auth[_-]?token|access[_-]?token|bearer[_-]?token|credential)`

var (
	secretLiteral = regexp.MustCompile("(?i)([A-Za-z_$][\\w$.-]*" + secretWords + "[\\w-]*|\\b" + secretWords + "[\\w-]*)[\"']?\\]?\\s*(?::=|=>|[:=])\\s*[frbu]?([\"'`])([^\"'`]{4,})[\"'`]")
	secretSetting = regexp.MustCompile(`(?i)^\s*(?:-\s+)?(?:export\s+|ENV\s+|ARG\s+)?["']?((?:[A-Za-z_][\w.-]*)?` + secretWords + `[\w-]*)["']?\s*[:=]`)
	secretWord    = regexp.MustCompile(`(?i)pass|secret|key|token|cred`)
	secretBlock   = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)
	placeholder   = regexp.MustCompile(`(?i)^(?:<.*>|\$\{?.*|\{\{.*|%.*%|x+|\*+|changeme|example|none|null|true|false|[\w.-]*(?:password|secret|token|key))$`)
)

// secretName returns the name of a setting or a literal that looks like a credential, never its value. In settings the name alone
// counts; in code the value must be a literal that is no placeholder.
func secretName(code string, l language) string {
	if !secretWord.MatchString(code) {
		return ""
	}
	if secretBlock.MatchString(code) {
		return "a private key"
	}
	switch l {
	case settings, objects, docker:
		if m := secretSetting.FindStringSubmatch(code); m != nil {
			return m[1]
		}
	case markup:
	default:
		if m := secretLiteral.FindStringSubmatch(code); m != nil && !placeholder.MatchString(m[3]) {
			return m[1]
		}
	}
	return ""
}

// base is the last part of a path, in lower case.
func base(p string) string { return strings.ToLower(path.Base(p)) }
