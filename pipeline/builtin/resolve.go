package builtin

import (
	"errors"
	"fmt"
	"strings"
)

// resolve turns names into references and reports every one that dangles.
func (k *knowledge) resolve() error {
	k.index()
	var bad []error
	check := func(what, id string, err error) {
		if err != nil {
			bad = append(bad, fmt.Errorf("%s %s: %w", what, id, err))
		}
	}
	for i, s := range k.signals {
		check("signal", s.ID, k.vocabulary(i, s))
	}
	for _, w := range k.falseWords {
		k.detector.add(w, nothing, nil)
	}
	for i, c := range k.classes {
		for _, cue := range c.Cues {
			k.classCues.add(cue, i, nil)
		}
	}
	for _, p := range k.paths {
		check("path", p.ID, errors.Join(k.conditions(pair{p.When, &p.when}), k.knows(prefixed("class:", p.On), nil, nil)))
	}
	for _, a := range k.assets {
		check("asset", a.ID, errors.Join(
			k.conditions(pair{a.When, &a.when}, pair{a.Raise, &a.raise}, pair{a.Unless, &a.unless}),
			k.knows(prefixed("class:", a.Classes), nil, nil), k.knows(a.Absorbs, nil, nil)))
	}
	for i, t := range k.attackers {
		check("attacker", t.ID, errors.Join(
			k.conditions(pair{t.When, &t.when}, pair{t.Raise, &t.raise}, pair{t.Lower, &t.lower}, pair{t.Unless, &t.unless}),
			k.knows(nil, t.Absorbs, t.Paths)))
		for _, cue := range t.Cues {
			k.cues.add(cue, i, nil)
		}
	}
	for _, b := range k.boundaries {
		check("boundary", b.ID, errors.Join(k.conditions(pair{b.When, &b.when}), k.knows(b.Assets, b.Attackers, nil)))
	}
	for _, a := range k.assumptions {
		check("assumption", a.ID, errors.Join(k.conditions(pair{a.When, &a.when}), k.knows(a.Assets, a.Attackers, nil)))
	}
	for _, c := range k.controls {
		check("control", c.ID, errors.Join(k.conditions(pair{c.When, &c.when}), k.knows(c.On, c.Against, c.Closes)))
		if c.InsteadOf != "" && k.controlByID[c.InsteadOf] == nil {
			check("control", c.ID, fmt.Errorf("%q names no control", c.InsteadOf))
		}
	}
	return errors.Join(bad...)
}

func (k *knowledge) index() {
	for i, s := range k.signals {
		k.signalIndex[s.ID] = i
	}
	for _, p := range k.paths {
		k.pathByID[p.ID] = p
	}
	for _, a := range k.assets {
		k.assetByID[a.ID], k.assetByName[strings.ToLower(a.Name)] = a, a
	}
	for _, t := range k.attackers {
		k.foeByID[t.ID], k.foeByName[strings.ToLower(t.Name)] = t, t
	}
	for _, c := range k.controls {
		k.controlByID[c.ID] = c
	}
}

func (k *knowledge) vocabulary(i int, s *signal) error {
	for _, t := range s.Terms {
		if !k.detector.add(t, i, nil) {
			return fmt.Errorf("term %q has no words", t)
		}
	}
	for _, u := range s.Unclear {
		for _, t := range u.Terms {
			if !k.detector.add(t, i, u.Near) {
				return fmt.Errorf("term %q has no words", t)
			}
		}
	}
	for _, to := range s.Implies {
		n, ok := k.signalIndex[to]
		if !ok {
			return fmt.Errorf("%q names no signal", to)
		}
		s.implies = append(s.implies, n)
	}
	return nil
}

// pair is a condition as written and the place of its compiled form.
type pair struct {
	clauses []string
	out     *condition
}

func (k *knowledge) conditions(list ...pair) error {
	for _, p := range list {
		c, err := compile(p.clauses, k.signalIndex)
		if err != nil {
			return err
		}
		*p.out = c
	}
	return nil
}

// knows reports references that name nothing.
func (k *knowledge) knows(assets, attackers, paths []string) error {
	for _, a := range assets {
		if name, ok := strings.CutPrefix(a, "class:"); ok {
			if !k.hasClass(name) {
				return fmt.Errorf("%q names no class", name)
			}
		} else if k.assetByID[a] == nil {
			return fmt.Errorf("%q names no asset", a)
		}
	}
	for _, t := range attackers {
		if k.foeByID[t] == nil {
			return fmt.Errorf("%q names no attacker", t)
		}
	}
	for _, p := range paths {
		if k.pathByID[p] == nil {
			return fmt.Errorf("%q names no path", p)
		}
	}
	return nil
}

func (k *knowledge) hasClass(id string) bool {
	for _, c := range k.classes {
		if c.ID == id {
			return true
		}
	}
	return false
}

func prefixed(prefix string, list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = prefix + s
	}
	return out
}
