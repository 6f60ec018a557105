package cli_test

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
)

// action is the GitHub Action of this repository, as far as these tests look at it.
type action struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	Author      string `yaml:"author"`
	Inputs      map[string]struct {
		Description string `yaml:"description"`
		Default     string `yaml:"default"`
	} `yaml:"inputs"`
	Runs struct {
		Using string `yaml:"using"`
		Steps []struct {
			Name  string            `yaml:"name"`
			If    string            `yaml:"if"`
			Shell string            `yaml:"shell"`
			Env   map[string]string `yaml:"env"`
			Run   string            `yaml:"run"`
		} `yaml:"steps"`
	} `yaml:"runs"`
}

// gitlabJob is the hidden job of the GitLab template.
type gitlabJob struct {
	Image    string `yaml:"image"`
	IDTokens map[string]struct {
		Audience string `yaml:"aud"`
	} `yaml:"id_tokens"`
	Variables map[string]string `yaml:"variables"`
	Rules     []struct {
		If string `yaml:"if"`
	} `yaml:"rules"`
	Script    []string `yaml:"script"`
	Artifacts struct {
		When    string            `yaml:"when"`
		Reports map[string]string `yaml:"reports"`
	} `yaml:"artifacts"`
}

// readYAML reads a file of the repository strictly: a field that the tests do not know is an error.
func readYAML(name string, into any) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	return d.Decode(into)
}

// input matches the one form of expression that the action needs.
var input = regexp.MustCompile(`^\$\{\{ inputs\.([a-z0-9-]+) \}\}$`)

// Inputs reach the shell through the environment alone, and each is read.
func TestActionInterpolatesNothing(t *testing.T) {
	var a action
	if err := readYAML("../action.yml", &a); err != nil {
		t.Fatal(err)
	}
	if a.Runs.Using != "composite" || len(a.Runs.Steps) != 2 || a.Runs.Steps[0].If != "${{ inputs.binary == '' }}" || a.Runs.Steps[1].If != "" {
		t.Fatalf("%+v", a.Runs)
	}
	read := map[string]bool{"binary": true}
	for _, s := range a.Runs.Steps {
		if strings.Contains(s.Run, "${{") || s.Shell != "bash" {
			t.Errorf("step %s interpolates into its script, or has no shell", s.Name)
		}
		checkShell(t, s.Run)
		for name, value := range s.Env {
			m := input.FindStringSubmatch(value)
			if m == nil {
				t.Errorf("%s is %s", name, value)
				continue
			}
			if want := "IN_" + strings.ToUpper(strings.ReplaceAll(m[1], "-", "_")); name != want {
				t.Errorf("input %s is in %s, not in %s", m[1], name, want)
			}
			if !strings.Contains(s.Run, "$"+name) && !strings.Contains(s.Run, "${"+name) {
				t.Errorf("step %s does not read %s", s.Name, name)
			}
			read[m[1]] = true
		}
	}
	if d := cmp.Diff(slices.Sorted(maps.Keys(a.Inputs)), slices.Sorted(maps.Keys(read))); d != "" {
		t.Errorf("inputs that are documented, and inputs that are read:\n%s", d)
	}
}

// The inputs of the action are the flags of verify run, beside what only the action knows.
func TestActionInputsAreFlags(t *testing.T) {
	var a action
	if err := readYAML("../action.yml", &a); err != nil {
		t.Fatal(err)
	}
	help, err := exec.Command("redoubt", "verify", "run", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	var flags []string
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z0-9-]+)`).FindAllStringSubmatch(string(help), -1) {
		if m[1] != "help" {
			flags = append(flags, m[1])
		}
	}
	slices.Sort(flags)
	inputs := slices.DeleteFunc(slices.Sorted(maps.Keys(a.Inputs)), func(name string) bool {
		if a.Inputs[name].Description == "" {
			t.Errorf("input %s has no description", name)
		}
		return slices.Contains([]string{"version", "binary", "model"}, name)
	})
	if d := cmp.Diff(flags, inputs); d != "" || len(flags) < 15 {
		t.Errorf("flags of verify run, and inputs of action.yml:\n%s", d)
	}
}

func TestGitLabTemplate(t *testing.T) {
	job := readGitLab(t)
	for name, token := range job.IDTokens {
		if !strings.HasPrefix(name, "REDOUBT_ID_TOKEN") || token.Audience != "$REDOUBT_SERVER" {
			t.Errorf("%s is for %s", name, token.Audience)
		}
	}
	if len(job.IDTokens) < 1 || job.Artifacts.Reports["junit"] != "redoubt.xml" {
		t.Errorf("%+v", job)
	}
	checkShell(t, strings.Join(job.Script, "\n"))
}

func readGitLab(t testing.TB) gitlabJob {
	t.Helper()
	var jobs map[string]gitlabJob
	if err := readYAML("../ci/gitlab.yml", &jobs); err != nil {
		t.Fatal(err)
	}
	job, ok := jobs[".redoubt-verify"]
	if !ok || len(jobs) != 1 {
		t.Fatalf("the template has %v", slices.Sorted(maps.Keys(jobs)))
	}
	return job
}

// checkShell lets bash read a script without running it.
func checkShell(t *testing.T, script string) {
	t.Helper()
	c := exec.Command("bash", "-n")
	c.Stdin = strings.NewReader(script)
	if out, err := c.CombinedOutput(); err != nil && !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("%v\n%s\n%s", err, out, script)
	}
}

// runAction runs "action [INPUT=VALUE…]": the steps of action.yml as a runner does.
func runAction(ts *testscript.TestScript, neg bool, args []string) {
	var a action
	ts.Check(readYAML("../action.yml", &a))
	inputs := map[string]string{}
	for name, in := range a.Inputs {
		inputs[name] = in.Default
	}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		if _, ok := inputs[name]; !ok {
			ts.Fatalf("the action has no input %s", name)
		}
		inputs[name] = value
	}
	var err error
	for _, s := range a.Runs.Steps {
		if s.If != "" && inputs["binary"] != "" {
			continue
		}
		for name, value := range s.Env {
			ts.Setenv(name, inputs[input.FindStringSubmatch(value)[1]])
		}
		if err = ts.Exec("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", s.Run); err != nil {
			break
		}
	}
	if (err != nil) != neg {
		ts.Fatalf("the action: %v", err)
	}
}

// runGitLab returns "gitlabjob [VARIABLE=VALUE…]": it runs the script of the template's job with its variables as a runner does.
func runGitLab(t testing.TB) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		job := readGitLab(t)
		for _, arg := range args {
			name, value, _ := strings.Cut(arg, "=")
			if _, ok := job.Variables[name]; !ok {
				ts.Fatalf("the job has no variable %s", name)
			}
			job.Variables[name] = value
		}
		for name, value := range job.Variables {
			ts.Setenv(name, value)
		}
		err := ts.Exec("bash", "-e", "-o", "pipefail", "-c", strings.Join(job.Script, "\n"))
		if (err != nil) != neg {
			ts.Fatalf("the job: %v", err)
		}
	}
}

// Every field by which a proof is refused is in the table of docs/attestation.md.
func TestRefusalsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/attestation.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range []string{"../auth/attest/check.go", "../auth/attest/token.go", "../auth/attest/envelope.go", "../service/proof.go", "../store/trust.go"} {
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fields := regexp.MustCompile(`(?:In\("(proof\.[a-z_.]+|envelope[a-zA-Z.]*)"\)|bad\("([a-z_.]+)", [^)])`).FindAllStringSubmatch(string(code), -1)
		for _, m := range fields {
			field := m[1]
			if field == "" {
				field = "proof." + m[2]
			}
			n++
			if strings.HasPrefix(field, "envelope.") && !strings.HasSuffix(field, "payloadType") { // the service says whose it is
				field = "proof." + field
			}
			if !strings.Contains(string(page), "`"+field+"`") {
				t.Errorf("%s refuses by %s, which docs/attestation.md does not explain", name, field)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d refusals found: the search is broken", n)
	}
}
