package exchange

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// The parts of a log that are read, by their names there (SARIF 2.1.0). What is not named here is passed over.

type rawSARIFResult struct {
	index          int
	own            string         // the identity that Redoubt wrote itself
	whole, partial rawFingerprint // the one chosen of each kind

	RuleID       string                `json:"ruleId"`
	RuleIndex    *int                  `json:"ruleIndex"`
	Rule         rawSARIFRef           `json:"rule"`
	Taxa         few[rawSARIFRef]      `json:"taxa"`
	Kind         string                `json:"kind"`
	Level        string                `json:"level"`
	Message      rawSARIFMessage       `json:"message"`
	Locations    few[rawSARIFPlace]    `json:"locations"`
	Partial      fewNamed[string]      `json:"partialFingerprints"`
	Whole        fewNamed[string]      `json:"fingerprints"`
	Suppressions few[rawSARIFSuppress] `json:"suppressions"`
	Baseline     string                `json:"baselineState"`
	Properties   rawSARIFProperties    `json:"properties"`
}

// rawFingerprint is a fingerprint by its name; empty for none.
type rawFingerprint struct{ name, value string }

// rawSARIFRef names a rule or a taxon.
type rawSARIFRef struct {
	ID        string `json:"id"`
	Index     *int   `json:"index"`
	Component struct {
		Name  string `json:"name"`
		Index *int   `json:"index"`
		GUID  string `json:"guid"`
	} `json:"toolComponent"`
}

// rawSARIFMessage is a text or the name of one, with its arguments joined by a NUL so that the struct compares.
type rawSARIFMessage struct {
	Text, Markdown, ID, Arguments string
}

func (m *rawSARIFMessage) UnmarshalJSON(raw []byte) error {
	var in struct {
		Text      string      `json:"text"`
		Markdown  string      `json:"markdown"`
		ID        string      `json:"id"`
		Arguments few[string] `json:"arguments"`
	}
	err := json.Unmarshal(raw, &in)
	for i := range in.Arguments {
		in.Arguments[i] = clipBytes(in.Arguments[i], threat.MaxText)
	}
	*m = rawSARIFMessage{clipBytes(in.Text, maxSARIFText), clipBytes(in.Markdown, maxSARIFText), clipBytes(in.ID, threat.MaxName), strings.Join(in.Arguments, "\x00")}
	return err
}

type rawSARIFSuppress struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	State         string `json:"state"` // its name in the drafts of 2.1.0, and in the specification's own example
	Justification string `json:"justification"`
}

type rawSARIFPlace struct {
	Physical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   struct {
			Line    int          `json:"startLine"`
			Snippet rawSARIFText `json:"snippet"`
		} `json:"region"`
		Context struct {
			Snippet rawSARIFText `json:"snippet"`
		} `json:"contextRegion"`
	} `json:"physicalLocation"`
	Logical few[struct {
		Name string `json:"name"`
		Full string `json:"fullyQualifiedName"`
	}] `json:"logicalLocations"`
}

// sarifArtifact says where a file is.
type sarifArtifact struct {
	URI   string `json:"uri"`
	Base  string `json:"uriBaseId"`
	Index *int   `json:"index"`
}

func (a *sarifArtifact) clip() {
	a.URI, a.Base = clipBytes(a.URI, 4*evidence.MaxPath), clipBytes(a.Base, threat.MaxName)
}

type rawSARIFText struct {
	Text string `json:"text"`
}

// sarifComponent is a tool, an extension of it, or a taxonomy.
type sarifComponent struct {
	Name, GUID string
	Messages   fewNamed[rawSARIFText]
	Rules      []rawSARIFRule
	Taxa       []rawSARIFRule
	byID       map[string]int
}

// isCWE reports whether ids of this component are numbers of the Common Weakness Enumeration.
func isCWE(name string) bool { return strings.HasPrefix(strings.ToUpper(name), "CWE") }

type rawSARIFRule struct {
	ID       string                 `json:"id"`
	GUID     string                 `json:"guid"`
	Name     string                 `json:"name"`
	Short    rawSARIFText           `json:"shortDescription"`
	Full     rawSARIFText           `json:"fullDescription"`
	Help     sarifCWEs              `json:"help"`
	HelpURI  string                 `json:"helpUri"`
	Messages fewNamed[rawSARIFText] `json:"messageStrings"`
	Defaults struct {
		Level string `json:"level"`
	} `json:"defaultConfiguration"`
	Properties    rawSARIFProperties `json:"properties"`
	Relationships few[struct {
		Target rawSARIFRef `json:"target"`
	}] `json:"relationships"`
}

func (r *rawSARIFRule) compact() {
	for _, t := range []*string{&r.Short.Text, &r.Full.Text} {
		*t = sarifText(*t, threat.MaxText)
	}
	r.ID, r.Name, r.HelpURI = sarifLine(r.ID, threat.MaxName), sarifLine(r.Name, threat.MaxName), sarifLine(r.HelpURI, threat.MaxName*3)
	for k, m := range r.Messages {
		r.Messages[k] = rawSARIFText{clipBytes(m.Text, maxSARIFText)}
	}
}

// maxSARIFText bounds a message while it is read, in bytes.
const maxSARIFText = 4 * threat.MaxDescription

// compact lets go of what a result carries beyond its bounds.
func (raw *rawSARIFResult) compact() {
	for i := range raw.Locations {
		p := &raw.Locations[i]
		p.Physical.Artifact.clip()
		for _, t := range []*string{&p.Physical.Region.Snippet.Text, &p.Physical.Context.Snippet.Text} {
			if *t != "" && i == 0 {
				*t = evidence.Hash([]byte(strings.Join(strings.Fields(*t), ""))) // code is not kept: it may hold the secret that was found
			} else {
				*t = ""
			}
		}
		p.Logical = slices.Clip(p.Logical[:min(len(p.Logical), 1)])
		for k := range p.Logical {
			p.Logical[k].Name, p.Logical[k].Full = clipBytes(p.Logical[k].Name, evidence.MaxPath), clipBytes(p.Logical[k].Full, evidence.MaxPath)
		}
	}
	for i := range raw.Suppressions {
		s := &raw.Suppressions[i]
		s.Kind, s.Status, s.State, s.Justification = clipBytes(s.Kind, 40), clipBytes(s.Status, 40), clipBytes(s.State, 40), sarifText(s.Justification, threat.MaxText)
	}
	raw.own = clipBytes(raw.Whole[FindingFingerprint], 2*threat.MaxName)
	raw.whole, raw.partial = bestFingerprint(raw.Whole, nil), bestFingerprint(raw.Partial, partialFirst)
	raw.Whole, raw.Partial, raw.Properties.Tags = nil, nil, nil
	raw.RuleID, raw.Rule.ID = clipBytes(raw.RuleID, maxSARIFText), clipBytes(raw.Rule.ID, maxSARIFText)
}

// rawSARIFProperties is what tools put into a property bag and we read: never unfit, whatever is in it.
type rawSARIFProperties struct {
	Score    *float64 // security-severity, 0 to 10
	Severity threat.Severity
	Tags     []string
	CWEs     sarifCWEs
}

func (p *rawSARIFProperties) UnmarshalJSON(raw []byte) error {
	*p = rawSARIFProperties{}
	var bag struct {
		Score    any         `json:"security-severity"`
		Severity any         `json:"severity"`
		Issue    any         `json:"issue_severity"`
		Security any         `json:"security_severity"`
		Tags     few[string] `json:"tags"`
		CWE      sarifCWEs   `json:"cwe"`
		CWEs     sarifCWEs   `json:"cwes"`
		ID       sarifCWEs   `json:"cwe_id"`
		IDs      sarifCWEs   `json:"cwe_ids"`
		Dashed   sarifCWEs   `json:"cwe-id"`
	}
	_ = json.Unmarshal(raw, &bag) // a field of another type is as if it were not there
	score := math.NaN()
	switch v := bag.Score.(type) {
	case float64:
		score = v
	case string:
		if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
			score = f
		}
	}
	if score >= 0 && score <= 10 {
		p.Score = &score
	}
	for _, v := range []any{bag.Severity, bag.Security, bag.Issue} {
		if word, ok := v.(string); ok && p.Severity == "" {
			p.Severity = severityWords[strings.ToLower(strings.TrimSpace(word))]
		}
	}
	for _, t := range bag.Tags {
		p.CWEs = append(p.CWEs, findCWEs(t)...)
		p.Tags = append(p.Tags, sarifLine(t, threat.MaxName))
	}
	p.CWEs = slices.Concat(p.CWEs, bag.CWE, bag.CWEs, bag.ID, bag.IDs, bag.Dashed)
	return nil
}

// severityWords are the words that tools use, in lower case.
var severityWords = map[string]threat.Severity{
	"critical": threat.SeverityCritical, "blocker": threat.SeverityCritical,
	"high": threat.SeverityHigh, "severe": threat.SeverityHigh, "major": threat.SeverityHigh, "important": threat.SeverityHigh, "error": threat.SeverityHigh,
	"medium": threat.SeverityMedium, "moderate": threat.SeverityMedium, "warning": threat.SeverityMedium,
	"low": threat.SeverityLow, "minor": threat.SeverityLow, "note": threat.SeverityLow,
	"info": threat.SeverityInfo, "informational": threat.SeverityInfo, "none": threat.SeverityInfo, "negligible": threat.SeverityInfo,
}

// sarifCWEs are the numbers of weaknesses that a value names, whatever its form: 79, "CWE-79: …", ["CWE-79"], {"text": "… CWE-79 …"}.
type sarifCWEs []int

func (c *sarifCWEs) UnmarshalJSON(raw []byte) error {
	*c = nil
	if n, err := strconv.Atoi(strings.Trim(string(raw), `" `)); err == nil && n > 0 && n < 10_000 {
		*c = []int{n}
		return nil
	}
	*c = findCWEs(string(raw))
	return nil
}

var cweForm = regexp.MustCompile(`(?i)\bcwe[-_ :/]?0{0,4}([1-9][0-9]{0,3})\b`)

// maxCWEs bounds what one result names.
const maxCWEs = 20

// findCWEs returns the weaknesses that a text names as "CWE-79", "external/cwe/cwe-079" or the like.
func findCWEs(text string) []int {
	var out []int
	for _, m := range cweForm.FindAllStringSubmatch(text, maxCWEs) {
		if n, err := strconv.Atoi(m[1]); err == nil && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// clipBytes cuts a text at a character's end, and lets go of the rest.
func clipBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.Clone(strings.ToValidUTF8(s[:most], ""))
}

// sarifLine cleans and clips a line of a file.
func sarifLine(s string, most int) string {
	s, err := threat.Line(strings.ToValidUTF8(clipBytes(s, 8*most), ""), 8*most)
	if err != nil {
		return ""
	}
	return threat.Clip(s, most)
}

// sarifText cleans and clips a text of a file.
func sarifText(s string, most int) string {
	s, err := threat.Text(strings.ToValidUTF8(clipBytes(s, 8*most), ""), 8*most)
	if err != nil {
		return ""
	}
	return threat.Clip(s, most)
}
