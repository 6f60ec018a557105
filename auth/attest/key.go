// Package attest proves which CI job said what: statements in DSSE envelopes signed with ECDSA P-256 keys, and OIDC tokens of CI
// systems with the claims that a workspace requires (specification §7.7). It keeps nothing; what is registered where, and what was
// spent, is the service's to know. Every refusal names the rule in its field.
package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"

	"github.com/redoubt-dev/redoubt/threat"
)

const keyHint = "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt makes a private key, openssl ec -pubout its public one"

// ParsePublicKey reads an ECDSA P-256 public key in PEM (SubjectPublicKeyInfo). Errors: [threat.Invalid] for anything else,
// private keys and other curves included.
func ParsePublicKey(text []byte) (*ecdsa.PublicKey, error) {
	bad := func(format string, args ...any) error {
		return threat.Errorf(threat.Invalid, format, args...).In("public_key").Hinted(keyHint)
	}
	block, rest := pem.Decode(bytes.TrimSpace(text))
	switch {
	case block == nil:
		return nil, bad("it is no key in PEM")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, bad("something follows the key")
	case block.Type != "PUBLIC KEY":
		return nil, bad("it is a %s, not a PUBLIC KEY", threat.Clip(block.Type, 40))
	}
	any, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, bad("it is no public key that can be read")
	}
	key, ok := any.(*ecdsa.PublicKey)
	if !ok {
		return nil, bad("it is no ECDSA key")
	}
	if key.Curve != elliptic.P256() {
		return nil, bad("its curve is %s, not P-256", key.Curve.Params().Name)
	}
	return key, nil
}

// ParsePrivateKey reads an ECDSA P-256 private key in PEM (PKCS #8, or SEC 1). Errors: [threat.Invalid]; they never hold any of
// the key.
func ParsePrivateKey(text []byte) (*ecdsa.PrivateKey, error) {
	bad := func(message string) error {
		return threat.Errorf(threat.Invalid, "%s", message).In("signing-key").Hinted(keyHint)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var key *ecdsa.PrivateKey
		switch block.Type {
		case "EC PARAMETERS":
			continue
		case "EC PRIVATE KEY":
			parsed, err := x509.ParseECPrivateKey(block.Bytes)
			if err != nil {
				return nil, bad("the private key cannot be read")
			}
			key = parsed
		case "PRIVATE KEY":
			parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, bad("the private key cannot be read")
			}
			ec, ok := parsed.(*ecdsa.PrivateKey)
			if !ok {
				return nil, bad("the private key is no ECDSA key")
			}
			key = ec
		default:
			return nil, bad("it is no unencrypted private key in PEM")
		}
		if key.Curve != elliptic.P256() {
			return nil, bad("the private key's curve is not P-256")
		}
		return key, nil
	}
	return nil, bad("it is no private key in PEM")
}

// Fingerprint names a public key: "sha256:" and the SHA-256 of its SubjectPublicKeyInfo in DER, in hexadecimal. It is the key id
// of envelopes.
func Fingerprint(key *ecdsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil { // not for a key on a known curve
		return ""
	}
	sum := sha256.Sum256(der)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// PublicPEM writes a public key as [ParsePublicKey] reads it.
func PublicPEM(key *ecdsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
