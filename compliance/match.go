package compliance

import "github.com/redoubt-dev/redoubt/threat"

// Subject is a control as a matcher sees it.
type Subject struct {
	Control     threat.ID
	Description string
	Facets      []threat.Facet
}

// Match is a requirement that a control seems to serve.
type Match struct {
	Control     threat.ID
	Requirement string
	Confidence  int    // in thousandths
	Reason      string // what speaks for it, in one line
}
