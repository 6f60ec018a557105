package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/rest"
	"github.com/redoubt-dev/redoubt/threat"
)

// bodyLimit is the body limit of ordinary routes, in bytes. Routes that take runs or imports have their own.
const bodyLimit = 1 << 20

// runLimit is the body limit of a submitted run: 10,000 assertions with long reasons at both tiers.
const runLimit = 16 << 20

// importLimit is the body limit of an imported document or scanner's report, packed or not.
const importLimit = 64 << 20

// frameworkLimit is the body limit of an imported framework.
const frameworkLimit = 8 << 20

// chain wraps a route in the middleware, outermost first.
func (s *Server) chain(route string, limit int64, authenticated bool, next http.Handler) http.Handler {
	h := next
	if authenticated {
		h = s.limitKey(h)
		check := s.config.Service.Authenticate
		if route == "/mcp" {
			check = s.config.Service.AuthenticateMCP
		}
		h = s.authenticate(check, h)
	}
	h = s.limitAddress(h)
	h = s.guardOrigin(h)
	h = limitBody(limit, h)
	h = s.identify(route, h)
	return h
}

// securityHeaders are those of every answer, beside X-Content-Type-Options. Nothing here is a page: a browser may neither run nor frame nor keep it. A route that may be
// kept says so itself.
func securityHeaders(https bool) [][2]string {
	h := [][2]string{
		{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
		{"X-Frame-Options", "DENY"},
		{"Referrer-Policy", "no-referrer"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Cache-Control", "no-store"},
	}
	if https {
		h = append(h, [2]string{"Strict-Transport-Security", "max-age=31536000"})
	}
	return h
}

// statusWriter remembers the status for the metrics, and streams as the writer below does.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

func (w *statusWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// identify recovers from a panic, gives the request an id that the answer and the log carry, and counts it.
func (s *Server) identify(route string, next http.Handler) http.Handler {
	seconds := s.metrics.seconds.WithLabelValues(route)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		w := &statusWriter{ResponseWriter: rw}
		id := uuid.Must(uuid.NewV7()).String()
		h := w.Header()
		h.Set("X-Request-Id", id)
		h.Set("X-Content-Type-Options", "nosniff")
		for _, each := range s.headers {
			h.Set(each[0], each[1])
		}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // the value itself is the protocol
					panic(p)
				}
				s.config.Log.Error().Str("request", id).Interface("panic", p).Bytes("stack", debug.Stack()).Msg("a request panicked")
				if w.status == 0 {
					rest.WriteError(w, threat.Errorf(threat.Internal, "internal error").Hinted("the server's log has the cause under request %s", id))
				}
			}
			took := time.Since(begun)
			seconds.Observe(took.Seconds())
			s.metrics.requests.WithLabelValues(route, strconv.Itoa(max(w.status, 100)/100)+"xx").Inc()
			s.config.Log.Debug().Str("request", id).Str("method", r.Method).Str("route", route).Int("status", w.status).Dur("took", took).Msg("served")
		}()
		next.ServeHTTP(w, r)
	})
}

// limitBody bounds what a request may send; a declared length over it is refused before anything is read.
func limitBody(limit int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > limit {
			rest.WriteTooLarge(w, limit)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r)
	})
}

// guardOrigin refuses web pages of other sites, and on a loopback connection a Host that is neither loopback nor ours: a
// rebound DNS name makes a victim's browser call local servers so.
func (s *Server) guardOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if onLoopback(r) && !loopbackHost(r.Host) && !s.hosts[strings.ToLower(r.Host)] {
			rest.WriteError(w, threat.Errorf(threat.Forbidden, "this host name is not served here").In("Host").
				Hinted("set --public-url (REDOUBT_PUBLIC_URL) to the URL that clients use"))
			return
		}
		if o := r.Header.Get("Origin"); o != "" && !s.origins[strings.ToLower(o)] && !sameOrigin(o, r) {
			rest.WriteError(w, threat.Errorf(threat.Forbidden, "this origin may not call").In("Origin").
				Hinted("the operator allows origins with --allow-origin (REDOUBT_ALLOW_ORIGIN)"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin reports whether a page's origin is the very address that it calls.
func sameOrigin(origin string, r *http.Request) bool {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return strings.EqualFold(origin, scheme+r.Host)
}

func onLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func loopbackHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// authenticate refuses a request without a valid key with a real 401, and puts the caller into its context. An address that sent too many
// wrong keys is told to wait, without a look at the key, unless that key was accepted lately.
func (s *Server) authenticate(check func(context.Context, string) (account.Principal, error), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := apiKey(r)
		from, limited := s.limitedAddress(r)
		if limited && key != "" && !s.accepted.has(key) {
			if wait := s.failures.empty(from); wait > 0 {
				s.tooMany(w, "wrong keys", wait)
				return
			}
		}
		who, err := check(r.Context(), key)
		if err != nil {
			var te *threat.Error
			if !errors.As(err, &te) || te.Code == threat.Internal {
				if errors.Is(err, context.Canceled) {
					return
				}
				te = threat.Errorf(threat.Internal, "internal error")
			}
			if te.Code == threat.Unauthenticated {
				s.metrics.unauthenticated.Inc()
				if limited && key != "" {
					s.failures.allow(from)
				}
			}
			rest.WriteError(w, te)
			return
		}
		s.accepted.add(key)
		next.ServeHTTP(w, r.WithContext(account.WithPrincipal(r.Context(), who)))
	})
}

// apiKey returns the key of a request: Authorization: Bearer, else X-API-Key.
func apiKey(r *http.Request) string {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, key, ok := strings.Cut(h, " ")
		if ok && strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(key)
		}
		return "not a bearer token" // an Authorization of another kind is wrong, not absent
	}
	return strings.TrimSpace(r.Header.Get("X-API-Key"))
}
