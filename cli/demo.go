package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/examples"
	"github.com/redoubt-dev/redoubt/server"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

func (e *env) demo() *cobra.Command {
	var example, engine string
	c := &cobra.Command{
		Use: "demo", Short: "Show the whole journey on an example, by itself", Args: cobra.NoArgs,
		Long: "Start a server of its own on a free port, with data in a temporary folder, and speak MCP to it as an agent would.\n" +
			"Then claim things about this program's own code, and let the verifier check them.\n" +
			"Exits 1 when an answer is not what it should be.\nExamples: " + strings.Join(examples.Names(), ", "),
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := examples.Text(example)
			if err != nil {
				return err
			}
			return e.runDemo(c.Context(), example, text, engine)
		},
	}
	c.Flags().StringVar(&example, "example", "file-sharing-api", "which example")
	c.Flags().StringVar(&engine, "engine", "builtin", "who thinks: builtin, openai (the language model of the environment), or agent (the demo answers itself)")
	c.AddCommand(e.demoJudge())
	return c
}

func (e *env) runDemo(ctx context.Context, name, feature, engine string) (err error) {
	folder, err := os.MkdirTemp("", "redoubt-demo-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	p := place{data: folder}
	st, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	model, err := e.llm("")
	if err != nil {
		return err
	}
	svc, err := newService(st, zerolog.Nop(), model)
	if err != nil {
		return err
	}
	var first service.FirstStart
	_, _, err = svc.EnsureAdmin(ctx, func(f service.FirstStart) error {
		first = f
		return nil
	})
	if err != nil {
		return err
	}
	admin, err := svc.Authenticate(ctx, first.AdminKey)
	if err != nil {
		return err
	}
	// What names no engine goes by the rules alone, also where the environment has a language model: the demo checks what they say.
	byRules := "builtin"
	if _, err := svc.EditSettings(ctx, admin, service.EditSettingsIn{DefaultEngine: &byRules}); err != nil {
		return err
	}
	verifier, err := svc.CreateKey(ctx, admin, service.CreateKeyIn{Name: "CI", Scope: account.Verifier})
	if err != nil {
		return err
	}
	srv, err := server.New(server.Config{Service: svc, Log: zerolog.Nop(), Version: Version()})
	if err != nil {
		return err
	}
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- serveUntil(serving, srv, zerolog.Nop()) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()

	d := &demo{env: e, out: e.out, url: srv.URL(), verifier: verifier.APIKey, folder: folder}
	if d.client, err = client.NewStreamableHttpClient(srv.URL()+"/mcp",
		transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + first.DeveloperKey})); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.client.Close()) }()
	if err := d.client.Start(ctx); err != nil {
		return err
	}
	return d.journey(ctx, name, feature, engine)
}

// demo speaks MCP to a server and checks every answer against what the rules say it must be.
type demo struct {
	env      *env
	out      io.Writer
	url      string
	verifier string // API key of CI
	folder   string // for what goes with the demo
	client   *client.Client
	step     int
}

func (d *demo) journey(ctx context.Context, name, feature, engine string) error {
	init := mcp.InitializeRequest{}
	init.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	init.Params.ClientInfo = mcp.Implementation{Name: "redoubt-demo", Version: Version()}
	if _, err := d.client.Initialize(ctx, init); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	fmt.Fprintf(d.out, "Redoubt demo: example %q, MCP at %s/mcp, protocol %s\n", name, d.url, d.client.ProtocolVersion())

	model, err := d.generate(ctx, feature, engine)
	if err != nil {
		return err
	}
	overview, err := d.read(ctx, model)
	if err != nil {
		return err
	}
	asset, before, err := d.edit(ctx, model, overview)
	if err != nil {
		return err
	}
	if err := d.compare(ctx, model, asset, before, len(overview.Attackers)); err != nil {
		return err
	}
	if err := d.stale(ctx, model, asset.ID); err != nil {
		return err
	}
	if err := d.objectives(ctx, model); err != nil {
		return err
	}
	if err := d.controls(ctx, model); err != nil {
		return err
	}
	if err := d.diagram(ctx, model, overview); err != nil {
		return err
	}
	if err := d.evidence(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.out, `
Every answer was as the rules say. Next, with a server of your own:

  go run .            serves, and prints a line that connects your agent
  go run . demo --example payments-service
  go run . --help

`)
	return nil
}

// title prints the heading of the next step.
func (d *demo) title(format string, args ...any) {
	d.step++
	fmt.Fprintf(d.out, "\n%d. %s\n", d.step, fmt.Sprintf(format, args...))
}

// call calls a tool and decodes its structured answer.
func (d *demo) call(ctx context.Context, tool string, args map[string]any, into any) error {
	request := mcp.CallToolRequest{}
	request.Params.Name, request.Params.Arguments = tool, args
	result, err := d.client.CallTool(ctx, request)
	if err != nil {
		return fmt.Errorf("%s: %w", tool, err)
	}
	if result.IsError {
		var te threat.Error
		if text, ok := mcp.AsTextContent(result.Content[0]); ok && json.Unmarshal([]byte(text.Text), &te) == nil {
			return &te
		}
		return fmt.Errorf("%s: an error that is not one of Redoubt's", tool)
	}
	raw, err := json.Marshal(result.StructuredContent)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// want fails the demo when an answer is not what it must be.
func want(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return &failure{"demo: an answer differs from what it must be: " + fmt.Sprintf(format, args...)}
}

func (d *demo) generate(ctx context.Context, feature, engine string) (string, error) {
	d.title("generate_threat_model from %d words, engine %s", len(strings.Fields(feature)), engine)
	args := map[string]any{"feature_description": feature, "engine": engine, "wait_seconds": 50, "idempotency_key": "demo"}
	var job service.JobOut
	err := d.call(ctx, "generate_threat_model", args, &job)
	if err != nil {
		return "", err
	}
	if job, err = d.await(ctx, feature, job); err != nil {
		return "", err
	}
	if err := want(job.Status == "done", "the job is %s", job.Status); err != nil {
		return "", err
	}
	var m service.ModelSummary
	if err := json.Unmarshal(job.Result, &m); err != nil {
		return "", err
	}
	total := 0
	for _, n := range m.Objectives {
		total += n
	}
	fmt.Fprintf(d.out, "   %q: %d assets × %d attackers = %d control objectives, %d trust boundaries, %d assumptions, %d controls\n",
		m.Title, m.Assets, m.Attackers, total, m.Boundaries, m.Assumptions, m.Controls)
	if err := want(m.Version == 1 && total == m.Assets*m.Attackers && total > 0 && m.Controls > 0, "%+v", m); err != nil {
		return "", err
	}
	var again service.JobOut
	err = d.call(ctx, "generate_threat_model", args, &again)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(d.out, "   the same call with the same idempotency key: the same job, no second model\n")
	var list service.ListThreatModelsOut
	if err := d.call(ctx, "list_threat_models", nil, &list); err != nil {
		return "", err
	}
	return m.ModelID, want(again.JobID == job.JobID && list.Total == 1, "%d models, jobs %s and %s", list.Total, job.JobID, again.JobID)
}

func (d *demo) read(ctx context.Context, model string) (service.GetThreatModelOut, error) {
	d.title("get_threat_model")
	var m service.GetThreatModelOut
	if err := d.call(ctx, "get_threat_model", map[string]any{"model_id": model}, &m); err != nil {
		return m, err
	}
	for _, a := range m.Assets {
		fmt.Fprintf(d.out, "   %-4s %-44s %-4s impact %s\n", a.ID, threat.Clip(a.Name, 44), joinProperties(a.Properties), a.Impact)
	}
	for _, t := range m.Attackers {
		fmt.Fprintf(d.out, "   %-4s %-44s      likelihood %s\n", t.ID, threat.Clip(t.Name, 44), t.Likelihood)
	}
	return m, want(len(m.Assets) > 0 && len(m.Attackers) > 0 && m.Version == 1, "an empty overview")
}

func joinProperties(ps []threat.Property) string {
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(string(p))
	}
	return b.String()
}

// edit changes the impact of the first asset, to one that it does not have.
func (d *demo) edit(ctx context.Context, model string, m service.GetThreatModelOut) (after service.AssetRow, before threat.Level, err error) {
	a := m.Assets[0]
	impact := threat.Low
	if a.Impact == threat.Low {
		impact = threat.High
	}
	d.title("edit_asset %s: impact %s becomes %s", a.ID, a.Impact, impact)
	var out service.AssetOut
	err = d.call(ctx, "edit_asset", map[string]any{"model_id": model, "asset_id": a.ID, "impact": impact, "expected_version": 1}, &out)
	if err != nil {
		return a, a.Impact, err
	}
	fmt.Fprintf(d.out, "   version %d; %d objectives changed their tier, none was added or removed\n", out.Version, out.Objectives.Changed)
	return out.Asset, a.Impact, want(out.Version == 2 && out.Asset.Impact == impact && out.Objectives.Added == 0 && out.Objectives.Removed == 0 &&
		out.Objectives.Total == len(m.Assets)*len(m.Attackers), "%+v", out)
}

func (d *demo) compare(ctx context.Context, model string, asset service.AssetRow, before threat.Level, attackers int) error {
	d.title("compare_versions 1 → 2")
	var out service.CompareVersionsOut
	if err := d.call(ctx, "compare_versions", map[string]any{"model_id": model, "from": 1, "to": 2, "limit": 200}, &out); err != nil {
		return err
	}
	entities := 0
	for _, c := range out.Changes {
		for _, f := range c.Fields {
			fmt.Fprintf(d.out, "   %s %s: %s %s → %s\n", c.Op, c.ID, f.Field, f.From, f.To)
		}
		if c.Kind == threat.KindObjective {
			continue
		}
		entities++
		f := c.Fields[0]
		if err := want(c.ID == asset.ID && len(c.Fields) == 1 && f.Field == "impact" && string(f.From) == fmt.Sprintf("%q", before) &&
			string(f.To) == fmt.Sprintf("%q", asset.Impact), "%+v", c); err != nil {
			return err
		}
	}
	return want(entities == 1 && out.Total <= 1+attackers && out.From == 1 && out.To == 2, "%d changes, %d of entities", out.Total, entities)
}

// stale shows what a writer on an old version is told.
func (d *demo) stale(ctx context.Context, model string, asset threat.ID) error {
	d.title("edit_asset with expected_version 1: someone else was faster")
	err := d.call(ctx, "edit_asset", map[string]any{"model_id": model, "asset_id": asset, "notes": "late", "expected_version": 1}, &service.AssetOut{})
	var te *threat.Error
	if !errors.As(err, &te) {
		return want(false, "a stale edit gave %v", err)
	}
	fmt.Fprintf(d.out, "   %s: %s\n   hint: %s\n", te.Code, te.Message, te.Hint)
	return want(te.Code == threat.Conflict && strings.Contains(te.Hint, string(asset)), "%v", te)
}

func (d *demo) objectives(ctx context.Context, model string) error {
	d.title("get_control_objectives, the gravest first")
	var out service.GetControlObjectivesOut
	if err := d.call(ctx, "get_control_objectives", map[string]any{"model_id": model, "limit": 5}, &out); err != nil {
		return err
	}
	sum := 0
	for _, t := range threat.Tiers() {
		fmt.Fprintf(d.out, "   %-8s %d\n", t, out.Summary.Tiers[t])
		sum += out.Summary.Tiers[t]
	}
	fmt.Fprintf(d.out, "   cut off by trust boundaries: %d; reachable without a control: %d\n", out.Summary.Unreachable, out.Summary.WithoutControls)
	last := 0
	for _, co := range out.Objectives {
		fmt.Fprintf(d.out, "   %-10s %-8s %s\n", co.ID, co.Tier, co.Statement)
		rank := slices.Index(threat.Tiers(), co.Tier)
		if err := want(rank >= last, "%s is graver than the one before it", co.ID); err != nil {
			return err
		}
		last = rank
	}
	return want(sum == out.Total && len(out.Objectives) == min(5, sum) && out.Summary.WithoutControls == 0, "%+v", out.Summary)
}

func (d *demo) controls(ctx context.Context, model string) error {
	d.title("get_controls, what to implement first")
	var out service.GetControlsOut
	if err := d.call(ctx, "get_controls", map[string]any{"model_id": model, "limit": 3}, &out); err != nil {
		return err
	}
	for _, c := range out.Controls {
		fmt.Fprintf(d.out, "   %s (%s, helps %d objectives) %s\n", c.ID, c.Tier, len(c.Objectives), c.Description)
		for _, f := range c.Facets {
			fmt.Fprintf(d.out, "      %s [%s] %s\n", f.ID, f.Kind, f.Text)
		}
	}
	return want(out.Total >= 3 && len(out.Controls) == 3 && out.Summary.Status[threat.NotImplemented] == out.Total, "%+v", out.Summary)
}

func (d *demo) diagram(ctx context.Context, model string, m service.GetThreatModelOut) error {
	uri := "redoubt://models/" + model + "/diagram.mmd"
	d.title("the resource …/diagram.mmd, for any Mermaid viewer")
	request := mcp.ReadResourceRequest{}
	request.Params.URI = uri
	result, err := d.client.ReadResource(ctx, request)
	if err != nil {
		return err
	}
	text, ok := mcp.AsTextResourceContents(result.Contents[0])
	if err := want(ok && strings.HasPrefix(text.Text, "flowchart"), "the resource is no flowchart"); err != nil {
		return err
	}
	for line := range strings.Lines(text.Text) {
		fmt.Fprint(d.out, "   "+line)
	}
	for _, a := range m.Assets {
		if err := want(strings.Contains(text.Text, "  "+string(a.ID)+"[("), "%s is not drawn", a.ID); err != nil {
			return err
		}
	}
	return nil
}
