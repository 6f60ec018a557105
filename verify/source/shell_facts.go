package source

import (
	"slices"
	"strings"
)

// shellDeclaring are the commands whose arguments are assignments.
var shellDeclaring = map[string]bool{"local": true, "export": true, "readonly": true, "declare": true, "typeset": true}

// shellPrefixes are the commands that run the one behind them.
var shellPrefixes = map[string]bool{"sudo": true, "exec": true, "nohup": true, "command": true, "builtin": true, "env": true, "nice": true}

// redirection takes one redirection, if one stands here.
func (p *shellFile) redirection() (bool, error) {
	i := p.pos
	for i < p.end && isDigit(p.src[i]) {
		i++
	}
	rest := p.src[i:p.end]
	if i == p.pos && (strings.HasPrefix(rest, "&>>") || strings.HasPrefix(rest, "&>")) {
		p.sign(len("&>"))
		if p.byteAt(0) == '>' {
			p.sign(1)
		}
		return true, p.target()
	}
	if rest == "" || rest[0] != '<' && rest[0] != '>' || len(rest) > 1 && rest[1] == '(' {
		return false, nil
	}
	p.sign(i - p.pos)
	for _, mark := range []string{"<<<", "<<-", "<<", "<&", "<>", ">>", ">&", ">|", "<", ">"} {
		if !p.has(mark) {
			continue
		}
		at := p.pos
		p.sign(len(mark))
		if mark == "<<" || mark == "<<-" {
			return true, p.names(at, mark == "<<-")
		}
		return true, p.target()
	}
	return false, nil
}

// target takes the word that a redirection goes to.
func (p *shellFile) target() error {
	p.blanks()
	_, err := p.word()
	return err
}

// names takes the word that ends a here-document.
func (p *shellFile) names(at int, tabs bool) error {
	p.blanks()
	i := p.pos
	raw := false
	var word strings.Builder
	for i < p.end && shellInWord(p.src[i]) {
		p.work++
		switch c := p.src[i]; c {
		case '\\':
			raw = true
			if i++; i < p.end {
				word.WriteByte(p.src[i])
			}
		case '\'', '"':
			n := strings.IndexByte(p.src[i+1:p.end], c)
			if n < 0 {
				return p.fail(i, "this "+string(rune(c))+" is never closed")
			}
			raw = true
			word.WriteString(p.src[i+1 : i+1+n])
			i += n + 1
		default:
			word.WriteByte(c)
		}
		i++
	}
	i = min(i, p.end)
	if word.Len() == 0 {
		return p.fail(at, "a here-document without a word that ends it")
	}
	p.sign(i - p.pos)
	p.documents = append(p.documents, shellDocument{at: at, word: word.String(), raw: raw, tabs: tabs})
	return nil
}

// simple reads a command of words, or a function of the form name().
func (p *shellFile) simple() (s shellStatus, err error) {
	start := p.pos
	var all []shellWord
	for assigned := false; ; {
		p.blanks()
		c := p.byteAt(0)
		if p.pos >= p.end || c == '\n' || c == ';' || c == ')' || c == '|' || c == '&' && !p.has("&>") {
			if len(all) == 0 && !assigned && p.pos == start {
				return s, p.fail(p.pos, "a command is missing before "+strings.TrimSpace(p.peek()))
			}
			break
		}
		if took, err := p.redirection(); err != nil {
			return s, err
		} else if took {
			s.span.End = p.pos
			continue
		}
		if c == '(' {
			if len(all) == 1 && all[0].literal && !all[0].quoted && !assigned && p.calledSo() {
				return p.declared(start, all[0])
			}
			return s, p.fail(p.pos, "this ( is not understood here")
		}
		if len(all) == 0 || shellDeclaring[all[0].value] {
			if n := shellAssignment(p.src[p.pos:p.end]); n > 0 {
				assigned = true
				if err := p.assignment(p.src[p.pos : p.pos+n]); err != nil {
					return s, err
				}
				s.span.End = p.pos
				continue
			}
		}
		w, err := p.word()
		if err != nil {
			return s, err
		}
		all = append(all, w)
		s.span.End = p.pos
		if len(all) == 2 && all[0].value == "@test" {
			return p.batsTest(start, w)
		}
	}
	s.span.Start = start
	if len(all) == 0 {
		p.doing++
		return s, nil
	}
	s.tests = p.run(all)
	return s, nil
}

// calledSo reports whether empty brackets stand here: those of a function.
func (p *shellFile) calledSo() bool {
	return strings.HasPrefix(strings.TrimLeft(p.src[p.pos+1:min(p.end, p.pos+20)], " \t"), ")")
}

// declared reads a function of the form name(); the position is at its brackets.
func (p *shellFile) declared(start int, name shellWord) (s shellStatus, err error) {
	p.sign(1)
	p.blanks()
	p.sign(1)
	if err = p.function(start, name.span.Start, name.value); err != nil {
		return s, err
	}
	s.span = Span{start, p.pos}
	for {
		p.blanks()
		took, err := p.redirection()
		if err != nil || !took {
			return s, err
		}
		s.span.End = p.pos
	}
}

// batsTest reads @test "name" { … }.
func (p *shellFile) batsTest(start int, name shellWord) (s shellStatus, err error) {
	p.blanks()
	if p.peek() != "{" {
		return s, p.fail(p.pos, "a test without a body")
	}
	first := len(p.Calls)
	if _, err := p.group(); err != nil {
		return s, err
	}
	s.span = Span{start, p.pos}
	skipped := len(p.Calls) > first && p.Calls[first].Name == "skip" && slices.MinFunc(p.Calls[first:], func(a, b Call) int { return a.Span.Start - b.Span.Start }).Name == "skip"
	if !skipped && name.value != "" {
		p.Tests = append(p.Tests, Test{Name: name.value, Line: p.LineOf(start)})
	}
	p.Calls = append(p.Calls, Call{Name: "@test", Span: s.span, Args: []Span{name.span}, Line: p.LineOf(start)})
	return s, nil
}

// assignment reads name=value, whose beginning up to "=" is given.
func (p *shellFile) assignment(beginning string) error {
	name, _, _ := strings.Cut(strings.TrimSuffix(beginning, "="), "[")
	name = strings.TrimSuffix(name, "+")
	start := p.pos
	around := p.assigning
	p.assigning = name
	_, err := p.word()
	p.assigning = around
	if err != nil {
		return err
	}
	p.assigned[name] = true
	p.bind(name, Span{start, p.pos}, Span{start + len(beginning), p.pos})
	return nil
}

// run notes what a command does, and reports whether it is a test of values.
func (p *shellFile) run(all []shellWord) (tests bool) {
	name := all[0]
	whole := Span{name.span.Start, all[len(all)-1].span.End}
	switch name.value {
	case "[", "test":
		p.conditions = append(p.conditions, whole)
		return true
	case "true", ":":
	default:
		p.doing++
	}
	if name.value == "true" || name.value == ":" || !name.literal || name.value == "" {
		return false
	}
	p.call(all)
	values := make([]string, 0, len(all)-1)
	for _, w := range all[1:] {
		values = append(values, w.value)
	}
	switch name.value {
	case "source", ".":
		if len(values) > 0 {
			p.Imports = append(p.Imports, Import{Module: values[0], Line: p.LineOf(name.span.Start)})
		}
	case "local", "declare", "typeset", "readonly":
		p.assign(values)
	case "read", "mapfile", "readarray", "getopts", "unset":
		p.assign(values)
	case "printf":
		if len(values) > 1 && values[0] == "-v" {
			p.assign(values[1:2])
		}
	case "printenv":
		for _, w := range all[1:] {
			if w.literal && shellName.MatchString(w.value) {
				p.Env = append(p.Env, Reference{Name: w.value, Line: p.LineOf(w.span.Start)})
			}
		}
	case "trap":
		if len(values) > 1 && values[0] != "" && values[0] != "-" && slices.Contains(values[1:], "ERR") {
			p.Handlers = append(p.Handlers, Handler{How: "trap ERR", Span: whole, Line: p.LineOf(whole.Start)})
		}
	case "set":
		for i, v := range values {
			if strings.HasPrefix(v, "-") && !strings.HasPrefix(v, "--") && strings.Contains(v, "e") || v == "errexit" && i > 0 && strings.HasPrefix(values[i-1], "-") {
				p.Handlers = append(p.Handlers, Handler{How: "set -e", Span: whole, Line: p.LineOf(whole.Start)})
				break
			}
			if v == "--" {
				break
			}
		}
	}
	return false
}

// assign notes the variables that a command is told to assign to.
func (p *shellFile) assign(values []string) {
	for _, v := range values {
		if shellName.MatchString(v) {
			p.assigned[v] = true
		}
	}
}

// call notes the command, and the one behind sudo and its kin.
func (p *shellFile) call(all []shellWord) {
	c := Call{Name: all[0].value, Span: Span{all[0].span.Start, all[len(all)-1].span.End}, Line: p.LineOf(all[0].span.Start)}
	for _, w := range all[1:] {
		c.Args = append(c.Args, w.span)
	}
	p.Calls = append(p.Calls, c)
	if !shellPrefixes[c.Name] {
		return
	}
	rest := all[1:]
	for c.Name == "env" && len(rest) > 0 && shellAssignment(rest[0].value) > 0 {
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0].literal && rest[0].value != "" && rest[0].value[0] != '-' {
		if c.Name != "sudo" && shellPrefixes[rest[0].value] {
			return // to follow one is enough
		}
		p.call(rest)
	}
}

// shellOwn are variables that the shell itself sets.
var shellOwn = wordSet(`RANDOM SECONDS LINENO FUNCNAME PIPESTATUS OPTARG OPTIND OPTERR REPLY IFS PPID UID EUID SHLVL DIRSTACK GROUPS COPROC MAPFILE
	EPOCHSECONDS EPOCHREALTIME SRANDOM PS1 PS2 PS3 PS4 PWD OLDPWD HISTCMD HOSTTYPE MACHTYPE OSTYPE BASH BASHPID BASHOPTS`)

// environment notes the variables that come from outside, once all assignments are known, and the tests of shunit2.
func (p *shellFile) environment() {
	for _, r := range p.reads {
		switch {
		case !shellName.MatchString(r.name), strings.ToUpper(r.name) != r.name, strings.Trim(r.name, "_0123456789") == "":
		case shellOwn[r.name], strings.HasPrefix(r.name, "BASH_"), strings.HasPrefix(r.name, "COMP_"):
		case p.assigned[r.name] && !r.first:
		default:
			p.Env = append(p.Env, Reference{Name: r.name, Line: p.LineOf(r.at)})
		}
	}
	if slices.ContainsFunc(p.Imports, func(im Import) bool { return strings.HasSuffix(im.Module, "shunit2") }) {
		for _, d := range p.Decls {
			if strings.HasPrefix(d.Name, "test") && !d.Body.Empty() {
				p.Tests = append(p.Tests, Test{Name: d.Name, Line: d.Line})
			}
		}
	}
}
