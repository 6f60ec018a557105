package verify_test

import (
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
)

// jvmTests is a tree with tests of languages of the JVM.
var jvmTests = map[string]string{
	"src/test/java/com/shop/LoginTest.java": "package com.shop;\nimport org.junit.jupiter.api.*;\nclass LoginTest {\n  @Test void refuses() { check(); }\n  @Disabled @Test void waitsForLater() { check(); }\n" +
		"  @Nested @Disabled class Locked { @Test void staysOut() { check(); } }\n  @Nested class Open { @Test void letsIn() { check(); } }\n}\n",
	"src/test/java/com/bank/LoginTest.java": "package com.bank;\nimport org.junit.jupiter.api.*;\nclass LoginTest {\n  @Test void refuses() { check(); }\n}\n",
	"src/main/java/com/shop/Login.java":     "package com.shop;\nimport org.springframework.web.bind.annotation.*;\nimport java.util.List;\nclass Login { void check() { list(); } }\n",
	"out/all.xml": `<testsuites><testsuite name="com.shop.LoginTest"><testcase classname="com.shop.LoginTest" name="refuses()"/><testcase classname="com.shop.LoginTest" name="waitsForLater()"><skipped/></testcase></testsuite>` +
		`<testsuite name="com.shop.LoginTest$Open"><testcase classname="com.shop.LoginTest$Open" name="letsIn"/></testsuite></testsuites>`,
}

func TestJVMTests(t *testing.T) {
	dir := write(t, jvmTests)
	const shop, bank = "src/test/java/com/shop/LoginTest.java", "src/test/java/com/bank/LoginTest.java"
	for _, c := range []struct{ pattern, name string }{
		{"LoginTest.refuses", ""}, {"refuses", ""}, {shop, "refuses"}, {"**/*Test.java", "LoginTest"}, {shop, "LoginTest.Open.letsIn"}, {"letsIn", ""},
	} {
		wantPass(t, check(t, dir, tExists, "pattern", c.pattern, "name", c.name))
	}
	for _, c := range []struct{ pattern, name, words string }{
		{"LoginTest.waitsForLater", "", "is skipped (@Disabled)"},
		{"staysOut", "", "is skipped (@Disabled)"},
		{"LoginTest.checkAll", "", "no test is selected"},
		{"src/main/java/**", "check", "no test is selected"},
	} {
		wantFail(t, check(t, dir, tExists, "pattern", c.pattern, "name", c.name), c.words)
	}
	for _, c := range []struct{ pattern, name string }{{shop, "LoginTest.refuses"}, {shop, "letsIn"}, {"LoginTest.refuses", ""}} {
		wantPass(t, check(t, dir, tPasses, "pattern", c.pattern, "name", c.name, "report", "out/all.xml"))
	}
	// The class of the same name in another package has not run.
	wantFail(t, check(t, dir, tPasses, "pattern", bank, "report", "out/all.xml"), "is not in the report")
	wantFail(t, check(t, dir, tPasses, "pattern", shop, "name", "waitsForLater", "report", "out/all.xml"), "was skipped")
}

// A package is imported with anything in it, but not by the beginning of a name.
func TestJVMImports(t *testing.T) {
	dir := write(t, jvmTests)
	for _, module := range []string{"java.util.List", "java.util", "org.springframework.web", "org.springframework.web.bind.annotation"} {
		wantPass(t, check(t, dir, evidence.ImportPresent, "file", "src/main/java/com/shop/Login.java", "module", module))
	}
	for _, module := range []string{"java.util.Lis", "List", "com.shop", "org.springframework.we"} {
		wantFail(t, check(t, dir, evidence.ImportPresent, "file", "src/main/java/com/shop/Login.java", "module", module), "does not import")
	}
}
