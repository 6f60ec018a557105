// Package auth knows the form of API keys. It stores nothing: the service keeps the hash of a key, never the key.
package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/threat"
)

// An API key is a prefix that tells its scope, 30 random base62 characters (178 bits), and 6 base62 characters of the
// CRC-32 of all before them, so that a typo is refused without a look at the database and scanners can tell keys.
const (
	randomChars = 30
	checkChars  = 6
	prefixChars = 4
	alphabet    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	// ShownChars is how much of a key is kept to tell keys apart: the prefix and 4 random characters.
	ShownChars = prefixChars + 4
)

var prefixes = map[account.Scope]string{
	account.Developer: "rdk_",
	account.Verifier:  "rdv_",
	account.Admin:     "rda_",
}

// NewKey makes a fresh key of a scope. Errors: [threat.Invalid] for an unknown scope.
func NewKey(scope account.Scope) (string, error) {
	prefix, ok := prefixes[scope]
	if !ok {
		return "", threat.Errorf(threat.Invalid, "scope %q is not known", scope).In("scope").
			Hinted("valid: developer, verifier, admin")
	}
	body := prefix + randomBase62(randomChars)
	return body + checksum(body), nil
}

// randomBase62 draws uniformly: bytes of 248 (4 × 62) and above are thrown away.
func randomBase62(n int) string {
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		_, _ = rand.Read(buf[:]) // never fails: it ends the program instead
		for _, b := range buf {
			if b < 248 && len(out) < n {
				out = append(out, alphabet[b%62])
			}
		}
	}
	return string(out)
}

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	out := make([]byte, checkChars)
	for i := checkChars - 1; i >= 0; i-- {
		out[i] = alphabet[sum%62]
		sum /= 62
	}
	return string(out)
}

// CheckKey returns the scope that a well-formed key claims. A key that is missing or mistyped is [threat.Unauthenticated];
// the key itself is never part of the error.
func CheckKey(key string) (account.Scope, error) {
	if key == "" {
		return "", threat.Errorf(threat.Unauthenticated, "no API key").
			Hinted("send it as Authorization: Bearer KEY or X-API-Key: KEY")
	}
	if len(key) == prefixChars+randomChars+checkChars {
		body, sum := key[:prefixChars+randomChars], key[prefixChars+randomChars:]
		for scope, prefix := range prefixes {
			if strings.HasPrefix(key, prefix) && checksum(body) == sum {
				return scope, nil
			}
		}
	}
	return "", Refused()
}

// Refused is the one answer for a key that is mistyped, unknown, revoked or expired: nothing tells them apart.
func Refused() *threat.Error {
	return threat.Errorf(threat.Unauthenticated, "the API key is not valid").
		Hinted("check that it was copied whole; a revoked or expired key needs a new one")
}

// HashKey returns the SHA-256 of a key in hexadecimal: what is stored. Keys carry 178 random bits, so a slow hash would
// add nothing.
func HashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// Shown returns the part of a key that may be displayed.
func Shown(key string) string {
	if len(key) < ShownChars {
		return ""
	}
	return fmt.Sprintf("%s…", key[:ShownChars])
}
