package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// release is the release of Debian whose source packages are pinned.
const release = "bookworm"

// fetcher gets archives by the clients of their registries, and keeps them.
type fetcher struct {
	cache string // folder of the archives, by their SHA-256
	apt   string // folder of apt's own files; made when first needed
}

// newFetcher keeps archives in REDOUBT_ORACLE_CACHE, or under the user's cache folder.
func newFetcher() (*fetcher, error) {
	cache := os.Getenv("REDOUBT_ORACLE_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no folder for downloads: %w (set REDOUBT_ORACLE_CACHE)", err)
		}
		cache = filepath.Join(user, "redoubt-oracle")
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		return nil, err
	}
	return &fetcher{cache: cache}, os.MkdirAll(cache, 0o755)
}

// errUnfetched is the error for an archive that is not to be had here.
var errUnfetched = errors.New("cannot be fetched")

// archive returns the path of the archive of a code base, fetched when it is not in the cache. What has another digest than the
// pinned one is refused.
func (f *fetcher) archive(c *corpus) (string, error) {
	kept := filepath.Join(f.cache, c.SHA256)
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	folder, err := os.MkdirTemp(f.cache, "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	path, err := f.download(c, folder)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", errUnfetched, c, err)
	}
	sum, _, err := digest(path)
	if err != nil {
		return "", err
	}
	if sum != c.SHA256 {
		return "", fmt.Errorf("%s: SHA-256 of %s is %s, %s is pinned", c, filepath.Base(path), sum, c.SHA256)
	}
	return kept, os.Rename(path, kept)
}

// download puts the archive into the folder and returns its path.
func (f *fetcher) download(c *corpus, folder string) (string, error) {
	switch c.Kind {
	case "npm":
		cmd := exec.Command("npm", "pack", "--silent", c.Name+"@"+c.Version)
		cmd.Dir = folder
		if err := run(cmd); err != nil {
			return "", err
		}
		return only(folder, "*.tgz")
	case "debian":
		options, err := f.aptOptions()
		if err != nil {
			return "", err
		}
		cmd := exec.Command("apt-get", append(options, "source", "--tar-only", "--download-only", "--only-source", c.Name+"="+c.Version)...)
		cmd.Dir = folder
		if err := run(cmd); err != nil {
			return "", err
		}
		path := filepath.Join(folder, c.Archive)
		_, err = os.Stat(path)
		return path, err
	}
	return "", fmt.Errorf("unknown kind %q", c.Kind)
}

// only returns the one file that matches.
func only(folder, pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%d files match %s", len(found), pattern)
	}
	return found[0], nil
}

// aptOptions makes apt use the sources of the pinned release, from the mirror that the machine is set up with, in a folder of
// its own: neither the machine's lists nor its packages change.
func (f *fetcher) aptOptions() ([]string, error) {
	if f.apt == "" {
		f.apt = filepath.Join(f.cache, "apt")
	}
	list := filepath.Join(f.apt, "list", "source.sources")
	options := []string{
		"-qq", "-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=" + filepath.Dir(list),
		"-o", "Dir::State::Lists=" + filepath.Join(f.apt, "lists"), "-o", "Dir::Cache=" + filepath.Join(f.apt, "cache"),
	}
	ready := filepath.Join(f.apt, "ready")
	if _, err := os.Stat(ready); err == nil {
		return options, nil
	}
	mirror, err := debianMirror()
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"list", "lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(f.apt, sub), 0o755); err != nil {
			return nil, err
		}
	}
	text := "Types: deb-src\nURIs: " + mirror + "\nSuites: " + release + "\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
	if err := os.WriteFile(list, []byte(text), 0o644); err != nil {
		return nil, err
	}
	if err := run(exec.Command("apt-get", append(options, "update")...)); err != nil {
		return nil, err
	}
	return options, os.WriteFile(ready, nil, 0o644)
}

var debianURI = regexp.MustCompile(`(?m)^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(\S+/debian/?)(?:\s|$)`)

// debianMirror returns the address of the packages of Debian that the machine uses.
func debianMirror() (string, error) {
	lists, err := filepath.Glob("/etc/apt/sources.list.d/*")
	if err != nil {
		return "", err
	}
	for _, path := range append(lists, "/etc/apt/sources.list") {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if m := debianURI.FindSubmatch(text); m != nil {
			return string(m[1]), nil
		}
	}
	return "", errors.New("apt of this machine has no mirror of Debian; source packages of Debian need one")
}

// run runs a command; its error tells what it said.
func run(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.Join(lines[max(0, len(lines)-3):], "; "))
}
