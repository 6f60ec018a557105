package cli

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// llm makes the language model that the environment names, and hands it to the service with its cache and the table of prices in a file,
// which may be empty. Without a key, a base URL and a provider there is none. Errors: [threat.Invalid] for settings that cannot be used.
func (e *env) llm(prices string) (func(*service.Config), error) {
	cfg, ok, err := e.llmConfig()
	if err != nil {
		return nil, err
	}
	var client llm.Client
	if ok {
		if client, err = llm.New(cfg); err != nil {
			return nil, llmSetting(cfg.Provider, err)
		}
	}
	life, err := e.llmCache()
	if err != nil {
		return nil, err
	}
	var table service.LLMPrices
	if prices != "" {
		raw, err := e.readFile(prices, 1<<20)
		if err == nil {
			table, err = service.ParseLLMPrices(raw)
		}
		var te *threat.Error
		if errors.As(err, &te) {
			return nil, te.In("llm-prices")
		}
		if err != nil {
			return nil, err
		}
	}
	return func(c *service.Config) { c.LLM, c.LLMCache, c.LLMPrices = client, life, table }, nil
}

// llmCache reads how long answers are kept: negative for not at all, 0 for the default.
func (e *env) llmCache() (time.Duration, error) {
	text := strings.TrimSpace(e.getenv("REDOUBT_LLM_CACHE"))
	switch text {
	case "":
		return 0, nil
	case "off":
		return -1, nil
	}
	life, err := time.ParseDuration(text)
	if err != nil || life <= 0 || life > maxLLMCache {
		return 0, threat.Errorf(threat.Invalid, "%q is no time to keep answers", threat.Clip(text, 40)).In("REDOUBT_LLM_CACHE").Hinted("off, or up to 720h; default %s", service.DefaultLLMCache)
	}
	return life, nil
}

// maxLLMCache is the longest time for which answers can be kept: they are of a model and of rules that change.
const maxLLMCache = 30 * 24 * time.Hour

// The limits of tokens that can be set: no step of a generation fits in less, and no model writes more.
const (
	minLLMTokens = 1_000
	maxLLMTokens = 1_000_000
)

// llmConfig reads the environment. An Anthropic key alone chooses nothing: it lies in many an environment for other programs.
func (e *env) llmConfig() (cfg llm.Config, ok bool, err error) {
	key, base := strings.TrimSpace(e.getenv("OPENAI_API_KEY")), strings.TrimSpace(e.getenv("OPENAI_BASE_URL"))
	cfg = llm.Config{
		Provider: llm.Provider(strings.TrimSpace(e.getenv("REDOUBT_LLM_PROVIDER"))), Model: e.getenv("REDOUBT_LLM_MODEL"), BaseURL: base,
	}
	switch {
	case cfg.Provider == "" && key == "" && base == "":
		return cfg, false, nil
	case cfg.Provider == "" && key == "":
		cfg.Provider = llm.OpenAICompatible
	case cfg.Provider == "":
		cfg.Provider = llm.OpenAI
	}
	switch cfg.Provider {
	case llm.Anthropic:
		cfg.APIKey, cfg.BaseURL = llm.Key(e.getenv("ANTHROPIC_API_KEY")), strings.TrimSpace(e.getenv("ANTHROPIC_BASE_URL"))
	case llm.Ollama: // needs no key, and is to get no one else's
	default:
		cfg.APIKey = llm.Key(key)
	}
	if text := e.getenv("REDOUBT_LLM_TIMEOUT"); text != "" {
		if cfg.Timeout, err = time.ParseDuration(text); err != nil || cfg.Timeout <= 0 {
			return cfg, false, threat.Errorf(threat.Invalid, "%q is no duration", threat.Clip(text, 40)).In("REDOUBT_LLM_TIMEOUT").Hinted("such as 90s or 5m")
		}
	}
	if text := e.getenv("REDOUBT_LLM_CONCURRENCY"); text != "" {
		if cfg.Concurrency, err = strconv.Atoi(text); err != nil || cfg.Concurrency < 1 || cfg.Concurrency > 256 {
			return cfg, false, threat.Errorf(threat.Invalid, "%q is no number of calls at once", threat.Clip(text, 40)).In("REDOUBT_LLM_CONCURRENCY").Hinted("1 to 256; default %d", llm.DefaultConcurrency)
		}
	}
	if text := e.getenv("REDOUBT_LLM_MAX_TOKENS"); text != "" {
		if cfg.MaxTokens, err = strconv.Atoi(text); err != nil || cfg.MaxTokens < minLLMTokens || cfg.MaxTokens > maxLLMTokens {
			return cfg, false, threat.Errorf(threat.Invalid, "%q is no limit of tokens for an answer", threat.Clip(text, 40)).In("REDOUBT_LLM_MAX_TOKENS").Hinted("%d to %d; default: the provider's", minLLMTokens, maxLLMTokens)
		}
	}
	return cfg, true, nil
}

// llmSetting says which variables a refused configuration comes from.
func llmSetting(p llm.Provider, err error) error {
	var e *llm.Error
	if !errors.As(err, &e) {
		return err
	}
	from := "OPENAI_API_KEY, OPENAI_BASE_URL, REDOUBT_LLM_MODEL and REDOUBT_LLM_PROVIDER"
	if p == llm.Anthropic {
		from = "ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL, REDOUBT_LLM_MODEL and REDOUBT_LLM_PROVIDER"
	}
	hint := "it comes from " + from
	if e.Hint != "" {
		hint = e.Hint + "; " + hint
	}
	return threat.Errorf(threat.Invalid, "the language model: %s", e.Message).Hinted("%s", hint)
}
