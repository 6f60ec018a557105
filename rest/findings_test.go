package rest_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
)

const sarifLog = `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scan"}},"results":[{"ruleId":"r","message":{"text":"seen"}},{"kind":"pass"}]}]}`

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Findings are submitted, listed and moved on under both prefixes.
func TestFindingRoutes(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	id := u.Generate(feature)
	for i, base := range []string{"/api/v1/models/", "/api/models/"} {
		finding := []string{"F1", "F2"}[i]
		for _, c := range []struct{ method, path, body, want string }{
			{"POST", "/findings", `{"findings":[{"control_id":"C1","title":"` + base + `"}]}`, `"id":"` + finding + `","status":"discovered"`},
			{"GET", "/findings?limit=5", "", `"id":"` + finding + `"`},
			{"POST", "/findings/" + finding, `{"status":"acknowledged"}`, `"status":"acknowledged"`},
		} {
			r := u.Do(c.method, base+id+c.path, strings.NewReader(c.body), "Content-Type", "application/json")
			if r.Status != 200 || !bytes.Contains(r.Body, []byte(c.want)) {
				t.Errorf("%s %s: %d %s", c.method, base+c.path, r.Status, r.Body)
			}
		}
	}
}

// A scanner's report is the body as it is, under both prefixes, in any form that scanners write; the export is a file.
func TestSARIFRoutes(t *testing.T) {
	env := live.Start(t)
	u := env.NewUser(t, account.Developer)
	id := u.Generate(feature)
	large := `{"x":"` + strings.Repeat(" ", 2<<20) + `",` + sarifLog[1:] // past the limit of other routes
	for i, c := range []struct {
		base, body string
		headers    []string
		status     int
		word       string
	}{
		{"/api/v1", sarifLog, []string{"Content-Type", "application/sarif+json"}, 200, `"results":2,"added":1,"reopened":0,"known":0,"skipped":1`},
		{"/api", sarifLog, []string{"Content-Type", "application/json"}, 200, `"added":0,"reopened":0,"known":1`},
		{"/api/v1", zipped(t, sarifLog), []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, 200, `"known":1`},
		{"/api/v1", zipped(t, sarifLog), []string{"Content-Type", "application/gzip"}, 200, `"known":1`},
		{"/api/v1", large, nil, 200, `"known":1`},
		{"/api/v1", sarifLog, []string{"Content-Encoding", "br"}, 400, "plain or as gzip"},
		{"/api/v1", "", nil, 400, "ends in the middle"},
		{"/api/v1", "\xff", nil, 400, "not JSON"},
		{"/api/v1", `{"model_id":"x"}`, nil, 400, "version 2.1.0"},
	} {
		r := u.Do("POST", c.base+"/models/"+id+"/findings/sarif", strings.NewReader(c.body), c.headers...)
		if r.Status != c.status || !bytes.Contains(r.Body, []byte(c.word)) {
			t.Errorf("%d: %d %s", i, r.Status, r.Body)
		}
	}
	for _, base := range []string{"/api/v1", "/api"} {
		r := u.Do("GET", base+"/models/"+id+"/findings/sarif", nil)
		if r.Status != 200 || r.Header.Get("Content-Type") != "application/sarif+json" || !bytes.Contains(r.Body, []byte(`"2.1.0"`)) || !bytes.Contains(r.Body, []byte("r: seen")) {
			t.Errorf("%d %v %s", r.Status, r.Header, r.Body)
		}
	}
	if r := u.Do("GET", "/api/v1/models/"+id+"/export?format=sarif", nil); r.Status != 200 || !bytes.Contains(r.Body, []byte("r: seen")) {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := u.Do("POST", "/api/v1/models/"+id+"/findings/sarif?format=x", strings.NewReader(sarifLog)); r.Status != 400 {
		t.Errorf("an unknown parameter: %d %s", r.Status, r.Body)
	}
	if r := env.NewKey(t, u.User, u.User.PersonalWorkspace, account.Verifier).Do("POST", "/api/v1/models/"+id+"/findings/sarif", strings.NewReader(sarifLog)); r.Status != 403 {
		t.Errorf("a verifier: %d %s", r.Status, r.Body)
	}
	if r := u.Do("POST", "/api/v1/models/"+id+"/findings/sarif", io.LimitReader(spaces{}, 65<<20)); r.Status != 400 && r.Status != 413 || !bytes.Contains(r.Body, []byte("larger than")) {
		t.Errorf("too large: %d %s", r.Status, r.Body)
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
