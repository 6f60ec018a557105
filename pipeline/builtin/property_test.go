package builtin

import (
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/redoubt-dev/redoubt/examples"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/threat"
)

// description draws a text from the terms of random signals, in sentences that affirm, deny or merely mention them.
func description(k *knowledge) *rapid.Generator[string] {
	frames := []string{"It uses %.", "Users have %.", "There are no %.", "We support % and more,", "Out of scope: %.", "% are stored", "without %", "\n- %\n", "(%)", "never %;"}
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		b.WriteString("Customers use a web app. ")
		for range rapid.IntRange(0, 30).Draw(t, "sentences") {
			s := k.signals[rapid.IntRange(0, len(k.signals)-1).Draw(t, "signal")]
			if len(s.Terms) == 0 {
				continue
			}
			term := strings.ReplaceAll(s.Terms[rapid.IntRange(0, len(s.Terms)-1).Draw(t, "term")], "~", "")
			b.WriteString(strings.ReplaceAll(rapid.SampledFrom(frames).Draw(t, "frame"), "%", term))
			b.WriteString(" ")
		}
		return b.String()
	})
}

// flat is a text as a basis is compared with it: without case and with plain spaces.
func flat(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// check holds what every generated model must keep.
func check(t interface{ Errorf(string, ...any) }, text string, d *pipeline.Draft) {
	s := &d.Structure
	if err := s.Clone().Check(); err != nil {
		t.Errorf("structure: %v", err)
	}
	cos, err := s.Objectives()
	if err != nil {
		t.Errorf("objectives: %v", err)
	}
	groups := map[threat.ID]map[int]int{}
	descriptions := map[string]bool{}
	for _, c := range d.Controls {
		if descriptions[c.Description] {
			t.Errorf("control stands twice: %s", c.Description)
		}
		descriptions[c.Description] = true
		if len(c.Facets) < 1 || len(c.Facets) > 5 || !strings.HasPrefix(c.Notes, "Evidence: a by ") {
			t.Errorf("control %q: %d facets, notes %q", c.Description, len(c.Facets), c.Notes)
		}
		seen := map[pipeline.Mitigation]bool{}
		for _, m := range c.Mitigates {
			if seen[m] {
				t.Errorf("control %q is twice in %v", c.Description, m)
			}
			seen[m] = true
			if groups[m.Objective] == nil {
				groups[m.Objective] = map[int]int{}
			}
			groups[m.Objective][m.Group]++
		}
	}
	for _, co := range cos {
		g := groups[co.ID]
		if !co.Reachable {
			if len(g) > 0 {
				t.Errorf("%s is unreachable and has controls", co.ID)
			}
			continue
		}
		if g[1] < 1 || g[1] > maxEssentials {
			t.Errorf("%s has %d members in group 1", co.ID, g[1])
		}
		for n := range g {
			if n > 1 && (g[n-1] == 0 || g[n] != g[1]) {
				t.Errorf("%s: group %d has %d members, group 1 %d: an alternative is a complete set too", co.ID, n, g[n], g[1])
			}
		}
	}
	body := flat(text)
	for _, basis := range bases(d) {
		for _, words := range basis {
			if !strings.Contains(body, flat(words)) {
				t.Errorf("basis %q is not in the description", words)
			}
		}
	}
}

func bases(d *pipeline.Draft) (out [][]string) {
	for _, a := range d.Structure.Assets {
		out = append(out, a.Basis)
	}
	for _, a := range d.Structure.Attackers {
		out = append(out, a.Basis)
	}
	for _, b := range d.Structure.Boundaries {
		out = append(out, b.Basis)
	}
	for _, a := range d.Structure.Assumptions {
		out = append(out, a.Basis)
	}
	for _, c := range d.Controls {
		out = append(out, c.Basis)
	}
	return out
}

func TestAnyDescriptionYieldsASoundModel(t *testing.T) {
	e := engine(t)
	texts := description(e.knowledge)
	rapid.Check(t, func(rt *rapid.T) {
		text := texts.Draw(rt, "text")
		d, err := generate(e, text)
		if err != nil {
			if threat.CodeOf(err) != threat.Invalid {
				rt.Fatalf("%q: %v", text, err)
			}
			return
		}
		check(rt, text, d)
	})
}

// TestSameDescriptionSameBytes generates each description on one and on many processors, with engines loaded apart.
func TestSameDescriptionSameBytes(t *testing.T) {
	other, err := New()
	if err != nil {
		t.Fatal(err)
	}
	e := engine(t)
	texts := description(e.knowledge)
	rapid.Check(t, func(rt *rapid.T) {
		text := texts.Draw(rt, "text")
		first := encoded(rt, e, text)
		old := runtime.GOMAXPROCS(1)
		second := encoded(rt, other, text)
		runtime.GOMAXPROCS(old)
		if first != second {
			rt.Fatalf("two models of %q", text)
		}
	})
}

func encoded(t interface{ Fatal(...any) }, e *Engine, text string) string {
	d, err := generate(e, text)
	if err != nil {
		return err.Error()
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestExamplesKeepTheRules(t *testing.T) {
	for _, name := range examples.Names() {
		text, err := examples.Text(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := generate(engine(t), text)
		if err != nil {
			t.Fatal(err)
		}
		check(t, text, d)
		for _, a := range d.Structure.Assets {
			if len(a.Basis) == 0 {
				t.Errorf("%s: asset %s has no basis", name, a.Name)
			}
		}
	}
}

// TestAffirmedWinsOverDenied appends an affirmation to a denial of the same thing, and the other way round.
func TestAffirmedWinsOverDenied(t *testing.T) {
	k := engine(t).knowledge
	rapid.Check(t, func(rt *rapid.T) {
		i := rapid.IntRange(0, len(k.signals)-1).Draw(rt, "signal")
		s := k.signals[i]
		if len(s.Terms) == 0 {
			return
		}
		term := strings.ReplaceAll(rapid.SampledFrom(s.Terms).Draw(rt, "term"), "~", "")
		for _, text := range []string{
			"There is no " + term + ". We have this: " + term + ".",
			"We have this: " + term + ". There is no " + term + ".",
		} {
			r := k.read(text)
			if len(r.said[i]) == 0 || len(r.denied[i]) > 0 {
				rt.Fatalf("%q: said %d, denied %d", text, len(r.said[i]), len(r.denied[i]))
			}
		}
	})
}

// TestControlsForEntitiesOfPeople regenerates controls for a model whose assets and attackers a person wrote.
func TestControlsForEntitiesOfPeople(t *testing.T) {
	e := engine(t)
	d, err := pipeline.NewDraft("A thing we built.")
	if err != nil {
		t.Fatal(err)
	}
	s, c := &d.Structure, d.Counters
	for _, a := range []threat.Asset{
		{Name: "Wombat Registry", Properties: []threat.Property{"C", "I"}, Impact: "H"},
		{Name: "Signing secrets of the vault", Properties: []threat.Property{"C"}, Impact: "H"},
		{Name: "Queue of e-mail messages", Properties: []threat.Property{"A"}, Impact: "L"},
		{Name: "Sealed thing", Properties: []threat.Property{"U"}, Impact: "M"},
		{Name: "漢字", Properties: []threat.Property{"C", "I", "A", "U"}, Impact: "M"},
	} {
		if _, err := s.AddAsset(c, a); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []threat.Attacker{
		{Name: "Database administrator gone rogue", Capability: "Reads tables", Position: "Inside", Likelihood: "L"},
		{Name: "Prompt injection through e-mail", Capability: "Sends mail", Position: "Outside", Likelihood: "H"},
		{Name: "Zorg", Capability: "?", Position: "?", Likelihood: "M"},
	} {
		if _, err := s.AddAttacker(c, x); err != nil {
			t.Fatal(err)
		}
	}
	cos, err := s.Objectives()
	if err != nil {
		t.Fatal(err)
	}
	r := pipeline.Request{Step: pipeline.GenerateControls, Draft: d, Objectives: cos}
	out, err := e.Propose(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Accept(r, out); err != nil {
		t.Fatal(err)
	}
	check(t, s.Feature, d)
	has := func(co threat.ID, id string) bool {
		want := e.knowledge.controlByID[id].Does
		return slices.ContainsFunc(d.Controls, func(p pipeline.ControlProposal) bool {
			return p.Description == want && slices.Contains(p.Mitigates, pipeline.Mitigation{Objective: co, Group: 1})
		})
	}
	for _, want := range []struct {
		co threat.ID
		id string
	}{
		{"CO-A1-T1", "least-standing-access"},
		{"CO-A2-T1", "secret-manager"},
		{"CO-A1-T2", "untrusted-context"},
		{"CO-A1-T3", "parameterised-queries"},
		{"CO-A3-T3", "rate-limit"},
	} {
		if !has(want.co, want.id) {
			t.Errorf("%s lacks %s", want.co, want.id)
		}
	}
}

// TestRefinementKeepsWhatPeopleAdded puts a foreign asset and attacker through the refine steps.
func TestRefinementKeepsWhatPeopleAdded(t *testing.T) {
	e := engine(t)
	text, err := examples.Text("file-sharing-api")
	if err != nil {
		t.Fatal(err)
	}
	d, err := pipeline.NewDraft(text)
	if err != nil {
		t.Fatal(err)
	}
	own := threat.Asset{Name: "Wombats", Description: "d", Notes: "n", Properties: []threat.Property{"A"}, Impact: "L"}
	if _, err := d.Structure.AddAsset(d.Counters, own); err != nil {
		t.Fatal(err)
	}
	for _, a := range e.knowledge.assets { // far more than a list holds
		if _, err := d.Structure.AddAsset(d.Counters, threat.Asset{Name: a.Name, Properties: a.Properties, Impact: a.Impact}); err != nil {
			t.Fatal(err)
		}
	}
	out, err := e.Propose(t.Context(), pipeline.Request{Step: pipeline.RefineAssets, Draft: d})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Assets) != maxAssets {
		t.Errorf("%d assets", len(out.Assets))
	}
	i := slices.IndexFunc(out.Assets, func(p pipeline.AssetProposal) bool { return p.Name == "Wombats" })
	if i < 0 || out.Assets[i].Notes != "n" || out.Assets[i].Impact != "L" {
		t.Errorf("the asset that a person added: %+v", out.Assets)
	}
}

func TestRefusals(t *testing.T) {
	e := engine(t)
	if _, err := e.Propose(t.Context(), pipeline.Request{Step: pipeline.GenerateAssets}); err == nil {
		t.Error("a request without a draft was answered")
	}
	if _, err := e.Propose(t.Context(), pipeline.Request{Step: "dance", Draft: &pipeline.Draft{}}); threat.CodeOf(err) != threat.Invalid {
		t.Errorf("an unknown step: %v", err)
	}
	if e.Name() != "builtin" || e.BatchSize() != 0 {
		t.Errorf("%s, %d", e.Name(), e.BatchSize())
	}
}

// TestLongTextsAreReadInLinearTime compares a text with one eight times as long; a quadratic reader would need 64 times.
func TestLongTextsAreReadInLinearTime(t *testing.T) {
	k := engine(t).knowledge
	for name, unit := range map[string]string{
		"cues":  "no not without never, or nor and instead of ",
		"terms": "no passwords, cookies, sessions, API keys or tokens and ",
		"scope": "out of scope: payments, ",
		"free":  "-free-free",
		"marks": "\n- \n# \n1. ",
	} {
		short, long := strings.Repeat(unit, 400), strings.Repeat(unit, 3200)
		took := func(text string) time.Duration {
			start := time.Now()
			k.read(text)
			return time.Since(start)
		}
		// The quickest reading of each is looked at, over as many rounds as a busy machine needs: no number of them helps a quadratic reader.
		a, b := took(short), took(long)
		for range 300 {
			if b <= 30*a {
				break
			}
			a, b = min(a, took(short)), min(b, took(long))
		}
		if b > 30*a {
			t.Errorf("%s: %v for %d bytes, %v for %d", name, a, len(short), b, len(long))
		}
	}
}

func FuzzDetect(f *testing.F) {
	for _, s := range sentences() {
		f.Add(s.text)
	}
	f.Add("\xff\xfe no \x00 passwords")
	f.Add(strings.Repeat("no ", 500))
	k := engine(f).knowledge
	f.Fuzz(func(t *testing.T, text string) {
		r := k.read(text)
		for i := range r.said {
			r.quote(r.said[i])
			r.quote(r.denied[i])
			if len(r.said[i]) > 0 && len(r.denied[i]) > 0 {
				t.Errorf("%s is both said and denied", k.signals[i].ID)
			}
		}
	})
}

// BenchmarkGenerateLongest reads a description of the greatest length.
func BenchmarkGenerateLongest(b *testing.B) {
	e := engine(b)
	text, err := examples.Text("file-sharing-api")
	if err != nil {
		b.Fatal(err)
	}
	text = threat.Clip(strings.Repeat(text, 20), threat.MaxFeature)
	for b.Loop() {
		if _, err := generate(e, text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := New(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	e := engine(b)
	for _, name := range examples.Names() {
		b.Run(name, func(b *testing.B) {
			text, err := examples.Text(name)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := generate(e, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
