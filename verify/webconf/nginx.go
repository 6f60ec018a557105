package webconf

import (
	"path"
	"strings"
)

func readNginx(f *File, text string) *Error {
	body, err := parseNginx(text, 1)
	if err != nil {
		return err
	}
	return headersOfNginx(f, body)
}

// headersOfNginx notes what the directives of a whole configuration, or of a file that one includes, set and drop.
func headersOfNginx(f *File, body []directive) *Error {
	n := &nginxLevels{file: f, lost: map[string]bool{}, always: map[string]bool{}}
	if err := n.level(nil, body, nil, "on"); err != nil {
		return err
	}
	for _, h := range n.partly {
		if n.always[strings.ToLower(h.Name)] {
			f.Headers = append(f.Headers, h)
		}
	}
	return nil
}

// nginxLevels follows the levels of a configuration.
type nginxLevels struct {
	file   *File
	lost   map[string]bool // names noted as lost
	always map[string]bool // headers set whatever the status
	partly []Header        // set by headers-more for some answers only; they count as further values of those that all have
	work   int
}

// maxNginxWork bounds the headers looked at over all levels: each level looks at those around it.
const maxNginxWork = 200_000

// nginxHarmless are files that distributions ship and certbot writes, none of which sets a header.
var nginxHarmless = map[string]bool{
	"mime.types": true, "fastcgi_params": true, "fastcgi.conf": true, "uwsgi_params": true, "scgi_params": true, "proxy_params": true,
	"fastcgi-php.conf": true, "koi-utf": true, "koi-win": true, "win-utf": true, "options-ssl-nginx.conf": true,
}

// level takes one level: the file, http, a server, a location or an if. nginx inherits the headers of the level around only
// where a level has no add_header of its own, or merges (add_header_inherit, since 1.29.3).
func (n *nginxLevels) level(head *directive, body []directive, around []string, inherit string) *Error {
	f := n.file
	var own []string
	has := map[string]bool{}
	adds := 0
	var included *directive
	first := 0
	for i := range body {
		d := &body[i]
		switch d.name {
		case "add_header":
			if len(d.args) != 2 && (len(d.args) != 3 || d.args[2].text != "always") {
				return failed(d.line, "add_header takes a name, a value and perhaps the word always")
			}
			if adds++; adds == 1 {
				first = d.line
			}
			if name := d.args[0]; !name.variable && name.text != "" {
				f.set(name.text, d.args[1].text, d.args[1].variable, d.line)
				n.always[strings.ToLower(name.text)] = true
				if key := strings.ToLower(name.text); !has[key] {
					has[key] = true
					own = append(own, name.text)
				}
			}
		case "add_header_inherit":
			if len(d.args) == 1 {
				inherit = d.args[0].text
			}
		case "more_set_headers", "more_clear_headers":
			n.more(d)
		case "include":
			if len(d.args) == 1 && !nginxHarmless[path.Base(d.args[0].text)] {
				f.unseen(d.line, "%s is included, which is not followed", d.args[0].text)
				if included == nil {
					included = d
				}
			}
		}
	}
	if n.work += len(around) + len(own); n.work > maxNginxWork {
		return failed(0, "the headers of this configuration are too many to follow")
	}
	if head != nil && len(around) > 0 && inherit != "merge" {
		line := head.line
		if line == 0 {
			line = first
		}
		why := ""
		switch {
		case inherit == "off":
			why = "the " + head.name + " inherits no headers (add_header_inherit off)"
		case adds > 0:
			why = "the " + head.name + " has an add_header of its own, which drops those around it; repeat it there"
		case included != nil:
			line, why = included.line, included.args[0].text+", which the "+head.name+" includes, may have an add_header, which would drop those around it; it is not followed"
		}
		if why != "" {
			for _, name := range around {
				if !has[strings.ToLower(name)] {
					n.loses(name, line, why)
				}
			}
		}
	}
	if (head == nil || head.name == "http") && included != nil && inherit != "merge" {
		for _, name := range own {
			n.loses(name, included.line, included.args[0].text+" is included at this level, and a server in it may have an add_header, which would drop this one; it is not followed")
		}
	}
	switch {
	case inherit == "merge", inherit != "off" && adds == 0:
		for _, name := range around {
			if !has[strings.ToLower(name)] {
				own = append(own, name)
			}
		}
	}
	for i := range body {
		d := &body[i]
		switch d.name {
		case "http", "server", "location", "if":
			if d.open {
				if err := n.level(d, d.block, own, inherit); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (n *nginxLevels) loses(name string, line int, why string) {
	if key := strings.ToLower(name); !n.lost[key] {
		n.lost[key] = true
		n.file.lose(name, line, why)
	}
}

// more takes a directive of headers-more, whose levels add up: more_set_headers [-s STATUS] [-t TYPE] 'Name: value'….
func (n *nginxLevels) more(d *directive) {
	partly := false
	for i := 0; i < len(d.args); i++ {
		a := d.args[i]
		switch a.text {
		case "-s", "-t":
			partly = true
			i++
			continue
		case "-a", "-r":
			continue
		}
		name, value, _ := strings.Cut(a.text, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case name == "" || strings.Contains(name, "$"):
		case d.name == "more_clear_headers" || value == "":
			n.file.lose(name, d.line, d.name+" takes it away")
		case partly:
			n.partly = append(n.partly, Header{Name: name, Value: value, Known: !a.variable, Line: d.line})
		default:
			n.file.set(name, value, a.variable, d.line)
			n.always[strings.ToLower(name)] = true
		}
	}
}
