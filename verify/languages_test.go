package verify_test

import (
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
)

// ecosystem is how a language names its tests, skips them, and reports them.
type ecosystem struct {
	name    string
	files   map[string]string
	defined [][2]string // pattern and name of tests that exist
	skipped [][2]string // pattern, and how it is skipped
	absent  []string    // patterns of tests that do not
	report  string
	passed  [][2]string
	failed  [][3]string // pattern, name, words
}

var ecosystems = []ecosystem{
	{
		name: "C#",
		files: map[string]string{
			"Shop.Tests/UsersTests.cs": "using Xunit;\nnamespace Shop.Tests;\npublic class UsersTests {\n  [Fact] public void Refuses() { check(); }\n  [Theory(Skip = \"later\")] public void Later(int x) { check(); }\n  [Test, Ignore(\"x\")] public void Gone() { check(); }\n  [Test] public void First() { Assert.Ignore(\"x\"); check(); }\n  public void Helper() { check(); }\n  public class Inner { [TestMethod] public void Deep() { check(); } }\n}\n[Ignore] public class OldTests { [TestMethod] public void Old() { check(); } }\n",
		},
		defined: [][2]string{{"Refuses", ""}, {"UsersTests.Refuses", ""}, {"Shop.Tests/*.cs", "UsersTests.Inner.Deep"}, {"Deep", ""}},
		skipped: [][2]string{{"Later", "@Theory"}, {"Gone", "@Ignore"}, {"First", "Assert.Ignore"}, {"Old", "@Ignore"}},
		absent:  []string{"Helper"},
		report:  `<testsuites><testsuite name="x"><testcase classname="Shop.Tests.UsersTests" name="Refuses"/><testcase classname="Shop.Tests.UsersTests+Inner" name="Deep"/><testcase classname="Shop.Tests.OldTests" name="Old"><skipped/></testcase></testsuite></testsuites>`,
		passed:  [][2]string{{"UsersTests.Refuses", ""}, {"Shop.Tests/*.cs", "UsersTests.Refuses"}, {"Shop.Tests/*.cs", "UsersTests.Inner.Deep"}},
		failed:  [][3]string{{"Old", "", "was skipped"}, {"Shop.Tests/*.cs", "UsersTests.Gone", "not in the report"}},
	},
	{
		name: "PHP",
		files: map[string]string{
			"tests/LoginTest.php": "<?php\nnamespace Tests;\nclass LoginTest extends TestCase {\n  public function testRefuses() { check(); }\n  public function testLater() { $this->markTestSkipped('x'); check(); }\n  public function helper() { check(); }\n}\n",
			"tests/limits.php":    "<?php\nit('locks an account', function () { check(); });\ndescribe('a guest', function () { test('is sent away', fn () => check()); });\n",
		},
		defined: [][2]string{{"testRefuses", ""}, {"LoginTest.testRefuses", ""}, {"tests/*.php", "it locks an account"}, {"is sent away", ""}, {"a guest › is sent away", ""}},
		skipped: [][2]string{{"testLater", "$this.markTestSkipped"}},
		absent:  []string{"helper"},
		report:  `<testsuites><testsuite name="x"><testcase classname="Tests.LoginTest" class="Tests\LoginTest" name="testRefuses"/><testcase name="it locks an account" classname="Tests.limits"/><testcase name="` + "`a guest` → is sent away" + `" classname="Tests.limits"/><testcase classname="Tests.LoginTest" name="testLater"><skipped/></testcase></testsuite></testsuites>`,
		passed:  [][2]string{{"LoginTest.testRefuses", ""}, {"tests/LoginTest.php", "testRefuses"}, {"tests/limits.php", ""}},
		failed:  [][3]string{{"tests/LoginTest.php", "testLater", "was skipped"}, {"testLater", "", "was skipped"}},
	},
	{
		name: "Swift",
		files: map[string]string{
			"Tests/AppTests/LoginTests.swift": "import XCTest\nfinal class LoginTests: XCTestCase {\n  func testRefuses() { check() }\n  func testLater() throws { throw XCTSkip(\"x\"); check() }\n  func helper() { check() }\n}\nstruct Limits { @Test func locks() { check() } @Test(.disabled()) func gone() { check() } }\n",
		},
		defined: [][2]string{{"testRefuses", ""}, {"LoginTests.testRefuses", ""}, {"Tests/**/*.swift", "Limits.locks"}},
		skipped: [][2]string{{"testLater", "XCTSkip"}},
		absent:  []string{"helper", "gone"},
		report:  `<testsuites><testsuite name="x"><testcase classname="AppTests.LoginTests" name="testRefuses"/><testcase classname="AppTests.LoginTests" name="testLater"><skipped/></testcase><testcase classname="AppTests.Limits" name="locks()"/></testsuite></testsuites>`,
		passed:  [][2]string{{"LoginTests.testRefuses", ""}, {"Tests/**/*.swift", "testRefuses"}},
		failed:  [][3]string{{"testLater", "", "was skipped"}},
	},
}

// The tests of each language are found, told to be skipped, and looked up in a report as its runners write it.
func TestTestsOfLanguages(t *testing.T) {
	for _, e := range ecosystems {
		t.Run(e.name, func(t *testing.T) {
			dir := write(t, e.files)
			add(t, dir, map[string]string{"out/report.xml": e.report})
			for _, c := range e.defined {
				o := check(t, dir, tExists, "pattern", c[0], "name", c[1])
				wantPass(t, o, "is defined at")
				if !strings.Contains(o.Excerpt, "check") {
					t.Errorf("%v: %q", c, o.Excerpt)
				}
			}
			for _, c := range e.skipped {
				wantFail(t, check(t, dir, tExists, "pattern", c[0]), "is skipped ("+c[1])
			}
			for _, pattern := range e.absent {
				wantFail(t, check(t, dir, tExists, "pattern", pattern), "no test is selected")
			}
			for _, c := range e.passed {
				wantPass(t, check(t, dir, tPasses, "pattern", c[0], "name", c[1], "report", "out/report.xml"), "passed by")
			}
			for _, c := range e.failed {
				wantFail(t, check(t, dir, tPasses, "pattern", c[0], "name", c[1], "report", "out/report.xml"), c[2])
			}
		})
	}
}

// What import_present takes for the same module.
func TestImportsOfLanguages(t *testing.T) {
	dir := write(t, map[string]string{
		"A.cs":    "using System.Text;\nusing J = Newtonsoft.Json.Linq;\nusing static System.Math;\n// using Gone;\n",
		"a.php":   "<?php\nuse App\\Models\\{User, Post as P};\nuse \\Psr\\Log\\LoggerInterface;\n// use Gone;\nclass A { use Loud; }\n",
		"a.swift": "import Vapor\nimport struct Crypto.SHA256\n// import Gone\n",
	})
	for _, c := range []struct {
		file, module string
		want         bool
	}{
		{"A.cs", "System.Text", true},
		{"A.cs", "Newtonsoft.Json.Linq", true},
		{"A.cs", "System.Math", true},
		{"A.cs", "System", false},
		{"A.cs", "Newtonsoft.Json", false},
		{"A.cs", "Gone", false},
		{"a.php", `App\Models\User`, true},
		{"a.php", `\App\Models\Post`, true},
		{"a.php", `App\Models`, true},
		{"a.php", `Psr\Log\LoggerInterface`, true},
		{"a.php", `App\Mod`, false},
		{"a.php", "Loud", false},
		{"a.php", "Gone", false},
		{"a.swift", "Vapor", true},
		{"a.swift", "Crypto", true},
		{"a.swift", "Crypto.SHA256", true},
		{"a.swift", "Gone", false},
	} {
		o := check(t, dir, evidence.ImportPresent, "file", c.file, "module", c.module)
		if passed := o.Verdict == evidence.Pass; passed != c.want {
			t.Errorf("%s in %s: %+v", c.module, c.file, o)
		}
	}
}
