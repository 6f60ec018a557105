package cli

import (
	"context"
	"os/exec"
	"testing"

	"github.com/redoubt-dev/redoubt/evidence"
)

func TestRepoOf(t *testing.T) {
	for remote, want := range map[string]string{
		"https://github.com/acme/shop.git":          "acme/shop",
		"https://token@github.com/acme/shop":        "acme/shop",
		"git@github.com:acme/shop.git":              "acme/shop",
		"ssh://git@gitlab.example.org:2222/a/b/c/":  "a/b/c",
		"https://gitlab.com/group/sub/project.git/": "group/sub/project",
		"/srv/git/shop.git":                         "",
		"../shop":                                   "",
		"file:///srv/git/shop.git":                  "",
		"C:/code/shop":                              "",
		"":                                          "",
		"https://github.com/acme":                   "",
		"git@github.com:../../etc":                  "",
	} {
		if got := repoOf(remote); got != want {
			t.Errorf("repoOf(%q) = %q, want %q", remote, got, want)
		}
	}
}

// Where a run takes place is told by flags, then CI, then git; a pull request is never a branch.
func TestFindOrigin(t *testing.T) {
	root := t.TempDir()
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=trunk"},
		{"remote", "add", "origin", "git@example.org:local/clone.git"},
		{"-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--allow-empty", "--message", "x"},
	} {
		if out, err := exec.Command("git", append([]string{"-C", root}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
	}
	github := map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "7",
		"GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch",
	}
	with := func(base map[string]string, more ...string) map[string]string {
		out := map[string]string{}
		for k, v := range base {
			out[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	gitlab := map[string]string{"GITLAB_CI": "true", "CI_PROJECT_PATH": "group/sub/shop", "CI_JOB_URL": "https://gitlab.com/j/1", "CI_COMMIT_REF_NAME": "main", "CI_COMMIT_BRANCH": "main"}
	onGitHub := evidence.CI{Provider: "github", RunURL: "https://github.com/acme/shop/actions/runs/7"}
	onGitLab := evidence.CI{Provider: "gitlab", RunURL: "https://gitlab.com/j/1"}
	for name, c := range map[string]struct {
		env          map[string]string
		repo, branch string
		want         origin
	}{
		"git":          {nil, "", "", origin{repo: "local/clone", branch: "trunk"}},
		"flags":        {github, "x/y", "release", origin{repo: "x/y", branch: "release", ci: onGitHub}},
		"github":       {github, "", "", origin{repo: "acme/shop", branch: "main", ci: onGitHub}},
		"pull request": {with(github, "GITHUB_REF", "refs/pull/12/merge", "GITHUB_REF_NAME", "12/merge", "GITHUB_HEAD_REF", "main"), "", "", origin{repo: "acme/shop", branch: "refs/pull/12/merge", ci: onGitHub}},
		"tag":          {with(github, "GITHUB_REF", "refs/tags/main", "GITHUB_REF_NAME", "main", "GITHUB_REF_TYPE", "tag"), "", "", origin{repo: "acme/shop", branch: "refs/tags/main", ci: onGitHub}},
		"gitlab":       {gitlab, "", "", origin{repo: "group/sub/shop", branch: "main", ci: onGitLab}},
		"merge request": {
			with(gitlab, "CI_MERGE_REQUEST_IID", "3", "CI_COMMIT_BRANCH", "", "CI_COMMIT_REF_NAME", "main"), "", "",
			origin{repo: "group/sub/shop", branch: "refs/merge-requests/3/head", ci: onGitLab},
		},
		"gitlab tag": {with(gitlab, "CI_COMMIT_TAG", "main", "CI_COMMIT_BRANCH", ""), "", "", origin{repo: "group/sub/shop", branch: "refs/tags/main", ci: onGitLab}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &env{getenv: func(k string) string { return c.env[k] }}
			got := e.findOrigin(context.Background(), root, c.repo, c.branch)
			if len(got.commit) != 40 {
				t.Errorf("the commit is %q", got.commit)
			}
			c.want.commit = got.commit
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			if err := got.complete(); err != nil {
				t.Error(err)
			}
		})
	}
	e := &env{getenv: func(string) string { return "" }}
	if got := e.findOrigin(context.Background(), t.TempDir(), "", ""); got.complete() == nil {
		t.Errorf("a folder without git is %+v", got)
	}
}
