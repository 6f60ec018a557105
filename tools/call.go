package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// handler is the one handler of every tool: it checks the arguments, calls the use case as the caller, and renders the answer.
// It never returns an error, which the library would show raw: what goes wrong is a tool error.
func (r *Registry) handler(e *entry) server.ToolHandlerFunc {
	return func(ctx context.Context, request mcp.CallToolRequest) (result *mcp.CallToolResult, _ error) {
		defer func() {
			if p := recover(); p != nil {
				r.log.Error().Str("tool", e.Name).Interface("panic", p).Bytes("stack", debug.Stack()).Msg("a tool panicked")
				result = refusal(internal())
			}
		}()
		args, err := e.arguments(request)
		if err != nil {
			return refusal(r.public(e.Name, err)), nil
		}
		out, err := e.call(ctx, account.FromContext(ctx), args, reporter(ctx, request))
		if err != nil {
			return refusal(r.public(e.Name, err)), nil
		}
		raw, err := compact(out)
		if err != nil {
			return refusal(r.public(e.Name, err)), nil
		}
		return &mcp.CallToolResult{
			StructuredContent: json.RawMessage(raw),
			Content:           []mcp.Content{mcp.NewTextContent(string(raw))},
		}, nil
	}
}

// arguments returns the checked arguments as JSON.
func (e *entry) arguments(request mcp.CallToolRequest) (json.RawMessage, error) {
	raw := request.Params.RawArguments
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	args, ok := request.Params.Arguments.(map[string]any)
	if !ok && request.Params.Arguments != nil {
		return nil, threat.Errorf(threat.Invalid, "the arguments are not an object").In("arguments")
	}
	if args == nil {
		args = map[string]any{}
	}
	if e.checker.Unquote(args) {
		var err error
		if raw, err = json.Marshal(args); err != nil {
			return nil, err
		}
	}
	return raw, e.checker.Check(args)
}

// undecodable is the refusal of arguments that fit the schema and not the type, such as an integer beyond 64 bits.
func undecodable(err error) error {
	var ute *json.UnmarshalTypeError
	if errors.As(err, &ute) {
		return threat.Errorf(threat.Invalid, "the value does not fit").In(ute.Field)
	}
	var when *time.ParseError
	if errors.As(err, &when) {
		return threat.Errorf(threat.Invalid, "%q is no time", threat.Clip(when.Value, 40)).Hinted("RFC 3339, such as 2026-01-31T12:00:00Z")
	}
	return threat.Errorf(threat.Invalid, "the arguments cannot be read").Hinted("one JSON object that fits the tool's input schema")
}

// public returns what a caller may know of an error. Anything but a domain error becomes "internal error" here and one log
// line there.
func (r *Registry) public(tool string, err error) *threat.Error {
	var te *threat.Error
	if errors.As(err, &te) && te.Code != threat.Internal {
		return te
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return threat.Errorf(threat.Unavailable, "the call was ended before it was done").Hinted("call again")
	}
	r.log.Error().Err(err).Str("tool", tool).Msg("internal error")
	return internal()
}

func internal() *threat.Error {
	return threat.Errorf(threat.Internal, "internal error").Hinted("try again; the server's log has the cause")
}

// refusal renders an error as text alone: clients check structured content against the output schema, errors too.
func refusal(e *threat.Error) *mcp.CallToolResult {
	raw, err := compact(e)
	if err != nil {
		raw = []byte(`{"code":"internal","message":"internal error"}`)
	}
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{mcp.NewTextContent(string(raw))}}
}

// compact is JSON without spaces, and without escapes for HTML, which would cost the reader context.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// progress reports a step to the client. It is nil when the client did not ask for that.
type progress func(step service.JobStep, steps int)

// settle is how long to wait after the last notification before the answer. The library loses one that its forwarder has taken and not yet
// written when the answer comes (mcp-go v1.2.1, handlePost), which on a busy machine takes some milliseconds.
const settle = 10 * time.Millisecond

func reporter(ctx context.Context, request mcp.CallToolRequest) progress {
	srv := server.ServerFromContext(ctx)
	if srv == nil || request.Params.Meta == nil || request.Params.Meta.ProgressToken == nil {
		return nil
	}
	token := request.Params.Meta.ProgressToken
	return func(step service.JobStep, steps int) {
		_ = srv.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
			"progressToken": token, "progress": step.Number, "total": steps, "message": step.Text(steps),
		}) // a client that went away misses a notification; the answer is on the job
	}
}

// await registers a tool that starts a job: it waits for the job's end up to wait_seconds, reporting each step that it has not
// sent yet, and answers as soon as the job ends or needs an answer. Closing the stream ends the waiting, never the job.
func await[In any](r *Registry, svc *service.Service, t Tool, byDefault int, wait func(In) *int, start method[In, service.JobOut]) {
	register(r, t, func(ctx context.Context, who account.Principal, in In, p progress) (service.JobOut, error) {
		left, err := service.Wait(wait(in), byDefault)
		if err != nil {
			return service.JobOut{}, err
		}
		job, err := start(ctx, who, in)
		if err != nil {
			return job, err
		}
		job, err = follow(ctx, svc, who, job, left, p)
		if err == nil && job.Error != nil {
			return job, job.Error // the call that started the job failed with it
		}
		return job, err
	})
}

// perhaps registers a tool that answers at once or starts a job, which is then part of its answer: that job is waited for as [await] does, and
// its result takes the place of the answer once it is there.
func perhaps[In, Out any](r *Registry, svc *service.Service, t Tool, byDefault int, wait func(In) *int, start method[In, Out], job func(*Out) **service.JobOut) {
	register(r, t, func(ctx context.Context, who account.Principal, in In, p progress) (Out, error) {
		left, err := service.Wait(wait(in), byDefault)
		if err != nil {
			var none Out
			return none, err
		}
		out, err := start(ctx, who, in)
		if err != nil || *job(&out) == nil {
			return out, err
		}
		state, err := follow(ctx, svc, who, **job(&out), left, p)
		switch {
		case err != nil:
			return out, err
		case state.Error != nil:
			return out, state.Error
		case state.Result != nil:
			var result Out
			err := json.Unmarshal(state.Result, &result)
			return result, err
		}
		*job(&out) = &state
		return out, nil
	})
}

// follow waits for a job and reports its steps.
func follow(ctx context.Context, svc *service.Service, who account.Principal, job service.JobOut, left time.Duration, p progress) (service.JobOut, error) {
	deadline := time.Now().Add(left)
	sent := 0
	for {
		for _, step := range job.Trail[min(sent, len(job.Trail)):] {
			if p != nil {
				p(step, job.Steps)
			}
			sent++
		}
		seconds := int((time.Until(deadline) + time.Second - 1) / time.Second)
		if job.Status.Final() || job.Status == "waiting" || seconds <= 0 || ctx.Err() != nil {
			if p != nil && sent > 0 {
				time.Sleep(settle)
			}
			return job, nil
		}
		seconds = min(seconds, service.MaxWait)
		next, err := svc.GetOperationStatus(ctx, who, service.GetOperationStatusIn{JobID: job.JobID, WaitSeconds: &seconds, Seen: sent})
		if err != nil {
			return next, err
		}
		job = next
	}
}
