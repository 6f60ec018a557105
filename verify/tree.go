package verify

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
)

// Bounds on what is read.
const (
	MaxFile   = 2 << 20  // bytes of a file that is checked
	maxReport = 64 << 20 // bytes of a test report
	maxTree   = 200_000  // files of a tree that is searched through
)

// tree is the folder that checks are confined to: no path and no symbolic link leads out of it.
type tree struct {
	*os.Root
	list func() ([]string, error)
}

func openTree(dir string) (*tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("the project root cannot be opened: %w", err)
	}
	t := &tree{Root: root}
	t.list = sync.OnceValues(t.walk)
	return t, nil
}

// missing is the failure of a file that is not there.
type missing struct{ path string }

func (m *missing) Error() string { return "there is no file " + m.path }

// open opens a regular file of at most limit bytes, and tells what it is. What is no regular file is told from its mode before it is opened, and
// again afterwards, since a pipe would block whoever opens it and the tree may change in between.
func (t *tree) open(name string, limit int64) (*os.File, fs.FileInfo, error) {
	info, err := t.Stat(name)
	if err != nil {
		return nil, nil, openError(name, err)
	}
	if err := regular(name, info, limit); err != nil {
		return nil, nil, err
	}
	f, err := t.OpenFile(name, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return nil, nil, openError(name, err)
	}
	if info, err = f.Stat(); err == nil {
		err = regular(name, info, limit)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// read returns the content of a file of at most MaxFile bytes.
func (t *tree) read(name string) ([]byte, error) {
	f, info, err := t.open(name, MaxFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := make([]byte, 0, info.Size()+1)
	for {
		if len(text) > MaxFile { // it grew while it was read
			return nil, tooLarge(name, int64(len(text)), MaxFile)
		}
		if len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
		n, err := f.Read(text[len(text):min(cap(text), MaxFile+1)])
		text = text[:len(text)+n]
		if err == io.EOF {
			return text, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w", name, cause(err))
		}
	}
}

func regular(name string, info fs.FileInfo, limit int64) error {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return failf("%s is a folder, not a file", name)
	case mode&fs.ModeNamedPipe != 0:
		return failf("%s is a named pipe, not a file", name)
	case mode&fs.ModeSocket != 0:
		return failf("%s is a socket, not a file", name)
	case mode&(fs.ModeDevice|fs.ModeCharDevice) != 0:
		return failf("%s is a device, not a file", name)
	case !mode.IsRegular():
		return failf("%s is not a regular file", name)
	case info.Size() > limit:
		return tooLarge(name, info.Size(), limit)
	}
	return nil
}

func tooLarge(name string, size, limit int64) error {
	return failf("%s has %d bytes; at most %d are read", name, size, limit)
}

func openError(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &missing{name}
	case strings.Contains(err.Error(), "escapes"): // os.Root exports no error for it
		return failf("%s leads out of the project root", name)
	case errors.Is(err, fs.ErrPermission):
		return failf("%s cannot be read: permission denied", name)
	}
	return failf("%s cannot be read: %v", name, cause(err))
}

// cause strips the path of this machine from an error.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// leftOut are the folders that hold no files of the project: the walk does not enter them.
var leftOut = map[string]bool{
	".git": true, ".hg": true, ".svn": true, "node_modules": true, "__pycache__": true, ".venv": true, "venv": true, ".tox": true,
	".mypy_cache": true, ".pytest_cache": true, ".gradle": true, ".idea": true,
}

// inLeftOut reports whether the walk does not come to a file.
func inLeftOut(file string) bool {
	parts := strings.Split(file, "/")
	return slices.ContainsFunc(parts[:len(parts)-1], func(dir string) bool { return leftOut[dir] })
}

// walk lists the regular files of the tree in lexical order, without following links. The error is for a tree of more than
// maxTree files, with the first of them.
func (t *tree) walk() ([]string, error) {
	var files []string
	err := fs.WalkDir(t.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && p == ".":
			return err
		case err != nil: // a folder that may not be read
			return fs.SkipDir
		case d.IsDir():
			if p != "." && leftOut[path.Base(p)] {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			if len(files) == maxTree {
				return fmt.Errorf("the tree has more than %d files", maxTree)
			}
			files = append(files, p)
		}
		return nil
	})
	return files, err
}
