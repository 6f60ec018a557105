package testreport

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// JUnit reads JUnit XML: any nesting of testsuites and testsuite, names in attributes, and the outcome of a testcase from its
// child elements. Entities beyond those of XML itself are refused, so nothing is expanded or fetched. A case in a dialect that
// tells its outcome by an attribute (status, result) counts as passed only by a word that says so.
func JUnit(r io.Reader) (*Report, error) {
	d := xml.NewDecoder(r)
	d.Strict = true
	d.CharsetReader = func(charset string, input io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		case "utf-8", "utf8", "us-ascii", "ascii":
			return input, nil
		}
		return nil, fmt.Errorf("the report is in %s: unsupported, write it in UTF-8", charset)
	}
	report := &Report{}
	var suites []suite
	var current *Case
	depth, inside, closed := 0, 0, false
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the report is not well-formed: %w", err)
		}
		switch e := token.(type) {
		case xml.Directive:
			if strings.Contains(strings.ToUpper(string(e)), "ENTITY") {
				return nil, errors.New("the report declares entities: unsupported")
			}
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return nil, fmt.Errorf("the report nests deeper than %d elements", maxDepth)
			}
			name := e.Name.Local
			switch {
			case closed:
				return nil, errors.New("the report holds more than one document")
			case depth == 1 && name != "testsuites" && name != "testsuite":
				return nil, fmt.Errorf("<%s> is no JUnit report; a report begins with <testsuites> or <testsuite>, or is the output of go test -json", name)
			case current != nil:
				if inside++; inside == 1 {
					current.Outcome = worse(current.Outcome, childOutcome(name))
				}
			case name == "testsuites" || name == "testsuite":
				suites = append(suites, suite{attr(e, "name"), attr(e, "file", "filepath")})
			case name == "testcase":
				current = &Case{Name: attr(e, "name"), Class: attr(e, "classname", "class"), File: attr(e, "file", "filepath"), Outcome: attrOutcome(e)}
				for _, s := range suites {
					if s.name != "" {
						current.Suites = append(current.Suites, s.name)
					}
					if s.file != "" && attr(e, "file", "filepath") == "" {
						current.File = s.file
					}
				}
				inside = 0
				if current.Name == "" {
					return nil, errors.New("the report holds a testcase without a name")
				}
			}
		case xml.EndElement:
			depth--
			closed = depth == 0
			switch {
			case current != nil && inside > 0:
				inside--
			case current != nil:
				if err := report.add(*current); err != nil {
					return nil, err
				}
				current = nil
			case len(suites) > 0 && (e.Name.Local == "testsuite" || e.Name.Local == "testsuites"):
				suites = suites[:len(suites)-1]
			}
		}
	}
	if !closed {
		return nil, errors.New("the report is cut off")
	}
	return report, nil
}

type suite struct{ name, file string }

func attr(e xml.StartElement, names ...string) string {
	for _, name := range names {
		for _, a := range e.Attr {
			if a.Name.Local == name {
				return strings.TrimSpace(a.Value)
			}
		}
	}
	return ""
}

// childOutcome is what an element within a testcase says of it. Reruns count as failures: the case failed at least once.
func childOutcome(name string) Outcome {
	switch name {
	case "failure", "error", "rerunFailure", "rerunError", "flakyFailure", "flakyError":
		return Failed
	case "skipped", "ignored", "disabled":
		return Skipped
	}
	return Passed
}

// attrOutcome is what the attributes of a testcase say of it.
func attrOutcome(e xml.StartElement) Outcome {
	outcome := Passed
	for _, name := range []string{"status", "result", "executed", "disabled"} {
		value := strings.ToLower(attr(e, name))
		switch {
		case value == "":
		case name == "executed" && (value == "no" || value == "false") || name == "disabled" && value != "no" && value != "false" && value != "0":
			outcome = worse(outcome, Skipped)
		case name == "executed" || name == "disabled":
		default:
			outcome = worse(outcome, word(value))
		}
	}
	return outcome
}

// word is the outcome that a status names. One that is not known is a failure.
func word(s string) Outcome {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "pass", "passed", "ok", "success", "successful", "run", "completed", "complete", "executed":
		return Passed
	case "skip", "skipped", "notrun", "not_run", "notexecuted", "suppressed", "disabled", "ignored", "ignore", "pending", "todo", "inconclusive", "filtered":
		return Skipped
	}
	return Failed
}

func worse(a, b Outcome) Outcome {
	switch {
	case a == Failed || b == Failed:
		return Failed
	case a == Skipped || b == Skipped:
		return Skipped
	}
	return Passed
}
