package webconf

import "strings"

// looksApache reports whether a text is written for Apache httpd: a line opens a section, or sets a header without a semicolon.
func looksApache(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if len(line) > 1 && line[0] == '<' && (line[1] >= 'A' && line[1] <= 'Z' || line[1] >= 'a' && line[1] <= 'z') {
			return true
		}
		if head, rest, ok := strings.Cut(line, " "); ok && strings.EqualFold(head, "header") && !strings.HasSuffix(rest, ";") && !strings.HasSuffix(rest, "{") {
			return true
		}
	}
	return false
}

// apacheSection is a section that is open.
type apacheSection struct {
	name string
	line int
	id   int
}

// apacheUnset is a header that was taken out of one of the two tables: that for all answers, and that for successful ones.
type apacheUnset struct {
	table, name string
	section     int
	line, order int
}

// readApache follows mod_headers: sections add up, and what is unset after it was set, or in another section, is lost.
func readApache(f *File, text string) *Error {
	var sections []apacheSection
	made := 0
	current := 0
	var unsets []apacheUnset
	type place struct{ section, order int }
	sets := map[string][]place{} // by table and name
	edited := map[string]bool{}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		at := i + 1
		line := strings.TrimSpace(lines[i])
		if strings.HasSuffix(line, `\`) {
			var b strings.Builder
			for strings.HasSuffix(line, `\`) {
				b.WriteString(strings.TrimSuffix(line, `\`) + " ")
				if i++; i == len(lines) {
					line = ""
					break
				}
				line = strings.TrimSpace(lines[i])
			}
			b.WriteString(line)
			line = strings.TrimSpace(b.String())
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '<' {
			if name, closes := strings.CutPrefix(line, "</"); closes {
				name = strings.ToLower(strings.TrimSpace(strings.TrimSuffix(name, ">")))
				if len(sections) == 0 || sections[len(sections)-1].name != name {
					return failed(at, "</%s> closes nothing that is open here", name)
				}
				sections = sections[:len(sections)-1]
				current = 0
				if len(sections) > 0 {
					current = sections[len(sections)-1].id
				}
				continue
			}
			if !strings.HasSuffix(line, ">") {
				return failed(at, "a section without its closing bracket")
			}
			if len(sections) == maxDepth {
				return failed(at, "more than %d sections within each other", maxDepth)
			}
			name, _, _ := strings.Cut(strings.TrimSuffix(line[1:], ">"), " ")
			name = strings.ToLower(strings.TrimSpace(name))
			if !strings.HasPrefix(name, "ifmodule") && !strings.HasPrefix(name, "ifdefine") && !strings.HasPrefix(name, "ifversion") {
				made++ // these three are no part of the site
				current = made
			}
			sections = append(sections, apacheSection{name, at, current})
			continue
		}
		words := apacheWords(line)
		switch strings.ToLower(words[0].text) {
		case "include", "includeoptional":
			if len(words) > 1 {
				f.unseen(at, "%s is included, which is not followed", words[1].text)
			}
			continue
		case "header":
		default:
			continue
		}
		words = words[1:]
		table := "onsuccess"
		if len(words) > 0 && (strings.EqualFold(words[0].text, "always") || strings.EqualFold(words[0].text, "onsuccess")) {
			table = strings.ToLower(words[0].text)
			words = words[1:]
		}
		if len(words) < 2 {
			return failed(at, "Header takes an action and the name of a header")
		}
		action, name := strings.ToLower(words[0].text), strings.TrimSuffix(words[1].text, ":")
		key := table + " " + strings.ToLower(name)
		switch action {
		case "set", "append", "add", "merge", "setifempty":
			if len(words) < 3 {
				return failed(at, "Header %s takes the name of a header and its value", action)
			}
			value := words[2]
			open := value.variable || action == "setifempty"
			if strings.HasPrefix(value.text, "expr=") {
				open = true
			}
			f.set(name, value.text, open, at)
			sets[key] = append(sets[key], place{current, at})
		case "unset":
			unsets = append(unsets, apacheUnset{table, name, current, at, at})
		case "edit", "edit*":
			edited[strings.ToLower(name)] = true
		case "echo", "note":
		default:
			return failed(at, "Header has no action %s", action)
		}
	}
	if len(sections) > 0 {
		open := sections[len(sections)-1]
		return failed(open.line, "<%s> is not closed", open.name)
	}
	for i := range f.Headers {
		if h := &f.Headers[i]; edited[strings.ToLower(h.Name)] {
			h.Value, h.Known = "", false
		}
	}
	seen := map[string]bool{}
	for _, u := range unsets {
		key := u.table + " " + strings.ToLower(u.name)
		places := sets[key]
		if seen[key] || len(places) == 0 {
			continue
		}
		// Set after it, in its own section, as the places of one section tell by their order.
		if last := places[len(places)-1]; last.section == u.section && last.order > u.order && places[0].section == u.section && places[0].order > u.order {
			continue
		}
		seen[key] = true
		f.lose(u.name, u.line, "Header unset takes it away")
	}
	return nil
}

// apacheWords cuts a line into its arguments. A value with a format specifier or a variable is known when the server runs.
func apacheWords(line string) []word {
	var all []word
	for i := 0; i < len(line); {
		if line[i] == ' ' || line[i] == '\t' {
			i++
			continue
		}
		var b strings.Builder
		if quote := line[i]; quote == '"' || quote == '\'' {
			for i++; i < len(line) && line[i] != quote; i++ {
				if line[i] == '\\' && i+1 < len(line) && (line[i+1] == quote || line[i+1] == '\\') {
					i++
				}
				b.WriteByte(line[i])
			}
			i++
		} else {
			for ; i < len(line) && line[i] != ' ' && line[i] != '\t'; i++ {
				b.WriteByte(line[i])
			}
		}
		text := b.String()
		all = append(all, word{text: strings.ReplaceAll(text, "%%", "%"), variable: strings.Contains(strings.ReplaceAll(text, "%%", ""), "%") || strings.Contains(text, "${")})
	}
	return all
}
