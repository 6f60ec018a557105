package builtin

import (
	"slices"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/threat"
)

// TestContextChangesTheModel holds what the words around a signal do to a model. The expectations were written before the
// knowledge that fulfils them.
func TestContextChangesTheModel(t *testing.T) {
	e := engine(t)
	model := func(text string) *threat.Structure {
		d, err := generate(e, text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		return &d.Structure
	}
	attacker := func(s *threat.Structure, name string) *threat.Attacker {
		i := slices.IndexFunc(s.Attackers, func(x threat.Attacker) bool { return x.Name == name })
		if i < 0 {
			return nil
		}
		return &s.Attackers[i]
	}
	asset := func(s *threat.Structure, name string) *threat.Asset {
		i := slices.IndexFunc(s.Assets, func(x threat.Asset) bool { return x.Name == name })
		if i < 0 {
			return nil
		}
		return &s.Assets[i]
	}
	assumption := func(s *threat.Structure, part string) *threat.Assumption {
		i := slices.IndexFunc(s.Assumptions, func(x threat.Assumption) bool { return strings.Contains(x.Text, part) })
		if i < 0 {
			return nil
		}
		return &s.Assumptions[i]
	}

	const login = " Users log in with a password to a web app and edit their documents in PostgreSQL."
	public, internal := model("A public website for customers."+login), model("An internal tool behind the VPN."+login)
	if x := attacker(public, "Anonymous Internet Attacker"); x == nil || x.Likelihood != threat.High {
		t.Errorf("public: %+v", x)
	}
	if x := attacker(internal, "Anonymous Internet Attacker"); x != nil {
		t.Errorf("internal only, and yet %+v", x)
	}
	if x := attacker(internal, "Attacker inside the Internal Network"); x == nil {
		t.Error("internal: nobody on the internal network")
	}
	in, out := attacker(internal, "Account Takeover Attacker"), attacker(public, "Account Takeover Attacker")
	if in == nil || out == nil || rank(in.Likelihood) <= rank(out.Likelihood) {
		t.Errorf("takeover: internal %+v, public %+v", in, out)
	}
	if a := assumption(internal, "unreachable from the internet"); a == nil || len(a.Basis) == 0 {
		t.Errorf("internal: %+v", internal.Assumptions)
	}

	const sensor = "Sensors report readings over MQTT to our servers."
	if attacker(model(sensor), "Attacker Holding the Device") == nil {
		t.Error("a sensor that nobody can hold")
	}
	none := model(sensor + " There is no physical access to the devices.")
	if x := attacker(none, "Attacker Holding the Device"); x != nil {
		t.Errorf("physical access is ruled out, and yet %+v", x)
	}
	if a := assumption(none, "physical access"); a == nil || !slices.Equal(a.Basis, []string{"no physical access"}) {
		t.Errorf("physical access: %+v", none.Assumptions)
	}

	closed := model("A web app for our staff. It is not public.")
	if a := assumption(closed, "not reachable from the public internet"); a == nil || len(a.Objectives) == 0 {
		t.Errorf("not public: %+v", closed.Assumptions)
	} else {
		for _, co := range a.Objectives {
			_, x, _ := threat.SplitObjective(co)
			if closed.Attacker(x).Name != "Anonymous Internet Attacker" {
				t.Errorf("%s is linked to an assumption about the internet", co)
			}
		}
	}

	const files = "Users upload files to S3 through a REST API."
	if a := asset(model(files), "Stored Files"); a == nil || a.Impact != threat.Medium {
		t.Errorf("files: %+v", a)
	}
	if a := asset(model(files+" The files are medical records of patients."), "Stored Files"); a == nil || a.Impact != threat.High {
		t.Errorf("medical files: %+v", a)
	}
	if s := model(files + " It is multi-tenant."); asset(s, "Tenant Data") == nil ||
		attacker(s, "Malicious Member of Another Tenant") == nil || attacker(s, "Malicious Registered User") != nil {
		t.Errorf("multi-tenant: %+v %+v", s.Assets, s.Attackers)
	}
	if s := model("Patients and their diagnoses are kept in PostgreSQL."); asset(s, "Health Records") == nil ||
		asset(s, "Application Records") != nil || asset(s, "Personal Data") != nil {
		t.Errorf("the special asset did not absorb the general ones: %+v", s.Assets)
	}
	if s := model("Checkout uses Stripe; card numbers never reach our servers."); asset(s, "Payment Card Data") != nil ||
		assumption(s, "Card numbers never reach the service") == nil {
		t.Errorf("card data: %+v %+v", s.Assets, s.Assumptions)
	}
	for _, text := range []string{"Keys live in an HSM.", "Faces are matched with biometric templates.", "We sell licence keys."} {
		s := model(text)
		if !slices.ContainsFunc(s.Assets, func(a threat.Asset) bool { return slices.Contains(a.Properties, threat.Usage) }) {
			t.Errorf("%q: no asset with Usage: %+v", text, s.Assets)
		}
	}
}
