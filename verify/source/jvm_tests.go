package source

import (
	"strings"
)

// jvmTestMarks are the annotations of a method that is run as a test, of JUnit 4 and 5, TestNG, kotlin.test and jqwik.
var jvmTestMarks = wordSet("Test ParameterizedTest RepeatedTest TestFactory TestTemplate Theory Property Example")

// jvmTestMakers are the packages that these annotations come from.
var jvmTestMakers = []string{"org.junit", "org.testng", "kotlin.test", "net.jqwik", "io.kotest"}

// tests finds the methods that are run as tests, named "Class.method", "Outer.Inner.method". A class within another is looked into
// by JUnit 5 where it is @Nested and by JUnit 4 where its outer one is run with Enclosed; those of an abstract class are run under the names of others, and are left out.
// A test that is disabled is one all the same; who asks finds its annotation.
func (j *jvm) tests() {
	classes := map[string]int{}
	for i := range j.Decls {
		if d := &j.Decls[i]; d.Kind != Function {
			classes[d.Qualified()] = i
		}
	}
	imported := j.importsFrom(jvmTestMakers...)
	for i := range j.Decls {
		d := &j.Decls[i]
		if d.Kind != Function || d.Owner == "" || d.Body.Empty() || !j.isTest(i, classes, imported) {
			continue
		}
		if j.runs(d.Owner, classes) {
			j.Tests = append(j.Tests, Test{Name: d.Qualified(), Line: d.Line})
		}
	}
}

// isTest reports whether the function is one that is run as a test, if its class is.
func (j *jvm) isTest(i int, classes map[string]int, imported bool) bool {
	d, words := &j.Decls[i], j.words[i]
	if words["private"] || words["static"] || words["abstract"] {
		return false
	}
	for _, c := range d.Decorators {
		full := strings.HasPrefix(c.Name, "org.junit.") || strings.HasPrefix(c.Name, "org.testng.") || strings.HasPrefix(c.Name, "kotlin.test.")
		if jvmTestMarks[lastPart(c.Name)] && (imported || full) {
			return !switchedOff(c.Text)
		}
	}
	owner, known := classes[d.Owner]
	if !known || j.words[i] != nil && words["override"] {
		return false
	}
	if len(d.Params) == 0 && strings.HasPrefix(d.Name, "test") && j.importsFrom("junit.framework") && j.extends(owner, map[string]bool{"TestCase": true}) {
		return true
	}
	if j.importsFrom("org.testng") && words["public"] { // @Test of the class makes tests of its public methods
		for _, c := range j.Decls[owner].Decorators {
			if lastPart(c.Name) == "Test" && !switchedOff(c.Text) && len(d.Decorators) == 0 && d.Name != j.Decls[owner].Name {
				return true
			}
		}
	}
	return false
}

// switchedOff reports whether an annotation says enabled = false, as TestNG has it.
func switchedOff(text string) bool {
	return strings.Contains(strings.Join(strings.Fields(text), ""), "enabled=false")
}

// runs reports whether a runner looks into the class of that name.
func (j *jvm) runs(name string, classes map[string]int) bool {
	for {
		i, ok := classes[name]
		if !ok {
			return false
		}
		d := &j.Decls[i]
		if d.Kind != Class || j.words[i]["abstract"] || j.words[i]["sealed"] {
			return false
		}
		if d.Owner == "" {
			return true
		}
		outer, ok := classes[d.Owner]
		if !ok || !marked(d, "Nested", "") && !marked(&j.Decls[outer], "RunWith", "Enclosed") {
			return false
		}
		name = d.Owner
	}
}

// marked reports whether a declaration carries the annotation, whose text holds the words.
func marked(d *Decl, name, holds string) bool {
	for _, c := range d.Decorators {
		if lastPart(c.Name) == name && strings.Contains(c.Text, holds) {
			return true
		}
	}
	return false
}
