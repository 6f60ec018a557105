// Package runner is one verifier pass over what was pulled: Tier 1 by the checker, Tier 2 by the judge, and the statement of both.
package runner

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify"
	"github.com/redoubt-dev/redoubt/verify/judge"
)

// Options say how a pass goes.
type Options struct {
	Judge       judge.Judge // nil: Tier 2 is skipped
	ChangedOnly bool        // check only what lies in Changed; the rest is unchanged where its digest says so
	Changed     []string    // paths from the root
	Concurrency int         // questions to the judge at once; 4 when zero
	Progress    func(stage string, done, total int)
}

// NoJudge is the reason of a Tier 2 result that was skipped because nobody was there to judge.
const NoJudge = "no judge is configured"

// The stages of a pass.
const (
	StageCheck = "checking"
	StageJudge = "judging"
)

// Pass is the outcome of one pass.
type Pass struct {
	Pull     evidence.Pull
	Results  []evidence.Result // sorted by assertion and tier
	Warnings []string
	Judge    *evidence.Judge // nil when no judge was asked
}

// Verify checks every assertion of a pull. It returns an error only when the context ends.
func Verify(ctx context.Context, c *verify.Checker, pull evidence.Pull, o Options) (*Pass, error) {
	p := &pass{Pass: Pass{Pull: pull}, checker: c, options: o}
	if p.options.Concurrency <= 0 {
		p.options.Concurrency = 4
	}
	p.tier1(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.tier2(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range p.items {
		p.Results = append(p.Results, p.items[i].one, p.items[i].two)
	}
	evidence.SortResults(p.Results)
	return &p.Pass, nil
}

// Failed counts the results that are a fail; an unchanged one counts as what it confirms.
func (p *Pass) Failed() int {
	n := 0
	for _, v := range p.Verdicts() {
		if v.One == evidence.Fail || v.Two == evidence.Fail {
			n++
		}
	}
	return n
}

// Verdict is what a pass comes to for one assertion, unchanged results resolved to what they confirm.
type Verdict struct {
	Pulled   evidence.Pulled
	One, Two evidence.Verdict // pass, fail; Two may be skipped
	Reason   string           // of the fail, or of why Tier 2 was skipped
	File     string
	Line     int
	Carried  bool // nothing was checked anew
}

// Verdicts returns what a pass comes to, in the order of the pull.
func (p *Pass) Verdicts() []Verdict {
	of := map[threat.ID][3]*evidence.Result{}
	for i := range p.Results {
		r := &p.Results[i]
		pair := of[r.Assertion]
		pair[r.Tier] = r
		of[r.Assertion] = pair
	}
	out := make([]Verdict, len(p.Pull.Assertions))
	for i, a := range p.Pull.Assertions {
		pair := of[a.ID]
		one, two := pair[evidence.Tier1], pair[evidence.Tier2]
		v := Verdict{Pulled: a, One: one.Verdict, Two: two.Verdict, File: one.File, Line: one.Line}
		if v.One == evidence.Unchanged {
			v.One, v.File, v.Line, v.Carried = a.Tier1.Verdict, a.Tier1.File, a.Tier1.Line, true
			v.Reason = a.Tier1.Reason
		}
		if v.Two == evidence.Unchanged {
			v.Two = a.Tier2.Verdict
		}
		switch {
		case v.One == evidence.Fail:
			if one.Reason != "" {
				v.Reason = one.Reason
			}
		case v.Two != evidence.Pass:
			v.Reason = two.Reason
		default:
			v.Reason = ""
		}
		out[i] = v
	}
	return out
}

// Origin is where a pass took place.
type Origin struct {
	Commit   string
	Branch   string
	CI       evidence.CI
	Verifier string
}

// Statement makes the statement of a pass.
func (p *Pass) Statement(o Origin) (evidence.Statement, error) {
	return evidence.NewStatement(evidence.Predicate{
		Workspace: p.Pull.WorkspaceID, Model: p.Pull.ModelID, Repo: p.Pull.Repo, Nonce: p.Pull.Nonce,
		Commit: o.Commit, Branch: o.Branch, CI: o.CI, Verifier: o.Verifier, Judge: p.Judge, Results: slices.Clone(p.Results),
	})
}

// item is one assertion on its way through both tiers.
type item struct {
	evidence.Pulled
	outcome  *verify.Outcome // nil when it was not checked anew
	one, two evidence.Result
}

type pass struct {
	Pass
	checker *verify.Checker
	options Options
	items   []item
}

func (p *pass) progress(stage string, done, total int) {
	if p.options.Progress != nil {
		p.options.Progress(stage, done, total)
	}
}

func (p *pass) tier1(ctx context.Context) {
	p.items = make([]item, len(p.Pull.Assertions))
	var check []evidence.Assertion
	var of []int
	for i, a := range p.Pull.Assertions {
		it := &p.items[i]
		it.Pulled = a
		it.one = evidence.Result{Assertion: a.ID, Type: a.Type, Params: a.Params, Tier: evidence.Tier1}
		it.two = evidence.Result{Assertion: a.ID, Type: a.Type, Params: a.Params, Tier: evidence.Tier2, Verdict: evidence.Skipped}
		if p.unchanged(it) {
			continue
		}
		check = append(check, evidence.Assertion{
			ID: a.ID, Type: a.Type, Params: a.Params, Control: a.Control, Assumption: a.Assumption, Facets: a.Facets, Repo: p.Pull.Repo,
		})
		of = append(of, i)
	}
	for k, o := range p.checker.Check(ctx, check) {
		it := &p.items[of[k]]
		it.outcome = &o
		it.one.Verdict, it.one.Reason, it.one.File, it.one.Line = o.Verdict, threat.Clip(o.Reason, evidence.MaxReason), o.File, o.Line
		it.one.FileDigest, it.one.Blob, it.one.Excerpt = o.FileDigest, o.Blob, o.ExcerptDigest
		for _, w := range o.Warnings {
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s: %s", it.ID, w))
		}
	}
}

// unchanged makes a Tier 1 result unchanged where the caller said that the file is not among the changed ones, the server holds a
// result on it, and the file's digest is still that result's. What needs the code again for Tier 2 is checked anew.
func (p *pass) unchanged(it *item) bool {
	h := it.Tier1
	if !p.options.ChangedOnly || h == nil || h.File == "" || h.FileDigest == "" || !oneFile(it.Pulled) || slices.Contains(p.options.Changed, h.File) {
		return false
	}
	if h.Verdict == evidence.Pass && !p.judged(it, h.Excerpt) && p.options.Judge != nil {
		return false
	}
	if digest, err := p.checker.Digest(h.File); err != nil || digest != h.FileDigest {
		return false
	}
	it.one.Verdict, it.one.File, it.one.Line = evidence.Unchanged, h.File, h.Line
	it.one.FileDigest, it.one.Blob, it.one.Excerpt = h.FileDigest, h.Blob, h.Excerpt
	return true
}

// oneFile reports whether a claim depends on the one file that it names and on nothing else.
func oneFile(a evidence.Pulled) bool {
	switch a.Type {
	case evidence.DependencyExists, evidence.DependencyVersion, evidence.TestExists, evidence.TestPasses:
		return false
	}
	return a.Params.String("scope_file") == "" && a.Tier1.File == a.Params.String("file")
}

// judged reports whether the server holds a Tier 2 pass on this very excerpt, template and text.
func (p *pass) judged(it *item, excerpt string) bool {
	h := it.Tier2
	return h != nil && h.Verdict == evidence.Pass && excerpt != "" &&
		h.Excerpt == excerpt && h.Template == it.Template && h.Text == it.Text
}

func (p *pass) tier2(ctx context.Context) {
	var ask []int
	for i := range p.items {
		it := &p.items[i]
		it.two.Excerpt, it.two.Template, it.two.Text = it.one.Excerpt, it.Template, it.Text
		passed := it.one.Verdict == evidence.Pass || it.one.Verdict == evidence.Unchanged && it.Tier1.Verdict == evidence.Pass
		switch {
		case !passed:
			it.two.Reason = "Tier 1 failed"
		case p.judged(it, it.one.Excerpt):
			it.two.Verdict, it.two.Judge = evidence.Unchanged, it.Tier2.Judge
		case p.options.Judge == nil:
			it.two.Reason = NoJudge
		case it.outcome == nil:
			it.two.Reason = "the code was not read"
		default:
			ask = append(ask, i)
		}
	}
	if len(ask) == 0 {
		return
	}
	asked, void := judge.Calibrate(ctx, p.options.Judge)
	p.Judge = &evidence.Judge{Name: p.options.Judge.Name(), Canaries: asked, Void: threat.Clip(void, evidence.MaxReason)}
	if void != "" {
		for _, i := range ask {
			p.items[i].two.Reason = "the pass is void: " + p.Judge.Void
		}
		p.Warnings = append(p.Warnings, "Tier 2 is void: "+void)
		return
	}
	p.judge(ctx, ask)
}

// judge asks the judge about the given items, several at once.
func (p *pass) judge(ctx context.Context, ask []int) {
	var mu sync.Mutex
	done := 0
	work := make(chan int)
	var group sync.WaitGroup
	for range min(p.options.Concurrency, len(ask)) {
		group.Go(func() {
			for i := range work {
				p.judgeOne(ctx, &p.items[i])
				mu.Lock()
				done++
				p.progress(StageJudge, done, len(ask))
				mu.Unlock()
			}
		})
	}
	for _, i := range ask {
		if ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	group.Wait()
}

func (p *pass) judgeOne(ctx context.Context, it *item) {
	it.two.Judge = p.options.Judge.Name()
	fail := func(reason string) {
		it.two.Verdict, it.two.Reason = evidence.Fail, threat.Clip(reason, evidence.MaxReason)
	}
	if it.outcome.ExcerptTooLong {
		fail(fmt.Sprintf("the code has more than %d characters: narrow the scope", evidence.MaxExcerpt))
		return
	}
	if it.outcome.Excerpt == "" {
		fail("there is no code to judge")
		return
	}
	j, err := judge.Decide(ctx, p.options.Judge, it.Prompt, it.outcome.Excerpt, it.Facets)
	if err != nil {
		fail(fmt.Sprintf("the judge gave no answer: %v", err))
		return
	}
	it.two.Verdict, it.two.Facets, it.two.Reason, it.two.Injection = j.Verdict, j.Facets, j.Reason, j.Injection
}
