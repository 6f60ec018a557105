package evidence

import "time"

// Trust is what a workspace asks of the runs behind results (specification §7.7). The zero value trusts every run.
type Trust struct {
	// Attested says that only results of runs with a proof count.
	Attested bool
	// Compromised names the signers whose key may have been in other hands, and since when: their results from then on do not count.
	Compromised map[string]time.Time
}

// Trusts reports whether a result counts. One that was carried over rests on two runs, and both must be trusted.
func (t Trust) Trusts(h *Held) bool {
	if h == nil {
		return true
	}
	if t.Attested && !h.Attested {
		return false
	}
	return t.trusts(h.Signer, h.At) && t.trusts(h.Origin, h.OriginAt)
}

func (t Trust) trusts(signer string, at time.Time) bool {
	since, known := t.Compromised[signer]
	return signer == "" || !known || at.Before(since)
}
