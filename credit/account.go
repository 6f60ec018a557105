package credit

import (
	"fmt"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Account is where a user stands. What they can spend is the allowance that is left of the month, then the packs. The zero value is that of
// somebody on no legal plan: begin with [New].
type Account struct {
	Plan      Plan      // what was set for the user; a trial is laid over it, see [Account.On]
	TrialEnds time.Time // the zero time where the trial was never started
	Month     time.Time // which month Used is of
	Used      int       // of the allowance, in Month
	Packs     int       // credits that do not expire, without those that are held
	Holds     []Hold    // what calls under way may cost

	// Entered is what the ledger's entries make of the allowance: what is left and what is held of it.
	Entered int

	Day      time.Time // which day Requests is of
	Requests int       // to language models, on Day
}

// Hold is what a call under way may cost, taken aside before it is made.
type Hold struct {
	ID        string
	Month     time.Time // whose allowance it is of
	Allowance int
	Packs     int
	Until     time.Time // from then on it is given back by itself
}

// New returns the account of a new user.
func New(now time.Time) Account { return Account{Plan: Free, Month: Month(now), Day: Day(now)} }

// Kind says why the balance changed.
type Kind string

// The kinds of entries.
const (
	Renewed  Kind = "allowance" // the month's, or what a greater plan adds to it
	Expired  Kind = "expired"   // what was left of an allowance
	Spent    Kind = "spent"     // on an operation
	Bought   Kind = "bought"    // a pack
	Granted  Kind = "granted"   // by an administrator
	Referred Kind = "referred"  // somebody signed up with a code
	Refunded Kind = "refunded"  // what was left of a pack whose price was given back
)

// Kinds lists the legal kinds.
func Kinds() []Kind { return []Kind{Renewed, Expired, Spent, Bought, Granted, Referred, Refunded} }

// Entry is one change of the balance. The entries of an account add up to what is left and held of the allowance ([Account.Entered]), and
// to what is left and held of the packs.
type Entry struct {
	Kind      Kind
	Allowance int // added to the allowance; negative: taken
	Packs     int // added to the packs; negative: taken
}

// Short says that there are not enough credits.
type Short struct {
	Needed int
	Left   int       // what can be spent now
	Held   int       // what other calls under way may cost
	Resets time.Time // when the allowance is renewed
}

func (s *Short) Error() string {
	return fmt.Sprintf("credit: %d are needed, %d are left and %d held", s.Needed, s.Left, s.Held)
}

// On is the plan that counts at a time: the trial is one of pro.
func (a *Account) On(now time.Time) Plan {
	if a.Plan == Free && a.Trial(now) {
		return Pro
	}
	return a.Plan
}

// Trial reports whether the trial runs at a time.
func (a *Account) Trial(now time.Time) bool { return now.Before(a.TrialEnds) }

// Held is what calls under way may cost.
func (a *Account) Held() (allowance, packs int) {
	for _, h := range a.Holds {
		allowance += h.Allowance
		packs += h.Packs
	}
	return allowance, packs
}

// heldNow is what is held of the allowance of the account's month.
func (a *Account) heldNow() (n int) {
	for _, h := range a.Holds {
		if h.Month.Equal(a.Month) {
			n += h.Allowance
		}
	}
	return n
}

// left is what can be spent of the allowance. It follows from the plan, what was used and what is held, so that no order of changes of the
// plan yields more than another.
func (a *Account) left(now time.Time) int {
	credits, limited := a.On(now).Allowance()
	if !limited {
		return 0
	}
	return max(0, credits-a.Used-a.heldNow())
}

// Left is what can be spent at a time: of the allowance, and of the packs. On an unlimited plan nothing is spent.
func (a *Account) Left(now time.Time) (allowance, packs int) {
	b := a.clone()
	b.Turn(now)
	return b.left(now), b.Packs
}

func (a *Account) clone() Account {
	b := *a
	b.Holds = append([]Hold(nil), a.Holds...)
	return b
}

// Turn brings an account to a time: holds past their time are given back, and in a new month the allowance is renewed. Whether it is called
// often or seldom makes no difference to what is left.
func (a *Account) Turn(now time.Time) (entries []Entry) {
	holds := a.Holds[:0:0]
	for _, h := range a.Holds {
		if now.Before(h.Until) {
			holds = append(holds, h)
		} else {
			a.Packs += h.Packs
		}
	}
	a.Holds = holds
	if m := Month(now); m.After(a.Month) { // a clock that goes back renews nothing
		held, _ := a.Held()
		entries = a.enter(entries, held)
		a.Month, a.Used = m, 0
	}
	return a.balance(entries, now)
}

// balance enters what changed in what is left of the allowance.
func (a *Account) balance(entries []Entry, now time.Time) []Entry {
	held, _ := a.Held()
	return a.enter(entries, a.left(now)+held)
}

// enter makes the ledger's allowance come to so much.
func (a *Account) enter(entries []Entry, want int) []Entry {
	by := want - a.Entered
	a.Entered = want
	switch {
	case by > 0:
		return append(entries, Entry{Kind: Renewed, Allowance: by})
	case by < 0:
		return append(entries, Entry{Kind: Expired, Allowance: by})
	}
	return entries
}

// Reserve takes aside what a call may cost, of the allowance first, until a time or its settlement. On an unlimited plan nothing is taken.
// It changes nothing beside the turn when it fails. Errors: *[Short].
func (a *Account) Reserve(now time.Time, id string, credits int, until time.Time) ([]Entry, error) {
	entries := a.Turn(now)
	if _, limited := a.On(now).Allowance(); !limited {
		return entries, nil
	}
	credits = max(credits, 0)
	allowance := min(credits, a.left(now))
	packs := credits - allowance
	if packs > a.Packs {
		heldA, heldP := a.Held()
		return entries, &Short{Needed: credits, Left: a.left(now) + a.Packs, Held: heldA + heldP, Resets: NextMonth(now)}
	}
	a.Packs -= packs
	a.Holds = append(a.Holds, Hold{ID: id, Month: a.Month, Allowance: allowance, Packs: packs, Until: until})
	return entries, nil
}

// Settle ends a hold: what the call did cost is spent, the rest is given back. A cost beyond the hold, or of a hold that is no more, is taken
// of what is left, as far as that goes. charged is what was spent. Zero credits release the hold.
func (a *Account) Settle(now time.Time, id string, credits int) (charged int, entries []Entry) {
	var hold Hold
	for i, h := range a.Holds {
		if h.ID == id && now.Before(h.Until) {
			hold = h
			a.Holds = append(a.Holds[:i:i], a.Holds[i+1:]...)
			break
		}
	}
	// Before the turn, which would let expire what this hold still has to pay.
	spent := Entry{Kind: Spent}
	credits = max(credits, 0)
	fromAllowance := min(credits, hold.Allowance)
	fromPacks := min(credits-fromAllowance, hold.Packs)
	spent.Allowance, spent.Packs = -fromAllowance, -fromPacks
	a.Entered -= fromAllowance
	a.Packs += hold.Packs - fromPacks
	if hold.Month.Equal(a.Month) {
		a.Used += fromAllowance
	}
	entries = a.Turn(now)
	if rest := credits - fromAllowance - fromPacks; rest > 0 {
		if _, limited := a.On(now).Allowance(); !limited {
			a.Used += rest
			charged += rest
		} else {
			more := min(rest, a.left(now))
			a.Used += more
			a.Entered -= more
			pack := min(rest-more, a.Packs)
			a.Packs -= pack
			spent.Allowance -= more
			spent.Packs -= pack
		}
	}
	charged -= spent.Allowance + spent.Packs
	if spent.Allowance == 0 && spent.Packs == 0 {
		return charged, a.balance(entries, now)
	}
	return charged, a.balance(append(entries, spent), now)
}

// Add adds credits that do not expire. Errors: [threat.Invalid] for a number that is not from 1 to [MaxCredits], or more than anybody can have.
func (a *Account) Add(now time.Time, kind Kind, credits int) ([]Entry, error) {
	_, held := a.Held()
	if credits < 1 || credits > MaxCredits || a.Packs+held+credits > MaxCredits {
		return nil, threat.Errorf(threat.Invalid, "%d credits cannot be added", credits).In("credits").Hinted("1 to %d, and no more than that in all", MaxCredits)
	}
	entries := a.Turn(now)
	a.Packs += credits
	return append(entries, Entry{Kind: kind, Packs: credits}), nil
}

// TakeBack takes credits out of the packs, as far as they are there and not held, and returns how many.
func (a *Account) TakeBack(now time.Time, credits int) (taken int, entries []Entry) {
	entries = a.Turn(now)
	if taken = min(max(credits, 0), a.Packs); taken > 0 {
		a.Packs -= taken
		entries = append(entries, Entry{Kind: Refunded, Packs: -taken})
	}
	return taken, entries
}

// SetPlan puts the user on a plan. What was used of the month's allowance stays used.
func (a *Account) SetPlan(now time.Time, p Plan) []Entry {
	entries := a.Turn(now)
	a.Plan = p
	return a.balance(entries, now)
}

// StartTrial starts the trial of pro. Errors: [threat.FailedPrecondition] where it was started before, or the plan needs none.
func (a *Account) StartTrial(now time.Time) ([]Entry, error) {
	if a.Plan != Free {
		return nil, threat.Errorf(threat.FailedPrecondition, "the plan is %s already", a.Plan).Hinted("the trial is for users of plan free")
	}
	if !a.TrialEnds.IsZero() {
		return nil, threat.Errorf(threat.FailedPrecondition, "the trial was started before; it ended or ends on %s", a.TrialEnds.UTC().Format(time.DateOnly)).
			Hinted("everybody has one trial; an administrator sets the plan")
	}
	entries := a.Turn(now)
	a.TrialEnds = now.Add(TrialLength)
	return a.balance(entries, now), nil
}

// Request counts a request to a language model. It returns false, and counts nothing, past the limit of the day.
func (a *Account) Request(now time.Time, limit int) bool {
	if !a.MayRequest(now, limit) {
		return false
	}
	if d := Day(now); d.After(a.Day) {
		a.Day, a.Requests = d, 0
	}
	a.Requests++
	return true
}

// MayRequest reports whether the limit of the day leaves room for one more request.
func (a *Account) MayRequest(now time.Time, limit int) bool {
	return Day(now).After(a.Day) || a.Requests < limit
}
