package source

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Workflows of GitHub (.github/workflows/*.yml) and of GitLab (.gitlab-ci.yml) hold scripts. Each step with "run:" is a function
// of its job, named by its name, its id, or its place; so are script, before_script and after_script of a job of GitLab. A
// script for another shell (PowerShell, Python) is left out, and so is one whose text is not the one written: folded (">"), or
// quoted with escapes.

// isJobsFile reports whether a path names a workflow.
func isJobsFile(name string) bool {
	name = strings.ReplaceAll(name, `\`, "/")
	ext := strings.ToLower(path.Ext(name))
	if ext != ".yml" && ext != ".yaml" {
		return false
	}
	base := path.Base(name)
	return strings.HasSuffix("/"+path.Dir(name), "/.github/workflows") || base == ".gitlab-ci.yml" || base == ".gitlab-ci.yaml"
}

// jobs reads the scripts of a workflow.
func (p *shellFile) jobs() error {
	decoder := yaml.NewDecoder(strings.NewReader(strings.TrimPrefix(p.src, string(byteOrderMark))))
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			line := 1
			if _, scanned := fmt.Sscanf(err.Error(), "yaml: line %d:", &line); scanned != nil {
				line = 1
			}
			return &SyntaxError{Line: max(1, line), Message: strings.TrimPrefix(err.Error(), "yaml: ")}
		}
		p.remarks(&doc)
		if len(doc.Content) == 0 {
			continue
		}
		root := doc.Content[0]
		if jobs := field(root, "jobs"); jobs != nil && !strings.Contains(path.Base(p.name), "gitlab") {
			if err := p.workflow(root, jobs); err != nil {
				return err
			}
		} else if err := p.pipelineJobs(root); err != nil {
			return err
		}
	}
}

// field returns the value of a key, or nil.
func field(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// workflow reads the jobs of GitHub.
func (p *shellFile) workflow(root, jobs *yaml.Node) error {
	if jobs.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(jobs.Content); i += 2 {
		job := jobs.Content[i+1]
		steps := field(job, "steps")
		if steps == nil || steps.Kind != yaml.SequenceNode {
			continue
		}
		usual := scalar(field(field(field(job, "defaults"), "run"), "shell"))
		if usual == "" {
			usual = scalar(field(field(field(root, "defaults"), "run"), "shell"))
		}
		if usual == "" && strings.Contains(scalar(field(job, "runs-on")), "windows") {
			usual = "pwsh"
		}
		for n, step := range steps.Content {
			run := field(step, "run")
			if run == nil {
				continue
			}
			name, at := strconv.Itoa(n+1), step
			for _, key := range []string{"id", "name"} {
				if v := field(step, key); scalar(v) != "" {
					name, at = scalar(v), v
				}
			}
			shell := scalar(field(step, "shell"))
			if shell == "" {
				shell = usual
			}
			if err := p.step(jobs.Content[i].Value, name, at, p.offset(step), shell, run); err != nil {
				return err
			}
		}
	}
	return nil
}

// pipelineJobs reads the jobs of GitLab.
func (p *shellFile) pipelineJobs(root *yaml.Node) error {
	if root.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		for _, key := range []string{"before_script", "script", "after_script"} {
			script := field(root.Content[i+1], key)
			if script == nil {
				continue
			}
			items := []*yaml.Node{script}
			if script.Kind == yaml.SequenceNode {
				items = script.Content
			}
			if err := p.step(root.Content[i].Value, key, script, p.offset(script), "", items...); err != nil {
				return err
			}
		}
	}
	return nil
}

// step declares a function for scripts, and reads them.
func (p *shellFile) step(job, name string, at *yaml.Node, start int, shell string, scripts ...*yaml.Node) error {
	program, _, _ := strings.Cut(shell, " ")
	switch program {
	case "", "bash", "sh", "ksh", "dash":
	default:
		return nil
	}
	d := Decl{Kind: Function, Name: name, Owner: job, Line: at.Line}
	for _, script := range scripts {
		s, indent, ok := p.written(script)
		if !ok {
			continue
		}
		p.pos, p.end, p.indent = s.Start, s.End, indent
		if err := p.newlines(); err != nil {
			return err
		}
		from := p.pos
		f := &shellFunction{bound: map[string]bool{}}
		p.functions = []*shellFunction{f}
		list, err := p.list()
		if err == nil && p.pos < p.end {
			err = p.fail(p.pos, "this "+p.peek()+" ends nothing")
		}
		if err == nil && len(p.documents) > 0 {
			err = p.fail(p.documents[0].at, "this here-document has no end")
		}
		p.functions, p.end, p.indent = nil, len(p.src), 0
		if err != nil {
			return err
		}
		if list.span.End > from {
			if d.Body.Empty() {
				d.Body.Start = from
			}
			d.Body.End = max(d.Body.End, list.span.End)
		}
	}
	if d.Body.Empty() {
		return nil
	}
	d.Span = Span{min(start, d.Body.Start), d.Body.End}
	p.Decls = append(p.Decls, d)
	return nil
}

// offset returns where a node begins.
func (p *shellFile) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(p.lines) {
		return 0
	}
	at := p.lines[n.Line-1]
	if n.Line == 1 && strings.HasPrefix(p.src, string(byteOrderMark)) {
		at += len(byteOrderMark)
	}
	for range n.Column - 1 {
		if at >= len(p.src) {
			break
		}
		at++
		for at < len(p.src) && p.src[at]&0xC0 == 0x80 { // columns count characters
			at++
		}
	}
	return at
}

// written returns the part of the file that a scalar stands in as it is, and the blanks before each of its lines.
func (p *shellFile) written(n *yaml.Node) (s Span, indent int, ok bool) {
	if n.Kind != yaml.ScalarNode {
		return s, 0, false
	}
	start := p.offset(n)
	p.end = len(p.src)
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		s, indent = p.block(start)
		return s, indent, true
	case n.Style&yaml.FoldedStyle != 0:
		return s, 0, false
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		start++
	}
	end := start + len(n.Value)
	if end > len(p.src) || p.src[start:end] != n.Value {
		return s, 0, false
	}
	return Span{start, end}, 0, true
}

// block returns the lines of the block scalar whose "|" stands at the offset.
func (p *shellFile) block(at int) (s Span, indent int) {
	own := 0 // of the line on which it begins
	for i := p.lines[p.LineOf(at)-1]; i < len(p.src) && (p.src[i] == ' ' || p.src[i] == '-' && p.src[min(i+1, len(p.src)-1)] == ' '); i++ {
		own++
	}
	first := p.LineOf(at)
	if first >= len(p.lines) {
		return Span{at, at}, 0
	}
	s = Span{p.lines[first], p.lines[first]}
	for line := first; line < len(p.lines); line++ {
		from := p.lines[line]
		end := len(p.src)
		if line+1 < len(p.lines) {
			end = p.lines[line+1]
		}
		blank := from
		for blank < end && p.src[blank] == ' ' {
			blank++
		}
		if strings.TrimSpace(p.src[from:end]) != "" {
			if indent == 0 {
				indent = blank - from
				if c := p.src[at+1 : min(at+3, len(p.src))]; strings.ContainsAny(c, "123456789") {
					indent = min(indent, strings.IndexAny("0123456789", c[strings.IndexAny(c, "123456789"):][:1])+parentIndent(own, p.src[p.lines[first-1]:at]))
				}
			}
			if blank-from < indent || indent == 0 {
				break
			}
		}
		s.End = end
	}
	return s, indent
}

// parentIndent returns how far the mapping stands in whose line a block scalar begins.
func parentIndent(own int, line string) int {
	if strings.Contains(line, ":") {
		return own
	}
	return max(0, own-2)
}

// remarks notes the comments of YAML: a "#" behind a blank or at the start of a line, in no scalar that holds it.
func (p *shellFile) remarks(doc *yaml.Node) {
	var held []Span
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			start := p.offset(n)
			switch {
			case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
				s, _ := p.block(start)
				held = append(held, s)
			case n.Style&yaml.DoubleQuotedStyle != 0:
				held = append(held, Span{start, p.quoteEnd(start, '"')})
			case n.Style&yaml.SingleQuotedStyle != 0:
				held = append(held, Span{start, p.quoteEnd(start, '\'')})
			}
		}
		if n.Kind != yaml.AliasNode {
			for _, c := range n.Content {
				walk(c)
			}
		}
	}
	walk(doc)
	from := len(p.src)
	if doc.Line > 0 && doc.Line <= len(p.lines) && len(doc.Content) > 0 {
		from = p.lines[min(doc.Line, doc.Content[0].Line)-1]
	}
	if len(p.Comments) == 0 {
		from = 0
	}
	next := 0
	for i := from; i < len(p.src); i++ {
		p.work++
		for next < len(held) && held[next].End <= i {
			next++
		}
		if next < len(held) && held[next].Holds(i) {
			i = held[next].End - 1
			continue
		}
		if p.src[i] == '#' && (i == 0 || strings.IndexByte(" \t\n", p.src[i-1]) >= 0) {
			end := i
			for end < len(p.src) && p.src[end] != '\n' && p.src[end] != '\r' {
				end++
			}
			if !p.inComment(i) {
				p.Comments = append(p.Comments, Span{i, end})
			}
			i = end
		}
	}
}

// quoteEnd returns the offset behind the quoted scalar at the offset.
func (p *shellFile) quoteEnd(start int, quote byte) int {
	for i := start + 1; i < len(p.src); i++ {
		switch {
		case quote == '"' && p.src[i] == '\\':
			i++
		case p.src[i] == quote && quote == '\'' && i+1 < len(p.src) && p.src[i+1] == quote:
			i++
		case p.src[i] == quote:
			return i + 1
		}
	}
	return len(p.src)
}
