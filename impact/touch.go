package impact

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
)

// Risk says how sure it is that a change reaches what an assertion looks at.
type Risk string

// The risks. Likely: what it names is gone, or in the changed lines or beside them. Possible: the file changes, and nothing more is
// known.
const (
	Likely   Risk = "likely"
	Possible Risk = "possible"
)

// Enum lists the legal values, for schemas.
func (Risk) Enum() []string { return []string{string(Likely), string(Possible)} }

// Touch is how a change reaches an assertion.
type Touch struct {
	File   string // as the assertion names it, or the test file
	To     string // where the file is renamed to
	Why    string // may hold names of the assertion and paths of the diff
	Risk   Risk
	Broken bool // the file is not there any more under its name: the check must fail
}

// Place is where an assertion was found last, on the old side.
type Place struct {
	File string
	Line int
}

// maxWork bounds the bytes that are compared for one analysis, a byte under a pattern counted as many times as it costs more than one
// under a word. What is not compared any more counts as possible.
const maxWork = 64 << 20

// patternCost is what a pattern costs for a text of n bytes.
func patternCost(pattern string, n int) int { return (n + 16) * (4 + len(pattern)/20) }

// Index answers which assertions a change touches. It is not safe for concurrent use.
type Index struct {
	changes []Change
	facts   []facts
	byPath  map[string][]int // of both sides, into changes
	work    int
	globs   map[string]*regexp.Regexp
}

// facts of a change, each made when it is first needed.
type facts struct {
	words          map[string]bool // in the lines and sections of its hunks
	titles         []string        // words and quoted strings: what may be the name of a test
	found          map[string]bool // texts looked for before
	added, removed []string        // see joined
	secret         *bool           // an added line sets what looks like a secret
}

// NewIndex makes the index of a change.
func NewIndex(changes []Change) *Index {
	x := &Index{changes: changes, facts: make([]facts, len(changes)), byPath: map[string][]int{}, work: maxWork, globs: map[string]*regexp.Regexp{}}
	for i := range changes {
		for _, file := range changes[i].sides() {
			x.byPath[file] = append(x.byPath[file], i)
		}
	}
	return x
}

// sides are the paths that the change does something to: what is copied stays as it is.
func (c *Change) sides() []string {
	var out []string
	if c.Old != "" && c.Op != Copied {
		out = append(out, c.Old)
	}
	if c.New != "" && c.New != c.Old {
		out = append(out, c.New)
	}
	return out
}

// Touches reports whether a path is changed, on either side.
func (x *Index) Touches(p string) bool { return len(x.byPath[p]) > 0 }

// spend reports whether there is work left for n bytes.
func (x *Index) spend(n int) bool {
	x.work -= n
	return x.work >= 0
}

// Touch returns how the change reaches an assertion: the gravest of all ways. places are where its results were found.
func (x *Index) Touch(a *evidence.Assertion, places ...Place) (Touch, bool) {
	var best Touch
	take := func(t Touch) {
		if best.Risk == "" || t.rank() > best.rank() {
			best = t
		}
	}
	files := files(a)
	for _, file := range files {
		for _, i := range x.byPath[file] {
			take(x.reach(a, i, file, places))
		}
	}
	switch a.Type {
	case evidence.TestExists, evidence.TestPasses:
		x.tests(a, places, take)
	case evidence.DependencyExists, evidence.DependencyVersion:
		x.locks(a, take)
	}
	return best, best.Risk != ""
}

func (t *Touch) rank() int {
	switch {
	case t.Broken:
		return 3
	case t.Risk == Likely:
		return 2
	}
	return 1
}

// files are the paths that an assertion names.
func files(a *evidence.Assertion) []string {
	var out []string
	for _, name := range []string{"file", "scope_file", "manifest"} {
		if p := a.Params.String(name); p != "" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// gone reports whether a change takes a file away and none brings it back.
func (x *Index) gone(i int, file string) bool {
	c := &x.changes[i]
	if c.Op != Deleted && c.Op != Renamed || c.Old != file {
		return false
	}
	return !slices.ContainsFunc(x.byPath[file], func(k int) bool { return x.changes[k].New == file })
}

// reach says how one change of a file that the assertion names reaches it.
func (x *Index) reach(a *evidence.Assertion, i int, file string, places []Place) Touch {
	c := &x.changes[i]
	t := Touch{File: file, Risk: Possible, Why: "file changed"}
	switch {
	case x.gone(i, file) && c.Op == Renamed:
		return Touch{File: file, To: c.New, Why: "renamed to " + Show(c.New, 200), Risk: Likely, Broken: true}
	case x.gone(i, file):
		return Touch{File: file, Why: "file deleted", Risk: Likely, Broken: true}
	case c.Old != file:
		t.Why = "file added"
	case c.Op == Deleted || c.Op == Renamed:
		t.Risk, t.Why = Likely, "file replaced"
		return t
	}
	if why := x.names(a, i, file); why != "" {
		t.Risk, t.Why = Likely, why
		return t
	}
	for _, p := range places {
		if p.File == file && c.Old == file && holdsLine(c, p.Line) {
			t.Risk, t.Why = Likely, fmt.Sprintf("line %d, where it was found last, is in a changed hunk", p.Line)
			return t
		}
	}
	if !x.spend(0) {
		t.Why = "file changed; the change is too large to look through"
	}
	return t
}

func holdsLine(c *Change, line int) bool {
	return line > 0 && slices.ContainsFunc(c.Hunks, func(h Hunk) bool { return h.OldStart <= line && line < h.OldStart+h.OldLines })
}

// names says what of the assertion's own words is in the changed hunks, or "".
func (x *Index) names(a *evidence.Assertion, i int, file string) string {
	p := a.Params
	switch a.Type {
	case evidence.FileHash:
		if p.String("scope_start") == "" {
			return "the file that is hashed changed"
		}
	case evidence.PatternMatches:
		if x.matches(p, i, '-') {
			return "a removed line matches the pattern"
		}
		if x.matches(p, i, '+') {
			return "an added line matches the pattern"
		}
	case evidence.PatternAbsent:
		if x.matches(p, i, '+') {
			return "an added line matches the pattern"
		}
	case evidence.NoPlaintextSecret:
		for _, pattern := range p.List("patterns") {
			if x.matches(evidence.Params{"pattern": pattern}, i, '+') {
				return "an added line matches a pattern"
			}
		}
		if len(p.List("patterns")) == 0 && x.secretAdded(i) {
			return "an added line sets what looks like a secret"
		}
	case evidence.ConfigKeyExists, evidence.ConfigValueMatches:
		if key := lastKey(p.String("key")); x.mentions(i, key, false) {
			return "key " + Show(key, 80) + " is in a changed hunk"
		}
	case evidence.DependencyExists, evidence.DependencyVersion:
		if x.mentions(i, p.String("package"), true) {
			return "package " + Show(p.String("package"), 80) + " is in a changed hunk"
		}
	case evidence.HTTPHeaderSet:
		if x.mentions(i, p.String("header"), true) {
			return "header " + Show(p.String("header"), 80) + " is in a changed hunk"
		}
	case evidence.ImportPresent:
		if x.mentions(i, p.String("module"), false) {
			return "module " + Show(p.String("module"), 80) + " is in a changed hunk"
		}
	case evidence.EnvVarReferenced:
		if x.mentions(i, p.String("variable"), false) {
			return "variable " + Show(p.String("variable"), 80) + " is in a changed hunk"
		}
	default:
		for _, name := range []string{"name", "function", "caller", "decorator", "callee", "parameter", "middleware", "child", "port", "signal"} {
			if symbol := lastName(p.String(name)); symbol != "" && x.mentions(i, symbol, false) {
				return "symbol " + Show(symbol, 80) + " is in a changed hunk"
			}
		}
	}
	return ""
}

// lastName is the member of a qualified name: CheckKey of auth.CheckKey, Keys::CheckKey or Keys#CheckKey.
func lastName(s string) string {
	if k := strings.LastIndexAny(s, ".:#>"); k >= 0 && k < len(s)-1 {
		return s[k+1:]
	}
	return s
}

// lastKey is the last key of a dotted path; the index of a list is no key: cert of server.tls[0].cert, tls of server.tls[0].
func lastKey(s string) string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(`.[]"'`, r) })
	for k := len(parts) - 1; k >= 0; k-- {
		if strings.Trim(parts[k], "0123456789") != "" {
			return parts[k]
		}
	}
	return s
}

func (x *Index) secretAdded(i int) bool {
	f := &x.facts[i]
	if f.secret == nil {
		found := slices.ContainsFunc(scan(&x.changes[i], '+'), func(s Surface) bool { return s.Kind == Secret })
		f.secret = &found
	}
	return *f.secret
}

// lockFiles say which versions are installed of what a manifest in the same folder names.
var lockFiles = map[string][]string{
	"package.json":   {"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"},
	"pyproject.toml": {"poetry.lock", "uv.lock", "pdm.lock"},
	"Pipfile":        {"Pipfile.lock"},
	"Cargo.toml":     {"Cargo.lock"},
	"Gemfile":        {"Gemfile.lock"},
	"composer.json":  {"composer.lock"},
	"build.gradle":   {"gradle.lockfile"},
	"go.mod":         {"go.sum"},
}

// locks finds the package of an assertion in the changed lock files beside its manifest.
func (x *Index) locks(a *evidence.Assertion, take func(Touch)) {
	manifest := a.Params.String("manifest")
	for _, lock := range lockFiles[path.Base(manifest)] {
		lock = path.Join(path.Dir(manifest), lock)
		for _, i := range x.byPath[lock] {
			t := Touch{File: lock, Risk: Possible, Why: "lock file changed"}
			switch {
			case x.gone(i, lock):
				t.Risk, t.Why = Likely, "lock file deleted"
			case x.mentions(i, a.Params.String("package"), true):
				t.Risk, t.Why = Likely, "package "+Show(a.Params.String("package"), 80)+" is in a changed hunk"
			case len(x.changes[i].Hunks) > 0:
				continue
			}
			take(t)
		}
	}
}
