package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// The halves of the code bases of a language. A recogniser may be mended on what the tuned half shows; the sealed half only
// tells how well that carries over.
const (
	tuned  = "tuned"
	sealed = "sealed"
)

// corpus is one code base, pinned.
type corpus struct {
	Language string `json:"language"`
	Half     string `json:"half"` // tuned or sealed
	Kind     string `json:"kind"` // debian (a source package) or npm
	Name     string `json:"name"`
	Version  string `json:"version"`
	Folder   string `json:"folder,omitempty"` // the part of the archive that is meant, where it is divided
	Archive  string `json:"archive"`          // file name; for debian of the upstream source, without Debian's own changes
	SHA256   string `json:"sha256"`           // of the archive
	Bytes    int64  `json:"bytes"`            // size of the archive
	Files    int    `json:"files"`            // eligible files of the language, before the cap
}

// String returns "kind name version", and the folder when there is one.
func (c *corpus) String() string {
	return strings.TrimSpace(c.Kind + " " + c.Name + " " + c.Version + " " + c.Folder)
}

const corporaFile = "corpora.json"

// readCorpora reads the pinned list, in its order.
func readCorpora() ([]*corpus, error) {
	data, err := os.ReadFile(corporaFile)
	if err != nil {
		return nil, fmt.Errorf("%w (run this in internal/oracle; scripts/oracle.sh does)", err)
	}
	var list []*corpus
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", corporaFile, err)
	}
	return list, nil
}

// writeCorpora writes the list, one code base a line, so that a change of it reads well.
func writeCorpora(list []*corpus) error {
	out := []byte("[\n")
	for i, c := range list {
		line, err := json.Marshal(c)
		if err != nil {
			return err
		}
		out = append(out, line...)
		if i < len(list)-1 {
			out = append(out, ',')
		}
		out = append(out, '\n')
	}
	return os.WriteFile(corporaFile, append(out, "]\n"...), 0o644)
}
