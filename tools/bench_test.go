package tools_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
	"github.com/redoubt-dev/redoubt/server"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/tools"
)

// withControls adds n controls of a usual size to a model.
func withControls(t testing.TB, st *store.Store, workspace, model string, cos []threat.ID, n int) {
	t.Helper()
	testenv.Write(t, st, func(tx *store.Tx) error {
		var controls []threat.Control
		var links []store.Link
		for i := range n {
			c := threat.Control{
				ID: threat.ID(fmt.Sprint("C", i+1)), Status: threat.NotImplemented, Source: threat.Generated, Revision: 1,
				Description: fmt.Sprintf("Control %d: every request is authenticated before anything of the tenant is read.", i+1),
			}
			if err := c.SetFacets([]threat.Facet{
				{Text: "The router wraps every route in the authentication middleware", Kind: threat.ConfigurationFacet},
				{Text: "A test calls every route without a key and expects 401", Kind: threat.TestFacet},
			}); err != nil {
				return err
			}
			controls = append(controls, c)
			for j := range 8 {
				links = append(links, store.Link{Objective: cos[(i*8+j)%len(cos)], Group: 1, Control: c.ID})
			}
		}
		if err := tx.AddControls(workspace, model, controls); err != nil {
			return err
		}
		if err := tx.AddLinks(workspace, model, links); err != nil {
			return err
		}
		return tx.TouchModel(workspace, model)
	})
}

// BenchmarkGetControls compares get_controls (20 of 300) with a no-op tool that returns the same bytes through the same
// middleware, key check and validation, interleaved in one run. ratio is the requests per second of the first over the
// second's; the target is 0.7.
func BenchmarkGetControls(b *testing.B) {
	var answer json.RawMessage
	env := live.Start(b, func(c *server.Config) {
		c.Extend = func(m *mcpserver.MCPServer) {
			tool, handler, err := tools.Noop(func() json.RawMessage { return answer })
			if err != nil {
				b.Fatal(err)
			}
			m.AddTool(tool, handler)
		}
	})
	u := env.NewUser(b, account.Developer)
	model := testenv.Model(b, env.Store, u.Who.WorkspaceID, u.Who.UserID, 30, 12)
	var cos []threat.ID
	for a := range 30 {
		for t := range 12 {
			cos = append(cos, threat.ObjectiveID(threat.ID(fmt.Sprint("A", a+1)), threat.ID(fmt.Sprint("T", t+1))))
		}
	}
	withControls(b, env.Store, u.Who.WorkspaceID, model.ID, cos, 300)
	args := live.Args{"model_id": model.ID, "limit": 20}
	raw, te := u.Try("get_controls", args)
	if te != nil {
		b.Fatal(te)
	}
	answer = raw
	b.Logf("the answer has %d bytes", len(raw))

	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	call := func(name string) {
		body, headers := live.Modern(1, "tools/call", map[string]any{"name": name, "arguments": args})
		request, err := http.NewRequest("POST", env.URL+"/mcp", bytes.NewReader([]byte(body)))
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		request.Header.Set("Authorization", "Bearer "+u.Key)
		response, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, response.Body)
		if err != nil || n < int64(len(answer)) {
			b.Fatalf("%s answered %d bytes (%v)", name, n, err)
		}
		if err := response.Body.Close(); err != nil {
			b.Fatal(err)
		}
	}
	var took [2]time.Duration
	const batch = 20
	b.ResetTimer()
	for range b.N {
		for i, name := range []string{"get_controls", "noop"} {
			begun := time.Now()
			for range batch {
				call(name)
			}
			took[i] += time.Since(begun)
		}
	}
	b.ReportMetric(float64(took[0].Microseconds())/float64(b.N*batch), "µs/get_controls")
	b.ReportMetric(float64(took[1].Microseconds())/float64(b.N*batch), "µs/noop")
	b.ReportMetric(float64(took[1])/float64(took[0]), "ratio")
}

// BenchmarkGetControlsService is the use case alone, without transport.
func BenchmarkGetControlsService(b *testing.B) {
	env := live.Start(b)
	u := env.NewUser(b, account.Developer)
	model := testenv.Model(b, env.Store, u.Who.WorkspaceID, u.Who.UserID, 30, 12)
	var cos []threat.ID
	for a := range 30 {
		for t := range 12 {
			cos = append(cos, threat.ObjectiveID(threat.ID(fmt.Sprint("A", a+1)), threat.ID(fmt.Sprint("T", t+1))))
		}
	}
	withControls(b, env.Store, u.Who.WorkspaceID, model.ID, cos, 300)
	limit := 20
	b.ResetTimer()
	for range b.N {
		out, err := env.Service.GetControls(context.Background(), u.Who, service.GetControlsIn{ModelID: model.ID, Limit: &limit})
		if err != nil || out.Returned != 20 {
			b.Fatal(err)
		}
	}
}

// BenchmarkAuthentication compares looking a key up, which every request does, with a no-op tool call as a client sees it, interleaved in
// one run. ratio is the first over the second; the target is 0.1.
func BenchmarkAuthentication(b *testing.B) {
	env := live.Start(b, func(c *server.Config) {
		c.Extend = func(m *mcpserver.MCPServer) {
			tool, handler, err := tools.Noop(func() json.RawMessage { return json.RawMessage(`{}`) })
			if err != nil {
				b.Fatal(err)
			}
			m.AddTool(tool, handler)
		}
	})
	u := env.NewUser(b, account.Developer)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	body, headers := live.Modern(1, "tools/call", map[string]any{"name": "noop", "arguments": live.Args{"model_id": "x"}})
	noop := func() {
		request, err := http.NewRequest("POST", env.URL+"/mcp", bytes.NewReader([]byte(body)))
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		request.Header.Set("Authorization", "Bearer "+u.Key)
		response, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(io.Discard, response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
			b.Fatal(response.StatusCode, err)
		}
	}
	authenticate := func() {
		if _, err := env.Service.Authenticate(context.Background(), u.Key); err != nil {
			b.Fatal(err)
		}
	}
	var took [2]time.Duration
	const batch = 50
	b.ResetTimer()
	for range b.N {
		for i, call := range []func(){authenticate, noop} {
			begun := time.Now()
			for range batch {
				call()
			}
			took[i] += time.Since(begun)
		}
	}
	b.ReportMetric(float64(took[0].Nanoseconds())/1000/float64(b.N*batch), "µs/authentication")
	b.ReportMetric(float64(took[1].Nanoseconds())/1000/float64(b.N*batch), "µs/noop")
	b.ReportMetric(float64(took[0])/float64(took[1]), "ratio")
}
