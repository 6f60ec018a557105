// Package llmtest is a language model for tests: an HTTP server that speaks OpenAI's chat completions or Anthropic's messages
// and plays what a script says, the ways in which providers fail included. What is tested against it is the real client over
// real HTTP.
package llmtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Request is one request as it arrived.
type Request struct {
	N      int // 1 for the first that the server got
	Path   string
	Header http.Header
	Body   map[string]any
	Raw    []byte

	System string // what the system says; several parts are joined by a newline
	Prompt string // the text of the last message

	// Format is how JSON is asked for: "json_schema", "json_object", "tool", or empty.
	Format string
}

// Has says whether the body has the member.
func (r Request) Has(member string) bool {
	_, ok := r.Body[member]
	return ok
}

// Reply is what to answer. The zero value is an empty answer that ended as it should.
type Reply struct {
	Text             string // the answer; where a tool is forced it is the tool's input, which must be JSON
	Finish           string // why it ended; empty is the protocol's word for a whole answer
	NoFinish         bool   // leave the reason out
	Refusal          string // OpenAI's refusal text
	Model            string // the model that answered; empty repeats the one asked for
	PromptTokens     int
	CachedTokens     int // Anthropic: prompt tokens that it counts apart
	CompletionTokens int

	Status  int               // other than 0 and 200: an error with the next three in the protocol's envelope
	Type    string            //
	Code    string            // OpenAI
	Param   string            // OpenAI
	Message string            //
	Header  map[string]string // added to the reply

	Raw   string        // the whole body, instead of all the above but Status and Header
	Delay time.Duration // wait so long before the first byte
	Drip  time.Duration // send the body in ten parts with so long a pause before each
	Stall bool          // answer nothing until the client goes away or the test ends
	Reset bool          // close the connection without an answer
	Cut   bool          // close the connection in the middle of the answer's body
}

// Answer is a whole answer.
func Answer(text string) Reply {
	return Reply{Text: text, PromptTokens: 11, CompletionTokens: 7}
}

// RateLimited is a 429 that asks for a wait; empty retryAfter says nothing of one.
func RateLimited(retryAfter string) Reply {
	r := Reply{Status: http.StatusTooManyRequests, Type: "rate_limit_error", Code: "rate_limit_exceeded", Message: "slow down"}
	if retryAfter != "" {
		r.Header = map[string]string{"Retry-After": retryAfter}
	}
	return r
}

// Unsupported is a 400 that refuses the parameter.
func Unsupported(param string) Reply {
	return Reply{
		Status: http.StatusBadRequest, Type: "invalid_request_error", Code: "unsupported_parameter", Param: param,
		Message: "Unsupported parameter: '" + param + "' is not supported with this model.",
	}
}

// Broken is a 500.
func Broken() Reply {
	return Reply{Status: http.StatusInternalServerError, Type: "api_error", Message: "it broke"}
}

// Unavailable is a 503.
func Unavailable() Reply {
	return Reply{Status: http.StatusServiceUnavailable, Type: "overloaded_error", Message: "come back later"}
}

// Unauthorized is a 401 whose words hold those given, as some providers quote the key.
func Unauthorized(words string) Reply {
	return Reply{Status: http.StatusUnauthorized, Type: "authentication_error", Code: "invalid_api_key", Message: "Incorrect API key provided: " + words}
}

// OutOfCredit is the refusal of an account that has nothing left.
func OutOfCredit() Reply {
	return Reply{Status: http.StatusTooManyRequests, Type: "insufficient_quota", Code: "insufficient_quota", Message: "You exceeded your current quota"}
}

// Refused is an answer in which OpenAI's model declines. What it costs is counted.
func Refused(words string) Reply {
	r := Answer("")
	r.Refusal = words
	return r
}

// Filtered is an answer that OpenAI's content filter stopped.
func Filtered() Reply {
	r := Answer("")
	r.Finish = "content_filter"
	return r
}

// Truncated is the first half of an answer, cut off at OpenAI's limit of tokens.
func Truncated(text string) Reply {
	r := Answer(text[:len(text)/2])
	r.Finish = "length"
	return r
}

// Huge is an answer with a text of n bytes.
func Huge(n int) Reply { return Answer(strings.Repeat("x", n)) }

// Slow is the reply after a wait.
func Slow(d time.Duration, r Reply) Reply {
	r.Delay = d
	return r
}

// In plays the replies one after another, and the last one from then on.
func In(replies ...Reply) func(Request) Reply {
	return func(r Request) Reply { return replies[min(r.N, len(replies))-1] }
}

// Texts plays whole answers one after another, and the last one from then on.
func Texts(texts ...string) func(Request) Reply {
	replies := make([]Reply, len(texts))
	for i, text := range texts {
		replies[i] = Answer(text)
	}
	return In(replies...)
}

// Without is a script on an endpoint that refuses the named ways of asking for JSON: "json_schema", "json_object", "tool".
func Without(script func(Request) Reply, formats ...string) func(Request) Reply {
	return func(r Request) Reply {
		for _, f := range formats {
			if r.Format == f {
				return Reply{
					Status: http.StatusBadRequest, Type: "invalid_request_error", Param: "response_format",
					Message: "Invalid parameter: 'response_format' of type '" + f + "' is not supported with this model; tools and output_config are not either.",
				}
			}
		}
		return script(r)
	}
}

// Server is a running one. It stops when the test ends.
type Server struct {
	// URL is the base URL for a client: with /v1 for OpenAI, without for Anthropic.
	URL string

	script   func(Request) Reply
	protocol protocol
	done     chan struct{}

	mu       sync.Mutex
	requests []Request
	open     int
	most     int
}

// Requests are those that have come so far, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Calls is how many requests have come so far.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// AtOnce is how many requests were being answered at one time, at most.
func (s *Server) AtOnce() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// OpenAI starts a server of chat completions. script is called for each request, also for several at once.
func OpenAI(t testing.TB, script func(Request) Reply) *Server {
	t.Helper()
	s := start(t, script, openAI{})
	s.URL += "/v1"
	return s
}

// Anthropic starts a server of messages.
func Anthropic(t testing.TB, script func(Request) Reply) *Server {
	t.Helper()
	return start(t, script, anthropic{})
}

func start(t testing.TB, script func(Request) Reply, p protocol) *Server {
	s := &Server{script: script, protocol: p, done: make(chan struct{})}
	server := httptest.NewServer(s)
	s.URL = server.URL
	t.Cleanup(func() {
		close(s.done)
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

// ServeHTTP plays one reply.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	req := Request{Path: r.URL.Path, Header: r.Header.Clone(), Raw: raw}
	if r.Method != http.MethodPost || r.URL.Path != s.protocol.path() || json.Unmarshal(raw, &req.Body) != nil {
		http.Error(w, fmt.Sprintf("this server takes POST %s with JSON", s.protocol.path()), http.StatusNotFound)
		return
	}
	s.protocol.read(&req)

	s.mu.Lock()
	s.requests = append(s.requests, req)
	req.N = len(s.requests)
	s.requests[req.N-1].N = req.N
	s.open++
	s.most = max(s.most, s.open)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.open--
		s.mu.Unlock()
	}()

	reply := s.script(req)
	switch {
	case reply.Stall:
		select {
		case <-r.Context().Done():
		case <-s.done:
		}
		return
	case reply.Reset:
		hangUp(w, "")
		return
	case !s.pause(r, reply.Delay):
		return
	}
	for k, v := range reply.Header {
		w.Header().Set(k, v)
	}
	status := reply.Status
	if status == 0 {
		status = http.StatusOK
	}
	body := reply.Raw
	if body == "" {
		out := s.protocol.answer(req, reply)
		if status != http.StatusOK {
			out = s.protocol.refuse(reply)
		}
		encoded, err := json.Marshal(out)
		if err != nil {
			http.Error(w, "the script's reply cannot be written: "+err.Error(), http.StatusTeapot)
			return
		}
		body = string(encoded)
		w.Header().Set("Content-Type", "application/json")
	}
	if reply.Cut {
		hangUp(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body[:len(body)/2])
		return
	}
	w.WriteHeader(status)
	if reply.Drip == 0 {
		_, _ = io.WriteString(w, body)
		return
	}
	const parts = 10
	for i := range parts {
		if !s.pause(r, reply.Drip) {
			return
		}
		_, _ = io.WriteString(w, body[len(body)*i/parts:len(body)*(i+1)/parts])
		_ = http.NewResponseController(w).Flush()
	}
}

// pause waits, and reports whether there is still someone to answer.
func (s *Server) pause(r *http.Request, d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.done:
	}
	return false
}

// hangUp writes raw bytes and closes the connection; without any it resets it.
func hangUp(w http.ResponseWriter, raw string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok && raw == "" {
		_ = tcp.SetLinger(0)
	}
	_, _ = io.WriteString(conn, raw)
	_ = conn.Close()
}

// stamp is the time at which every OpenAI answer says it was made.
var stamp = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Unix()
