package exchange_test

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/threat"
)

const nasty = `=HYPERLINK("x") </td><script>alert(1)</script> | @everyone [a](http://b) &amp; "q"`

// report is a report whose every text is as bad as can be.
func report(system bool) *exchange.Compliance {
	f := &compliance.Framework{
		ID: "f", Title: nasty, Version: nasty, Attribution: nasty,
		Levels:   []compliance.Level{{Number: 1, Name: nasty}},
		Chapters: []compliance.Chapter{{ID: "K", Name: nasty, Sections: []compliance.Section{{ID: "K.1", Name: nasty}}}},
		Requirements: []compliance.Requirement{
			{ID: "K.1.1", Level: 1, Chapter: "K", Section: "K.1", Summary: nasty},
			{ID: "K.1.2", Level: 1, Chapter: "K", Section: "K.1", Summary: "-1+1"},
			{ID: "K.1.3", Level: 1, Chapter: "K", Summary: "plain"},
		},
	}
	members := []compliance.Member{{
		Model: "m1", Title: nasty, Controls: map[threat.ID]compliance.Standing{"C1": compliance.Verified, "C2": compliance.NotImplemented},
		Mappings:   []compliance.Mapping{{Control: "C1", Requirement: "K.1.1", Reason: nasty}, {Control: "C2", Requirement: "K.1.1"}},
		Exclusions: []compliance.Exclusion{{Requirement: "K.1.2", Reason: nasty}},
	}}
	if system {
		members = append(members, compliance.Member{Model: "m2", Title: "Other"})
	}
	r := compliance.Assess(f, members)
	return &exchange.Compliance{
		Subject: nasty, System: system, Version: 3, AsOf: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Level: 1, Report: r, Rows: r.Filter(compliance.Filter{}), Members: members,
	}
}

// No cell of the CSV begins a formula, and each reads back as it was.
func TestComplianceCSV(t *testing.T) {
	for _, system := range []bool{false, true} {
		raw, err := exchange.ComplianceCSV(report(system))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
		if err != nil || len(rows) != 4 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					t.Errorf("the cell %q begins a formula", cell)
				}
			}
		}
		if rows[1][8] != "'"+nasty || rows[2][8] != "'-1+1" || rows[3][8] != "plain" || rows[1][4] != "partial" {
			t.Errorf("%q", rows)
		}
		controls, unmapped := "C1 verified; C2 not_implemented", ""
		if system {
			controls, unmapped = "'"+nasty+": C1 verified; "+nasty+": C2 not_implemented", "Other"
		}
		if rows[1][5] != controls || rows[1][7] != unmapped {
			t.Errorf("%q, want %q and %q", rows[1], controls, unmapped)
		}
	}
}

// The page has the elements that its template has and no others, whatever the texts say; and it loads nothing.
func TestComplianceHTML(t *testing.T) {
	for _, system := range []bool{false, true} {
		raw, err := exchange.ComplianceHTML(report(system))
		if err != nil {
			t.Fatal(err)
		}
		page := string(raw)
		for _, bad := range []string{"<script", "http://", "https://", "src=", "@import", "url("} {
			if bad != "http://" && strings.Contains(page, bad) || bad == "http://" && strings.Contains(strings.ReplaceAll(page, "[a](http://b)", ""), bad) {
				t.Errorf("the page holds %s", bad)
			}
		}
		allowed := []string{"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "strong", "small", "table", "thead", "tbody", "tr", "th", "td"}
		d := xml.NewDecoder(strings.NewReader(strings.Replace(page, "<!DOCTYPE html>", "", 1)))
		d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
		cells, texts := 0, ""
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				if !slices.Contains(allowed, e.Name.Local) {
					t.Errorf("the page has an element %s", e.Name.Local)
				}
				if e.Name.Local == "td" {
					cells++
				}
			case xml.CharData:
				texts += string(e)
			}
		}
		if want := 3*5 + 2*7; cells != want {
			t.Errorf("%d cells, want %d", cells, want)
		}
		if n := strings.Count(texts, nasty); n < 8 {
			t.Errorf("the text stands %d times on the page", n)
		}
	}
}

func TestComplianceMarkdown(t *testing.T) {
	text := exchange.ComplianceMarkdown(report(true))
	for _, bad := range []string{"<script", "[a]", " | @every", "@everyone"} {
		if strings.Contains(text, bad) {
			t.Errorf("the report holds %s", bad)
		}
	}
	for _, want := range []string{"**0 of 3 requirements covered**, 1 partial, 0 uncovered, 2 unmapped, 0 excluded.", "2 models, as of 2026-01-02 03:04 UTC", "| K.1.3 |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	columns := -1
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			columns = -1
			continue
		}
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if columns >= 0 && n != columns {
			t.Errorf("a row of another length: %s", line)
		}
		columns = n
	}
}
