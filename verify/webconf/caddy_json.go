package webconf

import (
	"strings"

	"github.com/redoubt-dev/redoubt/verify/config"
)

// readCaddyJSON follows apps.http.servers of Caddy's own configuration.
func readCaddyJSON(f *File, docs []*config.Node) {
	for _, doc := range docs {
		for _, server := range doc.At("apps", "http", "servers").Entries() {
			caddyRoutes(f, server.Node.Get("routes"))
			caddyRoutes(f, server.Node.At("errors", "routes"))
			for _, route := range server.Node.Get("named_routes").Entries() {
				caddyRoute(f, route.Node)
			}
		}
	}
}

func caddyRoutes(f *File, routes *config.Node) {
	for _, route := range routes.Items() {
		caddyRoute(f, route)
	}
}

func caddyRoute(f *File, route *config.Node) {
	for _, handler := range route.Get("handle").Items() {
		switch handler.Get("handler").Str() {
		case "headers":
			caddyOps(f, handler.Get("response"))
		case "subroute":
			caddyRoutes(f, handler.Get("routes"))
			caddyRoutes(f, handler.At("errors", "routes"))
		case "reverse_proxy", "intercept":
			caddyOps(f, handler.At("headers", "response"))
			for _, response := range handler.Get("handle_response").Items() {
				caddyRoutes(f, response.Get("routes"))
			}
		case "static_response":
			caddyValues(f, handler.Get("headers"), nil)
		}
	}
}

// caddyOps takes the operations on the headers of an answer.
func caddyOps(f *File, ops *config.Node) {
	caddyValues(f, ops.Get("set"), ops.At("require", "headers"))
	caddyValues(f, ops.Get("add"), ops.At("require", "headers"))
	for _, name := range ops.Get("delete").Items() {
		f.lose(name.Str(), name.Line, "it is deleted")
	}
}

// caddyValues takes names with their lists of values. A header that is set only where it is not there yet may have another value.
func caddyValues(f *File, names, require *config.Node) {
	for _, e := range names.Entries() {
		condition := require.Get(e.Name)
		absent := condition != nil && condition.Kind == config.Null
		for _, value := range e.Node.Items() {
			if !strings.Contains(e.Name, "{") {
				f.set(e.Name, value.Str(), absent || value.Kind != config.String || caddyOpen(value.Str()), e.Node.Line)
			}
		}
	}
}
