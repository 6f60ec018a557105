package source

import (
	"strings"
)

// valueOf is the text of a range of tokens that is one literal.
func (s *swiftFile) valueOf(a, b int) (string, bool) {
	if b != a+1 {
		return "", false
	}
	return s.literalValue(a)
}

// argument returns the tokens of the argument of a label, or of the one at an index when the label is empty.
func (s *swiftFile) argument(open int, label string, index int) (a, b int, ok bool) {
	for n, item := range s.items(open, ",") {
		named := s.word(item[0]) != "" && s.is(item[0]+1, ":")
		switch {
		case label != "" && named && s.word(item[0]) == label:
			return item[0] + 2, item[1], true
		case label == "" && n == index && !named:
			return item[0], item[1], true
		}
	}
	return 0, 0, false
}

// web looks at calls and indices for what they mean to HTTP and the environment.
func (s *swiftFile) web() {
	for _, c := range s.calls {
		if !s.muted.holds(int(s.at(c.name).start)) {
			s.webCall(c)
		}
	}
	for i := range s.tokens {
		if s.is(i, "[") && s.word(i-1) != "" {
			s.index(i)
		}
	}
}

func (s *swiftFile) readsEnv(a, b int) {
	if name, ok := s.valueOf(a, b); ok && name != "" {
		s.Env = append(s.Env, Reference{Name: name, Line: s.lineOf(a)})
	}
}

// index notes environment["X"], and response.headers[.x] = value.
func (s *swiftFile) index(i int) {
	m := s.partner(i)
	if m < 0 || !s.isAny(i-1, "environment", "headers") && s.made[s.word(i-1)] == "" {
		return
	}
	name, _ := s.chain(i-1, swiftNotation)
	set := s.is(m+1, "=")
	switch {
	case name == "ProcessInfo.processInfo.environment", s.made[name] == "ProcessInfo.processInfo.environment":
		if !set {
			s.readsEnv(i+1, m)
		}
	case set && swiftAnswer(name):
		end := m + 2
		for n := 0; n < 40 && end < len(s.tokens) && !s.at(end).fresh && !s.isAny(end, ";", "}"); n++ {
			end = s.skip(end)
			s.work++
		}
		s.header(s.headerName(i+1, m), i+1, m+2, end)
	}
}

// swiftAnswer reports whether a name is that of the headers of a response.
func swiftAnswer(name string) bool {
	object, ok := strings.CutSuffix(name, ".headers")
	return ok && isAnswer(object)
}

// headerName is the header that a range of tokens names: a text, or a member like .xFrameOptions.
func (s *swiftFile) headerName(a, b int) string {
	if name, ok := s.valueOf(a, b); ok {
		return name
	}
	if w := s.word(b - 1); w != "" && s.is(b-2, ".") && (b == a+2 || b == a+3 || b == a+5) {
		return csHeader(strings.ToUpper(w[:1]) + w[1:])
	}
	return ""
}

func (s *swiftFile) header(name string, at, a, b int) {
	if name == "" {
		return
	}
	h := Header{Name: name, Line: s.lineOf(at)}
	h.Value, h.Known = s.valueOf(a, b)
	s.Headers = append(s.Headers, h)
}

// webCall notes what one call means.
func (s *swiftFile) webCall(c phpCall) {
	switch s.text(c.name) {
	case "get", "getenv", "add", "replaceOrAdd", "use", "grouped", "group":
	default:
		return
	}
	name, _ := s.chain(c.name, swiftNotation)
	dot := strings.LastIndexByte(name, '.')
	receiver, last := name[:max(dot, 0)], name[dot+1:]
	first, end, ok := s.argument(c.open, "", 0)
	switch last {
	case "get":
		if ok && receiver == "Environment" {
			s.readsEnv(first, end)
		}
	case "getenv":
		if ok && (receiver == "" || receiver == "Darwin" || receiver == "Glibc" || receiver == "Foundation") {
			s.readsEnv(first, end)
		}
	case "add", "replaceOrAdd":
		if a, b, named := s.argument(c.open, "name", 0); named && swiftAnswer(receiver) {
			if v, w, valued := s.argument(c.open, "value", 0); valued {
				s.header(s.headerName(a, b), a, v, w)
			}
			return
		}
		if a, b, named := s.argument(c.open, "middleware", 0); named {
			s.registers(a, b, true)
		} else if ok && last == "add" && (receiver == "middlewares" || strings.HasSuffix(receiver, ".middlewares")) {
			s.registers(first, end, true)
		}
	case "use":
		if ok && (receiver == "middleware" || strings.HasSuffix(receiver, ".middleware") || strings.HasSuffix(receiver, ".middlewares")) {
			s.registers(first, end, true)
		}
	case "grouped", "group":
		for n := range s.items(c.open, ",") {
			if a, b, is := s.argument(c.open, "", n); is {
				s.registers(a, b, false)
			}
		}
	}
}

// registers notes the middleware that the tokens from a up to b name or make: X(…), X.y(…), X.self, or a variable that holds one.
// Where other things may stand too, it must be made there, of a name that begins with a capital.
func (s *swiftFile) registers(a, b int, surely bool) {
	name, next := s.dotted(a)
	if name == "" {
		return
	}
	next = s.pastAngles(next)
	made := s.is(next, "(") && s.partner(next) == b-1
	if next != b && !made {
		return
	}
	capital := name[0] >= 'A' && name[0] <= 'Z'
	if !surely && !(made && capital) {
		return
	}
	s.Middle = append(s.Middle, Reference{Name: name, Line: s.lineOf(a)})
	if of := s.made[name]; of != "" && next == b {
		s.Middle = append(s.Middle, Reference{Name: of, Line: s.lineOf(a)})
	}
}
