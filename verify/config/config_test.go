package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/verify/config"
)

// row is one lookup: want is a line for each value, "kind text @line" with "#document" after it when it is not the first.
type row struct{ key, want string }

func show(values []config.Value) string {
	var out []string
	for _, v := range values {
		s := string(v.Kind)
		if v.Text != "" {
			s += " " + v.Text
		}
		s += " @" + itoa(v.Line)
		if v.Document > 0 {
			s += " #" + itoa(v.Document)
		}
		out = append(out, s)
	}
	return strings.Join(out, "\n")
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

func read(t testing.TB, path, text string) *config.File {
	t.Helper()
	f, err := config.Read(path, []byte(text))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f
}

func TestLookup(t *testing.T) {
	for path, c := range map[string]struct {
		text string
		rows []row
	}{
		"app.json": {`{
  // "commented": true,
  "server": {"tls": [{"cert": "a.pem"}, {"cert": "b.pem", "min": 1.20}]},
  "debug": false, /* "hidden": 1 */
  "none": null, "empty": "", "list": [], "map": {},
  "a.b": {"c": 1},
  "a": {"b.c": 2, "b": {"c": 3}},
  "0": "zero",
  "it's": "é\u00e9\ud83d\ude00",
}
`, []row{
			{"server.tls[0].cert", "string a.pem @3"},
			{"server.tls.1.cert", "string b.pem @3"},
			{`server["tls"][1]['min']`, "number 1.20 @3"},
			{"server.tls[2].cert", ""},
			{"server.tls[01].cert", "!"},
			{"server.tls.*.cert", "string a.pem @3\nstring b.pem @3"},
			{"server.tls[*].cert", "string a.pem @3\nstring b.pem @3"},
			{"server.tls.*.min", "!server.tls[0] has no min"},
			{"server.*", "list @3"},
			{"debug", "bool false @4"},
			{"commented", ""},
			{"hidden", ""},
			{"none", "null @5"},
			{"empty", "string @5"},
			{"list", "list @5"},
			{"map", "map @5"},
			{"list[0]", ""},
			{"map.*", ""},
			{"a.b.c", "number 1 @6\nnumber 2 @7\nnumber 3 @7"},
			{`a."b.c"`, "number 2 @7"},
			{`"a.b".c`, "number 1 @6"},
			{`a."b"."c"`, "number 3 @7"},
			{"0", "string zero @8"},
			{`"it's"`, "string éé😀 @9"},
			{`['it\'s']`, "string éé😀 @9"},
			{"Debug", ""},
			{"", "!empty"},
			{"a.", "!dot"},
			{"a..b", "!empty name"},
			{"a[", "!bracket"},
			{"a[x]", "!bracket"},
			{`a."b`, "!quote"},
			{`"a"b`, "!after a quote"},
		}},
		"k8s.yml": {`apiVersion: v1
kind: Deployment
common: &common
  runAsNonRoot: true
  user: 1000
metadata:
  labels:
    app.kubernetes.io/name: web
spec:
  containers:
    - name: a
      securityContext: *common
    - name: b
      securityContext:
        <<: [{user: 1}, *common]
        readOnly: Yes
        # privileged: false
---
# nothing here
---
spec:
  containers:
  - name: c
    securityContext: {runAsNonRoot: false, user: ~}
  secret: !vault abc
  pick: !If [Cond, true, false]
  text: |
    runAsNonRoot: true
  empty:
  quoted: "true"
  hex: 0x1F
  upper: TRUE
`, []row{
			{"spec.containers.*.securityContext.runAsNonRoot", "bool true @4\nbool true @4\nbool false @24 #1"},
			{"spec.containers[1].securityContext.user", "number 1 @15"},
			{"spec.containers[1].securityContext.readOnly", "string Yes @16"},
			{"spec.containers[1].securityContext.privileged", ""},
			{"metadata.labels.app.kubernetes.io/name", "string web @8"},
			{`metadata.labels."app.kubernetes.io/name"`, "string web @8"},
			{"spec.secret", "string !vault abc @25 #1"},
			{"spec.pick[1]", ""},
			{"spec.pick.!If[1]", "bool true @26 #1"},
			{"spec.text", "string runAsNonRoot: true\n @27 #1"},
			{"spec.text.runAsNonRoot", ""},
			{"spec.empty", "null @29 #1"},
			{"spec.quoted", "string true @30 #1"},
			{"spec.hex", "number 0x1F @31 #1"},
			{"spec.upper", "bool true @32 #1"},
			{"spec.containers[0].securityContext.user", "number 1000 @5\nnull @24 #1"},
		}},
		"application.yml": {"server:\n  ssl.enabled: true\nserver.port: 8443\n", []row{
			{"server.ssl.enabled", "bool true @2"},
			{"server.port", "number 8443 @3"},
		}},
		"app.toml": {`# top = 1
title = "x" # y = 2
n = 1_000
f = 1.50
when = 1979-05-27 07:32:00
"quo.ted" = true
a.b.c = [1, { x = "in" }, [
  2, # two
  3,
]]
long = """
top = 1
"""
lit = '''
k = '1'
'''

[owner]
name.first = "T"
[[host]]
ip = "::1"
[host.tls]
on = true
[[host]]
ip = "::2"
[[host.disk]]
size = 1
[[host.disk]]
size = 2
`, []row{
			{"top", ""},
			{"y", ""},
			{"k", ""},
			{"title", "string x @2"},
			{"n", "number 1000 @3"},
			{"f", "number 1.50 @4"},
			{"when", "string 1979-05-27 07:32:00 @5"},
			{"quo.ted", "bool true @6"},
			{"a.b.c[1].x", "string in @7"},
			{"a.b.c[2][1]", "number 3 @9"},
			{"owner.name.first", "string T @19"},
			{"host.*.ip", "string ::1 @21\nstring ::2 @25"},
			{"host[0].tls.on", "bool true @23"},
			{"host.1.disk[1].size", "number 2 @29"},
			{"host.*.tls.on", "!host[1] has no tls.on"},
		}},
		"app.ini": {`; x = 1
top = 1
[server]
# tls = off
tls = on ; really
quoted = "a # b" # c
colon: yes
plain = a#b
multi = one
  two
  ; three
[a.b]
c.d = %(here)s $HOME
[remote "origin"]
	url = git
	fetch = x
[list]
item[] = 1
item[] = 2
[twice]
k = 1
k = 2
other = 3
empty =
path = a \
   b
`, []row{
			{"x", ""},
			{"top", "string 1 @2"},
			{"server.tls", "string on @5"},
			{"server.quoted", "string a # b @6"},
			{"server.colon", "string yes @7"},
			{"server.plain", "string a#b @8"},
			{"server.multi", "string one\ntwo @9"},
			{"a.b.c.d", "string %(here)s $HOME @13"},
			{`['remote "origin"'].url`, "string git @15"},
			{`['remote "origin"'].fetch`, "string x @16"},
			{"list.item[1]", "string 2 @19"},
			{"twice.k", "!already"},
			{"twice.other", "string 3 @23"},
			{"twice.*", "!already"},
			{"twice.empty", "string @24"},
			{"twice.path", "string a b @25"},
		}},
		"my.cnf": {"[mysqld]\nskip-networking\nrequire_secure_transport=ON\n", []row{
			{"mysqld.skip-networking", "string true @2"},
			{"mysqld.require_secure_transport", "string ON @3"},
		}},
		"app.service": {"[Service]\nEnvironment=A=1\nEnvironment=B=2 # no comment\nNoNewPrivileges=true\n", []row{
			{"Service.Environment.*", "string A=1 @2\nstring B=2 # no comment @3"},
			{"Service.NoNewPrivileges", "string true @4"},
		}},
		"deploy/.env.production": {"\xEF\xBB\xBF# SECRET=1\r\nexport TOKEN=abc # note\r\nURL='a # $B'\nMSG=\"line\\n\\\"two\\\" ${X}\nthree\" # y\nHASH=a#b\n#OLD=1\nEMPTY=\nBARE\nexport\tBARE2\nQ=\"\"\nSPACED = v\nDUP=1\nDUP=2\nexport=1\n", []row{
			{"SECRET", ""},
			{"OLD", ""},
			{"TOKEN", "string abc @2"},
			{"URL", "string a # $B @3"},
			{"MSG", "string line\n\"two\" ${X}\nthree @4"},
			{"HASH", "string a#b @6"},
			{"EMPTY", "string @8"},
			{"BARE", "null @9"},
			{"BARE2", "null @10"},
			{"Q", "string @11"},
			{"SPACED", "string v @12"},
			{"DUP", "!already"},
			{"export", "string 1 @15"},
		}},
		"application.properties": {"# a=1\n! b=2\nserver.ssl.enabled=true\nserver.ssl.key : ${KEY:x}\nlist[0].name=n\nlong = one, \\\n   two\nkey\\ with\\:all=\\u00e9\\t.\nblank value\nempty=\n#---\nserver.ssl.enabled=false\ndup=1\ndup=1\n", []row{
			{"a", ""},
			{"b", ""},
			{"server.ssl.enabled", "string true @3\nstring false @12 #1"},
			{"server.ssl.key", "string ${KEY:x} @4"},
			{"list[0].name", "string n @5"},
			{"long", "string one, two @6"},
			{"key with:all", "string é\t. @8"},
			{"blank", "string value @9"},
			{"empty", "string @10"},
			{"dup", "!already"},
			{"server", ""},
		}},
		"web.xml": {`<?xml version="1.0" encoding="UTF-8"?>
<!-- <secure>true</secure> -->
<web-app xmlns="u" xmlns:android="v">
  <session-config><cookie-config><secure>true</secure></cookie-config></session-config>
  <servlet android:exported="false"><name>a</name></servlet>
  <servlet android:exported="true"><name><![CDATA[<b>]]></name></servlet>
  <url kind="x">http://a &amp; b</url>
  <empty/>
  <none a=""/>
</web-app>
`, []row{
			{"web-app.session-config.cookie-config.secure", "string true @4"},
			{"session-config.cookie-config.secure", ""},
			{"secure", ""},
			{"web-app.servlet[1].name", "string <b> @6"},
			{"web-app.servlet.*.@android:exported", "string false @5\nstring true @6"},
			{"web-app.servlet[0].@exported", "string false @5"},
			{"web-app.url", "string http://a & b @7"},
			{"web-app.url.@kind", "string x @7"},
			{"web-app.url[0]", "string http://a & b @7"},
			{"web-app.url[*].@kind", "string x @7"},
			{"web-app.session-config.*.secure", "string true @4"},
			{"web-app.empty", "string @8"},
			{"web-app.none.@a", "string @9"},
		}},
	} {
		f := read(t, path, c.text)
		for _, r := range c.rows {
			values, err := f.Lookup(r.key)
			if reason, fails := strings.CutPrefix(r.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), reason) {
					t.Errorf("%s: %s: %q, error %v; want an error with %q", path, r.key, show(values), err, reason)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %s: %v", path, r.key, err)
			}
			if diff := cmp.Diff(r.want, show(values)); diff != "" {
				t.Errorf("%s: %s:\n%s", path, r.key, diff)
			}
		}
	}
}

// What cannot be read, or reads differently by different readers, is an error with its line.
func TestMalformed(t *testing.T) {
	deep := strings.Repeat("[", 200)
	for _, c := range []struct {
		name, path, text string
		line             int
		says             string
	}{
		{"JSON that ends early", "a.json", "{\n\"a\": 1,\n", 3, "malformed JSON"},
		{"JSON with a key twice", "a.json", "{\n\"a\": 1,\n\"a\": 1}", 3, "line 2 already"},
		{"JSON with an escaped key twice", "a.json", `{"a": 1, "\u0061": 2}`, 1, "already"},
		{"JSON5", "a.json5", "{a: 1}", 1, "JSON5"},
		{"empty JSON", "a.json", " \n", 1, "empty"},
		{"deep JSON", "a.json", "\n" + deep, 2, "deep"},
		{"deep JSON behind comments", "a.json", "/* \" */ // \"\n" + deep, 2, "deep"},
		{"YAML with a key twice", "a.yml", "a: 1\nb:\n  c: 1\n  c: 2\n", 4, "line 3 already"},
		{"YAML with a key twice, quoted", "a.yml", "1: 1\n\"1\": 2\n", 2, "already"},
		{"YAML template", "a.yml", "a: 1\n{{ if x }}\nb: 2\n", 2, "template"},
		{"YAML alias to itself", "a.yml", "a: &x\n  - *x\n", 2, "holds itself"},
		{"YAML merge of itself", "a.yml", "a: &x\n  <<: *x\n", 2, "holds itself"},
		{"YAML merge of a list", "a.yml", "a:\n  <<: [1]\n", 2, "merges mappings"},
		{"YAML unknown alias", "a.yml", "a: 1\nb: *x\n", 0, "anchor"},
		{"YAML list as a key", "a.yml", "? [a]\n: 1\n", 1, "not supported"},
		{"deep YAML", "a.yml", deep + strings.Repeat("]", 200), 1, "deep"},
		{"TOML with a key twice", "a.toml", "a = 1\n\na = 2\n", 3, "already"},
		{"TOML without a value", "a.toml", "a = 1\nb =\n", 2, "value"},
		{"TOML bad value", "a.toml", "a = 1\nb = yes\n", 2, "malformed TOML"},
		{"deep TOML", "a.toml", "a = " + deep, 1, "deep"},
		{"deep TOML tables", "a.toml", "a = " + strings.Repeat("{a=", 200), 1, "deep"},
		{"TOML with a long key", "a.toml", strings.Repeat("a.", 200) + "a = 1", 1, "deep"},
		{"INI that is nginx", "nginx.conf", "# x\nserver {\n  listen 80;\n}\n", 2, "pattern_matches"},
		{"INI section without an end", "a.ini", "[a\nb = 1\n", 1, "section"},
		{".env without a name", ".env", "A=1\n=2\n", 2, "NAME=value"},
		{".env with words", ".env", "A=1\nhello there\n", 2, "NAME=value"},
		{".env with an open quote", ".env", "A=1\nB=\"x\nC=2\n", 2, "does not end"},
		{".env with text behind a quote", ".env", "A=\"x\" y\n", 1, "follows"},
		{"properties with a bad escape", "a.properties", "a=1\nb=\\u12\n", 2, "hexadecimal"},
		{"XML that does not end", "a.xml", "<a>\n<b>\n", 3, "does not end"},
		{"XML closed crosswise", "a.xml", "<a>\n<b></a></b>", 2, "closes nothing"},
		{"XML entity", "a.xml", "<!DOCTYPE a [<!ENTITY x SYSTEM \"/etc/passwd\">]>\n<a>&x;</a>", 2, "malformed XML"},
		{"XML with an attribute twice", "a.xml", "<a x='1' x='2'/>", 1, "twice"},
		{"XML with two roots", "a.xml", "<a/>\n<b/>", 2, "second root"},
		{"XML of text", "a.xml", "hello", 1, "outside"},
		{"XML in Latin-1", "a.xml", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>", 1, "malformed XML"},
		{"empty XML", "a.xml", "", 1, "no element"},
		{"deep XML", "a.xml", strings.Repeat("<a>", 200), 1, "deep"},
		{"UTF-16", "a.json", "\xFF\xFE{\x00}\x00", 0, "UTF-16"},
		{"invalid UTF-8", "a.json", "{\n\"a\": \"\xC3\"}", 2, "UTF-8"},
		{"zero bytes", "a.json", "{\n\x00}", 2, "zero byte"},
		{"too large", "a.json", strings.Repeat(" ", config.MaxSize+1), 0, "bytes"},
		{"unknown format", "Dockerfile", "FROM x", 0, "TOML"},
	} {
		_, err := config.Read(c.path, []byte(c.text))
		bad, ok := err.(*config.Error)
		if !ok {
			t.Errorf("%s: error %v, want a *config.Error", c.name, err)
			continue
		}
		if c.line != bad.Line && c.line != 0 || !strings.Contains(bad.Error(), c.says) || bad.Path != c.path {
			t.Errorf("%s: %q; want line %d and %q", c.name, bad, c.line, c.says)
		}
	}
}

func TestSet(t *testing.T) {
	f := read(t, "a.yml", "n: ~\ne: ''\nb: ' '\nz: 0\nf: false\nl: []\nm: {}\ns: x\n")
	for key, want := range map[string]bool{"n": false, "e": false, "b": false, "z": true, "f": true, "l": true, "m": true, "s": true} {
		v, err := f.Lookup(key)
		if err != nil || len(v) != 1 || v[0].Set() != want {
			t.Errorf("%s: %v, %v; set must be %v", key, v, err, want)
		}
	}
}

// A few lines of aliases that stand for billions of values are read, and no lookup walks them all.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 20; i++ {
		one := "*a" + itoa(i-1)
		b.WriteString("a" + itoa(i) + ": &a" + itoa(i) + " [" + strings.Repeat(one+", ", 8) + one + "]\n")
	}
	f := read(t, "bomb.yml", b.String())
	if v, err := f.Lookup("a19" + strings.Repeat("[0]", 20)); err != nil || len(v) != 1 || v[0].Text != "x" {
		t.Errorf("a path into it: %v, %v", v, err)
	}
	if _, err := f.Lookup("a19" + strings.Repeat("[*]", 20)); err == nil || !strings.Contains(err.Error(), "too much") {
		t.Errorf("all of it: %v", err)
	}
	if near := f.Nearest("a19[3].x", 3); len(near) != 3 {
		t.Errorf("near: %v", near)
	}
}

func TestNearest(t *testing.T) {
	f := read(t, "a.yml", "session:\n  cookie:\n    secure: true\n    http_only: true\n  timeout: 30\nlabels:\n  a.b/c: x\n  \"it's\": y\n")
	for key, want := range map[string]string{
		"session.cookie.httpOnly":  "session.cookie.http_only",
		"Session.Cookie.Secure":    "session.cookie.secure",
		"cookie.secure":            "session.cookie.secure",
		"session.timeouts":         "session.timeout",
		"labels.its":               `labels['it\'s']`,
		"session.cookie.secure[0]": "session.cookie.secure",
	} {
		near := f.Nearest(key, 3)
		if len(near) != 3 || near[0] != want {
			t.Errorf("near %s: %v, want %s first", key, near, want)
		}
	}
}

func TestFormatOf(t *testing.T) {
	for path, want := range map[string]config.Format{
		"tsconfig.json": config.JSON, "a/.eslintrc": config.JSON, "x.JSONC": config.JSON, "Pipfile": config.TOML, "Pipfile.lock": config.JSON,
		"a.yml": config.YAML, ".env": config.DotEnv, ".env.local": config.DotEnv, "prod.env": config.DotEnv, "gradle.properties": config.Properties,
		"my.cnf": config.INI, "setup.cfg": config.INI, ".editorconfig": config.INI, "pom.xml": config.XML, "Web.config": config.XML,
	} {
		if got, err := config.FormatOf(path); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %s", path, got, err, want)
		}
	}
	for _, path := range []string{"", "Makefile", "a.tf", "env", "a.yaml.j2", "json"} {
		if got, err := config.FormatOf(path); err == nil {
			t.Errorf("%s: %q, want an error", path, got)
		}
	}
	if len(config.Formats()) != 7 {
		t.Errorf("%v", config.Formats())
	}
}
