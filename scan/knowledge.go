package scan

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

//go:embed knowledge/*.yaml
var files embed.FS

// file is what a file of the table may hold; all files together are one table.
type file struct {
	Languages  []language                           `yaml:"languages"`
	Frameworks []framework                          `yaml:"frameworks"`
	Layers     []layer                              `yaml:"layers"`
	Prove      map[threat.FacetKind][]evidence.Type `yaml:"prove"`    // what proves a kind, the usual first
	Hardware   map[threat.FacetKind][]evidence.Type `yaml:"hardware"` // the same for hardware description languages
	Topics     []topic                              `yaml:"topics"`
}

// language is a language, or another notation that is searched, such as Dockerfiles.
type language struct {
	ID       string   `yaml:"id"`
	Like     string   `yaml:"like"` // whose entries serve where it has none
	Also     []string `yaml:"also"` // other names of it
	Hardware bool     `yaml:"hardware"`
}

// framework is a framework of a language, whose entries serve where it has none.
type framework struct {
	ID   string   `yaml:"id"`
	Of   string   `yaml:"of"`
	Also []string `yaml:"also"`
}

// layer is a part that most programs have, and the places where it usually is.
type layer struct {
	ID  string              `yaml:"id"`
	Any []string            `yaml:"any"`
	In  map[string][]string `yaml:"in"` // by language or framework
}

// topic is what a control can be about.
type topic struct {
	ID    string          `yaml:"id"`
	Words []string        `yaml:"words"` // words and phrases of facets that are about it; "*" stands for any ending
	Layer string          `yaml:"layer"`
	Right string          `yaml:"right"` // what a sound implementation has
	Prove []evidence.Type `yaml:"prove"` // what proves it best
	Any   cell            `yaml:"any"`   // in any language
	In    map[string]cell `yaml:"in"`    // by language or framework

	terms []term
}

// cell is what to search for in one language or framework.
type cell struct {
	Find []sample `yaml:"find"` // what implementing code usually matches
	Gap  []sample `yaml:"gap"`  // what often is the opposite
}

// sample is a pattern with a text that it matches and one that it does not; a test holds it to both.
type sample struct {
	Pattern, Hit, Miss string
}

// UnmarshalYAML reads a sample from [pattern, hit, miss].
func (s *sample) UnmarshalYAML(n *yaml.Node) error {
	var parts []string
	if err := n.Decode(&parts); err != nil {
		return err
	}
	if len(parts) != 3 {
		return fmt.Errorf("line %d: a pattern needs a text that matches and one that does not", n.Line)
	}
	s.Pattern, s.Hit, s.Miss = parts[0], parts[1], parts[2]
	return nil
}

// table is the knowledge, read once.
var table = sync.OnceValue(func() *file {
	t, err := load()
	if err != nil {
		panic("scan: " + err.Error()) // the table is part of the program, and tested
	}
	return t
})

func load() (*file, error) {
	list, err := files.ReadDir("knowledge")
	if err != nil {
		return nil, err
	}
	all := &file{}
	for _, f := range list {
		raw, err := files.ReadFile("knowledge/" + f.Name())
		if err != nil {
			return nil, err
		}
		var part file
		dec := yaml.NewDecoder(bytes.NewReader(raw))
		dec.KnownFields(true)
		if err := dec.Decode(&part); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		all.Languages = append(all.Languages, part.Languages...)
		all.Frameworks = append(all.Frameworks, part.Frameworks...)
		all.Layers = append(all.Layers, part.Layers...)
		all.Topics = append(all.Topics, part.Topics...)
		if part.Prove != nil {
			all.Prove, all.Hardware = part.Prove, part.Hardware
		}
	}
	for i := range all.Topics {
		for _, w := range all.Topics[i].Words {
			all.Topics[i].terms = append(all.Topics[i].terms, newTerm(w))
		}
	}
	return all, nil
}

// general is the topic of a control that no other claims.
const general = "general"

func (f *file) topic(id string) *topic {
	i := slices.IndexFunc(f.Topics, func(t topic) bool { return t.ID == id })
	return &f.Topics[i]
}

func (f *file) layer(id string) *layer {
	i := slices.IndexFunc(f.Layers, func(l layer) bool { return l.ID == id })
	return &f.Layers[i]
}
