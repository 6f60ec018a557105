// Package remote speaks to a Redoubt server as the commands that run beside the code need it: list, pull, submit, report, and the
// findings of scanners.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Client speaks to one server with one key.
type Client struct {
	base  string
	key   string
	http  *http.Client
	pause time.Duration // before the first repeat of a submission; doubled for each one after
}

// maxAnswer bounds an answer, in bytes: the prompts of 10,000 assertions fit.
const maxAnswer = 256 << 20

// New makes a client. Errors: [threat.Invalid] for a server that is no http or https URL, or a key that is missing.
func New(server, key string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, threat.Errorf(threat.Invalid, "the server is not an http or https URL").In("server").
			Hinted("--server https://redoubt.example.org, or REDOUBT_SERVER")
	}
	if key == "" {
		return nil, threat.Errorf(threat.Invalid, "there is no API key").In("api-key").
			Hinted("--api-key or REDOUBT_API_KEY: a verifier key (rdv_) submits, a developer key (rdk_) only looks")
	}
	return &Client{
		base: strings.TrimSuffix(u.String(), "/") + "/api/v1", key: key, pause: time.Second,
		http: &http.Client{
			Timeout: 2 * time.Minute,
			CheckRedirect: func(r *http.Request, _ []*http.Request) error {
				return fmt.Errorf("the server redirects to %s: name that one, the key is not sent on", r.URL.Host)
			},
		},
	}, nil
}

// Model is a threat model by id and title.
type Model struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Models lists the workspace's models.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	var all []Model
	for {
		var page struct {
			Total  int     `json:"total"`
			Models []Model `json:"threat_models"`
		}
		query := url.Values{"limit": {"200"}, "offset": {strconv.Itoa(len(all))}}
		if err := c.do(ctx, http.MethodGet, "/models?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Models...)
		if len(page.Models) == 0 || len(all) >= page.Total {
			return all, nil
		}
	}
}

// Pull pulls the assertions of a model on a repository. An empty repo is the model's only one.
func (c *Client) Pull(ctx context.Context, model, repo string, pending bool) (evidence.Pull, error) {
	query := url.Values{}
	if repo != "" {
		query.Set("repo", repo)
	}
	if pending {
		query.Set("pending", "true")
	}
	var out evidence.Pull
	err := c.do(ctx, http.MethodGet, path(model, "assertions")+"?"+query.Encode(), nil, &out)
	return out, err
}

// Submission is a statement in canonical form, alone or in an envelope, and the token of the CI job.
type Submission struct {
	Statement json.RawMessage `json:"statement,omitempty"`
	Envelope  json.RawMessage `json:"envelope,omitempty"`
	Token     string          `json:"token,omitempty"`
}

// Submit submits the statement of a run and returns the server's answer as JSON. A connection that breaks off is tried again: the
// server answers the same statement with the first answer.
func (c *Client) Submit(ctx context.Context, model string, s Submission, into any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the canonical form stays as it is
	if err := enc.Encode(s); err != nil {
		return err
	}
	body := bytes.TrimSpace(b.Bytes())
	for attempt := 0; ; attempt++ {
		err := c.do(ctx, http.MethodPost, path(model, "runs"), body, into)
		if attempt == 3 || threat.CodeOf(err) != threat.Unavailable {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(c.pause << attempt):
		}
	}
}

// Get reads a report under a model's verification: "report" or "pending", with a query.
func (c *Client) Get(ctx context.Context, model, what string, query url.Values, into any) error {
	return c.do(ctx, http.MethodGet, path(model, what)+"?"+query.Encode(), nil, into)
}

// ImportSARIF sends a scanner's log, plain or gzip, and returns the server's answer as JSON.
func (c *Client) ImportSARIF(ctx context.Context, model string, log []byte, into any) error {
	raw, err := c.raw(ctx, http.MethodPost, findings(model), "application/sarif+json", log)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return threat.Errorf(threat.Unavailable, "the server's answer cannot be read").In("server").Hinted("is it a Redoubt server of this version?")
	}
	return nil
}

// ExportSARIF reads the findings and failed assertions of a model as a SARIF log.
func (c *Client) ExportSARIF(ctx context.Context, model string) ([]byte, error) {
	return c.raw(ctx, http.MethodGet, findings(model), "", nil)
}

func findings(model string) string { return "/models/" + url.PathEscape(model) + "/findings/sarif" }

func path(model, what string) string {
	return "/models/" + url.PathEscape(model) + "/verification/" + what
}

// do sends a request and reads the answer as JSON. Errors: the server's own *threat.Error, or [threat.Unavailable] when it cannot be
// reached.
func (c *Client) do(ctx context.Context, method, path string, body []byte, into any) error {
	raw, err := c.raw(ctx, method, path, "application/json", body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return threat.Errorf(threat.Unavailable, "the server's answer cannot be read").In("server").Hinted("is it a Redoubt server of this version?")
	}
	return nil
}

// raw sends a request and returns the answer as it is.
func (c *Client) raw(ctx context.Context, method, path, kind string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // the URL is the user's own flag; the error names what went wrong
		}
		return nil, threat.Errorf(threat.Unavailable, "the server cannot be reached: %v", err).In("server").Hinted("is it running, and is --server right?")
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, threat.Errorf(threat.Unavailable, "the server's answer broke off: %v", err).In("server")
	}
	if len(raw) > maxAnswer {
		return nil, threat.Errorf(threat.Unavailable, "the server's answer has more than %d bytes", maxAnswer).In("server")
	}
	if answer.StatusCode != http.StatusOK {
		var te threat.Error
		if json.Unmarshal(raw, &te) == nil && te.Code != "" {
			return nil, &te
		}
		return nil, threat.Errorf(threat.Unavailable, "the server answered %s", answer.Status).In("server").Hinted("is it a Redoubt server?")
	}
	return raw, nil
}
