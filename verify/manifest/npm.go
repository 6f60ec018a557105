package manifest

import (
	"regexp"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

var npmScopes = []struct {
	key   string
	scope Scope
}{{"dependencies", Main}, {"devDependencies", Dev}, {"optionalDependencies", Optional}, {"peerDependencies", Peer}}

func packageJSON(m *Manifest, root *config.Node) *Error {
	for _, s := range npmScopes {
		list := root.Get(s.key)
		if list != nil && list.Kind != config.Map {
			return failed(list.Line, "%s is no map of packages", s.key)
		}
		for _, d := range list.Entries() {
			m.add(npmSpec(Entry{Package: d.Name, Line: d.Node.Line, Scope: s.scope, Direct: true}, d.Node.Str()))
		}
	}
	// An override decides for the packages that it names; it brings none by itself.
	declared := map[string]bool{}
	for _, e := range m.Entries {
		declared[e.Package] = true
	}
	for _, where := range []*config.Node{root.Get("overrides"), root.Get("resolutions"), root.At("pnpm", "overrides")} {
		overrides(m, where, declared, 0)
	}
	return nil
}

func overrides(m *Manifest, list *config.Node, declared map[string]bool, depth int) {
	for _, o := range list.Entries() {
		if o.Node.Kind == config.Map && depth < 10 {
			overrides(m, o.Node, declared, depth+1)
			if own := o.Node.Get("."); own == nil {
				continue
			}
			o.Node = o.Node.Get(".")
		}
		name := o.Name[strings.LastIndexByte(o.Name, '>')+1:] // pnpm: parent>child
		if i := strings.LastIndex(name, "**/"); i >= 0 {      // yarn: parent/**/child
			name = name[i+3:]
		}
		name, _ = npmName(name)
		if !declared[name] || strings.HasPrefix(o.Node.Str(), "$") { // "$name" repeats the declared range
			continue
		}
		m.add(npmSpec(Entry{Package: name, Line: o.Node.Line, Scope: Forced, Direct: true}, o.Node.Str()))
	}
}

// npmName parts "name@range", where the name may begin with "@".
func npmName(s string) (name, rest string) {
	if i := strings.IndexByte(s[min(1, len(s)):], '@'); i >= 0 {
		return s[:i+1], s[i+2:]
	}
	return s, ""
}

var (
	npmExact = regexp.MustCompile(`^[=v\s]*\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$`)
	npmPath  = regexp.MustCompile(`^(?:\.{1,2}/|/|~/)`)
	npmShort = regexp.MustCompile(`^[\w.-]+/[\w.#-]+`)
)

// npmSpec fills in what an npm specifier says: a version, a range, an alias or a place.
func npmSpec(e Entry, spec string) Entry {
	spec = strings.TrimSpace(spec)
	scheme, rest, hasScheme := strings.Cut(spec, ":")
	switch {
	case scheme == "npm" && hasScheme:
		if name, version := npmName(rest); !strings.ContainsAny(name, " ^~<>=*") && name != "" && (name[0] < '0' || name[0] > '9') {
			e.Package, rest = name, version // an alias: what is installed is the other package
		}
		return npmSpec(e, rest)
	case scheme == "workspace" && hasScheme:
		e.Loose = "it is a workspace of this project"
	case scheme == "catalog" && hasScheme:
		e.Loose = "its version stands in pnpm-workspace.yaml"
	case scheme == "file" || scheme == "link" || scheme == "portal" || npmPath.MatchString(spec):
		e.Loose = "it is a local path"
	case scheme == "patch" && hasScheme:
		e.Loose = "it is patched"
	case hasScheme:
		e.Loose = "it is a repository or a URL"
	case npmShort.MatchString(spec):
		e.Loose = "it is a repository"
	case npmExact.MatchString(spec):
		e.Version = strings.TrimLeft(spec, "=v ")
	default:
		e.Range = spec
	}
	return e
}

// packageLock reads package-lock.json of versions 1 to 3. Version 2 holds both forms; the newer one counts.
func packageLock(m *Manifest, root *config.Node) *Error {
	if packages := root.Get("packages"); packages != nil {
		direct := map[string]bool{}
		for _, s := range npmScopes {
			for _, d := range packages.Get("").Get(s.key).Entries() {
				direct[d.Name] = true
			}
		}
		for _, p := range packages.Entries() {
			i := strings.LastIndex(p.Name, "node_modules/")
			if i < 0 {
				continue // the project and its workspaces
			}
			name := p.Name[i+len("node_modules/"):]
			e := lockedNPM(p.Node, name)
			e.Direct = i == 0 && direct[name]
			m.add(e)
		}
		return nil
	}
	if version := root.Get("lockfileVersion").Str(); version != "1" && version != "" {
		return failed(1, "lockfileVersion %s without packages", version)
	}
	lockedTree(m, root.Get("dependencies"), 0)
	return nil
}

func lockedTree(m *Manifest, list *config.Node, depth int) {
	if depth > config.MaxDepth {
		return
	}
	for _, d := range list.Entries() {
		m.add(lockedNPM(d.Node, d.Name))
		lockedTree(m, d.Node.Get("dependencies"), depth+1)
	}
}

func lockedNPM(n *config.Node, name string) Entry {
	e := Entry{Package: name, Line: n.Line}
	if real := n.Get("name").Str(); real != "" {
		e.Package = real
	}
	switch {
	case n.Get("dev").Str() == "true":
		e.Scope = Dev
	case n.Get("peer").Str() == "true":
		e.Scope = Peer
	case n.Get("optional").Str() == "true" || n.Get("devOptional").Str() == "true":
		e.Scope = Optional
	}
	e = npmSpec(e, n.Get("version").Str())
	from := n.Get("resolved").Str()
	switch {
	case n.Get("link").Str() == "true":
		e.Loose = "it is a workspace of this project"
	case strings.HasPrefix(from, "git"):
		e.Loose = "it is a repository"
	case strings.HasPrefix(from, "file:"):
		e.Loose = "it is a local path"
	}
	return e
}

// pnpmLock reads pnpm-lock.yaml of versions 6 to 9.
func pnpmLock(m *Manifest, root *config.Node) *Error {
	version := root.Get("lockfileVersion").Str()
	major, _, _ := strings.Cut(version, ".")
	if major != "6" && major != "7" && major != "8" && major != "9" {
		return failed(1, "lockfileVersion %q is not supported: 6 to 9 are", version)
	}
	direct, dev := map[string]bool{}, map[string]bool{}
	importers := []*config.Node{root}
	for _, i := range root.Get("importers").Entries() {
		importers = append(importers, i.Node)
	}
	for _, i := range importers {
		for _, s := range npmScopes {
			for _, d := range i.Get(s.key).Entries() {
				text := d.Node.Get("version").Str()
				if strings.HasPrefix(text, "link:") {
					m.add(Entry{Package: d.Name, Line: d.Node.Line, Scope: s.scope, Direct: true, Loose: "it is a workspace of this project"})
					continue
				}
				id := d.Name + "@" + unpeered(text)
				direct[id] = true
				dev[id] = s.scope == Dev
			}
		}
	}
	for _, p := range root.Get("packages").Entries() {
		id := unpeered(strings.TrimPrefix(p.Name, "/"))
		e := Entry{Line: p.Node.Line, Direct: direct[id]}
		e.Package, e.Version = npmName(id)
		if dev[id] || p.Node.Get("dev").Str() == "true" {
			e.Scope = Dev
		} else if p.Node.Get("optional").Str() == "true" {
			e.Scope = Optional
		}
		if name := p.Node.Get("name").Str(); name != "" {
			e.Package = name
		}
		if !npmExact.MatchString(e.Version) {
			if e.Version, e.Loose = p.Node.Get("version").Str(), "it is a path, a repository or a URL"; e.Package == "" {
				e.Package = id
			}
		}
		m.add(e)
	}
	return nil
}

// unpeered takes off the peers that pnpm writes behind a version: "1.2.3(react@18.0.0)".
func unpeered(s string) string {
	s, _, _ = strings.Cut(s, "(")
	return s
}

// yarnLock reads yarn.lock, that of Yarn 1 with its own format and the later ones in YAML.
func yarnLock(m *Manifest, text string) *Error {
	if strings.Contains(text, "\n__metadata:") || strings.HasPrefix(text, "__metadata:") {
		return m.fromTree(format{tree: config.YAML, fill: yarnBerry}, []byte(text))
	}
	var names []string
	var e Entry
	flush := func() *Error {
		seen := map[string]bool{}
		for _, spec := range names {
			one := e
			if one.Package = yarnName(spec); seen[one.Package] {
				continue
			}
			seen[one.Package] = true
			if e.Version == "" {
				return failed(e.Line, "malformed yarn.lock: %s has no version", spec)
			}
			m.add(one)
		}
		names = nil
		return nil
	}
	for i, row := range strings.Split(text, "\n") {
		row = strings.TrimRight(row, " \t")
		body := strings.TrimLeft(row, " ")
		switch indent := len(row) - len(body); {
		case body == "" || body[0] == '#':
		case indent == 0:
			if bad := flush(); bad != nil {
				return bad
			}
			head, ok := strings.CutSuffix(row, ":")
			if !ok {
				return failed(i+1, "malformed yarn.lock: a package is written name@range: here")
			}
			for spec := range strings.SplitSeq(head, ",") {
				names = append(names, strings.Trim(strings.TrimSpace(spec), `"`))
			}
			e = Entry{Line: i + 1}
		case len(names) == 0:
			return failed(i+1, "malformed yarn.lock: a package is written name@range: before its fields")
		case indent == 2:
			key, value, _ := strings.Cut(body, " ")
			value = strings.Trim(strings.TrimSpace(value), `"`)
			switch strings.Trim(key, `"`) {
			case "version":
				e.Version = value
			case "resolved":
				if strings.HasPrefix(value, "git") || strings.HasPrefix(value, "file:") || strings.Contains(value, "codeload.github.com") || strings.Contains(value, ".git#") {
					e.Loose = "it is a path or a repository"
				}
			}
		}
	}
	return flush()
}

// yarnName returns the package that "name@range" installs: the other one for an alias.
func yarnName(spec string) string {
	name, rest := npmName(spec)
	if other, ok := strings.CutPrefix(rest, "npm:"); ok {
		if alias, version := npmName(other); version != "" && (alias[0] < '0' || alias[0] > '9') {
			return alias
		}
	}
	return name
}

func yarnBerry(m *Manifest, root *config.Node) *Error {
	for _, p := range root.Entries() {
		if p.Name == "__metadata" {
			continue
		}
		first, _, _ := strings.Cut(p.Name, ",")
		resolution := p.Node.Get("resolution").Str()
		if resolution == "" {
			resolution = first
		}
		e := Entry{Line: p.Node.Line, Version: p.Node.Get("version").Str()}
		var place string
		e.Package, place = npmName(resolution)
		if e.Version == "" {
			return failed(p.Node.Line, "malformed yarn.lock: %s has no version", first)
		}
		switch {
		case strings.HasPrefix(place, "workspace:"):
			if strings.HasSuffix(place, ":.") {
				continue // the project
			}
			e.Loose = "it is a workspace of this project"
		case strings.HasPrefix(place, "patch:"):
			// The patch is of this version: what it changes is for another claim.
		case !strings.HasPrefix(place, "npm:"):
			e.Loose = "it is a path, a repository or a URL"
		}
		m.add(e)
	}
	return nil
}
