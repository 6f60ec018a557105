package threat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code says what kind of refusal an [Error] is. The set is closed (specification §13); each transport maps it with one
// total table.
type Code string

// The codes a caller can meet.
const (
	Invalid            Code = "invalid"
	Unauthenticated    Code = "unauthenticated"
	Forbidden          Code = "forbidden"
	NotFound           Code = "not_found"
	Conflict           Code = "conflict"
	FailedPrecondition Code = "failed_precondition"
	RateLimited        Code = "rate_limited"
	PaymentRequired    Code = "payment_required"
	Unavailable        Code = "unavailable"
	Internal           Code = "internal"
)

// Codes lists every code, for the tests that hold the transports' tables total.
func Codes() []Code {
	return []Code{
		Invalid, Unauthenticated, Forbidden, NotFound, Conflict,
		FailedPrecondition, RateLimited, PaymentRequired, Unavailable, Internal,
	}
}

// Error is the one error that reaches a caller: what went wrong, in which field, and what to do next. Message and Hint
// never hold internals (SQL, paths, stacks) and Hint never holds stored free text.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
	Hint    string `json:"hint,omitempty"`

	// Items are the refusals of a batch, one for each wrong item, when there are several. The fields above are the first's.
	Items []Item `json:"items,omitempty"`

	// Question is what a job waits to be told, when the refusal is of an answer to something else. It is data for the one who
	// answers, and holds fenced texts of the model.
	Question json.RawMessage `json:"question,omitempty"`

	// RetryAfter is how long the same call will be refused, where that is known; 0 otherwise. A transport says it in its own way.
	RetryAfter time.Duration `json:"-"`
}

// Item is the refusal of one item of a batch.
type Item struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Words says an item in one line: "assets.2.impact: it is missing (H, M or L)".
func (i Item) Words() string {
	e := Error{Code: i.Code, Message: i.Message, Field: i.Field, Hint: i.Hint}
	return strings.TrimPrefix(e.Error(), string(i.Code)+": ")
}

// Batch joins the refusals of a batch's items into one error, or returns nil when there are none.
func Batch(items []*Error) error {
	switch len(items) {
	case 0:
		return nil
	case 1:
		return items[0]
	}
	e := *items[0]
	for _, i := range items {
		e.Items = append(e.Items, Item{i.Code, i.Message, i.Field, i.Hint})
	}
	return &e
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Code))
	b.WriteString(": ")
	if e.Field != "" {
		b.WriteString(e.Field)
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString(" (")
		b.WriteString(e.Hint)
		b.WriteString(")")
	}
	return b.String()
}

// Errorf makes an [Error] with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// In returns a copy of e about the named field.
func (e *Error) In(field string) *Error {
	c := *e
	if c.Field == "" {
		c.Field = field
	} else if field != "" {
		c.Field = field + "." + c.Field
	}
	return &c
}

// Hinted returns a copy of e with a hint.
func (e *Error) Hinted(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// CodeOf returns the code of the [Error] in err's chain, [Internal] for any other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// inField prefixes the field of an *Error, and leaves any other error alone.
func inField(err error, field string) error {
	var e *Error
	if errors.As(err, &e) {
		return e.In(field)
	}
	return err
}

// invalidEnum is the refusal of a value outside a closed set; the hint lists the set.
func invalidEnum[T ~string](what string, got T, valid []T) *Error {
	names := make([]string, len(valid))
	for i, v := range valid {
		names[i] = string(v)
	}
	if got == "" {
		return Errorf(Invalid, "%s is missing", what).Hinted("valid: %s", strings.Join(names, ", "))
	}
	return Errorf(Invalid, "%s %q is not known", what, Clip(string(got), 40)).Hinted("valid: %s", strings.Join(names, ", "))
}
