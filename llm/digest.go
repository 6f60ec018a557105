package llm

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
)

// Digest is the SHA-256, in hexadecimal, of everything in a request that can change the answer, and of whom is asked (Client.Identity): the
// key under which an answer may be kept. Requests that differ in anything but Check, or in whether the last turn stands in Prompt or in
// Messages, have digests that differ.
func Digest(identity string, req Request) string {
	h := sha256.New()
	// Each part is written with its length and each list with its count, so that no two requests are written alike.
	number := func(n uint64) { _, _ = h.Write(binary.BigEndian.AppendUint64(nil, n)) }
	part := func(s string) {
		number(uint64(len(s)))
		_, _ = h.Write([]byte(s))
	}
	part("redoubt llm request 1")
	part(identity)
	part(req.System)
	turns := req.turns()
	number(uint64(len(turns)))
	for _, m := range turns {
		part(string(m.Role))
		part(m.Text)
	}
	if req.Schema == nil {
		number(0)
	} else {
		number(1)
		part(string(req.Schema))
		part(req.schemaName())
	}
	number(uint64(req.MaxTokens))
	number(math.Float64bits(req.temperature()))
	return hex.EncodeToString(h.Sum(nil))
}
