package llm

import (
	"context"
	"encoding/base64"
	"strings"
	"time"
	"unicode"
)

// Kind says what went wrong. The zero value is not legal.
type Kind string

// The kinds. Those that can pass by themselves (rate_limited, unavailable) were retried before they are returned.
const (
	KindConfig      Kind = "config"       // the settings are wrong: URL, model, a request that this endpoint does not take
	KindAuth        Kind = "auth"         // the key is missing, wrong, or may not use the model
	KindRateLimited Kind = "rate_limited" // too many requests; RetryAfter where the provider said it
	KindQuota       Kind = "quota"        // the account is out of credit: waiting does not help
	KindTimeout     Kind = "timeout"      // no answer within Config.Timeout or the caller's deadline
	KindUnavailable Kind = "unavailable"  // no connection, or the provider failed (5xx)
	KindRefused     Kind = "refused"      // the model or a content filter declined to answer
	KindTruncated   Kind = "truncated"    // the answer was cut off at the limit of tokens
	KindMalformed   Kind = "malformed"    // the reply is not what the protocol or Request.Schema asks for
	KindRejected    Kind = "rejected"     // the answer came whole and Request.Check refused it
	KindCanceled    Kind = "canceled"     // the caller gave up
	KindInternal    Kind = "internal"     // a mistake in the calling code
)

// Error is every error of this package.
type Error struct {
	Kind Kind

	// Message says what happened, and Hint, which may be empty, what to do. They are this package's own words with names
	// (status, model, the provider's error codes) filled in: neither key nor prompt nor answer is in them.
	Message string
	Hint    string

	// RetryAfter is how long the provider wants to be left alone; zero when it did not say.
	RetryAfter time.Duration

	// Detail is what the provider or the model said of it, in its words: at most 300 bytes, without the key. It may quote
	// the prompt, so it is for the person who wrote the prompt, not for a log, and Error leaves it out. May be empty.
	Detail string

	cause error // context.Canceled, context.DeadlineExceeded, what Request.Check said, or nil: nothing else that holds a request is kept
}

// Error is Message, with the Hint in brackets.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

// Unwrap is context.Canceled, context.DeadlineExceeded, the error of Request.Check, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Rejected is the error for an answer that Request.Check refused.
func Rejected(name string, cause error) *Error {
	return &Error{Kind: KindRejected, Message: name + ": the answer is not what was asked for", cause: cause}
}

// Ended is the error for a call whose caller gave up or ran out of time; cause is the context's error.
func Ended(name string, cause error) *Error { return contextError(name, cause) }

// Kinds lists every kind, for tables that must be total.
func Kinds() []Kind {
	return []Kind{
		KindConfig, KindAuth, KindRateLimited, KindQuota, KindTimeout, KindUnavailable,
		KindRefused, KindTruncated, KindMalformed, KindRejected, KindCanceled, KindInternal,
	}
}

// contextError is the error for a context that ended.
func contextError(name string, cause error) *Error {
	if cause == context.Canceled {
		return &Error{Kind: KindCanceled, Message: name + ": the call was canceled", cause: cause}
	}
	return &Error{Kind: KindTimeout, Message: name + ": the caller's deadline passed before the answer came", cause: cause}
}

// secrets is what must not be told.
type secrets []string

func secretsOf(key Key) secrets {
	if key == "" {
		return nil
	}
	return secrets{string(key), base64.StdEncoding.EncodeToString([]byte(key))}
}

// telling is how long a piece of a secret may be before it is taken out too: some providers quote the beginning of a key.
const telling = 8

// redact takes every secret out of text, and every piece of one that is long enough to tell. Linear in text for keys of the
// usual length; text is bounded by its callers.
func (s secrets) redact(text string) string {
	for _, secret := range s {
		least := min(telling, len(secret))
		var out strings.Builder
		for i := 0; i < len(text); {
			n := least
			if i+n > len(text) || !strings.Contains(secret, text[i:i+n]) {
				out.WriteByte(text[i])
				i++
				continue
			}
			for i+n < len(text) && strings.Contains(secret, text[i:i+n+1]) {
				n++
			}
			out.WriteString("[redacted]")
			i += n
		}
		text = out.String()
	}
	return text
}

// quote makes text that came from outside fit to show: redacted, one line, no control characters, at most max bytes.
func (s secrets) quote(text string, max int) string {
	const enough = 16 << 10 // redact before cutting to size, so that no secret is cut in two; this bounds the work
	if len(text) > enough {
		text = text[:enough]
	}
	text = s.redact(text)
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > max {
		text = strings.ToValidUTF8(text[:max], "")
	}
	return text
}
