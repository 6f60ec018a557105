package attest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Network says how issuers are reached: by https, at public addresses, with small answers, short timeouts and no redirects
// (specification §7.7). Proxies are not used: behind one the address could not be checked.
type Network struct {
	Allowed []netip.Prefix // addresses beside the public ones, which the operator listed
	Roots   *x509.CertPool // nil for the system's
}

const (
	issuerTimeout = 5 * time.Second
	maxMetadata   = 1 << 20
)

// errAddress is the refusal of an address that is not public.
var errAddress = errors.New("its address is not public, and the operator does not list it (--allow-issuer-address)")

// network is a client that keeps the last answer of each URL.
type network struct {
	http *http.Client
	mu   sync.Mutex
	last map[string][]byte
}

// transportError marks what went wrong on the way to an issuer, so that it is told apart from a wrong signature.
type transportError struct{ error }

func (e transportError) Unwrap() error { return e.error }

func newNetwork(o Network) *network {
	n := &network{last: map[string][]byte{}}
	dialer := &net.Dialer{
		Timeout: issuerTimeout,
		// Checked when the address is dialled and not when the name is looked up: what a name means may change in between.
		Control: func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil || !allowed(ap.Addr().Unmap(), o.Allowed) {
				return errAddress
			}
			return nil
		},
	}
	n.http = &http.Client{
		Timeout: issuerTimeout,
		Transport: recorder{n, &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: issuerTimeout, ResponseHeaderTimeout: issuerTimeout,
			TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}, MaxIdleConns: 20, IdleConnTimeout: time.Minute,
			ForceAttemptHTTP2: true,
		}},
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			return transportError{fmt.Errorf("it redirects to %s, and redirects are not followed", r.URL.Host)}
		},
	}
	return n
}

// allowed reports whether an address may be dialled.
func allowed(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate() && !special(a)
}

// reserved are ranges that are no public hosts beyond those that package netip knows (IANA special-purpose registries).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

func special(a netip.Addr) bool {
	for _, p := range reserved {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// failed reports whether an error of package oidc comes from the way to the issuer.
func (*network) failed(err error) bool {
	var t transportError
	return errors.As(err, &t) || err != nil && strings.HasPrefix(err.Error(), "fetching keys") || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// body returns the last answer of a URL.
func (n *network) body(url string) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.last[url]
}

// recorder bounds answers and keeps them.
type recorder struct {
	n    *network
	next http.RoundTripper
}

// RoundTrip sends one request over https and reads its whole answer.
func (r recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.URL.Scheme != "https" {
		return nil, transportError{errors.New("it is not asked over https")}
	}
	answer, err := r.next.RoundTrip(q)
	if err != nil {
		if errors.Is(err, errAddress) {
			err = errAddress
		}
		return nil, transportError{err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxMetadata+1))
	switch {
	case err != nil:
		return nil, transportError{err}
	case len(text) > maxMetadata:
		return nil, transportError{fmt.Errorf("its answer is over %d bytes", maxMetadata)}
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		return nil, transportError{errors.New("it redirects, and redirects are not followed")}
	case answer.StatusCode != http.StatusOK:
		return nil, transportError{fmt.Errorf("it answers %s", answer.Status)}
	}
	r.n.mu.Lock()
	if len(r.n.last) > 500 {
		clear(r.n.last)
	}
	r.n.last[q.URL.String()] = text
	r.n.mu.Unlock()
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return answer, nil
}

func decodeSegment(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }
