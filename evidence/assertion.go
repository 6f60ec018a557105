package evidence

import (
	"encoding/json"
	"path"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/threat"
)

// Params are the parameters of an assertion: each value is a string, a bool or a list of strings.
type Params map[string]any

// String returns a parameter that is text, or "".
func (p Params) String(name string) string {
	s, _ := p[name].(string)
	return s
}

// Bool returns a parameter that is a flag.
func (p Params) Bool(name string) bool {
	b, _ := p[name].(bool)
	return b
}

// List returns a parameter that is a list of strings.
func (p Params) List(name string) []string {
	switch v := p[name].(type) {
	case []string:
		return v
	case []any:
		out := make([]string, 0, len(v))
		for _, x := range v {
			s, ok := x.(string)
			if !ok {
				return nil
			}
			out = append(out, s)
		}
		return out
	}
	return nil
}

// Bounds on an assertion, in characters, and on lists.
const (
	MaxPath     = 500
	MaxValue    = 300
	MaxPattern  = 1_000
	MaxWitness  = 2_000
	MaxPatterns = 50
	MaxRepo     = 200
)

// Check validates parameters against the catalogue and returns them cleaned: paths without "./", names on one line. The field
// of an error is "params.<name>" or "type". Errors: [threat.Invalid].
func Check(t Type, params Params) (Params, error) {
	spec, err := Lookup(t)
	if err != nil {
		return nil, err
	}
	for name := range params {
		if spec.Param(name) == nil {
			return nil, threat.Errorf(threat.Invalid, "%s has no parameter %q", t, threat.Clip(name, 40)).In("params").
				Hinted("%s", spec.Usage())
		}
	}
	out := Params{}
	for _, p := range spec.Params {
		v, given := params[p.Name]
		if !given || v == nil || v == "" {
			if p.Optional {
				continue
			}
			return nil, threat.Errorf(threat.Invalid, "%s is missing", p.Name).In("params."+p.Name).
				Hinted("%s: %s; %s", p.Name, p.About, spec.Usage())
		}
		clean, err := p.clean(v)
		if err != nil {
			return nil, err.In("params." + p.Name)
		}
		out[p.Name] = clean
	}
	return out, checkTogether(t, out)
}

// clean checks one value by its form.
func (p Param) clean(v any) (any, *threat.Error) {
	switch p.Form {
	case Flag:
		switch v {
		case true, "true":
			return true, nil
		case false, "false":
			return false, nil
		}
		return nil, threat.Errorf(threat.Invalid, "%s is true or false", p.Name)
	case Patterns:
		return p.cleanPatterns(v)
	}
	s, ok := v.(string)
	if !ok {
		return nil, threat.Errorf(threat.Invalid, "%s is a text", p.Name).Hinted("%s", p.About)
	}
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return nil, threat.Errorf(threat.Invalid, "%s is not a valid text", p.Name).Hinted("send it as UTF-8 without NUL")
	}
	switch p.Form {
	case Path:
		return cleanPath(s)
	case Pattern:
		return s, checkPattern(s)
	case Selector:
		return cleanSelector(s)
	case Text:
		return s, atMost(s, MaxWitness)
	case Digest:
		return strings.ToLower(s), checkHex(s)
	case DigestAlg:
		s = strings.ReplaceAll(strings.ToLower(s), "-", "")
		if !slices.Contains(Algorithms(), s) {
			return nil, threat.Errorf(threat.Invalid, "algorithm %q is not known", threat.Clip(s, 20)).Hinted("valid: sha256, sha384, sha512")
		}
		return s, nil
	}
	line, err := threat.Line(s, MaxValue)
	if err != nil {
		return nil, threat.Errorf(threat.Invalid, "%s has more than %d characters", p.Name, MaxValue)
	}
	if line == "" {
		return nil, threat.Errorf(threat.Invalid, "%s is empty", p.Name)
	}
	return line, nil
}

// Algorithms lists the digest algorithms of file_hash.
func Algorithms() []string { return []string{"sha256", "sha384", "sha512"} }

func atMost(s string, n int) *threat.Error {
	if got := utf8.RuneCountInString(s); got > n {
		return threat.Errorf(threat.Invalid, "it has %d characters, at most %d fit", got, n)
	}
	return nil
}

// CleanPath returns a path relative to the repository root, slash-separated and without "./". Errors: [threat.Invalid] for an
// absolute one, one with "..", a backslash, or none.
func CleanPath(s string) (string, error) {
	p, err := cleanPath(s)
	if err != nil {
		return "", err
	}
	return p, nil
}

func cleanPath(s string) (string, *threat.Error) {
	const hint = `a path from the repository root with slashes, such as "auth/key.go"`
	p := strings.TrimSpace(s)
	if err := atMost(p, MaxPath); err != nil {
		return "", err
	}
	clean := path.Clean(p) // what is checked is what will be opened: "./~x" is "~x"
	switch {
	case strings.Contains(p, `\`):
		return "", threat.Errorf(threat.Invalid, "the path has a backslash").Hinted(hint)
	case slices.Contains(strings.Split(p, "/"), ".."):
		return "", threat.Errorf(threat.Invalid, `the path has ".."`).Hinted(hint)
	case strings.HasPrefix(clean, "/") || strings.HasPrefix(clean, "~") || len(clean) > 1 && clean[1] == ':':
		return "", threat.Errorf(threat.Invalid, "the path is absolute").Hinted(hint)
	case strings.ContainsAny(p, "\n\r\t"):
		return "", threat.Errorf(threat.Invalid, "the path has a line end or tab").Hinted(hint)
	case clean == ".": // none, or the root written out: "././"
		return "", threat.Errorf(threat.Invalid, "the path is empty").Hinted(hint)
	case clean != strings.TrimSpace(clean):
		return "", threat.Errorf(threat.Invalid, "the path begins or ends with a space").Hinted(hint)
	}
	return clean, nil
}

// checkPattern compiles an RE2 expression and says what to use instead of what RE2 has not.
func checkPattern(s string) *threat.Error {
	if err := atMost(s, MaxPattern); err != nil {
		return err
	}
	_, err := regexp.Compile(s)
	if err == nil {
		return nil
	}
	e := threat.Errorf(threat.Invalid, "the pattern is not valid: %s", threat.Clip(err.Error(), 200))
	switch {
	case strings.Contains(s, "(?=") || strings.Contains(s, "(?!"):
		return e.Hinted("patterns are RE2, without look-ahead: match the text itself, or claim with pattern_absent what must not follow")
	case strings.Contains(s, "(?<=") || strings.Contains(s, "(?<!"):
		return e.Hinted("patterns are RE2, without look-behind: narrow the place with scope_start and scope_end instead")
	case strings.Contains(s, "(?>") || strings.Contains(s, "++") || strings.Contains(s, "*+"):
		return e.Hinted("patterns are RE2: no atomic groups or possessive quantifiers are needed, it never backtracks")
	}
	for i := range len(s) - 1 {
		if s[i] == '\\' && s[i+1] >= '1' && s[i+1] <= '9' {
			return e.Hinted("patterns are RE2, without back-references")
		}
	}
	return e.Hinted("patterns are RE2: https://github.com/google/re2/wiki/Syntax")
}

func (p Param) cleanPatterns(v any) (any, *threat.Error) {
	list := Params{p.Name: v}.List(p.Name)
	if s, ok := v.(string); ok {
		list = []string{s}
	}
	if len(list) == 0 {
		return nil, threat.Errorf(threat.Invalid, "%s is a list of patterns", p.Name).Hinted("leave it out to use the builtin rules")
	}
	if len(list) > MaxPatterns {
		return nil, threat.Errorf(threat.Invalid, "%d patterns, at most %d fit", len(list), MaxPatterns)
	}
	for _, s := range list {
		if err := checkPattern(s); err != nil {
			return nil, err
		}
		if matchesEmpty(s) {
			return nil, vacuous(s)
		}
	}
	return slices.Clone(list), nil
}

func matchesEmpty(s string) bool {
	re, err := regexp.Compile(s)
	return err == nil && re.MatchString("")
}

func vacuous(s string) *threat.Error {
	return threat.Errorf(threat.Invalid, "the pattern %q matches the empty text, so it says nothing", threat.Clip(s, 40)).
		Hinted("write what the code must hold, without * or ? around all of it")
}

func checkHex(s string) *threat.Error {
	if s == "" || strings.Trim(strings.ToLower(s), "0123456789abcdef") != "" {
		return threat.Errorf(threat.Invalid, "the digest is not hexadecimal").Hinted("such as the output of sha256sum")
	}
	return nil
}

// IsGlob reports whether a selector of tests is a glob over files rather than a pattern of names: it has a slash, a star after
// nothing or before a dot, or ends in a file extension.
func IsGlob(selector string) bool {
	if strings.Contains(selector, "/") || strings.HasPrefix(selector, "*") {
		return true
	}
	ext := path.Ext(selector)
	if len(ext) < 2 || len(ext) > 7 {
		return false
	}
	for _, r := range ext[1:] {
		if r < 'a' || r > 'z' {
			return false
		}
	}
	return strings.Trim(selector, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*?.{},") == ""
}

func cleanSelector(s string) (string, *threat.Error) {
	s = strings.TrimSpace(s)
	if !IsGlob(s) {
		if err := checkPattern(s); err != nil {
			return "", err
		}
		if matchesEmpty(s) {
			return "", vacuous(s)
		}
		return s, nil
	}
	return cleanPath(s)
}

// checkTogether checks what one value says of another.
func checkTogether(t Type, p Params) error {
	if p.String("scope_end") != "" && p.String("scope_start") == "" {
		return threat.Errorf(threat.Invalid, "scope_end has no scope_start").In("params.scope_end").Hinted("give both, or scope_start alone")
	}
	switch t {
	case PatternMatches:
		if matchesEmpty(p.String("pattern")) {
			return vacuous(p.String("pattern")).In("params.pattern")
		}
	case PatternAbsent:
		re, err := CompilePattern(p)
		if err != nil {
			return threat.Errorf(threat.Invalid, "the pattern is not valid").In("params.pattern")
		}
		if matchesEmpty(p.String("pattern")) {
			return vacuous(p.String("pattern")).In("params.pattern")
		}
		if !re.MatchString(p.String("witness")) {
			return threat.Errorf(threat.Invalid, "the pattern does not match the witness").In("params.witness").
				Hinted("give a text that the pattern must find, so that its absence means something")
		}
	case FileHash:
		want := map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}[p.String("algorithm")]
		if got := len(p.String("expected_hash")); got != want {
			return threat.Errorf(threat.Invalid, "a %s digest has %d digits, this has %d", p.String("algorithm"), want, got).
				In("params.expected_hash")
		}
		if p.String("scope_file") != "" && p.String("scope_start") == "" {
			return threat.Errorf(threat.Invalid, "scope_file has no scope_start").In("params.scope_file").
				Hinted("to hash a whole file name it in file")
		}
	case TestExists, TestPasses:
		if p.String("name") != "" && !IsGlob(p.String("pattern")) {
			return threat.Errorf(threat.Invalid, "name goes with a glob over files").In("params.name").
				Hinted("a pattern of names says it all: put the name into pattern")
		}
	}
	return nil
}

// CompilePattern compiles the pattern parameter with its flags.
func CompilePattern(p Params) (*regexp.Regexp, error) {
	flags := ""
	if p.Bool("multiline") {
		flags += "m"
	}
	if p.Bool("dotall") {
		flags += "s"
	}
	s := p.String("pattern")
	if flags != "" {
		s = "(?" + flags + ")" + s
	}
	return regexp.Compile(s)
}

// Literal returns a text that every match of the expression contains, or "" when there is none that is easy to tell; a search
// may skip a file without it.
func Literal(re *regexp.Regexp) string {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return ""
	}
	return literal(tree.Simplify())
}

func literal(e *syntax.Regexp) string {
	switch e.Op {
	case syntax.OpLiteral:
		if e.Flags&syntax.FoldCase == 0 {
			return string(e.Rune)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return literal(e.Sub[0])
	case syntax.OpConcat:
		best := ""
		for _, sub := range e.Sub {
			if l := literal(sub); len(l) > len(best) {
				best = l
			}
		}
		return best
	}
	return ""
}

// Assertion is a typed, machine-checkable claim about code that evidences a control or an assumption (exactly one).
type Assertion struct {
	ID          threat.ID   `json:"id,omitempty"`
	Type        Type        `json:"type"`
	Params      Params      `json:"params"`
	Control     threat.ID   `json:"control_id,omitempty"`
	Assumption  threat.ID   `json:"assumption_id,omitempty"`
	Facets      []threat.ID `json:"facets,omitempty"`
	Repo        string      `json:"repo,omitempty"`
	Description string      `json:"description,omitempty"`
}

var repoName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)+$`)

// CheckRepo validates a repository name, "org/name" or longer with subgroups. Errors: [threat.Invalid].
func CheckRepo(repo string) error {
	if len(repo) > MaxRepo || !repoName.MatchString(repo) || strings.Contains(repo, "..") {
		return threat.Errorf(threat.Invalid, "%q is not a repository name", threat.Clip(repo, 60)).In("repo").Hinted(`"org/name", as the code host names it`)
	}
	return nil
}

// Canonical returns parameters as the bytes that name them: JSON with sorted keys.
func (p Params) Canonical() string {
	raw, err := json.Marshal(map[string]any(p)) // sorts keys
	if err != nil {
		return ""
	}
	return string(raw)
}
