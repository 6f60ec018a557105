// The gosdk program is a client of the official Go SDK, for scripts/conformance.sh: it walks a small journey on the server at
// REDOUBT_URL and prints one JSON line a step. It is a module of its own, so that Redoubt does not depend on that SDK.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// withKey adds the key to every request.
type withKey string

func (k withKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(k))
	return http.DefaultTransport.RoundTrip(r)
}

func report(name string, err error, detail string) {
	line := map[string]any{"client": "gosdk", "name": name, "ok": err == nil, "detail": detail}
	if err != nil {
		line["detail"] = err.Error()
	}
	_ = json.NewEncoder(os.Stdout).Encode(line)
	if err != nil {
		os.Exit(1)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := mcp.NewClient(&mcp.Implementation{Name: "conformance-gosdk", Version: "1"}, nil)
	s, err := c.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: os.Getenv("REDOUBT_URL"), HTTPClient: &http.Client{Transport: withKey(os.Getenv("REDOUBT_KEY"))},
	}, nil)
	report("connect", err, "")
	defer s.Close()
	report("negotiate", nil, s.InitializeResult().ProtocolVersion)

	list, err := s.ListTools(ctx, nil)
	if err == nil && len(list.Tools) < 10 {
		err = fmt.Errorf("%d tools", len(list.Tools))
	}
	report("tools/list", err, "")

	call := func(name, tool string, args map[string]any, out any) {
		r, err := s.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args})
		if err == nil && r.IsError {
			err = fmt.Errorf("refused: %v", r.Content)
		}
		if err == nil {
			var raw []byte
			if raw, err = json.Marshal(r.StructuredContent); err == nil {
				err = json.Unmarshal(raw, out)
			}
		}
		report(name, err, "")
	}
	var job struct {
		Result struct {
			ModelID string `json:"model_id"`
		} `json:"result"`
	}
	call("tools/call generate_threat_model", "generate_threat_model", map[string]any{
		"feature_description": "A REST API where users sign in with passwords and upload files to S3.", "wait_seconds": 50,
	}, &job)
	call("tools/call add_asset", "add_asset", map[string]any{
		"model_id": job.Result.ModelID, "name": "Audit trail", "properties": []string{"I", "A"},
	}, &map[string]any{})

	_, err = s.ReadResource(ctx, &mcp.ReadResourceParams{URI: "redoubt://models/" + job.Result.ModelID})
	report("resources/read", err, "")
	_, err = s.GetPrompt(ctx, &mcp.GetPromptParams{Name: "threat_model_feature", Arguments: map[string]string{"feature": "a wiki"}})
	report("prompts/get", err, "")

	r, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "get_threat_model", Arguments: map[string]any{"model_id": "none"}})
	if err == nil && !r.IsError {
		err = fmt.Errorf("a model that is not there was answered")
	}
	report("tool error", err, "")
}
