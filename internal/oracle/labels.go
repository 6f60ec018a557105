package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// labelled are the declarations that a person read in some files of a language: all that there are, by code base and file.
type labelled map[[2]string]map[decl]bool

// readLabels reads labels/LANGUAGE.txt. It is empty for a language without one.
func readLabels(language string) (labelled, error) {
	text, err := os.ReadFile("labels/" + language + ".txt")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := labelled{}
	var at [2]string
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		fields := strings.Fields(line)
		row, err := 0, error(nil)
		switch {
		case len(fields) == 0 || fields[0] == "#":
			continue
		case fields[0] == "file" && len(fields) == 3:
			at = [2]string{fields[1], fields[2]}
			list[at] = map[decl]bool{}
			continue
		case len(fields) == 3 && list[at] != nil && (fields[1] == function || fields[1] == typ):
			row, err = strconv.Atoi(fields[0])
		default:
			err = errors.New("neither a file nor a declaration")
		}
		if err != nil {
			return nil, fmt.Errorf("labels/%s.txt:%d: %w", language, number, err)
		}
		list[at][decl{at[1], row, fields[1], fold(language, fields[2])}] = true
	}
	return list, nil
}

// labels compares verify/source with what a person read, for a language that has labels. The tally's agreed are the labels.
func (o *oracle) labels(p *pool, list []*corpus) (*tally, error) {
	all, err := readLabels(p.language)
	if err != nil || all == nil {
		return nil, err
	}
	t := &tally{}
	for _, c := range list {
		if c.Language != p.language {
			continue
		}
		tree, err := o.tree(c)
		if err != nil {
			return nil, err
		}
		for at, want := range all {
			if at[0] != c.Name {
				continue
			}
			body, err := os.ReadFile(filepath.Join(tree, at[1]))
			if err != nil {
				return nil, err
			}
			files := []text{{at[1], body}}
			ours, _, refused := own(p.language, files)
			for _, err := range refused {
				if errors.Is(err, source.ErrUnsupported) {
					return nil, nil
				}
				t.refused = append(t.refused, fmt.Sprintf("%s/%s: %v", c.Name, at[1], err))
			}
			// tree-sitter knows what is neither required nor made up.
			second, err := o.tools.treesitter(p.language, tree, files)
			if err != nil {
				return nil, err
			}
			t.files++
			for d := range want {
				t.agreed++
				if ours[d] {
					t.found++
				} else {
					t.missed = append(t.missed, c.Name+"/"+d.String())
				}
			}
			for d := range ours {
				t.ours++
				if !want[d] && !second.maybe[d] {
					t.denied++
					t.made = append(t.made, c.Name+"/"+d.String())
				}
			}
		}
	}
	slices.Sort(t.missed)
	slices.Sort(t.made)
	return t, nil
}
