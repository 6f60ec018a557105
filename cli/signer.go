package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// signer loads the key that signs audit packages: REDOUBT_SERVER_SIGNING_KEY (PEM, or a file), else signing.key in the data folder, which is
// made when it is not there. It is never in the database nor in a backup. To rotate it, move the file away: the old public key stays
// published. Errors: [threat.Invalid] for a key that cannot be used.
func (e *env) signer(p place) (func(*service.Config), error) {
	key, err := e.loadSigner(p)
	if err != nil {
		return nil, err
	}
	return func(c *service.Config) { c.Signer = key }, nil
}

func (e *env) loadSigner(p place) (*ecdsa.PrivateKey, error) {
	named := func(err error, what string) error {
		var te *threat.Error
		if errors.As(err, &te) {
			c := *te
			c.Field = what
			return &c
		}
		return err
	}
	if text := e.getenv("REDOUBT_SERVER_SIGNING_KEY"); text != "" {
		raw := []byte(text)
		if !strings.Contains(text, "-----BEGIN") {
			var err error
			if raw, err = e.readFile(text, 64<<10); err != nil {
				return nil, named(err, "REDOUBT_SERVER_SIGNING_KEY")
			}
		}
		key, err := attest.ParsePrivateKey(raw)
		return key, named(err, "REDOUBT_SERVER_SIGNING_KEY")
	}
	file := filepath.Join(p.data, "signing.key")
	raw, err := os.ReadFile(file)
	if err == nil {
		key, err := attest.ParsePrivateKey(raw)
		return key, named(err, file)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, threat.Errorf(threat.Unavailable, "%s cannot be read: %v", file, reason(err)).In("data")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return key, writeSecret(file, strings.TrimSpace(string(text)))
}
