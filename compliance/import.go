package compliance

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/threat"
)

// Bounds on a framework that is imported.
const (
	MaxImport       = 8 << 20 // bytes of the file
	MaxRequirements = 5_000
	MaxLevels       = 9
	MaxWords        = 40 // keywords, or CWE numbers, of a requirement
	maxID           = 64
	maxShown        = 20 // wrong places that one refusal names
)

// ASVS is the id of the built-in framework whose official texts OWASP publishes as a file.
const ASVS = "asvs-5.0"

// Form is how a file of a framework is written.
type Form string

// The forms. Either holds a framework of one's own, or OWASP's published file as it is.
const (
	JSON Form = "json"
	CSV  Form = "csv"
)

// Forms lists the legal forms.
func Forms() []Form { return []Form{JSON, CSV} }

// Enum lists the forms for schemas.
func (Form) Enum() []string { return []string{string(JSON), string(CSV)} }

// About is what an import says of the file: all of it may be empty. What a JSON file says of itself yields to it.
type About struct {
	ID      string
	Title   string
	Version string
	Levels  []string // names, the lowest first
	Form    Form     // empty: by the first character
}

// Import is a framework read from a file.
type Import struct {
	Framework Framework
	Overlay   bool // official texts for the built-in framework of this id: see [Overlay]
}

// Read reads a framework from the bytes of a file: CSV or JSON of one's own, or OWASP's flat JSON or CSV as it is published, which without
// an id of its own holds the texts of [ASVS]. It is all or nothing. Errors: [threat.Invalid], several at once, each with line and field.
func Read(raw []byte, about About) (Import, error) {
	if len(raw) > MaxImport {
		return Import{}, threat.Errorf(threat.Invalid, "the file has more than %d MiB", MaxImport>>20).In("content")
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(raw) {
		return Import{}, threat.Errorf(threat.Invalid, "line %d is not valid UTF-8", 1+bytes.Count(validPart(raw), []byte("\n"))).In("content").Hinted("save the file as UTF-8")
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return Import{}, threat.Errorf(threat.Invalid, "the file is empty").In("content").Hinted("CSV with a header, or a JSON object with requirements")
	}
	form := about.Form
	if form == "" {
		form = CSV
		if c := bytes.TrimSpace(raw)[0]; c == '{' || c == '[' {
			form = JSON
		}
	}
	p := &parsing{about: about, seen: map[string]int{}}
	switch form {
	case JSON:
		p.readJSON(raw)
	case CSV:
		p.readCSV(raw)
	default:
		return Import{}, threat.Errorf(threat.Invalid, "the form %q is not known", threat.Clip(string(form), 20)).In("format").Hinted("valid: json, csv")
	}
	return p.finish()
}

// validPart is the beginning of a text up to where it stops being UTF-8.
func validPart(raw []byte) []byte {
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && n <= 1 {
			return raw[:i]
		}
		i += n
	}
	return raw
}

// parsing is a file being read.
type parsing struct {
	about    About
	official bool
	f        Framework
	rows     []entry
	seen     map[string]int // requirement id in lower case → its line
	chapters []Chapter
	wrong    []*threat.Error
	more     int // wrong places beside those in wrong
}

// entry is a requirement as a file has it.
type entry struct {
	line                               int
	id, text, level                    string
	chapterID, chapter, sectionID, sec string
	kinds, keywords, cwe               []string
}

// refuse notes a wrong place. The field is empty for a whole line.
func (p *parsing) refuse(line int, field, format string, args ...any) {
	p.refuseAs(line, field, threat.Errorf(threat.Invalid, format, args...))
}

func (p *parsing) refuseAs(line int, field string, e *threat.Error) {
	if len(p.wrong) == maxShown {
		p.more++
		return
	}
	if field != "" {
		e = e.In(field)
	}
	if line > 0 {
		e = e.In(fmt.Sprintf("line %d", line))
	}
	p.wrong = append(p.wrong, e)
}

// take keeps a requirement to be checked when all are known.
func (p *parsing) take(e entry) {
	if len(p.rows) == MaxRequirements {
		p.refuse(e.line, "", "a framework has at most %d requirements", MaxRequirements)
	}
	p.rows = append(p.rows, e)
}

// full reports whether reading on is of no use: there are too many requirements.
func (p *parsing) full() bool { return len(p.rows) > MaxRequirements }

var (
	frameworkID   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	requirementID = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._:/()+#-]*$`)
)

// finish checks what was read and makes the framework of it.
func (p *parsing) finish() (Import, error) {
	out := Import{Overlay: p.official && (p.about.ID == "" || p.about.ID == ASVS)}
	p.head(out.Overlay)
	if len(p.rows) == 0 && len(p.wrong) == 0 {
		p.refuse(0, "requirements", "the file has no requirements")
	}
	if len(p.rows) <= MaxRequirements {
		levels := p.levels()
		for i := range p.rows {
			p.requirement(&p.rows[i], levels)
		}
	}
	if len(p.wrong) > 0 {
		if p.more > 0 {
			last := p.wrong[len(p.wrong)-1]
			p.wrong[len(p.wrong)-1] = last.Hinted("%s%d more are not shown; nothing was imported", sentence(last.Hint), p.more)
		}
		return Import{}, threat.Batch(p.wrong)
	}
	p.f.Chapters = p.chapters
	out.Framework = p.f
	return out, nil
}

func sentence(s string) string {
	if s == "" {
		return ""
	}
	return s + "; "
}

// head settles what the framework is called.
func (p *parsing) head(overlay bool) {
	if overlay {
		p.f = Framework{ID: ASVS, Title: p.about.Title, Version: p.about.Version}
	}
	for _, h := range []struct{ given, into *string }{{&p.about.ID, &p.f.ID}, {&p.about.Title, &p.f.Title}, {&p.about.Version, &p.f.Version}} {
		if *h.given != "" {
			*h.into = *h.given
		}
	}
	for _, h := range []struct {
		field string
		text  *string
		limit int
	}{{"title", &p.f.Title, threat.MaxName}, {"version", &p.f.Version, maxID}, {"source", &p.f.Source, 1_000}, {"license", &p.f.License, threat.MaxName}, {"attribution", &p.f.Attribution, threat.MaxText}} {
		clean, err := threat.Line(*h.text, h.limit)
		if err != nil {
			p.refuse(0, h.field, "it is not valid, or has more than %d characters", h.limit)
			continue
		}
		*h.text = clean
	}
	if p.f.ID == "" {
		p.refuseAs(0, "framework_id", threat.Errorf(threat.Invalid, "the framework has no id").Hinted(`give framework_id (on the command line: --id), a short name such as "acme-baseline", or "id" in a JSON file`))
	} else if !frameworkID.MatchString(p.f.ID) {
		p.refuseAs(0, "framework_id", threat.Errorf(threat.Invalid, "%q is no id of a framework", threat.Clip(p.f.ID, 40)).
			Hinted("lower-case letters, digits, and . _ - between them, at most %d characters", maxID))
	}
	if p.f.Title == "" {
		p.f.Title = p.f.ID
	}
}

// levels settles the levels: the names that were given, else one for each number up to the highest, else none where no requirement
// has a level. It returns their numbers by name in lower case.
func (p *parsing) levels() map[string]int {
	names := p.about.Levels
	if len(names) == 0 {
		for _, l := range p.f.Levels {
			names = append(names, l.Name)
		}
	}
	if len(names) > MaxLevels {
		p.refuse(0, "levels", "%d levels, at most %d fit", len(names), MaxLevels)
		return nil
	}
	p.f.Levels = nil
	if len(names) == 0 {
		highest := 0
		for _, e := range p.rows {
			if n, err := strconv.Atoi(e.level); err == nil && n <= MaxLevels {
				highest = max(highest, n)
			}
		}
		for n := range highest {
			names = append(names, "Level "+strconv.Itoa(n+1))
		}
	}
	byName := make(map[string]int, 2*len(names))
	for i, name := range names {
		clean, err := threat.Line(name, maxID)
		key := strings.ToLower(clean)
		if err != nil || clean == "" || byName[key] != 0 {
			p.refuse(0, "levels", "the name of level %d is missing, too long or there twice", i+1)
			continue
		}
		byName[key] = i + 1
		p.f.Levels = append(p.f.Levels, Level{Number: i + 1, Name: clean})
	}
	for i := range names {
		if key := strconv.Itoa(i + 1); byName[key] == 0 {
			byName[key] = i + 1
		}
	}
	return byName
}

// requirement checks an entry and adds it.
func (p *parsing) requirement(e *entry, levels map[string]int) {
	wrong := len(p.wrong) + p.more
	field := names(p.official)
	r := Requirement{Level: p.level(e, levels)}
	r.ID = p.line(e, field["id"], e.id, maxID, true)
	if r.ID != "" && !requirementID.MatchString(r.ID) {
		p.refuseAs(e.line, field["id"], threat.Errorf(threat.Invalid, "%q is no id of a requirement", r.ID).Hinted("letters and digits, and . _ : / ( ) + # - between them"))
	}
	if first := p.seen[strings.ToLower(r.ID)]; first != 0 {
		p.refuse(e.line, field["id"], "%s is there already, in line %d", r.ID, first)
	} else if r.ID != "" {
		p.seen[strings.ToLower(r.ID)] = e.line
	}
	r.Summary = p.line(e, field["text"], e.text, threat.MaxText, true)
	r.Kinds, r.Keywords, r.CWE = p.kinds(e), p.words(e), p.weaknesses(e)
	c := Chapter{
		ID:   p.line(e, field["chapter_id"], e.chapterID, maxID, false),
		Name: p.line(e, field["chapter"], e.chapter, threat.MaxName, false),
	}
	s := Section{
		ID:   p.line(e, field["section_id"], e.sectionID, maxID, false),
		Name: p.line(e, field["section"], e.sec, threat.MaxName, false),
	}
	if len(p.wrong)+p.more > wrong {
		return
	}
	if c.ID, c.Name = either(c.ID, c.Name, "general", "General"); c.Name == "" {
		c.Name = c.ID
	}
	s.ID, s.Name = either(s.ID, s.Name, "", "")
	r.Chapter, r.Section = c.ID, s.ID
	p.place(e, c, s)
	p.f.Requirements = append(p.f.Requirements, r)
}

// either completes an id and a name by each other, or by what stands for none of both.
func either(id, name, noID, noName string) (string, string) {
	switch {
	case id == "" && name == "":
		return noID, noName
	case id == "":
		return threat.Clip(name, maxID), name
	case name == "":
		return id, id
	}
	return id, name
}

// place puts a chapter and a section among those known. One id has one name.
func (p *parsing) place(e *entry, c Chapter, s Section) {
	field := names(p.official)
	i := slices.IndexFunc(p.chapters, func(o Chapter) bool { return o.ID == c.ID })
	if i < 0 {
		i = len(p.chapters)
		p.chapters = append(p.chapters, c)
	} else if p.chapters[i].Name != c.Name {
		p.refuse(e.line, field["chapter"], "chapter %s has another name above", c.ID)
	}
	if s.ID == "" {
		return
	}
	own := &p.chapters[i]
	if known, ok := own.Section(s.ID); !ok {
		own.Sections = append(own.Sections, s)
	} else if known.Name != s.Name {
		p.refuse(e.line, field["section"], "section %s has another name above", s.ID)
	}
}

// line cleans a text of one line.
func (p *parsing) line(e *entry, field, text string, limit int, required bool) string {
	clean, err := threat.Line(text, limit)
	if err != nil {
		p.refuse(e.line, field, "the text has more than %d characters", limit)
		return ""
	}
	if clean == "" && required {
		p.refuse(e.line, field, "%s is missing", field)
	}
	return clean
}

func (p *parsing) level(e *entry, levels map[string]int) int {
	text := strings.TrimSpace(e.level)
	if text == "" && len(p.f.Levels) == 0 {
		return 0
	}
	field := names(p.official)["level"]
	if text == "" {
		p.refuseAs(e.line, field, threat.Errorf(threat.Invalid, "the level is missing, and others have one").Hinted("valid: %s", levelNames(p.f.Levels)))
		return 0
	}
	n := levels[strings.ToLower(text)]
	if n == 0 {
		err := threat.Errorf(threat.Invalid, "level %q is not known", threat.Clip(text, 40)).Hinted("numbers from 1 to %d, or give levels: their names, the lowest first", MaxLevels)
		if len(p.f.Levels) > 0 {
			err = err.Hinted("valid: %s; levels names them, the lowest first", levelNames(p.f.Levels))
		}
		p.refuseAs(e.line, field, err)
	}
	return n
}

// levelNames are the numbers of levels: their names are stored text, which no hint repeats.
func levelNames(levels []Level) string {
	if len(levels) == 1 {
		return "1"
	}
	return fmt.Sprintf("1 to %d, or a name", len(levels))
}

func (p *parsing) kinds(e *entry) (out []threat.FacetKind) {
	for _, text := range e.kinds {
		k := threat.FacetKind(strings.ToLower(strings.TrimSpace(text)))
		if !slices.Contains(threat.FacetKinds(), k) {
			p.refuseAs(e.line, "kinds", threat.Errorf(threat.Invalid, "kind %q is not known", threat.Clip(text, 40)).Hinted("valid: %s", joined(threat.FacetKinds())))
		} else if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

func joined[T ~string](list []T) string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return strings.Join(out, ", ")
}

func (p *parsing) words(e *entry) (out []string) {
	if len(e.keywords) > MaxWords {
		p.refuse(e.line, "keywords", "%d keywords, at most %d fit", len(e.keywords), MaxWords)
		return nil
	}
	for _, text := range e.keywords {
		if w := p.line(e, "keywords", text, maxID, false); w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// weaknesses reads CWE numbers: "79", "CWE-79".
func (p *parsing) weaknesses(e *entry) (out []int) {
	if len(e.cwe) > MaxWords {
		p.refuse(e.line, "cwe", "%d numbers, at most %d fit", len(e.cwe), MaxWords)
		return nil
	}
	for _, text := range e.cwe {
		text = strings.TrimSpace(text)
		n, err := strconv.Atoi(strings.TrimPrefix(strings.ToUpper(text), "CWE-"))
		if err != nil || n < 1 || n > 100_000 {
			p.refuseAs(e.line, "cwe", threat.Errorf(threat.Invalid, "%q is no number of a weakness", threat.Clip(text, 20)).Hinted("such as 79 or CWE-79"))
		} else if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// fields are the columns and members of a framework of one's own.
var fields = []string{"id", "text", "level", "chapter_id", "chapter", "section_id", "section", "kinds", "keywords", "cwe"}

// officialFields are the columns and members of OWASP's flat files, by ours.
var officialFields = map[string]string{
	"id": "req_id", "text": "req_description", "level": "L", "chapter_id": "chapter_id", "chapter": "chapter_name",
	"section_id": "section_id", "section": "section_name",
}

// names returns how a form calls each field.
func names(official bool) map[string]string {
	if official {
		return officialFields
	}
	out := make(map[string]string, len(fields))
	for _, f := range fields {
		out[f] = f
	}
	return out
}
