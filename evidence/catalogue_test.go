package evidence_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// specified is the table of specification §7.1: type | required | optional | proves; a star marks a kind that Tier 2
// decides.
const specified = `
function_exists | file, name | | structure, behaviour*
class_exists | file, name | | structure
decorator_present | file, function, decorator | | structure, behaviour*
function_calls | file, caller, callee | | behaviour
parameter_validated | file, function, parameter | | behaviour
import_present | file, module | | structure, dependency
error_handled | file, function | | behaviour
middleware_registered | file, middleware | | behaviour, configuration
http_header_set | file, header | value | behaviour, configuration
pattern_matches | file, pattern | scope_start, scope_end, multiline, dotall | structure, configuration
pattern_absent | file, pattern, witness | scope_start, scope_end, multiline, dotall | absence
no_plaintext_secret | file | patterns | absence
file_exists | file | | structure
file_hash | file, algorithm, expected_hash | scope_file, scope_start, scope_end | integrity
config_key_exists | file, key | | configuration
config_value_matches | file, key, pattern | | configuration
env_var_referenced | file, variable | | configuration
dependency_exists | manifest, package | | dependency
dependency_version | manifest, package, constraint | | dependency
test_exists | pattern | name | test
test_passes | pattern | name, report | test, behaviour
module_exists | file, name | | structure
module_instantiated | file, parent, child | | structure
port_exists | file, module, port | direction | structure
parameter_defined | file, parameter | module, pattern | configuration
signal_exists | file, name | module, kind | structure
sva_assertion_present | file, name | | behaviour, test
register_reset | file, signal | reset | behaviour`

// The catalogue is the table of the specification: no type, parameter or kind more or less, in its order.
func TestCatalogueIsTheSpecification(t *testing.T) {
	var got strings.Builder
	for _, s := range evidence.Specs() {
		var required, optional, kinds []string
		for _, p := range s.Params {
			if p.Optional {
				optional = append(optional, p.Name)
			} else {
				required = append(required, p.Name)
				if len(optional) > 0 {
					t.Errorf("%s: %s is required and stands after an optional parameter", s.Type, p.Name)
				}
			}
			if p.About == "" {
				t.Errorf("%s: nothing says what %s is", s.Type, p.Name)
			}
		}
		for _, k := range s.Kinds {
			kinds = append(kinds, string(k))
		}
		for _, k := range s.Judged {
			kinds = append(kinds, string(k)+"*")
		}
		row := []string{string(s.Type), strings.Join(required, ", "), strings.Join(optional, ", "), strings.Join(kinds, ", ")}
		got.WriteString("\n" + strings.ReplaceAll(strings.Join(row, " | "), "|  |", "| |"))
		if s.About == "" {
			t.Errorf("%s: nothing says what a pass means", s.Type)
		}
	}
	if diff := cmp.Diff(specified, got.String()); diff != "" {
		t.Errorf("the catalogue differs from the specification (-want +got):\n%s", diff)
	}
}

func TestCatalogueLaws(t *testing.T) {
	var names []string
	for i, s := range evidence.Specs() {
		names = append(names, string(s.Type))
		if evidence.Types()[i] != s.Type {
			t.Errorf("Types has %s at %d", evidence.Types()[i], i)
		}
		found, err := evidence.Lookup(s.Type)
		if err != nil || found.Type != s.Type {
			t.Errorf("Lookup(%s): %v, %v", s.Type, found, err)
		}
		for _, k := range s.AllKinds() {
			if !slices.Contains(threat.FacetKinds(), k) {
				t.Errorf("%s proves %q, which is no facet kind", s.Type, k)
			}
		}
		for _, k := range threat.FacetKinds() {
			want := slices.Contains(s.Kinds, k) || slices.Contains(s.Judged, k)
			if s.Meets(k) != want || slices.Contains(evidence.Proving(k), s.Type) != want {
				t.Errorf("%s and %s: Meets %v, among Proving %v, want %v", s.Type, k, s.Meets(k), !want, want)
			}
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Error("a type is listed twice")
	}
}

// Every facet kind can be proved, by types that are sure of it before those where a judge decides.
func TestProving(t *testing.T) {
	for _, k := range threat.FacetKinds() {
		judged := false
		list := evidence.Proving(k)
		if len(list) == 0 {
			t.Errorf("nothing proves %s", k)
		}
		for _, typ := range list {
			s, err := evidence.Lookup(typ)
			if err != nil {
				t.Fatal(err)
			}
			if sure := slices.Contains(s.Kinds, k); sure && judged {
				t.Errorf("%s: %s proves it and stands behind a type that only a judge decides", k, typ)
			} else if !sure {
				judged = true
			}
		}
	}
	if got := evidence.Proving("nonsense"); len(got) != 0 {
		t.Errorf("%v prove a kind that there is not", got)
	}
}

// The catalogue's own example of each type is right, and stays as it is when checked.
func TestExamplesPass(t *testing.T) {
	for _, s := range evidence.Specs() {
		got, err := evidence.Check(s.Type, s.Example)
		if err != nil {
			t.Errorf("%s: %v", s.Type, err)
		} else if got.Canonical() != s.Example.Canonical() {
			t.Errorf("%s: the example %s becomes %s", s.Type, s.Example.Canonical(), got.Canonical())
		}
		for _, p := range s.Params {
			if _, ok := s.Example[p.Name]; !ok && !p.Optional {
				t.Errorf("%s: the example lacks %s", s.Type, p.Name)
			}
		}
	}
}

// Each type has a criterion of its own for the judge, and no criterion is without a type.
func TestPromptFiles(t *testing.T) {
	files, err := os.ReadDir("prompts")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"frame.md"}
	for _, typ := range evidence.Types() {
		want = append(want, string(typ)+".md")
	}
	slices.Sort(want)
	var got []string
	seen := map[string]string{}
	for _, f := range files {
		got = append(got, f.Name())
		raw, err := os.ReadFile("prompts/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSpace(string(raw))
		if text == "" || seen[text] != "" {
			t.Errorf("%s is empty, or the same as %q", f.Name(), seen[text])
		}
		seen[text] = f.Name()
		if f.Name() != "frame.md" && strings.Contains(text, "{{") {
			t.Errorf("%s has a place to fill in, which only the frame has", f.Name())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("prompt files (-want +got):\n%s", diff)
	}
}

func TestUsage(t *testing.T) {
	for typ, want := range map[evidence.Type]string{
		evidence.FunctionExists: "function_exists(file, name)",
		evidence.HTTPHeaderSet:  "http_header_set(file, header, [value])",
		evidence.TestPasses:     "test_passes(pattern, [name], [report])",
	} {
		s, err := evidence.Lookup(typ)
		if err != nil || s.Usage() != want {
			t.Errorf("%s: %v, want %s", typ, s.Usage(), want)
		}
	}
}

// A wrong type is refused with the one that was probably meant.
func TestLookupHints(t *testing.T) {
	for wrong, meant := range map[evidence.Type]string{
		"function_exist": "function_exists", "has_function": "function_exists", "calls": "function_calls",
		"middleware": "middleware_registered", "env-var": "env_var_referenced", "zzz": "", "": "",
	} {
		_, err := evidence.Lookup(wrong)
		te, ok := err.(*threat.Error)
		if !ok || te.Code != threat.Invalid || te.Field != "type" || !strings.Contains(te.Hint, "get_assertion_types") {
			t.Errorf("%q: %v", wrong, err)
			continue
		}
		if meant != "" && !strings.Contains(te.Hint, "did you mean "+meant+"?") {
			t.Errorf("%q: the hint is %q, want %s in it", wrong, te.Hint, meant)
		}
		if meant == "" && strings.Contains(te.Hint, "did you mean") {
			t.Errorf("%q: the hint guesses: %q", wrong, te.Hint)
		}
	}
}
