// Package llm asks a language model one question at a time and brings back text or one JSON object, with the tokens it cost.
//
// It knows nothing of threat models: prompts, schemas, caching, prices and what an answer means are its callers' business. What
// it sees to is the wire: providers that differ in what they support, time limits, retries, how many calls run at once, bounded
// answers, and that the key is in no error, log line or printed value.
//
// What a model answers is untrusted input. Answer.JSON is one well-formed object and no more than that: it has not been checked
// against Request.Schema, even where the provider says it enforces schemas.
package llm

import (
	"context"
	"encoding/json"
	"regexp"
	"time"
)

// MaxAnswer bounds the body of one reply, in bytes after decompression. A longer one is an error of kind KindMalformed.
const MaxAnswer = 4 << 20

// Client asks one model of one provider. It is safe for use by several goroutines.
type Client interface {
	// Complete asks and waits for the whole answer. The call takes a slot (Config.Concurrency) first, for which it waits as
	// long as ctx allows; from then on Config.Timeout bounds it, retries and the waits between them included.
	//
	// Every error is an *Error; errors.Is finds context.Canceled and context.DeadlineExceeded in those of kind KindCanceled
	// and KindTimeout that came about so. Beside an error of kind KindRefused, KindTruncated, KindMalformed or KindRejected the
	// Answer holds Usage, Model and Latency where the provider told them, since those tokens are spent, and neither Text nor JSON.
	Complete(ctx context.Context, req Request) (Answer, error)

	// Name is the provider and the model, for records: "anthropic:claude-sonnet-5-5".
	Name() string

	// Identity is whom exactly is asked, for [Digest]: provider, base URL and model. Two endpoints may call different models by one name.
	Identity() string
}

// Role says who speaks a message.
type Role string

// The roles. What the system says is Request.System.
const (
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
)

// Message is one turn of a conversation.
type Message struct {
	Role Role
	Text string
}

// Request is one question.
type Request struct {
	// System holds the instructions that stand above the conversation. May be empty.
	System string

	// Messages is the conversation so far, and Prompt what the user says last. At least one of them is needed, and what
	// comes out must end with the user.
	Messages []Message
	Prompt   string

	// Schema is the JSON Schema, an object schema, of the wanted answer; nil asks for text. Providers enforce it as far as
	// they can; the caller checks the answer.
	Schema json.RawMessage

	// SchemaName names the schema to the provider: letters, digits, - and _, at most 64. Empty is "answer".
	SchemaName string

	// MaxTokens bounds the answer, the model's thinking included. Zero is Config.MaxTokens.
	MaxTokens int

	// Temperature is how much chance there is in the answer. nil asks for 0. A model that takes no temperature is asked
	// without one.
	Temperature *float64

	// Check, when set, is the caller's own judgment of a whole answer: an error says that it is not what was asked for. The
	// call then fails with KindRejected and that error as its cause. A Client that keeps answers keeps only those that pass,
	// and asks Check about a kept one too before it gives it again. It is called once for each answer, not at once with itself.
	Check func(Answer) error
}

// Answer is what came back.
type Answer struct {
	// Text is the answer as the model wrote it; never empty beside a nil error.
	Text string

	// JSON is the one JSON object of the answer when a Schema was given, else nil. It is valid UTF-8, no object in it has
	// two members of one name, and it is not checked against the schema.
	JSON json.RawMessage

	// Usage counts the tokens that the provider says the call cost; zero where it does not say.
	Usage Usage

	// Model is the model that the provider says answered, which may be more exact than the one asked for; at most 200 bytes.
	Model string

	// Latency runs from the moment that the call had its slot, retries and waits included.
	Latency time.Duration

	// Cached says that the answer was kept from an earlier call: it cost nothing, and Usage is what it cost then.
	Cached bool
}

// Usage counts tokens. PromptTokens includes those that the provider read from a cache of its own.
type Usage struct {
	PromptTokens     int
	CompletionTokens int
}

var schemaName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// check says whether the request can be sent at all. Its errors, of kind KindInternal, are mistakes of the calling code.
func (r Request) check() *Error {
	turns := r.turns()
	switch {
	case len(turns) == 0:
		return &Error{Kind: KindInternal, Message: "the request holds no prompt", Hint: "set Prompt or Messages"}
	case turns[len(turns)-1].Role != RoleUser:
		return &Error{Kind: KindInternal, Message: "the conversation does not end with the user", Hint: "set Prompt, or end Messages with a user's turn"}
	case r.MaxTokens < 0:
		return &Error{Kind: KindInternal, Message: "MaxTokens is negative", Hint: "0 leaves it to the provider"}
	case r.SchemaName != "" && !schemaName.MatchString(r.SchemaName):
		return &Error{Kind: KindInternal, Message: "SchemaName is not a name", Hint: "letters, digits, - and _, at most 64"}
	}
	for _, m := range turns {
		if m.Role != RoleUser && m.Role != RoleAssistant {
			return &Error{Kind: KindInternal, Message: "a message has neither the role user nor assistant", Hint: "instructions go into System"}
		}
		if m.Text == "" {
			return &Error{Kind: KindInternal, Message: "a message is empty"}
		}
	}
	if t := r.Temperature; t != nil && !(*t >= 0 && *t <= 2) {
		return &Error{Kind: KindInternal, Message: "Temperature is not between 0 and 2"}
	}
	if r.Schema != nil {
		schema := r.schema()
		if schema == nil || schema["type"] != "object" {
			return &Error{Kind: KindInternal, Message: "Schema is not the JSON Schema of an object", Hint: `it needs "type": "object" at its top`}
		}
	}
	return nil
}

// turns is the whole conversation, Prompt included.
func (r Request) turns() []Message {
	turns := r.Messages
	if r.Prompt != "" {
		turns = append(turns[:len(turns):len(turns)], Message{Role: RoleUser, Text: r.Prompt})
	}
	return turns
}

func (r Request) schema() map[string]any {
	var schema map[string]any
	if json.Unmarshal(r.Schema, &schema) != nil {
		return nil
	}
	return schema
}

func (r Request) schemaName() string {
	if r.SchemaName == "" {
		return "answer"
	}
	return r.SchemaName
}

func (r Request) temperature() float64 {
	if r.Temperature == nil {
		return 0
	}
	return *r.Temperature
}

// system is what the system says in format f: where the provider is not given the schema as such, the schema is spelt out.
func (r Request) system(f format) string {
	if r.Schema == nil || f == native {
		return r.System
	}
	text := "Answer with exactly one JSON object that is valid under this JSON Schema. No other words, no code fence.\n" + string(r.Schema)
	if r.System != "" {
		text = r.System + "\n\n" + text
	}
	return text
}
