package verify

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/source"
	"github.com/redoubt-dev/redoubt/verify/webconf"
)

// importPresent: the file imports the module. In Python a package is imported with any module of it, in JavaScript and
// TypeScript with a path within it ("lodash" by "lodash/get"), and "node:fs" is "fs"; in Java, Kotlin and Scala a package is
// imported with anything in it; in Ruby a library is required with a path within it, and
// a file beside is "./file"; a shell sources a file by any folder; in Go the path is exact.
func importPresent(k *claim) (*found, error) {
	f := k.about()
	facts, err := f.facts()
	if err != nil {
		return nil, err
	}
	want := strings.Trim(k.params.String("module"), `"'`)
	var near []candidate
	for _, imp := range facts.Imports {
		if imports(facts.Language, imp, want) {
			return &found{
				file: f, line: imp.Line, reason: fmt.Sprintf("%s is imported at %s:%d", imp.Module, f.path, imp.Line), excerpt: f.enclosing(imp.Line),
			}, nil
		}
		near = append(near, candidate{name: imp.Module, text: fmt.Sprintf("%s (line %d)", imp.Module, imp.Line)})
	}
	if len(near) == 0 {
		return nil, failf("%s imports nothing, not %s", f.path, want)
	}
	return nil, failf("%s does not import %s; it imports %s", f.path, want, likelyOrFirst(want, near))
}

func imports(language source.Language, imp source.Import, want string) bool {
	if imp.Module == want {
		return true
	}
	switch language {
	case source.Python, source.Java, source.Kotlin, source.Scala, source.Swift:
		if strings.HasPrefix(imp.Module, want+".") {
			return true
		}
		for _, name := range imp.Names {
			if full := strings.TrimSuffix(imp.Module, ".") + "." + name; full == want && name != "*" {
				return true
			}
		}
	case source.Rust: // a crate is imported with any item of it
		want = strings.ReplaceAll(want, "::", ".")
		return imp.Module == want || strings.HasPrefix(imp.Module, want+".")
	case source.C, source.CPP:
		return imp.Module == strings.Trim(want, "<>")
	case source.PHP: // with anything in a namespace
		want := strings.TrimPrefix(want, `\`)
		return imp.Module == want || want != "" && strings.HasPrefix(imp.Module, want+`\`)
	case source.Shell: // the folder is often computed
		return !strings.HasPrefix(want, "/") && strings.HasSuffix(imp.Module, "/"+strings.TrimPrefix(want, "./"))
	case source.Ruby:
		return !strings.HasPrefix(want, ".") && strings.HasPrefix(imp.Module, want+"/")
	case source.JavaScript, source.TypeScript:
		module, want := strings.TrimPrefix(imp.Module, "node:"), strings.TrimPrefix(want, "node:")
		return module == want || !strings.HasPrefix(want, ".") && strings.HasPrefix(module, want+"/")
	}
	return false
}

// middlewareRegistered: the file registers the middleware, named whole or by its last parts; to import it is not enough.
func middlewareRegistered(k *claim) (*found, error) {
	f := k.about()
	facts, err := f.facts()
	if err != nil {
		return nil, err
	}
	want := strings.TrimSuffix(k.params.String("middleware"), "()")
	var near []candidate
	for _, m := range facts.Middle {
		if isLastParts(m.Name, want) {
			return &found{
				file: f, line: m.Line, reason: fmt.Sprintf("%s is registered at %s:%d", m.Name, f.path, m.Line), excerpt: f.enclosing(m.Line),
			}, nil
		}
		near = append(near, candidate{name: m.Name, text: fmt.Sprintf("%s (line %d)", m.Name, m.Line)})
	}
	if len(near) == 0 {
		return nil, failf("%s registers no middleware that is understood, not %s", f.path, want)
	}
	return nil, failf("%s does not register %s; it registers %s", f.path, want, likelyOrFirst(want, near))
}

// httpHeaderSet: the file sets the header to something. With a value each place that sets it must set a literal that matches.
// In the configuration of a server no part may take it away again.
func httpHeaderSet(k *claim) (*found, error) {
	f := k.about()
	set, err := f.headers()
	if err != nil {
		return nil, err
	}
	name, value := k.params.String("header"), (*expression)(nil)
	if v := k.params.String("value"); v != "" {
		if value, err = k.run.patterns.compile(v); err != nil {
			return nil, err
		}
	}
	var near []candidate
	line := 0
	for _, h := range set.all {
		near = append(near, candidate{name: h.Name, text: fmt.Sprintf("%s (line %d)", h.Name, h.Line)})
		switch {
		case !strings.EqualFold(h.Name, name):
			continue
		case h.Known && strings.TrimSpace(h.Value) == "":
			return nil, failAt(h.Line, "%s is set to nothing at %s:%d", h.Name, f.path, h.Line)
		case value != nil && !h.Known:
			return nil, failAt(h.Line, "%s is set at %s:%d to a value that is no literal, so it cannot be told to match", h.Name, f.path, h.Line)
		case value != nil && !value.re.MatchString(h.Value):
			return nil, failAt(h.Line, "the value of %s set at %s:%d does not match", h.Name, f.path, h.Line)
		}
		if line == 0 {
			line = h.Line
		}
	}
	if set.server != nil && line > 0 {
		if lost, ok := set.server.LostOf(name); ok {
			return nil, failAt(lost.Line, "%s is set at %s:%d, but not kept at line %d: %s", name, f.path, line, lost.Line, lost.Why)
		}
	}
	switch {
	case line > 0:
		return &found{file: f, line: line, reason: fmt.Sprintf("%s is set at %s:%d", name, f.path, line), excerpt: f.headerExcerpt(set, line)}, nil
	case len(near) == 0:
		return nil, failf("%s sets no header that is understood, not %s; reading one does not count%s", f.path, name, set.unseen())
	}
	return nil, failf("%s does not set %s; it sets %s%s", f.path, name, likelyOrFirst(name, near), set.unseen())
}

// headers are what a file sets: code, or the configuration of a server.
type headers struct {
	all    []source.Header
	server *webconf.File // nil for code
}

// headers returns what the file sets, read as the configuration of a server when its name is that of one.
func (f *file) headers() (headers, error) {
	if f.isSource() || !webconf.Is(f.path) {
		facts, err := f.facts()
		if err != nil {
			return headers{}, err
		}
		return headers{all: facts.Headers}, nil
	}
	text, err := f.utf8()
	if err != nil {
		return headers{}, err
	}
	type reading struct {
		headers
		err error
	}
	r := remember(f, "webconf", func() reading {
		read, err := webconf.Read(f.path, text)
		var bad *webconf.Error
		switch {
		case errors.As(err, &bad) && bad.Line > 0:
			return reading{err: failAt(bad.Line, "%s: unsupported: %v", f.path, bad)}
		case err != nil:
			return reading{err: failf("%s: unsupported: %v", f.path, err)}
		}
		h := headers{server: read}
		for _, s := range read.Headers {
			h.all = append(h.all, source.Header(s))
		}
		return reading{headers: h}
	})
	return r.headers, r.err
}

// unseen tells what of a configuration was not followed, as the end of a sentence.
func (h headers) unseen() string {
	if h.server == nil || len(h.server.Unseen) == 0 {
		return ""
	}
	first := h.server.Unseen[0]
	return fmt.Sprintf("; line %d: %s%s", first.Line, first.What, andMore(h.server.Unseen))
}

// headerExcerpt returns the function around a line of code, or the lines around one of a configuration.
func (f *file) headerExcerpt(h headers, line int) string {
	if h.server == nil {
		return f.enclosing(line)
	}
	text, err := f.utf8()
	if err != nil {
		return ""
	}
	return aroundLines(text, line, line, around)
}

// envVarReferenced: the code reads the environment variable.
func envVarReferenced(k *claim) (*found, error) {
	f := k.about()
	facts, err := f.facts()
	if err != nil {
		return nil, err
	}
	want := strings.TrimPrefix(k.params.String("variable"), "$")
	var near []candidate
	for _, e := range facts.Env {
		if e.Name == want {
			return &found{file: f, line: e.Line, reason: fmt.Sprintf("%s is read at %s:%d", want, f.path, e.Line), excerpt: f.enclosing(e.Line)}, nil
		}
		near = append(near, candidate{name: e.Name, text: fmt.Sprintf("%s (line %d)", e.Name, e.Line)})
	}
	if len(near) == 0 {
		return nil, failf("%s reads no environment variable that is understood, not %s", f.path, want)
	}
	return nil, failf("%s does not read %s; it reads %s", f.path, want, likelyOrFirst(want, near))
}
