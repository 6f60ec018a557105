package posture

import (
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Carrying says which assumptions carry a control now.
type Carrying struct {
	By       []threat.ID // those that hold, in id order
	Verified bool        // one of them rests on evidence: the control counts as verified, unless it is weakened
}

// Carried returns what [Assess] goes by, for each control that an assumption which holds carries.
func Carried(assumptions []Assumption, now time.Time) map[threat.ID]Carrying {
	out := map[threat.ID]Carrying{}
	for i := range assumptions {
		a := &assumptions[i]
		if !a.Holds(now) {
			continue
		}
		for _, id := range a.Carries {
			c := out[id]
			if !slices.Contains(c.By, a.ID) {
				c.By = threat.SortIDs(append(c.By, a.ID))
			}
			c.Verified = c.Verified || a.Kind == threat.NonApplicability
			out[id] = c
		}
	}
	return out
}
