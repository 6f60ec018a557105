package exchange

import (
	"bytes"
	"html/template"

	"github.com/redoubt-dev/redoubt/compliance"
)

// ComplianceHTML writes a report as one page that loads nothing: no script, no picture, no font. Every text is escaped.
func ComplianceHTML(d *Compliance) ([]byte, error) {
	page := compliancePageData{
		Subject: d.Subject, Heading: d.heading(), Scope: capital(d.scope()), Counts: d.Report.Counts(d.Level), Attribution: d.Report.Framework.Attribution, System: d.System,
	}
	for _, l := range d.Report.Levels() {
		page.Levels = append(page.Levels, complianceCount{l.Name, numbers(l.Counts)})
	}
	for _, c := range d.Report.Chapters(d.Level) {
		page.Chapters = append(page.Chapters, complianceCount{named(c.ID, c.Name), numbers(c.Counts)})
	}
	for _, r := range d.Rows {
		page.Rows = append(page.Rows, compliancePageRow{
			ID: r.Requirement.ID, Level: d.levelName(r.Requirement.Level), Status: r.Status, Controls: d.controls(r), Exclusions: d.exclusions(r),
			Unmapped: d.unmapped(r), Text: r.Requirement.Summary,
		})
	}
	var b bytes.Buffer
	err := compliancePage.Execute(&b, page)
	return b.Bytes(), err
}

type compliancePageData struct {
	Subject, Heading, Scope, Attribution string
	System                               bool
	Counts                               compliance.Counts
	Levels, Chapters                     []complianceCount
	Rows                                 []compliancePageRow
}

type complianceCount struct {
	Name    string
	Numbers []int
}

type compliancePageRow struct {
	ID, Level                            string
	Status                               compliance.Status
	Controls, Exclusions, Unmapped, Text string
}

var compliancePage = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Subject}}: {{.Heading}}</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { border-bottom: 1px solid #8884; padding: .3rem .6rem; text-align: left; vertical-align: top; }
td.n, th.n { text-align: right; }
.covered { color: #1a7f37; } .partial { color: #9a6700; } .uncovered, .unmapped { color: #cf222e; } .excluded { color: #777; }
small { color: #777; }
</style>
</head>
<body>
<h1>{{.Subject}}: {{.Heading}}</h1>
<p>{{.Scope}}.</p>
<p><strong>{{.Counts.Covered}} of {{.Counts.Total}} requirements covered</strong>, {{.Counts.Partial}} partial, {{.Counts.Uncovered}} uncovered, {{.Counts.Unmapped}} unmapped, {{.Counts.Excluded}} excluded.</p>
{{define "counts"}}<th class="n">requirements</th><th class="n">covered</th><th class="n">partial</th><th class="n">uncovered</th><th class="n">unmapped</th><th class="n">excluded</th></tr></thead>
<tbody>
{{range .}}<tr><td>{{.Name}}</td>{{range .Numbers}}<td class="n">{{.}}</td>{{end}}</tr>
{{end}}</tbody></table>{{end}}{{if .Levels}}<table><thead><tr><th>level</th>{{template "counts" .Levels}}
{{end}}<table><thead><tr><th>chapter</th>{{template "counts" .Chapters}}
{{if .Rows}}<h2>Requirements</h2>
<table><thead><tr><th>requirement</th><th>level</th><th>status</th><th>controls</th><th>text</th></tr></thead>
<tbody>
{{range .Rows}}<tr><td>{{.ID}}</td><td>{{.Level}}</td><td class="{{.Status}}">{{.Status}}</td><td>{{.Controls}}{{if .Exclusions}} <small>excluded: {{.Exclusions}}</small>{{end}}{{if .Unmapped}} <small>unmapped in: {{.Unmapped}}</small>{{end}}</td><td>{{.Text}}</td></tr>
{{end}}</tbody></table>
{{end}}{{if .Attribution}}<p><small>{{.Attribution}}</small></p>
{{end}}</body>
</html>
`))
