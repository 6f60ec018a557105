package testreport

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
)

// Jest reads the JSON of jest --json and vitest --reporter=json.
func Jest(raw []byte) (*Report, error) {
	var in struct {
		TestResults []struct {
			Name             string
			Status           string
			AssertionResults []struct {
				AncestorTitles []string
				Title          string
				Status         string
			}
		}
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("the report of jest or vitest is not well-formed: %w", err)
	}
	report := &Report{}
	for _, file := range in.TestResults {
		for _, a := range file.AssertionResults {
			c := Case{Name: a.Title, File: file.Name, Suites: a.AncestorTitles, Outcome: word(a.Status)}
			if err := report.add(c); err != nil {
				return nil, err
			}
		}
	}
	return report, report.check()
}

// RSpec reads the JSON of rspec --format json.
func RSpec(raw []byte) (*Report, error) {
	var in struct {
		Examples []struct {
			Description     string `json:"description"`
			FullDescription string `json:"full_description"`
			Status          string `json:"status"`
			FilePath        string `json:"file_path"`
		} `json:"examples"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("the report of rspec is not well-formed: %w", err)
	}
	report := &Report{}
	for _, e := range in.Examples {
		c := Case{Name: e.Description, File: strings.TrimPrefix(e.FilePath, "./"), Outcome: word(e.Status)}
		if group, ok := strings.CutSuffix(e.FullDescription, " "+e.Description); ok {
			c.Class = group
		}
		if err := report.add(c); err != nil {
			return nil, err
		}
	}
	return report, report.check()
}

// TRX reads the results file of dotnet test --logger trx.
func TRX(raw []byte) (*Report, error) {
	var in struct {
		XMLName xml.Name `xml:"TestRun"`
		Results []struct {
			Name    string `xml:"testName,attr"`
			Outcome string `xml:"outcome,attr"`
		} `xml:"Results>UnitTestResult"`
	}
	if err := xml.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("the report of dotnet test is not well-formed: %w", err)
	}
	report := &Report{}
	for _, r := range in.Results {
		c := Case{Name: r.Name, Outcome: word(r.Outcome)}
		base := unparametrised(r.Name)
		if i := strings.LastIndexByte(base, '.'); i > 0 {
			c.Class, c.Name = r.Name[:i], r.Name[i+1:]
		}
		if err := report.add(c); err != nil {
			return nil, err
		}
	}
	return report, report.check()
}

var cargoLine = regexp.MustCompile(`^test (\S.*?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)(?:,.*)?$`)

// Cargo reads what cargo test prints: "test auth::tests::refuses ... ok". A test whose line does not end that way is not there.
func Cargo(raw []byte) (*Report, error) {
	report := &Report{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		m := cargoLine.FindStringSubmatch(strings.TrimRight(lines.Text(), "\r "))
		if m == nil {
			continue
		}
		c := Case{Name: m[1], Outcome: word(m[2])}
		if i := strings.LastIndex(c.Name, "::"); i > 0 {
			c.Class, c.Name = c.Name[:i], c.Name[i+2:]
		}
		if err := report.add(c); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return report, report.check()
}

// unittestLine is "test_a (pkg.test_x.LoginTest.test_a) ... ok", in older versions without the method in the brackets.
var unittestLine = regexp.MustCompile(`^(\w+) \(([\w.]+)\) \.\.\. (.*)$`)

// Unittest reads what python -m unittest -v prints on its standard error. Only a line that ends in "ok" alone has passed.
func Unittest(raw []byte) (*Report, error) {
	report := &Report{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		m := unittestLine.FindStringSubmatch(strings.TrimRight(lines.Text(), "\r "))
		if m == nil {
			continue
		}
		c := Case{Name: m[1], Class: strings.TrimSuffix(m[2], "."+m[1]), Outcome: Failed}
		switch first, _, _ := strings.Cut(m[3], " "); {
		case m[3] == "ok":
			c.Outcome = Passed
		case first == "skipped" || m[3] == "expected failure":
			c.Outcome = Skipped
		}
		if err := report.add(c); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return report, report.check()
}
