package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// The names, texts and shapes below are the suites' own: they look for exactly these.

const (
	image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==" // a PNG of one pixel
	audio = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="                                     // a WAV of one sample
)

// extend adds the fixtures. Completion is declared for them alone, since Redoubt serves none. Logging, subscriptions and changing
// lists stay undeclared, and nothing asks the client in the middle of a call as revisions before 2026-07-28 do, which needs
// sessions: the suites meet Redoubt's real capabilities.
func extend(m *server.MCPServer) {
	server.WithCompletions()(m)
	contents(m)
	notifications(m)
	inputRequired(m)
	readables(m)
	prompts(m)
}

func answer(content ...mcp.Content) server.ToolHandlerFunc {
	return func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: content}, nil
	}
}

func tool(name, description string, options ...mcp.ToolOption) mcp.Tool {
	return mcp.NewTool(name, append(options, mcp.WithDescription(description))...)
}

// contents adds tools that answer with each kind of content, and tools with special schemas.
func contents(m *server.MCPServer) {
	mixed := mcp.NewEmbeddedResource(text("test://mixed-content-resource", "application/json", `{"test":"data","value":123}`))
	m.AddTool(tool("test_simple_text", "Answers with a text."), answer(mcp.NewTextContent("This is a simple text response for testing.")))
	m.AddTool(tool("test_image_content", "Answers with an image."), answer(mcp.NewImageContent(image, "image/png")))
	m.AddTool(tool("test_audio_content", "Answers with a sound."), answer(mcp.NewAudioContent(audio, "audio/wav")))
	m.AddTool(tool("test_embedded_resource", "Answers with a resource."), answer(mcp.NewEmbeddedResource(
		text("test://embedded-resource", "text/plain", "This is an embedded resource content."))))
	m.AddTool(tool("test_multiple_content_types", "Answers with a text, an image and a resource."), answer(
		mcp.NewTextContent("Multiple content types test:"), mcp.NewImageContent(image, "image/png"), mixed))
	m.AddTool(tool("test_error_handling", "Answers with an error."), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultError("This tool intentionally returns an error for testing"), nil
	})
	m.AddTool(mcp.NewToolWithRawSchema("json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features", json.RawMessage(`{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"type": "object",
		"$defs": {"address": {"$anchor": "addressDef", "type": "object",
			"properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
		"properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
			"contactMethod": {"type": "string", "enum": ["phone", "email"]}, "phone": {"type": "string"}, "email": {"type": "string"}},
		"allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
		"if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
		"then": {"required": ["phone"]}, "else": {"required": ["email"]},
		"additionalProperties": false}`)), answer(mcp.NewTextContent("ok")))
	m.AddTool(mcp.NewToolWithRawSchema("test_param_header", "Takes a parameter that travels in a header too.", json.RawMessage(`{
		"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}, "required": ["region"]}`)),
		answer(mcp.NewTextContent("ok")))
}

// pause is how long a tool waits after each notification, the last included: mcp-go drops one that it has not written when the
// answer comes. Redoubt's own tools wait less, and lose one in some thousands on a busy machine: nothing is only in a notification.
const pause = 50 * time.Millisecond

// notifications adds tools that send some while they work.
func notifications(m *server.MCPServer) {
	m.AddTool(tool("test_tool_with_progress", "Reports progress."), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if r.Params.Meta == nil || r.Params.Meta.ProgressToken == nil {
			return mcp.NewToolResultText("done"), nil
		}
		for _, done := range []int{0, 50, 100} {
			if err := m.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
				"progressToken": r.Params.Meta.ProgressToken, "progress": done, "total": 100,
			}); err != nil {
				return nil, err
			}
			time.Sleep(pause)
		}
		return mcp.NewToolResultText("done"), nil
	})
	m.AddTool(tool("test_logging_tool", "Sends a log message, where the request asks for that."), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if err := m.SendLogMessageToClient(ctx, mcp.NewLoggingMessageNotification(mcp.LoggingLevelInfo, "conformance", "working")); err != nil {
			return nil, err
		}
		time.Sleep(pause)
		return mcp.NewToolResultText("done"), nil
	})
}

// asks is a form that asks for one property.
func asks(message, property, kind string) mcp.ElicitationParams {
	return mcp.ElicitationParams{Message: message, RequestedSchema: map[string]any{
		"type": "object", "properties": map[string]any{property: map[string]any{"type": kind}}, "required": []string{property},
	}}
}

func asksModel(text string, maxTokens int) mcp.CreateMessageParams {
	return mcp.CreateMessageParams{
		Messages:  []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent(text)}},
		MaxTokens: maxTokens,
	}
}

// inputRequired adds the tools that ask by round trips, as revision 2026-07-28 does.
func inputRequired(m *server.MCPServer) {
	add := func(name, description string, handler server.ToolHandlerFunc) {
		m.AddTool(tool(name, description), handler)
	}
	askName := func(state string) *server.InputRequestBuilder {
		return server.NewInputRequestBuilder(state).Elicit("user_name", asks("What is your name?", "name", "string"))
	}

	add("test_input_required_result_elicitation", "Asks for a name.", func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		name, ok := answered(r.Params.InputResponses, "user_name")["name"].(string)
		if !ok {
			return askName("").ToolResult(), nil
		}
		return mcp.NewToolResultText("Hello, " + name + "!"), nil
	})
	add("test_input_required_result_sampling", "Asks the client's model.", func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		got := server.SamplingResponse(r.Params.InputResponses, "capital_question")
		if got == nil {
			return server.NewInputRequestBuilder("").Sample("capital_question", asksModel("What is the capital of France?", 100)).ToolResult(), nil
		}
		return mcp.NewToolResultText(fmt.Sprintf("%v", got.Content)), nil
	})
	add("test_input_required_result_list_roots", "Asks for the roots.", func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		got := server.RootsResponse(r.Params.InputResponses, "client_roots")
		if got == nil {
			return server.NewInputRequestBuilder("").Roots("client_roots").ToolResult(), nil
		}
		return mcp.NewToolResultText(fmt.Sprintf("roots: %v", got.Roots)), nil
	})

	// A state that the client hands back is not to be trusted: it is signed, and a wrong signature is an error.
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	sign := func(state string) string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(state))
		return state + "." + hex.EncodeToString(mac.Sum(nil))
	}
	errState := errors.New("the request state is not one that this server gave")
	confirm := func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		switch {
		case r.Params.RequestState == "":
			return server.NewInputRequestBuilder(sign("confirm")).Elicit("confirm", asks("Please confirm", "ok", "boolean")).ToolResult(), nil
		case !hmac.Equal([]byte(r.Params.RequestState), []byte(sign("confirm"))):
			return nil, errState
		}
		return mcp.NewToolResultText("state-ok"), nil
	}
	add("test_input_required_result_request_state", "Keeps a state between the rounds.", confirm)
	add("test_input_required_result_tampered_state", "Refuses a state that was changed.", confirm)
	add("test_input_required_result_multiple_inputs", "Asks three things at once.", func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if r.Params.RequestState == "" {
			return askName(sign("all")).Sample("greeting", asksModel("Generate a greeting", 50)).Roots("client_roots").ToolResult(), nil
		}
		return mcp.NewToolResultText("done"), nil
	})
	add("test_input_required_result_multi_round", "Asks twice.", func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		switch r.Params.RequestState {
		case "":
			return server.NewInputRequestBuilder(sign("1")).Elicit("step1", asks("Step 1: What is your name?", "name", "string")).ToolResult(), nil
		case sign("1"):
			return server.NewInputRequestBuilder(sign("2")).Elicit("step2", asks("Step 2: What is your favorite color?", "color", "string")).ToolResult(), nil
		case sign("2"):
			return mcp.NewToolResultText("done"), nil
		}
		return nil, errState
	})
	add("test_input_required_result_capabilities", "Asks only what the client can answer.", func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		b := server.NewInputRequestBuilder("")
		if can := r.Params.Meta.ClientCapabilities(); can != nil && can.Elicitation != nil {
			b.Elicit("user_name", asks("What is your name?", "name", "string"))
		} else if can != nil && can.Sampling != nil {
			b.Sample("greeting", asksModel("Generate a greeting", 50))
		}
		return b.ToolResult(), nil
	})
	add("test_streaming_elicitation", "Asks for a name.", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return askName("").ToolResult(), nil
	})
	add("test_missing_capability", "Needs a client with sampling.", func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if can := r.Params.Meta.ClientCapabilities(); can == nil || can.Sampling == nil {
			return nil, mcp.MissingRequiredClientCapabilityError{Capability: "sampling"}
		}
		return mcp.NewToolResultText("ok"), nil
	})
	m.AddPrompt(mcp.NewPrompt("test_input_required_result_prompt", mcp.WithPromptDescription("Asks for a context.")),
		func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			said, ok := answered(r.Params.InputResponses, "user_context")["context"].(string)
			if !ok {
				return server.NewInputRequestBuilder("").Elicit("user_context", asks("What context should the prompt use?", "context", "string")).PromptResult(), nil
			}
			return says(mcp.NewTextContent("Context: " + said)), nil
		})
}

// answered returns what the user filled in, or nil.
func answered(responses mcp.InputResponses, id string) map[string]any {
	got := server.ElicitationResponse(responses, id)
	if got == nil || got.Action != mcp.ElicitationResponseActionAccept {
		return nil
	}
	content, _ := got.Content.(map[string]any)
	return content
}

func text(uri, mime, s string) mcp.TextResourceContents {
	return mcp.TextResourceContents{URI: uri, MIMEType: mime, Text: s}
}

// readables adds the resources.
func readables(m *server.MCPServer) {
	m.AddResource(mcp.NewResource("test://static-text", "static-text", mcp.WithResourceDescription("A text."), mcp.WithMIMEType("text/plain")),
		func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{text("test://static-text", "text/plain", "This is the content of the static text resource.")}, nil
		})
	m.AddResource(mcp.NewResource("test://static-binary", "static-binary", mcp.WithResourceDescription("An image."), mcp.WithMIMEType("image/png")),
		func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{mcp.BlobResourceContents{URI: "test://static-binary", MIMEType: "image/png", Blob: image}}, nil
		})
	m.AddResourceTemplate(mcp.NewResourceTemplate("test://template/{id}/data", "template", mcp.WithTemplateDescription("Data of an id."),
		mcp.WithTemplateMIMEType("application/json")),
		func(_ context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			id := strings.TrimSuffix(strings.TrimPrefix(r.Params.URI, "test://template/"), "/data")
			return []mcp.ResourceContents{text(r.Params.URI, "application/json",
				fmt.Sprintf(`{"id":%q,"templateTest":true,"data":%q}`, id, "Data for ID: "+id))}, nil
		})
}

func says(content ...mcp.Content) *mcp.GetPromptResult {
	r := &mcp.GetPromptResult{}
	for _, c := range content {
		r.Messages = append(r.Messages, mcp.NewPromptMessage(mcp.RoleUser, c))
	}
	return r
}

// prompts adds the prompts.
func prompts(m *server.MCPServer) {
	m.AddPrompt(mcp.NewPrompt("test_simple_prompt", mcp.WithPromptDescription("A text.")),
		func(context.Context, mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return says(mcp.NewTextContent("This is a simple prompt for testing.")), nil
		})
	m.AddPrompt(mcp.NewPrompt("test_prompt_with_arguments", mcp.WithPromptDescription("A text of two arguments."),
		mcp.WithArgument("arg1", mcp.RequiredArgument()), mcp.WithArgument("arg2", mcp.RequiredArgument())),
		func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return says(mcp.NewTextContent(fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'",
				r.Params.Arguments["arg1"], r.Params.Arguments["arg2"]))), nil
		})
	m.AddPrompt(mcp.NewPrompt("test_prompt_with_embedded_resource", mcp.WithPromptDescription("A resource."),
		mcp.WithArgument("resourceUri", mcp.RequiredArgument())),
		func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return says(mcp.NewEmbeddedResource(text(r.Params.Arguments["resourceUri"], "text/plain", "Embedded resource content for testing.")),
				mcp.NewTextContent("Please process the embedded resource above.")), nil
		})
	m.AddPrompt(mcp.NewPrompt("test_prompt_with_image", mcp.WithPromptDescription("An image.")),
		func(context.Context, mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return says(mcp.NewImageContent(image, "image/png"), mcp.NewTextContent("Please analyze the image above.")), nil
		})
}
