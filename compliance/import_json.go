package compliance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// headFields are the members of a framework of one's own beside its requirements.
var headFields = []string{"id", "title", "version", "source", "license", "attribution", "levels"}

// readJSON reads an object with the list of requirements, or that list alone.
func (p *parsing) readJSON(raw []byte) {
	d := &decoder{Decoder: json.NewDecoder(bytes.NewReader(raw)), raw: raw, line: 1}
	err := p.readObject(d)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return
		}
		err = errors.New("there is more behind its end")
	}
	p.refuseAs(d.at(), "", threat.Errorf(threat.Invalid, "it is no framework: %s", threat.Clip(plainError(err), 120)))
}

// plainError is what is wrong with a JSON text, without the names of Go.
func plainError(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	var se *json.SyntaxError
	if errors.As(err, &se) {
		return se.Error()
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// decoder reads JSON and knows the line.
type decoder struct {
	*json.Decoder
	raw    []byte
	offset int
	line   int
}

// at is the line of the next thing to read.
func (d *decoder) at() int {
	at := min(int(d.InputOffset()), len(d.raw))
	for at < len(d.raw) && bytes.IndexByte([]byte(" \t\r\n,:"), d.raw[at]) >= 0 {
		at++
	}
	d.line += bytes.Count(d.raw[d.offset:at], []byte("\n"))
	d.offset = at
	return d.line
}

// readObject returns an error of the text's form; what is wrong with its content is noted in p.
func (p *parsing) readObject(d *decoder) error {
	start, err := d.Token()
	if err != nil {
		return err
	}
	if start == json.Delim('[') {
		return p.readList(d)
	}
	if start != json.Delim('{') {
		return errors.New("it is neither an object nor a list")
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		line := d.at()
		if seen[name] {
			p.refuse(line, name, "it is there twice")
		}
		seen[name] = true
		if name == "requirements" {
			open, err := d.Token()
			if err != nil {
				return err
			}
			if open != json.Delim('[') {
				p.refuse(line, name, "it is not a list")
				return errors.New("requirements is not a list")
			}
			if err := p.readList(d); err != nil {
				return err
			}
			continue
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		p.member(line, name, value)
	}
	_, err = d.Token()
	return err
}

// member takes one member of a framework beside its requirements.
func (p *parsing) member(line int, name string, value json.RawMessage) {
	into := map[string]*string{
		"id": &p.f.ID, "title": &p.f.Title, "version": &p.f.Version, "source": &p.f.Source, "license": &p.f.License, "attribution": &p.f.Attribution,
	}[name]
	switch {
	case into != nil:
		if json.Unmarshal(value, into) != nil {
			p.refuse(line, name, "it is not a text")
		}
	case name == "levels":
		var list []string
		if json.Unmarshal(value, &list) != nil {
			p.refuseAs(line, name, threat.Errorf(threat.Invalid, "it is not a list of names").Hinted(`such as ["Basic", "Advanced"], the lowest first`))
		}
		if len(list) > MaxLevels {
			p.refuse(line, name, "%d levels, at most %d fit", len(list), MaxLevels)
			return
		}
		for i, n := range list {
			p.f.Levels = append(p.f.Levels, Level{Number: i + 1, Name: n})
		}
	default:
		p.refuseAs(line, threat.Clip(name, 40), threat.Errorf(threat.Invalid, "it is not known").Hinted("members: %s, requirements", strings.Join(headFields, ", ")))
	}
}

// readList reads the requirements up to the end of their list.
func (p *parsing) readList(d *decoder) error {
	for d.More() {
		line := d.at()
		var row map[string]json.RawMessage
		if err := d.Decode(&row); err != nil {
			var te *json.UnmarshalTypeError
			if !errors.As(err, &te) {
				return err
			}
			p.refuse(line, "", "it is not an object")
			continue
		}
		if p.full() {
			continue
		}
		if len(p.rows) == 0 {
			_, id := row["req_id"]
			_, text := row["req_description"]
			p.official = id && text
		}
		p.take(p.entryFrom(line, row))
	}
	_, err := d.Token()
	return err
}

func (p *parsing) entryFrom(line int, row map[string]json.RawMessage) entry {
	e := entry{line: line}
	texts := map[string]*string{
		"id": &e.id, "text": &e.text, "level": &e.level, "chapter_id": &e.chapterID, "chapter": &e.chapter, "section_id": &e.sectionID, "section": &e.sec,
	}
	lists := map[string]*[]string{"kinds": &e.kinds, "keywords": &e.keywords, "cwe": &e.cwe}
	left := make(map[string]bool, len(row))
	for name := range row {
		left[name] = true
	}
	called := names(p.official)
	for _, own := range fields {
		name, ok := called[own]
		if !ok {
			continue
		}
		value, ok := row[name]
		if !ok || string(value) == "null" {
			delete(left, name)
			continue
		}
		delete(left, name)
		if into := texts[own]; into != nil {
			if !scalar(value, into) {
				p.refuse(line, name, "it is neither a text nor a number")
			}
		} else if !list(value, lists[own]) {
			p.refuse(line, name, "it is not a list of texts or numbers")
		}
	}
	unknown := make([]string, 0, len(left))
	for name := range left {
		unknown = append(unknown, name)
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		p.refuseAs(line, threat.Clip(name, 40), threat.Errorf(threat.Invalid, "it is not known").Hinted("members: %s", strings.Join(fields, ", ")))
	}
	return e
}

// scalar reads a text or a whole number as a text.
func scalar(value json.RawMessage, into *string) bool {
	if json.Unmarshal(value, into) == nil {
		return true
	}
	var n int
	if json.Unmarshal(value, &n) != nil {
		return false
	}
	*into = strconv.Itoa(n)
	return true
}

func list(value json.RawMessage, into *[]string) bool {
	var parts []json.RawMessage
	if json.Unmarshal(value, &parts) != nil {
		return false
	}
	for _, part := range parts {
		var s string
		if !scalar(part, &s) {
			return false
		}
		*into = append(*into, s)
	}
	return true
}

// Document is the JSON form of a framework, which [Read] reads back.
func (f *Framework) Document() ([]byte, error) {
	type row struct {
		ID        string             `json:"id"`
		Text      string             `json:"text"`
		Level     int                `json:"level,omitempty"`
		ChapterID string             `json:"chapter_id,omitempty"`
		Chapter   string             `json:"chapter,omitempty"`
		SectionID string             `json:"section_id,omitempty"`
		Section   string             `json:"section,omitempty"`
		Kinds     []threat.FacetKind `json:"kinds,omitempty"`
		Keywords  []string           `json:"keywords,omitempty"`
		CWE       []int              `json:"cwe,omitempty"`
	}
	out := struct {
		ID           string   `json:"id"`
		Title        string   `json:"title"`
		Version      string   `json:"version,omitempty"`
		Source       string   `json:"source,omitempty"`
		License      string   `json:"license,omitempty"`
		Attribution  string   `json:"attribution,omitempty"`
		Levels       []string `json:"levels,omitempty"`
		Requirements []row    `json:"requirements"`
	}{f.ID, f.Title, f.Version, f.Source, f.License, f.Attribution, nil, []row{}}
	for _, l := range f.Levels {
		out.Levels = append(out.Levels, l.Name)
	}
	for _, r := range f.Requirements {
		if r.Retired {
			continue
		}
		w := row{ID: r.ID, Text: r.Summary, Level: r.Level, ChapterID: r.Chapter, SectionID: r.Section, Kinds: r.Kinds, Keywords: r.Keywords, CWE: r.CWE}
		if c, ok := f.Chapter(r.Chapter); ok {
			w.Chapter = c.Name
			if s, ok := c.Section(r.Section); ok {
				w.Section = s.Name
			}
		}
		out.Requirements = append(out.Requirements, w)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("compliance: framework %s: %w", f.ID, err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
