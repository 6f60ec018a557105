package manifest

import (
	"regexp"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

var cargoExact = regexp.MustCompile(`^=\s*(\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?)$`)

var cargoScopes = []struct {
	key   string
	scope Scope
}{{"dependencies", Main}, {"dev-dependencies", Dev}, {"dev_dependencies", Dev}, {"build-dependencies", Dev}, {"build_dependencies", Dev}}

func cargoToml(m *Manifest, root *config.Node) *Error {
	workspace := root.At("workspace", "dependencies")
	cargoTable(m, workspace, nil, Shared)
	tables := []*config.Node{root}
	for _, target := range root.Get("target").Entries() {
		tables = append(tables, target.Node)
	}
	for i, table := range tables {
		for _, s := range cargoScopes {
			scope := s.scope
			if i > 0 && scope == Main {
				scope = Optional // on some platforms
			}
			cargoTable(m, table.Get(s.key), workspace, scope)
		}
	}
	for _, registry := range root.Get("patch").Entries() {
		cargoReplaced(m, registry.Node)
	}
	cargoReplaced(m, root.Get("replace"))
	return nil
}

// cargoReplaced marks what [patch] or [replace] takes from elsewhere.
func cargoReplaced(m *Manifest, table *config.Node) {
	lines := map[string]int{}
	for _, p := range table.Entries() {
		name, _, _ := strings.Cut(p.Name, ":")
		if real := p.Node.Get("package").Str(); real != "" {
			name = real
		}
		lines[Cargo.normal(name)] = p.Node.Line
	}
	for i := range m.Entries {
		if e := &m.Entries[i]; lines[Cargo.normal(e.Package)] > 0 {
			e.Loose, e.Line = "it is patched or replaced", lines[Cargo.normal(e.Package)]
		}
	}
}

func cargoTable(m *Manifest, table, workspace *config.Node, scope Scope) {
	for _, d := range table.Entries() {
		e := Entry{Package: d.Name, Line: d.Node.Line, Scope: scope, Direct: true}
		spec := d.Node
		if d.Node.Get("optional").Str() == "true" {
			e.Scope = Optional
		}
		if d.Node.Get("workspace").Str() == "true" {
			if spec = workspace.Get(d.Name); spec == nil {
				m.hint("%s takes its version from the workspace (line %d): name the Cargo.toml at its root, or Cargo.lock", d.Name, d.Node.Line)
			}
		}
		e.Range = spec.Str()
		if spec != nil && spec.Kind == config.Map {
			e.Range = spec.Get("version").Str()
			e.Loose = elsewhere(spec, "git", "path")
			if real := spec.Get("package").Str(); real != "" {
				e.Package = real
			}
		}
		if exact := cargoExact.FindStringSubmatch(e.Range); exact != nil {
			e.Version, e.Range = exact[1], ""
		}
		m.add(e)
	}
}

func cargoLock(m *Manifest, root *config.Node) *Error {
	for _, p := range root.Get("package").Items() {
		name := p.Get("name")
		if name.Str() == "" {
			return failed(p.Line, "a package without a name")
		}
		e := Entry{Package: name.Str(), Version: p.Get("version").Str(), Line: name.Line}
		switch source := p.Get("source").Str(); {
		case source == "":
			e.Loose = "it is a member of this workspace or a local path"
		case strings.HasPrefix(source, "git+"):
			e.Loose = "it is a repository"
		}
		m.add(e)
	}
	return nil
}
