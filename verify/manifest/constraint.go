package manifest

import (
	"fmt"
	"regexp"
	"strings"

	"deps.dev/util/semver"
)

// systems are the version rules of the ecosystems. The library knows versions of Packagist but not its ranges: those are put
// into npm's words, see [fromComposer].
var systems = map[Ecosystem]semver.System{
	NPM: semver.NPM, PyPI: semver.PyPI, Maven: semver.Maven, Cargo: semver.Cargo,
	Go: semver.Go, RubyGems: semver.RubyGems, NuGet: semver.NuGet, Packagist: semver.NPM,
}

// example is a constraint in the ecosystem's words, for errors.
var example = map[Ecosystem]string{
	NPM: "^4.18.2", PyPI: "~=2.31", Maven: "[2.17.1,)", Cargo: "^1.2", Go: ">=v0.31.0", RubyGems: "~> 7.0", NuGet: "[13.0.1,)", Packagist: "^2.0",
}

// constraint is a set of versions that are wanted or admitted.
type constraint struct {
	eco   Ecosystem
	match func(*semver.Version) bool
	spans []span
	pre   bool // a bound is a pre-release
	every bool // it holds for every version
}

var everySet = regexp.MustCompile(`^\{\[v?0(?:\.0)*(?:-0)?:∞.*\}$`)

// comparator is one part of a plain constraint: ">=1.2.3".
var comparator = regexp.MustCompile(`^\s*(>=|<=|==|=|>|<)\s*([vV]?[0-9][0-9A-Za-z.+_-]*)\s*(?:,\s*|\s+|$)`)

// plain parts a constraint of comparators alone, or returns nil.
func plain(text string) [][2]string {
	var parts [][2]string
	for rest := strings.TrimSpace(text); rest != ""; {
		m := comparator.FindStringSubmatch(rest)
		if m == nil {
			return nil
		}
		parts = append(parts, [2]string{m[1], m[2]})
		rest = rest[len(m[0]):]
	}
	return parts
}

var versionAlone = regexp.MustCompile(`^v?[0-9][0-9A-Za-z.+_-]*$`)

// wanted reads a constraint that a claim makes: in the ecosystem's own words, or as plain comparators with commas or blanks,
// which mean the same everywhere. For Maven and Go a version alone is that version. Errors: an [Error] with an example.
func (eco Ecosystem) wanted(text string) (*constraint, error) {
	text = strings.TrimSpace(text)
	if len(text) > 300 {
		text = ""
	}
	fail := func(why string) (*constraint, error) {
		return nil, &Error{
			Message: fmt.Sprintf("the constraint %q %s", text, why),
			Hint:    fmt.Sprintf("write one such as >=1.2.3, or in the words of %s: %s", eco, example[eco]),
		}
	}
	if anything(text) {
		return fail("holds for every version; dependency_exists says that the package is there")
	}
	parts := plain(text)
	if parts == nil && (eco == Maven || eco == Go) && versionAlone.MatchString(text) {
		parts = [][2]string{{"=", text}}
	}
	c, err := eco.constraint(text, parts)
	if err != nil || strings.Contains(text, ",,") {
		return fail("is not understood")
	}
	if c.every {
		return fail("holds for every version; dependency_exists says that the package is there")
	}
	if len(c.spans) == 0 {
		return fail("holds for no version")
	}
	return c, nil
}

// anything reports whether a range says nothing.
func anything(text string) bool {
	switch strings.ToLower(strings.ReplaceAll(text, " ", "")) {
	case "", "*", "x", "any", "latest", "release", "*.*", "*.*.*", "x.x", "x.x.x", ">=0", ">=0.0", ">=0.0.0", ">=0-0", "(,)", "[0,)", "@stable", "@dev", "latest.release", "latest.integration", "+":
		return true
	}
	return false
}

func (eco Ecosystem) constraint(text string, parts [][2]string) (c *constraint, err error) {
	defer func() {
		if recover() != nil { // the library has grammars that it does not finish
			c, err = nil, fmt.Errorf("not understood")
		}
	}()
	sys := systems[eco]
	if eco == Packagist && parts == nil {
		if text, err = fromComposer(text); err != nil {
			return nil, err
		}
	}
	if parts != nil && (eco == Go || eco == Maven || eco == NuGet) {
		return eco.between(parts)
	}
	if eco == Go || eco == Maven && !mavenRange.MatchString(text) {
		return nil, fmt.Errorf("not understood")
	}
	if parts != nil {
		var words []string
		for _, p := range parts {
			if p[0] == "==" && eco != PyPI {
				p[0] = "="
			} else if p[0] == "=" && eco == PyPI {
				p[0] = "=="
			}
			words = append(words, p[0]+strings.TrimPrefix(p[1], "v"))
		}
		text = strings.Join(words, map[bool]string{true: " ", false: ","}[eco == NPM || eco == Packagist])
	}
	parsed, err := sys.ParseConstraint(text)
	if err != nil {
		return nil, err
	}
	c = &constraint{eco: eco, match: parsed.MatchVersion, pre: parsed.HasPrerelease(), every: everySet.MatchString(parsed.Set().String())}
	c.spans, err = spansOf(sys, parsed.Set())
	return c, err
}

// between makes a constraint of comparators where the grammar has none: one span.
func (eco Ecosystem) between(parts [][2]string) (*constraint, error) {
	s := span{}
	for _, p := range parts {
		v, err := eco.version(p[1])
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(p[0], ">") || strings.HasPrefix(p[0], "=") {
			if open := p[0] == ">"; s.min == nil || v.Compare(s.min) > 0 || v.Compare(s.min) == 0 && open {
				s.min, s.minOpen = v, open
			}
		}
		if strings.HasPrefix(p[0], "<") || strings.HasPrefix(p[0], "=") {
			if open := p[0] == "<"; s.max == nil || v.Compare(s.max) < 0 || v.Compare(s.max) == 0 && open {
				s.max, s.maxOpen = v, open
			}
		}
	}
	c := &constraint{eco: eco, match: s.holds, pre: s.min != nil && s.min.IsPrerelease() || s.max != nil && s.max.IsPrerelease()}
	if eco == NuGet && !c.pre {
		c.match = func(v *semver.Version) bool { return !v.IsPrerelease() && s.holds(v) }
	}
	if !s.empty() {
		c.spans = []span{s}
	}
	return c, nil
}

// version parses an exact version.
func (eco Ecosystem) version(text string) (v *semver.Version, err error) {
	defer func() {
		if recover() != nil {
			v, err = nil, fmt.Errorf("not understood")
		}
	}()
	text = strings.TrimSpace(text)
	switch eco {
	case Go:
		if !strings.HasPrefix(text, "v") {
			text = "v" + text
		}
		text = strings.TrimSuffix(text, "+incompatible")
	case Packagist: // alpha, beta and RC sort in this order once their case is the same
		text = strings.ToLower(strings.TrimPrefix(text, "v"))
	case NPM:
		text = strings.TrimLeft(text, "=v ")
	}
	v, err = systems[eco].Parse(text)
	if err == nil && v.IsWildcard() {
		return nil, fmt.Errorf("a wildcard is no version")
	}
	return v, err
}

// meets tells whether a version meets the constraint.
func (c *constraint) meets(version string) (bool, error) {
	v, err := c.eco.version(version)
	if err != nil {
		return false, err
	}
	return c.match(v), nil
}

// admitted reads a range that a manifest declares.
func (eco Ecosystem) admitted(text string) (*constraint, error) {
	if strings.Contains(text, "!=") && eco == Packagist {
		return nil, fmt.Errorf("not understood")
	}
	parts := plain(text)
	if eco == Maven || eco == NuGet {
		parts = nil
	}
	return eco.constraint(text, parts)
}

var (
	composerOr    = regexp.MustCompile(`\s*\|\|?\s*`)
	composerSpan  = regexp.MustCompile(`^v?(\d[\w.]*)\s+-\s+v?(\d[\w.]*)$`)
	composerWord  = regexp.MustCompile(`^(>=|<=|==|=|>|<|\^|~)?\s*v?(\d+(?:\.\d+){0,2})((?:\.[*xX])?)(-(?:alpha|beta|rc)\.?\d*)?(?:@stable)?$`)
	composerAfter = regexp.MustCompile(`(>=|<=|==|=|>|<|\^|~)\s+`)
)

// fromComposer writes a range of Packagist in npm's words. The two differ in "~1.2", which is ">=1.2 <2" here; "!=", stability
// flags other than @stable, branches and versions of four numbers are not supported.
func fromComposer(text string) (string, error) {
	var alternatives []string
	for _, alternative := range composerOr.Split(strings.TrimSpace(text), -1) {
		if m := composerSpan.FindStringSubmatch(alternative); m != nil {
			alternatives = append(alternatives, m[1]+" - "+m[2])
			continue
		}
		var words []string
		for _, word := range strings.FieldsFunc(composerAfter.ReplaceAllString(alternative, "$1"), func(r rune) bool { return r == ',' || r == ' ' }) {
			m := composerWord.FindStringSubmatch(strings.ToLower(word))
			if m == nil || m[3] != "" && m[1] != "" {
				return "", fmt.Errorf("%q is not supported", word)
			}
			sign, numbers, rest := m[1], m[2], m[3]+m[4]
			if sign == "==" {
				sign = "="
			}
			n := strings.Count(numbers, ".")
			switch {
			case sign == "~" && n < 2:
				sign = "^" // ~1.2 and ~1 end at the next major version
				if strings.HasPrefix(numbers, "0") {
					words = append(words, ">="+numbers+rest, "<1.0.0")
					continue
				}
			case (sign == "" || sign == "=") && m[3] == "" && n < 2: // 1.2 is 1.2.0
				numbers += strings.Repeat(".0", 2-n)
			}
			words = append(words, sign+numbers+rest)
		}
		if len(words) == 0 {
			return "", fmt.Errorf("an empty alternative")
		}
		alternatives = append(alternatives, strings.Join(words, " "))
	}
	return strings.Join(alternatives, " || "), nil
}
