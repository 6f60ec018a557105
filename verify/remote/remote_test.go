package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify/remote"
)

const key = "rdv_test-4f9c2b7de81a55"

// serve starts a server that answers one request at a time, and returns a client of it.
func serve(t *testing.T, handle http.HandlerFunc) (*remote.Client, *httptest.Server) {
	t.Helper()
	var one sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one.Lock()
		defer one.Unlock()
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	c, err := remote.New(server.URL+"/", key)
	if err != nil {
		t.Fatal(err)
	}
	remote.Hurry(c)
	return c, server
}

func statement(t *testing.T) evidence.Statement {
	t.Helper()
	s, err := evidence.NewStatement(evidence.Predicate{Workspace: "w", Model: "m", Nonce: "n<&>", Results: []evidence.Result{{Assertion: "E1", Tier: 1, Verdict: evidence.Pass, Params: evidence.Params{"pattern": "a<b"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func submission(t *testing.T) remote.Submission {
	t.Helper()
	s := statement(t)
	raw, err := s.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return remote.Submission{Statement: raw}
}

// unavailable checks an error that is the server's fault, not the user's; no error tells the key.
func unavailable(t *testing.T, err error, words string) {
	t.Helper()
	if threat.CodeOf(err) != threat.Unavailable || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), key) {
		t.Errorf("got %v, want %s with %q", err, threat.Unavailable, words)
	}
}

func TestNew(t *testing.T) {
	for _, server := range []string{"", "redoubt.example.org", "ftp://x", "http://", "https://user:pw@x", "https://x?y=z", "://", "http://[", "file:///etc"} {
		if c, err := remote.New(server, key); c != nil || threat.CodeOf(err) != threat.Invalid {
			t.Errorf("%q: %v", server, err)
		}
	}
	if c, err := remote.New("https://redoubt.example.org", ""); c != nil || threat.CodeOf(err) != threat.Invalid || !strings.Contains(err.Error(), "REDOUBT_API_KEY") {
		t.Errorf("no key: %v", err)
	}
}

// Each call is one request to its place, with the key in the header and nowhere else.
func TestRequests(t *testing.T) {
	var seen []string
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if got := r.Header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer "+key {
			t.Errorf("authorization %q", got)
		}
		rest := r.Header.Clone()
		rest.Del("Authorization")
		if strings.Contains(r.RequestURI+string(body)+fmt.Sprint(rest, r.Cookies()), key) {
			t.Errorf("the key is in %s %s %v", r.RequestURI, body, rest)
		}
		seen = append(seen, r.Method+" "+r.RequestURI+" "+string(body))
		fmt.Fprint(w, `{"nonce":"n","total":0}`)
	})
	var out map[string]any
	for _, err := range []error{
		second(c.Pull(t.Context(), "m/../x", "", false)), second(c.Pull(t.Context(), "m", "org/name", true)),
		c.Get(t.Context(), "m", "report", url.Values{"limit": {"5"}}, &out), c.Submit(t.Context(), "m", submission(t), &out),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	canonical, err := statement(t).Canonical()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"GET /api/v1/models/m%2F..%2Fx/verification/assertions? ",
		"GET /api/v1/models/m/verification/assertions?pending=true&repo=org%2Fname ",
		"GET /api/v1/models/m/verification/report?limit=5 ",
		`POST /api/v1/models/m/verification/runs {"statement":` + string(canonical) + `}`,
	}
	if got := strings.Join(seen, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("requests\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if out["nonce"] != "n" {
		t.Errorf("%v", out)
	}
}

func second(_ evidence.Pull, err error) error { return err }

// All pages are read, and a server that miscounts does not keep the client forever.
func TestModels(t *testing.T) {
	total := 450
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var from int
		if _, err := fmt.Sscan(r.FormValue("offset"), &from); err != nil {
			t.Error(err)
		}
		page := []remote.Model{}
		for i := from; i < min(from+200, 450); i++ {
			page = append(page, remote.Model{ID: fmt.Sprint("m", i), Title: "T"})
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"total": total, "threat_models": page}); err != nil {
			t.Error(err)
		}
	})
	for _, total = range []int{450, 1_000_000} {
		all, err := c.Models(t.Context())
		if err != nil || len(all) != 450 || all[449].ID != "m449" {
			t.Errorf("of %d: %d models, %v", total, len(all), err)
		}
	}
}

// No redirect is followed: the key stays with the server that the user named.
func TestRedirect(t *testing.T) {
	var reached atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		fmt.Fprint(w, `{"nonce":"theirs"}`)
	}))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{other.URL + "/api/v1/models", "/elsewhere"} {
			c, server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					reached.Add(1)
				}
				http.Redirect(w, r, to, status)
			})
			_, err := c.Pull(t.Context(), "m", "", false)
			unavailable(t, err, "redirects to")
			var out map[string]any
			unavailable(t, c.Submit(t.Context(), "m", submission(t), &out), "redirects to")
			if out != nil {
				t.Errorf("%d to %s answers %v", status, to, out)
			}
			server.Close()
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// What is no answer of a Redoubt server is an error that says so, never an empty pull.
func TestWrongAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status      int
		body, words string
	}{
		"a page":             {200, "<html>Welcome</html>", "cannot be read"},
		"nothing":            {200, "", "cannot be read"},
		"a list":             {200, "[]", "cannot be read"},
		"half":               {200, `{"nonce":"n"`, "cannot be read"},
		"two":                {200, `{"nonce":"n"}{}`, "cannot be read"},
		"another type":       {200, `{"assertions":"none"}`, "cannot be read"},
		"no content":         {204, "", "204"},
		"accepted":           {202, `{"nonce":"n"}`, "202"},
		"broken":             {500, "it broke", "500"},
		"a gateway":          {502, "<html>", "502"},
		"an error in JSON":   {500, `{"error":"x"}`, "500"},
		"not found, no code": {404, "404 page not found", "is it a Redoubt server?"},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			_, err := client.Pull(t.Context(), "m", "", false)
			unavailable(t, err, c.words)
		})
	}
}

// The server's own refusal arrives as it was said, and is not asked for again.
func TestRefusal(t *testing.T) {
	n := 0
	want := threat.Errorf(threat.Conflict, "the nonce was spent").In("statement.predicate.nonce").Hinted("pull again")
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		w.WriteHeader(http.StatusConflict)
		if err := json.NewEncoder(w).Encode(want); err != nil {
			t.Error(err)
		}
	})
	var out map[string]any
	err := c.Submit(t.Context(), "m", submission(t), &out)
	var got *threat.Error
	if !errors.As(err, &got) || got.Error() != want.Error() || n != 1 {
		t.Errorf("after %d requests: %v", n, err)
	}
}

// A submission whose answer got lost is sent again, the same to the byte, and the first answer is what comes back.
func TestSubmitAgain(t *testing.T) {
	for name, fail := range map[string]func(w http.ResponseWriter){
		"broken": func(w http.ResponseWriter) { w.WriteHeader(500) },
		"starting": func(w http.ResponseWriter) {
			w.WriteHeader(503)
			fmt.Fprint(w, `{"code":"unavailable","message":"starting"}`)
		},
		"goes away": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"breaks off": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"run_id":`)
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var bodies []string
			c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				bodies = append(bodies, string(body))
				if len(bodies) < 3 {
					fail(w)
					return
				}
				fmt.Fprint(w, `{"run_id":"first"}`)
			})
			var out struct {
				RunID string `json:"run_id"`
			}
			if err := c.Submit(t.Context(), "m", submission(t), &out); err != nil || out.RunID != "first" {
				t.Errorf("%+v, %v", out, err)
			}
			if len(bodies) != 3 || bodies[0] != bodies[1] || bodies[1] != bodies[2] {
				t.Errorf("sent %q", bodies)
			}
		})
	}
}

// It gives up after a while, and at once when the context ends.
func TestSubmitGivesUp(t *testing.T) {
	var n atomic.Int32
	c, server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		w.WriteHeader(500)
	})
	var out map[string]any
	unavailable(t, c.Submit(t.Context(), "m", submission(t), &out), "500")
	if n.Load() != 4 {
		t.Errorf("%d tries", n.Load())
	}
	server.Close()
	unavailable(t, c.Submit(t.Context(), "m", submission(t), &out), "cannot be reached")

	ctx, cancel := context.WithCancel(t.Context())
	c, _ = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(500)
	})
	n.Store(0)
	if err := c.Submit(ctx, "m", submission(t), &out); err == nil {
		t.Error("a cancelled submission succeeds")
	}
}
