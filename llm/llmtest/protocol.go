package llmtest

import (
	"encoding/json"
	"strings"
)

// protocol is what differs between the two.
type protocol interface {
	path() string
	read(*Request)
	answer(Request, Reply) any
	refuse(Reply) any
}

type openAI struct{}

func (openAI) path() string { return "/v1/chat/completions" }

func (openAI) read(r *Request) {
	for _, m := range list(r.Body["messages"]) {
		text := textOf(m["content"])
		if m["role"] == "system" || m["role"] == "developer" {
			r.System = join(r.System, text)
		}
		r.Prompt = text
	}
	format, _ := r.Body["response_format"].(map[string]any)
	r.Format, _ = format["type"].(string)
}

func (openAI) answer(req Request, r Reply) any {
	choice := map[string]any{
		"index":   0,
		"message": map[string]any{"role": "assistant", "content": r.Text},
	}
	if r.Refusal != "" {
		choice["message"] = map[string]any{"role": "assistant", "content": nil, "refusal": r.Refusal}
	}
	if !r.NoFinish {
		choice["finish_reason"] = or(r.Finish, "stop")
	}
	return map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion", "created": stamp,
		"model":   or(r.Model, req.Body["model"]),
		"choices": []any{choice},
		"usage":   map[string]any{"prompt_tokens": r.PromptTokens, "completion_tokens": r.CompletionTokens, "total_tokens": r.PromptTokens + r.CompletionTokens},
	}
}

func (openAI) refuse(r Reply) any {
	return map[string]any{"error": map[string]any{"message": r.Message, "type": r.Type, "code": null(r.Code), "param": null(r.Param)}}
}

type anthropic struct{}

func (anthropic) path() string { return "/v1/messages" }

func (anthropic) read(r *Request) {
	r.System = textOf(r.Body["system"])
	for _, m := range list(r.Body["messages"]) {
		r.Prompt = textOf(m["content"])
	}
	config, _ := r.Body["output_config"].(map[string]any)
	format, _ := config["format"].(map[string]any)
	r.Format, _ = format["type"].(string)
	if choice, _ := r.Body["tool_choice"].(map[string]any); choice["type"] == "tool" {
		r.Format = "tool"
	}
}

func (anthropic) answer(req Request, r Reply) any {
	content, finish := []any{map[string]any{"type": "text", "text": r.Text}}, "end_turn"
	if req.Format == "tool" {
		choice, _ := req.Body["tool_choice"].(map[string]any)
		content = []any{map[string]any{"type": "tool_use", "id": "toolu_1", "name": choice["name"], "input": json.RawMessage(r.Text)}}
		finish = "tool_use"
	}
	return map[string]any{
		"id": "msg_1", "type": "message", "role": "assistant",
		"model":       or(r.Model, req.Body["model"]),
		"content":     content,
		"stop_reason": or(r.Finish, finish),
		"usage":       map[string]any{"input_tokens": r.PromptTokens, "cache_read_input_tokens": r.CachedTokens, "output_tokens": r.CompletionTokens},
	}
}

func (anthropic) refuse(r Reply) any {
	return map[string]any{"type": "error", "error": map[string]any{"type": r.Type, "message": r.Message}}
}

// textOf is the text of a content, which is a string or a list of parts.
func textOf(content any) string {
	if s, ok := content.(string); ok {
		return s
	}
	var text string
	for _, part := range list(content) {
		s, _ := part["text"].(string)
		text = join(text, s)
	}
	return text
}

func list(v any) []map[string]any {
	items, _ := v.([]any)
	var out []map[string]any
	for _, i := range items {
		if m, ok := i.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func join(a, b string) string { return strings.TrimPrefix(a+"\n"+b, "\n") }

func or(s string, other any) any {
	if s == "" {
		return other
	}
	return s
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
