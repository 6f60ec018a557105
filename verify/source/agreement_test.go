package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Universal Ctags is another reader of the same languages. Where it and the package find the same functions at the same
// lines, both are likely right. It is no judge where it is known to be weak: see the bounds.

// place is a function somewhere.
type place struct {
	file string
	line int
	name string
}

// tally counts what two readers found.
type tally struct {
	both, ours, theirs int
	files              int
	differ             []string // the first of what only one of them found
}

func (c tally) share() float64 {
	if c.both+c.theirs == 0 {
		return 0
	}
	return 100 * float64(c.both) / float64(c.both+c.theirs)
}

func (c tally) String() string {
	return fmt.Sprintf("%d files: %d functions found by both, %d by the package only, %d by ctags only: %.2f%% of ctags'",
		c.files, c.both, c.ours, c.theirs, c.share())
}

// ctags returns the program, or skips the test without it; with REDOUBT_REQUIRE_CTAGS set it fails.
func ctags(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("ctags")
	if err == nil {
		version, _ := exec.Command(path, "--version").Output()
		if bytes.HasPrefix(version, []byte("Universal Ctags")) {
			return path
		}
	}
	if os.Getenv("REDOUBT_REQUIRE_CTAGS") != "" {
		t.Fatal("Universal Ctags is not installed; apt-get install universal-ctags")
	}
	t.Skip("Universal Ctags is not installed")
	return ""
}

// compare reads all files of a language under the trees with both.
func compare(t *testing.T, language Language, trees ...string) tally {
	t.Helper()
	program := ctags(t)
	var files []string
	for _, tree := range trees {
		err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if l, ok := LanguageOf(path); d.Type().IsRegular() && ok && l == language {
				files = append(files, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	count := tally{}
	ours := map[place]bool{}
	var parsed []string
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(path, text)
		if err != nil {
			t.Logf("%s: %v", path, err)
			if strings.Contains(path, "testdata") { // meant to be broken
				continue
			}
		} else {
			for _, d := range f.Functions() {
				ours[place{path, d.Line, d.Name}] = true
			}
		}
		parsed = append(parsed, path)
	}
	count.files = len(parsed)
	theirs := ctagsFunctions(t, program, language, parsed)
	for p := range ours {
		if theirs[p] {
			count.both++
		} else {
			count.ours++
			count.differ = append(count.differ, fmt.Sprintf("only the package: %s:%d %s", p.file, p.line, p.name))
		}
	}
	for p := range theirs {
		if !ours[p] {
			count.theirs++
			count.differ = append(count.differ, fmt.Sprintf("only ctags: %s:%d %s", p.file, p.line, p.name))
		}
	}
	slices.Sort(count.differ)
	return count
}

// ctagsKinds are the kinds of ctags that are functions of ours, of each language.
var ctagsKinds = map[Language][]string{
	Go:         {"func", "methodSpec"},
	Python:     {"function", "member"},
	JavaScript: {"function", "method", "getter", "setter", "generator"},
	TypeScript: {"function", "method", "generator"},
}

func ctagsFunctions(t *testing.T, program string, language Language, files []string) map[place]bool {
	t.Helper()
	name := map[Language]string{Go: "Go", Python: "Python", JavaScript: "JavaScript", TypeScript: "TypeScript"}[language]
	cmd := exec.Command(program, "--quiet", "--options=NONE", "--output-format=json", "--fields=+nKS", "--language-force="+name, "-f", "-", "-L", "-")
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n") + "\n")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ctags: %v: %s", err, problems.String())
	}
	found := map[place]bool{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var tag struct {
			Name, Path, Kind string
			Line             int
		}
		if err := json.Unmarshal(lines.Bytes(), &tag); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		anonymous := strings.HasPrefix(tag.Name, "AnonymousFunction")
		if slices.Contains(ctagsKinds[language], tag.Kind) && !anonymous {
			found[place{tag.Path, tag.Line, tag.Name}] = true
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// judge fails the test when too little of what ctags finds is found.
func judge(t *testing.T, language Language, c tally, bound float64) {
	t.Helper()
	t.Logf("%s: %s", language, c)
	for _, d := range c.differ[:min(len(c.differ), 20)] {
		t.Log(d)
	}
	if c.both == 0 || c.share() < bound {
		t.Errorf("%s: %.2f%% of the functions of ctags were found; %.1f%% is the bound", language, c.share(), bound)
	}
}

// modules of go.mod that are read; the module cache holds them wherever this test was built.
var agreementModules = []string{
	"github.com/spf13/cobra", "github.com/rs/zerolog", "github.com/pressly/goose/v3", "pgregory.net/rapid",
}

// The functions of real Go modules are those that ctags finds.
func TestAgreementWithCtags(t *testing.T) {
	ctags(t)
	out, err := exec.Command("go", append([]string{"list", "-m", "-f", "{{.Dir}}"}, agreementModules...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	trees := strings.Fields(string(out))
	if len(trees) != len(agreementModules) {
		t.Fatalf("%d of %d modules are in the module cache", len(trees), len(agreementModules))
	}
	judge(t, Go, compare(t, Go, trees...), 99.5)
}

// The functions of the packages that scripts/agreement.sh fetches are those that ctags finds, as far as it can be asked.
func TestAgreementOfPackages(t *testing.T) {
	tree := os.Getenv("REDOUBT_AGREEMENT_TREE")
	if tree == "" {
		t.Skip("REDOUBT_AGREEMENT_TREE names no tree; scripts/agreement.sh makes one")
	}
	// Of JavaScript and TypeScript ctags is a poor judge: it takes "a.prototype.b = c" and signatures of constructors for
	// functions. The bounds are a little below what was measured on the pinned packages (95.6 and 97.8).
	bounds := map[Language]float64{Go: 99.5, Python: 99.5, JavaScript: 95, TypeScript: 97}
	for _, language := range Languages() {
		c := compare(t, language, tree)
		if c.files > 0 {
			judge(t, language, c, bounds[language])
		}
	}
}
