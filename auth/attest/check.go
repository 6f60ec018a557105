package attest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Audience is what a job that can choose the audience of its token asks for: the server's URL with the digest of the statement's
// canonical form (SHA-256, hexadecimal), so that the token goes with this statement to this server and with nothing else.
func Audience(server, digest string) string {
	return strings.TrimSuffix(server, "/") + "#sha256:" + digest
}

// Stated is what a statement says of where it comes from.
type Stated struct {
	Repo   string
	Commit string
	Branch string // or the full ref of what is no branch
	Digest string // of the statement's canonical form
}

// Rules are what a workspace asks of tokens.
type Rules struct {
	Server       string // the server's public URL
	Required     []Required
	PullRequests bool // tokens of pull requests and merge requests are accepted
}

// Check decides whether a token, whose signature was checked, proves what a statement says. Errors: [threat.Invalid] with the
// rule in the field; [threat.FailedPrecondition] when the workspace requires no claim that names a repository or an owner.
func (t *Token) Check(i Issuer, st Stated, r Rules, now time.Time) error {
	bad := func(rule, format string, args ...any) *threat.Error {
		return threat.Errorf(threat.Invalid, format, args...).In("proof." + rule)
	}
	var required []Required
	for _, c := range r.Required {
		if c.Issuer == "" || c.Issuer == i.URL {
			required = append(required, c)
		}
	}
	// Patterns for one claim are alternatives: it ties the token to an owner only when each of them does.
	owned := slices.ContainsFunc(required, func(c Required) bool {
		return !slices.ContainsFunc(required, func(other Required) bool { return other.Claim == c.Claim && !other.owns(i) })
	})
	if !owned {
		return threat.Errorf(threat.FailedPrecondition, "no required claim names a repository or an owner of %s", i.URL).In("proof.required_claims").
			Hinted("any job of the provider would do otherwise: an owner of the workspace requires a claim, such as repository_owner = acme")
	}
	switch {
	case r.Server == "": // nothing could tell a token for this server from one for another
		return threat.Errorf(threat.FailedPrecondition, "the server does not know its public URL").In("proof.audience").Hinted("the operator sets --public-url")
	case t.Issuer != i.URL:
		return bad("issuer", "the token is of another issuer")
	case now.After(t.Expiry.Add(Skew)):
		return bad("exp", "the token expired at %s", t.Expiry.UTC().Format(time.RFC3339)).Hinted("fetch a new one and submit again")
	case !t.NotBefore.IsZero() && now.Add(Skew).Before(t.NotBefore):
		return bad("nbf", "the token is valid from %s", t.NotBefore.UTC().Format(time.RFC3339))
	case now.Add(Skew).Before(t.IssuedAt):
		return bad("iat", "the token was issued at %s, which is yet to come", t.IssuedAt.UTC().Format(time.RFC3339))
	case t.Expiry.Sub(t.IssuedAt) > 24*time.Hour:
		return bad("exp", "the token lives longer than a day")
	case t.ID == "":
		return bad("jti", "the token has no jti, so it cannot be told from its copy")
	}
	if err := t.audience(i, st, r); err != nil {
		return err
	}
	if err := t.place(i, st, r); err != nil {
		return err
	}
	return t.required(required)
}

// audience checks for whom the token was made.
func (t *Token) audience(i Issuer, st Stated, r Rules) error {
	bound := Audience(r.Server, st.Digest)
	if slices.Contains(t.Audience, bound) {
		return nil
	}
	plain := slices.ContainsFunc(t.Audience, func(a string) bool { return strings.TrimSuffix(a, "/") == strings.TrimSuffix(r.Server, "/") })
	if !i.Bound && plain {
		return nil
	}
	e := threat.Errorf(threat.Invalid, "the token is for another audience").In("proof.audience")
	if i.Bound {
		if slices.ContainsFunc(t.Audience, func(a string) bool { return strings.HasPrefix(a, strings.TrimSuffix(bound, st.Digest)) }) {
			e = threat.Errorf(threat.Invalid, "the token is for another statement").In("proof.audience")
		}
		return e.Hinted("ask for audience %s", bound)
	}
	return e.Hinted("ask for audience %s", r.Server)
}

// place checks that the token comes from where the statement says, and from what kind of event.
func (t *Token) place(i Issuer, st Stated, r Rules) error {
	names := i.names()
	event := map[Kind]string{GitHub: "event_name", GitLab: "pipeline_source"}[i.Kind]
	request := "" // the event, when it is that of a pull request
	if event != "" {
		v, err := t.claim(event)
		if err != nil {
			return err
		}
		if strings.HasPrefix(v, "pull_request") || v == "merge_request_event" || v == "external_pull_request_event" {
			request = threat.Clip(v, 40)
		}
		if request != "" && !r.PullRequests {
			return threat.Errorf(threat.Invalid, "the token is of a %s", request).In("proof." + event).
				Hinted("tokens of pull requests are refused unless the workspace allows them; a run without a proof is a preview")
		}
	}
	ref, err := t.claim(names.Ref)
	if err != nil {
		return err
	}
	if i.Kind == GitLab {
		if ref, err = t.gitlabRef(ref); err != nil {
			return err
		}
	}
	// A pull request never speaks for a branch: pull_request_target has the ref of the branch it asks to be merged into.
	if request != "" && !strings.HasPrefix(ref, "refs/pull/") && !strings.HasPrefix(ref, "refs/merge-requests/") {
		return threat.Errorf(threat.Invalid, "the token is of a %s, and its ref is that of a branch", request).In("proof." + event).
			Hinted("run on pull_request or in a merge request pipeline, whose runs are previews")
	}
	for _, c := range []struct{ what, claim, said string }{
		{"repository", names.Repository, st.Repo}, {"commit", names.Commit, st.Commit},
	} {
		v, err := t.claim(c.claim)
		if err != nil {
			return err
		}
		if v != c.said {
			return threat.Errorf(threat.Invalid, "the statement's %s is %s, and the token's %s another", c.what, threat.Clip(c.said, 80), c.claim).In("proof." + c.claim)
		}
	}
	if strings.TrimPrefix(ref, "refs/heads/") != st.Branch {
		return threat.Errorf(threat.Invalid, "the statement's branch is %s, and the token's %s another", threat.Clip(st.Branch, 80), names.Ref).In("proof." + names.Ref)
	}
	return nil
}

// gitlabRef brings a ref of GitLab to the form of statements: a branch by its name, anything else by its full ref.
func (t *Token) gitlabRef(ref string) (string, error) {
	kind, err := t.claim("ref_type")
	if err != nil {
		return "", err
	}
	if path, found, text := Lookup(t.Claims, "ref_path"); found && text && strings.HasPrefix(path, "refs/merge-requests/") {
		return path, nil
	}
	if kind == "tag" {
		return "refs/tags/" + ref, nil
	}
	return ref, nil
}

// claim returns a claim that must be there, as text.
func (t *Token) claim(name string) (string, error) {
	v, found, text := Lookup(t.Claims, name)
	switch {
	case !found:
		return "", threat.Errorf(threat.Invalid, "the token has no claim %s", name).In("proof." + name)
	case !text:
		return "", threat.Errorf(threat.Invalid, "the token's claim %s is no text, number or truth value", name).In("proof." + name)
	}
	return v, nil
}

// required checks the claims that the workspace requires.
func (t *Token) required(all []Required) error {
	seen := map[string]bool{}
	for _, c := range all {
		if seen[c.Claim] {
			continue
		}
		seen[c.Claim] = true
		value, err := t.claim(c.Claim)
		if err != nil {
			return err
		}
		var patterns []string
		ok := false
		for _, other := range all {
			if other.Claim == c.Claim {
				ok = ok || other.matches(value)
				patterns = append(patterns, other.Pattern)
			}
		}
		if !ok {
			return threat.Errorf(threat.Invalid, "the token's claim %s is not what the workspace requires", c.Claim).In("proof."+c.Claim).
				Hinted("required: %s", threat.Clip(fmt.Sprint(strings.Join(patterns, " or ")), 300))
		}
	}
	return nil
}
