package impact

import (
	"path"
	"strings"
)

// language is what the patterns of new surface are kept by.
type language string

const (
	golang     language = "go"
	python     language = "python"
	javascript language = "javascript" // and TypeScript, Vue, Svelte
	java       language = "java"       // and Kotlin, Scala, Groovy
	ruby       language = "ruby"
	php        language = "php"
	csharp     language = "csharp"
	rust       language = "rust"
	shell      language = "shell"
	docker     language = "docker"
	settings   language = "settings" // YAML, TOML, INI, .env, properties
	objects    language = "objects"  // JSON
	markup     language = "markup"   // HTML, XML
)

var byExtension = map[string]language{
	".go": golang, ".py": python, ".pyi": python, ".js": javascript, ".jsx": javascript, ".mjs": javascript, ".cjs": javascript,
	".ts": javascript, ".tsx": javascript, ".mts": javascript, ".cts": javascript, ".vue": javascript, ".svelte": javascript,
	".java": java, ".kt": java, ".kts": java, ".scala": java, ".groovy": java, ".gradle": java, ".rb": ruby, ".php": php, ".cs": csharp,
	".rs": rust, ".sh": shell, ".bash": shell, ".yaml": settings, ".yml": settings, ".toml": settings, ".ini": settings, ".cfg": settings,
	".conf": settings, ".env": settings, ".properties": settings, ".tf": settings, ".tfvars": settings, ".hcl": settings,
	".json": objects, ".jsonc": objects, ".html": markup, ".htm": markup, ".xml": markup, ".csproj": markup, ".props": markup, ".erb": markup, ".gohtml": markup,
}

// languageOf tells the language of a file by its name; "" for one whose lines are not looked at, such as prose and lock files.
func languageOf(p string) language {
	base := path.Base(p)
	switch lower := strings.ToLower(base); {
	case lower == "go.mod", lower == "gemfile", lower == "pipfile", requirements.MatchString(lower):
		return settings
	case lower == "dockerfile", lower == "containerfile", strings.HasPrefix(lower, "dockerfile."), strings.HasSuffix(lower, ".dockerfile"):
		return docker
	case lower == ".env" || strings.HasPrefix(lower, ".env."):
		return settings
	case lower == "package-lock.json", lower == "npm-shrinkwrap.json", lower == "pnpm-lock.yaml", lower == "packages.lock.json":
		return ""
	}
	return byExtension[strings.ToLower(path.Ext(base))]
}

// skipped reports whether a file's lines are no surface of the program: tests, and the code of others kept beside it.
func skipped(p string) bool {
	if TestFile(p) {
		return true
	}
	for dir := range strings.SplitSeq(path.Dir(p), "/") {
		switch dir {
		case "vendor", "node_modules", "third_party", "dist":
			return true
		}
	}
	return false
}

// comments are how a language writes comments. Strings are told so that what looks like a comment in one is none.
type comments struct {
	line        []string
	open, close string
	triple      bool // """ and ''' open texts of several lines, which are docstrings as a rule
	quotes      string
}

var (
	cStyle    = comments{line: []string{"//"}, open: "/*", close: "*/", quotes: "\"'`"}
	hashStyle = comments{line: []string{"#"}, quotes: `"'`}
)

var commentsOf = map[language]comments{
	golang: cStyle, javascript: cStyle, java: cStyle, csharp: cStyle,
	rust:   {line: []string{"//"}, open: "/*", close: "*/", quotes: `"`}, // ' is a lifetime too
	php:    {line: []string{"//", "#"}, open: "/*", close: "*/", quotes: `"'`},
	python: {line: []string{"#"}, triple: true, quotes: `"'`},
	ruby:   {line: []string{"#"}, open: "=begin", close: "=end", quotes: `"'`},
	shell:  hashStyle, docker: hashStyle, settings: {line: []string{"#", ";"}, quotes: `"'`}, objects: {line: []string{"//"}, open: "/*", close: "*/", quotes: `"`},
	markup: {open: "<!--", close: "-->"},
}

// stripper takes comments out of lines that follow each other. A hunk may begin within a comment that opened above it, which
// only the close of it tells; a line that begins with the * of such a comment is taken for one.
type stripper struct {
	comments
	language language
	within   string // what closes the comment or text that is open; "" for none
}

func newStripper(l language) *stripper { return &stripper{comments: commentsOf[l], language: l} }

// strip returns the line without its comments.
func (s *stripper) strip(line string) string {
	if s.within == "" && s.open == "/*" {
		if t := strings.TrimSpace(line); t == "*" || strings.HasPrefix(t, "* ") || strings.HasPrefix(t, "*/") {
			return ""
		}
	}
	if s.language == php && strings.HasPrefix(strings.TrimSpace(line), "#[") {
		return line // an attribute, which begins as a comment does
	}
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(line); {
		rest := line[i:]
		switch {
		case s.within != "":
			k := strings.Index(rest, s.within)
			if k < 0 {
				return b.String()
			}
			i += k + len(s.within)
			s.within = ""
		case quote != 0:
			if rest[0] == '\\' && quote != '`' && len(rest) > 1 {
				b.WriteString(rest[:2])
				i += 2
				continue
			}
			if rest[0] == quote {
				quote = 0
			}
			b.WriteByte(rest[0])
			i++
		case s.triple && (strings.HasPrefix(rest, `"""`) || strings.HasPrefix(rest, `'''`)):
			s.within = rest[:3]
			i += 3
		case s.open != "" && strings.HasPrefix(rest, s.open):
			s.within = s.close
			i += len(s.open)
		case s.opensLine(line, i):
			return b.String()
		default:
			if strings.IndexByte(s.quotes, rest[0]) >= 0 {
				quote = rest[0]
			}
			b.WriteByte(rest[0])
			i++
		}
	}
	return b.String()
}

// opensLine reports whether a comment to the end of the line begins at i. # and ; within a word are none: a colour, an anchor.
func (s *stripper) opensLine(line string, i int) bool {
	for _, mark := range s.line {
		if !strings.HasPrefix(line[i:], mark) {
			continue
		}
		if mark == "//" || i == 0 || line[i-1] == ' ' || line[i-1] == '\t' {
			return mark != ";" || strings.TrimSpace(line[:i]) == ""
		}
	}
	return false
}
