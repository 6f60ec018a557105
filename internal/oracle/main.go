// Command oracle compares the declarations that verify/source finds in the code of others with those of Universal Ctags and
// tree-sitter. docs/oracle.md says how the code is chosen and what is counted; scripts/oracle.sh runs it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	if err := execute(); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

// oracle is one run.
type oracle struct {
	fetch    *fetcher
	tools    *tools
	disputed map[string]bool
	half     string // the only one; "" for both
	small    bool   // few files of each code base
	soft     bool   // what cannot be fetched is left out and named
	verbose  bool
	judges   bool // compare the judges with each other too, and without a recogniser
}

func execute() error {
	var (
		language = flag.String("language", "", "one language only")
		choosing = flag.Bool("choose", false, "apply the rule of choice anew and write "+corporaFile)
		misses   = flag.Bool("misses", false, "list what differs in the tuned half")
		check    = flag.Bool("check", false, "with --small: fail when more is missed or made up than "+smallFile+" says")
		update   = flag.Bool("update", false, "write the figures into docs; with --small, into "+smallFile)
		breaking = flag.Bool("break-the-seal", false, "with --misses: list what differs in the sealed half, once its figure is published")
		o        oracle
	)
	flag.StringVar(&o.half, "half", "", "tuned or sealed only")
	flag.BoolVar(&o.small, "small", false, "few files of each code base")
	flag.BoolVar(&o.soft, "soft", false, "leave out what cannot be fetched, and name it")
	flag.BoolVar(&o.judges, "judges", false, "list where the judges differ in the tuned half, even without a recogniser")
	flag.BoolVar(&o.verbose, "v", false, "a line for each code base")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unknown argument %q; see -h", flag.Arg(0))
	}
	if *update && (*language != "" || o.half != "" || o.soft) || *check && !o.small {
		return errors.New("--update is for whole runs, and --check for --small")
	}
	var err error
	if o.fetch, err = newFetcher(); err != nil {
		return err
	}
	chosen, err := named(*language)
	if err != nil {
		return err
	}
	if *choosing {
		return chooseAll(o.fetch, *language)
	}
	if o.tools, err = newTools(o.fetch); err != nil {
		return err
	}
	if o.disputed, err = readDisputed(); err != nil {
		return err
	}
	corpora, err := readCorpora()
	if err != nil {
		return err
	}
	results, err := o.all(chosen, corpora)
	if err != nil {
		return err
	}
	table(os.Stdout, results)
	for _, r := range results {
		if t := r.halves[tuned]; o.judges && t != nil {
			fmt.Println(strings.Join(t.differ, "\n"))
		}
		if *misses {
			list(os.Stdout, r, tuned)
		}
		if *misses && *breaking {
			list(os.Stdout, r, sealed)
		}
	}
	switch {
	case *check:
		return checkSmall(results)
	case *update && o.small:
		return writeSmall(results)
	case *update:
		return writeDocs(results)
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
