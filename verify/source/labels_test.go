package source

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unread are folders of labels that other tests read: those of JavaScript and TypeScript are in a form of their own.
var unread = []string{"js", "ts"}

// labelled returns the folders of excerpts with facts labelled by eye. Labels are written before the code that they judge: those
// of a language that is not parsed yet wait.
func labelled(t *testing.T) []string {
	paths, err := filepath.Glob("testdata/*/labels.txt")
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, path := range paths {
		dir := filepath.Base(filepath.Dir(path))
		known := dir == "go" || slices.Contains(Languages(), Language(dir))
		if known && !slices.Contains(unread, dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) < 2 {
		t.Fatalf("labels are found in %v alone", dirs)
	}
	return dirs
}

// The facts of the labelled excerpts are found, and what is labelled as absent is not.
func TestLabels(t *testing.T) {
	for _, dir := range labelled(t) {
		t.Run(dir, func(t *testing.T) {
			labels := readLabels(t, filepath.Join("testdata", dir, "labels.txt"))
			if len(labels) < 30 {
				t.Errorf("%d labels; at least 30 are wanted", len(labels))
			}
			files := map[string]*File{}
			for _, l := range labels {
				if files[l.file] == nil {
					files[l.file] = parseExcerpt(t, filepath.Join("testdata", dir, l.file))
				}
				if problem := l.check(files[l.file]); problem != "" {
					t.Errorf("line %d: %s: %s", l.line, l.text, problem)
				}
			}
		})
	}
}

// parseExcerpt parses a file of testdata; its language is that of the name without ".txt".
func parseExcerpt(t testing.TB, path string) *File {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(strings.TrimSuffix(filepath.Base(path), ".txt"), text)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f
}

// label is one line of a labels.txt: FILE [no] FACT ARGUMENTS.
type label struct {
	line   int
	text   string
	file   string
	absent bool
	fact   string
	args   []string
}

func readLabels(t *testing.T, path string) []label {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []label
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		file, rest, _ := strings.Cut(text, " ")
		l := newLabel(rest)
		l.line, l.file = n, file
		all = append(all, l)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// newLabel reads what a label says of its file: [no] FACT ARGUMENTS.
func newLabel(text string) label {
	fields := strings.Fields(text)
	l := label{text: text}
	if fields[0] == "no" {
		l.absent, fields = true, fields[1:]
	}
	l.fact, l.args = fields[0], fields[1:]
	return l
}

// claim is a text and what is true of it, in the words of the labels.
type claim struct {
	about  string
	text   string
	labels []string
}

// claims checks texts of one language.
func claims(t *testing.T, name string, rows []claim) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.about, func(t *testing.T) {
			f, err := Parse(name, []byte(row.text))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range row.labels {
				if problem := newLabel(text).check(f); problem != "" {
					t.Errorf("%s: %s in\n%s", text, problem, row.text)
				}
			}
		})
	}
}

// check says what is wrong with the facts, or nothing.
func (l label) check(f *File) string {
	found, problem := l.find(f)
	switch {
	case problem != "":
		return problem
	case found == l.absent:
		return fmt.Sprintf("found is %t", found)
	}
	return ""
}

func (l label) find(f *File) (found bool, problem string) {
	rest := strings.Join(l.args, " ")
	switch l.fact {
	case "decl": // KIND QUALIFIED LINE [body FIRST-LAST], or a name alone
		if len(l.args) == 1 {
			return len(f.Lookup(l.args[0])) > 0, ""
		}
		for _, d := range f.Lookup(l.args[1]) {
			if string(d.Kind) != l.args[0] || strconv.Itoa(d.Line) != l.args[2] || d.Qualified() != l.args[1] {
				continue
			}
			if len(l.args) > 3 {
				if body := fmt.Sprintf("%d-%d", f.LineOf(d.Body.Start), f.LineOf(d.Body.End)); body != l.args[4] {
					return false, "its body is " + body
				}
			}
			return true, ""
		}
		return false, ""
	case "import": // MODULE [NAMES]
		for _, im := range f.Imports {
			if im.Module == l.args[0] && (len(l.args) == 1 || strings.Join(im.Names, ",") == l.args[1]) {
				return true, ""
			}
		}
		return false, ""
	case "string": // VALUE [in FIRST-LAST]
		first, last := 1, len(f.lines)
		if value, where, ok := strings.Cut(rest, " in "); ok {
			rest = value
			if _, err := fmt.Sscanf(where, "%d-%d", &first, &last); err != nil {
				return false, err.Error()
			}
		}
		return slices.ContainsFunc(f.Strings, func(s String) bool { return s.Value == rest && first <= s.Line && s.Line <= last }), ""
	case "env": // NAME [LINE]
		return slices.ContainsFunc(f.Env, func(r Reference) bool {
			return r.Name == l.args[0] && (len(l.args) == 1 || strconv.Itoa(r.Line) == l.args[1])
		}), ""
	case "header": // NAME [VALUE]
		value := strings.Join(l.args[1:], " ")
		return slices.ContainsFunc(f.Headers, func(h Header) bool {
			return h.Name == l.args[0] && (value == "" || h.Known && h.Value == value)
		}), ""
	case "middle":
		return slices.ContainsFunc(f.Middle, func(r Reference) bool { return r.Name == rest }), ""
	case "test":
		return slices.ContainsFunc(f.Tests, func(t Test) bool { return t.Name == rest }), ""
	}
	decls := f.Lookup(l.args[0]) // the others are about a function; of overloads any will do
	if len(decls) == 0 {
		return false, "no such function"
	}
	for _, d := range decls {
		switch l.fact {
		case "params":
			var names []string
			for _, p := range d.Params {
				names = append(names, p.Name)
			}
			found = strings.Join(names, ",") == l.args[1]
		case "call":
			found = slices.ContainsFunc(f.Within(d.Body), func(c Call) bool { return c.Name == l.args[1] })
		case "decorator":
			found = slices.ContainsFunc(d.Decorators, func(c Decorator) bool { return c.Name == l.args[1] })
		case "handler": // QUALIFIED [LINE]
			found = slices.ContainsFunc(f.HandlersIn(d.Body), func(h Handler) bool {
				return len(l.args) == 1 || strconv.Itoa(h.Line) == l.args[1]
			})
		case "validates":
			_, _, found = f.Validates(d, l.args[1])
		default:
			return false, "there is no such fact: " + l.fact
		}
		if found {
			return true, ""
		}
	}
	return false, ""
}
