package attest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/redoubt-dev/redoubt/threat"
)

// PayloadType says that the payload of an envelope is an in-toto statement.
const PayloadType = "application/vnd.in-toto+json"

// Envelope is a DSSE envelope with one signature: ECDSA P-256 over SHA-256 of the pre-authentication encoding, ASN.1 DER, with the
// lower of the two values of s. One statement thus has one form of each of its signatures.
type Envelope struct {
	raw     dsse.Envelope
	payload []byte
}

// Payload returns what was signed.
func (e *Envelope) Payload() []byte { return e.payload }

// Type returns the payload's type.
func (e *Envelope) Type() string { return e.raw.PayloadType }

// KeyID returns the fingerprint that the envelope names; it is not proven by that.
func (e *Envelope) KeyID() string { return e.raw.Signatures[0].KeyID }

// MarshalJSON writes the envelope.
func (e *Envelope) MarshalJSON() ([]byte, error) { return json.Marshal(e.raw) }

// Sign puts a payload into an envelope.
func Sign(payloadType string, payload []byte, key *ecdsa.PrivateKey) (*Envelope, error) {
	signer, err := dsse.NewEnvelopeSigner(signer{key})
	if err != nil {
		return nil, err
	}
	raw, err := signer.SignPayload(context.Background(), payloadType, payload)
	if err != nil {
		return nil, err
	}
	return &Envelope{raw: *raw, payload: payload}, nil
}

// ParseEnvelope reads an envelope strictly. Errors: [threat.Invalid].
func ParseEnvelope(text []byte) (*Envelope, error) {
	bad := func(format string, args ...any) error {
		return threat.Errorf(threat.Invalid, format, args...).In("envelope").
			Hinted(`{"payloadType":"%s","payload":"base64","signatures":[{"keyid":"sha256:…","sig":"base64"}]}`, PayloadType)
	}
	e := &Envelope{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e.raw); err != nil {
		return nil, bad("it is no DSSE envelope")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, bad("something follows the envelope")
	}
	if n := len(e.raw.Signatures); n != 1 {
		return nil, bad("it has %d signatures, not one", n)
	}
	payload, err := base64.StdEncoding.Strict().DecodeString(e.raw.Payload)
	if err != nil || len(payload) == 0 {
		return nil, bad("its payload is no base64")
	}
	if sig, err := base64.StdEncoding.Strict().DecodeString(e.raw.Signatures[0].Sig); err != nil || len(sig) == 0 {
		return nil, bad("its signature is no base64")
	}
	e.payload = payload
	return e, nil
}

// Verify checks the signature against a key. Errors: [threat.Invalid].
func (e *Envelope) Verify(key *ecdsa.PublicKey) error {
	v := verifier{key}
	if id, _ := v.KeyID(); e.KeyID() != id {
		return threat.Errorf(threat.Invalid, "the envelope names another key than %s", id).In("envelope.keyid")
	}
	ev, err := dsse.NewEnvelopeVerifier(v)
	if err == nil {
		_, err = ev.Verify(context.Background(), &e.raw)
	}
	if err != nil {
		return threat.Errorf(threat.Invalid, "the signature is not that of key %s over this payload", e.KeyID()).In("envelope.signature")
	}
	return nil
}

// halfOrder is half the order of P-256: s is at most that in the lower form.
var halfOrder = new(big.Int).Rsh(elliptic.P256().Params().N, 1)

// pair is an ECDSA signature as ASN.1 has it.
type pair struct{ R, S *big.Int }

// signer signs for package dsse.
type signer struct{ key *ecdsa.PrivateKey }

func (s signer) KeyID() (string, error) { return Fingerprint(&s.key.PublicKey), nil }

func (s signer) Sign(_ context.Context, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	der, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	if err != nil {
		return nil, err
	}
	var p pair
	if _, err := asn1.Unmarshal(der, &p); err != nil {
		return nil, err
	}
	if p.S.Cmp(halfOrder) > 0 {
		p.S.Sub(elliptic.P256().Params().N, p.S)
	}
	return asn1.Marshal(p)
}

// verifier verifies for package dsse.
type verifier struct{ key *ecdsa.PublicKey }

func (v verifier) KeyID() (string, error)   { return Fingerprint(v.key), nil }
func (v verifier) Public() crypto.PublicKey { return v.key }

func (v verifier) Verify(_ context.Context, data, sig []byte) error {
	var p pair
	rest, err := asn1.Unmarshal(sig, &p)
	if err != nil || len(rest) > 0 {
		return errors.New("the signature is no ASN.1")
	}
	if p.S.Cmp(halfOrder) > 0 {
		return errors.New("the signature is not in its lower form")
	}
	sum := sha256.Sum256(data)
	if !ecdsa.VerifyASN1(v.key, sum[:], sig) {
		return errors.New("the signature is wrong")
	}
	return nil
}
