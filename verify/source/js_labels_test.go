package source

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestJSLabels compares the facts of the excerpts with the labels that were written by hand before there was a parser.
func TestJSLabels(t *testing.T) {
	for _, dir := range []string{"js", "ts"} {
		text, err := os.ReadFile(filepath.Join("testdata", dir, "labels.txt"))
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]*File{}
		judged := 0
		for i, line := range strings.Split(string(text), "\n") {
			fields := strings.Fields(line)
			if len(fields) == 0 || fields[0] == "#" {
				continue
			}
			f := files[fields[0]]
			if f == nil {
				f = parseJSFile(t, filepath.Join("testdata", dir, fields[0]))
				files[fields[0]] = f
			}
			judged++
			if problem := judgeJS(f, fields[1:]); problem != "" {
				t.Errorf("%s/labels.txt:%d: %s: %s", dir, i+1, line, problem)
			}
		}
		if judged < 30 {
			t.Errorf("%s: %d labels, and not at least 30", dir, judged)
		}
	}
}

func parseJSFile(t testing.TB, name string) *File {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(name, text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

// judgeJS returns what is wrong about a label, or "".
func judgeJS(f *File, label []string) string {
	if label[0] == "only" {
		return judgeCount(f, label[1], label[2])
	}
	line, err := strconv.Atoi(label[len(label)-1])
	if label[0] == "decl" {
		line, err = strconv.Atoi(label[3])
	}
	if err != nil {
		return err.Error()
	}
	within := []Span{{0, len(f.Text)}}
	if (label[0] == "call" || label[0] == "handler") && label[1] != "-" {
		within = nil
		for _, d := range f.Decls {
			if d.Qualified() == label[1] {
				within = append(within, d.Body)
			}
		}
	}
	var near []string
	switch label[0] {
	case "decl":
		for _, d := range f.Decls {
			have := []string{"decl", string(d.Kind), d.Qualified(), strconv.Itoa(d.Line), "-", "-"}
			if !d.Body.Empty() || d.Body.Start > 0 {
				have[4] = fmt.Sprintf("%d-%d", f.LineOf(d.Body.Start), f.LineOf(d.Body.End))
			}
			var names []string
			for _, p := range d.Params {
				names = append(names, p.Name)
			}
			if len(names) > 0 {
				have[5] = strings.Join(names, ",")
			}
			if slices.Equal(have, label) {
				return ""
			}
			near = append(near, strings.Join(have[1:], " "))
		}
	case "call":
		for _, span := range within {
			for _, c := range f.Within(span) {
				if c.Name == label[2] && c.Line == line {
					return ""
				}
				near = append(near, fmt.Sprintf("%s %d", c.Name, c.Line))
			}
		}
	case "handler":
		for _, span := range within {
			for _, h := range f.HandlersIn(span) {
				if h.Line == line {
					return ""
				}
				near = append(near, strconv.Itoa(h.Line))
			}
		}
	case "import":
		for _, i := range f.Imports {
			if i.Module == label[1] && i.Line == line {
				return ""
			}
			near = append(near, fmt.Sprintf("%s %d", i.Module, i.Line))
		}
	case "middleware":
		for _, m := range f.Middle {
			if m.Name == label[1] && m.Line == line {
				return ""
			}
			near = append(near, fmt.Sprintf("%s %d", m.Name, m.Line))
		}
	case "decorator":
		for _, d := range f.Lookup(label[1]) {
			for _, dec := range d.Decorators {
				if dec.Name == label[2] && dec.Line == line {
					return ""
				}
				near = append(near, fmt.Sprintf("%s %d", dec.Name, dec.Line))
			}
		}
	default:
		return "no such label"
	}
	return "not found; there are " + strings.Join(near, "; ")
}

func judgeCount(f *File, what, count string) string {
	have := map[string]int{
		"decl": len(f.Decls), "call": len(f.Calls), "import": len(f.Imports), "handler": len(f.Handlers), "header": len(f.Headers),
		"env": len(f.Env), "test": len(f.Tests), "middleware": len(f.Middle), "string": len(f.Strings),
	}
	n, known := have[what]
	if !known {
		return "no such fact"
	}
	if strconv.Itoa(n) != count {
		return fmt.Sprintf("there are %d", n)
	}
	return ""
}
