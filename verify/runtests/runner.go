package runtests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/testreport"
)

// Runner is one way to run tests.
type Runner struct {
	Name       string
	Extensions []string // of the files whose tests it runs
	Selects    bool     // it can run some tests or files alone

	found   func(p *project) bool
	command func(j *job) []string
	before  func(j *job)
	report  func(j *job, output []byte) (*testreport.Report, error)
	stderr  bool // output is what it prints on standard error
}

// job is one run of a runner.
type job struct {
	root, temp string
	tests      []Test
	old        map[string]string // reports that were there before, with size and time
}

func (j *job) out(name string) string { return filepath.Join(j.temp, name) }

// files returns the files of the tests, each once.
func (j *job) files() []string {
	var files []string
	for _, t := range j.tests {
		if f := filepath.FromSlash(t.File); !slices.Contains(files, f) {
			files = append(files, f)
		}
	}
	return files
}

// program returns a program of the project where it has it, else the one to look for on the path.
func (j *job) program(own, other string) string {
	if runtime.GOOS == "windows" && strings.HasSuffix(own, "w") {
		own += ".bat"
	}
	p := filepath.Join(j.root, filepath.FromSlash(own))
	if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
		return p
	}
	return other
}

// Find returns the runners of a project, told by the files at its top.
func Find(root fs.FS) []*Runner {
	p := &project{root}
	var all []*Runner
	for _, r := range runners {
		if r.found(p) {
			all = append(all, r)
		}
	}
	return all
}

// For returns the runners for a file.
func For(all []*Runner, file string) []*Runner {
	ext := path.Ext(file)
	return slices.DeleteFunc(slices.Clone(all), func(r *Runner) bool { return !slices.Contains(r.Extensions, ext) })
}

var (
	script = []string{".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"}
	jvm    = []string{".java", ".kt", ".groovy", ".scala"}
)

// runners are the runners that are known, those that others stand on first.
var runners = []*Runner{
	{
		Name: "go test", Extensions: []string{".go"}, Selects: true,
		found:   func(p *project) bool { return p.has("go.mod") },
		command: goTest,
		report:  func(_ *job, out []byte) (*testreport.Report, error) { return read(out) },
	},
	{
		Name: "pytest", Extensions: []string{".py"}, Selects: true,
		found:   (*project).pytest,
		command: pytest,
		report:  func(j *job, _ []byte) (*testreport.Report, error) { return readFile(j.out("report.xml"), read) },
	},
	{
		Name: "python -m unittest", Extensions: []string{".py"}, Selects: true, stderr: true,
		found: func(p *project) bool {
			return !p.pytest() && (p.has("setup.py") || p.has("pyproject.toml") || p.has("setup.cfg") || p.has("requirements.txt") || p.any("*.py") || p.any("tests/*.py"))
		},
		command: unittest,
		report:  func(_ *job, out []byte) (*testreport.Report, error) { return testreport.Unittest(out) },
	},
	{
		Name: "vitest", Extensions: script, Selects: true,
		found: func(p *project) bool { return p.depends("vitest") },
		command: func(j *job) []string {
			return append([]string{j.program("node_modules/.bin/vitest", "vitest"), "run", "--reporter=json", "--outputFile=" + j.out("report.json")}, j.files()...)
		},
		report: func(j *job, _ []byte) (*testreport.Report, error) {
			return readFile(j.out("report.json"), testreport.Jest)
		},
	},
	{
		Name: "jest", Extensions: script, Selects: true,
		found: func(p *project) bool { return !p.depends("vitest") && p.depends("jest") },
		command: func(j *job) []string {
			args := []string{j.program("node_modules/.bin/jest", "jest"), "--ci", "--json", "--outputFile=" + j.out("report.json")}
			if files := j.files(); len(files) > 0 {
				args = append(append(args, "--runTestsByPath"), files...)
			}
			return args
		},
		report: func(j *job, _ []byte) (*testreport.Report, error) {
			return readFile(j.out("report.json"), testreport.Jest)
		},
	},
	{
		Name: "node --test", Extensions: script, Selects: true,
		found: func(p *project) bool { return p.scripted(regexp.MustCompile(`\bnode\b.*--test\b`)) },
		command: func(j *job) []string {
			return append([]string{"node", "--test", "--test-reporter=junit", "--test-reporter-destination=" + j.out("report.xml")}, j.files()...)
		},
		report: func(j *job, _ []byte) (*testreport.Report, error) { return readFile(j.out("report.xml"), read) },
	},
	{
		Name: "cargo test", Extensions: []string{".rs"},
		found:   func(p *project) bool { return p.has("Cargo.toml") },
		command: func(*job) []string { return []string{"cargo", "test", "--no-fail-fast", "--color", "never"} },
		report:  func(_ *job, out []byte) (*testreport.Report, error) { return testreport.Cargo(out) },
	},
	{
		Name: "mvn test", Extensions: jvm,
		found: func(p *project) bool { return p.has("pom.xml") },
		command: func(j *job) []string {
			return []string{j.program("mvnw", "mvn"), "--batch-mode", "--fail-at-end", "test"}
		},
		before: func(j *job) { j.old = reports(j.root, "surefire-reports") },
		report: func(j *job, _ []byte) (*testreport.Report, error) { return fresh(j, "surefire-reports") },
	},
	{
		Name: "gradle test", Extensions: jvm,
		found: func(p *project) bool { return p.has("build.gradle") || p.has("build.gradle.kts") },
		command: func(j *job) []string {
			return []string{j.program("gradlew", "gradle"), "--console=plain", "--continue", "--rerun-tasks", "test"}
		},
		before: func(j *job) { j.old = reports(j.root, "test-results") },
		report: func(j *job, _ []byte) (*testreport.Report, error) { return fresh(j, "test-results") },
	},
	{
		Name: "dotnet test", Extensions: []string{".cs", ".fs", ".vb"},
		found: func(p *project) bool {
			return p.any("*.sln") || p.any("*.slnx") || p.any("*.csproj") || p.any("*.fsproj")
		},
		command: func(j *job) []string {
			return []string{"dotnet", "test", "--logger", "trx", "--results-directory", j.temp}
		},
		report: func(j *job, _ []byte) (*testreport.Report, error) {
			return merge(j, glob(j.temp, "*.trx"), testreport.TRX)
		},
	},
	{
		Name: "rspec", Extensions: []string{".rb"},
		found: func(p *project) bool { return p.has(".rspec") || p.holds("Gemfile", `(?m)^\s*gem\s+["']rspec`) },
		command: func(j *job) []string {
			args := []string{"rspec", "--format", "json", "--out", j.out("report.json")}
			if _, err := os.Stat(filepath.Join(j.root, "Gemfile")); err == nil {
				args = append([]string{"bundle", "exec"}, args...)
			}
			return args
		},
		report: func(j *job, _ []byte) (*testreport.Report, error) {
			return readFile(j.out("report.json"), testreport.RSpec)
		},
	},
	{
		Name: "phpunit", Extensions: []string{".php"},
		found: func(p *project) bool { return p.has("phpunit.xml") || p.has("phpunit.xml.dist") },
		command: func(j *job) []string {
			return []string{j.program("vendor/bin/phpunit", "phpunit"), "--log-junit", j.out("report.xml")}
		},
		report: func(j *job, _ []byte) (*testreport.Report, error) { return readFile(j.out("report.xml"), read) },
	},
}

func goTest(j *job) []string {
	args := []string{"go", "test", "-json", "-count=1"}
	var names, dirs []string
	for _, t := range j.tests {
		name, _, _ := strings.Cut(t.Name, "/") // a subtest runs with its test
		if name = regexp.QuoteMeta(name); !slices.Contains(names, name) {
			names = append(names, name)
		}
		if dir := "./" + path.Dir(t.File); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(names) == 0 {
		return append(args, "./...")
	}
	return append(append(args, "-run", "^("+strings.Join(names, "|")+")$"), dirs...)
}

func pytest(j *job) []string {
	args := []string{python(), "-m", "pytest", "-p", "no:cacheprovider", "--junitxml=" + j.out("report.xml")}
	for _, t := range j.tests {
		args = append(args, t.File+"::"+strings.ReplaceAll(t.Name, ".", "::"))
	}
	return args
}

func unittest(j *job) []string {
	args := []string{python(), "-m", "unittest"}
	if len(j.tests) == 0 {
		return append(args, "discover", "-v")
	}
	args = append(args, "-v")
	for _, t := range j.tests {
		args = append(args, strings.ReplaceAll(strings.TrimSuffix(t.File, ".py"), "/", ".")+"."+t.Name)
	}
	return args
}

func python() string {
	if _, err := exec.LookPath("python3"); err != nil {
		return "python"
	}
	return "python3"
}

// project is what is looked at to tell the runners.
type project struct{ fs.FS }

func (p *project) has(name string) bool {
	info, err := fs.Stat(p, name)
	return err == nil && info.Mode().IsRegular()
}

func (p *project) any(pattern string) bool {
	names, err := fs.Glob(p, pattern)
	return err == nil && len(names) > 0
}

func (p *project) text(name string) []byte {
	info, err := fs.Stat(p, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return nil
	}
	text, err := fs.ReadFile(p, name)
	if err != nil {
		return nil
	}
	return text
}

func (p *project) holds(name, pattern string) bool {
	return regexp.MustCompile(pattern).Match(p.text(name))
}

func (p *project) pytest() bool {
	return p.has("pytest.ini") || p.has("conftest.py") || p.has("tests/conftest.py") || p.holds("pyproject.toml", `\bpytest\b`) ||
		p.holds("setup.cfg", `\bpytest\b`) || p.holds("tox.ini", `\bpytest\b`) || p.holds("requirements.txt", `(?m)^pytest\b`) ||
		p.holds("requirements-dev.txt", `(?m)^pytest\b`)
}

type packageJSON struct {
	Scripts         map[string]string
	Dependencies    map[string]any
	DevDependencies map[string]any
}

func (p *project) manifest() (m packageJSON) {
	if json.Unmarshal(p.text("package.json"), &m) != nil {
		return packageJSON{}
	}
	return m
}

func (p *project) depends(name string) bool {
	m := p.manifest()
	return m.Dependencies[name] != nil || m.DevDependencies[name] != nil
}

func (p *project) scripted(pattern *regexp.Regexp) bool {
	return pattern.MatchString(p.manifest().Scripts["test"])
}

func read(raw []byte) (*testreport.Report, error) { return testreport.Read(bytes.NewReader(raw)) }

func readFile(name string, parse func([]byte) (*testreport.Report, error)) (*testreport.Report, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("it wrote no report")
	}
	if info.Size() > maxOutput {
		return nil, fmt.Errorf("its report has more than %d bytes", maxOutput)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("its report cannot be read")
	}
	return parse(raw)
}

// reports lists the XML reports in folders of the name, with what tells a new one from an old one of the same name.
func reports(root, folder string) map[string]string {
	found := map[string]string{}
	_ = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "src"):
			return fs.SkipDir
		case !d.Type().IsRegular() || !strings.HasPrefix(d.Name(), "TEST-") || !strings.HasSuffix(d.Name(), ".xml"):
			return nil
		}
		if slices.Contains(strings.Split(filepath.ToSlash(p), "/"), folder) {
			if info, err := d.Info(); err == nil {
				found[p] = fmt.Sprint(info.Size(), info.ModTime().UnixNano())
			}
		}
		return nil
	})
	return found
}

// fresh reads the reports that this run wrote: one that lay there before proves nothing about now.
func fresh(j *job, folder string) (*testreport.Report, error) {
	var names []string
	for name, mark := range reports(j.root, folder) {
		if j.old[name] != mark {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return merge(j, names, read)
}

func glob(dir, pattern string) []string {
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return nil
	}
	return names
}

// merge reads several reports into one. A report of no test among others is fine.
func merge(_ *job, names []string, parse func([]byte) (*testreport.Report, error)) (*testreport.Report, error) {
	all := &testreport.Report{}
	for _, name := range names {
		report, err := readFile(name, parse)
		if err != nil && err != testreport.ErrNoTests {
			return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
		if report != nil {
			all.Tests = append(all.Tests, report.Tests...)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("it wrote no report")
	}
	if len(all.Tests) == 0 {
		return nil, testreport.ErrNoTests
	}
	return all, nil
}
