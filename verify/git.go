package verify

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// repository is the git work tree that the root lies in, asked through the git command. Nothing that the repository configures
// is run: no hooks, no monitor, no filters; contents are compared here and not by git.
type repository struct {
	dir    string
	prefix string // of the root within the work tree, with a slash at its end; "" at the top
	commit string // full object name
}

// gitTime bounds each call of git.
const gitTime = 2 * time.Minute

// git runs a command in dir and returns what it writes.
func git(dir string, input []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gitTime)
	defer cancel()
	safe := []string{
		"-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.untrackedCache=false",
		"--no-optional-locks", "--literal-pathspecs", "--no-replace-objects",
	}
	cmd := exec.CommandContext(ctx, "git", append(safe, args...)...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(input)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	// A checkout that another user made is common in CI. Trusting it is safe here: nothing that it configures is run.
	cmd.Env = append(cmd.Env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, errors.New("the git command is not installed")
		}
		line, _, _ := strings.Cut(strings.TrimSpace(problem.String()), "\n")
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, line)
	}
	return out.Bytes(), nil
}

// workTree returns the prefix of dir within its work tree. The error tells that it lies in none.
func workTree(dir string) (string, error) {
	out, err := git(dir, nil, "rev-parse", "--is-inside-work-tree", "--show-prefix")
	if err != nil {
		return "", err
	}
	inside, prefix, _ := strings.Cut(string(out), "\n")
	if inside != "true" {
		return "", errors.New("it lies in no work tree")
	}
	return strings.TrimSuffix(prefix, "\n"), nil
}

func openRepository(dir, commit string) (*repository, error) {
	prefix, err := workTree(dir)
	if err != nil {
		return nil, fmt.Errorf("the project root is not in a git work tree, so its files cannot be compared with a commit: %w", err)
	}
	if strings.HasPrefix(commit, "-") {
		return nil, fmt.Errorf("%q is no commit", commit)
	}
	out, err := git(dir, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", commit+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("the repository has no commit %q: fetch it, or state the one that is checked out", commit)
	}
	return &repository{dir: dir, prefix: prefix, commit: strings.TrimSpace(string(out))}, nil
}

// blobs returns git's ids of the files at the commit. Links within the tree are followed, as reading follows them. A file that
// the commit has not is left out. It is one process, however many files there are.
func (g *repository) blobs(paths []string) (map[string]string, error) {
	var input bytes.Buffer
	for _, p := range paths {
		fmt.Fprintf(&input, "%s:%s%s\n", g.commit, g.prefix, p)
	}
	out, err := git(g.dir, input.Bytes(), "cat-file", "--batch-check=%(objecttype) %(objectname)", "--follow-symlinks")
	if err != nil {
		return nil, err
	}
	ids := make(map[string]string, len(paths))
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for _, p := range paths {
		if !lines.Scan() {
			return nil, fmt.Errorf("git cat-file answered for fewer than %d files", len(paths))
		}
		line := lines.Text()
		if id, ok := strings.CutPrefix(line, "blob "); ok && isHex(id) {
			ids[p] = id
			continue
		}
		// A broken link is told in two lines: "dangling 12", then the name.
		switch kind, _, _ := strings.Cut(line, " "); kind {
		case "dangling", "loop", "notdir", "symlink":
			lines.Scan()
		}
	}
	return ids, lines.Err()
}

// list returns the files of the commit below the root.
func (g *repository) list() ([]string, error) {
	tree := g.commit
	if g.prefix != "" {
		tree += ":" + strings.TrimSuffix(g.prefix, "/")
	}
	out, err := git(g.dir, nil, "ls-tree", "-r", "-z", "--full-tree", "--name-only", tree)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}

func isHex(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// blobID computes git's id of a content, by the hash that the given id was made with.
func blobID(content []byte, like string) string {
	var h hash.Hash = sha1.New()
	if len(like) == 64 {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

// isBlob reports whether a content is that of the blob. A checkout that turned line feeds into CRLF is the same text. What
// other filters change at checkout, such as Git LFS, differs: the commit does not hold what was checked.
func isBlob(content []byte, id string) bool {
	return blobID(content, id) == id || bytes.Contains(content, []byte("\r\n")) &&
		blobID(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")), id) == id
}

// compare asks for the blobs of all files of the plan.
func (r *run) compare() {
	if r.git == nil {
		return
	}
	paths := make([]string, 0, len(r.files))
	for p := range r.files {
		paths = append(paths, p)
	}
	blobs, err := r.git.blobs(paths)
	r.blobs, r.gitErr = blobs, err
}

// compareFile applies the policy to one file that an outcome rests on. A file that is neither here nor in the commit is as the
// commit has it.
func (r *run) compareFile(o *Outcome, f *file) {
	if r.git == nil || r.options.Dirty == DirtyIgnore {
		return
	}
	id, committed := r.blobs[f.path]
	there, clean := f.isThere(), f.clean(id)
	short := r.git.commit[:12]
	var what string
	switch {
	case r.gitErr != nil:
		what = fmt.Sprintf("%s could not be compared with commit %s: %v", f.path, short, r.gitErr)
	case !there && !committed:
		return
	case !there:
		what = fmt.Sprintf("dirty: commit %s has %s, which cannot be read here", short, f.path)
	case !committed:
		what = fmt.Sprintf("dirty: commit %s has no %s; commit it first", short, f.path)
	case !clean:
		what = fmt.Sprintf("dirty: %s differs from commit %s; commit the change or undo it", f.path, short)
	default:
		return
	}
	if r.options.Dirty == DirtyWarn {
		o.Warnings = append(o.Warnings, what)
		return
	}
	o.fails(what)
}

// isTracked reports whether git tracks the file, under the name given or under the one that its links lead to.
func isTracked(root, path string) (bool, error) {
	if _, err := workTree(root); err != nil {
		if strings.Contains(err.Error(), "not a git repository") || strings.Contains(err.Error(), "no work tree") ||
			strings.Contains(err.Error(), "not installed") {
			return false, nil // no repository tracks it
		}
		return false, err
	}
	names := []string{path}
	top, err := filepath.EvalSymlinks(root)
	if err != nil {
		return false, cause(err)
	}
	real, err := filepath.EvalSymlinks(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		return false, cause(err)
	}
	if rel, err := filepath.Rel(top, real); err == nil {
		names = append(names, filepath.ToSlash(rel))
	}
	for _, name := range names {
		out, err := git(root, nil, "ls-files", "-z", "--", name)
		if err != nil {
			return false, err
		}
		if len(out) > 0 {
			return true, nil
		}
	}
	return false, nil
}
