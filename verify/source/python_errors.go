package source

import "strings"

// Functions that a framework gives errors to handle them: by a decorator (Flask's errorhandler, FastAPI's exception_handler), by
// a name that the framework looks for (Django's process_exception, the exception handler of its REST framework), or by a call
// that registers them. One that does nothing, or only raises the error again, handles nothing.

// givenErrors tells what gives a function its errors, or "".
func (p *pyfile) givenErrors(d *Decl) string {
	for _, c := range d.Decorators {
		switch last := c.Name[strings.LastIndexByte(c.Name, '.')+1:]; last {
		case "errorhandler", "app_errorhandler", "exception_handler":
			if last != c.Name {
				return "@" + c.Name
			}
		}
	}
	switch {
	case d.Name == "process_exception" && d.Owner != "" && len(d.Params) == 3:
		return d.Name
	case strings.HasSuffix(d.Name, "exception_handler") && len(d.Params) == 2 && d.Params[0].Name == "exc":
		return d.Name
	}
	return ""
}

// catches notes the body of a function as what handles an error.
func (p *pyfile) catches(d *Decl, how string) {
	p.Handlers = append(p.Handlers, Handler{How: how, Span: d.Body, Line: d.Line})
}

// catcher notes that the function which an argument names is registered for errors.
func (p *pyfile) catcher(arg [2]int, how string) {
	if name, next := p.dottedAt(arg[0], arg[1]); next == arg[1] && name != "" {
		p.catchers[name] = how
	}
}

// caughtElsewhere notes the functions of the file that calls register for errors.
func (p *pyfile) caughtElsewhere() {
	for name, how := range p.catchers {
		if i, ok := p.acting[name]; ok {
			p.catches(&p.Decls[i], how)
		}
	}
}
