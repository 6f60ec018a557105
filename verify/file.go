package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// file is one file of the tree during a run. What is learned of it is learned once, and the large parts are let go after the
// last use that the plan counted.
type file struct {
	path string
	root *tree
	uses atomic.Int32

	reading sync.Once
	bytes   []byte
	err     error
	sum     string

	hinting sync.Once
	hint    string // the files that may be meant by one that is not there

	comparing sync.Once
	same      bool

	normal  sync.Once
	text    []byte // with line feeds alone and no byte order mark
	textErr error

	parsing  sync.Once
	parsed   *source.File
	parseErr error

	blanking sync.Once
	code     []byte // text with comments blanked

	memory sync.Mutex
	memo   map[string]any // what was computed for one question, so that it is computed once
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// load reads the content.
func (f *file) load() error {
	f.reading.Do(func() {
		defer recovered(&f.err, f.path)
		if f.bytes, f.err = f.root.read(f.path); f.err == nil {
			f.sum = digest(f.bytes)
		}
	})
	return f.err
}

// read returns the content. The error tells why there is none; for a file that is not there also which one may be meant.
func (f *file) read() ([]byte, error) {
	err := f.load()
	var m *missing
	if errors.As(err, &m) {
		f.hinting.Do(func() { f.hint = f.root.nearestFile(m.path) })
		return nil, failf("%s%s", m.Error(), f.hint)
	}
	return f.bytes, err
}

// isMissing reports whether there is no such file at all, as opposed to one that cannot be read.
func (f *file) isMissing() bool {
	var m *missing
	return errors.As(f.load(), &m)
}

// digest returns the SHA-256 of the content; "" for a file that was not or could not be read.
func (f *file) digest() string {
	if f.load() != nil {
		return ""
	}
	return f.sum
}

// clean reports whether the content is that of the blob with the id.
func (f *file) clean(id string) bool {
	if f.load() != nil || id == "" {
		return false
	}
	f.comparing.Do(func() { f.same = isBlob(f.bytes, id) })
	return f.same
}

// isThere reports whether the content could be read.
func (f *file) isThere() bool {
	return f.load() == nil
}

// utf8 returns the content as text: line ends made line feeds, without a byte order mark. What is no text in UTF-8 is refused,
// since a pattern would look past it.
func (f *file) utf8() ([]byte, error) {
	raw, err := f.read()
	if err != nil {
		return nil, err
	}
	f.normal.Do(func() {
		switch {
		case bytes.HasPrefix(raw, []byte{0xFF, 0xFE}) || bytes.HasPrefix(raw, []byte{0xFE, 0xFF}):
			f.textErr = failf("%s is UTF-16: unsupported, save it as UTF-8", f.path)
		case bytes.IndexByte(raw, 0) >= 0:
			f.textErr = failAt(1+bytes.Count(raw[:bytes.IndexByte(raw, 0)], []byte{'\n'}), "%s holds a NUL byte, so it is no text: unsupported", f.path)
		case !utf8.Valid(raw):
			f.textErr = failf("%s is not valid UTF-8: unsupported", f.path)
		default:
			f.text = unixLines(raw)
		}
	})
	return f.text, f.textErr
}

// unixLines makes line ends line feeds and takes a byte order mark away. The line of what remains is the same.
func unixLines(b []byte) []byte {
	b = bytes.TrimPrefix(b, []byte{0xEF, 0xBB, 0xBF})
	if bytes.IndexByte(b, '\r') < 0 {
		return b
	}
	return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
}

// facts returns what the file says as source code.
func (f *file) facts() (*source.File, error) {
	raw, err := f.read()
	if err != nil {
		return nil, err
	}
	f.parsing.Do(func() {
		defer recovered(&f.parseErr, f.path)
		parsed, err := source.Parse(f.path, raw)
		var syntax *source.SyntaxError
		switch {
		case errors.As(err, &syntax):
			f.parseErr = failAt(syntax.Line, "%s cannot be parsed: %v", f.path, syntax)
		case errors.Is(err, source.ErrUnsupported):
			f.parseErr = failf("%s: %v", f.path, err)
		case err != nil:
			f.parseErr = failf("%s cannot be parsed: %v", f.path, err)
		default:
			f.parsed = parsed
		}
	})
	if f.parseErr == nil && f.parsed == nil {
		return nil, failf("%s cannot be parsed: internal error", f.path)
	}
	return f.parsed, f.parseErr
}

// uncommented returns the text with comments and docstrings blanked, for a file in a language that is parsed.
func (f *file) uncommented() ([]byte, error) {
	facts, err := f.facts()
	if err != nil {
		return nil, err
	}
	f.blanking.Do(func() { f.code = unixLines(facts.Code()) })
	return f.code, nil
}

// isSource reports whether the file is in a language that is parsed.
func (f *file) isSource() bool {
	_, ok := source.LanguageOf(f.path)
	return ok
}

// remember returns what make returned for the key the first time.
func remember[T any](f *file, key string, make func() T) T {
	f.memory.Lock()
	defer f.memory.Unlock()
	if v, ok := f.memo[key]; ok {
		return v.(T)
	}
	v := make()
	if f.memo == nil {
		f.memo = map[string]any{}
	}
	f.memo[key] = v
	return v
}

// release ends one use. After the last one only the digest is kept.
func (f *file) release() {
	if f.uses.Add(-1) > 0 {
		return
	}
	f.bytes, f.text, f.code, f.parsed, f.memo = nil, nil, nil, nil, nil
}

// recovered makes a panic in a reader the error of its file.
func recovered(err *error, path string) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("internal error while reading %s: please report it", path)
	}
}

// nearestFile is the end of a sentence about a missing file: the files that may be meant.
func (t *tree) nearestFile(name string) string {
	files, err := t.list()
	if err != nil && len(files) == 0 {
		return ""
	}
	var same, all []candidate
	for _, p := range files {
		c := candidate{name: path.Base(p), text: p}
		if strings.EqualFold(c.name, path.Base(name)) {
			same = append(same, candidate{name: p, text: p})
		}
		all = append(all, c)
	}
	if len(same) > 0 {
		return nearestOr(name, same, "; the nearest is ", "; the nearest are ")
	}
	return nearestOr(path.Base(name), all, "; the nearest is ", "; the nearest are ")
}
