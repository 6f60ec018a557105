package attest

import (
	"net/url"
	"strings"

	"github.com/redoubt-dev/redoubt/threat"
)

// Kind is what an issuer's tokens look like.
type Kind string

// The kinds.
const (
	GitHub  Kind = "github" // GitHub Actions, on github.com or an enterprise host
	GitLab  Kind = "gitlab" // GitLab CI, on gitlab.com or a host of one's own
	Generic Kind = "oidc"   // any other OIDC provider; the names of its claims are given
)

// Kinds lists the kinds.
func Kinds() []Kind { return []Kind{GitHub, GitLab, Generic} }

// Enum lists the legal values, for schemas.
func (Kind) Enum() []string { return []string{string(GitHub), string(GitLab), string(Generic)} }

// Claims names the claims that say where a token comes from. A nested one is written with dots.
type Claims struct {
	Commit     string `json:"commit"`
	Ref        string `json:"ref" jsonschema:"a branch, or a full ref such as refs/heads/main"`
	Repository string `json:"repository"`
}

// Issuer is a trusted issuer of CI tokens.
type Issuer struct {
	// Bound says that the audience of its tokens carries the statement's digest, since the job can choose it.
	Bound  bool   `json:"bound,omitempty" jsonschema:"the audience must carry the statement's digest; always so for kind github"`
	Claims Claims `json:"claims,omitzero" jsonschema:"for kind oidc only"`
	Kind   Kind   `json:"kind"`
	URL    string `json:"url" jsonschema:"the iss claim, exactly; https"`
}

// The issuers that every workspace trusts (their public documentation names these URLs).
const (
	GitHubURL = "https://token.actions.githubusercontent.com"
	GitLabURL = "https://gitlab.com"
)

// Trusted returns the issuers that every workspace trusts.
func Trusted() []Issuer {
	return []Issuer{{URL: GitHubURL, Kind: GitHub, Bound: true}, {URL: GitLabURL, Kind: GitLab}}
}

// Check checks a custom issuer and returns it completed. Errors: [threat.Invalid].
func (i Issuer) Check() (Issuer, error) {
	bad := func(field, format string, args ...any) *threat.Error {
		return threat.Errorf(threat.Invalid, format, args...).In(field)
	}
	u, err := url.Parse(i.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(i.URL) > 300 ||
		strings.ContainsFunc(i.URL, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return i, bad("url", "the issuer is not an https URL").Hinted("the iss claim of its tokens, such as https://gitlab.example.org")
	}
	switch i.Kind {
	case GitHub, GitLab:
		if i.Claims != (Claims{}) {
			return i, bad("claims", "the claims of kind %s are known", i.Kind).Hinted("leave claims out, or say kind oidc")
		}
		i.Bound = i.Bound || i.Kind == GitHub
	case Generic:
		for name, claim := range map[string]string{"repository": i.Claims.Repository, "commit": i.Claims.Commit, "ref": i.Claims.Ref} {
			if claim == "" || len(claim) > 100 {
				return i, bad("claims."+name, "the name of the claim is missing or too long").
					Hinted("kind oidc needs the names of the claims that carry repository, commit and ref")
			}
		}
	default:
		return i, bad("kind", "kind %q is not known", threat.Clip(string(i.Kind), 20)).Hinted("valid: github, gitlab, oidc")
	}
	return i, nil
}

// names returns the claims of an issuer's tokens.
func (i Issuer) names() Claims {
	switch i.Kind {
	case GitHub:
		return Claims{Repository: "repository", Commit: "sha", Ref: "ref"}
	case GitLab:
		return Claims{Repository: "project_path", Commit: "sha", Ref: "ref"}
	}
	return i.Claims
}
