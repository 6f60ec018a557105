// Package impact says what a change to a repository touches before it is committed: which assertions look at what it changes, and
// which new surface it adds. It reads a unified diff, or only the paths that change; it is pure and runs nothing.
//
// A diff shows lines, not programs. What is found in it is a warning of what to verify again: only the verifier, which parses
// the files, decides.
package impact

import (
	"path"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Op is what becomes of a file.
type Op string

// What may become of a file. Unknown is for a path that came without a diff.
const (
	Modified Op = "modified"
	Added    Op = "added"
	Deleted  Op = "deleted"
	Renamed  Op = "renamed"
	Copied   Op = "copied"
	Unknown  Op = "unknown"
)

// Change is what a diff says of one file. A path may come twice: a file that becomes a link is deleted and added.
type Change struct {
	Old, New string // paths from the repository root; "" where there is no such side
	Op       Op
	Binary   bool // its content changes, and the diff shows no lines of it
	Hunks    []Hunk
}

// Path is the file's name after the change, or the last it had.
func (c *Change) Path() string {
	if c.New != "" {
		return c.New
	}
	return c.Old
}

// Hunk is a run of changed lines with the lines around them.
type Hunk struct {
	OldStart, OldLines int // line numbers from 1; 0 where the side has no lines
	NewStart, NewLines int
	Section            string // what follows the second @@: by custom the line that opens the function
	Lines              []Line
}

// Line is a line of a hunk.
type Line struct {
	Kind     byte // ' ', '+' or '-'
	Old, New int  // its number on each side, from 1; 0 on a side that has it not
	Text     string
}

// Bounds on what is analysed.
const (
	MaxDiff  = 1 << 20 // bytes of a diff
	MaxPaths = 5_000   // of a list of paths
)

// Paths turns a list of changed paths into changes of which nothing else is known. Errors: [threat.Invalid], with the field of the
// wrong path ("3" for the fourth).
func Paths(list []string) ([]Change, error) {
	if len(list) > MaxPaths {
		return nil, threat.Errorf(threat.Invalid, "%d paths, at most %d fit", len(list), MaxPaths).Hinted("send the diff, or the paths in parts")
	}
	var out []Change
	seen := map[string]bool{}
	for i, p := range list {
		clean, err := evidence.CleanPath(p)
		if err != nil {
			te := threat.Errorf(threat.Invalid, "it is not a path in the repository").In(number(i))
			return nil, te.Hinted(`paths from the repository root with slashes, such as "auth/key.go"`)
		}
		if !seen[clean] {
			seen[clean] = true
			out = append(out, Change{Old: clean, New: clean, Op: Unknown})
		}
	}
	return out, nil
}

// inRepository reports whether a path of a diff is one from the root of a repository.
func inRepository(p string) bool {
	return p != "" && len(p) <= 4096 && p[0] != '/' && !strings.ContainsRune(p, 0) && p == path.Clean(p) && p != "." &&
		!slices.Contains(strings.Split(p, "/"), "..")
}

// Show cleans text of a diff for an answer: one line of at most limit characters, without control or direction-changing ones.
func Show(s string, limit int) string {
	if len(s) > 16*limit {
		s = s[:16*limit]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	line, err := threat.Line(s, len(s))
	if err != nil {
		return ""
	}
	return threat.Clip(line, limit)
}
