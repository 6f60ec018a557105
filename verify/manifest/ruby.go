package manifest

import (
	"regexp"
	"strings"
)

var (
	gemLine   = regexp.MustCompile(`^gem[\s(]+(?:"([^"#]+)"|'([^']+)')(.*)$`)
	gemString = regexp.MustCompile(`^\s*(?:"([^"#]*)"|'([^']*)')\s*$`)
	gemOption = regexp.MustCompile(`^\s*(?::?["']?(\w+)["']?\s*=>|(\w+):)\s*(.*)$`)
	gemGroup  = regexp.MustCompile(`^group\b(.*)\bdo\b`)
	gemBlock  = regexp.MustCompile(`\bdo\b(?:\s*\|[^|]*\|)?\s*$|^(?:if|unless|case|while|until|begin|def|class|module)\b`)
	gemPlace  = regexp.MustCompile(`^(git|path|github|gist|bitbucket)\b.*\bdo\b`)
	gemWhen   = regexp.MustCompile(`\s+(?:if|unless)\s.*$`)
	gemDoc    = regexp.MustCompile(`<<[~-]?["'` + "`" + `]?([A-Z_]+)`)
)

// gemfile reads the gem lines of a Gemfile. What Ruby computes is not known.
func gemfile(m *Manifest, text string) *Error {
	rows := strings.Split(text, "\n")
	var blocks []string // what each open block is: "dev", "elsewhere", ""
	for i := 0; i < len(rows); i++ {
		line := i + 1
		row := strings.TrimSpace(uncomment(rows[i]))
		switch {
		case strings.HasPrefix(rows[i], "=begin"):
			for i++; i < len(rows) && !strings.HasPrefix(rows[i], "=end"); i++ {
			}
			continue
		case strings.HasPrefix(rows[i], "__END__"):
			return nil
		case row == "":
			continue
		}
		for strings.HasSuffix(row, ",") || strings.HasSuffix(row, `\`) {
			if i++; i >= len(rows) {
				break
			}
			if i-line > 200 {
				return failed(line, "a statement goes over more than 200 lines")
			}
			row = strings.TrimSuffix(row, `\`) + " " + strings.TrimSpace(uncomment(rows[i]))
		}
		if doc := gemDoc.FindStringSubmatch(row); doc != nil {
			for i++; i < len(rows) && strings.TrimSpace(rows[i]) != doc[1]; i++ {
			}
			continue
		}
		if gem := gemLine.FindStringSubmatch(row); gem != nil {
			scope, loose := Main, ""
			for _, b := range blocks {
				switch b {
				case "dev":
					scope = Dev
				case "elsewhere":
					loose = "it is taken from a repository or a path"
				}
			}
			e := Entry{Package: gem[1] + gem[2], Line: line, Scope: scope, Direct: true, Loose: loose}
			m.add(gemSpec(e, gem[3]))
			continue
		}
		switch {
		case gemGroup.MatchString(row):
			kind := ""
			if !strings.Contains(row, "default") && !strings.Contains(row, "production") {
				kind = "dev"
			}
			blocks = append(blocks, kind)
		case gemPlace.MatchString(row):
			blocks = append(blocks, "elsewhere")
		case gemBlock.MatchString(row):
			blocks = append(blocks, "")
		case (row == "end" || strings.HasPrefix(row, "end ")) && len(blocks) > 0:
			blocks = blocks[:len(blocks)-1]
		case strings.HasPrefix(row, "gemspec"):
			m.hint("it takes the dependencies of a gemspec (line %d), which was not read: name Gemfile.lock", line)
		case strings.HasPrefix(row, "eval_gemfile"):
			m.hint("it includes another Gemfile (line %d), which was not read: name Gemfile.lock", line)
		}
	}
	return nil
}

// gemSpec fills in what follows the name of a gem.
func gemSpec(e Entry, rest string) Entry {
	rest = strings.TrimSpace(rest)
	if condition := gemWhen.FindString(" " + rest); condition != "" && !strings.ContainsAny(condition, `"'`) {
		rest = strings.TrimSpace(strings.TrimSuffix(" "+rest, condition))
		e.Marker = strings.TrimSpace(condition)
	}
	rest = strings.TrimPrefix(strings.TrimSuffix(rest, ")"), ",")
	var ranges []string
	for _, word := range commas(rest) {
		if strings.TrimSpace(word) == "" {
			continue
		}
		if s := gemString.FindStringSubmatch(word); s != nil {
			ranges = append(ranges, strings.TrimSpace(s[1]+s[2]))
			continue
		}
		option := gemOption.FindStringSubmatch(word)
		if option == nil {
			inner := strings.TrimSpace(word)
			if strings.HasPrefix(inner, "[") && strings.HasSuffix(inner, "]") {
				for _, one := range commas(inner[1 : len(inner)-1]) {
					if s := gemString.FindStringSubmatch(one); s != nil {
						ranges = append(ranges, strings.TrimSpace(s[1]+s[2]))
					} else {
						e.Loose = "its version is computed"
					}
				}
				continue
			}
			e.Loose = "its version is computed"
			continue
		}
		switch name := option[1] + option[2]; name {
		case "git", "github", "gist", "bitbucket", "path":
			e.Loose = "it is taken from a " + name
		case "group", "groups":
			if !strings.Contains(option[3], "default") && !strings.Contains(option[3], "production") {
				e.Scope = Dev
			}
		}
	}
	e.Range = strings.Join(ranges, ", ")
	if len(ranges) == 1 {
		if v := strings.TrimSpace(strings.TrimPrefix(ranges[0], "=")); gemVersion.MatchString(v) {
			e.Version, e.Range = v, ""
		}
	}
	return e
}

var gemVersion = regexp.MustCompile(`^[0-9]+(?:\.[0-9A-Za-z]+)*$`)

// commas parts at commas that are neither in quotes nor in brackets.
func commas(s string) []string {
	var out []string
	depth, start := 0, 0
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[' || c == '(' || c == '{':
			depth++
		case c == ']' || c == ')' || c == '}':
			depth--
		case c == ',' && depth == 0:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// uncomment takes off a comment of Ruby.
func uncomment(row string) string {
	var quote byte
	for i := 0; i < len(row); i++ {
		switch c := row[i]; {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#':
			return row[:i]
		}
	}
	return row
}

var (
	lockSpec = regexp.MustCompile(`^ {4}(\S+) \(([^)]+)\)$`)
	lockDep  = regexp.MustCompile(`^ {2}([^\s!(]+)`)
)

// gemfileLock reads Gemfile.lock.
func gemfileLock(m *Manifest, text string) *Error {
	section := ""
	direct := map[string]bool{}
	for i, row := range strings.Split(text, "\n") {
		row = strings.TrimRight(row, " \t")
		switch {
		case row == "":
		case strings.HasPrefix(row, "<<<<<<<") || strings.HasPrefix(row, ">>>>>>>"):
			return failed(i+1, "malformed Gemfile.lock: a merge was not finished")
		case row[0] != ' ':
			section = row
		case section == "DEPENDENCIES":
			if d := lockDep.FindStringSubmatch(row); d != nil {
				direct[d[1]] = true
			}
		case section == "GEM" || section == "GIT" || section == "PATH" || section == "PLUGIN SOURCE":
			spec := lockSpec.FindStringSubmatch(row)
			if spec == nil {
				if strings.HasPrefix(row, "    ") && row[4] != ' ' {
					return failed(i+1, "malformed Gemfile.lock: a gem is written name (version)")
				}
				continue
			}
			version, _, _ := strings.Cut(spec[2], "-") // the platform
			e := Entry{Package: spec[1], Version: version, Line: i + 1}
			if section != "GEM" {
				e.Loose = "it is taken from a repository or a path"
			}
			m.add(e)
		}
	}
	if section == "" {
		return failed(1, "malformed Gemfile.lock: it has no section")
	}
	for i := range m.Entries {
		m.Entries[i].Direct = direct[m.Entries[i].Package]
	}
	return nil
}
