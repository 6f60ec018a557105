package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/redoubt-dev/redoubt/verify/source"
)

// tally is what a comparison counts, of one code base or of several.
type tally struct {
	corpora int
	files   int // compared
	bytes   int
	broken  int // files left out: verify/source refused them and tree-sitter did not understand them either

	agreed int // declarations of both judges
	found  int // of them by verify/source
	ours   int // declarations of verify/source that could be judged
	denied int // of them denied by both judges
	known  int // differences left out of the above, as both judges err: those of disputed.txt

	textClaims int // names before "(" in files that tree-sitter read without trouble: once for each file and name
	textDenied int // of them no function of that file for either judge
	ourClaims  int // functions of verify/source in the same files: once for each file and name
	ourDenied  int // of them no function of that file for either judge

	refused []string // files that verify/source refused, with the reason
	missed  []string // agreed and not found
	made    []string // found and denied
	differ  []string // said by one judge only, when asked for
}

func (t *tally) add(o *tally) {
	t.corpora += o.corpora
	t.files += o.files
	t.bytes += o.bytes
	t.broken += o.broken
	t.agreed += o.agreed
	t.found += o.found
	t.ours += o.ours
	t.denied += o.denied
	t.known += o.known
	t.textClaims += o.textClaims
	t.textDenied += o.textDenied
	t.ourClaims += o.ourClaims
	t.ourDenied += o.ourDenied
	t.refused = append(t.refused, o.refused...)
	t.missed = append(t.missed, o.missed...)
	t.made = append(t.made, o.made...)
	t.differ = append(t.differ, o.differ...)
}

// share is the part of what both judges agree on that was found, in percent.
func (t *tally) share() float64 {
	if t.agreed == 0 {
		return 0
	}
	return 100 * float64(t.found) / float64(t.agreed)
}

// own returns the declarations of verify/source, and the files that it refuses. Conditional are names that it leaves out on
// purpose and says so: what a macro of Verilog may leave out is no evidence.
func own(language string, files []text) (found map[decl]bool, conditional map[[2]string]bool, refused map[string]error) {
	found, conditional, refused = map[decl]bool{}, map[[2]string]bool{}, map[string]error{}
	for _, s := range files {
		f, err := source.Parse(s.name, s.body)
		if err != nil {
			refused[s.name] = err
			continue
		}
		for _, d := range f.Decls {
			kind := typ
			if d.Kind == source.Function {
				kind = function
			}
			found[decl{s.name, d.Line, kind, fold(language, d.Name)}] = true
		}
		for _, u := range f.Hardware.Units { // modules, interfaces, packages and programs of Verilog
			found[decl{s.name, u.Line, typ, fold(language, u.Name)}] = true
		}
		for _, n := range f.Hardware.Conditional {
			conditional[[2]string{s.name, fold(language, n.Name)}] = true
		}
	}
	return found, conditional, refused
}

// tree returns the folder into which the archive of a code base is unpacked.
func (o *oracle) tree(c *corpus) (string, error) {
	archive, err := o.fetch.archive(c)
	if err != nil {
		return "", err
	}
	tree := filepath.Join(o.fetch.cache, "trees", c.SHA256)
	if exists(tree) {
		return tree, nil
	}
	if err := os.MkdirAll(filepath.Dir(tree), 0o755); err != nil {
		return "", err
	}
	return tree, unpackWhole(archive, tree)
}

// compare reads one code base with the three readers.
func (o *oracle) compare(c *corpus) (*tally, error) {
	tree, err := o.tree(c)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(tree, c.Folder)
	files, err := eligible(poolOf(c.Language), folder)
	if err != nil {
		return nil, err
	}
	files = capped(files, o.small)
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no files of %s", c, c.Language)
	}
	ours, conditional, refused := own(c.Language, files)
	for _, err := range refused {
		if errors.Is(err, source.ErrUnsupported) && !o.judges {
			return nil, fmt.Errorf("%w: verify/source does not read %s yet", errUnwritten, c.Language)
		}
	}
	second, err := o.tools.treesitter(c.Language, folder, files)
	if err != nil {
		return nil, err
	}
	first := second // a language with one judge; see labels
	switch {
	case c.Language == "scala":
		first, err = o.tools.scalameta(folder, files)
	case ctagsNormals[c.Language].language != "":
		first, err = ctags(c.Language, folder, files)
	}
	if err != nil {
		return nil, err
	}
	for _, j := range []*findings{first, second} {
		for d := range j.decls {
			if conditional[[2]string{d.file, d.name}] && !ours[d] {
				delete(j.decls, d)
				j.maybe[d] = true
			}
		}
	}
	t := o.count(c, files, ours, refused, first, second)
	if o.judges && c.Half == tuned {
		t.differ = append(alone("ctags", c, first, second), alone("tree-sitter", c, second, first)...)
	}
	return t, nil
}

// alone lists what one judge says and the other does not, where both understood the text.
func alone(who string, c *corpus, a, b *findings) []string {
	var list []string
	for d := range a.decls {
		if !b.decls[d] && !b.maybe[d] && a.understood(d) && b.understood(d) {
			list = append(list, fmt.Sprintf("only %s: %s/%s", who, c.Name, d))
		}
	}
	slices.Sort(list)
	return list
}

var errUnwritten = errors.New("not written")

func (o *oracle) count(c *corpus, files []text, ours map[decl]bool, refused map[string]error, first, second *findings) *tally {
	t := &tally{corpora: 1}
	place := func(d decl) string { return c.Name + "/" + d.String() }
	skip := map[string]bool{}
	for _, s := range files {
		if err := refused[s.name]; err != nil {
			if len(second.errors[s.name]) > 0 || len(first.errors[s.name]) > 0 {
				skip[s.name] = true
				t.broken++
				continue
			}
			t.refused = append(t.refused, fmt.Sprintf("%s/%s: %v", c.Name, s.name, err))
		}
		t.files++
		t.bytes += len(s.body)
	}
	judged := func(d decl) bool { return !skip[d.file] && first.understood(d) && second.understood(d) }
	for d := range second.decls {
		if !first.decls[d] || !judged(d) {
			continue
		}
		if !ours[d] && o.disputed[place(d)] {
			t.known++
			continue
		}
		t.agreed++
		if ours[d] {
			t.found++
		} else {
			t.missed = append(t.missed, place(d))
		}
	}
	for d := range ours {
		if !judged(d) {
			continue
		}
		t.ours++
		if first.decls[d] || first.maybe[d] || second.decls[d] || second.maybe[d] {
			continue
		}
		if o.disputed[place(d)] {
			t.known++
			continue
		}
		t.denied++
		t.made = append(t.made, place(d))
	}
	slices.Sort(t.missed)
	slices.Sort(t.made)
	t.byText(files, ours, skip, first, second)
	return t
}

// call is what matching text takes for a function of that name.
var call = regexp.MustCompile(`([\pL_$][\pL\pN_$]*)[ \t]*\(`)

// keywords are words before "(" that nobody would take for the name of a function.
var keywords = strings.Fields(`if elif else for foreach while until unless do switch match case when catch except return yield await throw
	sizeof typeof instanceof and or not in is new delete func function fn fun def lambda print super this self with using lock synchronized
	select from where values into as on begin end always initial assign assert raise echo exit die isset unset empty array list require include`)

// byText counts what matching NAME( would have said of the files that tree-sitter read without trouble.
func (t *tally) byText(files []text, ours map[decl]bool, skip map[string]bool, judges ...*findings) {
	type claim struct{ file, name string }
	real, mine := map[claim]bool{}, map[claim]bool{}
	for _, j := range judges {
		for _, set := range []map[decl]bool{j.decls, j.maybe} {
			for d := range set {
				if d.kind == function {
					real[claim{d.file, d.name}] = true
				}
			}
		}
	}
	for d := range ours {
		if d.kind == function {
			mine[claim{d.file, d.name}] = true
		}
	}
	plain := func(file string) bool {
		return !skip[file] && !slices.ContainsFunc(judges, func(j *findings) bool { return len(j.errors[file]) > 0 })
	}
	for _, s := range files {
		if !plain(s.name) {
			continue
		}
		seen := map[string]bool{}
		for _, m := range call.FindAllSubmatch(s.body, -1) {
			seen[string(m[1])] = true
		}
		for name := range seen {
			if slices.Contains(keywords, strings.ToLower(name)) {
				continue
			}
			t.textClaims++
			if !real[claim{s.name, name}] && !real[claim{s.name, strings.ToLower(name)}] {
				t.textDenied++
			}
		}
	}
	for c := range mine {
		if plain(c.file) {
			t.ourClaims++
			if !real[c] {
				t.ourDenied++
			}
		}
	}
}

// result is the outcome of one language: a tally of each half.
type result struct {
	language string
	halves   map[string]*tally
	labels   *tally // of declarations that a person read; nil without any
	skipped  error  // why there is none
}

// language compares all code bases of a language.
func (o *oracle) language(p *pool, list []*corpus) (*result, error) {
	r := &result{language: p.language, halves: map[string]*tally{}}
	var some []*corpus
	for _, c := range list {
		if c.Language == p.language && (o.half == "" || c.Half == o.half) {
			some = append(some, c)
		}
	}
	if o.small { // the smallest archive of the tuned half
		some = slices.DeleteFunc(some, func(c *corpus) bool { return c.Half != tuned })
		slices.SortStableFunc(some, func(a, b *corpus) int { return cmp.Compare(a.Bytes, b.Bytes) })
		some = some[:min(1, len(some))]
	}
	for _, c := range some {
		t, err := o.compare(c)
		switch {
		case errors.Is(err, errUnwritten):
			r.skipped = err
			return r, nil
		case errors.Is(err, errUnfetched) && o.soft:
			fmt.Fprintf(os.Stderr, "oracle: left out: %v\n", err)
			continue
		case err != nil:
			return nil, err
		}
		if r.halves[c.Half] == nil {
			r.halves[c.Half] = &tally{}
		}
		r.halves[c.Half].add(t)
		if o.verbose {
			fmt.Fprintf(os.Stderr, "%s %s %s: %d files, %d of %d found, %d denied, %d refused\n", p.language, c.Half, c.Name, t.files, t.found, t.agreed, t.denied, len(t.refused))
		}
	}
	if o.small {
		return r, nil
	}
	var err error
	r.labels, err = o.labels(p, list)
	if errors.Is(err, errUnfetched) && o.soft {
		fmt.Fprintf(os.Stderr, "oracle: left out: %v\n", err)
		err = nil
	}
	return r, err
}

// all compares languages, two at a time, and returns their results in the same order.
func (o *oracle) all(chosen []*pool, list []*corpus) ([]*result, error) {
	results, errs := make([]*result, len(chosen)), make([]error, len(chosen))
	turns := make(chan struct{}, 2)
	var wait sync.WaitGroup
	for i, p := range chosen {
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			results[i], errs[i] = o.language(p, list)
		})
	}
	wait.Wait()
	return results, errors.Join(errs...)
}

// named returns the pools to compare, of one language or of all.
func named(language string) ([]*pool, error) {
	var list []*pool
	for i := range pools {
		if language == "" || pools[i].language == language {
			list = append(list, &pools[i])
		}
	}
	if len(list) == 0 {
		names := map[string]bool{}
		for _, p := range pools {
			names[p.language] = true
		}
		return nil, fmt.Errorf("no language %q; there are %s", language, strings.Join(slices.SortedFunc(maps.Keys(names), cmp.Compare[string]), ", "))
	}
	return list, nil
}
