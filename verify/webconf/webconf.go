// Package webconf tells which response headers the configuration of a web server or gateway sets: nginx, Caddy, Apache httpd,
// Traefik, and the objects of Kubernetes that configure one (Ingress with the annotations of ingress-nginx and HAProxy, the
// Gateway API, Traefik, Istio, Contour).
//
// A file is read by itself: what it includes from elsewhere is not followed, only said. What is configured under a condition (a
// location, a matcher, a status code) is set. A header that one part of the file takes away again is lost: nginx drops all that a
// server sets in a location that sets one of its own. A claim about a header is one about all places, so a lost header fails it.
//
// What the package does not understand is left out: an absent header fails a check, and a made-up one would pass it.
package webconf

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

// Format is what a file configures.
type Format string

// The formats.
const (
	Nginx      Format = "nginx"
	Apache     Format = "Apache httpd"
	Caddyfile  Format = "Caddyfile"
	CaddyJSON  Format = "Caddy JSON"
	Kubernetes Format = "Kubernetes"
	Traefik    Format = "Traefik"
)

// maxDepth bounds blocks within each other.
const maxDepth = 100

// Header is a response header that the configuration sets.
type Header struct {
	Name  string // as written
	Value string // "" when Known is false
	Known bool   // the value is a literal: no variable, placeholder or template
	Line  int    // from 1
}

// Lost is a header that a part of the configuration takes away, whether or not another part sets it.
type Lost struct {
	Name string // as written; may begin or end in "*"
	Line int    // from 1
	Why  string // "the location sets headers of its own, which drops those around it"
}

// Unseen is a part that is not understood or stands elsewhere.
type Unseen struct {
	Line int // from 1
	What string
}

// File is what a configuration says of headers, in the order of the text.
type File struct {
	Format  Format
	Headers []Header
	Lost    []Lost
	Unseen  []Unseen
}

// LostOf returns the first place that takes the header away.
func (f *File) LostOf(name string) (Lost, bool) {
	i := slices.IndexFunc(f.Lost, func(l Lost) bool { return covers(l.Name, name) })
	if i < 0 {
		return Lost{}, false
	}
	return f.Lost[i], true
}

// covers reports whether the name of a header, perhaps with a star at one end, is that of the other.
func covers(pattern, name string) bool {
	pattern, name = strings.ToLower(pattern), strings.ToLower(name)
	switch before, open := strings.CutSuffix(pattern, "*"); {
	case open:
		return strings.HasPrefix(name, before)
	case strings.HasPrefix(pattern, "*"):
		return strings.HasSuffix(name, pattern[1:])
	}
	return pattern == name
}

// Error says what is wrong with a file.
type Error struct {
	Line    int // 0 when unknown
	Message string
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Message)
	}
	return e.Message
}

func failed(line int, format string, args ...any) *Error {
	return &Error{Line: line, Message: fmt.Sprintf(format, args...)}
}

// Is reports whether the name of a file is one that a configuration has: what it holds decides [Read].
func Is(name string) bool { return kindOf(name) != "" }

// kindOf returns "nginx", "apache", "conf" (either, by its text), "caddy", "data" (YAML, JSON or TOML), or "".
func kindOf(name string) string {
	base := strings.ToLower(path.Base(name))
	base = strings.TrimSuffix(strings.TrimSuffix(base, ".template"), ".tmpl")
	switch base {
	case ".htaccess", "httpd.conf", "apache2.conf", "apache.conf", "htaccess":
		return "apache"
	case "nginx.conf":
		return "nginx"
	case "caddyfile":
		return "caddy"
	}
	if strings.HasPrefix(base, "caddyfile.") {
		return "caddy"
	}
	switch path.Ext(base) {
	case ".nginx", ".nginxconf":
		return "nginx"
	case ".htaccess":
		return "apache"
	case ".conf", ".vhost":
		return "conf"
	case ".caddyfile", ".caddy":
		return "caddy"
	case ".yaml", ".yml", ".json", ".toml":
		return "data"
	case "":
		switch path.Base(path.Dir(name)) {
		case "sites-available", "sites-enabled":
			return "conf"
		}
	}
	return ""
}

// Read reads a file, whose name and text tell the format. Errors: an [Error] for a name or a text that is none of the formats,
// and for one that is malformed.
func Read(name string, text []byte) (*File, error) {
	kind := kindOf(name)
	if kind == "" {
		return nil, failed(0, "%s is no configuration of a server by its name", path.Base(name))
	}
	if kind == "data" {
		return readData(name, text)
	}
	clean, err := config.Text(text)
	if err != nil {
		return nil, plain(err)
	}
	if kind == "conf" {
		kind = "nginx"
		if looksApache(clean) {
			kind = "apache"
		}
	}
	f := &File{}
	var bad *Error
	switch kind {
	case "nginx":
		f.Format = Nginx
		bad = readNginx(f, clean)
	case "apache":
		f.Format = Apache
		bad = readApache(f, clean)
	case "caddy":
		f.Format = Caddyfile
		bad = readCaddyfile(f, clean)
	}
	if bad != nil {
		return nil, bad
	}
	f.sort()
	return f, nil
}

// readData reads the formats that stand in YAML, JSON or TOML. Each document is taken for what it says that it is.
func readData(name string, text []byte) (*File, error) {
	read, err := config.Read(name, text)
	if err != nil {
		return nil, plain(err)
	}
	f := &File{}
	for _, doc := range read.Docs {
		switch {
		case doc.Get("apiVersion").Str() != "" && doc.Get("kind").Str() != "":
			f.Format = Kubernetes
		case doc.At("apps", "http", "servers") != nil:
			f.Format = CaddyJSON
		case doc.At("http", "middlewares") != nil:
			f.Format = Traefik
		}
	}
	var bad *Error
	switch f.Format {
	case Kubernetes:
		bad = readKubernetes(f, read.Docs)
	case CaddyJSON:
		readCaddyJSON(f, read.Docs)
	case Traefik:
		readTraefik(f, read.Docs)
	default:
		return nil, failed(0, "%s is no configuration of a server that is understood (objects of Kubernetes, apps.http of Caddy, http.middlewares of Traefik)", path.Base(name))
	}
	if bad != nil {
		return nil, bad
	}
	f.sort()
	return f, nil
}

// plain makes an Error of one of package config.
func plain(err error) *Error {
	var e *config.Error
	if errors.As(err, &e) {
		return &Error{Line: e.Line, Message: e.Message}
	}
	return &Error{Message: err.Error()}
}

func (f *File) sort() {
	slices.SortStableFunc(f.Headers, func(a, b Header) int { return a.Line - b.Line })
	slices.SortStableFunc(f.Lost, func(a, b Lost) int { return a.Line - b.Line })
	slices.SortStableFunc(f.Unseen, func(a, b Unseen) int { return a.Line - b.Line })
}

// set notes a header. A value that is open to what runs later is not known.
func (f *File) set(name, value string, open bool, line int) {
	if name == "" {
		return
	}
	if open || strings.Contains(value, "{{") { // of a template
		value, open = "", true
	}
	f.Headers = append(f.Headers, Header{Name: name, Value: value, Known: !open, Line: line})
}

func (f *File) lose(name string, line int, why string) {
	f.Lost = append(f.Lost, Lost{Name: name, Line: line, Why: why})
}

func (f *File) unseen(line int, format string, args ...any) {
	f.Unseen = append(f.Unseen, Unseen{Line: line, What: fmt.Sprintf(format, args...)})
}
