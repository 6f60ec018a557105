package auth_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/threat"
)

func TestNewKey(t *testing.T) {
	prefixes := map[account.Scope]string{account.Developer: "rdk_", account.Verifier: "rdv_", account.Admin: "rda_"}
	for _, scope := range account.Scopes() {
		seen := map[string]bool{}
		for range 200 {
			key, err := auth.NewKey(scope)
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`^` + prefixes[scope] + `[0-9A-Za-z]{36}$`).MatchString(key) {
				t.Fatalf("%s key has the form %q", scope, key)
			}
			if seen[key] {
				t.Fatal("the same key twice")
			}
			seen[key] = true
			if got, err := auth.CheckKey(key); err != nil || got != scope {
				t.Fatalf("CheckKey = %q, %v", got, err)
			}
			if !strings.HasPrefix(key, strings.TrimSuffix(auth.Shown(key), "…")) || len(auth.Shown(key)) > 12 {
				t.Fatalf("shown %q", auth.Shown(key))
			}
		}
	}
	if _, err := auth.NewKey("root"); threat.CodeOf(err) != threat.Invalid {
		t.Fatalf("an unknown scope gave %v", err)
	}
}

// Every single wrong character is caught by the checksum, and no error repeats the key.
func TestTyposAreRefused(t *testing.T) {
	key, err := auth.NewKey(account.Developer)
	if err != nil {
		t.Fatal(err)
	}
	bad := []string{"", "rdk_", key[:len(key)-1], key + "0", " " + key, strings.ToUpper(key), "rdx_" + key[4:], "rdv_" + key[4:]}
	for i := range key {
		for _, c := range []byte("aZ9_") {
			if key[i] != c {
				bad = append(bad, key[:i]+string(c)+key[i+1:])
			}
		}
	}
	for _, k := range bad {
		_, err := auth.CheckKey(k)
		if threat.CodeOf(err) != threat.Unauthenticated {
			t.Errorf("%q gave %v", k, err)
		}
		if k != "" && len(k) > 8 && strings.Contains(err.Error(), k) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
}

func TestHashKey(t *testing.T) {
	// printf rdk_x | sha256sum
	const want = "824522c623a5f4529378e9f6fcefc39c0305713d8a2b6af2d9852ef6d6e5a610"
	if got := auth.HashKey("rdk_x"); got != want {
		t.Fatalf("hash %q", got)
	}
}
