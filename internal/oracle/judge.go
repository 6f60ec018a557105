package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// decl is a declaration as all readers are compared by it.
type decl struct {
	file string
	line int // of the name, from 1
	kind string
	name string
}

func (d decl) String() string { return fmt.Sprintf("%s:%d %s %s", d.file, d.line, d.kind, d.name) }

// findings are what a judge says about some files.
type findings struct {
	decls  map[decl]bool
	maybe  map[decl]bool
	errors map[string][][2]int // stretches of lines, from 1, both included, that it did not understand, by file
}

func newFindings() *findings {
	return &findings{map[decl]bool{}, map[decl]bool{}, map[string][][2]int{}}
}

func (f *findings) add(language, file, kind, name string, line int) {
	kind, maybe := strings.CutSuffix(kind, "_maybe")
	d := decl{file, line, kind, fold(language, name)}
	if maybe {
		f.maybe[d] = true
	} else {
		f.decls[d] = true
	}
}

// understood reports whether the judge read the line without trouble.
func (f *findings) understood(d decl) bool {
	return !slices.ContainsFunc(f.errors[d.file], func(r [2]int) bool { return r[0] <= d.line && d.line <= r[1] })
}

// ctags asks Universal Ctags about files below a folder. There are files over which it never ends: when it takes too long, it is
// asked about each file by itself, and what it does not end over it has not understood.
func ctags(language, folder string, files []text) (*findings, error) {
	n, ok := ctagsNormals[language]
	if !ok {
		return nil, fmt.Errorf("no kinds of Universal Ctags are known for %s", language)
	}
	found := newFindings()
	out, err := runCtags(n, folder, files, 60)
	if errors.Is(err, errTooLong) {
		for _, s := range files {
			some, err := runCtags(n, folder, []text{s}, 5)
			switch {
			case errors.Is(err, errTooLong):
				found.errors[s.name] = [][2]int{{1, bytes.Count(s.body, []byte("\n")) + 1}}
			case err != nil:
				return nil, err
			}
			out = append(out, some...)
		}
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return found, n.read(found, language, out)
}

// errTooLong is the error for a judge that was stopped.
var errTooLong = errors.New("took too long")

// runCtags returns what ctags says, a line of JSON for each tag. It is stopped after so many seconds of processor time, which do not
// depend on what else the machine does.
func runCtags(n ctagsNormal, folder string, files []text, seconds int) ([]byte, error) {
	args := []string{"--quiet", "--options=NONE", "--sort=no", "--output-format=json", "--fields=+nKS", "--language-force=" + n.language, "-f", "-", "-L", "-"}
	if n.extra != "" {
		args = append(args, n.extra)
	}
	limited := fmt.Sprintf(`ulimit -t %d && exec ctags "$@"`, seconds)
	cmd := exec.Command("sh", append([]string{"-c", limited, "sh"}, args...)...)
	cmd.Dir = folder
	var names, problems bytes.Buffer
	for _, s := range files {
		fmt.Fprintln(&names, s.name)
	}
	cmd.Stdin, cmd.Stderr = &names, &problems
	out, err := cmd.Output()
	if p := cmd.ProcessState; p != nil && p.Sys().(syscall.WaitStatus).Signaled() {
		return nil, errTooLong
	}
	if err != nil {
		return nil, fmt.Errorf("ctags: %w: %s", err, problems.String())
	}
	return out, nil
}

// read adds what ctags said.
func (n ctagsNormal) read(found *findings, language string, out []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var tag struct {
			Name, Path, Kind string
			Line             int
		}
		if err := json.Unmarshal(lines.Bytes(), &tag); err != nil {
			return fmt.Errorf("ctags: %w: %s", err, lines.Text())
		}
		if strings.HasPrefix(tag.Name, "<") || strings.HasPrefix(tag.Name, "AnonymousFunction") || strings.HasPrefix(tag.Name, "__anon") || strings.HasPrefix(tag.Name, "anonymousFunction") {
			continue // a name that ctags made up
		}
		is := func(kinds string) bool { return slices.Contains(strings.Fields(kinds), tag.Kind) }
		switch {
		case is(n.functions):
			found.add(language, tag.Path, function, tag.Name, tag.Line)
		case is(n.types):
			found.add(language, tag.Path, typ, tag.Name, tag.Line)
		case is(n.maybe):
			found.add(language, tag.Path, function+"_maybe", tag.Name, tag.Line)
			found.add(language, tag.Path, typ+"_maybe", tag.Name, tag.Line)
		}
	}
	return lines.Err()
}

// tools are the judges, compiled or unpacked, in the folder of downloads.
type tools struct {
	lock     sync.Mutex
	fetch    *fetcher
	pinned   map[string]*corpus // npm packages by name
	unpacked map[string]string
	built    map[string]string
}

func newTools(f *fetcher) (*tools, error) {
	text, err := os.ReadFile("treesitter/grammars.json")
	if err != nil {
		return nil, err
	}
	var list []*corpus
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("treesitter/grammars.json: %w", err)
	}
	t := &tools{fetch: f, pinned: map[string]*corpus{}, unpacked: map[string]string{}, built: map[string]string{}}
	for _, c := range list {
		c.Kind = "npm"
		t.pinned[c.Name] = c
	}
	return t, nil
}

// folder returns where a pinned npm package is unpacked.
func (t *tools) folder(name string) (string, error) {
	if folder := t.unpacked[name]; folder != "" {
		return folder, nil
	}
	c := t.pinned[name]
	if c == nil {
		return "", fmt.Errorf("npm package %s is not pinned in treesitter/grammars.json", name)
	}
	archive, err := t.fetch.archive(c)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(t.fetch.cache, "judges", c.SHA256)
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		if err := unpackWhole(archive, folder); err != nil {
			return "", err
		}
	}
	t.unpacked[name] = filepath.Join(folder, "package")
	return t.unpacked[name], nil
}

// build compiles with the C compiler, when the product is not there yet.
func (t *tools) build(product string, args ...string) (string, error) {
	if path := t.built[product]; path != "" {
		return path, nil
	}
	path := filepath.Join(t.fetch.cache, "judges", product)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		half := path + ".half"
		if err := run(exec.Command(cmp.Or(os.Getenv("CC"), "cc"), append(args, "-o", half)...)); err != nil {
			return "", fmt.Errorf("tree-sitter needs a C compiler: %w", err)
		}
		if err := os.Rename(half, path); err != nil {
			return "", err
		}
	}
	t.built[product] = path
	return path, nil
}

// treesitter asks tree-sitter about files below a folder.
func (t *tools) treesitter(language, folder string, files []text) (*findings, error) {
	groups := map[grammar][]text{}
	for _, s := range files {
		g := grammarOf(language, s.name)
		groups[g] = append(groups[g], s)
	}
	found := newFindings()
	for g, some := range groups {
		if err := t.ask(found, language, g, folder, some); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// compile returns the program of treesitter/judge.c and the library of a grammar.
func (t *tools) compile(g grammar) (program, library string, err error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	core, err := t.folder("tree-sitter")
	if err != nil {
		return "", "", err
	}
	lib := filepath.Join(core, "vendor/tree-sitter/lib")
	// The names of what is built hold the digest of what it is built from.
	own, _, err := digest("treesitter/judge.c")
	if err != nil {
		return "", "", err
	}
	program, err = t.build("judge-"+own[:12]+"-"+t.pinned["tree-sitter"].SHA256[:12], "-O2", "-w", "-I"+lib+"/include", "-I"+lib+"/src", "treesitter/judge.c", lib+"/src/lib.c", "-ldl")
	if err != nil {
		return "", "", err
	}
	npm, err := t.folder(g.npm)
	if err != nil {
		return "", "", err
	}
	src := filepath.Join(npm, g.folder)
	args := []string{"-O1", "-w", "-fPIC", "-shared", "-I" + src, filepath.Join(src, "parser.c")}
	if scanner := filepath.Join(src, "scanner.c"); exists(scanner) {
		args = append(args, scanner)
	}
	library, err = t.build(g.symbol+"-"+t.pinned[g.npm].SHA256[:12]+".so", args...)
	return program, library, err
}

// ask asks one grammar.
func (t *tools) ask(found *findings, language string, g grammar, folder string, files []text) error {
	program, library, err := t.compile(g)
	if err != nil {
		return err
	}
	query, err := filepath.Abs(filepath.Join("treesitter", g.query))
	if err != nil {
		return err
	}
	texts := map[string][]byte{}
	for _, s := range files {
		texts[s.name] = s.body
	}
	return judge(found, exec.Command(program, library, g.symbol, query), folder, files, func(file string, fields []string) error {
		if len(fields) != 4 {
			return errors.New("four words are due")
		}
		row, err1 := strconv.Atoi(fields[1])
		from, err2 := strconv.Atoi(fields[2])
		to, err3 := strconv.Atoi(fields[3])
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
		found.add(language, file, fields[0], string(texts[file][from:to]), row+1)
		return nil
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// scalameta asks the parser of scala.meta, in the place of ctags, which does not know Scala.
func (t *tools) scalameta(folder string, files []text) (*findings, error) {
	t.lock.Lock()
	npm, err := t.folder("scalameta-parsers")
	t.lock.Unlock()
	if err != nil {
		return nil, err
	}
	script, err := filepath.Abs("scalameta/judge.cjs")
	if err != nil {
		return nil, err
	}
	found := newFindings()
	cmd := exec.Command("node", script, filepath.Join(npm, "main.js"))
	err = judge(found, cmd, folder, files, func(file string, fields []string) error {
		if len(fields) < 3 {
			return errors.New("three words are due")
		}
		row, err := strconv.Atoi(fields[1])
		if err != nil {
			return err
		}
		found.add("scala", file, fields[0], strings.Join(fields[2:], " "), row+1)
		return nil
	})
	return found, err
}

// judge runs a judge that answers "file PATH", "error ROW ROW", or something that read understands, each on a line.
func judge(found *findings, cmd *exec.Cmd, folder string, files []text, read func(file string, fields []string) error) error {
	var names, problems bytes.Buffer
	for _, s := range files {
		fmt.Fprintln(&names, s.name)
	}
	cmd.Dir, cmd.Stdin, cmd.Stderr = folder, &names, &problems
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %.300s", path.Base(cmd.Path), err, problems.String())
	}
	file := ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "file "):
			file = line[len("file "):]
		case len(fields) == 3 && fields[0] == "error":
			from, err1 := strconv.Atoi(fields[1])
			to, err2 := strconv.Atoi(fields[2])
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			found.errors[file] = append(found.errors[file], [2]int{from + 1, to + 1})
		default:
			if err := read(file, fields); err != nil {
				return fmt.Errorf("%s said %q: %w", path.Base(cmd.Path), line, err)
			}
		}
	}
	return nil
}
