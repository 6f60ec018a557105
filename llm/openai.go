package llm

import (
	"context"
	"net/http"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
)

// openAI speaks chat completions. It is built from the one service it needs, not openai.NewClient, which reads OPENAI_* from
// the environment: custom headers and an organisation there would go to whatever host is configured.
type openAI struct {
	name    string
	model   string
	secrets secrets
	chat    openai.ChatCompletionService
	lenient bool // an endpoint other than OpenAI's own, which may leave finish_reason out
}

func newOpenAI(cfg Config, web *http.Client) *openAI {
	opts := []option.RequestOption{
		option.WithBaseURL(cfg.BaseURL),
		option.WithHTTPClient(web),
		option.WithMaxRetries(0), // the client retries, one way for all providers
		option.WithRequestTimeout(cfg.Timeout),
		option.WithMiddleware(inspect),
	}
	if cfg.APIKey != "" {
		opts = append(opts, option.WithAPIKey(string(cfg.APIKey)))
	}
	return &openAI{
		name:    string(cfg.Provider) + ":" + cfg.Model,
		model:   cfg.Model,
		secrets: secretsOf(cfg.APIKey),
		chat:    openai.NewChatCompletionService(opts...),
		lenient: cfg.Provider != OpenAI,
	}
}

func (o *openAI) send(ctx context.Context, req Request, s shape) (Answer, error) {
	res, err := o.chat.New(ctx, o.params(req, s))
	if err != nil {
		return Answer{}, err
	}
	a := Answer{
		Model: res.Model,
		Usage: Usage{PromptTokens: int(res.Usage.PromptTokens), CompletionTokens: int(res.Usage.CompletionTokens)},
	}
	if len(res.Choices) == 0 {
		return a, &Error{Kind: KindMalformed, Message: o.name + " sent a reply without a choice", Hint: "check the provider setting and the base URL"}
	}
	choice := res.Choices[0]
	switch {
	case choice.FinishReason == "content_filter":
		return a, &Error{Kind: KindRefused, Message: o.name + ": a content filter stopped the answer"}
	case choice.Message.Refusal != "":
		return a, &Error{Kind: KindRefused, Message: o.name + " declined to answer", Detail: o.secrets.quote(choice.Message.Refusal, 300)}
	case choice.FinishReason == "length":
		return a, truncated(o.name)
	case choice.FinishReason == "stop":
	case choice.FinishReason == "" && o.lenient && req.Schema != nil: // an object shows by itself whether it is whole
	default:
		return a, o.secrets.ended(o.name, choice.FinishReason)
	}
	return finish(req, a, o.name, choice.Message.Content)
}

func (o *openAI) params(req Request, s shape) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{Model: o.model}
	if system := req.system(s.format); system != "" {
		p.Messages = append(p.Messages, openai.SystemMessage(system))
	}
	for _, m := range req.turns() {
		if m.Role == RoleAssistant {
			p.Messages = append(p.Messages, openai.AssistantMessage(m.Text))
		} else {
			p.Messages = append(p.Messages, openai.UserMessage(m.Text))
		}
	}
	if !s.noTemperature {
		p.Temperature = openai.Float(req.temperature())
	}
	if req.MaxTokens > 0 {
		if s.tokens == maxCompletionTokens {
			p.MaxCompletionTokens = openai.Int(int64(req.MaxTokens))
		} else {
			p.MaxTokens = openai.Int(int64(req.MaxTokens))
		}
	}
	if req.Schema != nil {
		switch s.format {
		case native:
			schema := req.schema()
			p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
				JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
					Name:   req.schemaName(),
					Schema: req.Schema, // as written: models fill members in the schema's order
					Strict: openai.Bool(strictable(schema)),
				},
			}
		case loose:
			p.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
		}
	}
	return p
}
