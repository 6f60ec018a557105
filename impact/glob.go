package impact

import (
	"regexp"
	"strings"
)

// compileGlob turns a glob over paths into a regular expression, whose time does not depend on what was asked for: ** spans
// folders, * and ? stay within one, [a-z] and [!a-z] are classes, {a,b} alternatives, \ takes away a meaning. It returns nil for
// one that is not well-formed.
func compileGlob(glob string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	depth := 0
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; c {
		case '/':
			if rest := glob[i+1:]; rest == "**" { // the folder itself too
				b.WriteString(`(?:/.*)?`)
				i += 2
				continue
			}
			b.WriteString(`/`)
		case '*':
			whole := strings.HasPrefix(glob[i:], "**") && (i == 0 || strings.IndexByte("/{,", glob[i-1]) >= 0)
			after := glob[min(i+2, len(glob)):]
			switch {
			case whole && strings.HasPrefix(after, "/"):
				b.WriteString(`(?:[^/]*/)*`)
				i += 2
			case whole && (after == "" || depth > 0 && strings.IndexByte(",}", after[0]) >= 0):
				b.WriteString(`.*`)
				i++
			default:
				for i+1 < len(glob) && glob[i+1] == '*' {
					i++
				}
				b.WriteString(`[^/]*`)
			}
		case '?':
			b.WriteString(`[^/]`)
		case '[':
			end := strings.IndexByte(glob[min(i+2, len(glob)):], ']')
			if end < 0 {
				return nil
			}
			set := glob[i+1 : i+2+end]
			not := ""
			if set[0] == '!' || set[0] == '^' {
				not, set = "^", set[1:]
			}
			if set == "" || strings.ContainsAny(set, `\[`) {
				return nil
			}
			b.WriteString("[" + not + strings.ReplaceAll(set, "^", `\^`) + "]")
			i += 2 + end
		case '{':
			depth++
			b.WriteString(`(?:`)
		case '}':
			if depth == 0 {
				return nil
			}
			depth--
			b.WriteString(`)`)
		case ',':
			if depth > 0 {
				b.WriteString(`|`)
			} else {
				b.WriteString(`,`)
			}
		case '\\':
			i++
			if i == len(glob) {
				return nil
			}
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	if depth > 0 {
		return nil
	}
	re, err := regexp.Compile(b.String() + `\z`)
	if err != nil {
		return nil
	}
	return re
}
