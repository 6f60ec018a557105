package server

import (
	"crypto/sha256"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/rest"
	"github.com/redoubt-dev/redoubt/threat"
)

// Limits bound what one caller may ask. Zero fields take the defaults; negative rates switch a limit off.
type Limits struct {
	PerAddress float64 // requests a second from one address; loopback addresses are free
	PerKey     float64 // requests a second with one key
	Burst      int     // of both
	WrongKeys  float64 // wrong keys a minute from one address, and as many at once; loopback addresses are free
	// How long a client may take to send the header, the body, to read the answer, and to send the next request.
	HeaderTimeout, BodyTimeout, AnswerTimeout, IdleTimeout time.Duration
}

// Defaults of [Limits]: well above what an agent does, well below what hurts. An answer may take as long as a call may wait for a job, and
// as long again to be read.
const (
	defaultPerSecond     = 100
	defaultBurst         = 400
	defaultWrongKeys     = 20
	defaultHeaderTimeout = 10 * time.Second
	defaultBodyTimeout   = 60 * time.Second
	defaultAnswerTimeout = 3 * time.Minute
	defaultIdleTimeout   = 2 * time.Minute
)

// orDefault returns a, or b where a is zero.
func orDefault[T comparable](a, b T) T {
	var zero T
	if a == zero {
		return b
	}
	return a
}

// client is the address that a request comes from: the connection's, or behind a trusted proxy the last address of X-Forwarded-For that
// is none of the proxies'. What stands before that one is the client's own word.
func (s *Server) client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap()
	forwarded := r.Header.Values("X-Forwarded-For")
	if len(forwarded) == 0 {
		return addr
	}
	if len(s.config.TrustedProxies) == 0 {
		s.unheeded.Do(func() {
			s.config.Log.Warn().Str("peer", addr.String()).Msg("a proxy seems to forward requests: limits by address see the proxy alone, until --trusted-proxy (REDOUBT_TRUSTED_PROXY) names it")
		})
		return addr
	}
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !s.trusts(addr) {
			break
		}
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break // the proxy wrote no address: it is the last that is known
		}
		addr = next.Unmap().WithZone("")
	}
	return addr
}

func (s *Server) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(s.config.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// limitedAddress returns the name under which a request's address is limited, and whether it is: loopback is not. An IPv6 address counts as
// its /64, which is what one customer has.
func (s *Server) limitedAddress(r *http.Request) (string, bool) {
	addr := s.client(r)
	if !addr.IsValid() || addr.IsLoopback() {
		return "", false
	}
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String(), true
		}
	}
	return addr.String(), true
}

// limitAddress bounds requests from one address before a key is looked at.
func (s *Server) limitAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from, limited := s.limitedAddress(r); limited {
			if wait := s.address.allow(from); wait > 0 {
				s.tooMany(w, "requests", wait)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// limitKey bounds requests with one key.
func (s *Server) limitKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := s.keys.allow(account.FromContext(r.Context()).KeyID); wait > 0 {
			s.tooMany(w, "requests", wait)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// tooMany answers 429 and says when to come back, in whole seconds.
func (s *Server) tooMany(w http.ResponseWriter, what string, wait time.Duration) {
	s.metrics.limited.WithLabelValues(what).Inc()
	seconds := strconv.Itoa(int(math.Ceil(min(wait, time.Hour).Seconds())))
	w.Header().Set("Retry-After", seconds)
	rest.WriteError(w, threat.Errorf(threat.RateLimited, "too many %s", what).Hinted("wait %s s before the next call", seconds))
}

// limiter is a token bucket per name.
type limiter struct {
	perSecond rate.Limit
	burst     int
	mu        sync.Mutex
	buckets   map[string]*rate.Limiter
}

// maxBuckets bounds the memory of a limiter; past it, all are forgotten at once, which frees nobody for long.
const maxBuckets = 50_000

func newLimiter(perSecond float64, burst int) *limiter {
	return &limiter{perSecond: rate.Limit(perSecond), burst: burst, buckets: map[string]*rate.Limiter{}}
}

func (l *limiter) bucket(name string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[name]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			clear(l.buckets)
		}
		b = rate.NewLimiter(l.perSecond, l.burst)
		l.buckets[name] = b
	}
	return b
}

// allow takes a token and returns 0, or how long it is until there is one.
func (l *limiter) allow(name string) time.Duration {
	if l.perSecond < 0 {
		return 0
	}
	b := l.bucket(name)
	if b.Allow() {
		return 0
	}
	return l.missing(b)
}

// empty returns 0 while there is a token, which it does not take, or how long it is until there is one.
func (l *limiter) empty(name string) time.Duration {
	if l.perSecond < 0 {
		return 0
	}
	l.mu.Lock()
	b := l.buckets[name]
	l.mu.Unlock()
	if b == nil || b.Tokens() >= 1 {
		return 0
	}
	return l.missing(b)
}

func (l *limiter) missing(b *rate.Limiter) time.Duration {
	return max(time.Millisecond, time.Duration((1-b.Tokens())/float64(l.perSecond)*float64(time.Second)))
}

// keySet remembers keys that were accepted, by their digest. It lets nobody in: a key in it is checked as any other.
type keySet struct {
	mu   sync.Mutex
	keys map[[sha256.Size]byte]struct{}
}

func (k *keySet) add(key string) {
	sum := sha256.Sum256([]byte(key))
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.keys[sum]; ok {
		return
	}
	if k.keys == nil || len(k.keys) >= maxBuckets {
		k.keys = map[[sha256.Size]byte]struct{}{}
	}
	k.keys[sum] = struct{}{}
}

func (k *keySet) has(key string) bool {
	sum := sha256.Sum256([]byte(key))
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.keys[sum]
	return ok
}
