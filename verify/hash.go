package verify

import (
	"crypto/sha512"
	"encoding/hex"
	"fmt"
)

// fileExists: the file is there, is a regular file and holds something.
func fileExists(k *claim) (*found, error) {
	f := k.about()
	content, err := f.read()
	if err != nil {
		return nil, err
	}
	if len(content) == 0 {
		return nil, failf("%s is there but empty", f.path)
	}
	return &found{file: f, reason: fmt.Sprintf("%s is there, %d bytes", f.path, len(content)), excerpt: f.head()}, nil
}

// fileHash: the bytes of the file, or of the lines of its scope with their line ends, have the digest. Both the file named and
// the one that a part is taken of must be there.
func fileHash(k *claim) (*found, error) {
	f := k.about()
	content, err := f.read()
	if err != nil {
		return nil, err
	}
	if other := k.params.String("scope_file"); other != "" {
		f = k.file(other)
		if content, err = f.read(); err != nil {
			return nil, err
		}
	}
	what, line := f.path, 0
	excerpt := ""
	if k.params.String("scope_start") != "" {
		if _, err := f.utf8(); err != nil {
			return nil, err
		}
		s, err := k.scope(f, content)
		if err != nil {
			return nil, err
		}
		content, line = content[s.start:s.end], s.first
		what = fmt.Sprintf("lines %d to %d of %s", s.first, s.last, f.path)
		excerpt = string(unixLines(content))
	} else {
		excerpt = f.head()
	}
	algorithm := k.params.String("algorithm")
	got := ""
	switch algorithm {
	case "sha256":
		got = digest(content)
	case "sha384":
		sum := sha512.Sum384(content)
		got = hex.EncodeToString(sum[:])
	case "sha512":
		sum := sha512.Sum512(content)
		got = hex.EncodeToString(sum[:])
	default:
		return nil, failf("algorithm %s: unsupported", algorithm)
	}
	if want := k.params.String("expected_hash"); got != want {
		return &found{file: f}, failAt(line, "the %s digest of %s is %s, not %s", algorithm, what, got, want)
	}
	return &found{file: f, line: line, reason: fmt.Sprintf("%s has the %s digest", what, algorithm), excerpt: excerpt}, nil
}
