package rest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/redoubt-dev/redoubt/threat"
)

// document writes the OpenAPI 3.1 description of all routes, from the schemas by which they check.
func (a *API) document() ([]byte, error) {
	paths := map[string]map[string]any{}
	for _, rt := range a.routes {
		if paths[rt.Path] == nil {
			paths[rt.Path] = map[string]any{}
		}
		op, err := rt.operation()
		if err != nil {
			return nil, fmt.Errorf("rest: %s %s: %w", rt.Method, rt.Path, err)
		}
		paths[rt.Path][strings.ToLower(rt.Method)] = op
	}
	codes := make([]string, 0, len(threat.Codes()))
	for _, c := range threat.Codes() {
		codes = append(codes, string(c))
	}
	return json.Marshal(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Redoubt", "version": a.version,
			"description": "Threat models, their controls, and what proves that the controls are in the code.",
		},
		"servers":  []any{map[string]any{"url": "/api/v1"}},
		"security": []any{map[string]any{"bearer": []any{}}, map[string]any{"header": []any{}}},
		"paths":    paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{
				"bearer": map[string]any{"type": "http", "scheme": "bearer"},
				"header": map[string]any{"type": "apiKey", "in": "header", "name": "X-API-Key"},
			},
			"schemas": map[string]any{"Error": map[string]any{
				"type":     "object",
				"required": []string{"code", "message"},
				"properties": map[string]any{
					"code":    map[string]any{"type": "string", "enum": codes},
					"message": map[string]any{"type": "string"},
					"field":   map[string]any{"type": "string"},
					"hint":    map[string]any{"type": "string", "description": "what to do next"},
				},
			}},
		},
	})
}

func (rt *Route) operation() (map[string]any, error) {
	output, err := rt.output()
	if err != nil {
		return nil, err
	}
	op := map[string]any{
		"summary":     rt.Summary,
		"operationId": operationID(rt),
		"description": "Needs a key that may " + string(rt.Needs) + ".",
		"responses": map[string]any{
			"200":     map[string]any{"description": "OK", "content": jsonContent(output)},
			"default": map[string]any{"description": "What went wrong", "content": jsonContent(map[string]any{"$ref": "#/components/schemas/Error"})},
		},
	}
	if rt.pends {
		op["responses"].(map[string]any)["202"] = map[string]any{
			"description": "A job does it: GET /jobs/{job_id} says how it goes and asks what it has to ask, its result is the answer", "content": jsonContent(output),
		}
	}
	inPath := pathNames(rt.Path)
	var params []any
	body := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
	for _, name := range rt.input.PropertyOrder {
		p := rt.input.Properties[name]
		required := slices.Contains(rt.input.Required, name)
		switch {
		case slices.Contains(inPath, name):
			params = append(params, parameter(name, "path", true, p))
		case rt.Method == "GET" || rt.Method == "DELETE" || rt.Takes != nil:
			params = append(params, parameter(name, "query", required, p))
		default:
			body.Properties[name] = p
			if required {
				body.Required = append(body.Required, name)
			}
		}
	}
	if params != nil {
		op["parameters"] = params
	}
	if rt.Takes != nil {
		file := map[string]any{}
		for _, kind := range rt.Takes {
			file[kind] = map[string]any{}
		}
		op["requestBody"] = map[string]any{"required": true, "content": file}
	}
	if len(body.Properties) > 0 {
		op["requestBody"] = map[string]any{"required": true, "content": jsonContent(body)}
	}
	return op, nil
}

func operationID(rt *Route) string {
	return strings.ToLower(rt.Method) + strings.NewReplacer("/", "_", "{", "", "}", "", "-", "_").Replace(rt.Path)
}

func parameter(name, in string, required bool, p *jsonschema.Schema) map[string]any {
	out := map[string]any{"name": name, "in": in, "required": required, "schema": p}
	if in == "query" && p.Type == "array" {
		out["style"], out["explode"] = "form", false
	}
	return out
}

func jsonContent(s any) map[string]any {
	return map[string]any{"application/json": map[string]any{"schema": s}}
}
