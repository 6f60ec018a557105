package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/rest"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/tools"
)

// message is what is read of a JSON-RPC message before the library sees it.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// serveMCP hands a request to the library, but for two: notifications/cancelled is dropped, since in stateless mode it would
// cancel another client's request of the same id (closing the stream cancels one's own); and tools/list is answered from a
// cache, since the library builds it anew at every call.
func (s *Server) serveMCP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		if r.Method != http.MethodGet && r.Method != http.MethodDelete {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "use POST", http.StatusMethodNotAllowed)
			return
		}
		s.mcpHTTP.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			rest.WriteTooLarge(w, tooLarge.Limit)
			return
		}
		rest.WriteError(w, threat.Errorf(threat.Invalid, "the body cannot be read"))
		return
	}
	if !utf8.Valid(body) {
		rest.WriteError(w, threat.Errorf(threat.Invalid, "the body is not valid UTF-8"))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var m message
	if json.Unmarshal(body, &m) == nil {
		switch m.Method {
		case "notifications/cancelled":
			w.WriteHeader(http.StatusAccepted)
			return
		case "tools/list":
			s.listTools(w, r, m)
			return
		}
	}
	s.mcpHTTP.ServeHTTP(w, r)
}

// listTools answers tools/list for the toolsets of the URL or the header.
func (s *Server) listTools(w http.ResponseWriter, r *http.Request, m message) {
	chosen := r.URL.Query().Get("toolsets")
	if chosen == "" {
		chosen = r.Header.Get("X-MCP-Toolsets")
	}
	sets, err := tools.ParseToolsets(chosen)
	if err != nil {
		var te *threat.Error
		if errors.As(err, &te) {
			rest.WriteError(w, te)
		}
		return
	}
	r = r.WithContext(tools.WithToolsets(r.Context(), sets))
	key := listKey(r, m, sets)
	if result, ok := s.lists.get(key); ok && len(m.ID) > 0 {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bytes.Join([][]byte{[]byte(`{"jsonrpc":"2.0","id":`), m.ID, []byte(`,"result":`), result, []byte("}\n")}, nil))
		return
	}
	rec := &recorder{header: w.Header()}
	s.mcpHTTP.ServeHTTP(rec, r)
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	if rec.status == http.StatusOK && json.Unmarshal(rec.body.Bytes(), &answer) == nil && answer.Result != nil {
		s.lists.put(key, answer.Result)
	}
	w.WriteHeader(rec.status)
	_, _ = w.Write(rec.body.Bytes())
}

// listKey joins everything that the library's answer to tools/list depends on, but the id: two requests with the same key get
// the same result, or the same refusal, which is not kept.
func listKey(r *http.Request, m message, sets []tools.Toolset) string {
	var b strings.Builder
	b.WriteString(string(account.FromContext(r.Context()).Scope))
	for _, t := range sets {
		b.WriteString("\x00" + string(t))
	}
	for _, name := range []string{"Content-Type", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id", "Last-Event-ID"} {
		b.WriteString("\x01" + strings.Join(r.Header.Values(name), "\x02"))
	}
	b.WriteString("\x01")
	b.Write(m.Params)
	return b.String()
}

// listCache keeps answers to tools/list. It is small: clients of one kind send the same request.
type listCache struct {
	mu      sync.Mutex
	results map[string]json.RawMessage
}

const (
	maxLists   = 128
	maxListKey = 8 << 10
)

func (c *listCache) get(key string) (json.RawMessage, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	result, ok := c.results[key]
	return result, ok
}

func (c *listCache) put(key string, result json.RawMessage) {
	if len(key) > maxListKey {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.results == nil || len(c.results) >= maxLists {
		c.results = map[string]json.RawMessage{}
	}
	c.results[key] = result
}

// recorder keeps an answer. It cannot stream, so that the library answers with plain JSON.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}
