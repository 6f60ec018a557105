package manifest

import (
	"regexp"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

var composerExact = regexp.MustCompile(`^={0,2}v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)$`)

func composerJSON(m *Manifest, root *config.Node) *Error {
	for _, s := range []struct {
		key   string
		scope Scope
	}{{"require", Main}, {"require-dev", Dev}} {
		for _, d := range root.Get(s.key).Entries() {
			e := Entry{Package: d.Name, Line: d.Node.Line, Scope: s.scope, Direct: true, Range: strings.TrimSpace(d.Node.Str())}
			if exact := composerExact.FindStringSubmatch(e.Range); exact != nil {
				e.Version, e.Range = exact[1], ""
			}
			if strings.Contains(e.Range, "dev-") || strings.HasSuffix(e.Range, "-dev") || strings.HasSuffix(e.Range, "@dev") {
				e.Loose = "it is a branch"
			}
			m.add(e)
		}
	}
	return nil
}

func composerLock(m *Manifest, root *config.Node) *Error {
	for _, s := range []struct {
		key   string
		scope Scope
	}{{"packages", Main}, {"packages-dev", Dev}} {
		for _, p := range root.Get(s.key).Items() {
			name := p.Get("name")
			if name.Str() == "" {
				return failed(p.Line, "a package without a name")
			}
			e := Entry{Package: name.Str(), Version: strings.TrimPrefix(p.Get("version").Str(), "v"), Line: name.Line, Scope: s.scope}
			if strings.HasPrefix(e.Version, "dev-") || strings.HasSuffix(e.Version, "-dev") {
				e.Loose = "it is a branch"
			} else if p.At("dist", "type").Str() == "path" {
				e.Loose = "it is a local path"
			}
			m.add(e)
		}
	}
	return nil
}
