// Package tools serves the service's use cases as MCP tools. It is thin: one static record a tool, a generic adapter, and no
// rules. Schemas come from the service's types; every error becomes a tool error {code, message, field, hint}.
package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/schema"
	"github.com/redoubt-dev/redoubt/service"
)

// Toolset groups tools; a client chooses which sets tools/list shows (specification §13).
type Toolset string

// The toolsets. All chooses every one of them.
const (
	Core       Toolset = "core"
	Modeling   Toolset = "modeling"
	Compliance Toolset = "compliance"
	Workspace  Toolset = "workspace"
	All        Toolset = "all"
)

// Toolsets lists the sets that tools belong to.
func Toolsets() []Toolset { return []Toolset{Core, Modeling, Compliance, Workspace} }

// Tool is the static record of one tool.
type Tool struct {
	Name        string
	Title       string
	Description string
	Toolset     Toolset
	Needs       account.Permission // a key without it does not see the tool; where a call writes only when told to, that call needs Write too
	Effect      Effect
}

// Effect says what a call does to the world, for a client that asks before it calls.
type Effect string

// The effects.
const (
	Reads    Effect = "reads"    // changes nothing
	Adds     Effect = "adds"     // creates something
	Changes  Effect = "changes"  // changes what is there; a repeat changes nothing more
	Destroys Effect = "destroys" // removes or replaces something
)

// annotations sets all four hints: the library's defaults are destructive and open-world.
func (t Tool) annotations() mcp.ToolAnnotation {
	return mcp.ToolAnnotation{
		Title:           t.Title,
		ReadOnlyHint:    mcp.ToBoolPtr(t.Effect == Reads),
		DestructiveHint: mcp.ToBoolPtr(t.Effect == Destroys),
		IdempotentHint:  mcp.ToBoolPtr(t.Effect == Reads || t.Effect == Changes),
		OpenWorldHint:   mcp.ToBoolPtr(false),
	}
}

// Registry is the set of tools of one server.
type Registry struct {
	log   zerolog.Logger
	tools []*entry
	index map[string]*entry
	err   error // the first registration that failed
}

// entry is a registered tool.
type entry struct {
	Tool
	input   *jsonschema.Schema
	output  *jsonschema.Schema
	checker *schema.Checker
	call    func(ctx context.Context, who account.Principal, args json.RawMessage, progress progress) (any, error)
}

// method is a use case of the service.
type method[In, Out any] func(ctx context.Context, who account.Principal, in In) (Out, error)

// New registers every tool of the service.
func New(svc *service.Service, log zerolog.Logger) (*Registry, error) {
	r := &Registry{log: log, index: map[string]*entry{}}
	models(r, svc)
	structure(r, svc)
	words(r, svc)
	controls(r, svc)
	verification(r, svc)
	posture(r, svc)
	findings(r, svc)
	decisions(r, svc)
	frameworks(r, svc)
	systems(r, svc)
	versions(r, svc)
	workspaces(r, svc)
	return r, r.err
}

// add registers a tool that is one use case.
func add[In, Out any](r *Registry, t Tool, fn method[In, Out]) {
	register[In, Out](r, t, func(ctx context.Context, who account.Principal, in In, _ progress) (Out, error) {
		return fn(ctx, who, in)
	})
}

func register[In, Out any](r *Registry, t Tool, fn func(context.Context, account.Principal, In, progress) (Out, error)) {
	fail := func(err error) {
		if r.err == nil {
			r.err = fmt.Errorf("tools: %s: %w", t.Name, err)
		}
	}
	e := &entry{Tool: t}
	var err error
	if e.input, err = schema.Input(reflect.TypeFor[In]()); err != nil {
		fail(err)
		return
	}
	if e.output, err = schema.Output(reflect.TypeFor[Out]()); err != nil {
		fail(err)
		return
	}
	e.checker = schema.NewChecker(e.input)
	if r.index[t.Name] != nil {
		fail(fmt.Errorf("registered twice"))
		return
	}
	e.call = func(ctx context.Context, who account.Principal, args json.RawMessage, p progress) (any, error) {
		var in In
		if err := json.Unmarshal(args, &in); err != nil {
			return nil, undecodable(err)
		}
		return fn(ctx, who, in, p)
	}
	r.tools = append(r.tools, e)
	r.index[t.Name] = e
}

// List returns the records of all tools in the order of registration.
func (r *Registry) List() []Tool {
	out := make([]Tool, len(r.tools))
	for i, e := range r.tools {
		out[i] = e.Tool
	}
	return out
}

// mcpTool is the tool as it is listed.
func (e *entry) mcpTool() (mcp.Tool, error) {
	in, err := json.Marshal(e.input)
	if err != nil {
		return mcp.Tool{}, err
	}
	out, err := json.Marshal(e.output)
	if err != nil {
		return mcp.Tool{}, err
	}
	return mcp.Tool{
		Name: e.Name, Title: e.Title, Description: e.Description,
		RawInputSchema: in, RawOutputSchema: out, Annotations: e.annotations(),
	}, nil
}

// visible reports whether a tool is shown to, and may be called by, a key.
func (e *entry) visible(who account.Principal) bool { return who.May(e.Needs) }

// listed reports whether a tool is part of the chosen toolsets.
func (e *entry) listed(sets []Toolset) bool {
	return slices.Contains(sets, All) || slices.Contains(sets, e.Toolset)
}
