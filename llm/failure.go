package llm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// failure is a reply that is no answer: any status but 2xx. It exists so that both SDKs' own errors, which hold the request
// with its key, are never made.
type failure struct {
	status int
	header http.Header

	// What the body says, where it is the envelope of either protocol: {"error": {"message", "type", "code", "param"}}. For
	// any other body message is the body.
	message, typ, code, param string
}

func (f *failure) Error() string { return "status " + strconv.Itoa(f.status) }

// errTooLong is a reply over MaxAnswer.
var errTooLong = errors.New("the reply is too long")

// errNotJSON is a 2xx reply that is not JSON, such as the page of a proxy.
var errNotJSON = errors.New("the reply is not JSON")

// inspect stands between an SDK and the HTTP client. It reads the whole reply within bounds, so that what reaches the SDK
// is a JSON document that answers; everything else is errTooLong, errNotJSON, a *failure, or the error of the transport.
func inspect(req *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	res, err := next(req)
	if err != nil {
		return nil, err
	}
	arrived := res.Body
	defer func() { _ = arrived.Close() }()

	if res.StatusCode < 200 || res.StatusCode > 299 {
		const enough = 64 << 10
		// What cannot be read of an error's body changes nothing about its status.
		body, _ := io.ReadAll(io.LimitReader(arrived, enough))
		return nil, newFailure(res.StatusCode, res.Header, body)
	}
	body, err := io.ReadAll(io.LimitReader(arrived, MaxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > MaxAnswer:
		return nil, errTooLong
	case !json.Valid(body):
		return nil, errNotJSON
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	res.Header.Set("Content-Type", "application/json") // some compatible servers forget it, and the SDKs insist on it
	return res, nil
}

func newFailure(status int, header http.Header, body []byte) *failure {
	f := &failure{status: status, header: header, message: string(body)}
	var envelope struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &envelope) != nil || len(envelope.Error) == 0 {
		return f
	}
	var inner struct {
		Message, Type, Param any
		Code                 any // a string, or a number in some compatible servers
	}
	var text string
	switch {
	case json.Unmarshal(envelope.Error, &text) == nil:
		f.message = text
	case json.Unmarshal(envelope.Error, &inner) == nil:
		f.message, f.typ, f.param, f.code = word(inner.Message), word(inner.Type), word(inner.Param), word(inner.Code)
	}
	return f
}

func word(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// says reports whether the failure's words, in lower case, hold one of those given.
func (f *failure) says(words ...string) bool {
	text := strings.ToLower(f.param + "\n" + f.code + "\n" + f.typ + "\n" + f.message)
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

func (f *failure) is(codes ...string) bool {
	for _, c := range codes {
		if f.code == c || f.typ == c {
			return true
		}
	}
	return false
}

// kind sorts the failure.
func (f *failure) kind() Kind {
	switch {
	case f.is("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error"), f.status == http.StatusPaymentRequired,
		f.status == http.StatusBadRequest && f.says("credit balance is too low"): // how Anthropic says it
		return KindQuota
	case f.is("content_filter", "content_policy_violation"):
		return KindRefused
	case f.status == http.StatusUnauthorized || f.status == http.StatusForbidden:
		return KindAuth
	case f.status == http.StatusTooManyRequests:
		return KindRateLimited
	case f.status == http.StatusRequestTimeout || f.status == http.StatusConflict || f.status == http.StatusTooEarly || f.status >= 500:
		return KindUnavailable
	case f.status >= 300:
		return KindConfig
	}
	return KindMalformed
}

// retryable says whether the same request may succeed later.
func (f *failure) retryable() bool {
	if f.header.Get("X-Should-Retry") == "false" { // both vendors send it
		return false
	}
	k := f.kind()
	return (k == KindRateLimited || k == KindUnavailable) && f.status != http.StatusNotImplemented
}

// retryAfter is how long the provider asks to wait, at most a day; zero when it does not say.
func (f *failure) retryAfter(now time.Time) time.Duration {
	const most = 24 * time.Hour
	for _, h := range []struct {
		name string
		unit time.Duration
	}{{"Retry-After-Ms", time.Millisecond}, {"Retry-After", time.Second}} {
		value := strings.TrimSpace(f.header.Get(h.name))
		if value == "" {
			continue
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			if !(n > 0) {
				return 0
			}
			if n >= float64(most/h.unit) {
				return most
			}
			return time.Duration(n * float64(h.unit))
		}
		if at, err := http.ParseTime(value); err == nil {
			return min(max(0, at.Sub(now)), most)
		}
	}
	return 0
}

// identifier is what an error code of a provider looks like. Only those are repeated in a message.
var identifier = regexp.MustCompile(`^[A-Za-z0-9_.\[\]-]{1,60}$`)

// explain is the failure for people.
func (c *client) explain(f *failure) *Error {
	e := &Error{Kind: f.kind(), RetryAfter: f.retryAfter(c.now()), Detail: c.secrets.quote(f.message, 300)}
	e.Message = fmt.Sprintf("%s answered %d", c.name, f.status)
	var codes []string
	for _, code := range []string{f.typ, f.code, f.param} {
		if identifier.MatchString(code) && c.secrets.redact(code) == code {
			codes = append(codes, code)
		}
	}
	if len(codes) > 0 {
		e.Message += ": " + strings.Join(codes, ", ")
	}
	switch {
	case e.Kind == KindAuth:
		e.Hint = "check the API key, and that it may use this model"
	case e.Kind == KindQuota:
		e.Hint = "the provider's account is out of credit"
	case e.Kind == KindRateLimited:
		e.Hint = "lower the concurrency, or try again later"
	case e.Kind == KindUnavailable:
		e.Hint = "the provider failed; try again later"
	case e.Kind == KindRefused:
		e.Hint = "the provider's content filter declined the request"
	case e.Kind != KindConfig:
	case f.status < 400:
		e.Hint = "redirects are not followed; set the base URL to where the API is"
	case f.status == http.StatusNotFound && c.provider == Ollama:
		e.Hint = "pull the model with `ollama pull`, and check that the base URL ends with /v1"
	case f.status == http.StatusNotFound:
		e.Hint = "check the model's name and the base URL"
	case f.status == http.StatusRequestEntityTooLarge || f.is("context_length_exceeded", "request_too_large"):
		e.Hint = "the prompt is too long for this model"
	default:
		e.Hint = "the endpoint does not take this request; check the model and the provider setting"
	}
	return e
}
