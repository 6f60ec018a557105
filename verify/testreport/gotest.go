package testreport

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line of go test -json; its own lines are short.
const maxLine = 8 << 20

// GoTest reads the output of go test -json. Lines that are no events (the compiler's words, when both outputs went into one
// file) are passed over; an output without any event is refused. A test that began and did not end has failed.
func GoTest(r io.Reader) (*Report, error) {
	type event struct {
		Action  string
		Package string
		Test    string
	}
	type key struct{ pkg, test string }
	running := map[key]int{}
	var order []key
	events := 0
	report := &Report{}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	first := ""
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var e event
		if line[0] != '{' || json.Unmarshal(line, &e) != nil || e.Action == "" {
			if first == "" {
				first = string(line[:min(len(line), 40)])
			}
			continue
		}
		events++
		if e.Test == "" {
			continue
		}
		k := key{e.Package, e.Test}
		c := Case{Name: e.Test, Package: e.Package}
		switch e.Action {
		case "run":
			if running[k] == 0 {
				order = append(order, k)
			}
			running[k]++
			continue
		case "pass":
			c.Outcome = Passed
		case "fail":
			c.Outcome = Failed
		case "skip":
			c.Outcome = Skipped
		default: // output, pause, cont, bench
			continue
		}
		if running[k] > 0 {
			running[k]--
		}
		if err := report.add(c); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("the report cannot be read: %w", err)
	}
	if events == 0 {
		if first != "" {
			return nil, errors.New("the file is neither JUnit XML nor the output of go test -json")
		}
		return nil, errors.New("the report is empty")
	}
	for _, k := range order {
		if running[k] > 0 {
			if err := report.add(Case{Name: k.test, Package: k.pkg, Outcome: Failed}); err != nil {
				return nil, err
			}
			running[k] = 0
		}
	}
	return report, nil
}
