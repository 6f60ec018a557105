// Package live gives a test a running server with a database of its own, and MCP clients that speak to it.
package live

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/pipeline/builtin"
	"github.com/redoubt-dev/redoubt/server"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Env is a running server.
type Env struct {
	URL     string
	Store   *store.Store
	Service *service.Service
	Server  *server.Server
	Log     *Log
}

// Log keeps what the server logged.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Expert returns the builtin engine, loaded once a process.
var Expert = sync.OnceValues(builtin.New)

// Start starts a server on a free port of the loopback and stops it with the test. Changes are applied to its configuration
// first.
func Start(t testing.TB, changes ...func(*server.Config)) *Env {
	t.Helper()
	return StartWith(t, testenv.Store(t), nil, changes...)
}

// StartWith starts a server over a store and with engines of the test's own; nil engines are the builtin one.
func StartWith(t testing.TB, st *store.Store, engines []pipeline.Engine, changes ...func(*server.Config)) *Env {
	t.Helper()
	return StartOver(t, service.Config{Store: st, Engines: engines}, changes...)
}

// StartOver starts a server over a service of the test's own configuration. Without a store it gets a fresh one, without engines the
// builtin one, and what it logs goes to Env.Log: from warnings on, everything where over.Log is at the level of traces.
func StartOver(t testing.TB, over service.Config, changes ...func(*server.Config)) *Env {
	t.Helper()
	if over.Store == nil {
		over.Store = testenv.Store(t)
	}
	if over.Engines == nil {
		e, err := Expert()
		if err != nil {
			t.Fatal(err)
		}
		over.Engines = []pipeline.Engine{e}
	}
	env := &Env{Store: over.Store, Log: &Log{}}
	level := zerolog.WarnLevel
	if over.Log.GetLevel() == zerolog.TraceLevel {
		level = zerolog.TraceLevel
	}
	log := zerolog.New(env.Log).Level(level)
	over.Log = log
	var err error
	if env.Service, err = service.New(over); err != nil {
		t.Fatal(err)
	}
	config := server.Config{Service: env.Service, Log: log, Version: "test", Limits: server.Limits{PerKey: -1, PerAddress: -1, WrongKeys: -1}}
	for _, change := range changes {
		change(&config)
	}
	if env.Server, err = server.New(config); err != nil {
		t.Fatal(err)
	}
	if err := env.Server.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	env.URL = env.Server.URL()
	served := make(chan error, 1)
	go func() { served <- env.Server.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := env.Server.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return env
}

// At returns a caller with a key at the URL of a server that runs elsewhere, such as in a child process.
func At(t testing.TB, url, key string) *User {
	return &User{env: &Env{URL: url}, t: t, Key: key}
}

// User is a user of a running server with a key.
type User struct {
	env  *Env
	t    testing.TB
	Key  string
	Who  account.Principal
	User account.User

	mu     sync.Mutex
	client *client.Client
}

// NewUser adds a user with a key of a scope in their personal workspace.
func (e *Env) NewUser(t testing.TB, scope account.Scope, changes ...func(*account.Key)) *User {
	t.Helper()
	u := testenv.User(t, e.Store, testenv.NewID(t)+"@example.org")
	return e.NewKey(t, u, u.PersonalWorkspace, scope, changes...)
}

// NewKey adds a key for a user in a workspace.
func (e *Env) NewKey(t testing.TB, u account.User, workspace string, scope account.Scope, changes ...func(*account.Key)) *User {
	t.Helper()
	k, secret := testenv.Key(t, e.Store, workspace, u, scope, changes...)
	return &User{env: e, t: t, Key: secret, Who: testenv.Principal(k, u), User: u}
}

// Client returns the user's MCP client, connected.
func (u *User) Client() *client.Client {
	u.t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.client == nil {
		u.client = u.Connect(mcp.LATEST_PROTOCOL_VERSION)
	}
	return u.client
}

// Connect returns a fresh MCP client that asks for a protocol version.
func (u *User) Connect(version string) *client.Client {
	u.t.Helper()
	c, err := client.NewStreamableHttpClient(u.env.URL+"/mcp",
		transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + u.Key}))
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = c.Close() })
	if err := c.Start(context.Background()); err != nil {
		u.t.Fatal(err)
	}
	init := mcp.InitializeRequest{}
	init.Params.ProtocolVersion = version
	init.Params.ClientInfo = mcp.Implementation{Name: "redoubt-test", Version: "1"}
	if _, err := c.Initialize(context.Background(), init); err != nil {
		u.t.Fatal(err)
	}
	return c
}

// Args are the arguments of a tool call.
type Args = map[string]any

// Try calls a tool. It returns the structured answer, or the tool error.
func (u *User) Try(tool string, args Args) (json.RawMessage, *threat.Error) {
	u.t.Helper()
	request := mcp.CallToolRequest{}
	request.Params.Name, request.Params.Arguments = tool, args
	result, err := u.Client().CallTool(context.Background(), request)
	if err != nil {
		u.t.Fatalf("%s: %v", tool, err)
	}
	text, ok := mcp.AsTextContent(result.Content[0])
	if !ok || len(result.Content) != 1 {
		u.t.Fatalf("%s: the content is not one text", tool)
	}
	if result.IsError {
		var te threat.Error
		if err := json.Unmarshal([]byte(text.Text), &te); err != nil {
			u.t.Fatalf("%s: the error is not {code, message}: %s", tool, text.Text)
		}
		return nil, &te
	}
	raw, err := json.Marshal(result.StructuredContent)
	if err != nil {
		u.t.Fatal(err)
	}
	return raw, nil
}

// Call calls a tool that must succeed and decodes its answer.
func Call[Out any](u *User, tool string, args Args) Out {
	u.t.Helper()
	raw, te := u.Try(tool, args)
	if te != nil {
		u.t.Fatalf("%s: %v", tool, te)
	}
	var out Out
	if err := json.Unmarshal(raw, &out); err != nil {
		u.t.Fatalf("%s: %v in %s", tool, err, raw)
	}
	return out
}

// Refused calls a tool that must be refused with a code.
func (u *User) Refused(tool string, args Args, code threat.Code) *threat.Error {
	u.t.Helper()
	raw, te := u.Try(tool, args)
	if te == nil {
		u.t.Fatalf("%s was not refused: %s", tool, raw)
	}
	if te.Code != code {
		u.t.Fatalf("%s was refused with %v, not %s", tool, te, code)
	}
	return te
}

// Generate makes a model from a description and returns its id.
func (u *User) Generate(description string) string {
	u.t.Helper()
	job := Call[service.JobOut](u, "generate_threat_model", Args{"feature_description": description, "wait_seconds": 50})
	var m service.ModelSummary
	if err := json.Unmarshal(job.Result, &m); err != nil {
		u.t.Fatalf("generation: %v in %+v", err, job)
	}
	return m.ModelID
}

// Response is an HTTP answer, read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends an HTTP request with the user's key; headers come as pairs.
func (u *User) Do(method, path string, body io.Reader, headers ...string) Response {
	u.t.Helper()
	return u.env.Do(u.t, method, path, body, append([]string{"Authorization", "Bearer " + u.Key}, headers...)...)
}

// Do sends an HTTP request without a key; headers come as pairs.
func (e *Env) Do(t testing.TB, method, path string, body io.Reader, headers ...string) Response {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, e.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		} else {
			request.Header.Set(headers[i], headers[i+1])
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Response{response.StatusCode, response.Header, raw}
}

// Modern is the body of a request of protocol revision 2026-07-28.
func Modern(id int, method string, params map[string]any) (body string, headers []string) {
	if params == nil {
		params = map[string]any{}
	}
	params["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion":    "2026-07-28",
		"io.modelcontextprotocol/clientInfo":         map[string]any{"name": "test", "version": "1"},
		"io.modelcontextprotocol/clientCapabilities": map[string]any{},
	}
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		panic(err) // literals marshal
	}
	headers = []string{
		"Content-Type", "application/json", "Accept", "application/json, text/event-stream",
		"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method,
	}
	if name, ok := params["name"].(string); ok {
		headers = append(headers, "Mcp-Name", name)
	}
	if uri, ok := params["uri"].(string); ok {
		headers = append(headers, "Mcp-Name", uri)
	}
	return string(raw), headers
}
