package mutate

import (
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/threat"
)

// Operator names a way to weaken code.
type Operator string

// The operators. Their names are stable.
const (
	RemoveCall          Operator = "remove-call"
	InvertCondition     Operator = "invert-condition"
	EmptyBody           Operator = "empty-body"   // the function does nothing and returns nothing
	ReturnEarly         Operator = "return-early" // the function returns at once; its code stays, unreached
	RemoveDeclaration   Operator = "remove-declaration"
	RemoveDecorator     Operator = "remove-decorator"
	RemoveCheck         Operator = "remove-check" // a condition or validating call on a parameter
	RemoveHandler       Operator = "remove-handler"
	EmptyHandler        Operator = "empty-handler" // the error is caught and forgotten
	RemoveImport        Operator = "remove-import"
	RemoveUses          Operator = "remove-uses" // the import stays, and nothing of it is called
	DeleteRegistration  Operator = "delete-registration"
	LoosenValue         Operator = "loosen-value"
	RemoveKey           Operator = "remove-key"
	RemoveMatch         Operator = "remove-match"
	IntroducePattern    Operator = "introduce-pattern"
	RespellPattern      Operator = "respell-pattern" // the witness, written otherwise
	ExposeSecret        Operator = "expose-secret"
	FlipByte            Operator = "flip-byte"
	DeleteFile          Operator = "delete-file"
	EmptyFile           Operator = "empty-file"
	GutFile             Operator = "gut-file" // a file with its first line alone
	Rename              Operator = "rename"
	DowngradeDependency Operator = "downgrade-dependency"
	RemoveDependency    Operator = "remove-dependency"
	RemoveTest          Operator = "remove-test"
	SkipTest            Operator = "skip-test"
)

// State is what became of a mutant, or of an assertion.
type State string

// The states of a mutant.
const (
	Killed    State = "killed"
	Survived  State = "survived"
	NoVerdict State = "no_verdict" // the tests gave none: it did not build, or they did not end in time; not counted
)

// The states of an assertion.
const (
	Mutated   State = "mutated"
	Failed    State = "failed"     // Tier 1 fails on the tree as it is
	NotRun    State = "not_run"    // test_passes, and tests are not run
	NoMutants State = "no_mutants" // none of its type could be made here; Reason says why
)

// Mutant is one weakening of one file.
type Mutant struct {
	Operator Operator    `json:"operator"`
	File     string      `json:"file"`
	Line     int         `json:"line"` // of the first changed line, from 1
	What     string      `json:"what"` // in a few words
	State    State       `json:"state"`
	By       []threat.ID `json:"killed_by,omitempty"`
	Reason   string      `json:"reason,omitempty"` // why the assertion failed, or why there is no verdict
	Advice   string      `json:"advice,omitempty"` // for a survivor: which assertion would notice
	Diff     string      `json:"diff,omitempty"`   // unified, two lines of context, at most 40 lines
}

// Tally counts mutants.
type Tally struct {
	Killed    int  `json:"killed"`
	Survived  int  `json:"survived"`
	NoVerdict int  `json:"no_verdict"`
	Rate      *int `json:"rate"` // percent of killed among killed and survived, rounded down; null without any
}

func (t *Tally) count(s State) {
	switch s {
	case Killed:
		t.Killed++
	case Survived:
		t.Survived++
	default:
		t.NoVerdict++
	}
	if n := t.Killed + t.Survived; n > 0 {
		rate := t.Killed * 100 / n
		t.Rate = &rate
	}
}

// Result is what was found of one assertion.
type Result struct {
	ID      threat.ID     `json:"id"`
	Type    evidence.Type `json:"type"`
	Subject threat.ID     `json:"control_id,omitempty"` // control or assumption; "" without one
	State   State         `json:"state"`
	Reason  string        `json:"reason,omitempty"`
	Tally
	Unfit   int      `json:"discarded"` // candidates that did not parse, or changed no code
	Mutants []Mutant `json:"mutants"`
}

// Control is what was found of a control or assumption: of all mutants of its assertions, those that at least one of them notices.
type Control struct {
	ID threat.ID `json:"control_id"`
	Tally
	Assertions int      `json:"assertions"` // that were asked
	Survivors  []Mutant `json:"survivors"`
}

// Report is the whole.
type Report struct {
	Assertions []Result  `json:"assertions"` // in the order given
	Controls   []Control `json:"controls"`   // by id
	ByAssert   Tally     `json:"by_assertion"`
	ByControl  Tally     `json:"by_control"`
	Failed     int       `json:"failed"`  // assertions that were not mutated because they do not hold
	NotRun     int       `json:"not_run"` // test_passes without --run-tests
}

// Rate is the figure that stands for the whole: of the controls' mutants, or of the assertions' where none has a control. It is nil
// when there are no mutants.
func (r *Report) Rate() *int {
	if r.ByControl.Rate != nil {
		return r.ByControl.Rate
	}
	return r.ByAssert.Rate
}
