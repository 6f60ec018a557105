package mutate

import (
	"bytes"

	"github.com/redoubt-dev/redoubt/evidence"
)

// deleteFile deletes the file, empties it, and leaves its first line alone.
func (b *batch) deleteFile(s *subject) {
	_, line := diffOf(s.text, nil)
	m := &mutant{Mutant: Mutant{Operator: DeleteFile, File: s.path, Line: line, What: s.path + " is deleted"}, delete: true}
	m.Diff = "deleted\n"
	b.put(m)
	whole := &subject{path: s.path, text: s.text} // what is left need not be of its language
	b.add(EmptyFile, whole, s.path+" is empty", []byte{})
	if i := bytes.IndexByte(s.text, '\n'); i >= 0 && i+1 < len(s.text) && len(bytes.TrimSpace(s.text[:i])) > 0 {
		b.add(GutFile, whole, s.path+" has its first line alone", s.text[:i+1])
	}
}

// flipBytes changes a bit of one byte: the first, the last and one in the middle of the part that the digest is about.
func (b *batch) flipBytes(s *subject, p evidence.Params) {
	in, ok := s.scope(p)
	if !ok || in.Empty() {
		return
	}
	whole := &subject{path: s.path, text: s.text}
	for _, at := range []int{in.Start, in.Start + (in.End-in.Start)/2, in.End - 1} {
		text := bytes.Clone(s.text)
		text[at] ^= 1
		b.add(FlipByte, whole, "byte "+itoa(at)+" is another", text)
	}
}
