package webconf

import (
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

// manifest is a file of objects of Kubernetes.
type manifest struct {
	file    *File
	maps    map[string]*config.Node // data of the ConfigMaps, by "namespace/name" and by name
	traefik *traefik
}

func readKubernetes(f *File, docs []*config.Node) *Error {
	m := &manifest{file: f, maps: map[string]*config.Node{}, traefik: newTraefik(f)}
	objects := objectsOf(docs)
	for _, o := range objects {
		if o.Get("kind").Str() == "ConfigMap" {
			name, namespace := o.At("metadata", "name").Str(), o.At("metadata", "namespace").Str()
			m.maps[namespace+"/"+name] = o.Get("data")
		}
	}
	for _, o := range objects {
		if err := m.object(o); err != nil {
			return err
		}
	}
	m.traefik.finish()
	return nil
}

// objectsOf returns the objects of documents, those of a List among them.
func objectsOf(docs []*config.Node) []*config.Node {
	var all []*config.Node
	for _, d := range docs {
		if d.Get("kind").Str() == "List" {
			all = append(all, d.Get("items").Items()...)
			continue
		}
		all = append(all, d)
	}
	return all
}

func (m *manifest) object(o *config.Node) *Error {
	api, _, _ := strings.Cut(o.Get("apiVersion").Str(), "/")
	spec := o.Get("spec")
	switch kind := o.Get("kind").Str(); {
	case kind == "Ingress":
		return m.ingress(o.At("metadata", "annotations"))
	case kind == "ConfigMap":
		return m.controller(o.Get("data"))
	case (kind == "HTTPRoute" || kind == "GRPCRoute") && api == "gateway.networking.k8s.io":
		for _, rule := range spec.Get("rules").Items() {
			m.filters(rule.Get("filters"))
			for _, backend := range rule.Get("backendRefs").Items() {
				m.filters(backend.Get("filters"))
			}
		}
	case kind == "VirtualService" && api == "networking.istio.io":
		for _, route := range spec.Get("http").Items() {
			m.istio(route.At("headers", "response"))
			for _, destination := range route.Get("route").Items() {
				m.istio(destination.At("headers", "response"))
			}
		}
	case kind == "HTTPProxy" && api == "projectcontour.io":
		for _, route := range spec.Get("routes").Items() {
			m.pairs(route.Get("responseHeadersPolicy"))
			for _, service := range route.Get("services").Items() {
				m.pairs(service.Get("responseHeadersPolicy"))
			}
		}
	case api == "traefik.io" || api == "traefik.containo.us":
		m.traefik.object(kind, o)
	}
	return nil
}

// filters takes those filters of a route that change the headers of an answer.
func (m *manifest) filters(list *config.Node) {
	for _, filter := range list.Items() {
		if filter.Get("type").Str() == "ResponseHeaderModifier" {
			m.pairs(filter.Get("responseHeaderModifier"))
		}
	}
}

// pairs takes lists of {name, value} under set and add, and names under remove.
func (m *manifest) pairs(policy *config.Node) {
	for _, action := range []string{"set", "add"} {
		for _, pair := range policy.Get(action).Items() {
			value := pair.Get("value")
			m.file.set(pair.Get("name").Str(), value.Str(), value == nil || value.Kind != config.String || strings.Contains(value.Str(), "%"), lineOf(pair.Get("name")))
		}
	}
	for _, name := range policy.Get("remove").Items() {
		m.file.lose(name.Str(), name.Line, "it is removed")
	}
}

// istio takes maps under set and add, and names under remove. Envoy fills in what stands between percent signs.
func (m *manifest) istio(policy *config.Node) {
	for _, action := range []string{"set", "add"} {
		for _, e := range policy.Get(action).Entries() {
			m.file.set(e.Name, e.Node.Str(), e.Node.Kind != config.String || strings.Contains(e.Node.Str(), "%"), e.Node.Line)
		}
	}
	for _, name := range policy.Get("remove").Items() {
		m.file.lose(name.Str(), name.Line, "it is removed")
	}
}

// ingress takes the annotations of an Ingress. The snippets of ingress-nginx and of NGINX's own controller go into a server and
// into each of its locations; a controller may be told not to take them.
func (m *manifest) ingress(annotations *config.Node) *Error {
	var server, location []directive
	for _, e := range annotations.Entries() {
		prefix, name, _ := strings.Cut(e.Name, "/")
		switch {
		case name == "configuration-snippet" && prefix == "nginx.ingress.kubernetes.io", name == "location-snippets" && prefix == "nginx.org":
			body, err := snippet(e.Node)
			if err != nil {
				return err
			}
			location = append(location, body...)
		case name == "server-snippet" && prefix == "nginx.ingress.kubernetes.io", name == "server-snippets" && prefix == "nginx.org":
			body, err := snippet(e.Node)
			if err != nil {
				return err
			}
			server = append(server, body...)
		case name == "custom-headers" && prefix == "nginx.ingress.kubernetes.io":
			m.custom(e.Node)
		case name == "response-set-header" && prefix == "haproxy.org":
			m.haproxy(e.Node)
		case name == "router.middlewares" && prefix == "traefik.ingress.kubernetes.io":
			for _, name := range strings.Split(e.Node.Str(), ",") {
				m.traefik.use(strings.TrimSpace(name))
			}
		}
	}
	server = append(server, directive{name: "location", block: location, open: true})
	return headersOfNginx(m.file, []directive{{name: "server", block: server, open: true}})
}

// snippet returns the directives of nginx in a text of YAML. The text of a block begins on the line after its key.
func snippet(n *config.Node) ([]directive, *Error) {
	line := n.Line
	if strings.Contains(n.Str(), "\n") {
		line++
	}
	return parseNginx(n.Str(), line)
}

// controller takes the ConfigMap of a controller: snippets, and the name of another one that holds headers. Other ConfigMaps have
// none of these keys.
func (m *manifest) controller(data *config.Node) *Error {
	var http []directive
	for _, e := range data.Entries() {
		level := ""
		switch e.Name {
		case "add-headers", "global-custom-headers":
			if e.Name == "add-headers" && e.Node.Kind == config.String {
				m.custom(e.Node)
			}
			continue
		case "http-snippet", "http-snippets":
		case "server-snippet", "server-snippets":
			level = "server"
		case "location-snippet", "location-snippets":
			level = "location"
		default:
			continue
		}
		body, err := snippet(e.Node)
		if err != nil {
			return err
		}
		switch level {
		case "server":
			body = []directive{{name: "server", block: body, open: true, line: e.Node.Line}}
		case "location":
			body = []directive{{name: "server", open: true, line: e.Node.Line, block: []directive{{name: "location", block: body, open: true, line: e.Node.Line}}}}
		}
		http = append(http, body...)
	}
	if len(http) == 0 {
		return nil
	}
	return headersOfNginx(m.file, []directive{{name: "http", block: http, open: true}})
}

// custom takes the headers of the ConfigMap that is named "namespace/name"; an object may leave its namespace to whoever applies it.
func (m *manifest) custom(name *config.Node) {
	_, short, named := strings.Cut(name.Str(), "/")
	data := m.maps[name.Str()]
	if data == nil {
		data = m.maps["/"+short]
	}
	if !named || short == "" || data == nil {
		m.file.unseen(name.Line, "the headers of ConfigMap %s stand elsewhere", name.Str())
		return
	}
	for _, e := range data.Entries() {
		m.file.set(e.Name, e.Node.Str(), e.Node.Kind != config.String || strings.Contains(e.Node.Str(), "$"), e.Node.Line)
	}
}

// haproxy takes lines of a name and a value, the latter perhaps in quotes.
func (m *manifest) haproxy(n *config.Node) {
	line := n.Line
	if strings.Contains(n.Str(), "\n") {
		line++
	}
	for i, text := range strings.Split(n.Str(), "\n") {
		name, value, ok := strings.Cut(strings.TrimSpace(text), " ")
		if ok && !strings.HasPrefix(name, "#") {
			value = strings.TrimSpace(value)
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			m.file.set(name, value, strings.Contains(value, "%"), line+i)
		}
	}
}

// lineOf returns the line of a node, 0 for none.
func lineOf(n *config.Node) int {
	if n == nil {
		return 0
	}
	return n.Line
}
