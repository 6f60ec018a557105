package manifest

import (
	"errors"
	"strings"

	"golang.org/x/mod/modfile"
)

// goMod reads go.mod. What it requires is what is selected, as long as the go command keeps the file tidy; a replaced module
// counts with the version that takes its place.
func goMod(m *Manifest, text string) *Error {
	f, err := modfile.Parse(m.Path, []byte(text), nil)
	if err != nil {
		var list modfile.ErrorList
		if errors.As(err, &list) && len(list) > 0 {
			return failed(list[0].Pos.Line, "malformed go.mod: %v", list[0].Err)
		}
		return failed(0, "malformed go.mod: %v", err)
	}
	for _, r := range f.Require {
		e := Entry{Package: r.Mod.Path, Version: r.Mod.Version, Line: r.Syntax.Start.Line, Direct: !r.Indirect}
		for _, x := range f.Exclude {
			if x.Mod == r.Mod {
				e.Loose = "the version that it requires is excluded"
			}
		}
		for _, rep := range f.Replace {
			if rep.Old.Path != r.Mod.Path || rep.Old.Version != "" && rep.Old.Version != r.Mod.Version {
				continue
			}
			e.Line = rep.Syntax.Start.Line
			if rep.New.Version == "" {
				e.Loose = "it is replaced by the local path " + clip(rep.New.Path)
			} else {
				e.Version = rep.New.Version
			}
			if rep.Old.Version != "" {
				break // the replacement of one version goes before that of all
			}
		}
		m.add(e)
	}
	if strings.TrimSpace(text) == "" {
		return failed(1, "the file is empty")
	}
	return nil
}
