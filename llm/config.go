package llm

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3/shared"
)

// Provider names who answers and in which protocol.
type Provider string

// The providers. Ollama is spoken to through its OpenAI-compatible endpoint; openai-compatible is anything else that speaks
// chat completions (vLLM, LM Studio, LiteLLM, a gateway) and needs Config.BaseURL.
const (
	OpenAI           Provider = "openai"
	Anthropic        Provider = "anthropic"
	Ollama           Provider = "ollama"
	OpenAICompatible Provider = "openai-compatible"
)

// The models used when none is configured: the middle one of the vendor's current line, as the vendor's own SDK lists it
// (openai-go v3.96.0, shared.ChatModel; anthropic-sdk-go v1.84.0, "efficient model for coding and agents"). Which models an
// Ollama or another endpoint holds cannot be known here, so that those have no default.
const (
	DefaultOpenAIModel    = string(shared.ChatModelGPT5_6Terra)
	DefaultAnthropicModel = string(anthropic.ModelClaudeSonnet5_5)
)

// Where the providers are, unless Config.BaseURL says otherwise.
const (
	DefaultOpenAIURL    = "https://api.openai.com/v1"
	DefaultAnthropicURL = "https://api.anthropic.com"
	DefaultOllamaURL    = "http://localhost:11434/v1" // https://docs.ollama.com/api/openai-compatibility
)

// The limits used for zero fields of Config and Request.
const (
	DefaultTimeout     = 5 * time.Minute // a reasoning model may think for minutes before the first byte
	DefaultMaxRetries  = 3
	DefaultConcurrency = 4
	DefaultMaxTokens   = 16384
)

// Key is an API key. It prints, and marshals to text and JSON, as "[redacted]" or as nothing when it is empty; string(key)
// has the key.
type Key string

const redacted = "[redacted]"

// String is "[redacted]", or empty for an empty key.
func (k Key) String() string {
	if k == "" {
		return ""
	}
	return redacted
}

// Format keeps the key out of every verb, %x and %#v included.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// MarshalText keeps the key out of JSON, YAML and logs.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Config says whom to ask, and within which limits. The environment is not read: what is not here is the default.
type Config struct {
	Provider Provider

	// Model may be empty for OpenAI and Anthropic (DefaultOpenAIModel, DefaultAnthropicModel).
	Model string

	// BaseURL is the root under which the API lies: http or https, without user, query or fragment. For the OpenAI protocol
	// it ends with the version ("https://host/v1"), for Anthropic before it ("https://host").
	BaseURL string

	// APIKey is needed for OpenAI and Anthropic. White space around it is dropped.
	APIKey Key

	Timeout     time.Duration // of one call, all in; 0 is DefaultTimeout
	MaxRetries  int           // after the first try; 0 is DefaultMaxRetries, negative none
	Concurrency int           // calls at once; 0 is DefaultConcurrency

	// MaxTokens bounds the answers to requests that name no limit, the model's thinking included. 0 leaves it to the provider; where the
	// provider wants a number (Anthropic) it is DefaultMaxTokens.
	MaxTokens int

	// HTTP is the client to send with; nil is a plain one. Its redirect policy is replaced: no redirect is followed, since
	// key and prompt are for the configured host alone.
	HTTP *http.Client
}

// New is a client for the configuration. It opens no connection. Errors are of kind KindConfig, KindAuth for a missing key.
func New(cfg Config) (Client, error) {
	cfg.APIKey = Key(strings.TrimSpace(string(cfg.APIKey)))
	cfg.Model = strings.TrimSpace(cfg.Model)
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}

	web := &http.Client{}
	if cfg.HTTP != nil {
		*web = *cfg.HTTP
	}
	web.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	c := &client{
		name:     string(cfg.Provider) + ":" + cfg.Model,
		identity: string(cfg.Provider) + " " + strings.TrimRight(cfg.BaseURL, "/") + " " + cfg.Model,
		provider: cfg.Provider,
		model:    cfg.Model,
		secrets:  secretsOf(cfg.APIKey),
		timeout:  cfg.Timeout,
		retries:  max(cfg.MaxRetries, 0),
		limit:    cfg.MaxTokens,
		slots:    make(chan struct{}, cfg.Concurrency),
		now:      time.Now,
		sleep:    sleep,
		chance:   rand.Float64,
	}
	if cfg.Provider == Anthropic {
		c.wire = newAnthropic(cfg, web)
	} else {
		c.wire = newOpenAI(cfg, web)
		c.known.tokens = maxTokens
		if cfg.Provider == OpenAI {
			c.known.tokens = maxCompletionTokens
		}
	}
	return c, nil
}

// fill puts the defaults in.
func (cfg *Config) fill() *Error {
	var model, base string
	switch cfg.Provider {
	case OpenAI:
		model, base = DefaultOpenAIModel, DefaultOpenAIURL
	case Anthropic:
		model, base = DefaultAnthropicModel, DefaultAnthropicURL
	case Ollama:
		base = DefaultOllamaURL
	case OpenAICompatible:
	default:
		return &Error{
			Kind: KindConfig, Message: fmt.Sprintf("there is no LLM provider %q", secretsOf(cfg.APIKey).quote(string(cfg.Provider), 40)),
			Hint: "one of openai, anthropic, ollama, openai-compatible",
		}
	}
	if cfg.Model == "" {
		cfg.Model = model
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = base
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxRetries == 0 {
		cfg.MaxRetries = DefaultMaxRetries
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = DefaultConcurrency
	}
	return nil
}

func (cfg *Config) check() *Error {
	wrong := func(message, hint string) *Error {
		return &Error{Kind: KindConfig, Message: string(cfg.Provider) + ": " + message, Hint: hint}
	}
	switch {
	case cfg.APIKey == "" && (cfg.Provider == OpenAI || cfg.Provider == Anthropic):
		return &Error{Kind: KindAuth, Message: string(cfg.Provider) + ": no API key", Hint: "set the key, or use ollama or openai-compatible, which can do without"}
	case strings.ContainsFunc(string(cfg.APIKey), func(r rune) bool { return r <= ' ' || r > '~' }):
		return wrong("the API key holds white space or characters that no key has", "was more than the key pasted?")
	case cfg.Model == "" && cfg.Provider == Ollama:
		return wrong("no model is configured", "name one that `ollama list` shows")
	case cfg.Model == "":
		return wrong("no model is configured", "name one that the endpoint serves")
	case len(cfg.Model) > 200 || strings.ContainsFunc(cfg.Model, func(r rune) bool { return !unicode.IsPrint(r) }):
		return wrong("the model's name is no name", "at most 200 printable characters")
	case cfg.BaseURL == "":
		return wrong("no base URL is configured", "for example http://localhost:8000/v1")
	case cfg.Timeout < 0:
		return wrong("the timeout is negative", "0 is the default")
	case cfg.Concurrency < 0:
		return wrong("the concurrency is negative", "0 is the default")
	case cfg.MaxTokens < 0:
		return wrong("the limit of tokens is negative", "0 leaves it to the provider")
	}
	// The URL itself is not shown: people put keys into the user or query part, which is what is refused here.
	u, err := url.Parse(cfg.BaseURL)
	switch {
	case err != nil:
		return wrong("the base URL cannot be read", "for example https://host/v1")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return wrong("the base URL is not an http or https address", "for example https://host/v1")
	case u.User != nil:
		return wrong("the base URL holds a user or password", "the key goes into the API key setting")
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return wrong("the base URL holds a query or fragment", "leave off everything from ? or #")
	}
	return nil
}
