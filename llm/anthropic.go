package llm

import (
	"context"
	"net/http"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

// claude speaks Anthropic's Messages API. Like openAI it is built from the one service it needs, so that neither
// ANTHROPIC_* nor a profile on disk changes where a request goes or what it carries.
type claude struct {
	name     string
	model    string
	secrets  secrets
	messages anthropic.MessageService
}

func newAnthropic(cfg Config, web *http.Client) *claude {
	return &claude{
		name:    string(cfg.Provider) + ":" + cfg.Model,
		model:   cfg.Model,
		secrets: secretsOf(cfg.APIKey),
		messages: anthropic.NewMessageService(
			option.WithBaseURL(cfg.BaseURL),
			option.WithHTTPClient(web),
			option.WithMaxRetries(0),
			option.WithRequestTimeout(cfg.Timeout), // also lifts the SDK's refusal of limits over 21,333 tokens
			option.WithMiddleware(inspect),
			option.WithAPIKey(string(cfg.APIKey)),
		),
	}
}

func (c *claude) send(ctx context.Context, req Request, s shape) (Answer, error) {
	res, err := c.messages.New(ctx, c.params(req, s))
	if err != nil {
		return Answer{}, err
	}
	u := res.Usage
	a := Answer{
		Model: res.Model,
		Usage: Usage{
			PromptTokens:     int(u.InputTokens + u.CacheCreationInputTokens + u.CacheReadInputTokens), // InputTokens leaves the cached out
			CompletionTokens: int(u.OutputTokens),
		},
	}
	forced := req.Schema != nil && s.format == loose
	switch {
	case res.StopReason == anthropic.StopReasonRefusal:
		return a, &Error{Kind: KindRefused, Message: c.name + " declined to answer"}
	case res.StopReason == anthropic.StopReasonMaxTokens || res.StopReason == anthropic.StopReasonModelContextWindowExceeded:
		return a, truncated(c.name)
	case res.StopReason == anthropic.StopReasonEndTurn:
	case res.StopReason == anthropic.StopReasonToolUse && forced:
	default:
		return a, c.secrets.ended(c.name, string(res.StopReason))
	}

	var text strings.Builder
	for _, block := range res.Content {
		switch {
		case block.Type == "text" && !forced:
			text.WriteString(block.Text)
		case block.Type == "tool_use" && forced && block.Name == req.schemaName():
			text.Write(block.Input) // a second call makes a second object, which finish refuses
		}
	}
	return finish(req, a, c.name, text.String())
}

func (c *claude) params(req Request, s shape) anthropic.MessageNewParams {
	p := anthropic.MessageNewParams{Model: c.model, MaxTokens: int64(req.MaxTokens)}
	if req.MaxTokens == 0 {
		p.MaxTokens = DefaultMaxTokens
	}
	format := s.format
	if format == loose {
		format = native // the tool carries the schema
	}
	if system := req.system(format); system != "" {
		p.System = []anthropic.TextBlockParam{{Text: system}}
	}
	for _, m := range req.turns() {
		block := anthropic.NewTextBlock(m.Text)
		if m.Role == RoleAssistant {
			p.Messages = append(p.Messages, anthropic.NewAssistantMessage(block))
		} else {
			p.Messages = append(p.Messages, anthropic.NewUserMessage(block))
		}
	}
	if !s.noTemperature {
		p.Temperature = anthropic.Float(req.temperature())
	}
	if req.Schema != nil {
		switch s.format {
		case native:
			// The SDK brings the schema into the part of JSON Schema that the API takes: what it drops as a rule it keeps as
			// words in a description.
			p.OutputConfig.Format.Schema = req.schema()
			if fit, ok := anthropic.BetaJSONSchemaOutputFormat(req.schema()).Schema.(map[string]any); ok && fit != nil {
				p.OutputConfig.Format.Schema = fit
			}
		case loose:
			p.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{
				Name:        req.schemaName(),
				Description: anthropic.String("Takes the answer. Call it exactly once."),
				InputSchema: toolSchema(req.schema()),
			}}}
			p.ToolChoice = anthropic.ToolChoiceParamOfTool(req.schemaName())
		}
	}
	return p
}

// toolSchema is the schema as a tool's input, in the SDK's form: some keywords have fields of their own.
func toolSchema(schema map[string]any) anthropic.ToolInputSchemaParam {
	in := anthropic.ToolInputSchemaParam{ExtraFields: map[string]any{}}
	for key, value := range schema {
		switch key {
		case "type":
		case "properties":
			in.Properties = value
		default:
			in.ExtraFields[key] = value
		}
	}
	return in
}
