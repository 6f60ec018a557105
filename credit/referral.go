package credit

import "time"

// What referral codes say (specification §12).
const (
	ReferralCredits = 25                  // what a sign-up with a code earns its holder
	ReferralLife    = 90 * 24 * time.Hour // how long a code can be used
	ReferralsHeld   = 3                   // unused codes that one user can hold
	ReferralsAMonth = 10                  // users who earn a code for a month
)

// Refund is how many credits of a pack are to be taken back in all, when so much of its price was given back. It is rounded down, and never
// more than the pack has.
func Refund(credits int, paid, refunded int64) int {
	if paid <= 0 || refunded <= 0 {
		return 0
	}
	if refunded >= paid {
		return credits
	}
	return int(int64(credits) * refunded / paid)
}
