package config

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// readProperties reads a Java properties file as java.util.Properties does, in UTF-8; ${name} is never expanded. A comment line
// "#---" or "!---" begins another document, as Spring has it. A key that stands twice is an error when it is looked up.
func readProperties(b *builder, text []byte) (docs []*Node, err *Error) {
	defer guard(&err)
	root := b.node(Map, "", 1)
	s := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text))
	rows := strings.Split(s, "\n")
	for i := 0; i < len(rows); i++ {
		line := i + 1
		row := strings.TrimLeft(rows[i], " \t\f")
		if mark := strings.TrimRight(rows[i], " \t\f"); mark == "#---" || mark == "!---" {
			if len(root.entries) > 0 {
				docs = append(docs, root)
			}
			root = b.node(Map, "", line)
			continue
		}
		if row == "" || row[0] == '#' || row[0] == '!' {
			continue
		}
		var whole strings.Builder
		for continues(row) && i+1 < len(rows) {
			whole.WriteString(row[:len(row)-1])
			i++
			row = strings.TrimLeft(rows[i], " \t\f")
		}
		if continues(row) { // at the end of the file
			row = row[:len(row)-1]
		}
		whole.WriteString(row)
		if whole.Len() == 0 {
			continue // backslashes at line ends alone
		}
		key, value, bad := property(whole.String(), line)
		if bad != nil {
			return nil, bad
		}
		n := b.node(String, value, line)
		if old := root.Get(key); old != nil {
			old.again = line
		} else {
			root.add(key, n)
		}
	}
	if len(root.entries) > 0 || len(docs) == 0 {
		docs = append(docs, root)
	}
	return docs, nil
}

// continues reports whether an odd number of backslashes ends the row.
func continues(row string) bool {
	n := 0
	for n < len(row) && row[len(row)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// property parts a logical line at the first "=", ":" or blank that is not escaped.
func property(s string, line int) (key, value string, err *Error) {
	end := len(s)
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
			continue
		}
		if strings.IndexByte("=: \t\f", s[i]) >= 0 {
			end = i
			break
		}
	}
	rest := strings.TrimLeft(s[end:], " \t\f")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t\f")
	}
	if key, err = unescape(s[:end], line); err != nil {
		return "", "", err
	}
	value, err = unescape(rest, line)
	return key, value, err
}

func unescape(s string, line int) (string, *Error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			r, ok := unit(s[i+1:])
			if !ok {
				return "", failed(line, `malformed properties: \u needs four hexadecimal digits`)
			}
			i += 4
			if utf16.IsSurrogate(r) && strings.HasPrefix(s[i+1:], `\u`) {
				if low, ok := unit(s[i+3:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
					r = utf16.DecodeRune(r, low)
					i += 6
				}
			}
			b.WriteRune(r)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

// unit reads four hexadecimal digits.
func unit(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 32)
	return rune(n), err == nil
}
