package main

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// each is how many code bases a language gets, both halves together.
const each = 6

// fewest is how many a language needs; with fewer, the one with the most files is divided.
const fewest = 4

// tries is how many candidates of a pool are looked into.
const tries = 90

// choose applies the rule of docs/oracle.md for one language, and returns its code bases. It asks no recogniser.
func choose(f *fetcher, p *pool, logf func(string, ...any)) ([]*corpus, error) {
	candidates, err := f.candidates(p)
	if err != nil {
		return nil, err
	}
	var chosen []*corpus
	houses := map[string]int{}
	for i, c := range candidates {
		if len(chosen) == each || i == tries {
			break
		}
		if c.Kind == "npm" && houses[house(c.Name)] == alike {
			continue
		}
		files, size, err := f.look(p, c)
		switch {
		case err != nil:
			logf("%s: %s left out: %v", p.language, c.Name, err)
		case files < p.files || size < p.bytes:
			logf("%s: %s left out: %d files, %d bytes", p.language, c.Name, files, size)
		default:
			c.Files = files
			chosen = append(chosen, c)
			houses[house(c.Name)]++
			logf("%s: %s taken: %d files, %d bytes", p.language, c.Name, files, size)
		}
	}
	if len(chosen) > 0 && len(chosen) < fewest {
		if chosen, err = f.divide(p, chosen); err != nil {
			return nil, err
		}
	}
	// Halves by turns, in the order of a hash: neither size nor popularity decides, and neither half is empty.
	order := func(c *corpus) string {
		h := sha256.Sum256([]byte(c.Language + "/" + c.Name + c.Folder))
		return hex.EncodeToString(h[:])
	}
	slices.SortFunc(chosen, func(a, b *corpus) int { return cmp.Compare(order(a), order(b)) })
	for i, c := range chosen {
		c.Half = []string{tuned, sealed}[i%2]
	}
	slices.SortStableFunc(chosen, func(a, b *corpus) int { return -cmp.Compare(a.Half, b.Half) })
	return chosen, nil
}

// divide puts in the place of the code base with the most files its topmost folders, of those the ones that are large enough.
func (f *fetcher) divide(p *pool, chosen []*corpus) ([]*corpus, error) {
	whole := slices.MaxFunc(chosen, func(a, b *corpus) int { return cmp.Compare(a.Files, b.Files) })
	out, err := exec.Command("tar", "-tf", filepath.Join(f.cache, whole.SHA256)).Output()
	if err != nil {
		return nil, err
	}
	folders := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if parts := strings.Split(line, "/"); len(parts) > 2 {
			folders[parts[0]+"/"+parts[1]] = true
		}
	}
	chosen = slices.DeleteFunc(chosen, func(c *corpus) bool { return c == whole })
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		part := *whole
		part.Folder = folder
		files, size, err := f.look(p, &part)
		if err != nil {
			return nil, err
		}
		if part.Files = files; files >= p.files && size >= p.bytes {
			chosen = append(chosen, &part)
		}
	}
	return chosen, nil
}

// house returns the first word of the name of an npm package: "expo" of "expo-image", "@tanstack" of "@tanstack/form-core".
func house(name string) string {
	i := strings.IndexAny(name, "/-")
	if i < 0 {
		return name
	}
	return name[:i]
}

// look fetches a candidate, pins its archive, and counts its eligible files and their bytes.
func (f *fetcher) look(p *pool, c *corpus) (files int, size int64, err error) {
	folder, err := os.MkdirTemp(f.cache, "look-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(folder)
	var path string
	if c.SHA256 == "" {
		if path, err = f.download(c, folder); err != nil {
			return 0, 0, err
		}
		c.Archive = filepath.Base(path)
		if c.SHA256, c.Bytes, err = digest(path); err != nil {
			return 0, 0, err
		}
		if c.Bytes > p.archive {
			return 0, 0, fmt.Errorf("archive of %d bytes", c.Bytes)
		}
		kept := filepath.Join(f.cache, c.SHA256)
		if err := os.Rename(path, kept); err != nil {
			return 0, 0, err
		}
	}
	if path, err = f.archive(c); err != nil {
		return 0, 0, err
	}
	tree := filepath.Join(folder, "tree")
	if err := unpack(path, tree); err != nil {
		return 0, 0, err
	}
	list, err := eligible(p, filepath.Join(tree, c.Folder))
	for _, s := range list {
		size += int64(len(s.body))
	}
	return len(list), size, err
}

// candidates returns the pool in the order in which it is walked.
func (f *fetcher) candidates(p *pool) ([]*corpus, error) {
	var list []*corpus
	if p.debian != "" || p.named != nil {
		index, err := f.debianIndex()
		if err != nil {
			return nil, err
		}
		uses := index.uses()
		pattern := regexp.MustCompile(cmp.Or(p.debian, `^$`))
		for _, name := range slices.Sorted(maps.Keys(index)) {
			s := index[name]
			fits := slices.Contains(p.named, name) || p.debian != "" && (pattern.MatchString(name) || slices.ContainsFunc(s.binaries, pattern.MatchString))
			if !fits || slices.Contains(seen, name) || s.archive == "" || s.bytes > p.archive {
				continue
			}
			list = append(list, &corpus{
				Language: p.language, Kind: "debian", Name: name, Version: s.version, Archive: s.archive, SHA256: s.sha256, Bytes: s.bytes,
			})
		}
		slices.SortStableFunc(list, func(a, b *corpus) int { return cmp.Compare(uses[b.Name], uses[a.Name]) })
	}
	if p.npm != "" {
		listed, err := os.ReadFile("npm.txt")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(listed)) {
			fields := strings.Fields(line)
			if len(fields) == 4 && fields[0] == p.npm && !slices.Contains(seen, fields[1]) {
				list = append(list, &corpus{Language: p.language, Kind: "npm", Name: fields[1], Version: fields[2]})
			}
		}
	}
	return list, nil
}

// debianSource is an entry of Debian's index of source packages.
type debianSource struct {
	version, archive, sha256 string
	bytes                    int64
	binaries, needs          []string // binary packages that it makes, and that it is built with
}

type debianIndex map[string]*debianSource

// uses counts for each source package the others that are built with one of its binary packages.
func (x debianIndex) uses() map[string]int {
	maker := map[string]string{}
	for name, s := range x {
		for _, b := range s.binaries {
			maker[b] = name
		}
	}
	uses := map[string]int{}
	for name, s := range x {
		of := map[string]bool{}
		for _, n := range s.needs {
			if m := maker[n]; m != "" && m != name && !of[m] {
				of[m] = true
				uses[m]++
			}
		}
	}
	return uses
}

var dependency = regexp.MustCompile(`[a-z0-9][a-z0-9+.-]+`)

// debianIndex reads the index of the pinned release.
func (f *fetcher) debianIndex() (debianIndex, error) {
	if _, err := f.aptOptions(); err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(f.apt, "lists", "*_"+release+"_main_source_Sources*"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("%d indexes of source packages (%v)", len(found), err)
	}
	text, err := exec.Command("/usr/lib/apt/apt-helper", "cat-file", found[0]).Output()
	if err != nil {
		return nil, err
	}
	index := debianIndex{}
	for entry := range bytes.SplitSeq(text, []byte("\n\n")) {
		name, s := debianEntry(entry)
		if name != "" {
			index[name] = s
		}
	}
	return index, nil
}

func debianEntry(entry []byte) (string, *debianSource) {
	name, s, key := "", &debianSource{}, ""
	lines := bufio.NewScanner(bytes.NewReader(entry))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		line := lines.Text()
		value := line
		if !strings.HasPrefix(line, " ") {
			key, value, _ = strings.Cut(line, ":")
		}
		value = strings.TrimSpace(value)
		switch key {
		case "Package":
			name = value
		case "Version":
			s.version = value
		case "Binary":
			for b := range strings.SplitSeq(value, ",") {
				if b = strings.TrimSpace(b); b != "" {
					s.binaries = append(s.binaries, b)
				}
			}
		case "Build-Depends", "Build-Depends-Indep", "Build-Depends-Arch":
			for d := range strings.SplitSeq(value, ",") {
				if n := dependency.FindString(d); n != "" {
					s.needs = append(s.needs, n)
				}
			}
		case "Checksums-Sha256":
			fields := strings.Fields(value)
			if len(fields) == 3 && !strings.HasSuffix(fields[2], ".asc") && !strings.Contains(fields[2], ".debian.tar.") && !strings.Contains(fields[2], ".orig-") &&
				strings.Contains(fields[2], ".tar.") {
				s.sha256, s.archive = fields[0], fields[2]
				s.bytes, _ = strconv.ParseInt(fields[1], 10, 64)
			}
		}
	}
	return name, s
}
