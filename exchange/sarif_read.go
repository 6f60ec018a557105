package exchange

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// SARIFLog is what findings need of a SARIF 2.1.0 log. Every result of the file is in Results or in Skipped.
type SARIFLog struct {
	Runs    int
	Results []SARIFResult
	Skipped []SARIFSkip
}

// SARIFSkip is a result that is no finding, or a part of the file that is not read.
type SARIFSkip struct {
	Run    int    `json:"run" jsonschema:"place of the run in the file, from 0; -1 outside of runs"`
	Index  int    `json:"index" jsonschema:"place of the result in its run, from 0; -1 for what is no result"`
	Rule   string `json:"rule,omitempty"`
	Reason string `json:"reason"`
	Lost   bool   `json:"lost,omitempty" jsonschema:"it may be a finding and could not be read"`
}

// SARIFResult is one result, its texts cleaned and clipped.
type SARIFResult struct {
	Run, Index   int
	Tool         string
	Rule         SARIFRule
	Message      string // plain text, arguments filled in
	CWEs         []int  // of the result and its rule
	Severity     threat.Severity
	Locations    []string // "src/a.go:12", relative to the root of the sources where the file says enough
	Identity     string   // the same for the same problem in a later file; differs within a file
	Suppressions []SARIFSuppression
	Own          bool // a finding that Redoubt exported, of this model or another: title, blank line, description
}

// SARIFRule is the rule behind a result.
type SARIFRule struct {
	ID, Name, Text, HelpURI string
	Tags                    []string
}

// SARIFSuppression says that the result is to be passed over.
type SARIFSuppression struct{ Kind, Status, Justification string }

// Suppressed returns the first suppression when every one of the result holds; one without a status does (SARIF §3.27.23, §3.35).
func (r *SARIFResult) Suppressed() (SARIFSuppression, bool) {
	for _, s := range r.Suppressions {
		if s.Status != "" && s.Status != "accepted" {
			return SARIFSuppression{}, false
		}
	}
	if len(r.Suppressions) == 0 {
		return SARIFSuppression{}, false
	}
	return r.Suppressions[0], true
}

// ReadSARIF reads a SARIF 2.1.0 log, plain or gzip, in UTF-8 or in UTF-16 with a byte order mark. It holds one result at a time and what it
// keeps of each, never the file. model is the id of the model that is read for: results that it exported itself are known again. Errors:
// [threat.Invalid] for what is no such log or goes past a bound; an error of r as it is.
func ReadSARIF(r io.Reader, model string) (*SARIFLog, error) {
	s, err := newJSONStream(r)
	if err != nil {
		return nil, err
	}
	read := &sarifReader{jsonStream: s, log: &SARIFLog{}, model: model, seen: map[string]int{}}
	var version string
	runs := false // the log has a list of them
	isObject, err := s.object(func(key string) error {
		switch key {
		case "version":
			unfit, err := s.value(&version)
			if err == nil && (unfit != nil || version != "" && version != "2.1.0" && !strings.HasPrefix(version, "2.1.0-")) {
				err = wrongSARIF("it is SARIF %q", threat.Clip(version, 20))
			}
			return err
		case "runs":
			is, err := s.array(func(i int) error {
				if i >= maxSARIFRuns {
					return wrongSARIF("it has more than %d runs", maxSARIFRuns)
				}
				return read.run()
			})
			runs = runs || is
			return err
		case "inlineExternalProperties":
			return read.inline()
		}
		return s.skip()
	})
	if err == nil && (!isObject || version == "") {
		err = wrongSARIF("it is no SARIF log: an object with version 2.1.0 is needed")
	}
	if err == nil {
		err = s.end()
	}
	if err == nil && !runs {
		err = wrongSARIF("it has no list of runs") // read as no results, a broken report would look like a clean one
	}
	if err != nil {
		return nil, err
	}
	return read.log, nil
}

func wrongSARIF(format string, args ...any) error {
	return threat.Errorf(threat.Invalid, format, args...).In("sarif").Hinted("send a SARIF 2.1.0 log, as the scanner wrote it")
}

// sarifReader is a log on its way in.
type sarifReader struct {
	*jsonStream
	log   *SARIFLog
	model string
	seen  map[string]int // how often an identity was met
}

// sarifRun is a run until its end: results may stand before the rules that they name.
type sarifRun struct {
	n          int
	tool       sarifComponent
	extensions []sarifComponent
	taxonomies []sarifComponent
	rules      int
	bases      fewNamed[sarifArtifact]
	files      []sarifArtifact
	results    []rawSARIFResult
}

func (r *sarifReader) run() error {
	run := &sarifRun{n: r.log.Runs}
	r.log.Runs++
	isObject, err := r.object(func(key string) error {
		switch key {
		case "tool":
			return r.toolOf(run)
		case "taxonomies":
			return r.components(run, &run.taxonomies)
		case "originalUriBaseIds":
			_, err := r.value(&run.bases)
			return err
		case "artifacts":
			_, err := r.array(func(i int) error {
				if i >= maxSARIFFiles {
					return r.skip()
				}
				var a struct {
					Location sarifArtifact `json:"location"`
				}
				_, err := r.value(&a)
				a.Location.clip()
				run.files = append(run.files, a.Location)
				return err
			})
			return err
		case "results":
			c, err := r.next()
			if err != nil {
				return err
			}
			is, err := r.array(func(i int) error { return r.result(run, i) })
			if err == nil && !is && c != 'n' { // null says that there are none to report
				r.log.Skipped = append(r.log.Skipped, SARIFSkip{Run: run.n, Index: -1, Reason: "the results are no list", Lost: true})
			}
			return err
		case "externalPropertyFileReferences":
			return r.external(run)
		}
		return r.skip()
	})
	if err != nil {
		return err
	}
	if !isObject {
		r.log.Skipped = append(r.log.Skipped, SARIFSkip{Run: run.n, Index: -1, Reason: "the run is no object", Lost: true})
	}
	for i := range run.results {
		r.resolve(run, &run.results[i])
	}
	return nil
}

// external lists what lies in other files, which are not here.
func (r *sarifReader) external(run *sarifRun) error {
	var refs struct {
		Results few[json.RawMessage] `json:"results"`
	}
	if _, err := r.value(&refs); err != nil {
		return err
	}
	for range refs.Results {
		r.log.Skipped = append(r.log.Skipped, SARIFSkip{Run: run.n, Index: -1, Reason: "results in another file (externalPropertyFileReferences): import that run in one file", Lost: true})
	}
	return nil
}

// inline lists results that stand outside of runs.
func (r *sarifReader) inline() error {
	_, err := r.array(func(int) error {
		_, err := r.object(func(key string) error {
			if key != "results" {
				return r.skip()
			}
			_, err := r.array(func(i int) error {
				if err := r.count(); err != nil {
					return err
				}
				r.log.Skipped = append(r.log.Skipped, SARIFSkip{Run: -1, Index: i, Reason: "it stands in inlineExternalProperties, which are not read", Lost: true})
				return r.skip()
			})
			return err
		})
		return err
	})
	return err
}

// count counts one more result of the file.
func (r *sarifReader) count() error {
	r.seen[""]++
	if r.seen[""] > MaxSARIFResults {
		return threat.Errorf(threat.Invalid, "the file has more than %d results", MaxSARIFResults).In("sarif").Hinted("split it by tool, folder or severity")
	}
	return nil
}

// result reads one result into the run, or lists why it is none.
func (r *sarifReader) result(run *sarifRun, i int) error {
	if err := r.count(); err != nil {
		return err
	}
	raw := rawSARIFResult{index: i}
	unfit, err := r.value(&raw)
	if err != nil {
		return err
	}
	reason, lost := raw.skip(), false
	if unfit != nil {
		reason, lost = "it cannot be read: "+misfit(unfit), true
	}
	if reason != "" {
		r.log.Skipped = append(r.log.Skipped, SARIFSkip{Run: run.n, Index: i, Rule: sarifLine(raw.RuleID, threat.MaxName), Reason: reason, Lost: lost})
		return nil
	}
	raw.compact()
	run.results = append(run.results, raw)
	return nil
}

// misfit says in words of SARIF what is of another type than it must be.
func misfit(unfit error) string {
	var wrong *json.UnmarshalTypeError
	if !errors.As(unfit, &wrong) {
		return "it is no result"
	}
	what, _, _ := strings.Cut(wrong.Value, " ") // "number 7" → "number"
	if wrong.Field == "" {
		return "a " + what + " stands where an object is needed"
	}
	return sarifLine(wrong.Field, 80) + " is of the wrong type: " + what
}

// skip says why a result is no finding, or "".
func (raw *rawSARIFResult) skip() string {
	switch raw.Kind {
	case "", "fail":
	case "pass":
		return "kind pass: the rule holds there"
	case "notApplicable":
		return "kind notApplicable: the rule does not apply there"
	case "informational":
		return "kind informational: it reports no problem"
	case "open":
		return "kind open: the scanner could not tell"
	case "review":
		return "kind review: the scanner leaves it to a person"
	default:
		return "kind " + sarifLine(raw.Kind, 40) + ": not known"
	}
	if raw.Baseline == "absent" {
		return "baselineState absent: it is gone since the last scan"
	}
	if raw.Partial[AssertionFingerprint] != "" && raw.Whole[FindingFingerprint] == "" {
		return "a failed assertion of Redoubt: runs report those"
	}
	if raw.RuleID == "" && raw.Rule.ID == "" && raw.RuleIndex == nil && raw.Rule.Index == nil && raw.Message == (rawSARIFMessage{}) {
		return "it has neither a rule nor a message"
	}
	return ""
}

// toolOf reads the driver and the extensions of a run.
func (r *sarifReader) toolOf(run *sarifRun) error {
	_, err := r.object(func(key string) error {
		switch key {
		case "driver":
			c, err := r.component(run)
			run.tool = c
			return err
		case "extensions":
			return r.components(run, &run.extensions)
		}
		return r.skip()
	})
	return err
}

func (r *sarifReader) components(run *sarifRun, into *[]sarifComponent) error {
	_, err := r.array(func(i int) error {
		if i >= maxSARIFList {
			return r.skip()
		}
		c, err := r.component(run)
		*into = append(*into, c)
		return err
	})
	return err
}

func (r *sarifReader) component(run *sarifRun) (sarifComponent, error) {
	var c sarifComponent
	_, err := r.object(func(key string) (err error) {
		switch key {
		case "name":
			_, err = r.value(&c.Name)
			c.Name = sarifLine(c.Name, threat.MaxName)
		case "guid":
			_, err = r.value(&c.GUID)
		case "globalMessageStrings":
			_, err = r.value(&c.Messages)
		case "rules":
			err = r.rulesOf(run, &c.Rules)
		case "taxa":
			err = r.rulesOf(run, &c.Taxa)
		default:
			err = r.skip()
		}
		return err
	})
	c.byID = make(map[string]int, len(c.Rules))
	for i, rule := range c.Rules {
		if _, ok := c.byID[rule.ID]; !ok {
			c.byID[rule.ID] = i
		}
	}
	return c, err
}

func (r *sarifReader) rulesOf(run *sarifRun, into *[]rawSARIFRule) error {
	_, err := r.array(func(int) error {
		if run.rules++; run.rules > maxSARIFRules {
			return r.skip()
		}
		var rule rawSARIFRule
		_, err := r.value(&rule)
		rule.compact()
		*into = append(*into, rule)
		return err
	})
	return err
}
