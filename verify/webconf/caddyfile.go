package webconf

import "strings"

// caddySites follows the sites of a Caddyfile.
type caddySites struct {
	file     *File
	snippets map[string]*caddyDirective
	routes   map[string]*caddyDirective
	walked   map[*caddyDirective]bool
	down     map[string]bool // headers that a proxy's answer is given
	up       []Lost          // headers that are taken from it
}

func readCaddyfile(f *File, text string) *Error {
	lines, err := parseCaddyfile(text)
	if err != nil {
		return err
	}
	c := &caddySites{
		file: f, snippets: map[string]*caddyDirective{}, routes: map[string]*caddyDirective{}, walked: map[*caddyDirective]bool{}, down: map[string]bool{},
	}
	for i := range lines {
		switch name := lines[i].name(); {
		case !lines[i].open:
		case strings.HasPrefix(name, "&(") && strings.HasSuffix(name, ")"):
			c.routes[name[2:len(name)-1]] = &lines[i]
		case strings.HasPrefix(name, "(") && strings.HasSuffix(name, ")"):
			c.snippets[name[1:len(name)-1]] = &lines[i]
		}
	}
	c.top(lines)
	for _, l := range c.up {
		if c.down[strings.ToLower(l.Name)] {
			f.Lost = append(f.Lost, l)
		}
	}
	return nil
}

// name returns the first word of a line, or "".
func (d *caddyDirective) name() string {
	if len(d.words) == 0 {
		return ""
	}
	return d.words[0].text
}

// top takes the lines of the file: options, snippets, named routes, sites. A single site may go without brackets, and a file that
// a site imports has directives alone.
func (c *caddySites) top(lines []caddyDirective) {
	for i := 0; i < len(lines); i++ {
		d := &lines[i]
		name := d.name()
		switch {
		case name == "" || strings.HasPrefix(name, "(") || strings.HasPrefix(name, "&("):
		case name == "import":
			c.directive(d)
		case caddyHolds[name]: // directives of a site, in a file of their own
			c.walk(lines[i:])
			return
		case d.open:
			c.walk(d.block)
		case strings.HasSuffix(d.words[len(d.words)-1].text, ","): // the addresses go on
		default:
			c.walk(lines[i+1:])
			return
		}
	}
}

// caddyHolds are the directives that set headers or hold others; no site has such a name.
var caddyHolds = map[string]bool{
	"header": true, "handle": true, "handle_path": true, "handle_errors": true, "route": true, "reverse_proxy": true, "php_fastcgi": true,
	"intercept": true, "encode": true, "file_server": true, "tls": true, "root": true, "log": true, "request_header": true,
}

func (c *caddySites) walk(lines []caddyDirective) {
	for i := range lines {
		c.directive(&lines[i])
	}
}

func (c *caddySites) directive(d *caddyDirective) {
	switch d.name() {
	case "header":
		c.header(d)
	case "handle", "handle_path", "handle_errors", "handle_response", "route":
		c.walk(d.block)
	case "intercept", "reverse_proxy", "php_fastcgi", "forward_auth":
		for i := range d.block {
			switch inner := &d.block[i]; inner.name() {
			case "handle_response":
				c.walk(inner.block)
			case "header_down":
				c.headerDown(inner)
			}
		}
	case "import":
		if len(d.words) < 2 {
			return
		}
		name := d.words[1].text
		if s := c.snippets[name]; s == nil {
			c.file.unseen(d.line, "%s is imported, which is not followed", name)
		} else if !c.walked[s] {
			c.walked[s] = true
			c.walk(s.block)
		}
	case "invoke":
		if len(d.words) < 2 {
			return
		}
		if r := c.routes[d.words[1].text]; r != nil && !c.walked[r] {
			c.walked[r] = true
			c.walk(r.block)
		}
	}
}

// header takes "header [matcher] [field [value [replacement]]]" and its block.
func (c *caddySites) header(d *caddyDirective) {
	words := d.words[1:]
	if len(words) > 0 && !words[0].quoted && (words[0].text == "*" || strings.HasPrefix(words[0].text, "/") || strings.HasPrefix(words[0].text, "@")) {
		words = words[1:]
	}
	c.field(words)
	for _, line := range d.block {
		if name := line.name(); name != "match" && name != "defer" {
			c.field(line.words)
		}
	}
}

// field takes one field of a header directive.
func (c *caddySites) field(words []caddyToken) {
	if len(words) == 0 || len(words) > 2 { // a replacement in what is there
		return
	}
	name := strings.TrimSuffix(words[0].text, ":")
	open := false
	switch {
	case strings.HasPrefix(name, "-"):
		c.file.lose(name[1:], words[0].line, "it is deleted (header -Field)")
		return
	case strings.HasPrefix(name, "?"):
		name, open = name[1:], true
	case strings.HasPrefix(name, "+"), strings.HasPrefix(name, ">"):
		name = name[1:]
	}
	value := ""
	if len(words) == 2 {
		value = words[1].text
	}
	if !strings.Contains(name, "{") {
		c.file.set(name, value, open || caddyOpen(value), words[0].line)
	}
}

// headerDown takes "header_down field [value [replacement]]" of a proxy.
func (c *caddySites) headerDown(d *caddyDirective) {
	words := d.words[1:]
	if len(words) == 0 {
		return
	}
	name := strings.TrimSuffix(words[0].text, ":")
	if rest, deleted := strings.CutPrefix(name, "-"); deleted {
		c.up = append(c.up, Lost{Name: rest, Line: d.line, Why: "it is deleted (header_down -Field)"})
		return
	}
	c.down[strings.ToLower(strings.TrimLeft(name, "+?>"))] = true
	c.field(words)
}

// caddyOpen reports whether a value has a placeholder or a variable: {http.request.uuid}, {$NAME}.
func caddyOpen(value string) bool {
	for {
		open := strings.IndexByte(value, '{')
		if open < 0 {
			return false
		}
		value = value[open+1:]
		if closing := strings.IndexByte(value, '}'); closing > 0 {
			return true
		}
	}
}
