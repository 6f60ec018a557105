package exchange

import (
	"fmt"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Check is what a verifier found for one assertion, for the formats that other tools read.
type Check struct {
	ID      string // "E3", or whatever the caller named it
	Type    evidence.Type
	Subject threat.ID // the control or assumption; may be empty
	Failed  bool
	Skipped string // why Tier 2 was not judged; "" when it was, or when the check failed
	Reason  string // of a failure
	File    string
	Line    int
}

// Title says the check in a line.
func (c Check) Title() string {
	t := c.ID + " " + string(c.Type)
	if c.Subject != "" {
		t += " for " + string(c.Subject)
	}
	return t
}

// workflowData escapes the message of a GitHub workflow command, and property also the marks that end a property.
// Source: GitHub's @actions/core, command.ts.
var (
	workflowData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	workflowProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// GitHubAnnotations writes failures as GitHub workflow commands, which the pull request shows at their lines.
func GitHubAnnotations(checks []Check) string {
	var b strings.Builder
	for _, c := range checks {
		if !c.Failed {
			continue
		}
		b.WriteString("::error ")
		if c.File != "" {
			fmt.Fprintf(&b, "file=%s,line=%d,", workflowProperty.Replace(c.File), max(c.Line, 1))
		}
		fmt.Fprintf(&b, "title=%s::%s\n", workflowProperty.Replace("Redoubt: "+c.Title()), workflowData.Replace(c.Reason))
	}
	return b.String()
}
