package scan

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// maxPattern keeps a guide small: two patterns and the longest text fit.
const maxPattern = 200

// Every pattern is RE2, matches the text beside it that it is for, and not the one that it is not for.
func TestPatterns(t *testing.T) {
	n := 0
	check := func(where string, c cell) {
		for _, s := range slices.Concat(c.Find, c.Gap) {
			n++
			re, err := regexp.Compile(s.Pattern)
			if err != nil {
				t.Errorf("%s: %v", where, err)
				continue
			}
			if !re.MatchString(s.Hit) {
				t.Errorf("%s: %s does not match %q", where, s.Pattern, s.Hit)
			}
			if re.MatchString(s.Miss) {
				t.Errorf("%s: %s matches %q", where, s.Pattern, s.Miss)
			}
			if strings.Contains(s.Pattern, `\n\s`) || strings.Contains(s.Hit, "\n") {
				t.Errorf("%s: %s needs more than one line, and code is searched line by line", where, s.Pattern)
			}
			if len(s.Pattern) > maxPattern || s.Hit == "" || s.Miss == "" || re.MatchString("") {
				t.Errorf("%s: %s is longer than %d bytes, has an empty sample, or matches nothing at all", where, s.Pattern, maxPattern)
			}
		}
	}
	for _, topic := range table().Topics {
		check(topic.ID+", any", topic.Any)
		for in, c := range topic.In {
			check(topic.ID+", "+in, c)
		}
	}
	t.Logf("%d patterns about %d topics", n, len(table().Topics))
}

// The table names nothing that is not there, and names each thing once.
func TestTable(t *testing.T) {
	f := table()
	names := map[string]bool{"any": true}
	stacks := map[string]bool{}
	name := func(list ...string) {
		for _, n := range list {
			if names[n] || n != strings.ToLower(n) {
				t.Errorf("%q names two things, or has capitals", n)
			}
			names[n] = true
		}
	}
	for _, l := range f.Languages {
		name(append(l.Also, l.ID)...)
		stacks[l.ID] = true
	}
	for _, l := range f.Languages {
		if l.Like != "" && !stacks[l.Like] {
			t.Errorf("%s is like %q", l.ID, l.Like)
		}
	}
	for _, x := range f.Frameworks {
		name(append(x.Also, x.ID)...)
		if !stacks[x.Of] {
			t.Errorf("%s is of %q", x.ID, x.Of)
		}
	}
	for _, x := range f.Frameworks {
		stacks[x.ID] = true
	}
	layers := map[string]bool{}
	for _, l := range f.Layers {
		if layers[l.ID] || len(l.Any) == 0 {
			t.Errorf("layer %s is twice there, or says nothing of any language", l.ID)
		}
		layers[l.ID] = true
		for in, places := range l.In {
			if !stacks[in] || len(places) == 0 {
				t.Errorf("layer %s: %q is no language with places", l.ID, in)
			}
		}
	}
	topics := map[string]bool{}
	for _, topic := range f.Topics {
		if topics[topic.ID] || !layers[topic.Layer] || topic.Right == "" || len(topic.Right) > 220 || len(topic.Any.Find)+len(topic.Any.Gap) == 0 {
			t.Errorf("topic %s: twice, layer %q, nothing to search in any language, or right is %d bytes", topic.ID, topic.Layer, len(topic.Right))
		}
		topics[topic.ID] = true
		if len(topic.Words) == 0 != (topic.ID == general) {
			t.Errorf("topic %s has %d words", topic.ID, len(topic.Words))
		}
		for _, w := range topic.Words {
			if len(words(w)) == 0 || strings.Contains(strings.TrimSuffix(w, "*"), "*") {
				t.Errorf("topic %s: %q never matches", topic.ID, w)
			}
		}
		for in, c := range topic.In {
			if !stacks[in] || len(c.Find)+len(c.Gap) == 0 {
				t.Errorf("topic %s: %q is no language with patterns", topic.ID, in)
			}
		}
		for _, typ := range topic.Prove {
			if _, err := evidence.Lookup(typ); err != nil {
				t.Errorf("topic %s: %v", topic.ID, err)
			}
		}
	}
	for _, usual := range []map[threat.FacetKind][]evidence.Type{f.Prove, f.Hardware} {
		for _, kind := range threat.FacetKinds() {
			if len(usual[kind]) == 0 {
				t.Errorf("nothing proves %s", kind)
			}
			for _, typ := range usual[kind] {
				if spec, err := evidence.Lookup(typ); err != nil || !spec.Meets(kind) {
					t.Errorf("%s does not prove %s (%v)", typ, kind, err)
				}
			}
		}
	}
}

// The topics that every code base has know every language that programs are written in.
func TestCoverage(t *testing.T) {
	f := table()
	for _, id := range []string{"validation", "injection", "authentication", "authorization", "session", "encryption", "secrets", "transport", "errors"} {
		for _, lang := range []string{"go", "python", "javascript", "typescript", "java", "csharp", "ruby", "php", "rust", "kotlin"} {
			stack, unknown := NewStack([]string{lang}, nil)
			if unknown != nil {
				t.Fatal(unknown)
			}
			found := gather(gather(nil, f.topic(id), stack, 99, func(c cell) []sample { return c.Find }), f.topic(id), stack, 99, func(c cell) []sample { return c.Gap })
			own := slices.ContainsFunc(found, func(s Search) bool { return s.In != "any" })
			framework := false // of that language
			for _, x := range f.Frameworks {
				_, ok := f.topic(id).In[x.ID]
				framework = framework || ok && slices.Contains(f.language(lang), x.Of) || ok && x.Of == "typescript" && lang == "javascript"
			}
			if !own && !framework {
				t.Errorf("nothing about %s in %s", id, lang)
			}
		}
	}
}

// What controls are about is told from their words.
func TestTopics(t *testing.T) {
	for text, want := range map[string]string{
		"Authentication middleware is registered on the root router, not per handler":                 "authentication",
		"A foreign id is answered like a missing one":                                                 "authorization",
		"Each privileged handler requires a named permission":                                         "authorization",
		"Every query carries the tenant of the caller":                                                "tenancy",
		"Session cookies are HttpOnly and end at sign-out":                                            "session",
		"Passwords are hashed with argon2id and a salt":                                               "password-storage",
		"Reset tokens come from a secure random source and work one time":                             "tokens",
		"Unknown fields in a request body are refused":                                                "validation",
		"No query text is put together from input by concatenation or formatting":                     "injection",
		"Tests store script in each free-text field and see it rendered inert, escaped":               "output-encoding",
		"Anti-forgery middleware covers all unsafe methods":                                           "csrf",
		"Pages carry a Content-Security-Policy with a nonce and frame-ancestors":                      "headers",
		"A test exceeds the rate limit and expects 429 with Retry-After":                              "rate-limit",
		"The upload handler checks the sniffed type against an allow-list":                            "upload",
		"File access goes through one function that resolves and confines the path":                   "paths",
		"The dialler refuses private, loopback and link-local addresses":                              "ssrf",
		"No external entity resolution and no deserialiser that can create arbitrary types":           "parsing",
		"The minimum TLS version is 1.2 and plain HTTP only redirects":                                "transport",
		"Data keys are wrapped by the key manager and rotate":                                         "encryption",
		"The repository and its images hold no plaintext secrets":                                     "secrets",
		"All logging goes through one logger that redacts by field name":                              "logging",
		"Each privileged write records actor, old and new value in the audit trail":                   "audit",
		"Erasure requests for personal data are retried until each place confirms":                    "privacy",
		"A scheduled job restores the latest backup and checks it":                                    "backup",
		"A lock file with digests is committed":                                                       "dependencies",
		"Third-party actions in workflows are pinned and CI publishes with provenance":                "pipeline",
		"Pods drop all capabilities and run as non-root":                                              "workload",
		"Infrastructure code blocks public access on every bucket":                                    "cloud",
		"Check and change run in one transaction with a row lock":                                     "transactions",
		"The webhook signature is compared in constant time":                                          "webhooks",
		"Tool calls with side effects named by model output wait; foreign text is fenced as a prompt": "ai",
		"Lengths are checked before a copy into the buffer; no overflow":                              "memory-safety",
		"The JTAG debug port stays closed until the lock bit is set in RTL":                           "hardware",
		"Something entirely else":                                                                     general,
	} {
		if got := table().topicsOf([]string{text})[0].ID; got != want {
			t.Errorf("%q is about %s, want %s", text, got, want)
		}
	}
}

// Controls of the builtin engine find a topic of their own, nearly all of them.
func TestBuiltinControlsHaveTopics(t *testing.T) {
	paths, err := filepath.Glob("../pipeline/builtin/knowledge/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	all, lost := 0, []string{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var area struct {
			Controls []struct {
				ID     string
				Does   string
				Facets []struct{ Text string }
			}
		}
		if err := yaml.Unmarshal(raw, &area); err != nil {
			t.Fatal(err)
		}
		for _, c := range area.Controls {
			texts := []string{c.Does}
			for _, f := range c.Facets {
				texts = append(texts, f.Text)
			}
			all++
			if table().topicsOf(texts)[0].ID == general {
				lost = append(lost, c.ID)
			}
		}
	}
	t.Logf("%d of %d controls have a topic; not %v", all-len(lost), all, lost)
	if all < 150 || len(lost)*50 > all {
		t.Errorf("%d of %d controls have no topic: %v", len(lost), all, lost)
	}
}
