package manifest

import (
	"regexp"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

// gradle reads the usual notations of build.gradle and build.gradle.kts: dependencies by string, by named parts, platforms, and
// versions in variables that the file sets once to a literal. What a script computes is not known, and neither are accessors of a
// version catalogue (libs.foo), which a hint names.
func gradle(m *Manifest, text string) *Error {
	tokens, bad := gradleTokens(text)
	if bad != nil {
		return bad
	}
	g := gradleReader{m: m, t: tokens, vars: gradleVars(tokens)}
	g.blocks(0, len(tokens), "")
	return nil
}

// token is a word, a string or a sign of a Gradle script.
type token struct {
	text   string
	line   int
	str    bool
	open   bool // a string with parts to fill in that are not plain names
	closes int  // for an opening bracket, the token that closes it
}

func gradleTokens(s string) ([]token, *Error) {
	var out []token
	var stack []int
	line := 1
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\n':
			out = append(out, token{text: "\n", line: line})
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case strings.HasPrefix(s[i:], "//"):
			for i < len(s) && s[i] != '\n' {
				i++
			}
		case strings.HasPrefix(s[i:], "/*"):
			end := strings.Index(s[i+2:], "*/")
			if end < 0 {
				return nil, failed(line, "a comment does not end")
			}
			line += strings.Count(s[i:i+end+4], "\n")
			i += end + 4
		case strings.HasPrefix(s[i:], `"""`) || strings.HasPrefix(s[i:], "'''"):
			end := strings.Index(s[i+3:], s[i:i+3])
			if end < 0 {
				return nil, failed(line, "a string does not end")
			}
			out = append(out, token{text: s[i+3 : i+3+end], line: line, str: true, open: true})
			line += strings.Count(s[i:i+end+6], "\n")
			i += end + 6
		case c == '"' || c == '\'':
			end := i + 1
			for end < len(s) && s[end] != c && s[end] != '\n' {
				if s[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(s) || s[end] != c {
				return nil, failed(line, "a string does not end")
			}
			body := s[i+1 : end]
			out = append(out, token{text: body, line: line, str: true, open: c == '\'' && strings.Contains(body, "$") || strings.Contains(body, `\`)})
			i = end + 1
		case wordByte(c):
			end := i
			for end < len(s) && wordByte(s[end]) {
				end++
			}
			out = append(out, token{text: s[i:end], line: line})
			i = end
		default:
			switch c {
			case '{', '(', '[':
				if stack = append(stack, len(out)); len(stack) > 10*config.MaxDepth {
					return nil, failed(line, "brackets are nested more than %d deep", 10*config.MaxDepth)
				}
			case '}', ')', ']':
				if len(stack) == 0 || pairs[out[stack[len(stack)-1]].text[0]] != c {
					return nil, failed(line, "%q closes nothing", string(c))
				}
				out[stack[len(stack)-1]].closes = len(out)
				stack = stack[:len(stack)-1]
			}
			out = append(out, token{text: s[i : i+1], line: line})
			i++
		}
	}
	if len(stack) > 0 {
		open := out[stack[len(stack)-1]]
		return nil, failed(open.line, "%q does not close", open.text)
	}
	return out, nil
}

var pairs = map[byte]byte{'{': '}', '(': ')', '[': ']'}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c >= 0x80
}

// gradleVars finds names that are set to a literal string, and to nothing else: "def v = '1'", "ext.v = '1'", `val v = "1"`.
func gradleVars(t []token) map[string]string {
	vars := map[string]string{}
	for i := 0; i+2 < len(t); i++ {
		if t[i].str || t[i+1].text != "=" || t[i+2].text == "=" || !wordByte(t[i].text[0]) {
			continue
		}
		name := t[i].text[strings.LastIndexByte(t[i].text, '.')+1:]
		_, again := vars[name]
		end := i + 3
		literal := t[i+2].str && !t[i+2].open && !strings.Contains(t[i+2].text, "$") &&
			(end == len(t) || t[end].text == "\n" || t[end].text == ";" || t[end].text == "," || t[end].text == "}" || t[end].text == "]" || t[end].text == ")")
		if again || !literal {
			vars[name] = "" // set twice, or computed
		} else {
			vars[name] = t[i+2].text
		}
	}
	return vars
}

type gradleReader struct {
	m    *Manifest
	t    []token
	vars map[string]string
}

// blocks goes over the blocks between two tokens and reads those that declare dependencies.
func (g gradleReader) blocks(from, to int, within string) {
	for i := from; i < to; i++ {
		t := g.t[i]
		if t.str || t.text != "{" {
			continue
		}
		name := g.blockName(i)
		switch {
		case name == "dependencies" && within != "dependencyManagement" && within != "constraints":
			g.dependencies(i+1, t.closes, within == "buildscript")
		case name == "dependencyManagement" || name == "constraints" || name == "pluginManagement":
			// They set versions and bring nothing.
		default:
			g.blocks(i+1, t.closes, name)
		}
		i = t.closes
	}
}

// blockName returns the word before a brace: of "subprojects {" or "subprojects() {".
func (g gradleReader) blockName(i int) string {
	i--
	for i >= 0 && g.t[i].text == "\n" {
		i--
	}
	if i >= 0 && g.t[i].text == ")" && !g.t[i].str {
		for depth := 0; i >= 0; i-- {
			if g.t[i].str {
				continue
			}
			if g.t[i].text == ")" {
				depth++
			} else if g.t[i].text == "(" {
				if depth--; depth == 0 {
					i--
					break
				}
			}
		}
	}
	if i < 0 || g.t[i].str {
		return ""
	}
	return g.t[i].text
}

// dependencies reads the statements of a block: a configuration and what it takes.
func (g gradleReader) dependencies(from, to int, build bool) {
	for i := from; i < to; {
		for i < to && (g.t[i].text == "\n" || g.t[i].text == ";") && !g.t[i].str {
			i++
		}
		if i >= to {
			return
		}
		end, start := i, i
		for end < to && (g.t[end].str || g.t[end].text != ";" && (g.t[end].text != "\n" || g.continued(end, to))) {
			if g.t[end].closes > 0 {
				end = g.t[end].closes
			}
			end++
		}
		end = min(end, to)
		if t := g.t[start]; !t.str && wordByte(t.text[0]) || t.str {
			g.statement(start, end, build)
		}
		i = end
	}
}

// continued reports whether a statement goes on after the line end at i: after a comma or an operator.
func (g gradleReader) continued(i, to int) bool {
	if i > 0 && !g.t[i-1].str && (g.t[i-1].text == "," || g.t[i-1].text == ":") {
		return true
	}
	return i+1 < to && !g.t[i+1].str && g.t[i+1].text == "{"
}

var notDependencies = map[string]bool{
	"constraints": true, "exclude": true, "if": true, "for": true, "while": true, "def": true, "val": true, "var": true, "components": true, "modules": true, "artifactTypes": true,
	"attributesSchema": true, "println": true, "return": true, "else": true, "final": true, "String": true,
}

func (g gradleReader) statement(from, to int, build bool) {
	head := g.t[from]
	if notDependencies[head.text] || from+1 >= to || g.t[from+1].text == "=" || g.t[from+1].text == "{" && !g.t[from+1].str {
		return
	}
	scope := Main
	if lower := strings.ToLower(head.text); build || strings.Contains(lower, "test") || strings.HasPrefix(lower, "debug") {
		scope = Dev
	}
	named := map[string]token{}
	var list []token
	followed := 0 // of the list, those with a block behind them
	for i := from + 1; i < to; i++ {
		t := g.t[i]
		switch {
		case t.text == "{" && !t.str:
			i = t.closes // excludes and rich versions
			for ; followed < len(list); followed++ {
				list[followed].open = true
			}
		case !t.str && (t.text == "project" || t.text == "files" || t.text == "fileTree" || t.text == "gradleApi" || t.text == "localGroovy" || t.text == "exclude"):
			if i+1 < to && g.t[i+1].closes > 0 {
				i = g.t[i+1].closes
			}
		case !t.str && strings.HasPrefix(t.text, "libs."):
			g.m.hint("%s stands in gradle/libs.versions.toml (line %d)", t.text, t.line)
		case !t.str && i+2 < to && (g.t[i+1].text == ":" || g.t[i+1].text == "=") && !g.t[i+1].str:
			named[t.text] = g.t[i+2]
			i += 2
		case t.str:
			list = append(list, t)
		case t.text == "kotlin" && i+3 < to && g.t[i+1].text == "(" && g.t[i+2].str: // kotlin("stdlib")
			g.m.add(Entry{Package: "org.jetbrains.kotlin:kotlin-" + g.t[i+2].text, Line: t.line, Scope: scope, Direct: true})
			i = g.t[i+1].closes
		}
	}
	if group, name := named["group"], named["name"]; group.str && name.str {
		e := Entry{Package: g.fill(group.text) + ":" + g.fill(name.text), Line: name.line, Scope: scope, Direct: true}
		if v, ok := named["version"]; ok {
			e = mavenSpec(e, g.value(v))
		}
		g.m.add(e)
		return
	}
	for _, t := range list {
		parts := strings.Split(t.text, ":")
		if len(parts) < 2 || strings.ContainsAny(parts[0]+parts[1], " /\\") || parts[0] == "" || parts[1] == "" {
			continue
		}
		e := Entry{Package: g.fill(parts[0]) + ":" + g.fill(parts[1]), Line: t.line, Scope: scope, Direct: true}
		if len(parts) > 2 {
			version, _, _ := strings.Cut(parts[2], "@")
			e = mavenSpec(e, g.fill(strings.TrimSuffix(version, "!!")))
		}
		if t.open && e.Loose == "" {
			e.Loose = "what stands behind it may change its version"
		}
		g.m.add(e)
	}
}

// value returns the text of a token: a literal, or a variable of the file.
func (g gradleReader) value(t token) string {
	if t.str {
		return g.fill(t.text)
	}
	if v := g.vars[t.text[strings.LastIndexByte(t.text, '.')+1:]]; v != "" {
		return v
	}
	return "$" + t.text
}

var gradlePart = regexp.MustCompile(`\$(?:\{([A-Za-z_][\w.]*)\}|([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*))`)

// fill puts variables into a string; one that is not known stays.
func (g gradleReader) fill(text string) string {
	return gradlePart.ReplaceAllStringFunc(text, func(s string) string {
		name := strings.Trim(s, "${}")
		if v := g.vars[name[strings.LastIndexByte(name, '.')+1:]]; v != "" {
			return v
		}
		return s
	})
}
