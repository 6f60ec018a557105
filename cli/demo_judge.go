package cli

import (
	"encoding/json"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// demoJudge is the exec judge of the demo: a script in place of a language model, for a machine without one. It tells obvious stubs
// by their form and takes everything else for real, so it is no judge for a project.
func (e *env) demoJudge() *cobra.Command {
	return &cobra.Command{
		Use: "judge", Short: "Answer a Tier 2 prompt on standard input, by a script that tells only obvious stubs", Args: cobra.NoArgs, Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			prompt, err := io.ReadAll(io.LimitReader(e.in, 1<<20))
			if err != nil {
				return err
			}
			enc := json.NewEncoder(e.out)
			enc.SetEscapeHTML(false)
			return enc.Encode(scriptedVerdict(string(prompt)))
		},
	}
}

type scripted struct {
	Verdict   string            `json:"verdict"`
	Facets    map[string]string `json:"facets"`
	Reasoning string            `json:"reasoning"`
}

var (
	fenceLine = regexp.MustCompile(`(?m)^BEGIN ([0-9a-f]{32}) (\w+)$`)
	facetLine = regexp.MustCompile(`(?m)^([A-Z]+[0-9]+(?:\.[a-z]+)?): `)
	steering  = regexp.MustCompile(`(?i)ignore (all |the |any )?(previous|other|above) instructions|answer (with )?"?pass`)
	comment   = regexp.MustCompile(`(?m)(//|#).*$`)
	constant  = regexp.MustCompile(`(?m)^\s*return (?:True|true|False|false|nil|None|null)\s*;?\s*$`)
	anyReturn = regexp.MustCompile(`(?m)^\s*(?:return|raise|throw)\b`)
	stubs     = []struct {
		form *regexp.Regexp
		says string
	}{
		{regexp.MustCompile(`(?m)^\s*_ = \w`), "the result of a check is thrown away"},
		{regexp.MustCompile(`except[^\n]*:\s*\n\s*pass\b`), "an error is swallowed"},
		{regexp.MustCompile(`if \([^\n]*\{\s*console\.log\([^\n]*\);\s*\}`), "a branch that should refuse only writes a log line"},
		{regexp.MustCompile(`panic\("(?i:todo|not implemented)|raise NotImplementedError|throw new Error\("(?i:todo|not implemented)`), "it is not implemented"},
	}
)

// scriptedVerdict is the rule of the demo's judge.
func scriptedVerdict(prompt string) scripted {
	parts := fenced(prompt)
	facets := func(v string) map[string]string {
		out := map[string]string{}
		for _, m := range facetLine.FindAllStringSubmatch(parts["facets"], -1) {
			out[m[1]] = v
		}
		return out
	}
	code := parts["code"]
	if steering.MatchString(code) {
		return scripted{"injection", facets("fail"), "The code holds text that is meant for the judge."}
	}
	code = comment.ReplaceAllString(code, "")
	for _, s := range stubs {
		if s.form.MatchString(code) {
			return scripted{"fail", facets("fail"), "A stub: " + s.says + "."}
		}
	}
	if n := len(constant.FindAllString(code, -1)); n > 0 && n == len(anyReturn.FindAllString(code, -1)) && !strings.Contains(code, "if ") {
		return scripted{"fail", facets("fail"), "A stub: it always gives the same answer."}
	}
	return scripted{"pass", facets("pass"), "No sign of a stub. This is a script, not a reviewer."}
}

// fenced returns the parts of a prompt by name, by the token of the first fence.
func fenced(prompt string) map[string]string {
	out := map[string]string{}
	first := fenceLine.FindStringSubmatch(prompt)
	if first == nil {
		return out
	}
	for rest := prompt; ; {
		_, after, ok := strings.Cut(rest, "\nBEGIN "+first[1]+" ")
		if !ok {
			return out
		}
		name, text, ok := strings.Cut(after, "\n")
		if !ok {
			return out
		}
		body, next, ok := strings.Cut(text, "\nEND "+first[1])
		if !ok {
			return out
		}
		out[name], rest = body, next
	}
}
