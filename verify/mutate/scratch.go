package mutate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/redoubt-dev/redoubt/verify"
)

// Bounds on the copy.
const (
	MaxBytes = 1 << 30 // of a copy, unless the options say otherwise
	maxFiles = 200_000
)

// scratch is a copy of the tree in a temporary folder. Everything that is changed is changed here.
type scratch struct {
	dir  string
	root *os.Root
}

// leftOut are the folders that a tree outside of git is copied without.
var leftOut = []string{".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".mypy_cache", ".pytest_cache", ".gradle", ".idea"}

// copyTree copies the tree's files: in a git work tree those that git tracks and new ones that it does not ignore, elsewhere all but
// the folders of tools; besides, the files named, and with tests the packages installed for them. A symbolic link is copied as one
// when it stays within the tree, and left out when it does not. The copy is removed by close. Errors: a root that is no folder, a
// tree with more bytes or files than allowed, a temporary folder that lies within the tree, a disk that is full.
func copyTree(ctx context.Context, o Options, named []string) (s *scratch, err error) {
	from, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, fmt.Errorf("the project root cannot be opened: %w", err)
	}
	defer from.Close()
	temp := o.Temp
	if temp == "" {
		temp = os.TempDir()
	}
	if within(temp, o.Root) {
		return nil, fmt.Errorf("the folder for temporary files, %s, lies within the project, whose files must not change; set TMPDIR to another", temp)
	}
	files, err := listTree(ctx, o, from)
	if err != nil {
		return nil, err
	}
	for _, name := range named {
		if !slices.Contains(files, name) {
			files = append(files, name)
		}
	}
	dir, err := os.MkdirTemp(temp, "redoubt-mutate-")
	if err != nil {
		return nil, fmt.Errorf("no temporary folder can be made: %w", err)
	}
	s = &scratch{dir: dir}
	defer func() {
		if err != nil {
			s.close()
			s = nil
		}
	}()
	if s.root, err = os.OpenRoot(dir); err != nil {
		return s, err
	}
	rest := o.MaxBytes
	if rest <= 0 {
		rest = MaxBytes
	}
	most := rest
	for i, name := range files {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		if i == maxFiles {
			return s, fmt.Errorf("the tree has more than %d files", maxFiles)
		}
		n, err := s.take(from, name, rest)
		if err != nil {
			return s, err
		}
		if rest -= n; rest < 0 {
			return s, fmt.Errorf("the tree has more than %d MiB of files, which is as much as is copied; what git ignores is not copied", most>>20)
		}
	}
	return s, nil
}

// within reports whether a folder is another one or lies in it.
func within(dir, root string) bool {
	real := func(p string) string {
		if abs, err := filepath.Abs(p); err == nil {
			p = abs
		}
		if links, err := filepath.EvalSymlinks(p); err == nil {
			p = links
		}
		return p
	}
	rel, err := filepath.Rel(real(root), real(dir))
	return err == nil && (rel == "." || rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)))
}

// listTree lists what is to be copied, with slashes.
func listTree(ctx context.Context, o Options, from *os.Root) ([]string, error) {
	if files, ok := listGit(ctx, o.Root); ok {
		if o.RunTests {
			installed, err := walk(from, "node_modules", nil)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			files = append(files, installed...)
		}
		return files, nil
	}
	skip := leftOut
	if o.RunTests {
		skip = slices.DeleteFunc(slices.Clone(leftOut), func(d string) bool { return d == "node_modules" })
	}
	return walk(from, ".", skip)
}

func walk(from *os.Root, top string, skip []string) ([]string, error) {
	var files []string
	err := fs.WalkDir(from.FS(), top, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && p == top:
			return err
		case err != nil:
			return fs.SkipDir
		case d.IsDir() && p != top && slices.Contains(skip, path.Base(p)):
			return fs.SkipDir
		case d.Type().IsRegular() || d.Type()&fs.ModeSymlink != 0:
			if files = append(files, p); len(files) > maxFiles {
				return fmt.Errorf("the tree has more than %d files", maxFiles)
			}
		}
		return nil
	})
	return files, err
}

// listGit lists the files of a git work tree that are tracked, or new and not ignored. Nothing that the repository configures is run.
func listGit(ctx context.Context, dir string) ([]string, bool) {
	cmd := exec.CommandContext(ctx, "git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath="+os.DevNull, "-c", "core.untrackedCache=false",
		"--no-optional-locks", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	out, err := cmd.Output()
	if err != nil {
		return nil, false
	}
	files := strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
	slices.Sort(files)
	return slices.Compact(files), true
}

// take copies one file and returns its size. What is gone, is no file, or leads out of the tree is left out.
func (s *scratch) take(from *os.Root, name string, rest int64) (int64, error) {
	info, err := from.Lstat(name)
	if err != nil {
		return 0, nil
	}
	to := filepath.FromSlash(name)
	if err := s.root.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return 0, err
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		target, err := from.Readlink(name)
		if err != nil || filepath.IsAbs(target) {
			return 0, nil
		}
		if _, err := from.Stat(name); err != nil {
			return 0, nil // it leads out of the tree, or nowhere
		}
		if err := s.root.Symlink(target, to); err != nil && !errors.Is(err, fs.ErrExist) {
			return 0, err
		}
		return 0, nil
	case !mode.IsRegular():
		return 0, nil
	case info.Size() > rest:
		return info.Size(), nil
	}
	in, err := from.Open(name)
	if errors.Is(err, fs.ErrPermission) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := s.root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o600)
	if errors.Is(err, fs.ErrExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, io.LimitReader(in, rest+1))
	if closed := out.Close(); err == nil {
		err = closed
	}
	return n, err
}

// read returns a file of at most verify.MaxFile bytes.
func (s *scratch) read(name string) ([]byte, error) {
	f, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, verify.MaxFile+1))
	if err == nil && len(text) > verify.MaxFile {
		err = fmt.Errorf("%s has more than %d bytes", name, verify.MaxFile)
	}
	return text, err
}

// aside is what a deleted file is called while a mutant is in place.
const aside = ".redoubt-deleted"

// with puts a mutant in place, calls do, and puts the file back as it was.
func (s *scratch) with(m *mutant, do func() error) (err error) {
	name := filepath.FromSlash(m.File)
	if m.delete {
		if err := s.root.Rename(name, name+aside); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.root.Rename(name+aside, name)) }()
		return do()
	}
	before, err := s.read(m.File)
	if err != nil {
		return err
	}
	if bytes.Equal(before, m.content) {
		return fmt.Errorf("the mutant of %s changes nothing", m.File)
	}
	defer func() { err = errors.Join(err, s.put(m.File, before)) }()
	if err := s.put(m.File, m.content); err != nil {
		return err
	}
	return do()
}

// put gives a file another content; its mode stays.
func (s *scratch) put(name string, text []byte) error {
	return s.root.WriteFile(filepath.FromSlash(name), text, 0o600)
}

// close removes the copy. Folders that tests made read-only are made writable first.
func (s *scratch) close() {
	if s.root != nil {
		s.root.Close()
	}
	if os.RemoveAll(s.dir) == nil {
		return
	}
	_ = filepath.WalkDir(s.dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(p, 0o700)
		}
		return nil
	})
	_ = os.RemoveAll(s.dir)
}
