package source

import "strings"

// tests finds the tests: it, test and specify within describe and its like, of the runners that have these words, node:test
// and Deno. One that is skipped or still to be written is none, nor is any within a group that is skipped.
func (j *jsFacts) tests() {
	type group struct {
		end  int32
		name string
		skip bool
	}
	var open []group
	for i := range j.calls {
		c := &j.calls[i]
		for len(open) > 0 && open[len(open)-1].end <= c.start {
			open = open[:len(open)-1]
		}
		name := c.name
		if c.callee >= 0 && name == "?" { // it.each(table)("name", …)
			if name = j.calleeName(c); !strings.HasSuffix(name, ".each") && !strings.Contains(name, ".skipIf") && !strings.Contains(name, ".runIf") {
				continue
			}
		} else if strings.HasSuffix(name, ".each") {
			continue
		}
		kind, skip := jsTestWord(name)
		if kind == "" || c.construct {
			continue
		}
		title, runs, skipped := j.title(c, kind == "group")
		skip = skip || skipped
		if !runs {
			continue
		}
		if kind == "group" {
			open = append(open, group{c.end, title, skip})
			continue
		}
		full := ""
		for _, g := range open {
			skip = skip || g.skip
			full += g.name + " › "
		}
		if !skip && title != "" {
			j.f.Tests = append(j.f.Tests, Test{Name: full + title, Line: j.f.LineOf(int(c.start))})
		}
		if strings.HasPrefix(name, "t.") || name == "test" || name == "Deno.test" { // t.test and t.step stand within
			open = append(open, group{c.end, title, skip})
		}
	}
}

// calleeName returns the name of the call whose result is called: it stands directly before.
func (j *jsFacts) calleeName(c *jsCall) string {
	i := c.open - 1
	switch t := j.at(i); t.kind {
	case jsCloseParen, jsTemplateTail:
		i = t.match - 1
	case jsTemplate:
		i--
	default:
		return ""
	}
	if j.at(i).kind == jsGreater { // it.each<T>`…`
		return ""
	}
	name := j.spelled(i)
	for j.dotted(i - 1) {
		i -= 2
		name = j.spelled(i) + "." + name
	}
	return name
}

// jsTestWord returns "group" or "test" for the name of a call that defines one, and whether it is skipped.
func jsTestWord(name string) (kind string, skip bool) {
	if name == "t.test" || name == "t.step" || name == "Deno.test" || name == "Deno.test.only" {
		return "test", false
	}
	if name == "Deno.test.ignore" {
		return "test", true
	}
	parts := strings.Split(name, ".")
	switch parts[0] {
	case "describe", "suite", "context", "fdescribe":
		kind = "group"
	case "xdescribe", "xcontext":
		kind, skip = "group", true
	case "it", "test", "specify", "fit":
		kind = "test"
	case "xit", "xtest", "xspecify":
		kind, skip = "test", true
	default:
		return "", false
	}
	for _, p := range parts[1:] {
		switch p {
		case "only", "each", "concurrent", "sequential", "shuffle", "parallel", "serial", "fails", "failing", "runIf", "skipIf", "for": // under a condition it may run
		case "describe":
			kind = "group"
		case "skip", "todo", "fixme":
			skip = true
		default:
			return "", false
		}
	}
	return kind, skip
}

// title returns the name of a test or a group, whether there is a function to run, and whether its options skip it.
func (j *jsFacts) title(c *jsCall, group bool) (name string, runs, skip bool) {
	args := j.items[c.args.from:c.args.to]
	if len(args) == 0 {
		return "", false, false
	}
	first := args[0]
	switch {
	case first.value.shape == jsFunctionValue: // test(function name() {})
		return j.functions[first.value.ref].name, true, false
	case first.value.shape == jsObjectValue: // Deno.test({ name: "x", fn() {} })
		title, _ := j.property(first.tokens.from, "name")
		_, runs := j.property(first.tokens.from, "fn")
		name, _ := j.literal(title.value)
		return name, runs || len(args) > 1, j.skipped(first)
	}
	if name, _ = j.literal(first.tokens); name == "" {
		t := j.at(first.tokens.from)
		switch s := j.span(first.tokens); {
		case t.kind == jsTemplateHead && t.match == first.tokens.to-1:
			name = j.text[s.Start+1 : s.End-1]
		case group:
			name = j.f.fold(s)
		default:
			return "", false, false
		}
	}
	for _, a := range args[1:] {
		switch a.value.shape {
		case jsFunctionValue, jsCallValue, jsName:
			runs = true
		case jsObjectValue:
			skip = skip || j.skipped(a)
		}
	}
	return name, runs, skip
}

// skipped reports whether the options of a test skip it.
func (j *jsFacts) skipped(options jsItem) bool {
	for _, p := range j.properties(options.tokens.from) {
		if p.name == "skip" || p.name == "todo" || p.name == "ignore" {
			return j.spelled(p.value.from) != "false"
		}
	}
	return false
}
