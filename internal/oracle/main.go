// Command oracle compares the declarations that verify/source finds in the code of others with those of Universal Ctags and
// tree-sitter. docs/oracle.md says how the code is chosen and what is counted; scripts/oracle.sh runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
)

func main() {
	if err := execute(); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func execute() error {
	language := flag.String("language", "", "one language only")
	choosing := flag.Bool("choose", false, "apply the rule of choice anew and write "+corporaFile)
	flag.Parse()
	f, err := newFetcher()
	if err != nil {
		return err
	}
	if *choosing {
		return chooseAll(f, *language)
	}
	return nil
}

// chooseAll writes the pinned list anew, of one language or of all.
func chooseAll(f *fetcher, language string) error {
	logf := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	var list []*corpus
	if language != "" {
		old, err := readCorpora()
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(old, func(c *corpus) bool { return c.Language == language })
	}
	for i := range pools {
		p := &pools[i]
		if language != "" && p.language != language {
			continue
		}
		chosen, err := choose(f, p, logf)
		if err != nil {
			return err
		}
		list = append(list, chosen...)
	}
	at := func(c *corpus) int {
		return slices.IndexFunc(pools, func(p pool) bool { return p.language == c.Language })
	}
	slices.SortStableFunc(list, func(a, b *corpus) int { return at(a) - at(b) })
	return writeCorpora(list)
}
