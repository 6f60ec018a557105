package exchange

import (
	"bytes"
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// unmappedRule is the rule of findings about no control.
const unmappedRule = "unmapped"

// scores are what security-severity says of each severity: within the bands that readers of it use.
var scores = map[threat.Severity]string{
	threat.SeverityCritical: "9.5", threat.SeverityHigh: "8.0", threat.SeverityMedium: "5.5", threat.SeverityLow: "2.0", threat.SeverityInfo: "0.0",
}

// levels are the levels of the severities. Information is a note: readers pass over a level of none.
var levels = map[threat.Severity]string{
	threat.SeverityCritical: "error", threat.SeverityHigh: "error", threat.SeverityMedium: "warning", threat.SeverityLow: "note", threat.SeverityInfo: "note",
}

// FindingsSARIF writes the open and the dismissed findings of a model, and the assertions that fail, as a SARIF 2.1.0 log. A control is a
// rule, since it is what a finding says is missing; dismissed findings are suppressed. Each result carries its fingerprint, so that an
// import knows it again.
func FindingsSARIF(d *Document) ([]byte, error) {
	run := sarif.NewRunWithInformationURI("redoubt", informationURI)
	run.WithProperties(sarif.NewPropertyBag().Add("model", d.Model.ID).Add("version", d.Model.Version).Add("title", d.Model.Title))
	about := map[threat.ID]*DocumentControl{}
	for i := range d.Controls {
		about[d.Controls[i].ID] = &d.Controls[i]
	}
	gravest := map[string]threat.Severity{}
	for i := range d.Findings {
		f := &d.Findings[i]
		if f.Status == threat.FixVerified {
			continue // it is gone
		}
		addFinding(run, d.Model.ID, f, about)
		rule := ruleOf(f)
		if known, ok := gravest[rule]; !ok || slices.Index(threat.Severities(), f.Severity) < slices.Index(threat.Severities(), known) {
			gravest[rule] = f.Severity
		}
	}
	for i := range d.Assertions {
		if a := &d.Assertions[i]; a.DeletedAt == nil {
			addFailure(run, a)
		}
	}
	for id, severity := range gravest { // a reader takes the severity of results from their rule
		run.AddRule(id).WithProperties(sarif.NewPropertyBag().Add("security-severity", scores[severity]).WithTags([]string{"security"}))
	}
	report := sarif.NewReport()
	report.AddRun(run)
	var b bytes.Buffer
	if err := report.PrettyWrite(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func ruleOf(f *DocumentFinding) string { return cmp.Or(string(f.Control), unmappedRule) }

func addFinding(run *sarif.Run, model string, f *DocumentFinding, about map[threat.ID]*DocumentControl) {
	rule := ruleOf(f)
	added := run.AddRule(rule)
	if c := about[f.Control]; c != nil {
		added.WithShortDescription(sarif.NewMultiformatMessageString().WithText(printable(c.Description)))
	} else {
		added.WithShortDescription(sarif.NewMultiformatMessageString().WithText("About no control yet."))
	}
	text := f.Title
	if f.Description != "" {
		text += "\n\n" + f.Description
	}
	if f.ExpectedEvidence != "" {
		text += "\n\nExpected: " + f.ExpectedEvidence
	}
	properties := sarif.NewPropertyBag().Add("finding", string(f.ID)).Add("security-severity", scores[f.Severity]).Add("severity", string(f.Severity)).
		Add("status", string(f.Status)).Add("source", string(f.Source))
	if f.MappedBy != "" {
		properties.Add("mapped_by", f.MappedBy)
	}
	if len(f.CheckedPatterns) > 0 {
		properties.Add("checked_patterns", f.CheckedPatterns)
	}
	own := model + "/" + string(f.ID)
	if f.Source == threat.FromSARIF {
		own = f.Fingerprint
	}
	r := run.CreateResultForRule(rule).WithLevel(levels[f.Severity]).WithKind("fail").WithMessage(sarif.NewTextMessage(printable(text))).WithProperties(properties)
	r.WithFingerprints(map[string]string{FindingFingerprint: own})
	r.WithPartialFingerprints(map[string]string{FindingFingerprint: evidence.Hash([]byte(own))[:40]})
	var elsewhere []string
	for _, place := range f.CheckedLocations {
		file, line, ok := placeOf(place)
		if !ok {
			elsewhere = append(elsewhere, place)
			continue
		}
		r.AddLocation(physical(file, line))
	}
	if elsewhere != nil {
		properties.Add("checked_locations", elsewhere)
	}
	switch {
	case f.Status == threat.Dismissed:
		r.AddSuppression(sarif.NewSuppression().WithKind("external").WithStatus("accepted").WithJustification(printable(f.Reason)))
	case f.Proposal != "":
		r.AddSuppression(sarif.NewSuppression().WithKind("external").WithStatus("underReview").WithJustification(printable(f.Proposal)))
	}
}

// addFailure adds an assertion whose newest result at a tier is a failure.
func addFailure(run *sarif.Run, a *DocumentAssertion) {
	held := a.Tier1
	if held == nil || held.Verdict != evidence.Fail {
		if held = a.Tier2; held == nil || held.Verdict != evidence.Fail {
			return
		}
	}
	added := run.AddRule(string(a.Type))
	if spec, err := evidence.Lookup(a.Type); err == nil {
		added.WithShortDescription(sarif.NewMultiformatMessageString().WithText("Claimed: " + spec.About))
	}
	c := Check{ID: string(a.ID), Type: a.Type, Subject: cmp.Or(a.Control, a.Assumption), File: a.Params.String("file")}
	line := 0
	if held.File != "" {
		c.File, line = held.File, held.Line
	}
	r := run.CreateResultForRule(string(a.Type)).WithLevel("error").WithKind("fail").
		WithMessage(sarif.NewTextMessage(printable(c.Title() + ": " + held.Reason))).
		WithPartialFingerprints(map[string]string{AssertionFingerprint: assertionFingerprint(c)})
	if c.File != "" {
		r.AddLocation(physical(c.File, line))
	}
}

func physical(file string, line int) *sarif.Location {
	place := sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation((&url.URL{Path: file}).EscapedPath()))
	if line > 0 {
		place.WithRegion(sarif.NewSimpleRegion(line, line))
	}
	return sarif.NewLocationWithPhysicalLocation(place)
}

var linedForm = regexp.MustCompile(`^(.+):([1-9][0-9]{0,8})(?::[0-9]{1,9})?$`)

// placeOf reads a checked location as a file, perhaps with a line. What is in words is none.
func placeOf(s string) (file string, line int, ok bool) {
	if m := linedForm.FindStringSubmatch(s); m != nil {
		s = m[1]
		line, _ = strconv.Atoi(m[2])
	}
	if s == "" || strings.HasPrefix(s, "/") || strings.Contains(s, ":") || strings.ContainsAny(s, "*?<>|\"\n") || slices.Contains(strings.Split(s, "/"), "..") ||
		line == 0 && (strings.Contains(s, " ") || !strings.ContainsAny(s, "./")) {
		return "", 0, false
	}
	return s, line, true
}
