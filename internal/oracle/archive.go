package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// The files of a code base that are compared; docs/oracle.md has the reasons.
const (
	maxFile   = 512 << 10 // bytes of one file
	maxLine   = 2000      // bytes of its longest line: beyond, it is generated or minified
	maxFiles  = 400       // files of one code base
	maxCorpus = 4 << 20   // bytes of them

	smallFiles = 60 // files of one code base in the small form
)

// text is one file of a code base.
type text struct {
	name string // slash-separated, within the code base
	body []byte
}

// eligible returns the files of a pool's language under a folder, in the order of their names.
func eligible(p *pool, folder string) ([]text, error) {
	var list []text
	cpp := false
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" || d.Name() == ".pc" {
			return fs.SkipDir
		}
		if d.Type().IsRegular() && poolOf("cpp").has(path) {
			cpp = true
		}
		if !d.Type().IsRegular() || !p.has(path) {
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !readable(body) {
			return nil
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		list = append(list, text{filepath.ToSlash(name), body})
		return nil
	})
	if p.language == "c" && cpp { // whose header it is cannot be told
		list = slices.DeleteFunc(list, func(s text) bool { return filepath.Ext(s.name) == ".h" })
	}
	return list, err
}

// readable reports whether a file may be compared.
func readable(body []byte) bool {
	if len(body) == 0 || len(body) > maxFile || !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return false
	}
	for line := range bytes.Lines(body) {
		if len(line) > maxLine {
			return false
		}
	}
	return true
}

// capped leaves the first files by the SHA-256 of their name that stay within the caps, in the order of their names.
func capped(list []text, small bool) []text {
	most := maxFiles
	if small {
		most = smallFiles
	}
	hash := func(s text) string { h := sha256.Sum256([]byte(s.name)); return string(h[:]) }
	list = slices.SortedFunc(slices.Values(list), func(a, b text) int { return cmp.Compare(hash(a), hash(b)) })
	size := 0
	for i, s := range list {
		size += len(s.body)
		if i == most || size > maxCorpus && i > 0 {
			list = list[:i]
			break
		}
	}
	slices.SortFunc(list, func(a, b text) int { return cmp.Compare(a.name, b.name) })
	return list
}

// unpackWhole lays an archive out in a folder that is either whole or not there.
func unpackWhole(archive, folder string) error {
	half := folder + ".half"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	if err := unpack(archive, half); err != nil {
		return err
	}
	return os.Rename(half, folder)
}

// unpack lays an archive out in the folder, which must not exist.
func unpack(archive, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	out, err := exec.Command("tar", "-xf", archive, "-C", folder, "--no-same-owner", "--no-same-permissions").CombinedOutput()
	if err != nil {
		return fmt.Errorf("tar -xf %s: %w: %s", archive, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// digest returns the SHA-256 of a file, in hex, and its size.
func digest(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}
