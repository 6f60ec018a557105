package webconf

import (
	"maps"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

// traefik gathers middleware, and what uses it: one that nothing in the file uses sets no header that is known.
type traefik struct {
	file   *File
	middle map[string]*config.Node // by name, what makes it: headers, chain
	kube   map[string]string       // "namespace-name" of an object to its name
	used   []string
}

func newTraefik(f *File) *traefik {
	return &traefik{file: f, middle: map[string]*config.Node{}, kube: map[string]string{}}
}

// readTraefik follows http.routers and http.middlewares of a file of Traefik's, and the middleware of its entry points.
func readTraefik(f *File, docs []*config.Node) {
	t := newTraefik(f)
	for _, doc := range docs {
		for _, e := range doc.At("http", "middlewares").Entries() {
			t.middle[e.Name] = e.Node
		}
		for _, e := range doc.At("http", "routers").Entries() {
			t.useAll(e.Node.Get("middlewares"))
		}
		for _, e := range doc.Get("entryPoints").Entries() {
			t.useAll(e.Node.At("http", "middlewares"))
		}
	}
	t.finish()
}

// object takes an object of Kubernetes that is Traefik's own.
func (t *traefik) object(kind string, o *config.Node) {
	name, namespace := o.At("metadata", "name").Str(), o.At("metadata", "namespace").Str()
	switch kind {
	case "Middleware":
		if namespace == "" {
			namespace = "default"
		}
		t.middle[name] = o.Get("spec")
		t.kube[namespace+"-"+name] = name
	case "IngressRoute":
		for _, route := range o.At("spec", "routes").Items() {
			t.useNamed(route.Get("middlewares"))
		}
	}
}

func (t *traefik) useAll(names *config.Node) {
	for _, n := range names.Items() {
		t.use(n.Str())
	}
}

func (t *traefik) useNamed(list *config.Node) {
	for _, n := range list.Items() {
		t.use(n.Get("name").Str())
	}
}

// use notes that a middleware is used: "name", "name@file", "namespace-name@kubernetescrd".
func (t *traefik) use(name string) {
	name, _, _ = strings.Cut(name, "@")
	t.used = append(t.used, name)
}

// finish notes the headers of the middleware that is used, through chains too, and says which is not.
func (t *traefik) finish() {
	done := map[string]bool{}
	for i := 0; i < len(t.used); i++ {
		name := t.used[i]
		if short, ok := t.kube[name]; ok && t.middle[name] == nil {
			name = short
		}
		m := t.middle[name]
		if m == nil || done[name] {
			continue
		}
		done[name] = true
		t.headers(m.Get("headers"))
		for _, n := range m.At("chain", "middlewares").Items() { // names in a file, objects in Kubernetes
			if n.Kind == config.Map {
				t.use(n.Get("name").Str())
			} else {
				t.use(n.Str())
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.middle)) {
		if h := t.middle[name].Get("headers"); h != nil && !done[name] {
			t.file.unseen(h.Line, "nothing in the file uses the middleware %s", name)
		}
	}
}

// headers takes the options of a headers middleware.
func (t *traefik) headers(h *config.Node) {
	options := map[string]string{}
	for _, e := range h.Entries() {
		options[strings.ToLower(e.Name)] = e.Node.Str()
	}
	for _, e := range h.Entries() {
		value, line := e.Node.Str(), e.Node.Line
		yes := value == "true"
		switch strings.ToLower(e.Name) {
		case "customresponseheaders":
			for _, custom := range e.Node.Entries() {
				if custom.Node.Str() == "" {
					t.file.lose(custom.Name, custom.Node.Line, "it is set to nothing, which removes it")
					continue
				}
				t.file.set(custom.Name, custom.Node.Str(), false, custom.Node.Line)
			}
		case "stsseconds":
			if value == "" || value == "0" {
				continue
			}
			value = "max-age=" + value
			if options["stsincludesubdomains"] == "true" {
				value += "; includeSubDomains"
			}
			if options["stspreload"] == "true" {
				value += "; preload"
			}
			t.file.set("Strict-Transport-Security", value, false, line)
		case "framedeny":
			if yes && options["customframeoptionsvalue"] == "" {
				t.file.set("X-Frame-Options", "DENY", false, line)
			}
		case "contenttypenosniff":
			if yes {
				t.file.set("X-Content-Type-Options", "nosniff", false, line)
			}
		case "browserxssfilter":
			if yes && options["custombrowserxssvalue"] == "" {
				t.file.set("X-XSS-Protection", "1; mode=block", false, line)
			}
		default:
			if header := traefikHeaders[strings.ToLower(e.Name)]; header != "" && value != "" {
				t.file.set(header, value, strings.Contains(value, "$NONCE"), line)
			}
		}
	}
}

// traefikHeaders are the options whose value is that of a header, in lower case: in files they have no case.
var traefikHeaders = map[string]string{
	"customframeoptionsvalue": "X-Frame-Options", "custombrowserxssvalue": "X-XSS-Protection", "contentsecuritypolicy": "Content-Security-Policy",
	"contentsecuritypolicyreportonly": "Content-Security-Policy-Report-Only", "referrerpolicy": "Referrer-Policy",
	"permissionspolicy": "Permissions-Policy", "featurepolicy": "Feature-Policy",
}
