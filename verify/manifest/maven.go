package manifest

import (
	"regexp"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

// pom reads pom.xml. Properties are resolved within the file; a version that a parent or an imported BOM brings is not known.
func pom(m *Manifest, root *config.Node) *Error {
	project := root.Get("project")
	if project == nil {
		return failed(1, "the root element is not <project>")
	}
	p := pomReader{m: m, props: map[string]string{}}
	for _, e := range project.Get("properties").Entries() {
		if len(e.Node.Items()) <= 1 { // one that stands twice is not known
			p.props[e.Name] = e.Node.Str()
		}
	}
	parent := project.Get("parent")
	for _, name := range []string{"groupId", "artifactId", "version"} {
		own := project.Get(name).Str()
		if own == "" {
			own = parent.Get(name).Str()
		}
		p.props["project."+name], p.props["pom."+name] = own, own
		p.props["project.parent."+name] = parent.Get(name).Str()
	}
	if parent != nil {
		m.hint("versions may come from the parent %s:%s, which was not read", parent.Get("groupId").Str(), parent.Get("artifactId").Str())
	}
	p.dependencies(project, Main)
	for _, profile := range project.At("profiles", "profile").Items() {
		if profile.Get("properties") != nil {
			m.hint("the profile %s sets properties (line %d), which were not applied", profile.Get("id").Str(), profile.Line)
		}
		p.dependencies(profile, Optional)
	}
	return nil
}

type pomReader struct {
	m     *Manifest
	props map[string]string
}

var placeholder = regexp.MustCompile(`\$\{([^${}]+)\}`)

// resolve replaces ${name}, also within what replaces it.
func (p pomReader) resolve(text string) string {
	for range 10 {
		next := placeholder.ReplaceAllStringFunc(text, func(s string) string {
			if v, ok := p.props[s[2:len(s)-1]]; ok && v != "" && len(v) < 200 {
				return v
			}
			return s
		})
		if next == text || len(next) > 1_000 {
			break
		}
		text = next
	}
	return strings.TrimSpace(text)
}

func (p pomReader) name(d *config.Node) string {
	return p.resolve(d.Get("groupId").Str()) + ":" + p.resolve(d.Get("artifactId").Str())
}

func (p pomReader) dependencies(n *config.Node, scope Scope) {
	managed := map[string]*config.Node{}
	for _, d := range n.At("dependencyManagement", "dependencies", "dependency").Items() {
		if d.Get("scope").Str() == "import" {
			p.m.hint("versions may come from the imported %s (line %d), which was not read", p.name(d), d.Line)
			continue
		}
		if v := d.Get("version"); v != nil {
			managed[p.name(d)] = v
		}
	}
	for _, d := range n.At("dependencies", "dependency").Items() {
		e := Entry{Package: p.name(d), Line: d.Line, Scope: scope, Direct: true}
		if a := d.Get("artifactId"); a != nil {
			e.Line = a.Line
		}
		switch {
		case d.Get("scope").Str() == "test":
			e.Scope = Dev
		case d.Get("scope").Str() == "provided" || d.Get("optional").Str() == "true":
			e.Scope = Optional
		}
		version := d.Get("version")
		if version == nil {
			version = managed[e.Package]
		}
		if d.Get("scope").Str() == "system" {
			e.Loose = "it is a local path"
		}
		p.m.add(mavenSpec(e, p.resolve(version.Str())))
	}
}

var (
	mavenRange = regexp.MustCompile(`^[\[(].*[\])]$`)
	mavenPin   = regexp.MustCompile(`^\[([^,\[\]]+)\]$`)
	mavenAlone = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]*$`)
)

// mavenSpec fills in a version as Maven and Gradle write it.
func mavenSpec(e Entry, spec string) Entry {
	switch lower := strings.ToLower(spec); {
	case strings.Contains(spec, "$"):
		e.Loose = "the version " + clip(spec) + " is not set in this file"
	case spec == "" || lower == "latest" || lower == "release" || strings.HasPrefix(lower, "latest."):
		e.Range = spec
	case strings.HasSuffix(spec, "+"):
		e.Loose = "the version " + clip(spec) + " is open"
	case mavenPin.MatchString(spec):
		e.Version = strings.TrimSpace(mavenPin.FindStringSubmatch(spec)[1])
	case mavenRange.MatchString(spec):
		e.Range = spec
	case mavenAlone.MatchString(spec):
		e.Version = spec
	default:
		e.Range = spec // Gradle's "]1,2[" and others: not understood when it is looked at
	}
	return e
}

// gradleLock reads gradle.lockfile: "group:artifact:version=configurations".
func gradleLock(m *Manifest, text string) *Error {
	for i, row := range strings.Split(text, "\n") {
		row = strings.TrimSpace(row)
		if row == "" || row[0] == '#' || strings.HasPrefix(row, "empty=") {
			continue
		}
		module, _, ok := strings.Cut(row, "=")
		parts := strings.Split(module, ":")
		if !ok || len(parts) != 3 || slices.Contains(parts, "") {
			return failed(i+1, "malformed gradle.lockfile: a line is group:artifact:version=configurations")
		}
		m.add(Entry{Package: parts[0] + ":" + parts[1], Version: parts[2], Line: i + 1})
	}
	return nil
}

// versionCatalogue reads gradle/libs.versions.toml. It declares what build files may use.
func versionCatalogue(m *Manifest, root *config.Node) *Error {
	for _, d := range root.Get("libraries").Entries() {
		e := Entry{Line: d.Node.Line, Scope: Shared, Direct: true}
		if d.Node.Kind == config.String {
			parts := strings.Split(d.Node.Str(), ":")
			if len(parts) < 2 {
				return failed(e.Line, "malformed library %q: it is written group:artifact:version", d.Name)
			}
			e.Package = parts[0] + ":" + parts[1]
			if len(parts) > 2 {
				e = mavenSpec(e, parts[2])
			}
			m.add(e)
			continue
		}
		e.Package = d.Node.Get("module").Str()
		if e.Package == "" {
			e.Package = d.Node.Get("group").Str() + ":" + d.Node.Get("name").Str()
		}
		version := d.Node.Get("version")
		if ref := version.Get("ref").Str(); ref != "" {
			if version = root.At("versions", ref); version == nil {
				e.Loose = "the version " + clip(ref) + " is not set in this file"
			}
		}
		spec := version.Str()
		if version != nil && version.Kind == config.Map {
			for _, key := range []string{"strictly", "require"} { // "prefer" binds nobody
				if spec = version.Get(key).Str(); spec != "" {
					break
				}
			}
			if version.Get("reject") != nil || version.Get("rejectAll") != nil {
				e.Loose = "its version rejects others"
			}
		}
		m.add(mavenSpec(e, spec))
	}
	return nil
}
