package impact

import (
	"regexp"
	"strings"
)

var requirements = regexp.MustCompile(`^(?:requirements|constraints)[\w.-]*\.(?:txt|in)$`)

// manifest reads the lines of a file that names dependencies. Which section a line is in is known only where the hunk shows it.
type manifest struct {
	name    *regexp.Regexp // of the file, in lower case
	line    *regexp.Regexp // its first group that is not empty is the package
	raw     bool           // look at the line with its comments
	header  *regexp.Regexp // a line that opens a section
	opens   *regexp.Regexp // sections that hold dependencies
	not     *regexp.Regexp // names that are none
	skip    *regexp.Regexp // lines that are none
	unsure  *regexp.Regexp // lines that count only where the hunk shows their section
	section string         // of the line before
}

var (
	inTOML  = regexp.MustCompile(`^\s*(\[\[?[^\]]+\]\]?)|^\s*([\w-]+)\s*=\s*\[`)
	inJSON  = regexp.MustCompile(`^\s*"([^"]+)"\s*:\s*\{`)
	depends = regexp.MustCompile(`(?i)dependenc|require|packages|group|extras`)
)

var manifests = []manifest{
	{
		name: regexp.MustCompile(`^go\.mod$`), raw: true,
		line:   regexp.MustCompile(`^\s*(?:require\s+)?([\w-]+(?:\.[\w-]+)+(?:/[\w.~-]+)*)\s+v\d`),
		skip:   regexp.MustCompile(`// indirect|=>|^\s*(?:exclude|retract|replace)\b`),
		header: regexp.MustCompile(`^\s*(require|replace|exclude|retract|tool|ignore)\s*\(`), opens: regexp.MustCompile(`^require$`),
	},
	{
		name: requirements,
		line: regexp.MustCompile(`^\s*([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(?:[<>=!~;@].*)?$`),
	},
	{
		name:   regexp.MustCompile(`^package\.json$`),
		line:   regexp.MustCompile(`^\s*"(@?[\w][\w./@-]*)"\s*:\s*"(?:[~^<>=*vx\d]|workspace:|file:|git|https?:|npm:|latest|next|link:|github:)[^"]*"`),
		header: inJSON, opens: regexp.MustCompile(`(?i)dependencies$|^resolutions$|^overrides$`),
		not: regexp.MustCompile(`^(?:version|node|npm|yarn|pnpm|bun|vscode|packageManager|main|module|types|license|type)$`),
	},
	{
		name:   regexp.MustCompile(`^composer\.json$`),
		line:   regexp.MustCompile(`^\s*"([\w.-]+/[\w.-]+)"\s*:\s*"[^"]*"`),
		header: inJSON, opens: regexp.MustCompile(`^require`),
	},
	{
		name: regexp.MustCompile(`^(?:pyproject\.toml|pipfile)$`),
		line: regexp.MustCompile(`^\s*["']([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(?:[<>=!~@;][^"']*)?["'],?\s*\]?,?\s*$` +
			`|^\s*([A-Za-z0-9][\w.-]*)\s*=\s*(?:["'][\^~<>=*\d]|\{.*(?:version|git|path)\b)`),
		header: inTOML, opens: depends, not: regexp.MustCompile(`(?i)^(?:version|python|python_version|requires-python|target-version|line-length)$`),
		unsure: regexp.MustCompile(`^\s*["'][^<>=!~@;]*$`),
	},
	{
		name:   regexp.MustCompile(`^cargo\.toml$`),
		line:   regexp.MustCompile(`^\s*([A-Za-z][\w-]*)\s*=\s*(?:"[\^~=<>*]?\s*[\d*]|\{.*(?:version|git|path|workspace)\b)`),
		header: inTOML, opens: depends, not: regexp.MustCompile(`^(?:version|edition|rust-version|resolver)$`),
	},
	{
		name: regexp.MustCompile(`^gemfile$`),
		line: regexp.MustCompile(`^\s*gem\s+["']([^"']+)["']`),
	},
	{
		name: regexp.MustCompile(`^pom\.xml$`),
		line: regexp.MustCompile(`<artifactId>\s*([^<]+?)\s*</artifactId>`),
	},
	{
		name: regexp.MustCompile(`\.csproj$|^directory\.packages\.props$`),
		line: regexp.MustCompile(`<Package(?:Reference|Version)\s+Include="([^"]+)"`),
	},
}

// manifestOf returns a reader for a manifest, or nil for any other file.
func manifestOf(name string) *manifest {
	for i := range manifests {
		if manifests[i].name.MatchString(base(name)) {
			m := manifests[i]
			return &m
		}
	}
	return nil
}

// follow takes in a line and returns the section that it is in, "" for one that the hunk does not show.
func (m *manifest) follow(code string) string {
	if m == nil || m.header == nil {
		return ""
	}
	before := m.section
	if h := m.header.FindStringSubmatch(code); h != nil {
		m.section = strings.TrimSpace(strings.Join(h[1:], ""))
		return m.section
	}
	switch strings.Trim(code, " \t,") {
	case "}", ")", "]":
		m.section = ""
	}
	return before
}

// dependency returns the package that a line of a section adds, or "".
func (m *manifest) dependency(code, raw, section string) string {
	if m.raw {
		code = raw
	}
	if m.skip != nil && m.skip.MatchString(code) || section != "" && m.opens != nil && !m.opens.MatchString(section) {
		return ""
	}
	if m.unsure != nil && section == "" && m.unsure.MatchString(code) {
		return ""
	}
	for i, g := range m.line.FindStringSubmatch(code) {
		if i > 0 && g != "" {
			if m.not != nil && m.not.MatchString(g) {
				return ""
			}
			return g
		}
	}
	return ""
}
