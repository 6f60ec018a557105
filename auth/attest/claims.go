package attest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/redoubt-dev/redoubt/threat"
)

// Required is a claim that a workspace requires of tokens. Several patterns for one claim of one issuer are alternatives;
// different claims must all hold.
type Required struct {
	Claim   string `json:"claim" jsonschema:"its name; a nested one with dots"`
	Issuer  string `json:"issuer,omitempty" jsonschema:"only for tokens of this issuer; empty for all"`
	Pattern string `json:"pattern" jsonschema:"the exact value, or a glob: * stays within a path segment, ** does not"`
}

// owning are the claims that tie a token to a repository or its owner. Without one of them any job of the provider would do.
var owning = []string{
	"repository", "repository_id", "repository_owner", "repository_owner_id", "project_path", "project_id", "namespace_path", "namespace_id",
}

// Check checks a required claim. Errors: [threat.Invalid].
func (r Required) Check() error {
	switch {
	case r.Claim == "" || len(r.Claim) > 100 || strings.ContainsFunc(r.Claim, func(c rune) bool { return c <= ' ' || c > '~' }):
		return threat.Errorf(threat.Invalid, "the claim is missing or no name").In("claim").Hinted("such as repository, environment, job_workflow_ref, project_path, ref_protected")
	case slices.Contains([]string{"iss", "aud", "exp", "nbf", "iat", "jti"}, r.Claim):
		return threat.Errorf(threat.Invalid, "%s is checked for every token", r.Claim).In("claim")
	case r.Pattern == "" || len(r.Pattern) > 300:
		return threat.Errorf(threat.Invalid, "the pattern is missing or too long").In("pattern").Hinted("the exact value, or a glob such as acme/**")
	case !doublestar.ValidatePattern(r.Pattern):
		return threat.Errorf(threat.Invalid, "the pattern is no glob").In("pattern").Hinted("* ** ? [a-z] {a,b}; \\ before a sign that stands for itself")
	}
	return nil
}

// owns reports whether a required claim names a repository or an owner of the issuer: its value does not begin with a wildcard.
func (r Required) owns(i Issuer) bool {
	first, _, _ := strings.Cut(r.Pattern, "/")
	return (slices.Contains(owning, r.Claim) || r.Claim == i.names().Repository) && !strings.ContainsAny(first, "*?[{")
}

// matches reports whether a value is what the pattern asks for.
func (r Required) matches(value string) bool {
	ok, err := doublestar.Match(r.Pattern, value)
	return err == nil && ok || value == r.Pattern
}

// Lookup returns a claim as text: a string as it is, a number in decimal, a truth value as "true" or "false". found is false when
// there is none, text is false for one of another type. "a.b" is the claim of that name, else b within a.
func Lookup(claims map[string]any, name string) (value string, found, text bool) {
	v, ok := claims[name]
	if !ok {
		for i := 0; i < len(name); i++ {
			if name[i] != '.' {
				continue
			}
			if inner, isMap := claims[name[:i]].(map[string]any); isMap {
				if value, found, text = Lookup(inner, name[i+1:]); found {
					return value, found, text
				}
			}
		}
		return "", false, false
	}
	switch v := v.(type) {
	case string:
		return v, true, true
	case json.Number:
		return v.String(), true, true
	case bool:
		return strconv.FormatBool(v), true, true
	}
	return "", true, false
}
