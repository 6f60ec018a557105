package llm

import "net/http"

// format is how an endpoint is asked for JSON, from the strictest. Each provider has its own form of the first two.
type format int

const (
	native format = iota // OpenAI: response_format json_schema. Anthropic: output_config.format
	loose                // OpenAI: response_format json_object. Anthropic: one tool that must be called
	plain                // the schema in the prompt, the object picked out of the text
)

// tokenField is the name under which an OpenAI endpoint takes the limit of tokens.
type tokenField int

const (
	maxCompletionTokens tokenField = iota // OpenAI; its reasoning models take no other
	maxTokens                             // everyone else
)

// shape is what an endpoint was found to take. A client learns it from refusals and keeps it.
type shape struct {
	format        format
	tokens        tokenField
	noTemperature bool
}

// adapt is the next shape to try after f refused s, and whether there is one. Each step but the switch of the token field
// goes one way, and switched says that one was made, so that a call ends after a handful of them.
func (s shape) adapt(f *failure, req Request, switched bool) (shape, bool) {
	switch f.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusNotImplemented:
	default:
		return s, false
	}
	if k := f.kind(); k == KindQuota || k == KindRefused {
		return s, false
	}
	aboutFormat := req.Schema != nil && s.format < plain &&
		f.says("response_format", "response format", "json_schema", "json_object", "json mode", "structured output",
			"output_config", "output_format", "tool_choice", "tools", "tool use", "invalid schema", "schema is too complex")
	aboutTemperature := !s.noTemperature && f.says("temperature")
	aboutTokens := !switched && req.MaxTokens > 0 && f.says("max_tokens", "max_completion_tokens")
	switch {
	// The parameter that the provider names comes before what its message happens to mention.
	case aboutTemperature && (f.param == "temperature" || !aboutFormat && !aboutTokens):
		s.noTemperature = true
	case aboutTokens && (f.param == "max_tokens" || f.param == "max_completion_tokens" || !aboutFormat):
		s.tokens = maxCompletionTokens + maxTokens - s.tokens
	case aboutFormat:
		s.format++
	default:
		return s, false
	}
	return s, true
}

// badSchema says whether a refusal was of this schema and not of schemas as such: nothing is learnt of the endpoint then.
func (f *failure) badSchema() bool {
	return f.says("invalid schema", "invalid_json_schema", "invalid json schema", "schema is too complex", "format.schema")
}

// strictable says whether a schema is within what strict mode takes: every object in it names all its properties as
// required and allows no others (https://platform.openai.com/docs/guides/structured-outputs, "supported schemas"). A schema
// outside is sent as a wish, not as a rule, instead of being refused.
func strictable(schema any) bool {
	switch schema := schema.(type) {
	case []any:
		for _, s := range schema {
			if !strictable(s) {
				return false
			}
		}
	case map[string]any:
		properties, has := schema["properties"].(map[string]any)
		if schema["type"] == "object" || has {
			if schema["additionalProperties"] != false {
				return false
			}
			required := map[string]bool{}
			names, _ := schema["required"].([]any)
			for _, n := range names {
				if name, ok := n.(string); ok {
					required[name] = true
				}
			}
			for name := range properties {
				if !required[name] {
					return false
				}
			}
		}
		for key, s := range schema {
			switch key {
			case "properties", "$defs", "definitions": // names are the author's own, what is under them are schemas
				named, _ := s.(map[string]any)
				for _, one := range named {
					if !strictable(one) {
						return false
					}
				}
			case "items", "anyOf":
				if !strictable(s) {
					return false
				}
			case "oneOf", "allOf", "not", "if", "then", "else", "patternProperties", "dependentSchemas", "prefixItems", "contains":
				return false
			}
		}
	}
	return true
}
