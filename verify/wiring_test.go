package verify_test

import (
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
)

// Headers are claimed of the configuration of servers as of code.
func TestHeadersOfServers(t *testing.T) {
	const nginx = "server {\n\tadd_header X-Frame-Options DENY always;\n\tadd_header Strict-Transport-Security \"max-age=63072000; includeSubDomains\";\n\tlocation /a {\n\t\tadd_header X-Frame-Options DENY;\n\t\tadd_header X-Empty \"\";\n\t}\n}\n"
	const caddy = "example.com {\n\theader {\n\t\tX-Frame-Options DENY\n\t\tX-Id {http.request.uuid}\n\t\t-Server\n\t}\n\timport elsewhere\n}\n"
	testRows(t, []row{
		{"set at every level", "nginx.conf", nginx, header, []string{"header", "x-frame-options", "value", "^DENY$"}, ""},
		{"dropped by a location", "nginx.conf", nginx, header, []string{"header", "Strict-Transport-Security"}, "not kept at line 4"},
		{"set to nothing", "nginx.conf", nginx, header, []string{"header", "X-Empty"}, "set to nothing"},
		{"not set", "conf.d/site.conf", nginx, header, []string{"header", "X-Frame-Option"}, "X-Frame-Options (line 2)"},
		{"windows", "sites-enabled/site", strings.ReplaceAll(nginx, "\n", "\r\n"), header, []string{"header", "X-Frame-Options"}, ""},
		{"malformed", "nginx.conf", "server {\n", header, []string{"header", "X-Frame-Options"}, "is not closed"},
		{"included", "nginx.conf", "include a.conf;\n", header, []string{"header", "X-A"}, "line 1: a.conf is included, which is not followed"},
		{"another value", "Caddyfile", caddy, header, []string{"header", "X-Frame-Options", "value", "SAMEORIGIN"}, "does not match"},
		{"matches", "Caddyfile", caddy, header, []string{"header", "X-Frame-Options", "value", "DENY"}, ""},
		{"placeholder", "Caddyfile", caddy, header, []string{"header", "X-Id", "value", "."}, "no literal"},
		{"deleted", "Caddyfile", caddy, header, []string{"header", "Server"}, "elsewhere is imported"},
		{"gateway", "k8s/route.yaml", "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nspec: {rules: [{filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-A, value: a}]}}]}]}\n", header, []string{"header", "X-A", "value", "a"}, ""},
		{"apache", ".htaccess", "Header set X-A a\n", header, []string{"header", "X-A", "value", "a"}, ""},
		{"not a server", "values.yaml", "headers: {X-A: a}\n", header, []string{"header", "X-A"}, "is no configuration of a server"},
		{"no language", "notes.txt", "X-A: a\n", header, []string{"header", "X-A"}, "unsupported"},
	})
	dir := write(t, map[string]string{"nginx.conf": nginx})
	o := check(t, dir, evidence.HTTPHeaderSet, "file", "nginx.conf", "header", "X-Frame-Options")
	wantPass(t, o, "X-Frame-Options is set at nginx.conf:2")
	if o.Line != 2 || !strings.Contains(o.Excerpt, "location /a") {
		t.Errorf("line %d, excerpt %q", o.Line, o.Excerpt)
	}
}
