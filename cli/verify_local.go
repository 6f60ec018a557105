package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify"
)

// localResult is one row of verify check --output json.
type localResult struct {
	ID       string           `json:"id"`
	Type     evidence.Type    `json:"type"`
	Verdict  evidence.Verdict `json:"verdict"`
	Reason   string           `json:"reason"`
	File     string           `json:"file"`
	Line     int              `json:"line"`
	Warnings []string         `json:"warnings,omitempty"`
}

// localOut is what verify check --output json prints.
type localOut struct {
	Passed  int           `json:"passed"`
	Failed  int           `json:"failed"`
	Results []localResult `json:"results"`
}

func (e *env) verifyCheck() *cobra.Command {
	var t tree
	var f format
	c := &cobra.Command{
		Use: "check FILE", Short: "Check the assertions in a JSON file, without a server", Args: cobra.ExactArgs(1),
		Long: "Check the assertions in a JSON file (- for standard input), without a server: the assertions array of submit_assertions,\n" +
			"or an object with it; each may carry an id.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			raw, err := e.readInput(args[0])
			if err != nil {
				return err
			}
			list, err := readAssertions(raw)
			if err != nil {
				return err
			}
			return e.checkLocally(c, &t, f, list)
		},
	}
	t.add(e, c)
	f.add(c)
	return c
}

func (e *env) verifyOne() *cobra.Command {
	var t tree
	var f format
	var params []string
	c := &cobra.Command{
		Use: "one TYPE -p key=value…", Short: "Check one assertion, without a server", Args: cobra.ExactArgs(1),
		Example: "  redoubt verify one function_exists -p file=auth/key.go -p name=CheckKey",
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			name, err := typeName(args[0])
			if err != nil {
				return err
			}
			p, err := readParams(params)
			if err != nil {
				return err
			}
			return e.checkLocally(c, &t, f, []localAssertion{{Assertion: evidence.Assertion{Type: name, Params: p}, name: "1"}})
		},
	}
	t.add(e, c)
	f.add(c)
	c.Flags().StringArrayVarP(&params, "param", "p", nil, "parameter of the type as key=value; repeat a key for a list")
	return c
}

// localAssertion is an assertion with the name that its file gave it.
type localAssertion struct {
	evidence.Assertion
	name string
}

// maxInput bounds a file of assertions, in bytes.
const maxInput = 16 << 20

func (e *env) readInput(name string) ([]byte, error) { return e.readFile(name, maxInput) }

// readFile reads a file, or standard input for "-", up to a bound.
func (e *env) readFile(name string, most int64) ([]byte, error) {
	in := e.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, threat.Errorf(threat.Invalid, "%s cannot be read: %v", name, reason(err))
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, threat.Errorf(threat.Invalid, "%s cannot be read: %v", name, reason(err))
	}
	if int64(len(raw)) > most {
		return nil, threat.Errorf(threat.Invalid, "%s has more than %d bytes", name, most)
	}
	return raw, nil
}

// readAssertions reads the assertions array of submit_assertions, or an object with it. What is wrong with a single claim is found
// by its check; what is not of this shape at all is refused.
func readAssertions(raw []byte) ([]localAssertion, error) {
	const hint = `[{"id": "mine", "type": "function_exists", "params": {"file": "auth/key.go", "name": "CheckKey"}}]`
	bad := func(format string, args ...any) error {
		return threat.Errorf(threat.Invalid, format, args...).Hinted("%s", hint)
	}
	raw = bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")))
	if len(raw) > 0 && raw[0] == '{' {
		var object struct {
			Assertions json.RawMessage `json:"assertions"`
		}
		if err := json.Unmarshal(raw, &object); err != nil {
			return nil, bad("the file is not JSON: %v", err)
		}
		if object.Assertions == nil {
			return nil, bad("the object has no assertions")
		}
		raw = object.Assertions
	}
	var rows []struct {
		ID          json.RawMessage `json:"id"`
		Type        evidence.Type   `json:"type"`
		Params      evidence.Params `json:"params"`
		Control     threat.ID       `json:"control_id"`
		Assumption  threat.ID       `json:"assumption_id"`
		Facets      []threat.ID     `json:"facets"`
		Repo        string          `json:"repo"`
		Description string          `json:"description"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&rows); err != nil {
		return nil, bad("the file is not a list of assertions: %v", err)
	}
	out := make([]localAssertion, len(rows))
	for i, r := range rows {
		name := strings.Trim(string(r.ID), `"`)
		if name == "" || name == "null" {
			name = strconv.Itoa(i + 1)
		}
		out[i] = localAssertion{
			Assertion: evidence.Assertion{
				Type: r.Type, Params: r.Params, Control: r.Control, Assumption: r.Assumption, Facets: r.Facets, Repo: r.Repo, Description: r.Description,
			},
			name: threat.Clip(name, 80),
		}
	}
	return out, nil
}

// readParams reads key=value pairs. true and false stay texts: the catalogue knows which parameters are flags.
func readParams(pairs []string) (evidence.Params, error) {
	p := evidence.Params{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, threat.Errorf(threat.Invalid, "%q is not key=value", threat.Clip(pair, 40)).In("param")
		}
		switch old := p[key].(type) {
		case nil:
			p[key] = value
		case string:
			p[key] = []string{old, value}
		case []string:
			p[key] = append(old, value)
		}
	}
	return p, nil
}

// checkLocally checks assertions and prints the results; it fails when one does.
func (e *env) checkLocally(c *cobra.Command, t *tree, f format, list []localAssertion) error {
	show := e.progress()
	checker, err := t.open("", verify.DirtyIgnore, func(n int) { show.show("checking", n, len(list)) })
	if err != nil {
		return err
	}
	defer checker.Close()
	claims := make([]evidence.Assertion, len(list))
	for i := range list {
		claims[i] = list[i].Assertion
	}
	outcomes := checker.Check(c.Context(), claims)
	if err := c.Context().Err(); err != nil {
		return err
	}
	out := localOut{Results: make([]localResult, len(list))}
	checks := make([]exchange.Check, len(list))
	for i, o := range outcomes {
		out.Results[i] = localResult{ID: list[i].name, Type: o.Assertion.Type, Verdict: o.Verdict, Reason: o.Reason, File: o.File, Line: o.Line, Warnings: o.Warnings}
		subject := list[i].Control
		if subject == "" {
			subject = list[i].Assumption
		}
		checks[i] = exchange.Check{
			ID: list[i].name, Type: o.Assertion.Type, Subject: subject, Failed: o.Verdict != evidence.Pass, Reason: o.Reason, File: o.File, Line: o.Line,
		}
	}
	out.Passed, out.Failed = counted(checks)
	switch f {
	case "json":
		err = e.printJSON(out)
	case "text":
		for _, r := range out.Results {
			fmt.Fprintln(e.out, strings.TrimRight(fmt.Sprintf("%s %s %s %s", r.Verdict, r.ID, r.Type, at(r.File, r.Line)), " "))
			if r.Reason != "" {
				fmt.Fprintf(e.out, "     %s\n", r.Reason)
			}
			for _, w := range r.Warnings {
				fmt.Fprintf(e.out, "     warning: %s\n", w)
			}
		}
		_, err = fmt.Fprintf(e.out, "%d passed, %d failed\n", out.Passed, out.Failed)
	default:
		err = f.write(e.out, "redoubt verify check", checks)
	}
	if err == nil && out.Failed > 0 {
		return &failure{}
	}
	return err
}
