package llm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"
)

// wire makes one exchange with a provider in the given shape. Its error is a *failure, an *Error about an answer that came
// but cannot be used (the Answer then holds usage and model), or what the transport or the SDK says.
type wire interface {
	send(ctx context.Context, req Request, s shape) (Answer, error)
}

// client is every Client of this package: what the providers have in common.
type client struct {
	name     string
	identity string
	provider Provider
	model    string
	secrets  secrets
	wire     wire
	timeout  time.Duration
	retries  int
	limit    int // of tokens, where a request has none
	slots    chan struct{}

	// The clock, waiting and chance, which tests replace.
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	chance func() float64 // in [0, 1)

	mu    sync.Mutex
	known shape
}

func (c *client) Name() string { return c.name }

func (c *client) Identity() string { return c.identity }

// Format prints the name under every verb: fmt would otherwise print the fields.
func (c *client) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.name) }

func (c *client) Complete(ctx context.Context, req Request) (Answer, error) {
	if err := req.check(); err != nil {
		err.Message = c.name + ": " + err.Message
		return Answer{}, err
	}
	if req.MaxTokens == 0 {
		req.MaxTokens = c.limit
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, contextError(c.name, err)
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Answer{}, contextError(c.name, ctx.Err())
	}

	start := c.now()
	own, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.ask(own, req)
	answer.Model = c.secrets.quote(answer.Model, 200)
	answer.Latency = c.now().Sub(start)
	if err == nil && req.Check != nil {
		if cause := req.Check(answer); cause != nil {
			err = Rejected(c.name, cause)
		}
	}
	if err == nil {
		return answer, nil
	}
	answer.Text, answer.JSON = "", nil
	return answer, c.tell(ctx, own, err)
}

// ask tries until there is an answer, nothing left to try, or no time for it.
func (c *client) ask(ctx context.Context, req Request) (Answer, error) {
	begin := c.shape()
	s := begin
	retried, switched, thisSchema := 0, false, false
	for {
		answer, err := c.wire.send(ctx, req, s)
		var f *failure
		var unusable *Error
		switch {
		case err == nil || errors.As(err, &unusable):
			if thisSchema {
				s.format = begin.format
			}
			c.learn(begin, s)
			return answer, err
		case ctx.Err() != nil:
			return Answer{}, err
		case errors.As(err, &f):
			if next, ok := s.adapt(f, req, switched); ok {
				switched = switched || next.tokens != s.tokens
				thisSchema = thisSchema || next.format != s.format && f.badSchema()
				s = next
				continue
			}
			if !f.retryable() {
				return Answer{}, err
			}
		case !passing(err):
			return Answer{}, err
		}

		if retried == c.retries {
			return Answer{}, err
		}
		wait := c.backoff(retried)
		if f != nil {
			if asked := f.retryAfter(c.now()); asked > 0 {
				wait = asked + time.Duration(c.chance()*float64(asked)/10) // never earlier, and not all callers at once
			}
		}
		// Where the retry would come too late, say now what is wrong and not later that time is up.
		if deadline, ok := ctx.Deadline(); ok && wait >= time.Until(deadline) {
			return Answer{}, err
		}
		if c.sleep(ctx, wait) != nil {
			return Answer{}, err
		}
		retried++
	}
}

// backoff is the wait before retry n (from 0) when the provider names none: from half of 0.5 s, 1 s, 2 s, 4 s, 8 s to all of it.
func (c *client) backoff(n int) time.Duration {
	const first, most = 500 * time.Millisecond, 8 * time.Second
	full := min(first<<min(n, 10), most)
	return full/2 + time.Duration(c.chance()*float64(full/2))
}

// sleep waits, or returns the context's error as soon as it ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *client) shape() shape {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known
}

// learn keeps what a call that was answered found out. Others may have learnt meanwhile: only what changed
// since this call began counts.
func (c *client) learn(began, found shape) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.format = max(c.known.format, found.format)
	c.known.noTemperature = c.known.noTemperature || found.noTemperature
	if found.tokens != began.tokens {
		c.known.tokens = found.tokens
	}
}

// passing says whether an error of the transport may be gone at the next try.
func passing(err error) bool {
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errTooLong), errors.Is(err, errNotJSON), errors.As(err, &certificate):
		return false
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return true
	}
	var network net.Error
	return errors.As(err, &network)
}

// tell turns what ask returned into an error for people. caller is the caller's context and own that of the call.
func (c *client) tell(caller, own context.Context, err error) *Error {
	var f *failure
	var unusable *Error
	var certificate *tls.CertificateVerificationError
	var web *url.Error
	var network net.Error
	switch {
	case caller.Err() != nil:
		return contextError(c.name, caller.Err())
	case errors.As(err, &unusable):
		return unusable
	case errors.As(err, &f):
		return c.explain(f)
	case own.Err() != nil:
		return &Error{
			Kind: KindTimeout, Message: fmt.Sprintf("%s gave no answer within %s", c.name, c.timeout),
			Hint: "allow more time, or ask for less at once", cause: own.Err(),
		}
	case errors.Is(err, errTooLong):
		return &Error{Kind: KindMalformed, Message: fmt.Sprintf("%s sent a reply of more than %d MiB", c.name, MaxAnswer>>20), Hint: "is the base URL that of an LLM API?"}
	case errors.Is(err, errNotJSON):
		return &Error{Kind: KindMalformed, Message: c.name + " sent a reply that is not JSON", Hint: "check the base URL: a proxy or a web page may have answered"}
	case errors.As(err, &certificate):
		return &Error{Kind: KindConfig, Message: c.name + ": the server's certificate is not trusted", Hint: "check the base URL and the system's certificates", Detail: c.secrets.quote(certificate.Error(), 300)}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.As(err, &network):
		if errors.As(err, &web) {
			err = web.Err // without the URL
		}
		e := &Error{Kind: KindUnavailable, Message: c.name + ": the connection failed", Hint: "check the base URL and the network", Detail: c.secrets.quote(err.Error(), 300)}
		if c.provider == Ollama {
			e.Hint = "is Ollama running? Start it with `ollama serve`"
		}
		return e
	}
	// What is left is a reply that is JSON but not the protocol's.
	return &Error{Kind: KindMalformed, Message: c.name + " sent a reply that cannot be read", Hint: "check the provider setting and the base URL", Detail: c.secrets.quote(err.Error(), 300)}
}

// finish makes an Answer of the text that a model finished with.
func finish(req Request, a Answer, name, text string) (Answer, error) {
	if strings.TrimSpace(text) == "" {
		return a, &Error{Kind: KindMalformed, Message: name + " sent an empty answer"}
	}
	if req.Schema != nil {
		object, err := Object(text)
		if err != nil {
			var e *Error
			errors.As(err, &e)
			e.Message = name + ": " + e.Message
			return a, e
		}
		a.JSON = object
	}
	a.Text = text
	return a, nil
}

// truncated is the error for an answer that ended at a limit.
func truncated(name string) *Error {
	return &Error{Kind: KindTruncated, Message: name + ": the answer was cut off at the limit of tokens", Hint: "ask for less at once, or choose a model that thinks in fewer words"}
}

// ended is the error for an answer that ended for a reason that is not known to mean that it is whole.
func (s secrets) ended(name, reason string) *Error {
	e := &Error{Kind: KindMalformed, Message: name + ": the answer ended for a reason this client does not know"}
	if identifier.MatchString(reason) && s.redact(reason) == reason {
		e.Message += ": " + reason
	}
	return e
}
