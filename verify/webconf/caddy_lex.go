package webconf

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The Caddyfile's syntax is read here: Caddy's own parser comes with the whole server, and opens the files that are imported.

// caddyToken is a word of a Caddyfile.
type caddyToken struct {
	text   string
	line   int
	quoted bool
}

// caddyTokens cuts a text into words: between blanks, in quotes, in backquotes, or between the marks of a heredoc. A number sign
// begins a comment only where a word may begin.
func caddyTokens(text string) ([]caddyToken, *Error) {
	var all []caddyToken
	line := 1
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\n':
			line++
			i++
		case c == '\\' && i+1 < len(text) && (text[i+1] == '\n' || strings.HasPrefix(text[i+1:], "\r\n")): // the line goes on
			i += 2
			if text[i-1] == '\r' {
				i++
			}
			// The words that follow belong to the line before.
			joined, next, err := caddyLine(text, i, line)
			if err != nil {
				return nil, err
			}
			all = append(all, joined...)
			line += strings.Count(text[i:next], "\n") + 1
			i = next
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case caddySpace(text, i) > 0:
			i += caddySpace(text, i)
		default:
			t, next, err := caddyToken1(text, i, line)
			if err != nil {
				return nil, err
			}
			line += strings.Count(text[i:next], "\n")
			all = append(all, t)
			i = next
		}
	}
	return all, nil
}

// caddySpace returns how many bytes the blank at i takes; 0 when there is none.
func caddySpace(text string, i int) int {
	r, size := utf8.DecodeRuneInString(text[i:])
	if !unicode.IsSpace(r) {
		return 0
	}
	return size
}

// caddyLine returns the words up to the end of a line, all with the number of the line that they continue.
func caddyLine(text string, i, line int) (all []caddyToken, next int, err *Error) {
	for i < len(text) && text[i] != '\n' {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && text[i+1] == '\n':
			i += 2
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case caddySpace(text, i) > 0:
			i += caddySpace(text, i)
		default:
			t, after, err := caddyToken1(text, i, line)
			if err != nil {
				return nil, i, err
			}
			all = append(all, t)
			i = after
		}
	}
	return all, i, nil
}

// caddyToken1 reads the word that begins at i.
func caddyToken1(text string, i, line int) (t caddyToken, next int, err *Error) {
	t.line = line
	if quote := text[i]; quote == '"' || quote == '`' {
		t.quoted = true
		var b strings.Builder
		for k := i + 1; k < len(text); k++ {
			switch {
			case text[k] == quote:
				t.text = b.String()
				return t, k + 1, nil
			case quote == '"' && text[k] == '\\' && k+1 < len(text) && text[k+1] == '"':
				k++
			}
			b.WriteByte(text[k])
		}
		return t, i, failed(line, "a quote that is not closed")
	}
	k := i
	for k < len(text) && caddySpace(text, k) == 0 {
		k++
	}
	t.text = text[i:k]
	if mark, heredoc := strings.CutPrefix(t.text, "<<"); heredoc && mark != "" && strings.Trim(mark, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == "" {
		return caddyHeredoc(text, k, mark, line)
	}
	return t, k, nil
}

// caddyHeredoc reads the lines up to one that holds the mark alone; the blanks before the mark are taken off each.
func caddyHeredoc(text string, i int, mark string, line int) (caddyToken, int, *Error) {
	t := caddyToken{line: line, quoted: true}
	nl := strings.IndexByte(text[i:], '\n')
	if nl < 0 || strings.TrimSpace(text[i:i+nl]) != "" {
		return t, i, failed(line, "a heredoc <<%s without its lines", mark)
	}
	var lines []string
	for at := i + nl + 1; at < len(text); {
		stop := strings.IndexByte(text[at:], '\n')
		whole := text[at:]
		if stop >= 0 {
			whole = text[at : at+stop]
		}
		trimmed := strings.TrimSuffix(whole, "\r")
		indent := trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, " \t"))]
		rest := trimmed[len(indent):]
		if word, _, _ := strings.Cut(rest, " "); word == mark {
			for k := range lines {
				if lines[k] != "" && !strings.HasPrefix(lines[k], indent) {
					return t, i, failed(line, "a line of the heredoc <<%s is indented less than its end", mark)
				}
				lines[k] = strings.TrimPrefix(lines[k], indent)
			}
			t.text = strings.Join(lines, "\n")
			return t, at + len(indent) + len(mark), nil
		}
		lines = append(lines, trimmed)
		if stop < 0 {
			break
		}
		at += stop + 1
	}
	return t, i, failed(line, "a heredoc <<%s that is not closed", mark)
}

// caddyDirective is a line of a Caddyfile with the block that it opens.
type caddyDirective struct {
	words []caddyToken
	line  int
	block []caddyDirective
	open  bool
}

// parseCaddyfile returns the lines of a text, those in blocks beneath the ones that open them.
func parseCaddyfile(text string) ([]caddyDirective, *Error) {
	tokens, err := caddyTokens(text)
	if err != nil {
		return nil, err
	}
	type level struct {
		head caddyDirective
		body []caddyDirective
	}
	stack := []level{{}}
	for i := 0; i < len(tokens); {
		from := i
		for i++; i < len(tokens) && tokens[i].line == tokens[from].line; i++ {
		}
		words := tokens[from:i]
		line := words[0].line
		if words[0].is("}") {
			if len(words) > 1 {
				return nil, failed(line, "a bracket that closes a block stands alone on its line")
			}
			if len(stack) == 1 {
				return nil, failed(line, "a bracket that closes nothing")
			}
			d := stack[len(stack)-1].head
			d.block = stack[len(stack)-1].body
			stack = stack[:len(stack)-1]
			stack[len(stack)-1].body = append(stack[len(stack)-1].body, d)
			continue
		}
		d := caddyDirective{words: words, line: line}
		if last := words[len(words)-1]; last.is("{") {
			d.words, d.open = words[:len(words)-1], true
			if len(stack) > maxDepth {
				return nil, failed(line, "more than %d blocks within each other", maxDepth)
			}
			stack = append(stack, level{head: d})
			continue
		}
		for _, w := range words {
			if w.is("{") || w.is("}") {
				return nil, failed(line, "a block opens at the end of a line and closes on a line of its own")
			}
		}
		top := &stack[len(stack)-1]
		top.body = append(top.body, d)
	}
	if n := len(stack); n > 1 {
		last := 1
		if len(tokens) > 0 {
			last = tokens[len(tokens)-1].line + 1
		}
		return nil, failed(last, "the block of line %d is not closed", stack[n-1].head.line)
	}
	return stack[0].body, nil
}

// is reports whether a token is the sign, not in quotes.
func (t caddyToken) is(sign string) bool { return !t.quoted && t.text == sign }
