// Package config reads configuration files into values that a dotted key finds again, each with the line it stands on.
//
// A file is read as it is written: nothing is expanded from the environment or other files, nothing is included, and what is
// commented out is not there. What the package does not understand is an error and never a value.
//
// Two rules decide what a claim about a key may rest on. A key that is null or empty is not set: see [Value.Set]. And a key may
// have several values (several documents, a wildcard): a claim about the key is one about all of them.
package config

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// Bounds on what is read.
const (
	MaxSize  = 2 << 20 // bytes of a file
	MaxDepth = 100     // lists and maps within each other, parts of a key
	maxNodes = 200_000 // values of a file
)

// Format is a format of configuration files.
type Format string

// The formats.
const (
	JSON       Format = "JSON" // with comments and trailing commas
	YAML       Format = "YAML" // any number of documents
	TOML       Format = "TOML"
	INI        Format = "INI" // also systemd units, .gitconfig, my.cnf
	DotEnv     Format = ".env"
	Properties Format = "properties" // of Java; "#---" parts documents
	XML        Format = "XML"
)

// Kind is the kind of a value.
type Kind string

// The kinds. Formats without types of their own (INI, .env, properties, XML) have strings.
const (
	String Kind = "string"
	Number Kind = "number"
	Bool   Kind = "bool"
	Null   Kind = "null"
	List   Kind = "list"
	Map    Kind = "map"
)

// Value is what a key is set to.
type Value struct {
	Text     string // a scalar as text: "true" or "false" for a bool, "" for null, lists and maps
	Kind     Kind
	Line     int    // of the key, or of the element of a list; from 1
	Document int    // from 0
	Key      string // the whole key, wildcards replaced
}

// Set reports whether the value counts as configuration: null and the empty text do not, for an empty secret protects nothing.
// An empty list or map does: it says "none".
func (v Value) Set() bool {
	return v.Kind != Null && (v.Kind != String || strings.TrimSpace(v.Text) != "")
}

// File is a configuration file that was read.
type File struct {
	Path   string
	Format Format
	Docs   []*Node // without the empty ones
}

// Error says what is wrong with a file or a key.
type Error struct {
	Path    string // "" for a key
	Line    int    // 0 when unknown
	Message string
	Hint    string // what to do instead, or ""
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Path)
	if e.Line > 0 {
		if e.Path == "" {
			b.WriteString("line ")
		} else {
			b.WriteString(":")
		}
		fmt.Fprint(&b, e.Line)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

func failed(line int, format string, args ...any) *Error {
	return &Error{Line: line, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) hinted(hint string) *Error {
	e.Hint = hint
	return e
}

// byExtension and byName say which format a file has. Names go first.
var byExtension = map[string]Format{
	".json": JSON, ".jsonc": JSON, ".json5": JSON, ".webmanifest": JSON, ".code-workspace": JSON, ".har": JSON,
	".yaml": YAML, ".yml": YAML,
	".toml": TOML,
	".ini":  INI, ".cfg": INI, ".conf": INI, ".cnf": INI, ".service": INI, ".socket": INI, ".timer": INI,
	".env":        DotEnv,
	".properties": Properties,
	".xml":        XML, ".config": XML, ".csproj": XML, ".props": XML, ".targets": XML, ".plist": XML, ".xsd": XML,
}

var byName = map[string]Format{
	".babelrc": JSON, ".swcrc": JSON, ".eslintrc": JSON, "composer.lock": JSON, "pipfile.lock": JSON, "flake.lock": JSON,
	".clang-format": YAML, ".clang-tidy": YAML, ".yamllint": YAML,
	"pipfile": TOML, "cargo.lock": TOML, "poetry.lock": TOML, "uv.lock": TOML,
	".editorconfig": INI, ".gitconfig": INI, ".gitmodules": INI, ".pylintrc": INI, ".flake8": INI, ".coveragerc": INI, ".npmrc": INI,
	".flaskenv": DotEnv,
}

// FormatOf tells the format by the name of a file. Errors: an [Error] that names the formats.
func FormatOf(file string) (Format, error) {
	name := strings.ToLower(path.Base(file))
	if f, ok := byName[name]; ok {
		return f, nil
	}
	if name == ".env" || strings.HasPrefix(name, ".env.") {
		return DotEnv, nil
	}
	if f, ok := byExtension[path.Ext(name)]; ok {
		return f, nil
	}
	return "", &Error{
		Path: file, Message: "this is no configuration file of a known format",
		Hint: "known are JSON (.json, .jsonc), YAML (.yaml, .yml), TOML (.toml), INI (.ini, .cfg, .conf), .env, .properties and XML (.xml); pattern_matches reads any text",
	}
}

// Read reads a file; its name tells the format. Errors: an [Error] for an unknown format, a text that is malformed, is not UTF-8
// or is larger than the bounds, and for a key that JSON or YAML holds twice.
func Read(path string, text []byte) (*File, error) {
	format, err := FormatOf(path)
	if err != nil {
		return nil, err
	}
	return ReadAs(format, path, text)
}

// ReadAs reads a file of a known format. Errors: as [Read].
func ReadAs(format Format, path string, text []byte) (file *File, err error) {
	defer func() {
		// The readers of others have met inputs that no one has tried: what makes them panic is malformed.
		if r := recover(); r != nil {
			file, err = nil, &Error{Path: path, Message: fmt.Sprintf("the %s cannot be read: %v", format, r)}
		}
	}()
	text, bad := clean(text)
	if bad == nil {
		file = &File{Path: path, Format: format}
		file.Docs, bad = read(format, path, text)
	}
	if bad != nil {
		bad.Path = path
		return nil, bad
	}
	return file, nil
}

func read(format Format, file string, text []byte) ([]*Node, *Error) {
	b := &builder{}
	switch format {
	case JSON:
		return readJSON(b, text)
	case YAML:
		return readYAML(b, text)
	case TOML:
		return readTOML(b, text)
	case INI:
		return readINI(b, text, dialectOf(file))
	case DotEnv:
		return readDotEnv(b, text)
	case Properties:
		return readProperties(b, text)
	case XML:
		return readXML(b, text)
	}
	return nil, failed(0, "the format %q is not known", format)
}

// Text returns a text as the package reads it: without a byte order mark. Errors: an [Error] for one that is too large or is not
// UTF-8.
func Text(text []byte) (string, error) {
	text, bad := clean(text)
	if bad != nil {
		return "", bad
	}
	return string(text), nil
}

// clean takes off a byte order mark and refuses what is no text.
func clean(text []byte) ([]byte, *Error) {
	if len(text) > MaxSize {
		return nil, failed(0, "the file has %d bytes; %d are read", len(text), MaxSize)
	}
	if bytes.HasPrefix(text, []byte{0xFF, 0xFE}) || bytes.HasPrefix(text, []byte{0xFE, 0xFF}) {
		return nil, failed(0, "the file is UTF-16").hinted("save it as UTF-8")
	}
	text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	if !utf8.Valid(text) {
		at := 0
		for at < len(text) {
			r, n := utf8.DecodeRune(text[at:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		return nil, failed(1+bytes.Count(text[:at], []byte("\n")), "the file is not UTF-8").hinted("save it as UTF-8")
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return nil, failed(1+bytes.Count(text[:i], []byte("\n")), "the file holds a zero byte: it is no text")
	}
	return text, nil
}

// lines tells the line of an offset.
type lines []int

func linesOf(text []byte) lines {
	starts := lines{0}
	for i, c := range text {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

func (l lines) at(offset int) int {
	return sort.Search(len(l), func(i int) bool { return l[i] > offset })
}

// Formats lists the formats, for documentation.
func Formats() []Format {
	return slices.Clone([]Format{JSON, YAML, TOML, INI, DotEnv, Properties, XML})
}
