package impact

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

func number(n int) string { return strconv.Itoa(n) }

// Parse reads a unified diff, as git or diff -u write it. Git's headers are understood (renames, copies, modes, binary files, quoted
// paths, the default prefixes, mnemonic ones and none), and so is what git show and git format-patch write before and after. In a
// diff without git's headers a/ and b/ beside /dev/null are prefixes. Everything else is refused: a diff that is understood in
// part would leave changes out. Errors: [threat.Invalid], with the number of the line.
func Parse(diff string) ([]Change, error) {
	if len(diff) > MaxDiff {
		return nil, threat.Errorf(threat.Invalid, "the diff has %d bytes, at most %d fit", len(diff), MaxDiff).
			Hinted("send changed_paths instead, or the diff in parts, file by file")
	}
	p := &parser{rest: diff, preamble: true}
	for p.next() {
		if err := p.top(); err != nil {
			return nil, err
		}
	}
	if len(p.changes) == 0 {
		return nil, p.wrong("there is no file in the diff")
	}
	return p.changes, nil
}

type parser struct {
	rest     string
	line     string // the line read last, without its end
	n        int    // its number, from 1
	again    bool   // next returns the same line once more
	preamble bool   // before a file, where a mail or a commit may be
	changes  []Change
}

func (p *parser) next() bool {
	if p.again {
		p.again = false
		return true
	}
	if p.rest == "" {
		p.line = ""
		return false
	}
	p.line, p.rest, _ = strings.Cut(p.rest, "\n")
	p.n++
	return true
}

func (p *parser) back() { p.again = true }

// head is the line as a header: a diff whose line ends were all changed has a CR there.
func (p *parser) head() string { return strings.TrimSuffix(p.line, "\r") }

// wrong refuses the diff at the current line. Its words hold nothing of the diff.
func (p *parser) wrong(format string, args ...any) error {
	words := []any{p.n}
	return threat.Errorf(threat.Invalid, "line %d: "+format, append(words, args...)...).
		Hinted("send what git diff prints, whole and unchanged; or send changed_paths")
}

var newCommit = regexp.MustCompile(`^(?:commit|From) [0-9a-f]{7,64}\b`)

// top reads what stands outside of files.
func (p *parser) top() error {
	s := p.head()
	switch {
	case s == "":
		return nil
	case strings.HasPrefix(s, "diff --git "):
		p.preamble = false
		return p.gitFile(strings.TrimPrefix(s, "diff --git "))
	case strings.HasPrefix(s, "diff --cc "), strings.HasPrefix(s, "diff --combined "), strings.HasPrefix(s, "@@@"):
		return p.wrong("it is the diff of a merge; a diff against one commit is needed, such as git diff HEAD^1")
	case strings.HasPrefix(s, "@@"):
		return p.wrong("there is a hunk without a file")
	case strings.HasPrefix(s, "--- "):
		if strings.HasPrefix(p.rest, "+++ ") {
			p.preamble = false
			return p.plainFile(s)
		}
	case s == "-- ", s == "--", newCommit.MatchString(s):
		p.preamble = true
		return nil
	case strings.HasPrefix(s, "Index: "), strings.HasPrefix(s, "diff -"), strings.Trim(s, "=") == "":
		return nil
	}
	if p.preamble {
		return nil
	}
	return p.wrong("it is not part of a unified diff")
}

// plainFile reads a file without git's headers, from its "---" line.
func (p *parser) plainFile(first string) error {
	old, err := p.name(first[len("--- "):])
	if err != nil {
		return err
	}
	p.next()
	to, err := p.name(p.head()[len("+++ "):])
	if err != nil {
		return err
	}
	c := Change{Old: old, New: to, Op: Modified}
	switch {
	case old == "" && to == "":
		return p.wrong("neither side has a file")
	case old == "":
		c.Op, c.New = Added, strings.TrimPrefix(to, "b/")
	case to == "":
		c.Op, c.Old = Deleted, strings.TrimPrefix(old, "a/")
	default:
		name, ok := common(old, to)
		if !ok {
			return p.wrong("the two sides have different names, which only git's headers explain")
		}
		c.Old, c.New = name, name
	}
	if c.Hunks, err = p.hunks(); err != nil {
		return err
	}
	switch {
	case len(c.Hunks) == 0:
		return p.wrong("there is no hunk after the names of a file")
	case c.Op == Modified && len(c.Hunks) == 1 && c.Hunks[0].NewLines == 0 && c.Hunks[0].NewStart == 0:
		c.Op, c.New = Deleted, "" // nothing is left of it
	case c.Op == Modified && len(c.Hunks) == 1 && c.Hunks[0].OldLines == 0 && c.Hunks[0].OldStart == 0:
		c.Op, c.Old = Added, ""
	}
	return p.add(c)
}

func (p *parser) add(c Change) error {
	for _, name := range []string{c.Old, c.New} {
		if name != "" && !inRepository(name) {
			return p.wrong("the path of the file before it is not one from the repository root")
		}
	}
	p.changes = append(p.changes, c)
	return nil
}

// name reads the name in a "---" or "+++" line: quoted, or up to a tab, after which comes a time. "" is for /dev/null.
func (p *parser) name(s string) (string, error) {
	var name string
	if strings.HasPrefix(s, `"`) {
		var ok bool
		if name, s, ok = unquote(s); !ok || s != "" && s[0] != '\t' {
			return "", p.wrong("the quoted path is not well-formed")
		}
	} else {
		name, _, _ = strings.Cut(s, "\t")
	}
	switch name {
	case "":
		return "", p.wrong("there is no path")
	case "/dev/null":
		return "", nil
	}
	return name, nil
}

// pairs are the prefixes of the two sides: git's default, diff.mnemonicPrefix, and each of them reversed (git diff -R).
var pairs = map[string]bool{
	"ab": true, "ba": true, "iw": true, "wi": true, "ci": true, "ic": true, "cw": true, "wc": true, "ow": true, "wo": true, "12": true, "21": true,
}

// common returns the name of a file that both sides name, without prefixes.
func common(left, right string) (string, bool) {
	if left == right {
		return left, left != "" // git diff --no-prefix
	}
	if len(left) > 2 && len(left) == len(right) && left[1] == '/' && left[1:] == right[1:] && pairs[left[:1]+right[:1]] {
		return left[2:], true
	}
	return "", false
}

// headerName returns the file that a "diff --git" line names twice. A rename has two names there, and the line cannot be cut by
// rule: its own headers name them.
func headerName(s string) (string, bool) {
	var left, right string
	switch {
	case strings.HasPrefix(s, `"`):
		l, rest, ok := unquote(s)
		if !ok || !strings.HasPrefix(rest, " ") {
			return "", false
		}
		left, right = l, rest[1:]
		if strings.HasPrefix(right, `"`) {
			if right, rest, ok = unquote(right); !ok || rest != "" {
				return "", false
			}
		}
	case len(s)%2 == 1 && s[len(s)/2] == ' ':
		left, right = s[:len(s)/2], s[len(s)/2+1:]
	default:
		return "", false
	}
	return common(left, right)
}

// gitFile reads a file from its "diff --git" line.
func (p *parser) gitFile(names string) (err error) {
	name, named := headerName(names)
	c := Change{Op: Modified}
	var from, to string
	mode, content := false, false
	for p.next() {
		s := p.head()
		word := func(prefix string) bool { return strings.HasPrefix(s, prefix) }
		switch {
		case word("old mode "), word("new mode "):
			mode = true
		case word("index "), word("similarity index "), word("dissimilarity index "):
		case word("deleted file mode "):
			c.Op = Deleted
		case word("new file mode "):
			c.Op = Added
		case word("rename from "), word("copy from "):
			_, rest, _ := strings.Cut(s, " from ")
			if from, err = p.name(rest); err != nil {
				return err
			}
		case word("rename to "), word("copy to "):
			_, rest, _ := strings.Cut(s, " to ")
			if to, err = p.name(rest); err != nil {
				return err
			}
			c.Op = Renamed
			if word("copy") {
				c.Op = Copied
			}
		case word("Binary files ") && strings.HasSuffix(s, " differ"):
			c.Binary, content = true, true
		case s == "GIT binary patch":
			c.Binary, content = true, true
			if err := p.binaryPatch(); err != nil {
				return err
			}
		case word("--- "):
			content = true
			if err := p.gitSides(&c, s, name, from, to); err != nil {
				return err
			}
			if c.Hunks, err = p.hunks(); err != nil {
				return err
			}
			if len(c.Hunks) == 0 {
				return p.wrong("there is no hunk after the names of a file")
			}
			return p.finish(c, name, named, from, to)
		default:
			p.back()
			if c.Op == Modified && !mode && !content {
				return p.wrong("the file before it has neither a hunk nor a change of its mode")
			}
			return p.finish(c, name, named, from, to)
		}
	}
	if c.Op == Modified && !mode && !content {
		return p.wrong("the diff ends within the headers of a file")
	}
	return p.finish(c, name, named, from, to)
}

// gitSides checks the "---" and "+++" lines against the headers before them.
func (p *parser) gitSides(c *Change, first, name, from, to string) error {
	left, err := p.name(first[len("--- "):])
	if err != nil {
		return err
	}
	if !p.next() || !strings.HasPrefix(p.head(), "+++ ") {
		return p.wrong("a line that begins with +++ should follow one with ---")
	}
	right, err := p.name(p.head()[len("+++ "):])
	if err != nil {
		return err
	}
	if c.Op != Renamed && c.Op != Copied {
		if name == "" {
			return p.wrong(unnamed)
		}
		from, to = name, name
	}
	if c.Op == Added {
		from = ""
	}
	if c.Op == Deleted {
		to = ""
	}
	if !names(left, from) || !names(right, to) {
		return p.wrong("the headers of a file name different files")
	}
	return nil
}

// names reports whether what a "---" or "+++" line holds names a file: as it is, or after a prefix.
func names(got, want string) bool {
	return got == want || want != "" && len(got) == len(want)+2 && got[1] == '/' && got[2:] == want
}

const unnamed = "the name of the file cannot be told: git's default prefixes a/ and b/ are needed, or none"

func (p *parser) finish(c Change, name string, named bool, from, to string) error {
	switch {
	case c.Op == Renamed || c.Op == Copied || from != "":
		if from == "" || to == "" {
			return p.wrong("a rename or a copy before it lacks one of its names")
		}
		c.Old, c.New = from, to
	case !named:
		return p.wrong(unnamed)
	default:
		if c.Op != Added {
			c.Old = name
		}
		if c.Op != Deleted {
			c.New = name
		}
	}
	return p.add(c)
}

var binaryBlock = regexp.MustCompile(`^(?:literal|delta) \d+$`)

// binaryPatch skips the one or two blocks of a binary patch, each of which an empty line ends.
func (p *parser) binaryPatch() error {
	for block := 0; ; block++ {
		if !p.next() {
			break
		}
		if block == 2 || !binaryBlock.MatchString(p.head()) {
			p.back()
			if block == 0 {
				return p.wrong("the binary patch is not well-formed")
			}
			return nil
		}
		for p.next() && p.head() != "" {
		}
	}
	return nil
}

var hunkHead = regexp.MustCompile(`^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@(?: (.*))?$`)

// hunks reads the hunks of a file.
func (p *parser) hunks() ([]Hunk, error) {
	var out []Hunk
	for p.next() {
		if !strings.HasPrefix(p.line, "@@") {
			p.back()
			break
		}
		m := hunkHead.FindStringSubmatch(p.head())
		if m == nil {
			return nil, p.wrong("the header of the hunk is not well-formed")
		}
		h := Hunk{OldStart: atoi(m[1]), OldLines: 1, NewStart: atoi(m[3]), NewLines: 1, Section: m[5]}
		if m[2] != "" {
			h.OldLines = atoi(m[2])
		}
		if m[4] != "" {
			h.NewLines = atoi(m[4])
		}
		if err := p.lines(&h); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // at most nine digits
	return n
}

// lines reads as many lines as the header of the hunk says.
func (p *parser) lines(h *Hunk) error {
	if h.OldLines == 0 && h.NewLines == 0 || h.OldLines > 0 && h.OldStart == 0 || h.NewLines > 0 && h.NewStart == 0 {
		return p.wrong("the header of the hunk counts no lines")
	}
	old, now := h.OldStart, h.NewStart
	oldLeft, newLeft := h.OldLines, h.NewLines
	for oldLeft > 0 || newLeft > 0 {
		if !p.next() {
			return p.wrong("the diff ends within a hunk: %d old and %d new lines are missing", oldLeft, newLeft)
		}
		kind, text := byte(' '), ""
		if s := p.head(); s != "" { // an empty line is one of the context whose blank was trimmed
			kind, text = s[0], s[1:]
		}
		l := Line{Kind: kind, Text: text}
		switch {
		case kind == ' ' && oldLeft > 0 && newLeft > 0:
			l.Old, l.New = old, now
			old, now, oldLeft, newLeft = old+1, now+1, oldLeft-1, newLeft-1
		case kind == '-' && oldLeft > 0:
			l.Old = old
			old, oldLeft = old+1, oldLeft-1
		case kind == '+' && newLeft > 0:
			l.New = now
			now, newLeft = now+1, newLeft-1
		case kind == '\\' && len(h.Lines) > 0: // "\ No newline at end of file", in any language
			continue
		default:
			return p.wrong("it does not fit the line counts in the header of its hunk")
		}
		h.Lines = append(h.Lines, l)
	}
	if p.next() && !strings.HasPrefix(p.line, `\`) {
		p.back()
	}
	return nil
}

var octal = regexp.MustCompile(`^[0-3][0-7]{2}`)

// unquote reads a path that git quoted as C does, and returns what follows it.
func unquote(s string) (path, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			i++
			if i == len(s) {
				return "", "", false
			}
			if k := strings.IndexByte(`abtnvfr"\`, s[i]); k >= 0 {
				b.WriteByte("\a\b\t\n\v\f\r\"\\"[k])
				continue
			}
			digits := octal.FindString(s[i:])
			if digits == "" {
				return "", "", false
			}
			n, _ := strconv.ParseUint(digits, 8, 8)
			b.WriteByte(byte(n))
			i += len(digits) - 1
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}
