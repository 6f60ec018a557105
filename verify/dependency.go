package verify

import (
	"fmt"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/manifest"
)

// manifests lists the manifest of a claim about dependencies, then the lock files that may stand beside it.
func (k *claim) manifests() []string {
	if p := k.params.String("manifest"); p != "" {
		return append([]string{p}, manifest.LockNames(p)...)
	}
	return nil
}

// dependencies reads a manifest or lock file.
func (f *file) dependencies() (*manifest.Manifest, error) {
	text, err := f.utf8()
	if err != nil {
		return nil, err
	}
	type reading struct {
		manifest *manifest.Manifest
		err      error
	}
	r := remember(f, "manifest", func() reading {
		m, err := manifest.Read(f.path, text)
		return reading{m, err}
	})
	if r.err != nil {
		return nil, failf("%v", r.err)
	}
	return r.manifest, nil
}

// deciding returns the file that decides about a package, with its entries: the lock file beside the manifest where there is
// one, else the manifest itself. The manifest must name the package, and so must its lock file.
func (k *claim) deciding(pkg string) (*file, *manifest.Manifest, []manifest.Entry, error) {
	f := k.about()
	m, err := f.dependencies()
	if err != nil {
		return f, nil, nil, err
	}
	entries := m.Find(pkg)
	if len(entries) == 0 {
		hint := ""
		if near := m.Nearest(pkg, 3); len(near) > 0 {
			hint = "; the nearest: " + strings.Join(near, ", ")
		}
		if len(m.Hints) > 0 {
			hint += "; " + strings.Join(m.Hints[:min(len(m.Hints), 3)], "; ")
		}
		return f, m, nil, failf("%s does not name %s%s", f.path, pkg, hint)
	}
	for _, name := range k.paths[1:] {
		lock := k.file(name) // noted also when it is not there: the commit may have it
		if lock.isMissing() {
			continue
		}
		locked, err := lock.dependencies()
		if err != nil {
			return lock, nil, nil, failf("the lock file beside %s decides, but: %v", f.path, err)
		}
		held := locked.Find(pkg)
		if len(held) == 0 {
			return lock, locked, nil, failAt(entries[0].Line, "%s names %s, but the lock file %s does not: it is out of date", f.path, pkg, lock.path)
		}
		return lock, locked, held, nil
	}
	return f, m, entries, nil
}

// dependencyExists: the manifest names the package, and the lock file beside it too where there is one.
func dependencyExists(k *claim) (*found, error) {
	pkg := k.params.String("package")
	f, _, entries, err := k.deciding(pkg)
	if err != nil {
		return nil, err
	}
	reason := fmt.Sprintf("%s is in %s:%d%s", entries[0].Package, f.path, entries[0].Line, andMore(entries))
	if entries[0].Scope != manifest.Main {
		reason += fmt.Sprintf(" (%s)", entries[0].Scope)
	}
	return &found{file: f, line: entries[0].Line, reason: reason, excerpt: entryLines(f, entries)}, nil
}

// dependencyVersion: every version of the package that can be installed meets the constraint, by the lock file beside the
// manifest where there is one.
func dependencyVersion(k *claim) (*found, error) {
	pkg := k.params.String("package")
	f, m, entries, err := k.deciding(pkg)
	if err != nil {
		return nil, err
	}
	verdict, err := m.Satisfies(pkg, k.params.String("constraint"))
	if err != nil {
		return nil, failf("%v", err)
	}
	by := fmt.Sprintf(" (decided by %s)", f.path)
	if !verdict.OK {
		return &found{file: f}, failAt(verdict.Line, "%s%s", verdict.Reason, by)
	}
	return &found{file: f, line: verdict.Line, reason: verdict.Reason + by, excerpt: entryLines(f, entries)}, nil
}

// entryLines are the lines of the entries with a few after each, as lock files say more below a name.
func entryLines(f *file, entries []manifest.Entry) string {
	text, err := f.utf8()
	if err != nil {
		return ""
	}
	var b strings.Builder
	last := 0
	for _, e := range entries[:min(len(entries), 20)] {
		from, to := max(e.Line-1, last+1), e.Line+4
		if from > to {
			continue
		}
		b.WriteString(linesOf(text, from, to))
		last = to
	}
	return b.String()
}
