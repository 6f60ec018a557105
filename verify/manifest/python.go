package manifest

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

var (
	pepName  = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*`)
	pepExact = regexp.MustCompile(`^={2,3}\s*([0-9][0-9A-Za-z.!+_-]*)$`)
	pepRange = regexp.MustCompile(`^(?:(?:==|~=|!=|<=|>=|<|>|===)\s*[0-9][0-9A-Za-z.!+_*-]*\s*(?:,\s*|$))+$`)
	pepEgg   = regexp.MustCompile(`[#&]egg=([A-Za-z0-9._-]+)`)
)

// pep508 reads a requirement: "name[extra] >=1,<2; marker" or "name @ url". It returns false for what is none.
func pep508(e Entry, text string) (Entry, bool) {
	text = strings.TrimSpace(text)
	name := pepName.FindStringSubmatch(text)
	if name == nil {
		return e, false
	}
	e.Package = name[1]
	rest := text[len(name[0]):]
	if strings.HasPrefix(rest, "@") {
		_, e.Marker, _ = strings.Cut(rest, " ;")
		e.Loose, e.Marker = "it is a path, a repository or a URL", strings.TrimSpace(e.Marker)
		return e, true
	}
	rest, e.Marker, _ = strings.Cut(rest, ";")
	e.Marker = strings.TrimSpace(e.Marker)
	rest = strings.TrimSpace(rest)
	if strings.HasPrefix(rest, "(") && strings.HasSuffix(rest, ")") {
		rest = strings.TrimSpace(rest[1 : len(rest)-1])
	}
	return pythonRange(e, rest)
}

func pythonRange(e Entry, text string) (Entry, bool) {
	if m := pepExact.FindStringSubmatch(text); m != nil {
		e.Version, e.Range = m[1], ""
		return e, true
	}
	e.Range = text
	return e, text == "" || text == "*" || pepRange.MatchString(text)
}

// requirements reads requirements.txt. Files that it includes are named as hints: they are not read.
func requirements(m *Manifest, text string) *Error {
	rows := strings.Split(text, "\n")
	for i := 0; i < len(rows); i++ {
		line := i + 1
		row := rows[i]
		if strings.HasPrefix(strings.TrimSpace(row), "#") {
			continue // a comment goes not on, whatever it ends with
		}
		var whole strings.Builder
		for strings.HasSuffix(row, `\`) {
			whole.WriteString(strings.TrimSuffix(row, `\`))
			if i++; i == len(rows) {
				row = ""
				break
			}
			row = rows[i]
			if strings.HasPrefix(strings.TrimSpace(row), "#") {
				row = ""
			}
		}
		whole.WriteString(row)
		row = whole.String()
		if j := strings.Index(" "+strings.ReplaceAll(row, "\t", " "), " #"); j >= 0 { // at j in the row is the "#" or the blank before it
			row = row[:j]
		}
		if row = strings.TrimSpace(row); row == "" {
			continue
		}
		if bad := requirement(m, row, line); bad != nil {
			return bad
		}
	}
	return nil
}

var (
	pipOption  = regexp.MustCompile(`\s+--(?:hash|global-option|install-option|config-settings?)\b.*$`)
	pipInclude = regexp.MustCompile(`^(?:-r|--requirement|-c|--constraint)[\s=]*(\S+)`)
	pipEdit    = regexp.MustCompile(`^(?:-e|--editable)[\s=]*`)
	pipPlace   = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z0-9+.-]*://|(?:git|hg|svn|bzr)\+|file:|\.{1,2}(?:/|$)|/|[\w.-]+/|[\w./-]+\.(?:whl|zip|tar\.gz)(?:$|[\s;#]))`)
)

func requirement(m *Manifest, row string, line int) *Error {
	if inc := pipInclude.FindStringSubmatch(row); inc != nil {
		m.hint("it includes %s (line %d), which was not read: name that file", inc[1], line)
		return nil
	}
	e := Entry{Line: line, Direct: true}
	edit := pipEdit.FindString(row)
	if row = strings.TrimSpace(row[len(edit):]); edit != "" || pipPlace.MatchString(row) {
		if egg := pepEgg.FindStringSubmatch(row); egg != nil {
			e.Package, e.Loose = egg[1], "it is a path, a repository or a URL"
			m.add(e)
		}
		return nil
	}
	if strings.HasPrefix(row, "-") {
		return nil // an option of pip
	}
	e, ok := pep508(e, pipOption.ReplaceAllString(row, ""))
	if !ok {
		return failed(line, "malformed requirement %q", clip(row))
	}
	m.add(e)
	return nil
}

// pyproject reads the dependencies of PEP 621 and PEP 735, of Poetry, PDM and uv.
func pyproject(m *Manifest, root *config.Node) *Error {
	project := root.Get("project")
	if bad := pepList(m, project.Get("dependencies"), Main); bad != nil {
		return bad
	}
	for _, x := range project.Get("dynamic").Items() {
		if x.Str() == "dependencies" {
			m.hint("its dependencies are dynamic (line %d): name the file that they come from", x.Line)
		}
	}
	if bad := pepGroups(m, project.Get("optional-dependencies"), Optional); bad != nil {
		return bad
	}
	if bad := pepGroups(m, root.Get("dependency-groups"), Dev); bad != nil {
		return bad
	}
	if bad := pepList(m, root.At("build-system", "requires"), Dev); bad != nil {
		return bad
	}
	if bad := pepGroups(m, root.At("tool", "pdm", "dev-dependencies"), Dev); bad != nil {
		return bad
	}
	if bad := pepList(m, root.At("tool", "uv", "dev-dependencies"), Dev); bad != nil {
		return bad
	}
	poetry := root.At("tool", "poetry")
	poetryTable(m, poetry.Get("dependencies"), Main)
	poetryTable(m, poetry.Get("dev-dependencies"), Dev)
	for _, g := range poetry.Get("group").Entries() {
		poetryTable(m, g.Node.Get("dependencies"), Dev)
	}
	// uv may take a package that is declared with a version from elsewhere.
	moved := map[string]bool{}
	for _, s := range root.At("tool", "uv", "sources").Entries() {
		for _, one := range append(s.Node.Items(), s.Node) {
			if one.Kind == config.Map && one.Get("index") == nil {
				moved[PyPI.normal(s.Name)] = true
			}
		}
	}
	for i := range m.Entries {
		if e := &m.Entries[i]; len(moved) > 0 && moved[PyPI.normal(e.Package)] {
			e.Loose = "tool.uv.sources takes it from a path, a repository or a URL"
		}
	}
	return nil
}

func pepGroups(m *Manifest, groups *config.Node, scope Scope) *Error {
	for _, g := range groups.Entries() {
		if bad := pepList(m, g.Node, scope); bad != nil {
			return bad
		}
	}
	return nil
}

func pepList(m *Manifest, list *config.Node, scope Scope) *Error {
	if list != nil && list.Kind != config.List {
		return failed(list.Line, "dependencies are a list of requirements")
	}
	for _, item := range list.Items() {
		if item.Kind == config.Map { // {include-group = "..."}: its requirements stand in their own group
			continue
		}
		e, ok := pep508(Entry{Line: item.Line, Scope: scope, Direct: true}, strings.TrimSpace(strings.TrimPrefix(item.Text, "-e ")))
		if !ok {
			if pipPlace.MatchString(item.Text) {
				continue
			}
			return failed(item.Line, "malformed requirement %q", clip(item.Text))
		}
		m.add(e)
	}
	return nil
}

func poetryTable(m *Manifest, table *config.Node, scope Scope) {
	for _, d := range table.Entries() {
		if d.Name == "python" {
			continue
		}
		alternatives := []*config.Node{d.Node}
		if d.Node.Kind == config.List {
			alternatives = d.Node.Items()
		}
		for _, one := range alternatives {
			e := Entry{Package: d.Name, Line: one.Line, Scope: scope, Direct: true}
			spec := one
			if one.Kind == config.Map {
				spec = one.Get("version")
				if one.Get("optional").Str() == "true" {
					e.Scope = Optional
				}
				e.Marker = one.Get("markers").Str()
				e.Loose = elsewhere(one, "git", "path", "url", "file")
			}
			e.Range = spec.Str()
			if v, ok := poetryRange(e.Range); ok {
				e, _ = pythonRange(e, v)
			}
			m.add(e)
		}
	}
}

// elsewhere tells by its keys that a dependency is not taken from the registry.
func elsewhere(n *config.Node, keys ...string) string {
	for _, key := range keys {
		if n.Get(key).Str() != "" {
			return "it is taken from a " + key
		}
	}
	return ""
}

var poetryWord = regexp.MustCompile(`^(\^|~)?\s*([0-9]+(?:\.[0-9]+)*)$`)

// poetryRange puts Poetry's "^1.2", "~1.2" and "1.2" into the words of PEP 440. It returns false for what it does not know.
func poetryRange(text string) (string, bool) {
	var out []string
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		m := poetryWord.FindStringSubmatch(word)
		switch {
		case word == "" || word == "*":
			return "", true
		case m == nil && strings.HasSuffix(word, ".*") && !strings.ContainsAny(word[:1], "=!<>~"):
			out = append(out, "=="+word)
		case m == nil:
			out = append(out, word)
		case m[1] == "":
			out = append(out, "=="+m[2])
		default:
			numbers := strings.Split(m[2], ".")
			at := 0
			if m[1] == "~" {
				at = min(1, len(numbers)-1)
			} else {
				for at < len(numbers)-1 && strings.Trim(numbers[at], "0") == "" {
					at++
				}
			}
			n, err := strconv.Atoi(numbers[at])
			if err != nil {
				return "", false
			}
			upper := append(append([]string{}, numbers[:at]...), strconv.Itoa(n+1))
			out = append(out, ">="+m[2], "<"+strings.Join(upper, "."))
		}
	}
	joined := strings.Join(out, ",")
	return joined, pepRange.MatchString(joined)
}

// setupCfg reads install_requires and extras_require of setup.cfg.
func setupCfg(m *Manifest, root *config.Node) *Error {
	lists := []struct {
		node  *config.Node
		scope Scope
	}{{root.At("options", "install_requires"), Main}, {root.At("options", "setup_requires"), Dev}, {root.At("options", "tests_require"), Dev}}
	for _, e := range root.Get("options.extras_require").Entries() {
		lists = append(lists, struct {
			node  *config.Node
			scope Scope
		}{e.Node, Optional})
	}
	for _, list := range lists {
		for _, row := range strings.Split(list.node.Str(), "\n") {
			row = strings.TrimSpace(row)
			if strings.HasPrefix(row, "file:") {
				m.hint("install_requires comes from %s, which was not read: name that file", strings.TrimSpace(row[5:]))
				continue
			}
			if row == "" {
				continue
			}
			e, ok := pep508(Entry{Line: list.node.Line, Scope: list.scope, Direct: true}, row)
			if !ok {
				return failed(list.node.Line, "malformed requirement %q", clip(row))
			}
			m.add(e)
		}
	}
	return nil
}

func pipfile(m *Manifest, root *config.Node) *Error {
	for _, section := range root.Entries() {
		scope := Dev
		switch section.Name {
		case "packages":
			scope = Main
		case "source", "requires", "scripts", "pipenv", "build-system":
			continue
		}
		for _, d := range section.Node.Entries() {
			e := Entry{Package: d.Name, Line: d.Node.Line, Scope: scope, Direct: true}
			spec := d.Node
			if spec.Kind == config.Map {
				e.Loose = elsewhere(spec, "git", "hg", "svn", "path", "file", "url")
				e.Marker = spec.Get("markers").Str()
				spec = spec.Get("version")
			}
			e, ok := pythonRange(e, strings.TrimSpace(spec.Str()))
			if !ok {
				return failed(e.Line, "malformed version %q of %s", clip(spec.Str()), e.Package)
			}
			m.add(e)
		}
	}
	return nil
}

func pipfileLock(m *Manifest, root *config.Node) *Error {
	for _, section := range root.Entries() {
		scope := Dev
		switch section.Name {
		case "default":
			scope = Main
		case "_meta":
			continue
		}
		for _, d := range section.Node.Entries() {
			e := Entry{Package: d.Name, Line: d.Node.Line, Scope: scope, Marker: d.Node.Get("markers").Str()}
			e.Loose = elsewhere(d.Node, "git", "hg", "svn", "path", "file", "url")
			e, _ = pythonRange(e, d.Node.Get("version").Str())
			m.add(e)
		}
	}
	return nil
}

// pythonLock reads poetry.lock, pdm.lock and uv.lock, which are lists of packages.
func pythonLock(m *Manifest, root *config.Node) *Error {
	for _, p := range root.Get("package").Items() {
		e := Entry{Package: p.Get("name").Str(), Version: p.Get("version").Str(), Line: p.Line}
		if name := p.Get("name"); name != nil {
			e.Line = name.Line
		}
		if e.Package == "" {
			return failed(p.Line, "a package without a name")
		}
		switch {
		case p.Get("category").Str() == "dev":
			e.Scope = Dev
		case p.Get("optional").Str() == "true":
			e.Scope = Optional
		}
		source := p.Get("source")
		switch kind := source.Get("type").Str(); kind { // Poetry
		case "", "legacy":
		default:
			e.Loose = "it is taken from a " + kind
		}
		if source.Get("virtual").Str() != "" || source.Get("editable").Str() == "." {
			continue // the project
		}
		if e.Loose == "" {
			e.Loose = elsewhere(source, "git", "editable", "directory", "path", "url")
		}
		if e.Loose == "" {
			e.Loose = elsewhere(p, "git", "path", "url") // PDM
		}
		m.add(e)
	}
	return nil
}

func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:77], "") + "..."
}
