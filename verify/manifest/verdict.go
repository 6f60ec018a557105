package manifest

import (
	"fmt"
	"strings"
)

// Verdict says whether a package meets a constraint.
type Verdict struct {
	OK     bool
	Reason string   // in a sentence, for a pass and a failure
	Line   int      // of the entry that decides: the first that fails, or the first; 0 without one
	Found  []string // every entry of the package: "^4.18.2 (line 7)"
}

// Satisfies tells whether every version of the package that can be installed by the file meets the constraint. An exact version
// is compared with it; a declared range must lie within it as a whole; a dependency without a version, or one taken from a path,
// a repository or a URL, never meets it. Of several entries each must. Errors: an [Error] for a constraint that is not
// understood, with an example.
func (m *Manifest) Satisfies(pkg, want string) (Verdict, error) {
	c, err := m.Ecosystem.wanted(want)
	if err != nil {
		return Verdict{}, err
	}
	entries := m.Find(pkg)
	if len(entries) == 0 {
		return Verdict{Reason: fmt.Sprintf("%s does not name %s", m.Path, pkg) + m.aside()}, nil
	}
	v := Verdict{OK: true, Line: entries[0].Line}
	for _, e := range entries {
		v.Found = append(v.Found, e.Found())
		if !v.OK {
			continue
		}
		if why := e.fails(m, c, want); why != "" {
			v.OK, v.Line, v.Reason = false, e.Line, why
		}
	}
	if v.OK {
		v.Reason = fmt.Sprintf("%s meets %s: %s", pkg, want, strings.Join(v.Found[:min(len(v.Found), 5)], ", "))
	}
	return v, nil
}

// fails says why an entry does not meet the constraint, or returns "".
func (e Entry) fails(m *Manifest, c *constraint, want string) string {
	switch {
	case e.Loose != "":
		return fmt.Sprintf("%s comes without a version to check: %s", e.Package, e.Loose) + m.aside()
	case e.Version != "":
		ok, err := c.meets(e.Version)
		if err != nil {
			return fmt.Sprintf("unsupported: the version %q of %s is not understood", e.Version, e.Package)
		}
		if !ok {
			return fmt.Sprintf("%s %s does not meet %s", e.Package, e.Version, want)
		}
		return ""
	case anything(e.Range):
		return fmt.Sprintf("%s is declared without a version", e.Package) + m.aside()
	}
	admitted, err := m.Ecosystem.admitted(e.Range)
	switch {
	case err != nil:
		return fmt.Sprintf("unsupported: the range %q of %s is not understood", e.Range, e.Package)
	case admitted.every:
		return fmt.Sprintf("%s is declared without a version", e.Package) + m.aside()
	case len(admitted.spans) == 0:
		return fmt.Sprintf("the range %q of %s admits no version", e.Range, e.Package)
	case admitted.pre && !c.pre:
		return fmt.Sprintf("the range %q of %s admits pre-releases, which %s leaves open", e.Range, e.Package, want)
	case !within(admitted.spans, c.spans):
		return fmt.Sprintf("the range %q of %s admits versions that do not meet %s", e.Range, e.Package, want) + m.lockFirst()
	}
	return ""
}

// aside repeats what else the file points to.
func (m *Manifest) aside() string {
	if len(m.Hints) == 0 {
		return m.lockFirst()
	}
	return "; " + strings.Join(m.Hints[:min(len(m.Hints), 2)], "; ")
}

func (m *Manifest) lockFirst() string {
	if names := LockNames(m.Path); !m.Lock && len(names) > 0 {
		return "; a lock file beside it (" + names[0] + ") would tell the version"
	}
	return ""
}
