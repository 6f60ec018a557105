package manifest

import (
	"regexp"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

var (
	nugetPin   = regexp.MustCompile(`^\[\s*([^,\[\]()]+?)\s*\]$`)
	msbuildRef = regexp.MustCompile(`\$\(([^()]+)\)`)
)

// msbuild reads the package references of a project file, or the central versions of Directory.Packages.props. Properties are
// resolved within the file when they are set once and without a condition.
func msbuild(m *Manifest, root *config.Node) *Error {
	project := root.Get("Project")
	if project == nil {
		return failed(1, "the root element is not <Project>")
	}
	props := map[string]string{}
	for _, group := range project.Get("PropertyGroup").Items() {
		for _, p := range group.Entries() {
			_, again := props[strings.ToLower(p.Name)]
			if again || len(p.Node.Items()) != 1 || group.Get("@Condition") != nil || p.Node.Get("@Condition") != nil {
				props[strings.ToLower(p.Name)] = ""
				continue
			}
			props[strings.ToLower(p.Name)] = p.Node.Str()
		}
	}
	for _, group := range project.Get("ItemGroup").Items() {
		for _, kind := range []string{"PackageReference", "PackageVersion", "GlobalPackageReference"} {
			for _, ref := range group.Get(kind).Items() {
				name := field(ref, "Include")
				if name == nil {
					if name = field(ref, "Update"); name == nil {
						continue
					}
				}
				if ref.Get("@Remove") != nil {
					continue
				}
				e := Entry{Package: strings.TrimSpace(name.Str()), Line: ref.Line, Direct: true}
				if kind == "PackageVersion" {
					e.Scope = Shared
				}
				if condition := ref.Get("@Condition"); condition != nil || group.Get("@Condition") != nil {
					e.Scope = Optional
					if e.Marker = condition.Str(); e.Marker == "" {
						e.Marker = group.Get("@Condition").Str()
					}
				}
				if strings.EqualFold(field(ref, "PrivateAssets").Str(), "all") && e.Scope == Main {
					e.Scope = Dev
				}
				version := field(ref, "VersionOverride")
				if version == nil {
					version = field(ref, "Version")
				}
				if version == nil && kind == "PackageReference" {
					m.hint("%s has no version here (line %d): it may stand in Directory.Packages.props", e.Package, e.Line)
				}
				m.add(nugetSpec(e, msbuildRef.ReplaceAllStringFunc(version.Str(), func(s string) string {
					if v := props[strings.ToLower(s[2:len(s)-1])]; v != "" {
						return v
					}
					return s
				})))
			}
		}
	}
	return nil
}

// field returns what an item says as an attribute or an element.
func field(item *config.Node, name string) *config.Node {
	if a := item.Get("@" + name); a != nil {
		return a
	}
	return item.Get(name)
}

func nugetSpec(e Entry, spec string) Entry {
	spec = strings.TrimSpace(spec)
	switch {
	case strings.Contains(spec, "$("):
		e.Loose = "the version " + clip(spec) + " is not set in this file"
	case nugetPin.MatchString(spec):
		e.Version = nugetPin.FindStringSubmatch(spec)[1]
	default:
		e.Range = spec // "1.2.3" is 1.2.3 or newer
	}
	return e
}

// packagesConfig reads packages.config, whose versions are exact.
func packagesConfig(m *Manifest, root *config.Node) *Error {
	packages := root.Get("packages")
	if packages == nil {
		return failed(1, "the root element is not <packages>")
	}
	for _, p := range packages.Get("package").Items() {
		e := Entry{Package: p.Get("@id").Str(), Version: p.Get("@version").Str(), Line: p.Line, Direct: true}
		if e.Package == "" {
			return failed(p.Line, "a package without an id")
		}
		if p.Get("@developmentDependency").Str() == "true" {
			e.Scope = Dev
		}
		m.add(e)
	}
	return nil
}

func nugetLock(m *Manifest, root *config.Node) *Error {
	for _, framework := range root.Get("dependencies").Entries() {
		for _, d := range framework.Node.Entries() {
			e := Entry{Package: d.Name, Version: d.Node.Get("resolved").Str(), Line: d.Node.Line}
			switch kind := d.Node.Get("type").Str(); kind {
			case "Direct":
				e.Direct = true
			case "Project":
				e.Loose = "it is a project beside this one"
			}
			m.add(e)
		}
	}
	return nil
}
