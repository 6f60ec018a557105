package exchange_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
)

var checks = []exchange.Check{
	{ID: "E1", Type: evidence.FunctionExists, Subject: "C1", File: "auth/key.go", Line: 3},
	{ID: "E2", Type: evidence.FunctionCalls, Subject: "C1", Failed: true, Reason: "CheckKey calls\nbytes.Equal, 100% not <it>\x01", File: "auth/a,b:c.go", Line: 41},
	{ID: "E3", Type: evidence.FileExists, Failed: true, Reason: "there is no file SECURITY.md"},
}

func TestSARIF(t *testing.T) {
	raw, err := exchange.FailuresSARIF("1.2.3", checks)
	if err != nil {
		t.Fatal(err)
	}
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(log.Runs) != 1 || len(run.Results) != 2 || len(run.Tool.Driver.Rules) != len(evidence.Specs()) {
		t.Fatalf("%d runs, %d results, %d rules", len(log.Runs), len(run.Results), len(run.Tool.Driver.Rules))
	}
	first := run.Results[0]
	if first.RuleID != "function_calls" || first.Level != "error" || run.Tool.Driver.Rules[first.RuleIndex].ID != first.RuleID ||
		first.Locations[0].PhysicalLocation.Region.StartLine != 41 || !strings.Contains(first.Message.Text, "E2 function_calls for C1: CheckKey") {
		t.Errorf("%+v", first)
	}
	if len(run.Results[1].Locations) != 0 {
		t.Errorf("%+v", run.Results[1])
	}
	shared := os.Getenv("REDOUBT_SHARED")
	if shared == "" {
		t.Skip("REDOUBT_SHARED is not set: the SARIF schema is not here to check against")
	}
	schema, err := os.ReadFile(filepath.Join(shared, "interop", "schemas", "sarif-schema-2.1.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:sarif", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("mem:sarif")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(value); err != nil {
		t.Errorf("%v\n%s", err, raw)
	}
}

func TestJUnit(t *testing.T) {
	raw, err := exchange.JUnit("a model", checks)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Cases    []struct {
			Name    string  `xml:"name,attr"`
			Failure *string `xml:"failure"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	if s.Tests != 3 || s.Failures != 2 || len(s.Cases) != 3 || s.Cases[0].Failure != nil || !strings.Contains(*s.Cases[1].Failure, "not <it>") {
		t.Errorf("%+v\n%s", s, raw)
	}
}

func TestGitHubAnnotations(t *testing.T) {
	got := exchange.GitHubAnnotations(checks)
	want := "::error file=auth/a%2Cb%3Ac.go,line=41,title=Redoubt%3A E2 function_calls for C1::CheckKey calls%0Abytes.Equal, 100%25 not <it>\x01\n" +
		"::error title=Redoubt%3A E3 file_exists::there is no file SECURITY.md\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
