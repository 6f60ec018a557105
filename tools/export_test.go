package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/redoubt-dev/redoubt/schema"
	"github.com/redoubt-dev/redoubt/service"
)

// Noop is a tool that takes the arguments of get_controls, checks and decodes them as every tool does, and answers with
// bytes made beforehand: what a call costs without the use case.
func Noop(answer func() json.RawMessage) (mcp.Tool, server.ToolHandlerFunc, error) {
	input, err := schema.Input(reflect.TypeFor[service.GetControlsIn]())
	if err != nil {
		return mcp.Tool{}, nil, err
	}
	e := &entry{Tool: Tool{Name: "noop"}, input: input, output: input, checker: schema.NewChecker(input)}
	tool, err := e.mcpTool()
	return tool, func(_ context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		args, err := e.arguments(request)
		if err != nil {
			return nil, err
		}
		var in service.GetControlsIn
		if err := json.Unmarshal(args, &in); err != nil {
			return nil, err
		}
		raw := answer()
		return &mcp.CallToolResult{StructuredContent: raw, Content: []mcp.Content{mcp.NewTextContent(string(raw))}}, nil
	}, err
}

// Compile compiles the schema of every tool, which else happens at its first call.
func (r *Registry) Compile() (err error) {
	for _, e := range r.tools {
		if broken := e.checker.Compile(); broken != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", e.Name, broken))
		}
	}
	return err
}
