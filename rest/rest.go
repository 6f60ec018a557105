// Package rest serves the service's use cases over HTTP as JSON, by the same rules and errors as MCP. It is thin: a generic
// adapter decodes path, query and body into the input of a use case.
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/schema"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// API is the set of routes.
type API struct {
	log     zerolog.Logger
	version string
	mux     *http.ServeMux
	routes  []Route
	openapi func() ([]byte, error)
	err     error
}

// Route is the record of one route.
type Route struct {
	Method  string
	Path    string // below /api/v1 and /api
	Summary string
	Needs   account.Permission
	Takes   []string // content types of the file that is its body; empty when the body is a JSON object
	input   *jsonschema.Schema
	output  func() (*jsonschema.Schema, error)
	pends   bool // it can answer before all is done
	checker *schema.Checker
}

// New registers every route of the service.
func New(svc *service.Service, log zerolog.Logger, version string) (*API, error) {
	a := &API{log: log, version: version, mux: http.NewServeMux()}
	handle(a, "GET /models", "List threat models", account.List, svc.ListThreatModels)
	handle(a, "GET /models/{model_id}", "Read a threat model, or one section of it", account.Read, svc.GetThreatModel)
	handle(a, "GET /models/{model_id}/versions/{version}", "Read an older version", account.Read, svc.GetThreatModel)
	handle(a, "GET /models/{model_id}/compare", "Compare two versions", account.Read, svc.CompareVersions)
	handle(a, "GET /models/{model_id}/control-objectives", "List control objectives", account.Read, svc.GetControlObjectives)
	handle(a, "GET /models/{model_id}/controls", "List controls", account.Read, svc.GetControls)
	handle(a, "GET /models/{model_id}/assertions", "List assertions", account.Read, svc.ListAssertions)
	handle(a, "GET /models/{model_id}/verification/assertions", "Pull the assertions on a repository to verify them; a key that may submit gets a nonce", account.Pull, svc.PullAssertions)
	handle(a, "GET /models/{model_id}/verification/pending", "List assertions without a current result", account.Pull, svc.ListPending)
	handle(a, "POST /models/{model_id}/verification/runs", "Submit the statement of a run", account.Submit, svc.SubmitRun)
	handle(a, "GET /models/{model_id}/verification/report", "What CI found for each control", account.Report, svc.GetVerificationReport)
	handle(a, "GET /models/{model_id}/verification/sufficiency", "Which facets nothing claims or proves", account.Read, svc.GetSufficiency)
	handle(a, "POST /models/{model_id}/verification/sufficiency", "Have an engine judge claims: a job", account.Write, svc.JudgeSufficiency)
	handle(a, "POST /models/{model_id}/findings", "Submit findings", account.Write, svc.SubmitFindings)
	handle(a, "GET /models/{model_id}/findings", "List findings", account.Read, svc.ListFindings)
	handle(a, "POST /models/{model_id}/findings/{finding_id}", "Move a finding on", account.Write, svc.UpdateFinding)
	handle(a, "PATCH /models/{model_id}/findings/{finding_id}", "Move a finding on", account.Write, svc.UpdateFinding)
	handle(a, "GET /models/{model_id}/scan-prompt", "How to look for controls in code", account.Read, svc.GetScanPrompt)
	handle(a, "POST /models/{model_id}/findings/sarif", "Import a scanner's results: a SARIF 2.1.0 log, plain or gzip", account.Write, svc.ImportSARIF)
	handle(a, "GET /models/{model_id}/findings/sarif", "Export findings and failed assertions as SARIF 2.1.0, as a file", account.Read, svc.ExportSARIF)
	handle(a, "GET /models/{model_id}/posture", "Where each objective stands", account.Read, svc.AssessModel)
	handle(a, "GET /models/{model_id}/export", "Export a model: json, markdown, mermaid, csv or sarif, as a file", account.Read, svc.ExportThreatModel)
	handle(a, "GET /models/{model_id}/audit-package", "Export a model as a signed audit package, as a file", account.Read, svc.ExportAuditPackage)
	handle(a, "POST /models/import", "Import an exported model", account.Write, svc.ImportThreatModel)
	handle(a, "POST /models/{model_id}/analyze-change", "What a change would touch, before it is committed", account.Read, svc.AnalyzeChange)
	handle(a, "POST /models/{model_id}/refine", "Change a model in words; answers a job", account.Write, svc.RefineThreatModel)
	handle(a, "POST /models/{model_id}/query", "Ask about a model", account.Read, svc.QueryThreatModel)
	handle(a, "POST /chat", "Say something: a feature to model, a change, a question", account.Read, svc.Chat)
	handle(a, "GET /chat/sessions", "List your chat sessions", account.Read, svc.ListChatSessions)
	handle(a, "GET /chat/sessions/{session_id}", "Read a chat session", account.Read, svc.GetChatSession)
	handle(a, "DELETE /chat/sessions/{session_id}", "Delete a chat session", account.Read, svc.DeleteChatSession)
	handle(a, "GET /activity", "Who did what, when", account.Read, svc.GetActivity)
	handle(a, "GET /activity/export", "The activity as JSON lines, the oldest first", account.Read, svc.ExportActivity)
	handle(a, "GET /frameworks", "List frameworks", account.Read, svc.ListFrameworks)
	handle(a, "POST /frameworks", "Import a framework: CSV or JSON of your own, or OWASP's flat file of ASVS unchanged", account.Write, svc.UploadFramework)
	handle(a, "GET /frameworks/{framework_id}", "Read a framework and its requirements", account.Read, svc.GetFramework)
	handle(a, "DELETE /frameworks/{framework_id}", "Remove an imported framework; with force also where models use it", account.Write, svc.RemoveFramework)
	handle(a, "GET /models/{model_id}/frameworks", "List frameworks, marking what a model selected", account.Read, svc.ListFrameworks)
	handle(a, "PUT /models/{model_id}/frameworks", "Select the frameworks of a model", account.Write, svc.SelectFrameworks)
	handle(a, "GET /models/{model_id}/compliance/{framework_id}", "What of a framework is covered: json, csv, markdown or html", account.Read, svc.GetComplianceReport)
	handle(a, "POST /models/{model_id}/compliance/{framework_id}/mappings", "Map a control to requirements, or take mappings away", account.Write, svc.MapControl)
	handle(a, "POST /models/{model_id}/compliance/{framework_id}/exclusions", "Rule requirements out, or take that back", account.Decide, svc.ExcludeRequirement)
	handle(a, "POST /models/{model_id}/compliance/{framework_id}/auto-map", "Map controls; with engine openai or agent a job does it", account.Write, svc.AutoMapControls)
	handle(a, "POST /models/{model_id}/compliance/{framework_id}/proposals", "Propose assets and attackers for unmapped requirements", account.Write, svc.SuggestRemediation)
	handle(a, "POST /models/{model_id}/remediation", "Approve, reject or rule out proposals", account.Write, svc.ApplyRemediation)
	handle(a, "GET /systems", "List systems", account.Read, svc.ListSystems)
	handle(a, "POST /systems", "Create a system", account.Write, svc.CreateSystem)
	handle(a, "GET /systems/{system_id}", "Read a system with the posture of its models", account.Read, svc.GetSystem)
	handle(a, "POST /systems/{system_id}", "Edit or delete a system, or move models", account.Write, svc.EditSystem)
	handle(a, "PUT /systems/{system_id}/models/{model_id}", "Put a model into a system", account.Write, svc.AddModelToSystem)
	handle(a, "GET /systems/{system_id}/compliance/{framework_id}", "What of a framework a system covers: json, csv, markdown or html", account.Read, svc.GetComplianceReport)
	handle(a, "GET /assertion-types", "The catalogue of assertion types", account.Read, svc.GetAssertionTypes)
	handle(a, "POST /jobs/{job_id}/continue", "Answer a job's question", account.Write, func(ctx context.Context, who account.Principal, in service.ContinueGenerationIn) (service.JobOut, error) {
		wait, err := service.Wait(in.WaitSeconds, 20)
		if err != nil {
			return service.JobOut{}, err
		}
		out, err := svc.ContinueGeneration(ctx, who, in)
		if err != nil || out.Status.Final() || out.Question != nil {
			return out, err
		}
		seconds := int(wait.Seconds())
		return svc.GetOperationStatus(ctx, who, service.GetOperationStatusIn{JobID: in.JobID, WaitSeconds: &seconds, Seen: -1})
	})
	handle(a, "GET /jobs/{job_id}", "How a job goes", account.Read, svc.GetOperationStatus)
	handle(a, "DELETE /jobs/{job_id}", "Cancel a job", account.Write, svc.CancelOperation)
	handle(a, "GET /workspaces", "List your workspaces", account.Read, svc.ListWorkspaces)
	handle(a, "POST /workspaces", "Make a team workspace", account.Manage, svc.CreateWorkspace)
	handle(a, "POST /workspaces/{workspace_id}", "Rename a workspace", account.Manage, svc.RenameWorkspace)
	handle(a, "GET /workspaces/{workspace_id}/members", "List members", account.Belong, svc.ListMembers)
	handle(a, "POST /workspaces/{workspace_id}/members/{user_id}", "Change a member's role", account.Manage, svc.EditMember)
	handle(a, "DELETE /workspaces/{workspace_id}/members/{user_id}", "Remove a member; their keys of the workspace are revoked", account.Manage, svc.RemoveMember)
	handle(a, "POST /workspaces/{workspace_id}/leave", "Leave a workspace; your keys of it are revoked", account.Belong, svc.LeaveWorkspace)
	handle(a, "POST /workspaces/{workspace_id}/transfer", "Make a member the owner in your place", account.Manage, svc.TransferWorkspace)
	handle(a, "GET /workspaces/{workspace_id}/invitations", "List invitations to a workspace", account.Manage, svc.ListInvitations)
	handle(a, "POST /workspaces/{workspace_id}/invitations", "Invite somebody by e-mail address, or renew that", account.Manage, svc.Invite)
	handle(a, "DELETE /workspaces/{workspace_id}/invitations/{invitation_id}", "Withdraw an invitation", account.Manage, svc.WithdrawInvitation)
	handle(a, "GET /workspaces/{workspace_id}/keys", "List your API keys of a workspace; as owner, all", account.OwnKeys, svc.ListKeys)
	handle(a, "POST /workspaces/{workspace_id}/keys", "Make an API key of a workspace that you belong to", account.OwnKeys, svc.CreateKey)
	handle(a, "DELETE /workspaces/{workspace_id}/keys/{key_id}", "Revoke an API key", account.OwnKeys, svc.RevokeKey)
	handle(a, "GET /invitations", "List invitations that wait for you", account.Belong, svc.ListMyInvitations)
	handle(a, "POST /invitations/{invitation_id}/accept", "Accept an invitation", account.Belong, svc.AcceptInvitation)
	handle(a, "POST /invitations/{invitation_id}/decline", "Decline an invitation", account.Belong, svc.DeclineInvitation)
	handle(a, "POST /workspaces/{workspace_id}/deletion", "Say what deleting a workspace deletes, and get a token for it", account.Manage, svc.AskWorkspaceDeletion)
	handle(a, "DELETE /workspaces/{workspace_id}", "Delete a team workspace for good", account.Manage, svc.DeleteWorkspace)
	handle(a, "GET /workspaces/{workspace_id}/export", "Take everything of a workspace with you: a zip", account.Manage, svc.ExportWorkspace)
	handle(a, "POST /me/deletion", "Say what deleting your account deletes, and get a token for it", account.Manage, svc.AskAccountDeletion)
	handle(a, "DELETE /me", "Delete your account for good", account.Manage, svc.DeleteAccount)
	handle(a, "GET /setup", "Which steps of setting the workspace up are done", account.Read, svc.GetSetupStatus)
	handle(a, "GET /usage", "What the workspace used of language models", account.Read, svc.GetUsage)
	handle(a, "GET /settings", "The workspace's settings, signing keys, trusted issuers and required claims", account.Manage, svc.GetSettings)
	handle(a, "POST /settings", "Change settings", account.Manage, svc.EditSettings)
	handle(a, "POST /settings/signing-keys", "Register a public key that signs runs", account.Manage, svc.AddSigningKey)
	handle(a, "POST /settings/signing-keys/revoke", "Revoke a signing key", account.Manage, svc.RevokeSigningKey)
	handle(a, "POST /settings/issuers", "Trust an issuer of CI tokens", account.Manage, svc.AddIssuer)
	handle(a, "DELETE /settings/issuers", "Trust an issuer no more", account.Manage, svc.RemoveIssuer)
	handle(a, "POST /settings/required-claims", "Require a claim of tokens", account.Manage, svc.AddRequiredClaim)
	handle(a, "DELETE /settings/required-claims/{claim_id}", "Require a claim no more", account.Manage, svc.RemoveRequiredClaim)
	handle(a, "GET /admin/backup", "Back the whole instance up: a gzipped SQLite file", account.Instance, svc.GetBackup)
	handle(a, "GET /admin/usage/summary", "What the whole instance used of language models", account.Instance, svc.GetUsageSummary)
	handle(a, "GET /admin/users", "List the users of the instance", account.Instance, svc.AdminListUsers)
	handle(a, "POST /admin/users", "Make a user with a personal workspace and a developer key", account.Instance, svc.AdminCreateUser)
	handle(a, "POST /admin/users/{user_id}", "Disable or enable a user, set the plan, grant credits", account.Instance, svc.AdminEditUser)
	handle(a, "POST /admin/users/{user_id}/reset", "Revoke all keys of a user and make a new one", account.Instance, svc.AdminResetUser)
	handle(a, "GET /keys", "List API keys", account.OwnKeys, svc.ListKeys)
	handle(a, "POST /keys", "Make an API key", account.OwnKeys, svc.CreateKey)
	handle(a, "DELETE /keys/{key_id}", "Revoke an API key", account.OwnKeys, svc.RevokeKey)
	if svc.PlansOn() {
		plans(a, svc)
	}
	if a.err != nil {
		return nil, a.err
	}
	a.openapi = sync.OnceValues(a.document)
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		WriteError(w, threat.Errorf(threat.NotFound, "there is no %s %s", r.Method, threat.Clip(r.URL.Path, 80)).
			Hinted("GET /api/v1/openapi.json lists the routes"))
	})
	return a, nil
}

// Routes returns the records of all routes.
func (a *API) Routes() []Route { return a.routes }

// OpenAPI returns the OpenAPI 3.1 document, made at the first call, or what in a type of a route is no schema. It needs no key.
func (a *API) OpenAPI() ([]byte, error) { return a.openapi() }

// ServeHTTP serves a request of an authenticated caller, its path below /api/v1 or /api.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r2 := r.Clone(r.Context())
	r2.URL.Path = strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/api"), "/v1")
	r2.URL.RawPath = ""
	a.mux.ServeHTTP(w, r2)
}

// filed is what an input implements whose body is a file as it is; its parameters come from path and query.
type filed interface {
	TakeFile(raw []byte)
	FileTypes() []string
}

// streamed is the same for a file that is read as it comes.
type streamed interface {
	TakeStream(io.Reader)
	FileTypes() []string
}

// handle registers a use case under a route.
func handle[In, Out any](a *API, pattern, summary string, needs account.Permission, fn func(context.Context, account.Principal, In) (Out, error)) {
	method, path, _ := strings.Cut(pattern, " ")
	rt := Route{Method: method, Path: path, Summary: summary, Needs: needs}
	if f, ok := any(new(In)).(interface{ FileTypes() []string }); ok {
		rt.Takes = f.FileTypes()
	}
	var err error
	if rt.input, err = schema.Input(reflect.TypeFor[In]()); err != nil {
		a.err = errors.Join(a.err, fmt.Errorf("rest: %s: %w", pattern, err))
		return
	}
	rt.checker = schema.NewChecker(rt.input)
	rt.output = func() (*jsonschema.Schema, error) { return schema.Input(reflect.TypeFor[Out]()) }
	_, pends := any(*new(Out)).(pending)
	rt.pends = pends && method != http.MethodGet
	a.routes = append(a.routes, rt)
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		in, err := decode[In](&rt, r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		out, err := fn(r.Context(), account.FromContext(r.Context()), in)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if file, ok := any(out).(stream); ok {
			a.send(w, r, file)
			return
		}
		if file, ok := any(out).(interface{ Raw() (string, []byte) }); ok {
			kind, body := file.Raw()
			if kind == "" { // it can be a file, and is none this time
				write(w, http.StatusOK, out)
				return
			}
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			_, _ = w.Write(body) // a client that went away reads nothing
			return
		}
		if p, ok := any(out).(pending); ok && rt.pends && p.Pending() {
			write(w, http.StatusAccepted, out)
			return
		}
		write(w, http.StatusOK, out)
	})
}

// pending is what an answer implements that can come before all is done: a job, or what carries one. It is answered 202 while it is.
type pending interface{ Pending() bool }

// decode joins path, query and body into the input of a use case and checks it against the schema.
func decode[In any](rt *Route, r *http.Request) (In, error) {
	var in In
	args := map[string]any{}
	var body []byte
	stream, streams := any(&in).(streamed)
	if e := r.Header.Get("Content-Encoding"); streams && e != "" && !strings.EqualFold(e, "gzip") && !strings.EqualFold(e, "identity") {
		return in, threat.Errorf(threat.Invalid, "content encoding %q is not read", threat.Clip(e, 20)).In("Content-Encoding").Hinted("send it plain or as gzip")
	}
	if r.Method != http.MethodGet && r.Body != nil && !streams {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return in, unreadable(err)
		}
	}
	if rt.Takes == nil {
		if !utf8.Valid(body) {
			return in, threat.Errorf(threat.Invalid, "the body is not valid UTF-8")
		}
		if len(body) > 0 {
			if err := json.Unmarshal(body, &args); err != nil || args == nil {
				return in, threat.Errorf(threat.Invalid, "the body is not a JSON object")
			}
		}
	}
	for name, values := range r.URL.Query() {
		p := rt.input.Properties[name]
		if p == nil {
			return in, threat.Errorf(threat.Invalid, "there is no parameter %q", threat.Clip(name, 40)).In(threat.Clip(name, 40)).
				Hinted("parameters: %s", strings.Join(schema.Names(rt.input), ", "))
		}
		v, err := fromText(p, strings.Join(values, ","))
		if err != nil {
			return in, err.In(name)
		}
		args[name] = v
	}
	for _, name := range pathNames(rt.Path) {
		p := rt.input.Properties[name]
		v, err := fromText(p, r.PathValue(name))
		if err != nil {
			return in, err.In(name)
		}
		args[name] = v
	}
	if err := rt.checker.Check(args); err != nil {
		return in, err
	}
	raw, err := json.Marshal(args)
	if err != nil {
		return in, err
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		var when *time.ParseError
		if errors.As(err, &when) {
			return in, threat.Errorf(threat.Invalid, "%q is no time", threat.Clip(when.Value, 40)).Hinted("RFC 3339, such as 2026-01-31T12:00:00Z")
		}
		return in, threat.Errorf(threat.Invalid, "a value does not fit its parameter")
	}
	if f, ok := any(&in).(filed); ok {
		f.TakeFile(body)
	}
	if streams {
		stream.TakeStream(bodyReader{r.Body})
	}
	return in, nil
}

// bodyReader says in our words why a body cannot be read to its end.
type bodyReader struct{ io.Reader }

func (b bodyReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unreadable(err)
	}
	return n, err
}

// unreadable tells a body over the limit from one that broke off.
func unreadable(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return TooLarge(tooLarge.Limit)
	}
	return threat.Errorf(threat.Invalid, "the body cannot be read")
}

// fromText reads a path or query value as its schema's type. Lists are comma-separated.
func fromText(p *jsonschema.Schema, text string) (any, *threat.Error) {
	switch p.Type {
	case "integer":
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, threat.Errorf(threat.Invalid, "%q is not an integer", threat.Clip(text, 40))
		}
		return n, nil
	case "boolean":
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, threat.Errorf(threat.Invalid, "%q is neither true nor false", threat.Clip(text, 40))
		}
		return b, nil
	case "array":
		list := []any{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list, nil
	}
	return text, nil
}

// pathNames returns the names of a path's wildcards.
func pathNames(path string) []string {
	var out []string
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			out = append(out, strings.TrimSuffix(name, "}"))
		}
	}
	return out
}

func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	var te *threat.Error
	if !errors.As(err, &te) || te.Code == threat.Internal {
		if errors.Is(err, context.Canceled) {
			return // nobody is there to read an answer
		}
		a.log.Error().Err(err).Str("path", r.URL.Path).Msg("internal error")
		te = threat.Errorf(threat.Internal, "internal error").Hinted("try again; the server's log has the cause")
	}
	WriteError(w, te)
}
