package audit

import (
	"testing"

	"github.com/redoubt-dev/redoubt/auth/attest"
)

// A package cannot say that GitHub's tokens name their repository in a claim that anybody may choose, or need no digest.
func TestKnownIssuer(t *testing.T) {
	lie := attest.Issuer{URL: attest.GitHubURL, Kind: attest.Generic, Claims: attest.Claims{Repository: "workflow", Commit: "sha", Ref: "ref"}}
	if i, err := knownIssuer(lie); err != nil || i.Kind != attest.GitHub || !i.Bound || i.Claims != (attest.Claims{}) {
		t.Errorf("%+v, %v", i, err)
	}
	own := attest.Issuer{URL: "https://github.example.org", Kind: attest.GitHub}
	if i, err := knownIssuer(own); err != nil || !i.Bound {
		t.Errorf("%+v, %v", i, err)
	}
	if _, err := knownIssuer(attest.Issuer{URL: "http://a", Kind: attest.GitLab}); err == nil {
		t.Error("an issuer that no workspace can trust is taken")
	}
}
