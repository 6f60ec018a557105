package compliance

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// readCSV reads a table with a header. The separator is a comma, or a semicolon or a tab where the header has no comma.
func (p *parsing) readCSV(raw []byte) {
	if bytes.IndexByte(raw, '\n') < 0 { // lines that end as they did long ago
		raw = bytes.ReplaceAll(raw, []byte("\r"), []byte("\n"))
	}
	r := csv.NewReader(bytes.NewReader(raw))
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	r.Comma = separator(raw)
	head, err := r.Read()
	if err != nil {
		p.unreadable(err)
		return
	}
	columns := p.columns(head)
	if columns == nil {
		return
	}
	for !p.full() {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			p.unreadable(err)
			return
		}
		line, _ := r.FieldPos(0)
		if blank(row) {
			continue
		}
		if len(row) != len(columns) {
			p.refuseAs(line, "", threat.Errorf(threat.Invalid, "%d cells, the header has %d", len(row), len(columns)).Hinted("put a cell that holds the separator in quotation marks"))
			continue
		}
		p.take(entryOf(line, columns, row))
	}
}

func separator(raw []byte) rune {
	head, _, _ := bytes.Cut(raw, []byte("\n"))
	for _, c := range []byte{',', ';', '\t'} {
		if bytes.IndexByte(head, c) >= 0 {
			return rune(c)
		}
	}
	return ','
}

func blank(row []string) bool {
	return !slices.ContainsFunc(row, func(s string) bool { return strings.TrimSpace(s) != "" })
}

// unreadable notes a line that is no CSV.
func (p *parsing) unreadable(err error) {
	var pe *csv.ParseError
	switch {
	case errors.As(err, &pe):
		p.refuseAs(pe.Line, "", threat.Errorf(threat.Invalid, "it is not CSV: %v", pe.Err).Hinted("double a quotation mark inside a quoted cell"))
	case errors.Is(err, io.EOF):
		p.refuse(1, "", "the header is missing")
	default:
		p.refuse(0, "", "it is not CSV")
	}
}

// columns returns our name of each column, or nil where the header is wrong.
func (p *parsing) columns(head []string) []string {
	clean := make([]string, len(head))
	for i, h := range head {
		clean[i] = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(h), " ", "_"))
	}
	p.official = slices.Contains(clean, "req_id") && slices.Contains(clean, "req_description")
	ours := map[string]string{}
	for own, name := range names(p.official) {
		ours[strings.ToLower(name)] = own
	}
	out := make([]string, len(clean))
	ok := true
	for i, h := range clean {
		own := ours[h]
		switch {
		case own == "":
			p.refuseAs(1, "", threat.Errorf(threat.Invalid, "column %d is called %q, which is not known", i+1, threat.Clip(h, 40)).Hinted("columns: %s; id and text are needed", strings.Join(fields, ", ")))
			ok = false
		case slices.Contains(out, own):
			p.refuse(1, own, "there are two columns of this name")
			ok = false
		}
		out[i] = own
	}
	for _, needed := range []string{"id", "text"} {
		if ok && !slices.Contains(out, needed) {
			p.refuseAs(1, "", threat.Errorf(threat.Invalid, "the header has no column %s", needed).Hinted("columns: %s; id and text are needed", strings.Join(fields, ", ")))
			ok = false
		}
	}
	if !ok {
		return nil
	}
	return out
}

func entryOf(line int, columns, row []string) entry {
	e := entry{line: line}
	for i, c := range columns {
		switch c {
		case "id":
			e.id = row[i]
		case "text":
			e.text = row[i]
		case "level":
			e.level = row[i]
		case "chapter_id":
			e.chapterID = row[i]
		case "chapter":
			e.chapter = row[i]
		case "section_id":
			e.sectionID = row[i]
		case "section":
			e.sec = row[i]
		case "kinds":
			e.kinds = listOf(row[i])
		case "keywords":
			e.keywords = listOf(row[i])
		case "cwe":
			e.cwe = listOf(row[i])
		}
	}
	return e
}

// listOf reads a cell that holds a list: its parts are separated by semicolons, vertical bars or commas.
func listOf(cell string) (out []string) {
	for _, part := range strings.FieldsFunc(cell, func(r rune) bool { return r == ';' || r == '|' || r == ',' }) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
