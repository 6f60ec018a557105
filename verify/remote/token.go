package remote

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// GitHubToken asks the runner of a GitHub Actions job for an OIDC token with an audience. Where and by what right are in the job's
// variables ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN. Errors: [threat.Unavailable].
func GitHubToken(ctx context.Context, requestURL, requestToken, audience string) (string, error) {
	bad := func(format string, args ...any) error {
		return threat.Errorf(threat.Unavailable, format, args...).In("token").Hinted("the job needs permissions: id-token: write")
	}
	u, err := url.Parse(requestURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return "", bad("ACTIONS_ID_TOKEN_REQUEST_URL is no URL")
	}
	query := u.Query()
	query.Set("audience", audience)
	u.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+requestToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", bad("the runner gives no token: it cannot be reached")
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	var out struct {
		Value string `json:"value"`
	}
	if err != nil || answer.StatusCode != http.StatusOK || json.Unmarshal(raw, &out) != nil || out.Value == "" {
		return "", bad("the runner gives no token: it answers %s", answer.Status)
	}
	return out.Value, nil
}
