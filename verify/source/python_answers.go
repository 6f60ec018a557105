package source

import (
	"slices"
	"strings"
)

// pyHeld is what a name of a function may hold: a dict that turns out to be the headers of an answer, or of a request.
type pyHeld struct {
	dicts  []int    // braces of dicts that it is bound to
	pairs  [][4]int // tokens of keys and values that are put into it
	handed bool     // to an answer
}

// hold returns what the name holds in a function, a class or, with no owner, the module.
func (p *pyfile) hold(owner, name string) *pyHeld {
	key := owner + "\x00" + name
	h := p.held[key]
	if h == nil {
		h = &pyHeld{}
		p.held[key] = h
	}
	return h
}

// hands notes that an answer is given headers: a dict, or a name that holds one in the function or the module.
func (p *pyfile) hands(owner string, arg [2]int) {
	if p.is(arg[0], '{') {
		p.headersOf(arg[0])
		return
	}
	name := p.word(arg[0])
	if name == "" || arg[1] != arg[0]+1 {
		return
	}
	if h := p.held[owner+"\x00"+name]; h != nil {
		h.handed = true
	} else if h := p.held["\x00"+name]; h != nil {
		h.handed = true
	}
}

// answered notes the headers in the names that were handed to an answer.
func (p *pyfile) answered() {
	for _, h := range p.held {
		if !h.handed {
			continue
		}
		for _, open := range h.dicts {
			p.headersOf(open)
		}
		for _, pair := range h.pairs {
			p.header(pair[0], pair[1], pair[2], pair[3])
		}
	}
	slices.SortStableFunc(p.Headers, func(a, b Header) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value)
	})
}

// returned notes the headers of the tuple that a view of Flask returns: body, status, headers.
func (p *pyfile) returned(a, b int) {
	if !p.importsFrom("flask") && !p.importsFrom("quart") {
		return
	}
	if parts := p.split(a, b); len(parts) == 3 {
		p.hands(p.owner(), parts[2])
	}
}

// Words of what sends a request and of what makes an answer.
var (
	pyAsking    = wordSet("req request session client http opener sess agent api requests httpx")
	pyAnswering = wordSet("response resp res reply answer rv result")
)

// pyAsks reports whether a dotted name is called like a request or what sends one.
func pyAsks(name string) bool {
	return slices.ContainsFunc(words(name[strings.LastIndexByte(name, '.')+1:]), func(w string) bool { return pyAsking[w] }) && !pyAnswers(name)
}

// pyAnswers reports whether a dotted name is called like an answer.
func pyAnswers(name string) bool {
	return slices.ContainsFunc(words(name[strings.LastIndexByte(name, '.')+1:]), func(w string) bool { return pyAnswering[w] })
}

// answering reports whether what the dotted name holds may be an answer: it is called so, or is made by what makes one; "self" in a
// class that is called so. Other names are taken at their word, unless they are those of requests.
func (p *pyfile) answering(name string) bool {
	made := p.made[name]
	first, _, _ := strings.Cut(made, ".")
	switch {
	case first == "requests" || first == "httpx" || first == "session" || first == "client": // what a server answered to us
		return false
	case made != "":
		return pyMakesAnswer(made[strings.LastIndexByte(made, '.')+1:]) || pyAnswers(name)
	case name == "self":
		class := p.owner()
		if dot := strings.LastIndexByte(class, '.'); dot >= 0 {
			class = class[:dot]
		}
		return pyAnswers(class)
	case name == "r":
		return false
	}
	return !pyAsks(name)
}

// pyMakesAnswer reports whether what is called makes an answer, or an exception that becomes one.
func pyMakesAnswer(last string) bool {
	switch last {
	case "make_response", "HTTPException", "abort", "WSGIResponse", "redirect", "render_template_response":
		return true
	}
	return strings.HasSuffix(last, "Response") || strings.HasPrefix(last, "HTTP") && last != "HTTPConnection" && last != "HTTPSConnection" && last != "HTTPRequest"
}

// talisman notes the headers that Flask-Talisman sets for the application, by the arguments of the call that opens at a token.
func (p *pyfile) talisman(name string, open int) {
	if name[strings.LastIndexByte(name, '.')+1:] != "Talisman" || !p.importsFrom("flask_talisman") && !p.importsFrom("talisman") {
		return
	}
	given := map[string][2]int{}
	for _, arg := range p.arguments(open) {
		switch {
		case p.is(arg[0]+1, '='):
			given[p.word(arg[0])] = [2]int{arg[0] + 2, arg[1]}
		case p.is(arg[0], pyPower): // **options may turn any off
			return
		}
	}
	for _, o := range []struct{ header, option, value string }{
		{"X-Frame-Options", "frame_options", "SAMEORIGIN"},
		{"X-Content-Type-Options", "x_content_type_options", "nosniff"},
		{"Strict-Transport-Security", "strict_transport_security", ""},
		{"Content-Security-Policy", "content_security_policy", ""},
		{"Referrer-Policy", "referrer_policy", "strict-origin-when-cross-origin"},
	} {
		h := Header{Name: o.header, Value: o.value, Known: o.value != "", Line: p.LineOf(p.tokens[open].start)}
		if arg, ok := given[o.option]; ok {
			switch word := p.word(arg[0]); {
			case arg[1] == arg[0]+1 && word == "True":
			case p.is(arg[0], '{') && p.tokens[arg[0]].match == arg[1]-1 && arg[1] > arg[0]+2:
				h.Value, h.Known = "", false
			default:
				value, literal := p.stringAt(arg[0], arg[1])
				if !literal || value == "" { // off, or not known to be on
					continue
				}
				h.Value, h.Known = value, true
			}
		}
		if o.option == "content_security_policy" {
			if arg, ok := given["content_security_policy_report_only"]; ok && p.word(arg[0]) != "False" {
				h.Name += "-Report-Only"
			}
		}
		p.Headers = append(p.Headers, h)
	}
}

// dependencies notes what FastAPI runs before a function for its parameters: user=Depends(get_user).
func (p *pyfile) dependencies(open int) {
	if !p.importsFrom("fastapi") {
		return
	}
	for i := open + 1; i < p.tokens[open].match; i++ {
		if word := p.word(i); (word == "Depends" || word == "Security") && p.is(i+1, '(') {
			if args := p.arguments(i + 1); len(args) > 0 {
				p.middlewareArg(args[0])
			}
		}
	}
}
