package exchange

import (
	"bytes"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/redoubt-dev/redoubt/evidence"
)

// informationURI is where a reader of a report learns what made it.
const informationURI = "https://github.com/redoubt-dev/redoubt"

// FailuresSARIF writes failed checks as a SARIF 2.1.0 log: a rule for each assertion type, a result for each failure. A result's
// fingerprint is the assertion, so that moved lines are the same result.
func FailuresSARIF(version string, checks []Check) ([]byte, error) {
	report := sarif.NewReport()
	run := sarif.NewRunWithInformationURI("redoubt", informationURI)
	run.Tool.Driver.WithVersion(version)
	for _, spec := range evidence.Specs() {
		run.AddRule(string(spec.Type)).
			WithShortDescription(sarif.NewMultiformatMessageString().WithText("Claimed: " + spec.About))
	}
	for _, c := range checks {
		if !c.Failed {
			continue
		}
		r := run.CreateResultForRule(string(c.Type)).WithLevel("error").
			WithMessage(sarif.NewTextMessage(c.Title() + ": " + printable(c.Reason))).
			WithPartialFingerprints(map[string]string{AssertionFingerprint: assertionFingerprint(c)})
		if c.File != "" {
			place := sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation(c.File))
			if c.Line > 0 {
				place.WithRegion(sarif.NewSimpleRegion(c.Line, c.Line))
			}
			r.AddLocation(sarif.NewLocationWithPhysicalLocation(place))
		}
	}
	report.AddRun(run)
	var b bytes.Buffer
	if err := report.PrettyWrite(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// assertionFingerprint names a failed assertion, wherever in its file it fails.
func assertionFingerprint(c Check) string {
	return evidence.Hash([]byte(c.ID + "\x00" + string(c.Type) + "\x00" + c.File))
}
