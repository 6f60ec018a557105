package pipeline

import (
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// JudgedClaim is one claim on a control as its judge is shown it: what its submitter says beside it is not shown.
type JudgedClaim struct {
	ID     threat.ID
	Text   string // type and parameters in words
	Facets []threat.ID
}

// Judged is what is to be judged: the words of a control or an assumption, and the claims on it.
type Judged struct {
	Description string
	Facets      []threat.Facet
	Claims      []JudgedClaim
}

// Verdict is the answer of a judge: what is not coherent and not proven, each with the reason. What is missing in both is in order.
type Verdict struct {
	Incoherent map[threat.ID]string
	Unproven   map[threat.ID]string
}

// leastClaim is how much of a text a judge must see, in characters: less would be judging blind.
const leastClaim = 120

// JudgeQuestion asks whether each claim on a control is coherent and whether together they prove each facet. limit bounds its size in
// bytes. step is its name within the job. Errors: [threat.FailedPrecondition] for a control whose claims do not fit into one question.
func JudgeQuestion(step string, j Judged, limit int) (Question, error) {
	b := brief{step: step, text: promptFile("judge_sufficiency.md"), schema: Compact(promptFile("judgment.schema.json"))}
	q := Question{Step: b.step, Version: Version(frame, b.text, string(b.schema)), Schema: b.schema}
	for _, most := range []int{threat.MaxDescription, 600, 240, leastClaim} {
		q.System, q.Prompt = b.render(j.parts(most))
		if q.Size() <= limit {
			return q, nil
		}
	}
	return Question{}, threat.Errorf(threat.FailedPrecondition, "%d claims and %d facets do not fit into one question of %d bytes", len(j.Claims), len(j.Facets), limit).
		Hinted("fewer and plainer claims can be judged: delete_assertion withdraws one")
}

func (j *Judged) parts(most int) []part {
	line := func(text string) string { return strings.Join(strings.Fields(threat.Clip(text, most)), " ") }
	var facets, claims []string
	for _, f := range j.Facets {
		kind := string(f.Kind)
		if kind == "" {
			kind = "any kind" // the one of an assumption
		}
		facets = append(facets, string(f.ID)+" ("+kind+"): "+line(f.Text))
	}
	for _, c := range j.Claims {
		claims = append(claims, string(c.ID)+" for "+threat.IDList(c.Facets, len(c.Facets))+": "+line(c.Text))
	}
	return []part{
		{"control", "The control, or the assumption that is to hold:", line(j.Description)},
		{"facets", "Its facets, with the kind of each:", strings.Join(facets, "\n")},
		{"claims", "The claims, with the facets that each names:", strings.Join(claims, "\n")},
	}
}

// maxVerdictReason bounds what a judge says of one claim or facet, in characters.
const maxVerdictReason = 500

// ParseVerdict reads an answer to [JudgeQuestion]: every claim and every facet that was shown, once, and nothing else. Errors:
// [threat.Invalid], as for [Parse].
func ParseVerdict(j Judged, raw []byte) (Verdict, error) {
	root, err := ParseObject(raw)
	if err != nil {
		return Verdict{}, err
	}
	root.Only("claims", "facets")
	var claims, facets []threat.ID
	for _, c := range j.Claims {
		claims = append(claims, c.ID)
	}
	for _, f := range j.Facets {
		facets = append(facets, f.ID)
	}
	out := Verdict{Incoherent: readVerdicts(root, "claims", "coherent", claims), Unproven: readVerdicts(root, "facets", "proven", facets)}
	return out, root.Err()
}

// readVerdicts reads a list of verdicts on ids and returns the reasons of those that are false.
func readVerdicts(root *Object, member, verdict string, ids []threat.ID) map[threat.ID]string {
	no, seen := map[threat.ID]string{}, map[threat.ID]bool{}
	List(root, member, len(ids), len(ids), func(o *Object) struct{} {
		o.Only("id", verdict, "reason")
		id := Enum(o, "id", ids)
		if seen[id] {
			o.refuse("id", "each id once", "it is there twice")
		}
		seen[id] = true
		if o.Bool(verdict) {
			o.Optional("reason", maxVerdictReason)
		} else if why := o.Line("reason", maxVerdictReason); why != "" {
			no[id] = why
		}
		return struct{}{}
	})
	return no
}
