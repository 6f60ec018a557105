package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// readDisputed reads disputed.txt: declarations that both judges deny, though the code has them, each with the reason after
// " — ". They were read by a person.
func readDisputed() (map[string]bool, error) {
	list := map[string]bool{}
	data, err := os.ReadFile("disputed.txt")
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, why, ok := strings.Cut(line, " — ")
		if !ok || why == "" {
			return nil, fmt.Errorf("disputed.txt: no reason in %q", line)
		}
		list[what] = true
	}
	return list, nil
}
