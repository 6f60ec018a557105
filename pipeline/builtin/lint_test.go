package builtin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/threat"
)

// proves is the table of specification §7.1: which facet kinds an assertion type can prove.
func proves() map[string][]threat.FacetKind {
	const (
		str  = threat.StructureFacet
		beh  = threat.BehaviourFacet
		conf = threat.ConfigurationFacet
		dep  = threat.DependencyFacet
		inte = threat.IntegrityFacet
		abs  = threat.AbsenceFacet
		test = threat.TestFacet
	)
	return map[string][]threat.FacetKind{
		"function_exists": {str, beh}, "class_exists": {str}, "decorator_present": {str, beh}, "function_calls": {beh},
		"parameter_validated": {beh}, "import_present": {str, dep}, "error_handled": {beh},
		"middleware_registered": {beh, conf}, "http_header_set": {beh, conf}, "pattern_matches": {str, conf},
		"pattern_absent": {abs}, "no_plaintext_secret": {abs}, "file_exists": {str}, "file_hash": {inte},
		"config_key_exists": {conf}, "config_value_matches": {conf}, "env_var_referenced": {conf},
		"dependency_exists": {dep}, "dependency_version": {dep}, "test_exists": {test}, "test_passes": {test, beh},
		"module_exists": {str}, "module_instantiated": {str}, "port_exists": {str}, "parameter_defined": {conf},
		"signal_exists": {str}, "sva_assertion_present": {beh, test}, "register_reset": {beh},
	}
}

func TestProofTableHasAllTypes(t *testing.T) {
	if n := len(proves()); n != 28 {
		t.Errorf("%d assertion types, specification §7.1 has 28", n)
	}
}

func TestKnowledgeIsBigEnough(t *testing.T) {
	k := engine(t).knowledge
	t.Logf("%d signals, %d classes, %d paths, %d assets, %d attackers, %d boundaries, %d assumptions, %d controls",
		len(k.signals), len(k.classes), len(k.paths), len(k.assets), len(k.attackers), len(k.boundaries), len(k.assumptions), len(k.controls))
	if len(k.signals) < 70 {
		t.Errorf("%d signals, want 70", len(k.signals))
	}
}

// ids lists the ids of one section.
func ids[E any](list []E, of func(E) string) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = of(e)
	}
	return out
}

func TestIDsAndNamesAreUnique(t *testing.T) {
	k := engine(t).knowledge
	for section, list := range map[string][]string{
		"signal ids":         ids(k.signals, func(s *signal) string { return s.ID }),
		"class ids":          ids(k.classes, func(c *class) string { return c.ID }),
		"path ids":           ids(k.paths, func(p *path) string { return p.ID }),
		"asset ids":          ids(k.assets, func(a *assetEntry) string { return a.ID }),
		"asset names":        ids(k.assets, func(a *assetEntry) string { return strings.ToLower(a.Name) }),
		"attacker ids":       ids(k.attackers, func(t *attackerEntry) string { return t.ID }),
		"attacker names":     ids(k.attackers, func(t *attackerEntry) string { return strings.ToLower(t.Name) }),
		"boundary ids":       ids(k.boundaries, func(b *boundaryEntry) string { return b.ID }),
		"boundary names":     ids(k.boundaries, func(b *boundaryEntry) string { return strings.ToLower(b.Name) }),
		"assumption ids":     ids(k.assumptions, func(a *assumptionEntry) string { return a.ID }),
		"assumption texts":   ids(k.assumptions, func(a *assumptionEntry) string { return strings.ToLower(a.Text) }),
		"control ids":        ids(k.controls, func(c *controlEntry) string { return c.ID }),
		"control statements": ids(k.controls, func(c *controlEntry) string { return strings.ToLower(c.Does) }),
	} {
		seen := map[string]bool{}
		for _, id := range list {
			if id == "" || seen[id] {
				t.Errorf("%s: %q is empty or stands twice", section, id)
			}
			seen[id] = true
		}
	}
}

// TestEntriesPassTheRulesOfTheDomain puts every entry through the checks that a user's input passes.
func TestEntriesPassTheRulesOfTheDomain(t *testing.T) {
	k := engine(t).knowledge
	s, c := &threat.Structure{Feature: "x"}, threat.Counters{}
	for _, a := range k.assets {
		if _, err := s.AddAsset(c, threat.Asset{Name: a.Name, Description: a.Says, Properties: a.Properties, Impact: a.Impact}); err != nil {
			t.Errorf("asset %s: %v", a.ID, err)
		}
		if a.Says == "" || len(a.Classes) == 0 {
			t.Errorf("asset %s: no description or class", a.ID)
		}
		usage := slices.Contains(a.Properties, threat.Usage)
		if usage != slices.Contains(a.Classes, "sealed") {
			t.Errorf("asset %s: Usage is for what can be used and not taken out, class sealed", a.ID)
		}
	}
	for _, x := range k.attackers {
		if _, err := s.AddAttacker(c, threat.Attacker{
			Name: x.Name, Capability: x.Capability, Position: x.Position, Archetype: x.Archetype, Likelihood: x.Likelihood,
		}); err != nil {
			t.Errorf("attacker %s: %v", x.ID, err)
		}
		if len(x.Paths) == 0 || x.Archetype == "" {
			t.Errorf("attacker %s: no path or archetype", x.ID)
		}
	}
	for _, b := range k.boundaries {
		if _, err := s.AddBoundary(c, threat.Boundary{Name: b.Name, Description: b.Says}); err != nil {
			t.Errorf("boundary %s: %v", b.ID, err)
		}
	}
	for _, a := range k.assumptions {
		if _, err := s.AddAssumption(c, threat.Assumption{Text: a.Text, Kind: a.Kind}); err != nil {
			t.Errorf("assumption %s: %v", a.ID, err)
		}
	}
	for _, e := range k.controls {
		ctl := threat.Control{ID: "C1", Description: e.Does, Status: threat.NotImplemented, Source: threat.Generated}
		for _, f := range e.Facets {
			ctl.Facets = append(ctl.Facets, threat.Facet{Text: f.Text, Kind: f.Kind})
		}
		if err := ctl.Check(); err != nil {
			t.Errorf("control %s: %v", e.ID, err)
		}
		if n := utf8.RuneCountInString(e.Does); n > 260 {
			t.Errorf("control %s: a statement of %d characters is not read", e.ID, n)
		}
	}
}

func TestFacetsCanBeProved(t *testing.T) {
	table := proves()
	for _, c := range engine(t).knowledge.controls {
		if len(c.Facets) < 1 || len(c.Facets) > 5 {
			t.Errorf("control %s has %d facets, want 1 to 5", c.ID, len(c.Facets))
		}
		for i, f := range c.Facets {
			if len(f.Evidence) == 0 {
				t.Errorf("control %s facet %d: no evidence", c.ID, i+1)
			}
			for _, e := range f.Evidence {
				if kinds, ok := table[e]; !ok {
					t.Errorf("control %s facet %d: %q is no assertion type", c.ID, i+1, e)
				} else if !slices.Contains(kinds, f.Kind) {
					t.Errorf("control %s facet %d: %s cannot prove %s (specification §7.1)", c.ID, i+1, e, f.Kind)
				}
			}
		}
	}
}

// words returns the normalised words of a statement, without the ones every statement has.
func words(s string) map[string]bool {
	common := set("a an and the of to in on for by with from that it its is are be or each every only never no not at as once")
	out := map[string]bool{}
	for _, t := range tokenise(s) {
		if !common[t.word] {
			out[t.stem] = true
		}
	}
	return out
}

func similarity(a, b map[string]bool) float64 {
	both := 0
	for w := range a {
		if b[w] {
			both++
		}
	}
	return float64(both) / float64(len(a)+len(b)-both)
}

func (a *assetEntry) related(b *assetEntry) bool {
	return slices.Contains(a.Absorbs, b.ID) || slices.Contains(b.Absorbs, a.ID)
}

func TestNoNearDuplicates(t *testing.T) {
	k := engine(t).knowledge
	pairs := map[string][]string{
		"control":    ids(k.controls, func(c *controlEntry) string { return c.Does }),
		"asset":      ids(k.assets, func(a *assetEntry) string { return a.Name + " " + a.Says }),
		"attacker":   ids(k.attackers, func(t *attackerEntry) string { return t.Capability }),
		"assumption": ids(k.assumptions, func(a *assumptionEntry) string { return a.Text }),
	}
	for what, list := range pairs {
		for i := range list {
			for j := range i {
				if what == "asset" && k.assets[i].related(k.assets[j]) {
					continue // one stands for the other, so they never meet in a model
				}
				if s := similarity(words(list[i]), words(list[j])); s > 0.55 {
					t.Errorf("%s: %.2f alike:\n  %s\n  %s", what, s, list[i], list[j])
				}
			}
		}
	}
	if s := similarity(words("Check each upload for malware."), words("Check every upload for malware")); s < 0.99 {
		t.Errorf("the measure misses a duplicate: %.2f", s)
	}
}

// possible reports whether a text could meet a condition: with every signal it asks for said, and the rest silent.
func possible(k *knowledge, c condition, unless condition) bool {
	for _, all := range c {
		r := &reading{said: make([][]hit, len(k.signals)), denied: make([][]hit, len(k.signals))}
		for _, l := range all {
			switch l.want {
			case affirmed:
				r.said[l.signal] = []hit{{}}
			case denied:
				r.denied[l.signal] = []hit{{}}
			}
		}
		if r.meets(all) && !r.holds(unless) {
			return true
		}
	}
	return false
}

func TestEverythingIsReachable(t *testing.T) {
	k := engine(t).knowledge
	for _, s := range k.signals {
		if len(s.Terms)+len(s.Unclear) == 0 {
			t.Errorf("signal %s has no terms", s.ID)
		}
	}
	for _, a := range k.assets {
		if !possible(k, a.when, a.unless) {
			t.Errorf("asset %s follows from nothing", a.ID)
		}
	}
	for _, x := range k.attackers {
		if !possible(k, x.when, x.unless) {
			t.Errorf("attacker %s follows from nothing", x.ID)
		}
	}
	for _, b := range k.boundaries {
		if !possible(k, b.when, nil) {
			t.Errorf("boundary %s follows from nothing", b.ID)
		}
	}
	for _, a := range k.assumptions {
		if !possible(k, a.when, nil) {
			t.Errorf("assumption %s follows from nothing", a.ID)
		}
	}
	for _, c := range k.controls {
		if len(c.When) > 0 && !possible(k, c.when, nil) {
			t.Errorf("control %s fits nothing", c.ID)
		}
	}
}

// TestEverySignalIsUsed holds that no signal is detected for nothing.
func TestEverySignalIsUsed(t *testing.T) {
	k := engine(t).knowledge
	used := make([]bool, len(k.signals))
	note := func(cs ...condition) {
		for _, c := range cs {
			for _, all := range c {
				for _, l := range all {
					if l.signal >= 0 {
						used[l.signal] = true
					}
				}
			}
		}
	}
	for _, a := range k.assets {
		note(a.when, a.unless, a.raise)
	}
	for _, x := range k.attackers {
		note(x.when, x.unless, x.raise, x.lower)
	}
	for _, b := range k.boundaries {
		note(b.when)
	}
	for _, a := range k.assumptions {
		note(a.when)
	}
	for _, c := range k.controls {
		note(c.when)
	}
	for _, p := range k.paths {
		note(p.when)
	}
	for i, s := range k.signals {
		if !used[i] && len(s.Implies) == 0 {
			t.Errorf("signal %s leads to nothing", s.ID)
		}
	}
}

func TestNoOrphanClassesPathsAndControls(t *testing.T) {
	k := engine(t).knowledge
	for _, c := range k.classes {
		if !slices.ContainsFunc(k.assets, func(a *assetEntry) bool { return slices.Contains(a.Classes, c.ID) }) {
			t.Errorf("class %s has no asset", c.ID)
		}
		if !slices.ContainsFunc(k.paths, func(p *path) bool { return slices.Contains(p.On, c.ID) }) {
			t.Errorf("class %s is on no path", c.ID)
		}
		if len(c.Cues) == 0 {
			t.Errorf("class %s has no cues: an asset that a person adds never gets it", c.ID)
		}
	}
	for _, p := range k.paths {
		if !slices.ContainsFunc(k.attackers, func(t *attackerEntry) bool { return slices.Contains(t.Paths, p.ID) }) {
			t.Errorf("path %s is walked by nobody", p.ID)
		}
		if !slices.ContainsFunc(k.controls, func(c *controlEntry) bool {
			return c.Role == essential && slices.Contains(c.Closes, p.ID) && len(c.On) == 0 && len(c.Against) == 0
		}) {
			// Closed for special assets only: every class of the path must then be covered by one of them.
			for _, cl := range p.On {
				t.Run(p.ID+"/"+cl, func(t *testing.T) {
					if !slices.ContainsFunc(k.controls, func(c *controlEntry) bool {
						return c.Role == essential && slices.Contains(c.Closes, p.ID) && slices.Contains(c.On, "class:"+cl)
					}) && !covered(k, p, cl) {
						t.Errorf("nothing closes path %s on assets of class %s", p.ID, cl)
					}
				})
			}
		}
	}
	for _, c := range k.controls {
		switch c.Role {
		case essential, extra, alternative, fallback:
		default:
			t.Errorf("control %s: role %q", c.ID, c.Role)
		}
		if (c.Role == alternative) != (c.InsteadOf != "") {
			t.Errorf("control %s: an alternative names what it replaces, nothing else does", c.ID)
		}
		if c.Role != fallback && len(c.Closes) == 0 {
			t.Errorf("control %s closes nothing", c.ID)
		}
	}
}

// covered reports whether each asset of a class that a path breaks has a control by its own name, or by another class of
// it.
func covered(k *knowledge, p *path, class string) bool {
	for _, a := range k.assets {
		if !slices.Contains(a.Classes, class) || !meet(p.Breaks, a.Properties) {
			continue
		}
		t := target{entry: a, classes: a.Classes, properties: a.Properties}
		if !slices.ContainsFunc(k.controls, func(c *controlEntry) bool {
			return c.Role == essential && slices.Contains(c.Closes, p.ID) && len(c.On) > 0 && c.covers(t)
		}) {
			return false
		}
	}
	return true
}

// TestOwnAttackersMeetRealControls holds that the fallback is for odd pairs only: of the pairs of the knowledge base at
// most a quarter need it.
func TestOwnAttackersMeetRealControls(t *testing.T) {
	k := engine(t).knowledge
	r := k.read("")
	for i := range r.said {
		r.said[i] = []hit{{}} // as if the feature had everything
	}
	r.tokens = []token{{}}
	shelf := k.shelve(r)
	pairs, odd := 0, 0
	for _, a := range k.assets {
		tgt := target{entry: a, classes: a.Classes, properties: a.Properties}
		for _, x := range k.attackers {
			pairs++
			plan := shelf.plan(tgt, foe{id: x.ID, paths: k.pathsOf(x)})
			n := 0
			for _, p := range plan {
				if p.group == 1 {
					n++
				}
			}
			if n == 0 || n > maxEssentials {
				t.Errorf("%s × %s: %d members in group 1", a.ID, x.ID, n)
			}
			if plan[0].control.Role == fallback {
				odd++
			}
		}
	}
	t.Logf("%d of %d pairs fall back", odd, pairs)
	if odd*4 > pairs {
		t.Errorf("%d of %d pairs fall back to general controls", odd, pairs)
	}
}

func TestAbsorbingHasNoCircles(t *testing.T) {
	k := engine(t).knowledge
	var walk func(id string, next func(string) []string, seen []string) error
	walk = func(id string, next func(string) []string, seen []string) error {
		if slices.Contains(seen, id) {
			return fmt.Errorf("circle: %v", append(seen, id))
		}
		for _, n := range next(id) {
			if err := walk(n, next, append(slices.Clone(seen), id)); err != nil {
				return err
			}
		}
		return nil
	}
	for _, a := range k.assets {
		if err := walk(a.ID, func(id string) []string { return k.assetByID[id].Absorbs }, nil); err != nil {
			t.Error(err)
		}
	}
	for _, x := range k.attackers {
		if err := walk(x.ID, func(id string) []string { return k.foeByID[id].Absorbs }, nil); err != nil {
			t.Error(err)
		}
	}
}

// TestLoadRefusesBrokenKnowledge feeds load one broken base after the other.
func TestLoadRefusesBrokenKnowledge(t *testing.T) {
	for name, text := range map[string]string{
		"unknown field":      "area: x\nsurprise: 1\n",
		"unknown key":        "signals: [{id: a, term: [b]}]\n",
		"dangling signal":    "assets: [{id: a, name: A, when: [nope]}]\n",
		"dangling implied":   "signals: [{id: a, terms: [b], implies: [nope]}]\n",
		"dangling class":     "assets: [{id: a, name: A, classes: [nope]}]\n",
		"dangling path":      "attackers: [{id: a, name: A, paths: [nope]}]\n",
		"dangling asset":     "boundaries: [{id: a, name: A, assets: [nope]}]\n",
		"dangling attacker":  "boundaries: [{id: a, name: A, attackers: [nope]}]\n",
		"dangling control":   "controls: [{id: a, does: A, instead_of: nope}]\n",
		"empty term":         "signals: [{id: a, terms: [\"-\"]}]\n",
		"second document":    "area: x\n---\narea: y\n",
		"not yaml":           "\t{",
		"wrong type":         "signals: 7\n",
		"dangling condition": "controls: [{id: a, does: A, when: [\"!nope\"]}]\n",
	} {
		if _, err := load(fstest.MapFS{"knowledge/a.yaml": {Data: []byte(text)}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := load(fstest.MapFS{"knowledge/a.yaml": {Data: []byte("signals: [{id: a, terms: [b]}]\n")}}); err != nil {
		t.Errorf("a whole base: %v", err)
	}
}
