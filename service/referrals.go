package service

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"strings"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/credit"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// newReferralCode makes a code: 80 random bits, easy to read out.
func newReferralCode() string {
	raw := make([]byte, 10)
	_, _ = rand.Read(raw) // it never fails
	return base32.StdEncoding.EncodeToString(raw)
}

// awardReferrals gives the users with the most requests of last month a code each, once for the month whoever of several processes is first.
// Who holds as many unused codes as one can hold gets none, and nobody in their place.
func (s *Service) awardReferrals(ctx context.Context) error {
	if s.plans == nil {
		return nil
	}
	var begun bool
	err := s.store.Read(ctx, func(v *store.Snapshot) (err error) {
		begun, err = v.ReferralsBegun(credit.Month(credit.Month(v.Now()).AddDate(0, 0, -1)))
		return err
	})
	if err != nil || begun {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		to := credit.Month(tx.Now())
		from := credit.Month(to.AddDate(0, 0, -1))
		first, err := tx.BeginReferrals(from)
		if err != nil || !first {
			return err
		}
		users, err := tx.MostRequests(from, to, credit.ReferralsAMonth)
		if err != nil {
			return err
		}
		for _, id := range users {
			held, err := tx.ReferralCodes(id)
			if err != nil {
				return err
			}
			if len(held) >= credit.ReferralsHeld {
				continue
			}
			u, err := tx.User(id)
			if err != nil {
				return err
			}
			err = tx.AddReferralCode(store.ReferralCode{Code: newReferralCode(), UserID: u.ID, Month: from, ExpiresAt: tx.Now().Add(credit.ReferralLife)})
			if err != nil {
				return err
			}
			as := account.Principal{UserID: u.ID, WorkspaceID: u.PersonalWorkspace}
			if err := addActivity(tx, as, "earn_referral_code", record{object: u.ID, detail: map[string]any{"month": from.Format("2006-01")}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// refer takes the code that a new user signed up with: it earns its holder credits, once. by is who makes the user, or nobody. Errors:
// [threat.NotFound], [threat.Invalid] for one's own code, [threat.FailedPrecondition] where plans are off.
func (s *Service) refer(tx *store.Tx, code string, u account.User, by string) error {
	if s.plans == nil {
		return threat.Errorf(threat.FailedPrecondition, "plans are off, so that there are no referral codes").In("referral").Hinted("leave referral out")
	}
	c, err := tx.ReferralCode(strings.ToUpper(strings.TrimSpace(code)))
	if err != nil {
		return fieldHint(err, "leave referral out to sign up without a code")
	}
	holder, err := tx.User(c.UserID)
	if err != nil {
		return err
	}
	if holder.ID == by || sameMailbox(holder.Email, u.Email) {
		return threat.Errorf(threat.Invalid, "nobody signs up with a code of their own").In("referral").Hinted("leave referral out")
	}
	used, err := tx.UseReferralCode(c.Code, u.ID)
	if err != nil {
		return err
	}
	if !used {
		return threat.Errorf(threat.Conflict, "the code was used meanwhile").In("referral").Hinted("leave referral out to sign up without a code")
	}
	_, err = changeCredits(tx, holder.ID, store.CreditNote{}, func(a *credit.Account) ([]credit.Entry, error) {
		return a.Add(tx.Now(), credit.Referred, credit.ReferralCredits)
	})
	if err != nil {
		return err
	}
	as := account.Principal{UserID: holder.ID, WorkspaceID: holder.PersonalWorkspace} // who signed up is not theirs to know
	return addActivity(tx, as, "earn_referral_credits", record{object: holder.ID, detail: map[string]any{"credits": credit.ReferralCredits}})
}

// sameMailbox reports whether mail to two addresses comes to one box: what stands behind a + does not count.
func sameMailbox(a, b string) bool {
	plain := func(s string) string {
		at := strings.LastIndexByte(s, '@')
		if at < 0 {
			return strings.ToLower(s)
		}
		local, _, _ := strings.Cut(s[:at], "+")
		return strings.ToLower(local + s[at:])
	}
	return plain(a) == plain(b)
}
