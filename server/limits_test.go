package server_test

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/server"
	"github.com/redoubt-dev/redoubt/store"
)

// behindProxy has a server take the word of a proxy on this machine, with limits of its own.
func behindProxy(l server.Limits) func(*server.Config) {
	return func(c *server.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
		c.Limits = l
	}
}

// limited checks that an answer is a 429 that says when to come back.
func limited(t *testing.T, what string, r live.Response) {
	t.Helper()
	wait, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if r.Status != 429 || err != nil || wait < 1 || !bytes.Contains(r.Body, []byte(`"rate_limited"`)) {
		t.Errorf("%s: %d, Retry-After %q, %s", what, r.Status, r.Header.Get("Retry-After"), r.Body)
	}
}

// Every surface is limited by address, before a key is looked at.
func TestAddressLimit(t *testing.T) {
	const burst = 3
	env := live.Start(t, behindProxy(server.Limits{PerAddress: 0.001, PerKey: -1, WrongKeys: -1, Burst: burst}))
	u := env.NewUser(t, account.Developer)
	listBody, listHeaders := live.Modern(1, "tools/list", nil)
	for i, surface := range []struct{ method, path string }{
		{"POST", "/mcp"},
		{"GET", "/api/v1/models"},
		{"GET", "/api/models"},
		{"GET", "/api/v1/openapi.json"},
		{"GET", "/.well-known/jwks.json"},
		{"GET", "/healthz"},
		{"GET", "/readyz"},
		{"GET", "/metrics"},
		{"GET", "/nothing"},
	} {
		from := "203.0.113." + strconv.Itoa(i+1)
		ask := func() live.Response {
			var body io.Reader
			headers := []string{"X-Forwarded-For", from}
			if surface.path == "/mcp" {
				body = strings.NewReader(listBody)
				headers = append(headers, listHeaders...)
			}
			return u.Do(surface.method, surface.path, body, headers...)
		}
		for range burst {
			if r := ask(); r.Status == 429 {
				t.Errorf("%s is limited within the burst", surface.path)
			}
		}
		limited(t, surface.path, ask())
	}
	if r := u.Do("GET", "/api/v1/models", nil, "X-Forwarded-For", "203.0.113.200"); r.Status != 200 {
		t.Errorf("another address: %d", r.Status)
	}
	for range burst + 2 {
		if r := u.Do("GET", "/api/v1/models", nil); r.Status != 200 {
			t.Errorf("from this machine itself: %d", r.Status)
		}
	}
}

// What counts as one address: the last one that no proxy of ours has, an IPv6 network of 64 bits.
func TestWhoseAddress(t *testing.T) {
	for name, c := range map[string]struct {
		first, then string // X-Forwarded-For
		same        bool
	}{
		"the same":                 {"203.0.113.7", "203.0.113.7", true},
		"another":                  {"203.0.113.7", "203.0.113.8", false},
		"what the client says":     {"198.51.100.1, 203.0.113.7", "198.51.100.2, 203.0.113.7", true},
		"the client forges ours":   {"10.1.1.1, 203.0.113.7", "203.0.113.7", true},
		"two proxies":              {"203.0.113.7, 10.0.0.5", "203.0.113.7", true},
		"behind two proxies":       {"203.0.113.7, 10.0.0.5", "203.0.113.8, 10.0.0.5", false},
		"one IPv6 network":         {"2001:db8:1:2::7", "2001:db8:1:2:ffff::8", true},
		"another IPv6 network":     {"2001:db8:1:2::7", "2001:db8:1:3::7", false},
		"IPv4 in IPv6":             {"::ffff:203.0.113.7", "203.0.113.7", true},
		"spaces":                   {"  203.0.113.7 ", "203.0.113.7", true},
		"no address behind ours":   {"203.0.113.7, unknown, 10.0.0.5", "203.0.113.8, unknown, 10.0.0.5", true},
		"a zone makes no other":    {"2001:db8:1:2::7%eth0", "2001:db8:1:2::7%eth1", true},
		"our own address is as is": {"10.9.9.9", "10.9.9.9", true},
	} {
		env := live.Start(t, behindProxy(server.Limits{PerAddress: 0.001, Burst: 1, PerKey: -1, WrongKeys: -1}))
		if r := env.Do(t, "GET", "/healthz", nil, "X-Forwarded-For", c.first); r.Status != 200 {
			t.Errorf("%s: the first is %d", name, r.Status)
		}
		if r := env.Do(t, "GET", "/healthz", nil, "X-Forwarded-For", c.then); (r.Status == 429) != c.same {
			t.Errorf("%s: the second is %d", name, r.Status)
		}
	}
}

// Without a trusted proxy nobody's word counts; the operator is told of the proxy, once.
func TestNobodyIsBelieved(t *testing.T) {
	env := live.Start(t, func(c *server.Config) { c.Limits = server.Limits{PerAddress: 0.001, Burst: 1, PerKey: -1} })
	for range 3 {
		if r := env.Do(t, "GET", "/healthz", nil, "X-Forwarded-For", "203.0.113.7"); r.Status != 200 {
			t.Errorf("%d: loopback is limited by what a header says", r.Status)
		}
	}
	if n := strings.Count(env.Log.String(), "--trusted-proxy"); n != 1 {
		t.Errorf("the operator is told %d times", n)
	}
}

// Too many wrong keys from an address, and it has to wait, whatever key comes next; a client behind it whose key was accepted goes on.
func TestWrongKeys(t *testing.T) {
	const burst = 4
	env := live.Start(t, behindProxy(server.Limits{PerAddress: -1, PerKey: -1, WrongKeys: burst}))
	honest, late := env.NewUser(t, account.Developer), env.NewUser(t, account.Developer)
	from := []string{"X-Forwarded-For", "203.0.113.7"}
	if r := honest.Do("GET", "/api/v1/models", nil, from...); r.Status != 200 {
		t.Fatal(r.Status)
	}
	for range 3 * burst { // a client that looks whether it needs a key guesses nothing
		if r := env.Do(t, "GET", "/api/v1/models", nil, from...); r.Status != 401 {
			t.Errorf("no key: %d", r.Status)
		}
	}
	guess := func() live.Response {
		key, err := auth.NewKey(account.Developer)
		if err != nil {
			t.Fatal(err)
		}
		return env.Do(t, "GET", "/api/v1/models", nil, append(from, "Authorization", "Bearer "+key)...)
	}
	for i := range burst {
		if r := guess(); r.Status != 401 {
			t.Errorf("guess %d: %d", i+1, r.Status)
		}
	}
	for _, path := range []string{"/api/v1/models", "/api/models"} {
		limited(t, path, env.Do(t, "GET", path, nil, append(from, "X-API-Key", "rdk_wrong")...))
	}
	limited(t, "/mcp", env.Do(t, "POST", "/mcp", strings.NewReader("{}"), append(from, "Authorization", "Bearer wrong")...))
	limited(t, "a good key that is new here", late.Do("GET", "/api/v1/models", nil, from...))
	if r := honest.Do("GET", "/api/v1/models", nil, from...); r.Status != 200 {
		t.Errorf("a key that was accepted before: %d %s", r.Status, r.Body)
	}
	if r := late.Do("GET", "/api/v1/models", nil, "X-Forwarded-For", "203.0.113.8"); r.Status != 200 {
		t.Errorf("from elsewhere: %d", r.Status)
	}
	testenv.Write(t, env.Store, func(tx *store.Tx) error { return tx.RevokeKey(honest.Who.WorkspaceID, honest.Who.KeyID) })
	if r := honest.Do("GET", "/api/v1/models", nil, from...); r.Status != 401 {
		t.Errorf("revoked, and remembered as accepted: %d", r.Status)
	}
	if r := env.Do(t, "GET", "/metrics", nil); !bytes.Contains(r.Body, []byte(`redoubt_limited_total{what="wrong keys"} 4`)) {
		t.Errorf("the metrics do not count it: %s", r.Body)
	}
}

// Nothing that is served may be run, framed or kept by a browser.
func TestSecurityHeaders(t *testing.T) {
	env := live.Start(t, func(c *server.Config) { c.PublicURL = "https://redoubt.example.org" })
	env.URL = "http://" + env.Server.Addr()
	u := env.NewUser(t, account.Developer)
	for _, path := range []string{"/api/v1/models", "/api/v1/nothing", "/mcp", "/nothing", "/healthz", "/metrics", "/api/v1/openapi.json", "/.well-known/jwks.json"} {
		r := u.Do("GET", path, nil)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
			"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if kept := r.Header.Get("Cache-Control"); kept != "no-store" && path != "/.well-known/jwks.json" {
			t.Errorf("%s: Cache-Control is %q", path, kept)
		}
	}
	plain := live.Start(t)
	if r := plain.Do(t, "GET", "/healthz", nil); r.Header.Get("Strict-Transport-Security") != "" {
		t.Error("a server without TLS asks for it")
	}
}

// A client that takes too long to send is let go.
func TestSlowClients(t *testing.T) {
	env := live.Start(t, func(c *server.Config) {
		c.Limits.HeaderTimeout, c.Limits.BodyTimeout = 30*time.Millisecond, 60*time.Millisecond
	})
	u := env.NewUser(t, account.Developer)
	for name, sent := range map[string]string{
		"header": "GET /healthz HTTP/1.1\r\nHost: localhost\r\n",
		"body": "POST /api/v1/keys HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + u.Key +
			"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
	} {
		c, err := net.Dial("tcp", env.Server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, sent); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c) // ends when the server closes the connection
		if err != nil || bytes.Contains(answer, []byte(" 200 ")) {
			t.Errorf("a slow %s: %q, %v", name, answer, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
