package mutate

import "github.com/redoubt-dev/redoubt/evidence"

// advice says which assertion would notice a mutant that one of the given type does not.
func advice(t evidence.Type, m *mutant) string {
	const testing = "test_passes with a test that fails without it"
	switch m.Operator {
	case EmptyBody:
		switch t {
		case evidence.TestExists, evidence.TestPasses:
			return "an empty test passes too: function_calls with the test as caller and what it must check with as callee"
		case evidence.FunctionExists, evidence.ClassExists:
			if m.calls != "" {
				return "function_calls with " + m.calls + ", or test_passes: that the function is there does not say what it does"
			}
			return "function_calls or test_passes: that the function is there does not say what it does"
		}
	case ReturnEarly:
		return "no reading of code sees that it is not reached: " + testing
	case InvertCondition:
		switch t {
		case evidence.PatternMatches:
			return "let the pattern name the whole condition with its operator, or " + testing
		case evidence.TestPasses:
			return "a test of the other side of the condition"
		}
		return testing + "; or pattern_matches on the whole condition, with scope_start on the function"
	case RemoveCall:
		if t == evidence.TestPasses {
			return "a test that only passes because of this call"
		}
		return "another call keeps the claim true: pattern_matches with scope_start and scope_end around this one, or " + testing
	case RemoveCheck:
		return "another check of the parameter keeps the claim true: pattern_matches on this one, or " + testing
	case RemoveHandler, EmptyHandler:
		if t == evidence.FunctionCalls {
			return "error_handled on the function when it handles no other error; else " + testing
		}
		return "another handler keeps the claim true: pattern_matches with scope_start and scope_end around this one, or " + testing
	case RemoveUses:
		return "function_calls or middleware_registered on what the module is there for: to import it is not to use it"
	case LoosenValue:
		switch t {
		case evidence.HTTPHeaderSet:
			return "give value, a pattern of the values that protect"
		case evidence.ConfigKeyExists:
			return "config_value_matches with the values that protect"
		case evidence.ConfigValueMatches:
			return "let the pattern list the values that protect and no other"
		case evidence.DecoratorPresent, evidence.MiddlewareRegistered:
			return "pattern_matches on the line with its arguments"
		case evidence.PatternMatches:
			return "let the pattern name this value too"
		}
		return "pattern_matches on the condition with its value, or " + testing
	case RemoveMatch:
		return "another place matches too: narrow it with scope_start and scope_end"
	case RespellPattern:
		return `let the pattern allow blanks (\s*) and either quote; where it forbids a module, forbid the import as well`
	case EmptyFile, GutFile:
		return "file_hash, or an assertion on what the file must hold"
	case DowngradeDependency:
		return "dependency_version with the lowest version that is safe"
	case ExposeSecret:
		return "no_plaintext_secret without patterns, which uses the builtin rules"
	case DeleteRegistration:
		return "another registration keeps the claim true: pattern_matches with scope_start and scope_end around this one, or " + testing
	case RemoveDependency:
		return "dependency_exists on the other file too"
	case RemoveTest, SkipTest:
		return "another test is selected too: name the one that counts"
	}
	return testing
}
