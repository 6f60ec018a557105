package webconf

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// What servers are configured to set is found, and what only looks so is not. Each archive holds files and their labels.
func TestLabels(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(archives) < 4 {
		t.Fatalf("%d archives: %v", len(archives), err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts := map[string][]byte{}
			for _, f := range archive.Files[1:] {
				texts[f.Name] = f.Data
			}
			labels, absent := 0, 0
			for _, text := range strings.Split(string(archive.Files[0].Data), "\n") {
				if text == "" || strings.HasPrefix(text, "#") {
					continue
				}
				labels++
				words := strings.Fields(text)
				if words[1] == "no" || words[1] == "error" {
					absent++
				}
				data, ok := texts[words[0]]
				if !ok {
					t.Fatalf("%s: there is no such file", text)
				}
				if problem := judge(words[0], data, words[1:]); problem != "" {
					t.Errorf("%s: %s", text, problem)
				}
			}
			if labels < 8 || absent < 3 {
				t.Errorf("%d labels, %d of them absent", labels, absent)
			}
		})
	}
}

// judge says what is wrong with what is read of a file, or nothing. A label is: [no] header NAME [VALUE], unknown NAME,
// [no] lost NAME [LINE], unseen LINE, error PART.
func judge(name string, text []byte, label []string) string {
	f, err := Read(name, text)
	if label[0] == "error" {
		if want := strings.Join(label[1:], " "); err == nil || !strings.Contains(err.Error(), want) {
			return fmt.Sprintf("the error is %v", err)
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	want := label[0] != "no"
	if !want {
		label = label[1:]
	}
	found := false
	switch label[0] {
	case "header":
		value := strings.Join(label[2:], " ")
		found = slices.ContainsFunc(f.Headers, func(h Header) bool {
			return strings.EqualFold(h.Name, label[1]) && (value == "" || h.Known && h.Value == value)
		})
	case "unknown":
		of := slices.DeleteFunc(slices.Clone(f.Headers), func(h Header) bool { return !strings.EqualFold(h.Name, label[1]) })
		found = len(of) > 0 && !slices.ContainsFunc(of, func(h Header) bool { return h.Known })
	case "lost":
		l, ok := f.LostOf(label[1])
		found = ok && (len(label) == 2 || strconv.Itoa(l.Line) == label[2])
	case "unseen":
		found = slices.ContainsFunc(f.Unseen, func(u Unseen) bool { return strconv.Itoa(u.Line) == label[1] })
	default:
		return "there is no such label"
	}
	if found != want {
		return fmt.Sprintf("found is %t: %+v", found, *f)
	}
	return ""
}
