package webconf

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// block is a level of nginx in a model that knows only the rule of the documentation: a level with an add_header of its own
// inherits none, another inherits all, and one that merges has both.
type block struct {
	headers []string
	merge   bool
	inner   []block
}

func (b block) write(w *strings.Builder, name string, depth int) {
	tab := strings.Repeat("\t", depth)
	fmt.Fprintf(w, "%s%s {\n", tab, name)
	if b.merge {
		w.WriteString(tab + "\tadd_header_inherit merge;\n")
	}
	for i, in := range b.inner {
		if i%2 == 0 {
			in.write(w, fmt.Sprintf("location /%d", i), depth+1)
		}
	}
	for _, h := range b.headers {
		fmt.Fprintf(w, "%s\tadd_header %s \"v;{\" always; # add_header X-No 1;\n", tab, h)
	}
	for i, in := range b.inner {
		if i%2 == 1 {
			in.write(w, fmt.Sprintf("location /%d", i), depth+1)
		}
	}
	w.WriteString(tab + "}\n")
}

// answers collects which headers each level answers with, and which its surroundings did but it does not.
func (b block) answers(around []string, merge bool, lost map[string]bool) {
	merge = merge || b.merge
	here := slices.Clone(b.headers)
	if len(b.headers) == 0 || merge {
		here = append(here, around...)
	}
	for _, h := range around {
		if !slices.Contains(here, h) {
			lost[h] = true
		}
	}
	for _, in := range b.inner {
		in.answers(here, merge, lost)
	}
}

func drawBlock(t *rapid.T, depth int) block {
	b := block{
		headers: rapid.SliceOfN(rapid.SampledFrom([]string{"X-A", "X-B", "X-C"}), 0, 2).Draw(t, "headers"),
		merge:   rapid.IntRange(0, 5).Draw(t, "merge") == 0,
	}
	if depth < 3 {
		for range rapid.IntRange(0, 3).Draw(t, "inner") {
			b.inner = append(b.inner, drawBlock(t, depth+1))
		}
	}
	return b
}

// What is lost is what some level does not answer with although the one around it does, however the levels stand to each other.
func TestNginxInheritance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBlock(t, 0)
		var w strings.Builder
		b.write(&w, "server", 0)
		f, err := Read("nginx.conf", []byte(w.String()))
		if err != nil {
			t.Fatalf("%v in\n%s", err, w.String())
		}
		want := map[string]bool{}
		b.answers(nil, false, want)
		got := map[string]bool{}
		for _, l := range f.Lost {
			got[l.Name] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("lost (-want +got)\n%s\n%s", diff, w.String())
		}
		set := slices.ContainsFunc(f.Headers, func(h Header) bool { return h.Name == "X-No" || !h.Known || h.Value != "v;{" })
		if set {
			t.Fatalf("%+v\n%s", f.Headers, w.String())
		}
	})
}

// hostile are texts that parsers stumble over.
var hostile = []struct{ name, text string }{
	{"nginx.conf", "\""},
	{"nginx.conf", "a\\"},
	{"nginx.conf", "a '\\"},
	{"nginx.conf", "${"},
	{"nginx.conf", "a${b{"},
	{"nginx.conf", "#"},
	{"nginx.conf", ";"},
	{"nginx.conf", "a_by_lua_block {"},
	{"nginx.conf", "a_by_lua_block { [==[ }"},
	{"nginx.conf", "a_by_lua_block { --[[ }"},
	{"nginx.conf", "a_by_lua_block { '\\"},
	{"nginx.conf", "a_by_lua_block { [[ ]"},
	{"nginx.conf", "add_header;"},
	{"nginx.conf", "add_header \"\" \"\";"},
	{"nginx.conf", "more_set_headers -s;"},
	{"nginx.conf", "more_set_headers :;"},
	{"nginx.conf", "include;"},
	{"nginx.conf", "\"a\"b;"},
	{"nginx.conf", "location { add_header_inherit; }"},
	{"Caddyfile", "{"},
	{"Caddyfile", "}"},
	{"Caddyfile", "\\"},
	{"Caddyfile", "\\\n\\\n"},
	{"Caddyfile", "a <<E"},
	{"Caddyfile", "a <<E\n"},
	{"Caddyfile", "a <<E\nE"},
	{"Caddyfile", "`"},
	{"Caddyfile", "import"},
	{"Caddyfile", "(a) {\nimport a\n}\n:80 {\nimport a\n}"},
	{"Caddyfile", "() {\n}"},
	{"Caddyfile", "&() {\n}"},
	{"Caddyfile", "header"},
	{"Caddyfile", ":1 {\nheader\nheader -\nheader *\nheader {\n-\n}\n}"},
	{"Caddyfile", "a,"},
	{"Caddyfile", "\"{\"\n"},
	{"Caddyfile", "a\\\r\nb"},
	{".htaccess", "<"},
	{".htaccess", "<>"},
	{".htaccess", "</>"},
	{".htaccess", "<a>\n</a >"},
	{".htaccess", "\\"},
	{".htaccess", "\\\n\\"},
	{".htaccess", "Header"},
	{".htaccess", "Header always"},
	{".htaccess", "Header set a"},
	{".htaccess", "Header set a \""},
	{".htaccess", "Header set \"\" \"\""},
	{".htaccess", "Header unset *"},
	{"a.yaml", "apiVersion: a\nkind: Ingress\nmetadata: 1"},
	{"a.yaml", "apiVersion: a\nkind: Ingress\nmetadata: {annotations: {nginx.ingress.kubernetes.io/configuration-snippet: [a]}}"},
	{"a.yaml", "apiVersion: a\nkind: ConfigMap\ndata: {add-headers: /}\nmetadata: {name: ''}"},
	{"a.yaml", "apiVersion: traefik.io/v1\nkind: Middleware\nspec: {chain: {middlewares: [{name: ''}]}}"},
	{"a.yaml", "http: {middlewares: {a: {chain: {middlewares: [a, b]}}, b: {chain: {middlewares: [a]}}}, routers: {r: {middlewares: [a]}}}"},
	{"a.yaml", "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nspec: {rules: [{filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [1, {}], remove: [{}]}}]}]}"},
	{"a.json", `{"apps":{"http":{"servers":{"a":{"routes":[{"handle":[{"handler":"headers","response":{"set":{"a":1},"delete":[{}]}}]}]}}}}}`},
}

// None of them panics, and none makes a header up.
func TestHostile(t *testing.T) {
	for _, h := range hostile {
		f, err := Read(h.name, []byte(h.text))
		if err == nil && slices.ContainsFunc(f.Headers, func(h Header) bool { return h.Name == "" || h.Known && h.Value != "" }) {
			t.Errorf("%s %q: %+v", h.name, h.text, f.Headers)
		}
	}
	for _, deep := range []struct{ name, open, shut string }{{"nginx.conf", "location {", "}"}, {"Caddyfile", "handle {\n", "}\n"}, {".htaccess", "<If a>\n", "</If>\n"}} {
		if _, err := Read(deep.name, []byte(strings.Repeat(deep.open, 2000)+strings.Repeat(deep.shut, 2000))); err == nil || !strings.Contains(err.Error(), "within each other") {
			t.Errorf("%s: %v", deep.name, err)
		}
	}
	many := "http {\n" + strings.Repeat("add_header X-A a;\n", 3000) + strings.Repeat("server { add_header X-B b; }\n", 3000) + "}"
	if f, err := Read("nginx.conf", []byte(many)); err != nil || len(f.Lost) != 1 {
		t.Errorf("many levels: %v", err)
	}
	var names strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&names, "add_header X-%d a;\n", i)
	}
	if _, err := Read("nginx.conf", []byte("http {\n"+names.String()+strings.Repeat("server { add_header X-B b; }\n", 3000)+"}")); err == nil {
		t.Error("more headers and levels than are followed are taken")
	}
}

// FuzzRead: no text makes a reader panic; what is found has a name and a line of the text, and Windows line ends change nothing.
func FuzzRead(f *testing.F) {
	names := []string{"nginx.conf", "a.conf", "Caddyfile", ".htaccess", "a.yaml", "a.json", "a.toml"}
	for _, h := range hostile {
		f.Add(byte(slices.Index(names, h.name)), []byte(h.text))
	}
	f.Add(byte(0), []byte("server { add_header A b; location / { add_header C $d; } }"))
	f.Add(byte(2), []byte("(a) {\n\theader A b\n}\n:80 {\n\timport a\n\treverse_proxy b {\n\t\theader_down C d\n\t}\n}"))
	f.Add(byte(3), []byte("<IfModule a>\nHeader always set A \"b\"\n</IfModule>"))
	f.Fuzz(func(t *testing.T, which byte, text []byte) {
		name := names[int(which)%len(names)]
		file, err := Read(name, text)
		if err != nil {
			return
		}
		lines := 1 + strings.Count(string(text), "\n")
		for _, h := range file.Headers {
			if h.Name == "" || h.Line < 0 || h.Line > lines || !h.Known && h.Value != "" {
				t.Fatalf("%+v of %d lines", h, lines)
			}
		}
		for _, l := range file.Lost {
			if l.Line > lines || l.Why == "" {
				t.Fatalf("%+v of %d lines", l, lines)
			}
		}
		if strings.Contains(string(text), "\r") || strings.ContainsAny(name, "y.t") && int(which)%len(names) > 3 {
			return
		}
		if strings.Contains(string(text), "\\\n") || strings.ContainsAny(string(text), "\"'`[<") {
			return // what is quoted keeps its line ends
		}
		again, err := Read(name, []byte(strings.ReplaceAll(string(text), "\n", "\r\n")))
		if err != nil {
			t.Fatalf("with Windows line ends: %v", err)
		}
		if diff := cmp.Diff(file, again); diff != "" {
			t.Fatalf("with Windows line ends (-want +got)\n%s", diff)
		}
	})
}
