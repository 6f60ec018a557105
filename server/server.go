// Package server is the program as a value: New, Start, Close. It wires the transports behind one chain of middleware:
// recover, request id, body limit of the route, Host and Origin, address limit, authenticate, key limit, and for /mcp the
// drop of notifications/cancelled.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/resources"
	"github.com/redoubt-dev/redoubt/rest"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/tools"
)

// Config is what a Server is made of.
type Config struct {
	Service *service.Service
	Log     zerolog.Logger
	Version string
	// PublicURL is the base URL that clients use, when it differs from the address listened on.
	PublicURL string
	// AllowedOrigins are web origins beside PublicURL's own whose pages may call, such as "https://ide.example.org".
	AllowedOrigins []string
	// TrustedProxies are the addresses of proxies whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Limits bound what one caller may ask.
	Limits Limits
	// Extend, when set, adds to the MCP server before it serves: test fixtures over the very same stack.
	Extend func(*mcpserver.MCPServer)
}

// Server serves HTTP. It is made by [New].
type Server struct {
	config   Config
	tools    *tools.Registry
	mcp      *mcpserver.MCPServer
	mcpHTTP  *mcpserver.StreamableHTTPServer
	http     *http.Server
	listener net.Listener
	metrics  *metrics
	hosts    map[string]bool
	origins  map[string]bool
	address  *limiter
	keys     *limiter
	failures *limiter
	accepted keySet
	unheeded sync.Once // the warning of a proxy that is not trusted
	headers  [][2]string
	lists    listCache
	api      *rest.API
}

// maxHeader bounds the header of a request, in bytes.
const maxHeader = 64 << 10

// New makes a Server.
func New(c Config) (*Server, error) {
	s := &Server{config: c, metrics: newMetrics(), hosts: map[string]bool{}, origins: map[string]bool{}}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, threat.Errorf(threat.Invalid, "the public URL is not an http or https URL").In("public-url")
		}
		s.hosts[strings.ToLower(u.Host)] = true
		s.origins[strings.ToLower(u.Scheme+"://"+u.Host)] = true
	}
	for _, o := range c.AllowedOrigins {
		s.origins[strings.ToLower(strings.TrimSuffix(o, "/"))] = true
	}
	s.headers = securityHeaders(strings.HasPrefix(strings.ToLower(c.PublicURL), "https:"))
	limits := c.Limits
	burst, wrong := orDefault(limits.Burst, defaultBurst), orDefault(limits.WrongKeys, defaultWrongKeys)
	s.address = newLimiter(orDefault(limits.PerAddress, defaultPerSecond), burst)
	s.keys = newLimiter(orDefault(limits.PerKey, defaultPerSecond), burst)
	s.failures = newLimiter(wrong/60, max(1, int(wrong)))
	c.Service.WatchLLM(s.metrics.countLLM)
	c.Service.WatchBackups(s.metrics.countBackup)

	var err error
	if s.tools, err = tools.New(c.Service, c.Log); err != nil {
		return nil, err
	}
	if s.mcp, err = NewMCP(c.Service, s.tools, c.Log, c.Version); err != nil {
		return nil, err
	}
	if c.Extend != nil {
		c.Extend(s.mcp)
	}
	s.mcpHTTP = mcpserver.NewStreamableHTTPServer(s.mcp,
		mcpserver.WithStateLess(true),
		mcpserver.WithDisableStreaming(true),           // no GET stream: nothing is pushed, and Shutdown would hang on it
		mcpserver.WithDisableLocalhostProtection(true), // guardHost does it, for REST too
		mcpserver.WithStreamableHTTPLogger(libraryLog(c.Log)),
	)
	if s.api, err = rest.New(c.Service, c.Log, c.Version); err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: orDefault(limits.HeaderTimeout, defaultHeaderTimeout),
		ReadTimeout:       orDefault(limits.BodyTimeout, defaultBodyTimeout),
		WriteTimeout:      orDefault(limits.AnswerTimeout, defaultAnswerTimeout),
		IdleTimeout:       orDefault(limits.IdleTimeout, defaultIdleTimeout),
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          nil,
	}
	return s, nil
}

// libraryLog is where the library logs: into ours, instead of beside it, and without the line that it writes for every client
// that tries a GET first.
func libraryLog(log zerolog.Logger) *slog.Logger {
	return slog.New(zerolog.NewSlogHandler(log.Level(max(log.GetLevel(), zerolog.WarnLevel))))
}

// NewMCP makes the MCP server over the service's tools, resources and prompts: one for HTTP and stdio alike.
func NewMCP(svc *service.Service, registry *tools.Registry, log zerolog.Logger, version string) (*mcpserver.MCPServer, error) {
	options := append(registry.Options(), resources.Options()...)
	m := mcpserver.NewMCPServer("redoubt", version, append(options, mcpserver.WithTitle("Redoubt"))...)
	if err := registry.Register(m); err != nil {
		return nil, err
	}
	return m, resources.Register(m, svc, log)
}

// Handler returns the whole HTTP surface.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Tools returns the records of the registered tools.
func (s *Server) Tools() []tools.Tool { return s.tools.List() }

// Routes returns the records of the registered REST routes.
func (s *Server) Routes() []rest.Route { return s.api.Routes() }

// handler builds the mux with the chain around each route.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/mcp", s.chain("/mcp", bodyLimit, true, http.HandlerFunc(s.serveMCP)))
	api := s.chain("/api", bodyLimit, true, s.api)
	runs := s.chain("/api/v1/models/{model_id}/verification/runs", runLimit, true, s.api)
	for _, version := range []string{"/api/v1", "/api"} {
		mux.Handle("POST "+version+"/models/{model_id}/verification/runs", runs)
	}
	imports := s.chain("/api/v1/models/import", importLimit, true, s.api)
	mux.Handle("POST /api/v1/models/import", imports)
	mux.Handle("POST /api/models/import", imports)
	frameworks := s.chain("/api/v1/frameworks", frameworkLimit, true, s.api)
	mux.Handle("POST /api/v1/frameworks", frameworks)
	mux.Handle("POST /api/frameworks", frameworks)
	reports := s.chain("/api/v1/models/{model_id}/findings/sarif", importLimit, true, s.api)
	mux.Handle("POST /api/v1/models/{model_id}/findings/sarif", reports)
	mux.Handle("POST /api/models/{model_id}/findings/sarif", reports)
	s.payments(mux)
	mux.Handle("/api/", api)
	document := s.chain("/api/v1/openapi.json", 0, false, http.HandlerFunc(s.serveOpenAPI))
	mux.Handle("GET /api/v1/openapi.json", document)
	mux.Handle("GET /api/openapi.json", document)
	mux.Handle("GET /.well-known/jwks.json", s.chain("/.well-known/jwks.json", 0, false, http.HandlerFunc(s.serveJWKS)))
	mux.Handle("GET /healthz", s.chain("/healthz", 0, false, http.HandlerFunc(serveHealth)))
	mux.Handle("GET /readyz", s.chain("/readyz", 0, false, http.HandlerFunc(s.serveReady)))
	mux.Handle("GET /metrics", s.chain("/metrics", 0, false, promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{})))
	mux.Handle("/", s.chain("/", 0, false, http.HandlerFunc(serveNothing)))
	return mux
}

func (s *Server) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	document, err := s.api.OpenAPI()
	if err != nil { // a test reads it, so this is never released
		s.config.Log.Error().Err(err).Msg("the OpenAPI document")
		rest.WriteError(w, threat.Errorf(threat.Internal, "the document could not be made"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document)
}

// serveHealth says that the process answers.
func serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// serveReady says whether the database answers too.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := s.config.Service.Ready(ctx); err != nil {
		s.config.Log.Error().Err(err).Msg("not ready")
		rest.WriteError(w, threat.Errorf(threat.Unavailable, "the database does not answer"))
		return
	}
	serveHealth(w, r)
}

func serveNothing(w http.ResponseWriter, r *http.Request) {
	rest.WriteError(w, threat.Errorf(threat.NotFound, "there is nothing at %s", threat.Clip(r.URL.Path, 80)).
		Hinted("MCP is at /mcp, REST at /api/v1 (openapi.json lists it), health at /healthz"))
}

// Listen takes the address. Errors say what to do about a port in use.
func (s *Server) Listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return threat.Errorf(threat.Unavailable, "address %s is in use", addr).
			Hinted("another redoubt may be running; choose another with --addr 127.0.0.1:0 or REDOUBT_ADDR")
	}
	if errors.Is(err, syscall.EACCES) {
		return threat.Errorf(threat.Unavailable, "address %s may not be used by this user", addr).Hinted("choose a port above 1023 with --addr")
	}
	if err != nil {
		return threat.Errorf(threat.Invalid, "address %s cannot be listened on: %v", addr, err).Hinted("give host:port, such as 127.0.0.1:8080")
	}
	s.listener = l
	return nil
}

// Addr is the address listened on, after [Server.Listen].
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is the base URL that clients use.
func (s *Server) URL() string {
	if s.config.PublicURL != "" {
		return strings.TrimSuffix(s.config.PublicURL, "/")
	}
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		return "http://" + s.Addr()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Serve serves until [Server.Close]; it starts the service's jobs. It returns nil after a Close.
func (s *Server) Serve() error {
	s.config.Service.Start()
	err := s.http.Serve(s.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("server: %w", err)
}

// Close stops taking requests, waits for those under way until ctx ends, and gives unfinished jobs back.
func (s *Server) Close(ctx context.Context) error {
	err := s.mcpHTTP.Shutdown(ctx) // before the HTTP server, which would wait for its streams
	if e := s.http.Shutdown(ctx); e != nil {
		err = errors.Join(err, e, s.http.Close())
	}
	s.config.Service.Stop()
	return err
}

// metrics are the Prometheus metrics of one server.
type metrics struct {
	registry        *prometheus.Registry
	requests        *prometheus.CounterVec
	seconds         *prometheus.HistogramVec
	unauthenticated prometheus.Counter
	limited         *prometheus.CounterVec
	llmCalls        *prometheus.CounterVec
	llmTokens       *prometheus.CounterVec
	llmSeconds      *prometheus.HistogramVec
	backups         *prometheus.CounterVec
	backedUp        prometheus.Gauge
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "redoubt_http_requests_total", Help: "HTTP requests by route and status class.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "redoubt_http_request_seconds", Help: "Duration of HTTP requests by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}, []string{"route"}),
		unauthenticated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "redoubt_unauthenticated_total", Help: "Requests refused because the key was missing or not valid.",
		}),
		llmCalls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "redoubt_llm_calls_total", Help: "Calls of the language model by operation and outcome: answered, cached, or the kind of the failure.",
		}, []string{"operation", "outcome"}),
		llmTokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "redoubt_llm_tokens_total", Help: "Tokens spent on the language model by operation and kind: prompt, completion.",
		}, []string{"operation", "kind"}),
		llmSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "redoubt_llm_call_seconds", Help: "Duration of calls of the language model that the cache did not answer, by operation.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320},
		}, []string{"operation"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "redoubt_limited_total", Help: "Requests answered 429, by what there was too much of.",
		}, []string{"what"}),
		backups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "redoubt_backups_total", Help: "Scheduled backups by outcome: done or failed.",
		}, []string{"outcome"}),
		backedUp: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "redoubt_backup_last_success_timestamp_seconds", Help: "When the last scheduled backup of this process was made; 0 for none yet.",
		}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.unauthenticated, m.limited, m.llmCalls, m.llmTokens, m.llmSeconds, m.backups, m.backedUp)
	return m
}

// countBackup takes a scheduled backup in.
func (m *metrics) countBackup(b service.BackupReport) {
	if b.Err != nil {
		m.backups.WithLabelValues("failed").Inc()
		return
	}
	m.backups.WithLabelValues("done").Inc()
	m.backedUp.Set(float64(b.At.Unix()))
}

// countLLM takes a call of the language model in.
func (m *metrics) countLLM(c service.LLMCall) {
	outcome := c.Outcome
	if c.Cached {
		outcome = "cached"
	} else {
		m.llmSeconds.WithLabelValues(c.Operation).Observe(c.Latency.Seconds())
	}
	m.llmCalls.WithLabelValues(c.Operation, outcome).Inc()
	m.llmTokens.WithLabelValues(c.Operation, "prompt").Add(float64(c.PromptTokens))
	m.llmTokens.WithLabelValues(c.Operation, "completion").Add(float64(c.CompletionTokens))
}

// serveJWKS publishes the keys that sign audit packages.
func (s *Server) serveJWKS(w http.ResponseWriter, r *http.Request) {
	keys, err := s.config.Service.JWKS(r.Context())
	if err != nil {
		rest.WriteError(w, threat.Errorf(threat.Unavailable, "the keys cannot be read"))
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "max-age=300")
	_, _ = w.Write(keys)
}
