package llm

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

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

// warmUp has the SDK and encoding/json build what writes a question and reads an answer or a refusal, before the first call: the race
// detector reports first calls that build it at the same time (openai-go v3.96.0, internal/apijson and internal/encoding/json). Decoders
// of parts are built when a part is met, so that the samples have them all.
var warmUp = sync.OnceFunc(func() {
	_ = json.Unmarshal([]byte(sampleCompletion), &openai.ChatCompletion{})
	newFailure(http.StatusTeapot, nil, []byte(`{"error":{"message":"","type":"","param":"","code":""}}`))
	req := Request{
		System: "s", Messages: []Message{{Role: RoleUser, Text: "u"}, {Role: RoleAssistant, Text: "a"}}, Prompt: "p", MaxTokens: 1,
		Schema: json.RawMessage(`{"type":"object"}`),
	}
	for _, f := range []format{native, loose, plain} {
		for _, tokens := range []tokenField{maxCompletionTokens, maxTokens} {
			_, _ = json.Marshal((&openAI{}).params(req, shape{format: f, tokens: tokens}))
		}
	}
})

const sampleCompletion = `{"id":"","object":"chat.completion","created":0,"model":"","system_fingerprint":"","service_tier":"default",
"choices":[{"index":0,"finish_reason":"stop",
"logprobs":{"content":[{"token":"","bytes":[0],"logprob":0,"top_logprobs":[{"token":"","bytes":[0],"logprob":0}]}],
"refusal":[{"token":"","bytes":[0],"logprob":0,"top_logprobs":[]}]},
"message":{"role":"assistant","content":"","refusal":"","annotations":[{"type":"url_citation","url_citation":{"url":"","title":"","start_index":0,"end_index":0}}],
"audio":{"id":"","data":"","expires_at":0,"transcript":""},"function_call":{"name":"","arguments":""},
"tool_calls":[{"id":"","type":"function","function":{"name":"","arguments":""}},{"id":"","type":"custom","custom":{"name":"","input":""}}]}}],
"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0,
"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},
"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}`

func newOpenAI(cfg Config, web *http.Client) *openAI {
	warmUp()
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
