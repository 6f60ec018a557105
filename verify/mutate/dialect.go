package mutate

import (
	"fmt"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// dialect is how a language says what mutants need to say. Of several ways the first is taken with which the file still parses.
type dialect struct {
	nothing string   // the value that stands for none
	yes, no string   // the truth values
	not     string   // the opposite of %s
	leaves  []string // statements that leave a function with nothing
	grants  []string // statements that leave a function with yes
	skip    string   // a statement that does nothing, where there must be one
	names   []string // declarations of a text: %[1]s is its name, %[2]s the text in quotes
	holds   []string // statements that hold the piece of code %s
}

// common is the way of languages with braces and semicolons.
var common = dialect{
	nothing: "null", yes: "true", no: "false", not: "!(%s)",
	leaves: []string{"return;", "return null;", "return", ";"}, grants: []string{"return true;"},
	names: []string{"static const char *%[1]s = %[2]s;", "const %[1]s = %[2]s;", "var %[1]s = %[2]s;", "%[1]s = %[2]s;", "class Exposed { static final String %[1]s = %[2]s; }"},
	holds: []string{"%s;", "%s", "%s { }", "{ %s }"},
}

var dialects = map[source.Language]dialect{
	source.Go: {
		nothing: "nil", yes: "true", no: "false", not: "!(%s)", leaves: []string{"return"}, names: []string{"var %[1]s = %[2]s"},
		holds: []string{"%s", "_ = %s", "var _ = %s", "_ = mutant{%s}", "var _ = mutant{%s}", "_ = `%s`", "var _ = `%s`"},
	},
	source.Python: {
		nothing: "None", yes: "True", no: "False", not: "not (%s)", leaves: []string{"return None"}, grants: []string{"return True"}, skip: "pass",
		names: []string{"%[1]s = %[2]s"}, holds: []string{"%s", "dict(%s)", "{%s}", `_ = """%s"""`},
	},
	source.JavaScript: script,
	source.TypeScript: script,
	source.Kotlin: {
		nothing: "null", yes: "true", no: "false", not: "!(%s)", leaves: []string{"return", "return null"}, grants: []string{"return true"},
		names: []string{"val %[1]s = %[2]s"}, holds: common.holds,
	},
	source.Scala: {
		nothing: "null", yes: "true", no: "false", not: "!(%s)", leaves: []string{"return", "null"}, grants: []string{"return true", "true"},
		names: []string{"val %[1]s = %[2]s", "object Exposed { val %[1]s = %[2]s }"}, holds: common.holds,
	},
	source.Swift: {
		nothing: "nil", yes: "true", no: "false", not: "!(%s)", leaves: []string{"return", "return nil"}, grants: []string{"return true"},
		names: []string{"let %[1]s = %[2]s"}, holds: common.holds,
	},
	source.Rust: {
		nothing: "Default::default()", yes: "true", no: "false", not: "!(%s)", leaves: []string{"return Default::default();"}, grants: []string{"return true;"},
		names: []string{"const EXPOSED: (&str, &str) = (\"%[1]s\", %[2]s);"}, holds: common.holds,
	},
	source.C: {
		nothing: "0", yes: "1", no: "0", not: "!(%s)", leaves: []string{"return;", "return 0;"}, grants: []string{"return 1;"}, skip: ";",
		names: []string{"static const char *%[1]s = %[2]s;"}, holds: common.holds,
	},
	source.CPP: {
		nothing: "{}", yes: "true", no: "false", not: "!(%s)", leaves: []string{"return {};", "return;"}, grants: []string{"return true;"}, skip: ";",
		names: []string{"static const char *%[1]s = %[2]s;"}, holds: common.holds,
	},
	source.CSharp: {
		nothing: "default", yes: "true", no: "false", not: "!(%s)", leaves: []string{"return;", "return default;"}, grants: []string{"return true;"}, skip: ";",
		names: []string{"class Exposed { const string %[1]s = %[2]s; }"}, holds: common.holds,
	},
	source.PHP: {
		nothing: "null", yes: "true", no: "false", not: "!(%s)", leaves: []string{"return;"}, grants: []string{"return true;"}, skip: ";",
		names: []string{"$%[1]s = %[2]s;", "<?php $%[1]s = %[2]s;"}, holds: common.holds,
	},
	source.Ruby: {
		nothing: "nil", yes: "true", no: "false", not: "!(%s)", leaves: []string{"return nil"}, grants: []string{"return true"}, skip: "nil",
		names: []string{"%[1]s = %[2]s"}, holds: []string{"%s", "_ = { %s }", "_ = %%q{%s}"},
	},
	source.Shell: {
		nothing: ":", yes: "true", no: "false", not: "! { %s; }", leaves: []string{"return 0"}, grants: []string{"return 0"}, skip: ":",
		names: []string{"%[1]s=%[2]s"}, holds: []string{"%s", "_='%s'"},
	},
	source.SQL: {
		nothing: "NULL", yes: "TRUE", no: "FALSE", not: "NOT (%s)", leaves: []string{"RETURN;", "SELECT NULL;"}, grants: []string{"RETURN TRUE;"},
		names: []string{"SELECT %[2]s AS %[1]s;"}, holds: common.holds,
	},
}

var script = dialect{
	nothing: "undefined", yes: "true", no: "false", not: "!(%s)", leaves: []string{"return;", "undefined"}, grants: []string{"return true;", "true"},
	names: []string{"const %[1]s = %[2]s;"}, holds: []string{"%s;", "%s", "({%s});", "void `%s`;"},
}

// dialect is that of the subject's language.
func (s *subject) dialect() dialect {
	if d, known := dialects[s.facts.Language]; known {
		return d
	}
	return common
}

// in fills a piece of code into the forms.
func in(forms []string, code string) []string {
	filled := make([]string, len(forms))
	for i, form := range forms {
		before, after, _ := strings.Cut(form, "%s")
		filled[i] = strings.ReplaceAll(before, "%%", "%") + code + after
	}
	return filled
}

// named declares a text under a name, in the ways of the language.
func (s *subject) named(name, quoted string) []string {
	var all []string
	for _, form := range s.dialect().names {
		all = append(all, fmt.Sprintf(form, name, quoted))
	}
	return all
}

// nothing is the value of the language that stands for none.
func (s *subject) nothing() string { return s.dialect().nothing }

// truth is yes or no in the language.
func (s *subject) truth(yes bool) string {
	if yes {
		return s.dialect().yes
	}
	return s.dialect().no
}
