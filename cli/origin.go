package cli

import (
	"bytes"
	"context"
	"net/url"
	"os/exec"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// origin is where a verifier runs: which repository, commit and branch, in which CI.
type origin struct {
	repo   string
	commit string
	branch string
	ci     evidence.CI
}

// findOrigin tells where the program runs: what flags say wins, then the variables of GitHub Actions and GitLab CI, then git. The commit is
// always that of the work tree, since its files are what is checked. A field that nothing tells is empty.
func (e *env) findOrigin(ctx context.Context, root, repo, branch string) origin {
	o := origin{repo: repo, branch: branch, commit: gitLine(ctx, root, "rev-parse", "--verify", "HEAD^{commit}")}
	pick := func(to *string, values ...string) {
		for _, v := range values {
			if *to == "" {
				*to = v
			}
		}
	}
	switch {
	case e.getenv("GITHUB_ACTIONS") == "true":
		o.ci.Provider = "github"
		if base, id := e.getenv("GITHUB_SERVER_URL"), e.getenv("GITHUB_RUN_ID"); base != "" && id != "" {
			o.ci.RunURL = base + "/" + e.getenv("GITHUB_REPOSITORY") + "/actions/runs/" + id
		}
		pick(&o.repo, e.getenv("GITHUB_REPOSITORY"))
		// In a pull request GITHUB_REF_NAME is "12/merge", which is no branch; the head's name is, and a fork may have called it
		// "main". So what a pull request runs on is told apart from every branch.
		if strings.HasPrefix(e.getenv("GITHUB_REF"), "refs/pull/") {
			pick(&o.branch, e.getenv("GITHUB_REF"))
		}
		if e.getenv("GITHUB_REF_TYPE") != "tag" {
			pick(&o.branch, e.getenv("GITHUB_REF_NAME"))
		} else {
			pick(&o.branch, e.getenv("GITHUB_REF"))
		}
	case e.getenv("GITLAB_CI") == "true":
		o.ci.Provider = "gitlab"
		pick(&o.ci.RunURL, e.getenv("CI_JOB_URL"), e.getenv("CI_PIPELINE_URL"))
		pick(&o.repo, e.getenv("CI_PROJECT_PATH"))
		switch {
		case e.getenv("CI_MERGE_REQUEST_IID") != "":
			pick(&o.branch, "refs/merge-requests/"+e.getenv("CI_MERGE_REQUEST_IID")+"/head")
		case e.getenv("CI_COMMIT_TAG") != "":
			pick(&o.branch, "refs/tags/"+e.getenv("CI_COMMIT_TAG"))
		}
		pick(&o.branch, e.getenv("CI_COMMIT_BRANCH"), e.getenv("CI_COMMIT_REF_NAME"))
	}
	pick(&o.repo, repoOf(gitLine(ctx, root, "config", "--get", "remote.origin.url")))
	pick(&o.branch, gitLine(ctx, root, "symbolic-ref", "--quiet", "--short", "HEAD"))
	return o
}

// gitLine runs git and returns its one line of output, "" when it fails.
func gitLine(ctx context.Context, root string, args ...string) string {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(bytes.TrimSuffix(out, []byte("\n"))))
}

// repoOf returns "org/name" of a remote's URL: https://host/org/name.git, git@host:org/name.git, ssh://git@host:22/org/name. A path of
// this machine is no repository that others know, and gives "".
func repoOf(remote string) string {
	path := ""
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		path = u.Path
	} else if host, rest, ok := strings.Cut(remote, ":"); ok && strings.Contains(host, "@") && !strings.Contains(host, "/") {
		path = rest
	}
	repo := strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	if evidence.CheckRepo(repo) != nil {
		return ""
	}
	return repo
}

// complete checks that a run can state where it took place.
func (o *origin) complete() error {
	if o.commit == "" {
		return threat.Errorf(threat.FailedPrecondition, "there is no git work tree with a commit here").In("project-root").
			Hinted("a run states its commit; without one use verify check, verify one or --dry-run")
	}
	if o.branch == "" {
		return threat.Errorf(threat.FailedPrecondition, "the branch is not known").In("branch").
			Hinted("HEAD is detached: say it with --branch")
	}
	return nil
}
