// Package manifest reads dependency manifests and lock files, and tells whether every version of a package that can be
// installed by them meets a constraint.
//
// A manifest says what may be installed, a lock file what is: where both are there, the lock file counts; [LockNames] names it.
// Nothing is resolved over the network and no other file is read. What is commented out is not there, and what the package does
// not understand never satisfies a constraint.
package manifest

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

// Ecosystem is a packaging system.
type Ecosystem string

// The ecosystems.
const (
	NPM       Ecosystem = "npm"
	PyPI      Ecosystem = "pypi"
	Maven     Ecosystem = "maven" // also of Gradle; packages are "group:artifact"
	Cargo     Ecosystem = "cargo"
	Go        Ecosystem = "go"
	RubyGems  Ecosystem = "rubygems"
	NuGet     Ecosystem = "nuget"
	Packagist Ecosystem = "packagist"
)

// Scope is what a dependency is needed for.
type Scope string

// The scopes. A scope that an ecosystem has beyond them is mapped to the nearest.
const (
	Main     Scope = ""
	Dev      Scope = "dev"      // development, tests, the build
	Optional Scope = "optional" // extras, features, profiles, platforms
	Peer     Scope = "peer"     // to be brought by others
	Shared   Scope = "shared"   // declared for the members of a workspace, with the version they inherit
	Forced   Scope = "forced"   // an override: the version of a package that is declared elsewhere in the file
)

// Entry is one dependency as one place of the file names it.
type Entry struct {
	Package string // as written
	Version string // exact: of a lock file, or pinned; "" otherwise
	Range   string // as declared, in the ecosystem's words; "" when any version will do, and in lock files
	Line    int    // from 1
	Scope   Scope
	Direct  bool   // declared by the project itself, as far as the file tells
	Marker  string // condition under which it is installed, as written: "python_version < '3.9'"
	Loose   string // why there is no version to check, although the file may name one: "a local path"; or ""
}

// Found is the entry in a few words: "4.18.2 (line 7)".
func (e Entry) Found() string {
	return fmt.Sprintf("%s (line %d)", cmp.Or(e.Version, e.Range, "no version"), e.Line)
}

// Manifest is a manifest or lock file.
type Manifest struct {
	Path      string
	Ecosystem Ecosystem
	Lock      bool     // the file tells the versions that are installed
	Entries   []Entry  // in the order of the file, as far as the format has one
	Hints     []string // what else decides and was not read: "it includes base.txt (line 3), which was not read"

	byName map[string][]int // into Entries, by the names as the ecosystem compares them
}

// Error says what is wrong with a file or a constraint.
type Error struct {
	Path    string
	Line    int // 0 when unknown
	Message string
	Hint    string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Path)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

func failed(line int, format string, args ...any) *Error {
	return &Error{Line: line, Message: fmt.Sprintf(format, args...)}
}

// format is how one kind of file is read.
type format struct {
	ecosystem Ecosystem
	lock      bool
	tree      config.Format // that the file is read as; "" when parse reads the text
	locks     []string      // lock files that stand beside it
	parse     func(m *Manifest, text string) *Error
	fill      func(m *Manifest, root *config.Node) *Error
}

// known are the files by their names.
var known = map[string]format{
	"package.json":             {ecosystem: NPM, tree: config.JSON, fill: packageJSON, locks: []string{"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"}},
	"package-lock.json":        {ecosystem: NPM, tree: config.JSON, fill: packageLock, lock: true},
	"npm-shrinkwrap.json":      {ecosystem: NPM, tree: config.JSON, fill: packageLock, lock: true},
	"yarn.lock":                {ecosystem: NPM, parse: yarnLock, lock: true},
	"pnpm-lock.yaml":           {ecosystem: NPM, tree: config.YAML, fill: pnpmLock, lock: true},
	"pyproject.toml":           {ecosystem: PyPI, tree: config.TOML, fill: pyproject, locks: []string{"poetry.lock", "uv.lock", "pdm.lock"}},
	"setup.cfg":                {ecosystem: PyPI, tree: config.INI, fill: setupCfg},
	"Pipfile":                  {ecosystem: PyPI, tree: config.TOML, fill: pipfile, locks: []string{"Pipfile.lock"}},
	"Pipfile.lock":             {ecosystem: PyPI, tree: config.JSON, fill: pipfileLock, lock: true},
	"poetry.lock":              {ecosystem: PyPI, tree: config.TOML, fill: pythonLock, lock: true},
	"pdm.lock":                 {ecosystem: PyPI, tree: config.TOML, fill: pythonLock, lock: true},
	"uv.lock":                  {ecosystem: PyPI, tree: config.TOML, fill: pythonLock, lock: true},
	"go.mod":                   {ecosystem: Go, parse: goMod},
	"Cargo.toml":               {ecosystem: Cargo, tree: config.TOML, fill: cargoToml, locks: []string{"Cargo.lock"}},
	"Cargo.lock":               {ecosystem: Cargo, tree: config.TOML, fill: cargoLock, lock: true},
	"pom.xml":                  {ecosystem: Maven, tree: config.XML, fill: pom},
	"build.gradle":             {ecosystem: Maven, parse: gradle, locks: []string{"gradle.lockfile"}},
	"build.gradle.kts":         {ecosystem: Maven, parse: gradle, locks: []string{"gradle.lockfile"}},
	"gradle.lockfile":          {ecosystem: Maven, parse: gradleLock, lock: true},
	"libs.versions.toml":       {ecosystem: Maven, tree: config.TOML, fill: versionCatalogue},
	"Gemfile":                  {ecosystem: RubyGems, parse: gemfile, locks: []string{"Gemfile.lock"}},
	"gems.rb":                  {ecosystem: RubyGems, parse: gemfile, locks: []string{"gems.locked"}},
	"Gemfile.lock":             {ecosystem: RubyGems, parse: gemfileLock, lock: true},
	"gems.locked":              {ecosystem: RubyGems, parse: gemfileLock, lock: true},
	"composer.json":            {ecosystem: Packagist, tree: config.JSON, fill: composerJSON, locks: []string{"composer.lock"}},
	"composer.lock":            {ecosystem: Packagist, tree: config.JSON, fill: composerLock, lock: true},
	"packages.lock.json":       {ecosystem: NuGet, tree: config.JSON, fill: nugetLock, lock: true},
	"packages.config":          {ecosystem: NuGet, tree: config.XML, fill: packagesConfig, lock: true},
	"Directory.Packages.props": {ecosystem: NuGet, tree: config.XML, fill: msbuild},
	"Directory.Build.props":    {ecosystem: NuGet, tree: config.XML, fill: msbuild, locks: []string{"packages.lock.json"}},
}

var (
	requirementsFile = format{ecosystem: PyPI, parse: requirements}
	projectFile      = format{ecosystem: NuGet, tree: config.XML, fill: msbuild, locks: []string{"packages.lock.json"}}
	requirementsName = regexp.MustCompile(`^(?:.*[-_.])?requirements?(?:[-_.].*)?\.(?:txt|in)$`)
)

func formatOf(file string) (format, bool) {
	name := path.Base(file)
	if f, ok := known[name]; ok {
		return f, true
	}
	switch ext := path.Ext(name); {
	case ext == ".csproj" || ext == ".fsproj" || ext == ".vbproj":
		return projectFile, true
	case requirementsName.MatchString(name), (ext == ".txt" || ext == ".in") && path.Base(path.Dir(file)) == "requirements":
		return requirementsFile, true
	}
	return format{}, false
}

// Read reads a manifest or lock file; its name tells which. Errors: an [Error] for a file that is unknown, malformed, larger than
// [config.MaxSize] or no UTF-8.
func Read(file string, text []byte) (m *Manifest, err error) {
	f, ok := formatOf(file)
	if !ok {
		e := &Error{
			Path: file, Message: "this is no manifest or lock file that is known",
			Hint: "known are requirements*.txt, *.csproj and " + strings.Join(Names(), ", "),
		}
		if path.Base(file) == "go.sum" {
			e.Message = "go.sum does not tell which version is selected: it keeps the checksums of versions that were only looked at"
			e.Hint = "name go.mod, which lists the selected ones"
		}
		return nil, e
	}
	defer func() {
		if r := recover(); r != nil { // of a library, on an input nobody tried
			m, err = nil, &Error{Path: file, Message: fmt.Sprintf("the file cannot be read: %v", r)}
		}
	}()
	m = &Manifest{Path: file, Ecosystem: f.ecosystem, Lock: f.lock}
	var bad *Error
	if f.parse != nil {
		var plain string
		if plain, bad = clean(text); bad == nil {
			bad = f.parse(m, plain)
		}
	} else {
		bad = m.fromTree(f, text)
	}
	if bad != nil {
		bad.Path = file
		return nil, bad
	}
	m.byName = make(map[string][]int, len(m.Entries))
	for i, e := range m.Entries {
		name := m.Ecosystem.normal(e.Package)
		m.byName[name] = append(m.byName[name], i)
	}
	return m, nil
}

func (m *Manifest) fromTree(f format, text []byte) *Error {
	tree, err := config.ReadAs(f.tree, m.Path, text)
	if err != nil {
		if bad, ok := err.(*config.Error); ok {
			return &Error{Line: bad.Line, Message: bad.Message, Hint: bad.Hint}
		}
		return failed(0, "%v", err)
	}
	if len(tree.Docs) == 0 {
		return failed(1, "the file is empty")
	}
	for _, doc := range tree.Docs {
		if doc.Kind != config.Map {
			return failed(doc.Line, "the file holds a %s where a manifest has a map", doc.Kind)
		}
		if bad := f.fill(m, doc); bad != nil {
			return bad
		}
	}
	return nil
}

func clean(text []byte) (string, *Error) {
	plain, err := config.Text(text)
	if bad, ok := err.(*config.Error); ok {
		return "", &Error{Line: bad.Line, Message: bad.Message, Hint: bad.Hint}
	}
	return strings.ReplaceAll(plain, "\r\n", "\n"), nil
}

// Names lists the names of the files that are read, beside requirements*.txt and *.csproj.
func Names() []string {
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// LockNames returns the paths of the lock files that may stand beside a manifest, none for what has none. The first that is
// there counts.
func LockNames(file string) []string {
	f, _ := formatOf(file)
	out := make([]string, 0, len(f.locks))
	for _, name := range f.locks {
		out = append(out, path.Join(path.Dir(file), name))
	}
	return out
}

// Find returns the entries of a package. Names are compared as the ecosystem does: "Foo_Bar" is "foo-bar" on PyPI, case does not
// count for NuGet and Packagist.
func (m *Manifest) Find(pkg string) []Entry {
	var found []Entry
	for _, i := range m.byName[m.Ecosystem.normal(pkg)] {
		found = append(found, m.Entries[i])
	}
	return found
}

var pythonSigns = regexp.MustCompile(`[-_.]+`)

// normal is the form in which names of the ecosystem are compared.
func (e Ecosystem) normal(name string) string {
	name = strings.TrimSpace(name)
	switch e {
	case PyPI: // PEP 503
		if i := strings.IndexByte(name, '['); i > 0 {
			name = name[:i]
		}
		return pythonSigns.ReplaceAllString(strings.ToLower(name), "-")
	case NuGet, Packagist:
		return strings.ToLower(name)
	case Cargo: // the registry takes no two names that differ in these alone
		return strings.ReplaceAll(name, "_", "-")
	}
	return name
}

// Nearest returns up to n packages of the file whose names are most like the one that is not there, the nearest first.
func (m *Manifest) Nearest(pkg string, n int) []string {
	want := strings.ToLower(pkg)
	best := map[string]int{}
	for _, e := range m.Entries {
		if _, seen := best[e.Package]; seen || len(best) > 5_000 {
			continue
		}
		have := strings.ToLower(e.Package)
		d := config.Distance(want, have)
		if strings.Contains(have, want) || strings.Contains(want, have) || have[strings.LastIndexAny(have, "/:")+1:] == want[strings.LastIndexAny(want, "/:")+1:] {
			d /= 4
		}
		best[e.Package] = d
	}
	names := make([]string, 0, len(best))
	for name, d := range best {
		if d <= max(3, len(pkg)/2) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(best[a], best[b]), strings.Compare(a, b)) })
	return names[:min(n, len(names))]
}

func (m *Manifest) add(e Entry) { m.Entries = append(m.Entries, e) }

func (m *Manifest) hint(format string, args ...any) {
	if len(m.Hints) < 20 {
		m.Hints = append(m.Hints, fmt.Sprintf(format, args...))
	}
}
