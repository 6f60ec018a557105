package pipeline

import (
	"encoding/json"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Questions about a model and about messages, which are no steps of a generation. What they say of a model is text that the caller puts
// together; it comes as data.

// The names of these questions.
const (
	QueryStep    = "query_model"
	ClassifyStep = "classify_message"
	GeneralStep  = "general_answer"
)

var (
	querySchema    = Compact(`{"type":"object","properties":{"answer":{"type":"string"},"ids":{"type":"array","items":{"type":"string"}}},"required":["answer","ids"],"additionalProperties":false}`)
	classifySchema = Compact(`{"type":"object","properties":{"intent":{"type":"string","enum":["generate","refine","query","general"]}},"required":["intent"],"additionalProperties":false}`)
	textSchema     = Compact(`{"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false}`)
)

// given are parts that are the same at every level of detail.
func given(step, file string, schema json.RawMessage, limit int, parts ...part) Question {
	b := brief{step: step, text: promptFile(file), schema: schema, parts: func(detail) []part { return parts }}
	return b.question(limit)
}

// QueryQuestion asks a question about a model: relevant is what it is likely to be about, in full, overview the rest in brief.
func QueryQuestion(question, relevant, overview string) Question {
	return given(QueryStep, "query_model.md", querySchema, ModelLimit,
		part{"question", "The question:", question},
		part{"relevant", "What it may be about:", relevant},
		part{"overview", "The rest of the model, in brief:", overview})
}

// maxAnswer bounds an answer in words, in characters.
const maxAnswer = 4_000

// ParseAnswer reads an answer to [QueryQuestion]. Errors: [threat.Invalid].
func ParseAnswer(raw []byte) (answer string, ids []threat.ID, err error) {
	root, err := ParseObject(raw)
	if err != nil {
		return "", nil, err
	}
	root.Only("answer", "ids")
	answer = root.Text("answer", maxAnswer)
	return answer, root.ids("ids", 100), root.Err()
}

// Intent is what a message in a conversation asks for.
type Intent string

// The intents (specification §9).
const (
	IntentGenerate Intent = "generate"
	IntentRefine   Intent = "refine"
	IntentQuery    Intent = "query"
	IntentGeneral  Intent = "general"
)

// Intents lists them.
func Intents() []Intent { return []Intent{IntentGenerate, IntentRefine, IntentQuery, IntentGeneral} }

// ClassifyQuestion asks which intent a message has.
func ClassifyQuestion(message string, model bool) Question {
	text := "no model yet that"
	if model {
		text = "a model that"
	}
	b := brief{step: ClassifyStep, text: strings.Replace(promptFile("classify_message.md"), "{{model}}", text, 1), schema: classifySchema}
	b.parts = func(detail) []part { return []part{{"message", "The message:", Head(message, 6_000)}} }
	return b.question(ModelLimit)
}

// ParseIntent reads an answer to [ClassifyQuestion]. Errors: [threat.Invalid].
func ParseIntent(raw []byte) (Intent, error) {
	root, err := ParseObject(raw)
	if err != nil {
		return "", err
	}
	root.Only("intent")
	return Enum(root, "intent", Intents()), root.Err()
}

// GeneralQuestion asks for an answer to a message that is about no model.
func GeneralQuestion(message string) Question {
	return given(GeneralStep, "general_answer.md", textSchema, ModelLimit, part{"message", "The message:", message})
}

// ParseText reads an answer to [GeneralQuestion]. Errors: [threat.Invalid].
func ParseText(raw []byte) (string, error) {
	root, err := ParseObject(raw)
	if err != nil {
		return "", err
	}
	root.Only("text")
	return root.Text("text", maxAnswer), root.Err()
}

// IntentOf tells the intent of a message by rules; ok is false when they do not decide it. model says whether there is a model that the
// message can be about.
func IntentOf(message string, model bool) (intent Intent, ok bool) {
	words := wordsOf(message)
	if len(words) == 0 {
		return IntentGeneral, true
	}
	has := func(list ...string) bool {
		for _, w := range words {
			for _, x := range list {
				if w == x {
					return true
				}
			}
		}
		return false
	}
	first := words[0]
	if first == "please" && len(words) > 1 {
		first = words[1]
	}
	starts := func(list ...string) bool {
		for _, x := range list {
			if first == x {
				return true
			}
		}
		return false
	}
	question := strings.HasSuffix(strings.TrimSpace(message), "?")
	switch {
	case len(words) <= 4 && starts("hi", "hello", "hey", "thanks", "thank", "help", "bye", "ok", "okay"),
		strings.Contains(strings.ToLower(message), "what can you do"), starts("who") && len(words) > 2 && words[1] == "are" && words[2] == "you":
		return IntentGeneral, true
	case starts("generate", "create", "model", "make", "start") && has("threat", "model", "feature"), starts("threat") && len(words) > 1 && words[1] == "model" && !question:
		return IntentGenerate, true
	case model && !question && starts("add", "remove", "delete", "drop", "rename", "set", "change", "raise", "lower", "rate", "edit", "update", "merge", "split", "reword", "replace", "refine", "mark"):
		return IntentRefine, true
	case model && (question || starts("what", "which", "who", "how", "why", "where", "list", "show", "is", "are", "does", "do", "tell", "explain", "summarize", "summarise")):
		return IntentQuery, true
	case !model && !question && len(words) >= 25: // nothing else is said at such length before there is a model
		return IntentGenerate, true
	}
	return "", false
}
