package attest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/threat"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// wantField fails the test unless an error is a refusal with that code by that rule.
func wantField(t testing.TB, err error, code threat.Code, field string) {
	t.Helper()
	te, ok := err.(*threat.Error)
	if !ok || te.Code != code || te.Field != field {
		t.Errorf("%v; want %s in %s", err, code, field)
	}
}

func TestEnvelope(t *testing.T) {
	key := newKey(t)
	payload := []byte(`{"a":1}`)
	for range 20 { // s is drawn: half of the signatures have the higher one at first
		e, err := attest.Sign(attest.PayloadType, payload, key)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := attest.ParseEnvelope(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := back.Verify(&key.PublicKey); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back.Payload(), payload) || back.Type() != attest.PayloadType || back.KeyID() != attest.Fingerprint(&key.PublicKey) {
			t.Errorf("%s", raw)
		}
	}
}

// Whatever is changed in an envelope, it is refused.
func TestEnvelopeRefuses(t *testing.T) {
	key, other := newKey(t), newKey(t)
	e, err := attest.Sign(attest.PayloadType, []byte(`{"a":1}`), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	type envelope struct {
		PayloadType string           `json:"payloadType"`
		Payload     string           `json:"payload"`
		Signatures  []map[string]any `json:"signatures"`
	}
	change := func(fn func(e *envelope)) string {
		var e envelope
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		fn(&e)
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	signature := func(fn func(sig []byte) []byte) string {
		return change(func(e *envelope) {
			sig, err := base64.StdEncoding.DecodeString(e.Signatures[0]["sig"].(string))
			if err != nil {
				t.Fatal(err)
			}
			e.Signatures[0]["sig"] = base64.StdEncoding.EncodeToString(fn(sig))
		})
	}
	for about, text := range map[string]string{
		"another payload":      change(func(e *envelope) { e.Payload = base64.StdEncoding.EncodeToString([]byte(`{"a":2}`)) }),
		"another type":         change(func(e *envelope) { e.PayloadType = "application/json" }),
		"no base64":            change(func(e *envelope) { e.Payload = "*" }),
		"no signature":         change(func(e *envelope) { e.Signatures = nil }),
		"two signatures":       change(func(e *envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) }),
		"another key's name":   change(func(e *envelope) { e.Signatures[0]["keyid"] = attest.Fingerprint(&other.PublicKey) }),
		"truncated signature":  signature(func(sig []byte) []byte { return sig[:len(sig)-1] }),
		"lengthened signature": signature(func(sig []byte) []byte { return append(sig, 0) }),
		"flipped bit":          signature(func(sig []byte) []byte { sig[len(sig)-1] ^= 1; return sig }),
		"higher s": signature(func(sig []byte) []byte {
			var p struct{ R, S *big.Int }
			if _, err := asn1.Unmarshal(sig, &p); err != nil {
				t.Fatal(err)
			}
			p.S.Sub(elliptic.P256().Params().N, p.S)
			out, err := asn1.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}),
		"unknown field": strings.Replace(string(raw), `{"payloadType"`, `{"x":1,"payloadType"`, 1),
		"trailing text": string(raw) + "{}",
		"no JSON":       "{",
	} {
		e, err := attest.ParseEnvelope([]byte(text))
		if err == nil {
			err = e.Verify(&key.PublicKey)
		}
		if threat.CodeOf(err) != threat.Invalid {
			t.Errorf("%s: %v", about, err)
		}
	}
	wantField(t, e.Verify(&other.PublicKey), threat.Invalid, "envelope.keyid")
}

func TestKeys(t *testing.T) {
	key := newKey(t)
	public, err := attest.ParsePublicKey([]byte(attest.PublicPEM(&key.PublicKey)))
	if err != nil || !public.Equal(&key.PublicKey) {
		t.Fatal(err)
	}
	if f := attest.Fingerprint(public); !strings.HasPrefix(f, "sha256:") || len(f) != 7+64 {
		t.Errorf("fingerprint %s", f)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for kind, der := range map[string][]byte{"EC PRIVATE KEY": sec1, "PRIVATE KEY": pkcs8} {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		back, err := attest.ParsePrivateKey(text)
		if err != nil || !back.Equal(key) {
			t.Errorf("%s: %v", kind, err)
		}
		_, err = attest.ParsePublicKey(text)
		wantField(t, err, threat.Invalid, "public_key")
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, err = attest.ParsePublicKey([]byte(attest.PublicPEM(&p384.PublicKey)))
	wantField(t, err, threat.Invalid, "public_key")
	if !strings.Contains(err.Error(), "P-384") {
		t.Error(err)
	}
	sec1, err = x509.MarshalECPrivateKey(p384)
	if err != nil {
		t.Fatal(err)
	}
	_, err = attest.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))
	wantField(t, err, threat.Invalid, "signing-key")
	for _, text := range []string{"", "text", attest.PublicPEM(public) + attest.PublicPEM(public), "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
		_, err := attest.ParsePublicKey([]byte(text))
		wantField(t, err, threat.Invalid, "public_key")
	}
}
