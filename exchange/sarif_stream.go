package exchange

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/threat"
)

// Bounds of a SARIF log that is read. They hold the memory of a reader, whatever the file says: what grows with the file is counted.
const (
	MaxSARIFBytes   = 256 << 20 // unpacked
	MaxSARIFResults = 25_000    // of a file, as at GitHub
	maxSARIFRuns    = 1_000
	maxSARIFValue   = 16 << 20 // bytes of one result, rule or text
	maxSARIFRules   = 20_000   // of a run
	maxSARIFFiles   = 100_000  // artifacts of a run
	maxSARIFDepth   = 200
	maxSARIFList    = 100 // places, suppressions, tags of one result
)

// jsonStream walks a JSON text without holding it: a value that is read is held alone, one that is skipped not at all.
type jsonStream struct {
	source *counted
	b      *bufio.Reader
	at     int    // bytes behind
	held   []byte // the value being read
}

// counted is a reader that ends in an error after so many bytes.
type counted struct {
	r     io.Reader
	total int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.total += n; c.total > MaxSARIFBytes {
		return n, threat.Errorf(threat.Invalid, "the file has more than %d MB unpacked", MaxSARIFBytes>>20).In("sarif").Hinted("split it by tool or folder")
	}
	return n, err
}

// newJSONStream unpacks gzip and reads UTF-8 and UTF-16 with a byte order mark, as some shells write what they redirect.
func newJSONStream(r io.Reader) (*jsonStream, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	if head, _ := b.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		unpacked, err := gzip.NewReader(b)
		if err != nil {
			return nil, sourceError(err)
		}
		b = bufio.NewReaderSize(unpacked, 64<<10)
	}
	head, err := b.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, sourceError(err)
	}
	var text io.Reader = b
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = b.Discard(3)
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		text = &wideReader{r: b, order: binary.LittleEndian}
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		text = &wideReader{r: b, order: binary.BigEndian}
	}
	source := &counted{r: text}
	return &jsonStream{source: source, b: bufio.NewReaderSize(source, 64<<10)}, nil
}

// sourceError says what is wrong with what was packed; other errors are the caller's own and pass.
func sourceError(err error) error {
	var corrupt flate.CorruptInputError
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
		return threat.Errorf(threat.Invalid, "the file is cut off or not gzip").In("sarif").Hinted("send it whole, packed or plain")
	}
	return err
}

// wideReader turns UTF-16 into UTF-8.
type wideReader struct {
	r       io.Reader
	order   binary.ByteOrder
	kept    []byte // bytes of a unit or pair that is not whole yet
	pending []byte // made and not handed out
	begun   bool
	err     error
}

func (w *wideReader) Read(p []byte) (int, error) {
	for len(w.pending) == 0 {
		if w.err != nil {
			return 0, w.err
		}
		w.fill()
	}
	n := copy(p, w.pending)
	w.pending = w.pending[n:]
	return n, nil
}

func (w *wideReader) fill() {
	var chunk [8192]byte
	n, err := w.r.Read(chunk[:])
	w.err = err
	raw := append(w.kept, chunk[:n]...)
	w.kept = nil
	units := make([]uint16, 0, len(raw)/2)
	for len(raw) >= 2 {
		units = append(units, w.order.Uint16(raw))
		raw = raw[2:]
	}
	if err == nil && len(units) > 0 && utf16.IsSurrogate(rune(units[len(units)-1])) && units[len(units)-1] < 0xDC00 { // its other half comes next
		var high [2]byte
		w.order.PutUint16(high[:], units[len(units)-1])
		w.kept, units = append(w.kept, high[:]...), units[:len(units)-1]
	}
	w.kept = append(w.kept, raw...)
	var out []byte
	for _, r := range utf16.Decode(units) {
		out = utf8.AppendRune(out, r)
	}
	if !w.begun && len(out) > 0 {
		w.begun, out = true, bytes.TrimPrefix(out, []byte("\xef\xbb\xbf"))
	}
	w.pending = out
}

// fail turns an error of reading into one of the domain.
func (s *jsonStream) fail(err error) error {
	if errors.Is(err, io.EOF) {
		return threat.Errorf(threat.Invalid, "the file ends in the middle").In("sarif").Hinted("send the whole report")
	}
	return sourceError(err)
}

func (s *jsonStream) broken(what string) error {
	return threat.Errorf(threat.Invalid, "it is not JSON at byte %d: %s", s.at, what).In("sarif").Hinted("send a SARIF 2.1.0 log, as the scanner wrote it")
}

// next returns the next byte that is no space, without taking it.
func (s *jsonStream) next() (byte, error) {
	for {
		c, err := s.b.ReadByte()
		if err != nil {
			return 0, s.fail(err)
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, s.b.UnreadByte()
		}
		s.at++
	}
}

// take takes the byte that next returned.
func (s *jsonStream) take() {
	_, _ = s.b.ReadByte()
	s.at++
}

// end checks that only space is left.
func (s *jsonStream) end() error {
	for {
		c, err := s.b.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return s.fail(err)
		case c != ' ' && c != '\n' && c != '\t' && c != '\r':
			return s.broken("something follows the log")
		}
		s.at++
	}
}

// list walks what stands between two brackets, element by element. Anything else (null too) is passed over, and says so.
func (s *jsonStream) list(open, shut byte, element func(i int) error) (bool, error) {
	c, err := s.next()
	if err != nil {
		return false, err
	}
	if c != open {
		return false, s.skip()
	}
	s.take()
	for i := 0; ; i++ {
		if c, err = s.next(); err != nil {
			return true, err
		}
		if c == shut && i == 0 {
			s.take()
			return true, nil
		}
		if err := element(i); err != nil {
			return true, err
		}
		if c, err = s.next(); err != nil {
			return true, err
		}
		switch c {
		case ',':
			s.take()
		case shut:
			s.take()
			return true, nil
		default:
			return true, s.broken("a comma or bracket is missing")
		}
	}
}

// object walks an object, key by key; fn reads or skips the value.
func (s *jsonStream) object(fn func(key string) error) (bool, error) {
	return s.list('{', '}', func(int) error {
		var key string
		if c, err := s.next(); err != nil {
			return err
		} else if c != '"' {
			return s.broken("a key is missing")
		}
		if _, err := s.value(&key); err != nil {
			return err
		}
		if c, err := s.next(); err != nil {
			return err
		} else if c != ':' {
			return s.broken("a colon is missing")
		}
		s.take()
		return fn(key)
	})
}

// array walks an array; fn reads or skips the element. It reports whether there was one.
func (s *jsonStream) array(fn func(i int) error) (bool, error) { return s.list('[', ']', fn) }

// skip passes over the next value. Of what is skipped only brackets and quotes are checked.
func (s *jsonStream) skip() error { return s.scan(false) }

// value reads the next value. It returns what does not fit its place as unfit, and goes on: a value of the wrong type is one value's fault.
func (s *jsonStream) value(into any) (unfit, err error) {
	s.held = s.held[:0]
	if err := s.scan(true); err != nil {
		return nil, err
	}
	err = json.Unmarshal(s.held, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return err, nil
	}
	if err != nil {
		return nil, s.broken(threat.Clip(err.Error(), 120))
	}
	return nil, nil
}

// scan goes to the end of the next value, and holds it if told to.
func (s *jsonStream) scan(hold bool) error {
	if _, err := s.next(); err != nil {
		return err
	}
	var shut []byte // the brackets that are to come
	for {
		c, err := s.b.ReadByte()
		if err != nil {
			return s.fail(err)
		}
		s.at++
		if hold {
			if s.held = append(s.held, c); len(s.held) > maxSARIFValue {
				return threat.Errorf(threat.Invalid, "a single value of the file has more than %d MB", maxSARIFValue>>20).In("sarif").
					Hinted("let the scanner leave out file contents and code flows")
			}
		}
		switch c {
		case '{':
			shut = append(shut, '}')
		case '[':
			shut = append(shut, ']')
		case '}', ']':
			if len(shut) == 0 || shut[len(shut)-1] != c {
				return s.broken("a bracket does not match")
			}
			shut = shut[:len(shut)-1]
		case '"':
			if err := s.text(hold); err != nil {
				return err
			}
		default:
			if len(shut) == 0 {
				return s.word(c, hold)
			}
		}
		if len(shut) == 0 {
			return nil
		}
		if len(shut) > maxSARIFDepth {
			return threat.Errorf(threat.Invalid, "the file is nested more than %d deep", maxSARIFDepth).In("sarif").Hinted("send a SARIF 2.1.0 log, as the scanner wrote it")
		}
	}
}

// text goes to the end of a text whose first quote is behind.
func (s *jsonStream) text(hold bool) error {
	for escaped := false; ; {
		part, err := s.b.ReadSlice('"')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return s.fail(err)
		}
		s.at += len(part)
		if hold {
			if s.held = append(s.held, part...); len(s.held) > maxSARIFValue {
				return threat.Errorf(threat.Invalid, "a single value of the file has more than %d MB", maxSARIFValue>>20).In("sarif").
					Hinted("let the scanner leave out file contents and code flows")
			}
		}
		whole := err == nil
		if whole {
			part = part[:len(part)-1]
		}
		slashes := len(part) - len(bytes.TrimRight(part, `\`))
		if slashes == len(part) && escaped {
			slashes++ // they began in the part before
		}
		escaped = slashes%2 == 1
		if whole && !escaped {
			return nil
		}
		if whole {
			escaped = false
		}
	}
}

// word goes to the end of a number or a word such as null, whose first byte is behind.
func (s *jsonStream) word(first byte, hold bool) error {
	if !(first == '-' || first >= '0' && first <= '9' || first == 't' || first == 'f' || first == 'n') {
		return s.broken("a value is missing")
	}
	for {
		c, err := s.b.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return s.fail(err)
		}
		if !(c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return s.b.UnreadByte()
		}
		s.at++
		if hold && len(s.held) < maxSARIFValue {
			s.held = append(s.held, c)
		}
	}
}

// decodeOne reads an element, and reports one of another type.
func decodeOne(d *json.Decoder, into any) (unfit bool, err error) {
	err = d.Decode(into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return true, nil
	}
	return false, err
}

// few is a list of which only the first are kept, and none that is of another type: `[{},{},…]` costs a file three bytes an element, and a
// reader a hundred times that.
type few[T any] []T

func (f *few[T]) UnmarshalJSON(raw []byte) error {
	*f = nil
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return err
	}
	for d.More() && len(*f) < maxSARIFList {
		var v T
		switch unfit, err := decodeOne(d, &v); {
		case err != nil:
			return err
		case !unfit:
			*f = append(*f, v)
		}
	}
	return nil
}

// fewNamed is the same for an object.
type fewNamed[T any] map[string]T

func (f *fewNamed[T]) UnmarshalJSON(raw []byte) error {
	*f = nil
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return err
	}
	for d.More() && len(*f) < maxSARIFList {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var v T
		unfit, err := decodeOne(d, &v)
		if err != nil {
			return err
		}
		if unfit {
			continue
		}
		if *f == nil {
			*f = fewNamed[T]{}
		}
		(*f)[key.(string)] = v
	}
	return nil
}
