package live

import (
	"context"
	"strings"

	"github.com/redoubt-dev/redoubt/llm/llmtest"
	"github.com/redoubt-dev/redoubt/pipeline"
)

// Step is the step of a generation that a request to a language model is about: the name of the schema that it asks for.
func Step(r llmtest.Request) string {
	format, _ := r.Body["response_format"].(map[string]any)
	schema, _ := format["json_schema"].(map[string]any)
	name, _ := schema["name"].(string)
	return name
}

// Scripted answers the questions of a generation as the builtin engine would, from the prompt alone. What it cannot read it answers
// with an empty object.
func Scripted(r llmtest.Request) llmtest.Reply {
	expert, err := Expert()
	if err != nil {
		return llmtest.Broken()
	}
	head, rest, _ := strings.Cut(r.Prompt, " description\n")
	mark := head[strings.LastIndex(head, "<<<")+3:]
	feature, _, _ := strings.Cut(rest, "\n"+mark+">>>")
	raw, err := expert.Answer(context.Background(), feature, Step(r), pipeline.Asked(r.Prompt))
	if err != nil {
		return llmtest.Answer("{}")
	}
	return llmtest.Answer(string(raw))
}
