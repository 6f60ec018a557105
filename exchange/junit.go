package exchange

import (
	"encoding/xml"
	"strings"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitMessage `xml:"failure,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes checks as a JUnit XML report, one test case a check.
func JUnit(suite string, checks []Check) ([]byte, error) {
	s := junitSuite{Name: suite, Tests: len(checks)}
	for _, c := range checks {
		k := junitCase{Name: c.ID + " " + string(c.Type), Class: "redoubt." + string(c.Subject), File: c.File, Line: c.Line}
		k.Class = strings.TrimSuffix(k.Class, ".")
		if c.Failed {
			s.Failures++
			k.Failure = &junitMessage{Message: printable(c.Reason), Text: printable(c.Reason)}
		}
		s.Cases = append(s.Cases, k)
	}
	raw, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(raw, '\n')...), nil
}

// printable removes what XML cannot hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0xFFFE && r != 0xFFFF {
			return r
		}
		return -1
	}, s)
}
