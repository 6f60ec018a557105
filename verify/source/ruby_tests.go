package source

import (
	"slices"
	"strings"
)

// Tests of Minitest, Test::Unit and Rails: methods test_* of a class that inherits from one of tests, and test "a b" do, which Rails
// names test_a_b. Tests of RSpec and of Minitest's specs: it "…" do within describe "…" do, joined as "group › test". What is skipped
// as it stands, or has no block, is no test, nor is an example that is shared: it runs only where it is included.

// rubyGroups and rubyExamples are what RSpec calls them, with true where their tests run.
var (
	rubyGroups = map[string]bool{
		"describe": true, "context": true, "feature": true, "example_group": true, "fdescribe": true, "fcontext": true, "xdescribe": false,
		"xcontext": false, "xfeature": false, "shared_examples": false, "shared_examples_for": false, "shared_context": false,
	}
	rubyExamples = wordSet(`it specify example scenario fit fspecify fexample focus`)
	rubySkips    = wordSet(`skip pending omit pend omit_test`)
)

// rubyGroup is a group of examples that is open.
type rubyGroup struct {
	end  int
	name string
	runs bool
}

func (r *rubyFile) tests() {
	for i := range r.Decls {
		d := &r.Decls[i]
		if d.Kind == Function && strings.HasPrefix(d.Name, "test") && r.testMethod(d) && !r.skipsAt(d.Body.Start) {
			r.Tests = append(r.Tests, Test{Name: d.Qualified(), Line: d.Line})
		}
	}
	var groups []rubyGroup
	for i := range r.calls {
		c := &r.calls[i]
		for len(groups) > 0 && groups[len(groups)-1].end < c.index {
			groups = groups[:len(groups)-1]
		}
		if c.block < 0 {
			continue
		}
		last := strings.TrimPrefix(c.name, "RSpec.")
		switch runs, group := rubyGroups[last]; {
		case group:
			g := rubyGroup{end: r.partner(c.block), name: r.described(c.args), runs: runs && !r.marked(c.args)}
			if n := len(groups); n > 0 {
				g.name = groups[n-1].name + " › " + g.name
				g.runs = g.runs && groups[n-1].runs
			}
			groups = append(groups, g)
		case rubyExamples[c.name] && len(groups) > 0 && len(c.args) > 0:
			name, ok := r.stringed(c.args[0])
			if g := groups[len(groups)-1]; ok && g.runs && !r.marked(c.args) && !r.skipsIn(c.block) {
				r.Tests = append(r.Tests, Test{Name: g.name + " › " + name, Line: r.lineOf(c.index)})
			}
		case c.name == "test" && len(c.args) == 1 && testClass(c.super) && !r.skipsIn(c.block):
			if name, ok := r.stringIn(c.args[0][0], c.args[0][1]); ok {
				r.Tests = append(r.Tests, Test{Name: joined(c.owner, "test_"+strings.Join(strings.Fields(name), "_")), Line: r.lineOf(c.index)})
			}
		}
	}
}

// testClass reports whether a class that inherits from the one of that name holds tests.
func testClass(super string) bool {
	return strings.HasSuffix(super, "Test") || strings.HasSuffix(super, "TestCase") || strings.HasSuffix(super, "Tests")
}

// testMethod reports whether a runner takes a method test… for a test: those of Minitest and Rails begin with test_.
func (r *rubyFile) testMethod(d *Decl) bool {
	super, known := r.supers[d.Owner]
	return known && testClass(super) && len(d.Params) == 0 && !d.Body.Empty() && (strings.HasPrefix(d.Name, "test_") || strings.HasSuffix(super, "Unit.TestCase"))
}

// described joins what a group is about, as RSpec does: describe Foo, "#bar".
func (r *rubyFile) described(args [][2]int) string {
	var parts []string
	for _, arg := range args {
		a, b := r.trim(arg[0], arg[1])
		if name, ok := r.stringed(arg); ok {
			parts = append(parts, name)
		} else if name, next := r.constant(a); name != "" && next == b {
			parts = append(parts, strings.ReplaceAll(name, ".", "::"))
		}
	}
	return strings.Join(parts, " ")
}

// stringed returns the string that an argument is; parts to fill in stay as written.
func (r *rubyFile) stringed(arg [2]int) (string, bool) {
	a, b := r.trim(arg[0], arg[1])
	if s, ok := r.stringIn(a, b); ok {
		return s, true
	}
	if r.at(a).kind == textOpenToken && r.partner(a) == b-1 && r.role(b-1) == rubyName {
		return r.src[r.tokens[a].end:r.tokens[b-1].start], true
	}
	return "", false
}

// marked reports whether the arguments say that a test or a group is left out: :skip, skip: "why", pending: true.
func (r *rubyFile) marked(args [][2]int) bool {
	return slices.ContainsFunc(args, func(arg [2]int) bool {
		a, b := r.trim(arg[0], arg[1])
		if name, ok := r.symbolIn(a, b); ok {
			return rubySkips[name]
		}
		if r.role(a) == rubySymbol && r.is(a+1, "=>") {
			return rubySkips[strings.TrimPrefix(r.text(a), ":")] && !r.isAny(a+2, "false", "nil")
		}
		return r.role(a) == rubyLabel && rubySkips[r.text(a)] && !r.isAny(a+2, "false", "nil")
	})
}

// skipsIn reports whether the first thing that a block does is to skip its test.
func (r *rubyFile) skipsIn(open int) bool {
	first := open + 1
	if r.is(first, "|") {
		for first++; first < len(r.tokens) && !r.is(first, "|"); first++ {
		}
		first++
	}
	first, _ = r.trim(first, r.partner(open))
	return r.skips(first)
}

// skipsAt is skipsIn for the body of a method that begins at the offset.
func (r *rubyFile) skipsAt(offset int) bool {
	i, found := slices.BinarySearchFunc(r.calls, offset, func(c rubyCall, at int) int { return int(r.tokens[c.first].start) - at })
	return found && r.skips(r.calls[i].first)
}

// skips reports whether the statement at token i is a call of skip without a condition and without a block.
func (r *rubyFile) skips(i int) bool {
	if !rubySkips[r.word(i)] || r.role(i) != rubyName {
		return false
	}
	end := r.statementEnd(i)
	return r.role(end) != rubyModifier && r.blockOf(i, end) < 0
}
