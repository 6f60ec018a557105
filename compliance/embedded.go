package compliance

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed frameworks
var files embed.FS

const (
	root = "frameworks"     // one folder a framework
	head = "framework.yaml" // says what it is; the other files are its chapters, in the order of their names
)

// chapterFile is one chapter of an embedded framework.
type chapterFile struct {
	Chapter  Chapter       `yaml:"chapter"`
	Sections []sectionFile `yaml:"sections"`
}

type sectionFile struct {
	Section      `yaml:",inline"`
	Requirements []Requirement `yaml:"requirements"`
}

var embedded = sync.OnceValues(load)

// Embedded returns the frameworks that come with the program, ordered by id; each call returns the same shared values,
// which are read-only. Reading them takes some tens of milliseconds, once. An error means that the files of this package
// are broken.
func Embedded() ([]Framework, error) {
	list, err := embedded()
	return slices.Clone(list), err
}

func load() ([]Framework, error) {
	dirs, err := files.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var out []Framework
	for _, dir := range dirs { // ReadDir sorts, so the order is fixed
		if !dir.IsDir() {
			continue
		}
		f, err := loadFramework(path.Join(root, dir.Name()))
		if err != nil {
			return nil, fmt.Errorf("compliance: %w", err)
		}
		out = append(out, f)
	}
	return out, nil
}

func loadFramework(dir string) (f Framework, err error) {
	if err := decode(path.Join(dir, head), &f); err != nil {
		return f, err
	}
	list, err := files.ReadDir(dir)
	if err != nil {
		return f, err
	}
	for _, file := range list {
		if file.Name() == head || !strings.HasSuffix(file.Name(), ".yaml") {
			continue
		}
		var in chapterFile
		if err := decode(path.Join(dir, file.Name()), &in); err != nil {
			return f, err
		}
		for _, s := range in.Sections {
			in.Chapter.Sections = append(in.Chapter.Sections, s.Section)
			for _, r := range s.Requirements {
				r.Chapter, r.Section = in.Chapter.ID, s.ID
				f.Requirements = append(f.Requirements, r)
			}
		}
		f.Chapters = append(f.Chapters, in.Chapter)
	}
	return f, nil
}

// decode reads one strict YAML document: an unknown field is an error.
func decode(name string, into any) error {
	data, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := dec.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: more than one document", name)
	}
	return nil
}
