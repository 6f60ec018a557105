package mutate

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds on a diff that is shown, in lines and in characters a line.
const (
	maxDiff    = 40
	maxColumns = 160
	around     = 2
)

// diffOf shows how a file changes, as one hunk of a unified diff, and the first changed line of the old text, from 1. Line ends
// are shown as line feeds. A change of many lines is cut in the middle.
func diffOf(before, after []byte) (text string, line int) {
	a, b := linesOf(before), linesOf(after)
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	tail := 0
	for tail < len(a)-same && tail < len(b)-same && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	from, to := max(0, same-around), min(len(a), len(a)-tail+around)
	var lines []string
	add := func(sign string, of []string) {
		for _, l := range of {
			lines = append(lines, sign+short(l))
		}
	}
	add(" ", a[from:same])
	add("-", a[same:len(a)-tail])
	add("+", b[same:len(b)-tail])
	add(" ", a[len(a)-tail:to])
	if len(lines) > maxDiff {
		cut := fmt.Sprintf("… %d lines", len(lines)-maxDiff)
		lines = slices.Concat(lines[:maxDiff/2], []string{cut}, lines[len(lines)-maxDiff/2:])
	}
	return fmt.Sprintf("@@ line %d @@\n%s\n", same+1, strings.Join(lines, "\n")), same + 1
}

func linesOf(text []byte) []string {
	s := strings.ReplaceAll(string(text), "\r\n", "\n")
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// short cuts a line for the eye, and makes what is no text harmless.
func short(line string) string {
	line = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' && r != '\t' || r == 0x7f {
			return '·'
		}
		return r
	}, line)
	if utf8.RuneCountInString(line) > maxColumns {
		line = string([]rune(line)[:maxColumns]) + "…"
	}
	return line
}
