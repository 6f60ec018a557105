package verify_test

import (
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
)

func TestConfigClaims(t *testing.T) {
	dir := write(t, map[string]string{
		"a.yaml": "session:\n  cookie:\n    secure: true\n    # httponly: true\n    name: \"\"\nhosts:\n- a.example\n- b.test\n---\nsession:\n  cookie:\n    secure: true\n",
		"b.json": "{\n  // kept\n  \"tls\": {\"min\": \"1.2\", \"password\": \"hunter2\"},\n}\n", "c.env": "export MODE=prod\n#DEBUG=0\n", "bad.yaml": "a: [1\nb: 2", "d.txt": "a=1\n",
		"dup.json": `{"a": 1, "a": 2}`, "u.yaml": "\xff\xfea\x00",
	})
	exists := func(file, key string) (string, bool) {
		o := check(t, dir, evidence.ConfigKeyExists, "file", file, "key", key)
		return o.Reason, o.Verdict == evidence.Pass
	}
	for _, c := range [][2]string{{"a.yaml", "session.cookie.secure"}, {"a.yaml", "hosts[1]"}, {"b.json", "tls.min"}, {"c.env", "MODE"}} {
		if reason, ok := exists(c[0], c[1]); !ok {
			t.Errorf("%v: %s", c, reason)
		}
	}
	for _, c := range [][3]string{
		{"a.yaml", "session.cookie.httponly", "no key"},
		{"a.yaml", "session.cookie.name", "null or empty"},
		{"c.env", "DEBUG", "no key DEBUG"},
		{"bad.yaml", "a", "bad.yaml"},
		{"d.txt", "a", "d.txt"},
		{"dup.json", "a", "a"},
		{"u.yaml", "a", "UTF-16"},
		{"a.yaml", "session.cokie", "session.cookie"},
		{"gone.yaml", "a", "no file"},
	} {
		if reason, ok := exists(c[0], c[1]); ok || !strings.Contains(reason, c[2]) {
			t.Errorf("%v: pass %v, %q", c, ok, reason)
		}
	}
	match := evidence.ConfigValueMatches
	o := check(t, dir, match, "file", "a.yaml", "key", "session.cookie.secure", "pattern", "true")
	wantPass(t, o, "a.yaml:3 and 1 more")
	if o.Line != 3 || !strings.Contains(o.Excerpt, "secure: true") {
		t.Errorf("%+v", o)
	}
	wantPass(t, check(t, dir, match, "file", "b.json", "key", "tls.min", "pattern", `1\.[23]`))
	wantFail(t, check(t, dir, match, "file", "b.json", "key", "tls.min", "pattern", `1`), "as a whole")
	wantFail(t, check(t, dir, match, "file", "b.json", "key", "tls.min", "pattern", `1|.*x`), "as a whole")
	wantFail(t, check(t, dir, match, "file", "a.yaml", "key", "hosts[*]", "pattern", `.*\.example`), "does not match")
	wantFail(t, check(t, dir, match, "file", "a.yaml", "key", "hosts", "pattern", `.*`), "is a list")
	if o := check(t, dir, match, "file", "b.json", "key", "tls.password", "pattern", `x+`); strings.Contains(o.Reason, "hunter2") || o.Verdict != evidence.Fail {
		t.Errorf("%q tells a value", o.Reason)
	}
}
