package exchange

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Names of the fingerprints that Redoubt writes itself.
const (
	AssertionFingerprint = "redoubtAssertion/v1" // of a failed assertion
	FindingFingerprint   = "redoubtFinding/v1"   // of a finding: its own fingerprint, or "model/F3"
)

// SARIFIdentity begins every identity that is computed from a file.
const SARIFIdentity = "sarif:"

// resolve turns a result into what findings need, now that its run is read.
func (r *sarifReader) resolve(run *sarifRun, raw *rawSARIFResult) {
	tool, rule := run.ruleOf(raw)
	out := SARIFResult{Run: run.n, Index: raw.index, Tool: tool.Name, Rule: SARIFRule{ID: sarifLine(raw.ruleID(), threat.MaxName)}}
	if out.Tool == "" {
		out.Tool = run.tool.Name
	}
	if rule == nil {
		rule = &rawSARIFRule{}
	} else {
		out.Rule = SARIFRule{ID: rule.ID, Name: rule.Name, Text: rule.Short.Text, HelpURI: rule.HelpURI, Tags: rule.Properties.Tags}
		if out.Rule.Text == "" {
			out.Rule.Text = rule.Full.Text
		}
		if out.Rule.ID == "" {
			out.Rule.ID = sarifLine(raw.ruleID(), threat.MaxName)
		}
	}
	out.Message = raw.Message.plain(tool, rule)
	if out.Message == "" {
		out.Message = out.Rule.Text
	}
	out.CWEs = run.weaknesses(raw, rule)
	out.Severity = severityOf(raw, rule)
	for _, p := range raw.Locations {
		if place := run.place(p); place != "" && !slices.Contains(out.Locations, place) {
			out.Locations = append(out.Locations, place)
		}
	}
	for _, s := range raw.Suppressions {
		if s.Kind == "" {
			continue // it says nothing
		}
		if s.Status == "" {
			s.Status = s.State
		}
		out.Suppressions = append(out.Suppressions, SARIFSuppression{sarifLine(s.Kind, 40), sarifLine(s.Status, 40), s.Justification})
	}
	out.Identity, out.Own = r.identity(run, raw, &out), raw.own != ""
	r.log.Results = append(r.log.Results, out)
}

func (raw *rawSARIFResult) ruleID() string {
	if raw.RuleID != "" {
		return raw.RuleID
	}
	return raw.Rule.ID
}

// ruleOf finds the rule of a result: by index, else by id, of the component that it names, else of the driver, else of any extension.
func (run *sarifRun) ruleOf(raw *rawSARIFResult) (*sarifComponent, *rawSARIFRule) {
	ref, id := raw.Rule, raw.ruleID()
	if ref.Index == nil {
		ref.Index = raw.RuleIndex
	}
	named := &run.tool
	for i := range run.extensions {
		c := &run.extensions[i]
		if ref.Component.Index != nil && *ref.Component.Index == i || ref.Component.GUID != "" && strings.EqualFold(ref.Component.GUID, c.GUID) ||
			ref.Component.Index == nil && ref.Component.GUID == "" && ref.Component.Name != "" && ref.Component.Name == c.Name {
			named = c
			break
		}
	}
	if ref.Index != nil && *ref.Index >= 0 && *ref.Index < len(named.Rules) {
		rule := &named.Rules[*ref.Index]
		if id == "" || rule.ID == id || strings.HasPrefix(id, rule.ID+"/") {
			return named, rule
		}
	}
	if id = sarifLine(id, threat.MaxName); id == "" {
		return named, nil
	}
	components := []*sarifComponent{named, &run.tool}
	for i := range run.extensions {
		components = append(components, &run.extensions[i])
	}
	for id != "" { // "CA1000/1" is a case of CA1000 (SARIF §3.27.5)
		for _, c := range components {
			if i, ok := c.byID[id]; ok {
				return c, &c.Rules[i]
			}
		}
		cut := strings.LastIndexByte(id, '/')
		id = id[:max(cut, 0)]
	}
	return named, nil
}

var (
	sarifArgument = regexp.MustCompile(`\{\{|\}\}|\{[0-9]{1,3}\}`)
	sarifLink     = regexp.MustCompile(`\[((?:[^\[\]\\]|\\.)*)\]\([0-9]+\)`)
)

// plain returns the message as text: its arguments filled in, its links to other places of the result as their words.
func (m rawSARIFMessage) plain(tool *sarifComponent, rule *rawSARIFRule) string {
	text := m.Text
	if text == "" && m.ID != "" {
		if text = rule.Messages[m.ID].Text; text == "" {
			text = tool.Messages[m.ID].Text
		}
	}
	if text == "" {
		text = m.Markdown
	}
	if text == "" && m.ID != "" {
		return sarifLine(m.ID+" "+strings.ReplaceAll(m.Arguments, "\x00", ", "), threat.MaxDescription)
	}
	if m.Arguments != "" || m.ID != "" {
		arguments := strings.Split(m.Arguments, "\x00")
		text = sarifArgument.ReplaceAllStringFunc(text, func(mark string) string {
			if mark == "{{" || mark == "}}" {
				return mark[:1]
			}
			if n, err := strconv.Atoi(mark[1 : len(mark)-1]); err == nil && n < len(arguments) {
				return arguments[n]
			}
			return mark
		})
	}
	return sarifText(sarifLink.ReplaceAllString(text, "$1"), threat.MaxDescription)
}

// weaknesses gathers the CWEs of a result and its rule; the prose of the rule's help counts only when nothing else names one.
func (run *sarifRun) weaknesses(raw *rawSARIFResult, rule *rawSARIFRule) []int {
	found := slices.Concat(raw.Properties.CWEs, rule.Properties.CWEs)
	refs := slices.Clone(raw.Taxa)
	for _, r := range rule.Relationships {
		refs = append(refs, r.Target)
	}
	for _, ref := range refs {
		name := ref.Component.Name
		if i := ref.Component.Index; i != nil && *i >= 0 && *i < len(run.taxonomies) {
			t := &run.taxonomies[*i]
			name = t.Name
			if k := ref.Index; ref.ID == "" && k != nil && *k >= 0 && *k < len(t.Taxa) {
				ref.ID = t.Taxa[*k].ID
			}
		}
		if n, err := strconv.Atoi(ref.ID); err == nil && isCWE(name) && n > 0 && n < 10_000 {
			found = append(found, n)
		} else {
			found = append(found, findCWEs(ref.ID)...)
		}
	}
	if len(found) == 0 {
		found = findCWEs(strings.Join([]string{rule.ID, rule.Name, rule.Short.Text, rule.Full.Text}, "\n"))
	}
	if len(found) == 0 {
		found = slices.Clone(rule.Help)
	}
	slices.Sort(found)
	found = slices.Compact(found)
	return found[:min(len(found), maxCWEs)]
}

// severityOf takes the score of the result or its rule, else a word in their properties, else the level.
func severityOf(raw *rawSARIFResult, rule *rawSARIFRule) threat.Severity {
	score := raw.Properties.Score
	if score == nil {
		score = rule.Properties.Score
	}
	switch {
	case score == nil:
	case *score >= 9:
		return threat.SeverityCritical
	case *score >= 7:
		return threat.SeverityHigh
	case *score >= 4:
		return threat.SeverityMedium
	case *score > 0:
		return threat.SeverityLow
	default:
		return threat.SeverityInfo
	}
	if raw.Properties.Severity != "" {
		return raw.Properties.Severity
	}
	if rule.Properties.Severity != "" {
		return rule.Properties.Severity
	}
	level := raw.Level
	if level == "" {
		level = rule.Defaults.Level
	}
	switch level {
	case "error":
		return threat.SeverityHigh
	case "note":
		return threat.SeverityLow
	case "none":
		return threat.SeverityInfo
	}
	return threat.SeverityMedium // SARIF's default is warning
}

// place says where a location is: "src/a.go:12", or the name of what is there where no file is named.
func (run *sarifRun) place(p rawSARIFPlace) string {
	file := run.file(p.Physical.Artifact, 0)
	if file == "" {
		return sarifLine(p.logical(), evidence.MaxPath)
	}
	if line := p.Physical.Region.Line; line > 0 {
		suffix := ":" + strconv.Itoa(line)
		return threat.Clip(file, evidence.MaxPath-len(suffix)) + suffix
	}
	return threat.Clip(file, evidence.MaxPath)
}

func (p rawSARIFPlace) logical() string {
	if len(p.Logical) == 0 {
		return ""
	}
	if p.Logical[0].Full != "" {
		return p.Logical[0].Full
	}
	return p.Logical[0].Name
}

// maxBases bounds how many bases are followed.
const maxBases = 8

// file returns the path of an artifact relative to the root: an absolute base is a root. It never leads above it.
func (run *sarifRun) file(a sarifArtifact, depth int) string {
	if a.URI == "" && a.Index != nil && *a.Index >= 0 && *a.Index < len(run.files) && depth == 0 {
		a = run.files[*a.Index]
	}
	uri := a.URI
	if uri == "" {
		return ""
	}
	if u, ok := strings.CutPrefix(uri, "file:"); ok {
		return run.belowRoot(localPath(u))
	}
	if u, err := url.Parse(uri); err == nil && u.Scheme != "" && len(u.Scheme) > 1 {
		return sarifLine(u.Redacted(), evidence.MaxPath) // somewhere else: named as it is
	}
	p := unescape(uri)
	if strings.HasPrefix(p, "/") || driveForm.MatchString(p) {
		return run.belowRoot(p)
	}
	for base, n := a.Base, 0; base != "" && n < maxBases; n++ {
		b, ok := run.bases[base]
		if !ok || b.URI == "" || strings.HasPrefix(b.URI, "/") || strings.Contains(b.URI, ":") {
			break // the root
		}
		p, base = path.Join(unescape(b.URI), p), b.Base
	}
	return confined(p)
}

var driveForm = regexp.MustCompile(`^[A-Za-z]:[\\/]`)

func unescape(uri string) string {
	if p, err := url.PathUnescape(uri); err == nil {
		uri = p
	}
	return strings.ReplaceAll(uri, `\`, "/")
}

// localPath is the path of a file URI behind its scheme.
func localPath(rest string) string {
	p := unescape(rest)
	if host, ok := strings.CutPrefix(p, "//"); ok {
		if i := strings.IndexByte(host, '/'); i >= 0 && !driveForm.MatchString(host) {
			host = host[i:]
		}
		p = host
	}
	return p
}

// belowRoot takes the longest absolute base off an absolute path.
func (run *sarifRun) belowRoot(p string) string {
	p = confined(p)
	best := ""
	for _, b := range run.bases {
		rest, ok := strings.CutPrefix(b.URI, "file:")
		if !ok && !strings.HasPrefix(b.URI, "/") {
			continue
		}
		if root := confined(localPath(rest)); root != "" && strings.HasPrefix(p, root+"/") && len(root) > len(best) {
			best = root
		}
	}
	if best != "" {
		p = p[len(best)+1:]
	}
	return p
}

// confined cleans a path so that it is relative and leads nowhere above.
func confined(p string) string {
	if driveForm.MatchString(strings.TrimPrefix(p, "/")) {
		p = strings.TrimPrefix(p, "/")[2:]
	}
	return sarifLine(strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(p, `\`, "/")), "/"), evidence.MaxPath)
}

// identity names the problem across files. Lines and columns are no part of it, so that code that moves is the same problem. Several
// results with one identity are told apart by their order.
func (r *sarifReader) identity(run *sarifRun, raw *rawSARIFResult, out *SARIFResult) string {
	if r.seen[raw.own]++; raw.own != "" && r.seen[raw.own] == 1 && (ownIdentity.MatchString(raw.own) || strings.HasPrefix(raw.own, r.model+"/F")) {
		return raw.own
	}
	file := ""
	if len(raw.Locations) > 0 {
		if file = run.file(raw.Locations[0].Physical.Artifact, 0); file == "" {
			file = raw.Locations[0].logical()
		}
	}
	var parts []string
	if raw.own != "" {
		parts = []string{"own", raw.own}
	} else if f := raw.whole; f.name != "" {
		parts = []string{"whole", out.Tool, out.Rule.ID, f.name, f.value}
	} else if f := raw.partial; f.name != "" {
		parts = []string{"partial", out.Tool, out.Rule.ID, file, f.name, f.value}
	} else if snippet := raw.snippet(); snippet != "" {
		parts = []string{"snippet", out.Tool, out.Rule.ID, file, snippet}
	} else {
		words := strings.Map(func(c rune) rune {
			if c >= '0' && c <= '9' {
				return -1
			}
			return c
		}, out.Message)
		parts = []string{"message", out.Tool, out.Rule.ID, file, strings.Join(strings.Fields(words), " ")}
		if len(raw.Locations) > 0 {
			parts = append(parts, raw.Locations[0].logical())
		}
	}
	key := strings.Join(parts, "\x00")
	r.seen[key]++
	if n := r.seen[key]; n > 1 {
		key = fmt.Sprintf("%s\x00%d", key, n)
	}
	return SARIFIdentity + evidence.Hash([]byte(key))[:40]
}

// ownIdentity is the form of an identity that was computed from a file, and then exported with the finding.
var ownIdentity = regexp.MustCompile(`^sarif:[0-9a-f]{40}$`)

func (raw *rawSARIFResult) snippet() string {
	if len(raw.Locations) == 0 {
		return ""
	}
	if s := raw.Locations[0].Physical.Region.Snippet.Text; s != "" {
		return s
	}
	return raw.Locations[0].Physical.Context.Snippet.Text
}

// partialFirst are the partial fingerprints that tools are known to keep stable when lines move, the best first.
var partialFirst = []string{"primaryLocationLineHash", "scanPrimaryLocationHash", "contextRegionHash"}

// bestFingerprint chooses one fingerprint, always the same one: a known name first, then by name, of a name the oldest version, which a
// tool goes on writing when it adds a newer. Digests of whole files and words such as "requires login" name nothing.
func bestFingerprint(from fewNamed[string], first []string) rawFingerprint {
	var best rawFingerprint
	rank := func(name string) int {
		base, _, _ := strings.Cut(name, "/")
		if i := slices.Index(first, base); i >= 0 {
			return i
		}
		return len(first)
	}
	for n, v := range from {
		lower := strings.ToLower(n)
		if len(v) < 4 || len(v) > maxSARIFText || strings.ContainsAny(v, " \t\n") || strings.Contains(lower, "filehash") || strings.Contains(lower, "startcolumn") ||
			n == FindingFingerprint || n == AssertionFingerprint {
			continue
		}
		if best.name == "" || rank(n) < rank(best.name) || rank(n) == rank(best.name) && n < best.name {
			best = rawFingerprint{n, v}
		}
	}
	return best
}
