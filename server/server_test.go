package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"go.uber.org/goleak"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/server"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const feature = "A REST API where users sign in with passwords and upload files to S3; PostgreSQL holds accounts."

// Every revision that clients speak is served on one endpoint.
func TestProtocolRevisions(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} {
		c := u.Connect(version)
		request := mcp.CallToolRequest{}
		request.Params.Name = "list_threat_models"
		result, err := c.CallTool(context.Background(), request)
		if err != nil || result.IsError {
			t.Errorf("%s: %v %+v", version, err, result)
		}
	}
	body, headers := live.Modern(1, "server/discover", nil)
	r := u.Do("POST", "/mcp", strings.NewReader(body), headers...)
	if r.Status != 200 || !bytes.Contains(r.Body, []byte("2026-07-28")) {
		t.Errorf("server/discover: %d %s", r.Status, r.Body)
	}
	if bytes.Contains(r.Body, []byte(`"logging"`)) || bytes.Contains(r.Body, []byte(`"tasks"`)) {
		t.Errorf("logging or tasks are declared, whose state all clients would share: %s", r.Body)
	}
}

// A client may keep the lists, never what a resource says: it changes with the next edit.
func TestCacheHints(t *testing.T) {
	u := live.Start(t).NewUser(t, account.Developer)
	for method, want := range map[string]string{
		"tools/list": `"ttlMs":300000`, "prompts/list": `"ttlMs":300000`, "resources/list": `"ttlMs":300000`, "resources/read": `"ttlMs":0`,
	} {
		params := map[string]any{}
		if method == "resources/read" {
			params["uri"] = "redoubt://models"
		}
		body, headers := live.Modern(1, method, params)
		r := u.Do("POST", "/mcp", strings.NewReader(body), headers...)
		if r.Status != 200 || !bytes.Contains(r.Body, []byte(want)) || !bytes.Contains(r.Body, []byte(`"cacheScope":"private"`)) {
			t.Errorf("%s: %d %.300s, want %s", method, r.Status, r.Body, want)
		}
	}
}

// A client that listens for changes is told which it will hear of, though that is none.
func TestListenIsAcknowledged(t *testing.T) {
	u := live.Start(t).NewUser(t, account.Developer)
	acknowledged := 0
	for range 40 {
		body, headers := live.Modern(1, "subscriptions/listen", map[string]any{"notifications": map[string]any{"toolsListChanged": true}})
		r := u.Do("POST", "/mcp", strings.NewReader(body), headers...)
		if r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		if bytes.Contains(r.Body, []byte(`"notifications/subscriptions/acknowledged"`)) {
			acknowledged++
		}
	}
	if acknowledged < 36 { // the library loses two in five without the pause, and still one in some thousands with it
		t.Errorf("%d of 40 were acknowledged", acknowledged)
	}
}

// What the MCP library logs goes into our log, and a client that tries a GET first leaves no line at all.
func TestLibraryLog(t *testing.T) {
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	var beside bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&beside, nil)))
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	u.Do("GET", "/mcp", nil)
	if env.Log.String() != "" {
		t.Errorf("a GET was logged: %s", env.Log)
	}
	u.Do("POST", "/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"result":{"no":"session"}}`), "Content-Type", "application/json")
	if !strings.Contains(env.Log.String(), `"level":"error"`) || beside.Len() > 0 {
		t.Errorf("in our log: %q, beside it: %q", env.Log, beside.String())
	}
}

// A request without a valid key is a real 401 on every surface, and nothing tells why.
func TestUnauthenticated(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	revoked := env.NewKey(t, u.User, u.User.PersonalWorkspace, account.Developer)
	testenv.Write(t, env.Store, func(tx *store.Tx) error { return tx.RevokeKey(revoked.Who.WorkspaceID, revoked.Who.KeyID) })
	past := time.Now().Add(-time.Hour)
	expired := env.NewKey(t, u.User, u.User.PersonalWorkspace, account.Developer, func(k *account.Key) { k.ExpiresAt = &past })
	unknown, err := auth.NewKey(account.Developer)
	if err != nil {
		t.Fatal(err)
	}
	typo := u.Key[:len(u.Key)-1] + "_"
	bodies := map[string]bool{}
	for name, headers := range map[string][]string{
		"mistyped": {"Authorization", "Bearer " + typo}, "unknown": {"Authorization", "Bearer " + unknown},
		"revoked": {"Authorization", "Bearer " + revoked.Key}, "expired": {"Authorization", "Bearer " + expired.Key},
		"basic": {"Authorization", "Basic " + u.Key}, "wrong X-API-Key": {"X-API-Key", "rdk_"}, "missing": nil,
	} {
		for _, path := range []string{"/mcp", "/api/v1/models", "/api/models"} {
			method := "GET"
			var body io.Reader
			if path == "/mcp" {
				method, body = "POST", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
			}
			r := env.Do(t, method, path, body, append(headers, "Content-Type", "application/json")...)
			var te threat.Error
			if err := json.Unmarshal(r.Body, &te); err != nil {
				t.Fatalf("%s %s: %s", name, path, r.Body)
			}
			if r.Status != 401 || te.Code != threat.Unauthenticated || r.Header.Get("WWW-Authenticate") != `Bearer realm="redoubt"` {
				t.Errorf("%s key, %s: %d %s, WWW-Authenticate %q", name, path, r.Status, r.Body, r.Header.Get("WWW-Authenticate"))
			}
			if name != "missing" && name != "wrong X-API-Key" {
				bodies[string(r.Body)] = true
			}
		}
	}
	if len(bodies) != 1 {
		t.Errorf("the answers tell wrong keys apart: %v", bodies)
	}
	for _, headers := range [][]string{{"X-API-Key", u.Key}, {"Authorization", "bearer " + u.Key}} {
		if r := env.Do(t, "GET", "/api/v1/models", nil, headers...); r.Status != 200 {
			t.Errorf("%s: %d %s", headers[0], r.Status, r.Body)
		}
	}
}

// A key is refused on the request after its revocation.
func TestRevocationIsImmediate(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	if r := u.Do("GET", "/api/v1/models", nil); r.Status != 200 {
		t.Fatal(r.Status)
	}
	if r := u.Do("DELETE", "/api/v1/keys/"+u.Who.KeyID, nil); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if r := u.Do("GET", "/api/v1/models", nil); r.Status != 401 {
		t.Errorf("after the revocation: %d", r.Status)
	}
}

// Pages of other sites and rebound host names are refused before a key is looked at.
func TestOriginAndHost(t *testing.T) {
	env := live.Start(t, func(c *server.Config) {
		c.PublicURL = "https://redoubt.example.org"
		c.AllowedOrigins = []string{"https://ide.example.org/"}
	})
	u := env.NewUser(t, account.Developer)
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"no origin":      {nil, 200},
		"public":         {[]string{"Origin", "https://redoubt.example.org"}, 200},
		"allowed":        {[]string{"Origin", "https://IDE.example.org"}, 200},
		"foreign":        {[]string{"Origin", "https://evil.example.org"}, 403},
		"null":           {[]string{"Origin", "null"}, 403},
		"prefix":         {[]string{"Origin", "https://ide.example.org.evil.org"}, 403},
		"public host":    {[]string{"Host", "redoubt.example.org"}, 200},
		"rebound host":   {[]string{"Host", "evil.example.org"}, 403},
		"localhost host": {[]string{"Host", "localhost:1234"}, 200},
		"loopback host":  {[]string{"Host", "127.0.0.1:9"}, 200},
		"ipv6 host":      {[]string{"Host", "[::1]:9"}, 200},
		"tricky host":    {[]string{"Host", "localhost.evil.org"}, 403},
	} {
		env.URL = "http://" + env.Server.Addr()
		if r := u.Do("GET", "/api/v1/models", nil, c.headers...); r.Status != c.status {
			t.Errorf("%s: %d, want %d: %s", name, r.Status, c.status, r.Body)
		}
		body, headers := live.Modern(1, "tools/list", nil)
		if r := u.Do("POST", "/mcp", strings.NewReader(body), append(headers, c.headers...)...); r.Status != c.status {
			t.Errorf("%s on /mcp: %d, want %d: %s", name, r.Status, c.status, r.Body)
		}
	}
}

// A body over the limit is 413, declared or not; invalid UTF-8 and broken JSON are refused.
func TestBodies(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	big := strings.Repeat("x", 1<<20+1)
	call := func(text string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_threat_models","arguments":{"title":"` + text + `"}}}`
	}
	for name, c := range map[string]struct {
		method, path string
		body         io.Reader
		status       int
		word         string
	}{
		"large":          {"POST", "/mcp", strings.NewReader(call(big)), 413, "larger than 1048576"},
		"large, chunked": {"POST", "/mcp", io.MultiReader(strings.NewReader(call(big))), 413, "larger than 1048576"},
		"large for rest": {"POST", "/api/v1/keys", strings.NewReader(big), 413, "larger than 1048576"},
		"bad UTF-8":      {"POST", "/mcp", strings.NewReader(call("\xff\xfe")), 400, "UTF-8"},
		"bad UTF-8 rest": {"POST", "/api/v1/keys", strings.NewReader("{\"name\":\"\xff\"}"), 400, "UTF-8"},
		"no JSON":        {"POST", "/mcp", strings.NewReader("hello"), 400, "valid json"},
		"no JSON rest":   {"POST", "/api/v1/keys", strings.NewReader("hello"), 400, "JSON object"},
		"list for rest":  {"POST", "/api/v1/keys", strings.NewReader("[]"), 400, "JSON object"},
		"no route":       {"GET", "/api/v1/nothing", nil, 404, "openapi.json"},
		"no page":        {"GET", "/nothing", nil, 404, "/mcp"},
		"GET on mcp":     {"GET", "/mcp", nil, 405, ""},
		"PUT on mcp":     {"PUT", "/mcp", nil, 405, ""},
	} {
		r := u.Do(c.method, c.path, c.body, "Content-Type", "application/json")
		if r.Status != c.status || !bytes.Contains(r.Body, []byte(c.word)) {
			t.Errorf("%s: %d %s", name, r.Status, r.Body[:min(len(r.Body), 300)])
		}
		if r.Header.Get("X-Request-Id") == "" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", name, r.Header)
		}
	}
}

// One tenant's notifications/cancelled with the id of another's request does not reach it: in stateless mode the library
// would end the other's call.
func TestCancelledIsDropped(t *testing.T) {
	expert, err := live.Expert()
	if err != nil {
		t.Fatal(err)
	}
	gated := live.NewGatedEngine(expert)
	env := live.StartWith(t, testenv.Store(t), []pipeline.Engine{gated})
	victim, stranger := env.NewUser(t, account.Developer), env.NewUser(t, account.Developer)

	body, headers := live.Modern(5, "tools/call", map[string]any{
		"name": "generate_threat_model", "arguments": map[string]any{"feature_description": feature, "wait_seconds": 50},
	})
	answer := make(chan live.Response, 1)
	go func() { answer <- victim.Do("POST", "/mcp", strings.NewReader(body), headers...) }()
	<-gated.Entered
	for _, params := range []string{`{"requestId":5}`, `{"requestId":"5"}`} {
		for _, u := range []*live.User{stranger, victim} {
			r := u.Do("POST", "/mcp", strings.NewReader(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":`+params+`}`), "Content-Type", "application/json")
			if r.Status != 202 {
				t.Errorf("the notification was answered %d %s", r.Status, r.Body)
			}
		}
	}
	close(gated.Gate)
	r := <-answer
	if !bytes.Contains(r.Body, []byte(`"status":"done"`)) {
		t.Errorf("the victim's call ended with %s", r.Body)
	}
}

// Closing one's own stream ends the waiting, not the job.
func TestClosingTheStreamLeavesTheJob(t *testing.T) {
	expert, err := live.Expert()
	if err != nil {
		t.Fatal(err)
	}
	gated := live.NewGatedEngine(expert)
	env := live.StartWith(t, testenv.Store(t), []pipeline.Engine{gated})
	u := env.NewUser(t, account.Developer)
	body, headers := live.Modern(5, "tools/call", map[string]any{
		"name": "generate_threat_model", "arguments": map[string]any{"feature_description": feature, "wait_seconds": 50, "idempotency_key": "k"},
	})
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, "POST", env.URL+"/mcp", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	request.Header.Set("Authorization", "Bearer "+u.Key)
	ended := make(chan error, 1)
	go func() {
		r, err := http.DefaultClient.Do(request)
		if err == nil {
			err = r.Body.Close()
		}
		ended <- err
	}()
	<-gated.Entered
	cancel()
	<-ended
	close(gated.Gate)
	job := live.Call[service.JobOut](u, "generate_threat_model", live.Args{"feature_description": feature, "wait_seconds": 50, "idempotency_key": "k"})
	if job.Status != "done" {
		t.Errorf("the job is %s", job.Status)
	}
	if n := live.Call[service.ListThreatModelsOut](u, "list_threat_models", nil).Total; n != 1 {
		t.Errorf("%d models", n)
	}
}

// Progress names each step, and the last step is among what arrives.
func TestProgressNamesEachStep(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	for round := range 20 {
		c := u.Connect("2025-06-18")
		var mu sync.Mutex
		var got []string
		c.OnNotification(func(n mcp.JSONRPCNotification) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprint(n.Params.AdditionalFields["message"]))
		})
		request := mcp.CallToolRequest{}
		request.Params.Name = "generate_threat_model"
		request.Params.Arguments = map[string]any{"feature_description": feature, "wait_seconds": 50}
		request.Params.Meta = &mcp.Meta{ProgressToken: fmt.Sprint("p", round)}
		if _, err := c.CallTool(context.Background(), request); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		seen := slices.Clone(got)
		mu.Unlock()
		for i, step := range pipeline.Steps() {
			want := service.JobStep{Number: i + 1, Name: string(step)}.Text(6)
			if i >= len(seen) || seen[i] != want {
				t.Fatalf("round %d: step %d should be %q, got %q", round, i+1, want, seen)
			}
		}
	}
}

// What goes wrong inside never leaves: neither from a tool that errs nor from one that panics.
func TestInternalsStayInside(t *testing.T) {
	env := live.StartWith(t, testenv.Store(t), []pipeline.Engine{brokenEngine{}})
	u := env.NewUser(t, account.Developer)
	for _, description := range []string{"err", "panic"} {
		te := u.Refused("generate_threat_model", live.Args{"feature_description": description, "wait_seconds": 50}, threat.Internal)
		raw, err := json.Marshal(te)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("secret")) || bytes.Contains(raw, []byte("goroutine")) {
			t.Errorf("the answer tells %s", raw)
		}
	}
	if !strings.Contains(env.Log.String(), "secret sauce") {
		t.Errorf("the log does not have the cause: %s", env.Log)
	}
}

type brokenEngine struct{}

func (brokenEngine) Name() string   { return "broken" }
func (brokenEngine) BatchSize() int { return 0 }
func (brokenEngine) Propose(_ context.Context, r pipeline.Request) (pipeline.Output, error) {
	if r.Draft.Structure.Feature == "panic" {
		panic("secret sauce")
	}
	return pipeline.Output{}, fmt.Errorf("sql: secret sauce at /var/lib")
}

// Health, readiness, metrics and OpenAPI need no key and tell nothing of any tenant.
func TestOpenRoutes(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	id := u.Generate(feature)
	for path, word := range map[string]string{
		"/healthz": "ok", "/readyz": "ok", "/metrics": "redoubt_http_requests_total", "/api/v1/openapi.json": `"openapi":"3.1.0"`,
	} {
		r := env.Do(t, "GET", path, nil)
		if r.Status != 200 || !bytes.Contains(r.Body, []byte(word)) || bytes.Contains(r.Body, []byte(id)) {
			t.Errorf("%s: %d %s", path, r.Status, r.Body[:min(200, len(r.Body))])
		}
	}
	if err := env.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if r := env.Do(t, "GET", "/readyz", nil); r.Status != 503 {
		t.Errorf("readyz on a closed database: %d", r.Status)
	}
	if r := env.Do(t, "GET", "/healthz", nil); r.Status != 200 {
		t.Errorf("healthz on a closed database: %d", r.Status)
	}
}

// One key that calls too fast is told to wait; others go on.
func TestKeyLimit(t *testing.T) {
	env := live.Start(t, func(c *server.Config) { c.Limits = server.Limits{PerKey: 0.001, Burst: 5} })
	fast, slow := env.NewUser(t, account.Developer), env.NewUser(t, account.Developer)
	limited := 0
	for range 8 {
		r := fast.Do("GET", "/api/v1/models", nil)
		if r.Status == 429 && r.Header.Get("Retry-After") != "" && bytes.Contains(r.Body, []byte("rate_limited")) {
			limited++
		} else if r.Status != 200 {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	}
	if limited != 3 {
		t.Errorf("%d of 8 calls were limited, burst 5", limited)
	}
	if r := slow.Do("GET", "/api/v1/models", nil); r.Status != 200 {
		t.Errorf("the other key: %d", r.Status)
	}
}

func TestListenErrors(t *testing.T) {
	env := live.Start(t)
	second, err := server.New(server.Config{Service: env.Service})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Listen(env.Server.Addr()); threat.CodeOf(err) != threat.Unavailable || !strings.Contains(err.Error(), "--addr") {
		t.Errorf("a port in use: %v", err)
	}
	if err := second.Listen("nonsense"); threat.CodeOf(err) != threat.Invalid {
		t.Errorf("no address: %v", err)
	}
	if _, err := server.New(server.Config{Service: env.Service, PublicURL: "redoubt.example.org"}); threat.CodeOf(err) != threat.Invalid {
		t.Errorf("a public URL without a scheme: %v", err)
	}
}
