package source

import (
	"slices"
	"strings"
)

// branches follows the conditions of a preprocessor (#if … #elif … #else … #endif) whose branches hold tokens. Every branch is
// read as code as long as each closes what it opens. Where the first does not, the others would open or close it once more: they
// are left out. Where another does not, or is no sequence of tokens at all, it is left out. A branch under a condition that is
// never true ("#if false") is left out too. What is left out is a comment, so that it makes no facts.
type branches struct {
	l          *lexer
	never      map[string]bool // conditions that are never true
	open       []branch
	directives []Span // lines of the preprocessor: neither tokens nor comments
}

// branch is a condition that is not ended, and what there was before its branch that is read now.
type branch struct {
	start                     int  // of the line #if
	first                     bool // the branch is the first that is read
	empty                     bool // what it holds was left out
	floor                     int  // brackets open before it
	lowest                    int  // the fewest open since
	from                      int  // where the text of the branch begins
	tokens, strings, comments int
}

// next reads a token with read. In a branch that is not the first, an error leaves the branch out.
func (b *branches) next(read func() error) error {
	l := b.l
	if len(b.open) == 0 {
		return read()
	}
	outer := l.filling == 0
	err := error(nil)
	switch c := l.byteAt(0); {
	case outer && (c == ')' || c == ']' || c == '}') && b.innermostOther() >= 0 && len(l.open) <= b.open[b.innermostOther()].floor:
		err = l.fail(l.pos, "a branch of #if closes what it did not open")
	default:
		err = read()
	}
	if err != nil && outer {
		if k := b.innermostOther(); k >= 0 {
			at := max(l.pos, b.open[k].from)
			b.goBack(k)
			return b.leaveOut(b.open[k].from, at, len(b.open)-1-k, k)
		}
	}
	if n := len(b.open); n > 0 && len(l.open) < b.open[n-1].lowest {
		b.open[n-1].lowest = len(l.open)
	}
	return err
}

// innermostOther returns the index of the innermost condition whose branch is not its first, or -1.
func (b *branches) innermostOther() int {
	for k := len(b.open) - 1; k >= 0; k-- {
		if !b.open[k].first {
			return k
		}
	}
	return -1
}

// goBack takes back all that was read since the branch of condition k began.
func (b *branches) goBack(k int) {
	l, o := b.l, &b.open[k]
	l.tokens, l.strings, l.comments, l.open = l.tokens[:o.tokens], l.strings[:o.strings], l.comments[:o.comments], l.open[:o.floor]
	for n := len(b.directives); n > 0 && b.directives[n-1].Start >= o.from; n = len(b.directives) {
		b.directives = b.directives[:n-1]
	}
}

// directive takes the line "#…" that begins here. A line that ends in a backslash goes on where the language says so with joined.
func (b *branches) directive(joined bool) error {
	l := b.l
	at := l.pos
	end := l.lineEnd(at)
	for joined && end < len(l.text) && l.text[end-1] == '\\' {
		end = l.lineEnd(min(end+2, len(l.text)))
	}
	word, condition := directiveOf(l.src[at:end])
	n := len(b.open)
	switch word {
	case "if", "ifdef", "ifndef":
		if n >= 200 {
			return l.fail(at, "#if nests too deep")
		}
		b.took(at, end)
		b.open = append(b.open, branch{start: at, first: true, floor: len(l.open), lowest: len(l.open)})
		b.begin()
		if word == "if" && b.never[condition] {
			return b.leaveOut(l.pos, l.pos, 0, n)
		}
		return nil
	case "elif", "elseif", "else":
		if n == 0 {
			return l.fail(at, "#"+word+" without #if")
		}
		o := &b.open[n-1]
		whole := len(l.open) == o.floor && o.lowest >= o.floor
		switch {
		case whole:
			b.took(at, end)
			o.first = o.first && o.empty
			b.begin()
			if b.never[condition] && word != "else" {
				return b.leaveOut(l.pos, l.pos, 0, n-1)
			}
		case o.first:
			b.took(at, end)
			return b.leaveOutAll(n - 1)
		default:
			b.goBack(n - 1)
			b.comment(o.from, at)
			b.took(at, end)
			b.begin()
		}
		return nil
	case "endif":
		if n == 0 {
			return l.fail(at, "#endif without #if")
		}
		o := &b.open[n-1]
		if !o.first && len(l.open) != o.floor {
			b.goBack(n - 1)
			b.comment(o.from, at)
		}
		b.took(at, end)
		b.end()
		return nil
	}
	b.took(at, end)
	return nil
}

// directiveOf returns the word of a line "# word condition", and the condition without a comment and blanks.
func directiveOf(line string) (word, condition string) {
	line = strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(line), "#"), " \t")
	i := 0
	for i < len(line) && 'a' <= line[i] && line[i] <= 'z' {
		i++
	}
	condition, _, _ = strings.Cut(line[i:], "//")
	return line[:i], strings.Trim(condition, " \t()\r")
}

// took notes a line of the preprocessor and goes on behind it.
func (b *branches) took(start, end int) {
	b.directives = append(b.directives, Span{start, end})
	b.l.pos = end
}

// begin remembers what there is where a branch begins.
func (b *branches) begin() {
	l, o := b.l, &b.open[len(b.open)-1]
	o.from, o.tokens, o.strings, o.comments = l.pos, len(l.tokens), len(l.strings), len(l.comments)
	o.lowest, o.empty = len(l.open), false
}

// end ends the innermost condition. What it closed, the one around it closed.
func (b *branches) end() {
	n := len(b.open) - 1
	if n > 0 {
		b.open[n-1].lowest = min(b.open[n-1].lowest, b.open[n].lowest)
	}
	b.open = b.open[:n]
}

// comment notes text that is left out, without the blanks around it.
func (b *branches) comment(start, end int) {
	l := b.l
	for start < end && isBlank(l.text[start]) {
		start++
	}
	for end > start && isBlank(l.text[end-1]) {
		end--
	}
	if end > start {
		l.comments = append(l.comments, Span{start, end})
	}
}

// leaveOut leaves out the branch of condition k, which began at from: up to the line that ends it, looked for at the offset, with
// that many conditions begun within the branch.
func (b *branches) leaveOut(from, at, nested, k int) error {
	l := b.l
	line, ok := b.boundary(at, nested, true)
	if !ok {
		return l.fail(b.open[k].start, "this #if is never ended")
	}
	b.open = b.open[:k+1]
	b.comment(from, line)
	l.pos, l.fresh = line, true
	b.begin()
	b.open[k].empty = true
	return nil
}

// leaveOutAll leaves out the rest of condition k, whose first branch does not close what it opened.
func (b *branches) leaveOutAll(k int) error {
	l := b.l
	from := l.pos
	line, ok := b.boundary(from, 0, false)
	if !ok {
		return l.fail(b.open[k].start, "this #if is never ended")
	}
	b.comment(from, line)
	l.pos, l.fresh = line, true
	b.took(line, l.lineEnd(line))
	b.end()
	return nil
}

// boundary returns the offset of the "#" that ends a branch, or with any the whole condition, from an offset on, with that many
// conditions begun.
func (b *branches) boundary(at, nested int, any bool) (int, bool) {
	l := b.l
	if at > 0 && l.text[at-1] != '\n' { // the rest of a line is none
		at = min(l.lineEnd(at)+1, len(l.text))
	}
	for at < len(l.text) {
		l.file.work++
		i := at
		for i < len(l.text) && (l.text[i] == ' ' || l.text[i] == '\t') {
			i++
		}
		end := l.lineEnd(at)
		if i < len(l.text) && l.text[i] == '#' {
			switch word, _ := directiveOf(l.src[i:end]); word {
			case "if", "ifdef", "ifndef":
				nested++
			case "endif":
				if nested == 0 {
					return i, true
				}
				nested--
			case "elif", "elseif", "else":
				if nested == 0 && any {
					return i, true
				}
			}
		}
		next := strings.IndexByte(l.src[at:], '\n')
		if next < 0 {
			break
		}
		at += next + 1
	}
	return 0, false
}

// done refuses a text that ends within a condition.
func (b *branches) done() error {
	if n := len(b.open); n > 0 {
		return b.l.fail(b.open[n-1].start, "this #if is never ended")
	}
	return nil
}

// spans are the tokens, comments and lines of the preprocessor, for tests of the lexer.
func (b *branches) spans() []Span {
	all := append(b.l.spans(), b.directives...)
	slices.SortFunc(all, func(a, c Span) int { return a.Start - c.Start })
	return all
}
