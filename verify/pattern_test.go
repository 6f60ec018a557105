package verify_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/verify"
)

func TestPatternInText(t *testing.T) {
	dir := write(t, map[string]string{
		"Dockerfile": "FROM scratch\r\n# USER root\r\nUSER app\r\n", "utf16.txt": "\xff\xfea\x00b\x00", "bad.txt": "a\xffb", "nul.txt": "a\x00b", "none.txt": " \n",
		"marks.txt": "one\nBEGIN\ntwo\nEND\nthree\nBEGIN\nfour\n", "bom.txt": "\xef\xbb\xbffirst\n",
	})
	o := check(t, dir, evidence.PatternMatches, "file", "Dockerfile", "pattern", `(?m)^USER app$`)
	wantPass(t, o, "Dockerfile:3")
	if o.Line != 3 || o.File != "Dockerfile" || len(o.FileDigest) != 64 || strings.Contains(o.Excerpt, "\r") || !strings.Contains(o.Excerpt, "USER app\n") {
		t.Errorf("%+v", o)
	}
	wantPass(t, check(t, dir, evidence.PatternMatches, "file", "Dockerfile", "pattern", `^USER app$`, "multiline", "true"))
	wantFail(t, check(t, dir, evidence.PatternMatches, "file", "Dockerfile", "pattern", `^USER app$`), "nothing in Dockerfile matches")
	wantPass(t, check(t, dir, evidence.PatternMatches, "file", "Dockerfile", "pattern", `FROM.*app`, "dotall", "true"), "Dockerfile:1")
	wantFail(t, check(t, dir, evidence.PatternMatches, "file", "Dockerfile", "pattern", `FROM.*app`))
	wantPass(t, check(t, dir, evidence.PatternMatches, "file", "bom.txt", "pattern", `^first`))

	for file, words := range map[string]string{"utf16.txt": "UTF-16", "bad.txt": "not valid UTF-8", "nul.txt": "NUL", "missing.txt": "no file"} {
		wantFail(t, check(t, dir, evidence.PatternMatches, "file", file, "pattern", "a"), words)
		wantFail(t, check(t, dir, evidence.PatternAbsent, "file", file, "pattern", "z", "witness", "z"), words)
	}
	wantFail(t, check(t, dir, evidence.PatternAbsent, "file", "none.txt", "pattern", "z", "witness", "z"), "empty")
	wantFail(t, check(t, dir, evidence.PatternAbsent, "file", "Dockerfile", "pattern", "USER root", "witness", "USER root"), "Dockerfile:2")
	wantFail(t, check(t, dir, evidence.PatternAbsent, "file", "Dockerfile", "pattern", `app\r\n`, "witness", "app\r\n"), "Dockerfile:3")
	wantPass(t, check(t, dir, evidence.PatternAbsent, "file", "Dockerfile", "pattern", "ADD http", "witness", "ADD http://"))
	wantFail(t, check(t, dir, evidence.PatternAbsent, "file", "Dockerfile", "pattern", "ADD http", "witness", "COPY"), "witness")
	wantFail(t, check(t, dir, evidence.PatternAbsent, "file", "Dockerfile", "pattern", "z"), "witness is missing")
}

func TestScope(t *testing.T) {
	dir := write(t, map[string]string{"m.txt": "one\nBEGIN\ntwo\nEND\nthree\nBEGIN x END\nfour\nBEGIN\nfive\n"})
	pattern := func(p string, scope ...string) verify.Outcome {
		return check(t, dir, evidence.PatternMatches, append([]string{"file", "m.txt", "pattern", p}, scope...)...)
	}
	o := pattern("two", "scope_start", "^BEGIN$", "scope_end", "^END$")
	wantPass(t, o)
	if o.Excerpt != "BEGIN\ntwo\nEND\n" || o.Line != 3 {
		t.Errorf("excerpt %q, line %d", o.Excerpt, o.Line)
	}
	wantFail(t, pattern("three", "scope_start", "^BEGIN", "scope_end", "^END"), "lines 2 to 4 of m.txt")
	wantPass(t, pattern("five", "scope_start", "^BEGIN"))
	wantPass(t, pattern("x", "scope_start", "BEGIN x", "scope_end", "END$")) // begins and ends on one line
	wantFail(t, pattern("four", "scope_start", "BEGIN x", "scope_end", "END$"))
	wantFail(t, pattern("two", "scope_start", "START"), "scope not found")
	wantFail(t, pattern("two", "scope_start", "^BEGIN$", "scope_end", "FINISH"), "scope not found", "scope_end")
	wantFail(t, check(t, dir, evidence.PatternAbsent, "file", "m.txt", "pattern", "zz", "witness", "zz", "scope_start", "nope"), "scope not found")
	absent := check(t, dir, evidence.PatternAbsent, "file", "m.txt", "pattern", "three", "witness", "three", "scope_start", "^BEGIN$", "scope_end", "^END$")
	wantPass(t, absent)
	if absent.Excerpt != "BEGIN\ntwo\nEND\n" {
		t.Errorf("excerpt %q", absent.Excerpt)
	}
}

func TestFileHash(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "hello\n", "b.txt": "x\r\nBEGIN\r\nhello\r\nEND\r\n"})
	sum := func(s string) string {
		d := sha256.Sum256([]byte(s))
		return hex.EncodeToString(d[:])
	}
	wantPass(t, check(t, dir, evidence.FileHash, "file", "a.txt", "algorithm", "SHA-256", "expected_hash", strings.ToUpper(sum("hello\n"))))
	wantFail(t, check(t, dir, evidence.FileHash, "file", "a.txt", "algorithm", "sha256", "expected_hash", sum("hello")), sum("hello\n"))
	wantFail(t, check(t, dir, evidence.FileHash, "file", "a.txt", "algorithm", "sha512", "expected_hash", sum("hello")), "128 digits")
	part := []string{"file", "a.txt", "scope_file", "b.txt", "scope_start", "BEGIN", "scope_end", "END", "algorithm", "sha256", "expected_hash"}
	o := check(t, dir, evidence.FileHash, append(part, sum("BEGIN\r\nhello\r\nEND\r\n"))...)
	wantPass(t, o, "lines 2 to 4 of b.txt")
	if o.File != "b.txt" || o.Line != 2 || o.Excerpt != "BEGIN\nhello\nEND\n" {
		t.Errorf("%+v", o)
	}
	part[1] = "gone.txt"
	wantFail(t, check(t, dir, evidence.FileHash, append(part, sum("BEGIN\r\nhello\r\nEND\r\n"))...), "no file gone.txt")
}

func TestExcerptTooLong(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": strings.Repeat("0123456789abcde\n", 1000), "b.txt": strings.Repeat("0123456789abcde\n", 1001)})
	a := check(t, dir, evidence.PatternAbsent, "file", "a.txt", "pattern", "zz", "witness", "zz")
	b := check(t, dir, evidence.PatternAbsent, "file", "b.txt", "pattern", "zz", "witness", "zz")
	wantPass(t, a)
	wantPass(t, b)
	if a.ExcerptTooLong || len(a.Excerpt) != verify.MaxExcerpt || a.ExcerptDigest == "" {
		t.Errorf("an excerpt that just fits: %d characters, too long: %v", len(a.Excerpt), a.ExcerptTooLong)
	}
	if !b.ExcerptTooLong || b.Excerpt != "" || b.ExcerptDigest != "" {
		t.Errorf("an excerpt that does not fit: %d characters, too long: %v", len(b.Excerpt), b.ExcerptTooLong)
	}
}
