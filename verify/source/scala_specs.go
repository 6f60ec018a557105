package source

import "strings"

// scalaSpecs are the libraries whose tests are texts with a block behind them.
var scalaSpecs = []string{"org.scalatest", "munit", "org.specs2", "weaver", "zio.test"}

// specs finds the tests of ScalaTest, MUnit, specs2 and Weaver in classes that extend one of their styles, named
// "Class › group › test". What is ignored is no test; those of abstract classes and traits are run under the names of others.
func (s *scalafile) specs() {
	if !s.importsFrom(scalaSpecs...) {
		return
	}
	for i := range s.Decls {
		d := &s.Decls[i]
		if d.Kind != Class || s.words[i]["abstract"] {
			continue
		}
		header := s.part(s.headers[i])
		if strings.Contains(header, "Spec") || strings.Contains(header, "Suite") {
			s.spec(d)
		}
	}
}

// spec finds the tests of one class.
func (s *scalafile) spec(d *Decl) {
	type group struct {
		end  int
		name string
		off  bool
	}
	var open []group
	subject := ""
	for i, to := s.tokenAt(d.Body.Start), s.tokenAt(d.Body.End); i < to; i++ {
		s.work++
		for n := len(open); n > 0 && i >= open[n-1].end; n = len(open) {
			open = open[:n-1]
		}
		kind, name, body := s.specAt(i, &subject)
		if kind == "" {
			continue
		}
		full, off := d.Qualified(), kind == "off"
		for _, g := range open {
			full += " › " + g.name
			off = off || g.off
		}
		if kind == "test" && !off && !s.bodyOf(body).Empty() {
			s.Tests = append(s.Tests, Test{Name: full + " › " + name, Line: s.lineOf(i)})
		}
		open = append(open, group{s.skip(body), name, off})
	}
}

// specAt returns what the group or test that begins at token i is, its name and the brace of its block.
func (s *scalafile) specAt(i int, subject *string) (kind, name string, body int) {
	switch w := s.word(i); w {
	case "test", "it", "they", "ignore", "describe", "property", "feature", "Feature", "scenario", "Scenario", "pureTest", "loggedTest":
		if s.isAny(i-1, ".", "def") {
			return "", "", 0
		}
		if s.is(i+1, "(") {
			text, ok := s.literalValue(i + 2)
			brace := s.skip(i + 1)
			if !ok || !s.is(brace, "{") || !s.isAny(i+3, ")", ",") {
				return "", "", 0
			}
			switch w {
			case "describe", "feature", "Feature":
				return "group", text, brace
			case "ignore":
				return "off", text, brace
			}
			return "test", text, brace
		}
	case "behavior":
		if text, ok := s.literalValue(i + 2); ok && s.is(i+1, "of") {
			*subject = text
		}
		return "", "", 0
	}
	at, prefix := i, ""
	if text, ok := s.literalValue(i); ok && !s.isAny(i-1, "should", "must", "can", "of", "(", "=", "+", ",") {
		if s.isAny(i+1, "should", "must", "can", "when", "which", "that") {
			if s.is(i+2, "{") {
				return "group", text + " " + s.text(i+1), i + 2
			}
			*subject = text
			prefix, at = text+" "+s.text(i+1)+" ", i+2
		} else if s.is(i+1, "-") && s.is(i+2, "{") {
			return "group", text, i + 2
		}
	} else if s.isAny(i, "it", "they", "ignore") && s.isAny(i+1, "should", "must", "can") {
		prefix, at = *subject+" "+s.text(i+1)+" ", i+2
		if s.is(i, "ignore") {
			kind = "off"
		}
	} else if !ok {
		return "", "", 0
	}
	text, ok := s.literalValue(at)
	if !ok {
		return "", "", 0
	}
	k := at + 1
	if s.is(k, "taggedAs") {
		for k++; s.word(k) != "" && !s.isAny(k, "in", "ignore") || s.is(k, "."); k++ {
		}
		if s.is(k, "(") {
			k = s.skip(k)
		}
	}
	switch {
	case !s.is(k+1, "{"):
		return "", "", 0
	case s.isAny(k, "in", ">>") && kind == "":
		kind = "test"
	case s.is(k, "ignore"), kind == "off":
		kind = "off"
	default:
		return "", "", 0
	}
	return kind, prefix + text, k + 1
}
