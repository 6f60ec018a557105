package testreport

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func read(t *testing.T, text string) []Case {
	t.Helper()
	r, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return r.Tests
}

func TestJUnitDialects(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []Case
	}{
		"pytest": {
			"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<testsuites name=\"pytest tests\"><testsuite name=\"pytest\" errors=\"0\" failures=\"1\"><testcase classname=\"tests.test_auth.TestLogin\" name=\"test_ok[admin]\" time=\"0.01\" />" +
				"<testcase classname=\"tests.test_auth\" name=\"test_bad\"><failure message=\"assert 1 == 2\">E &lt;x&gt;</failure></testcase><testcase classname=\"tests.test_auth\" name=\"test_late\"><skipped type=\"pytest.skip\"/></testcase>" +
				"<testcase classname=\"tests.test_auth\" name=\"test_torn\"><system-out>x</system-out><error message=\"failed on teardown\"/></testcase></testsuite></testsuites>",
			[]Case{
				{Name: "test_ok[admin]", Class: "tests.test_auth.TestLogin", Suites: []string{"pytest tests", "pytest"}, Outcome: Passed},
				{Name: "test_bad", Class: "tests.test_auth", Suites: []string{"pytest tests", "pytest"}, Outcome: Failed},
				{Name: "test_late", Class: "tests.test_auth", Suites: []string{"pytest tests", "pytest"}, Outcome: Skipped},
				{Name: "test_torn", Class: "tests.test_auth", Suites: []string{"pytest tests", "pytest"}, Outcome: Failed},
			},
		},
		"surefire": {
			`<testsuite name="org.x.LoginTest" tests="3"><properties><property name="testcase" value="v"/></properties><testcase name="refuses" classname="org.x.LoginTest"><flakyFailure message="m"/></testcase>` +
				`<testcase name="adds(int)[1]" classname="org.x.LoginTest"><system-out><![CDATA[<failure/>]]></system-out></testcase><testcase name="retried" classname="org.x.LoginTest"><failure/><rerunFailure/></testcase></testsuite>`,
			[]Case{
				{Name: "refuses", Class: "org.x.LoginTest", Suites: []string{"org.x.LoginTest"}, Outcome: Failed},
				{Name: "adds(int)[1]", Class: "org.x.LoginTest", Suites: []string{"org.x.LoginTest"}, Outcome: Passed},
				{Name: "retried", Class: "org.x.LoginTest", Suites: []string{"org.x.LoginTest"}, Outcome: Failed},
			},
		},
		"node and phpunit nest suites": {
			`<testsuites><testsuite name="login" file="tests/LoginTest.php"><testsuite name="tokens"><testcase name="refuses" file="tests/Other.php"/><testcase name="takes"/></testsuite><testcase name="todo"><skipped message="TODO"/></testcase></testsuite></testsuites>`,
			[]Case{
				{Name: "refuses", Suites: []string{"login", "tokens"}, File: "tests/Other.php", Outcome: Passed},
				{Name: "takes", Suites: []string{"login", "tokens"}, File: "tests/LoginTest.php", Outcome: Passed},
				{Name: "todo", Suites: []string{"login"}, File: "tests/LoginTest.php", Outcome: Skipped},
			},
		},
		"googletest tells by attributes": {
			`<testsuite name="S"><testcase name="a" status="run" result="completed"/><testcase name="b" status="notrun" result="suppressed"/><testcase name="c" status="timeout"/></testsuite>`,
			[]Case{{Name: "a", Suites: []string{"S"}, Outcome: Passed}, {Name: "b", Suites: []string{"S"}, Outcome: Skipped}, {Name: "c", Suites: []string{"S"}, Outcome: Failed}},
		},
		"only a direct child counts": {
			`<testsuite><testcase name="a"><properties><failure/></properties></testcase></testsuite>`, []Case{{Name: "a", Outcome: Passed}},
		},
	} {
		if diff := cmp.Diff(c.want, read(t, c.text)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestGoTest(t *testing.T) {
	const p = `"Package":"example.org/a/auth"`
	text := "# example.org/a/broken\n" + `{"Action":"start",` + p + `}
{"Action":"run",` + p + `,"Test":"TestA"}
{"Action":"output",` + p + `,"Test":"TestA","Output":"{\"Action\":\"pass\",\"Test\":\"TestForged\"}\n"}
{"Action":"run",` + p + `,"Test":"TestA/sub"}
{"Action":"pass",` + p + `,"Test":"TestA/sub","Elapsed":0}
{"Action":"pass",` + p + `,"Test":"TestA","Elapsed":0}
{"Action":"run",` + p + `,"Test":"TestS"}
{"Action":"skip",` + p + `,"Test":"TestS","Elapsed":0}
{"Action":"run",` + p + `,"Test":"TestHangs"}
{"Action":"fail",` + p + `,"Elapsed":1}
`
	const pkg = "example.org/a/auth"
	want := []Case{
		{Name: "TestA/sub", Package: pkg, Outcome: Passed},
		{Name: "TestA", Package: pkg, Outcome: Passed},
		{Name: "TestS", Package: pkg, Outcome: Skipped},
		{Name: "TestHangs", Package: pkg, Outcome: Failed},
	}
	if diff := cmp.Diff(want, read(t, text)); diff != "" {
		t.Error(diff)
	}
	names := want[0].Names()
	for _, n := range []string{"TestA/sub", "TestA", "example.org/a/auth.TestA", "auth.TestA", "auth.TestA/sub"} {
		if !slices.Contains(names, n) {
			t.Errorf("no name %q in %q", n, names)
		}
	}
	if want[0].Group() != want[1].Group() {
		t.Error("a subtest is of another group than its test")
	}
}

func TestRefused(t *testing.T) {
	for text, words := range map[string]string{
		"": "empty", " \n": "empty", "hello": "neither", "<html></html>": "no JUnit report", `<testsuite><testcase name="a">`: "well-formed",
		`<testsuites></testsuites>`: "no test at all", `<testsuite tests="0"/>`: "no test at all", `<testsuite><testcase/></testsuite>`: "without a name",
		`{"Action":"start","Package":"a"}`: "no test at all", `{"a":1}`: "neither",
		`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><testsuite><testcase name="a"><failure>&e;</failure></testcase></testsuite>`: "entities",
		`<testsuite><testcase name="&e;"/></testsuite>`:                                          "well-formed",
		`<?xml version="1.0" encoding="UTF-16"?><testsuite><testcase name="a"/></testsuite>`:     "well-formed",
		`<testsuite><testcase name="a"/></testsuite><testsuite><testcase name="b"/></testsuite>`: "more than one",
		strings.Repeat("<testsuite>", 101):                                                       "deeper",
	} {
		_, err := Read(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v; want %q", text, err, words)
		}
	}
	if _, err := Read(strings.NewReader("<testsuite/>")); !errors.Is(err, ErrNoTests) {
		t.Errorf("%v", err)
	}
}

func TestOtherFormats(t *testing.T) {
	for name, c := range map[string]struct {
		read func([]byte) (*Report, error)
		text string
		want []Case
	}{
		"jest": {Jest, `{"numPassedTests":1,"success":false,"testResults":[{"name":"/p/src/a.test.js","status":"failed","assertionResults":[{"ancestorTitles":["login"],"title":"works","fullName":"login works","status":"passed"},{"ancestorTitles":[],"title":"later","status":"pending"},{"ancestorTitles":[],"title":"odd","status":"whatever"}]}]}`, []Case{
			{Name: "works", File: "/p/src/a.test.js", Suites: []string{"login"}, Outcome: Passed}, {Name: "later", File: "/p/src/a.test.js", Suites: []string{}, Outcome: Skipped}, {Name: "odd", File: "/p/src/a.test.js", Suites: []string{}, Outcome: Failed},
		}},
		"rspec": {RSpec, `{"examples":[{"description":"refuses","full_description":"Login with a bad token refuses","status":"passed","file_path":"./spec/a_spec.rb"},{"description":"x","full_description":"x","status":"pending","file_path":"./spec/a_spec.rb"}]}`, []Case{
			{Name: "refuses", Class: "Login with a bad token", File: "spec/a_spec.rb", Outcome: Passed}, {Name: "x", File: "spec/a_spec.rb", Outcome: Skipped},
		}},
		"dotnet": {TRX, `<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results><UnitTestResult testName="App.LoginTests.Refuses" outcome="Passed"/><UnitTestResult testName="App.LoginTests.Adds(a: 1.5)" outcome="Failed"/><UnitTestResult testName="Plain" outcome="NotExecuted"/></Results></TestRun>`, []Case{
			{Name: "Refuses", Class: "App.LoginTests", Outcome: Passed}, {Name: "Adds(a: 1.5)", Class: "App.LoginTests", Outcome: Failed}, {Name: "Plain", Outcome: Skipped},
		}},
		"cargo": {Cargo, "running 4 tests\ntest auth::tests::refuses ... ok\ntest auth::tests::panics - should panic ... ok\ntest slow ... ignored, takes long\ntest bad ... FAILED\ntest src/lib.rs - add (line 3) ... ok\ntest torn ... \n", []Case{
			{Name: "refuses", Class: "auth::tests", Outcome: Passed}, {Name: "panics", Class: "auth::tests", Outcome: Passed}, {Name: "slow", Outcome: Skipped}, {Name: "bad", Outcome: Failed}, {Name: "src/lib.rs - add (line 3)", Outcome: Passed},
		}},
		"unittest": {Unittest, "test_a (tests.test_x.LoginTest.test_a) ... ok\ntest_b (tests.test_x.LoginTest) ... FAIL\ntest_c (tests.test_x.LoginTest.test_c) ... skipped 'why'\ntest_d (tests.test_x.LoginTest.test_d) ... printed ok\n\nRan 4 tests\n", []Case{
			{Name: "test_a", Class: "tests.test_x.LoginTest", Outcome: Passed}, {Name: "test_b", Class: "tests.test_x.LoginTest", Outcome: Failed}, {Name: "test_c", Class: "tests.test_x.LoginTest", Outcome: Skipped}, {Name: "test_d", Class: "tests.test_x.LoginTest", Outcome: Failed},
		}},
	} {
		got, err := c.read([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got.Tests); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if _, err := c.read([]byte("{}")); err == nil {
			t.Errorf("%s took a report without a test", name)
		}
	}
}

func TestVerdict(t *testing.T) {
	for want, all := range map[Outcome][][]Outcome{
		Passed: {{Passed}, {Passed, Skipped}, {Skipped, Passed, Passed}}, Failed: {{Failed}, {Failed, Passed}, {Passed, Failed}, {Skipped, Failed}}, Skipped: {{Skipped}, {Skipped, Skipped}, {}},
	} {
		for _, outcomes := range all {
			var cases []Case
			for _, o := range outcomes {
				cases = append(cases, Case{Name: "a", Outcome: o})
			}
			if got := Verdict(cases); got != want {
				t.Errorf("%v: %s, want %s", outcomes, got, want)
			}
		}
	}
}

// However the elements are nested, the cases are those that were written, in their order.
func TestJUnitRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		var want []Case
		word := rapid.StringMatching(`[A-Za-z][A-Za-z0-9 _.›é-]{0,12}[a-z]`)
		var write func(suites []string, depth int)
		write = func(suites []string, depth int) {
			for range rapid.IntRange(0, 4).Draw(t, "children") {
				if depth < 4 && rapid.Bool().Draw(t, "nest") {
					name := word.Draw(t, "suite")
					b.WriteString(`<testsuite name="` + name + `">`)
					write(append(slices.Clone(suites), name), depth+1)
					b.WriteString("</testsuite>\n")
					continue
				}
				c := Case{Name: word.Draw(t, "name"), Class: word.Draw(t, "class"), Suites: slices.Clone(suites)}
				c.Outcome = rapid.SampledFrom([]Outcome{Passed, Failed, Skipped}).Draw(t, "outcome")
				b.WriteString(`<testcase classname="` + c.Class + `" name="` + c.Name + `"><system-out>&lt;failure/&gt;</system-out>` +
					map[Outcome]string{Passed: "", Failed: "<failure/>", Skipped: "<skipped/>"}[c.Outcome] + "</testcase>")
				want = append(want, c)
			}
		}
		b.WriteString(`<testsuite name="top">`)
		write([]string{"top"}, 1)
		b.WriteString("</testsuite>")
		got, err := Read(strings.NewReader(b.String()))
		if len(want) == 0 {
			if !errors.Is(err, ErrNoTests) {
				t.Fatalf("no test, but %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Tests); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(`<testsuites><testsuite name="a"><testcase name="b"><failure/></testcase></testsuite></testsuites>`)
	f.Add(`{"Action":"run","Package":"a","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"a","Test":"TestA"}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Read(strings.NewReader(text))
		if err == nil && len(r.Tests) == 0 {
			t.Fatal("neither tests nor an error")
		}
		for _, read := range []func([]byte) (*Report, error){Jest, RSpec, TRX, Cargo, Unittest} {
			if r, err := read([]byte(text)); err == nil && len(r.Tests) == 0 {
				t.Fatal("neither tests nor an error")
			}
		}
		if r != nil {
			for _, c := range r.Tests {
				if c.Name == "" || len(c.Names()) == 0 || c.Group() == "" {
					t.Fatalf("%+v", c)
				}
			}
		}
	})
}
