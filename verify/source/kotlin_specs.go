package source

import "strings"

// kotlinSpecs are the classes of Kotest whose tests are calls with a text and a lambda, or a text alone.
var kotlinSpecs = wordSet(`FunSpec StringSpec ShouldSpec DescribeSpec BehaviorSpec FreeSpec WordSpec FeatureSpec ExpectSpec`)

// kotlinSpecWords are the calls that make groups and tests in them: "group", "test", or "off" for those that are left out.
var kotlinSpecWords = map[string]string{
	"test": "test", "it": "test", "should": "test", "expect": "test", "scenario": "test", "then": "test", "Then": "test",
	"context": "group", "describe": "group", "feature": "group", "given": "group", "Given": "group", "when": "group", "When": "group",
	"and": "group", "And": "group",
	"xtest": "off", "xit": "off", "xshould": "off", "xexpect": "off", "xscenario": "off", "xthen": "off", "xThen": "off", "xcontext": "off",
	"xdescribe": "off", "xfeature": "off", "xgiven": "off", "xGiven": "off", "xwhen": "off", "xWhen": "off",
}

// specs finds the tests of Kotest, named "Class › group › test". What is left out (xtest, "!name") is no test.
func (k *kotlinfile) specs() {
	if !k.importsFrom("io.kotest", "io.kotlintest") {
		return
	}
	for i := range k.Decls {
		if d := &k.Decls[i]; d.Kind == Class && k.extends(i, kotlinSpecs) && !k.words[i]["abstract"] {
			k.spec(d)
		}
	}
}

// spec finds the tests of one class.
func (k *kotlinfile) spec(d *Decl) {
	type group struct {
		end  int
		name string
		off  bool
	}
	var open []group
	from, to := k.tokenAt(d.Span.Start), k.tokenAt(d.Span.End)
	for i := from; i < to; i++ {
		k.work++
		for n := len(open); n > 0 && i >= open[n-1].end; n = len(open) {
			open = open[:n-1]
		}
		kind, name, body := k.specAt(i)
		if kind == "" {
			continue
		}
		full, off := d.Qualified(), kind == "off" || strings.HasPrefix(name, "!")
		for _, g := range open {
			full += " › " + g.name
			off = off || g.off
		}
		if kind == "test" && !off && !k.bodyOf(body).Empty() {
			k.Tests = append(k.Tests, Test{Name: full + " › " + name, Line: k.lineOf(i)})
		}
		open = append(open, group{k.skip(body), name, off})
	}
}

// specAt returns what the group or test that begins at token i is, its name and the brace of its lambda.
func (k *kotlinfile) specAt(i int) (kind, name string, body int) {
	at, brace := i, -1
	if w := strings.Trim(k.word(i), "`"); w != "" {
		if kind = kotlinSpecWords[w]; kind == "" || !k.is(i+1, "(") || k.isAny(i-1, ".", "?.") {
			return "", "", 0
		}
		if k.partner(i+1) != i+3 {
			return "", "", 0
		}
		at, brace = i+2, i+4
	} else if k.at(i).kind == textToken && !k.isAny(i-1, "(", ",", "=", "+", ".") {
		switch kind = "test"; {
		case k.is(i+1, "{"):
			brace = i + 1
		case k.is(i+1, "-") && k.is(i+2, "{"): // FreeSpec
			kind, brace = "group", i+2
		case k.isAny(i+1, "should", "When", "when", "Should") && k.is(i+2, "{"): // WordSpec
			kind, brace = "group", i+2
		default:
			return "", "", 0
		}
	}
	name, ok := k.literalValue(at)
	if k.is(brace, ".") && k.is(brace+1, "config") && k.is(brace+2, "(") {
		if switchedOff(k.part(k.inside(brace + 2))) {
			kind = "off"
		}
		brace = k.skip(brace + 2)
	}
	if !ok || !k.is(brace, "{") {
		return "", "", 0
	}
	return kind, name, brace
}
