package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// fillWorkspace adds a row of everything that a workspace can hold.
func fillWorkspace(t testing.TB, e env, workspace string, owner account.User) store.Model {
	t.Helper()
	m := fill(t, e, workspace, owner.ID)
	k, _ := testenv.Key(t, e.Store, workspace, owner, account.Developer)
	asks := addJob(t, e, workspace)
	e.write(t, func(tx *store.Tx) error {
		for {
			j, ok, err := tx.ClaimJob(lease)
			if err != nil || !ok || j.ID == asks {
				return errors.Join(err, tx.ParkJob(workspace, asks, j.Attempt, "step", "{}", tx.Now().Add(time.Hour)))
			}
		}
	})
	e.write(t, func(tx *store.Tx) error {
		if err := tx.KeepAnswer(workspace, k.ID, "tool", "idem", "d", "a"); err != nil {
			return err
		}
		if err := tx.KeepLLMAnswer(workspace, owner.ID, "d", store.LLMAnswer{Text: "a"}, time.Hour); err != nil {
			return err
		}
		if err := tx.AddLLMCall(workspace, someCall(t, owner.ID, "x", nil)); err != nil {
			return err
		}
		if _, err := tx.AddInvitation(workspace, someInvitation(t, "guest@example.org", owner.ID)); err != nil {
			return err
		}
		return tx.AddActivity(workspace, store.Activity{ID: testenv.NewID(t), Verb: "x", Outcome: "done", ModelID: m.ID})
	})
	return m
}

// Every write that names another workspace's model fails, or changes nothing: the rows of the owner stay as they are.
func TestWritesFromAnotherWorkspace(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		owner, stranger := testenv.User(t, e.Store, "owner@example.org"), testenv.User(t, e.Store, "stranger@example.org")
		w, foreign := owner.PersonalWorkspace, stranger.PersonalWorkspace
		m := fillWorkspace(t, e, w, owner)
		own := fill(t, e, foreign, stranger.ID)
		old := head(t, e, w, m.ID)
		next := old.Clone()
		if err := next.RemoveAsset("A1"); err != nil {
			t.Fatal(err)
		}
		db := raw(t, e.database)
		picture := func() (out string) {
			for _, table := range append([]string{"models"}, modelTables...) {
				out += fmt.Sprintln(table, one(t, db, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s", table, ofModel(table, m.ID))))
			}
			out += fmt.Sprintln(head(t, e, w, m.ID), model(t, e, w, m.ID), live(t, e, w, m.ID))
			out += fmt.Sprint(get(t, e, func(v *store.Snapshot) (threat.Counters, error) { return v.Counters(w, m.ID) }))
			out += fmt.Sprint(get(t, e, func(v *store.Snapshot) ([]store.Link, error) { return v.Links(w, m.ID) }))
			return out + evidenceOf(t, e, w, m.ID) + decisionsOf(t, e, w, m.ID) + complianceOf(t, e, w, m.ID)
		}
		before := picture()
		for name, write := range map[string]func(*store.Tx) error{
			"version":  func(tx *store.Tx) error { _, err := tx.SaveVersion(foreign, m.ID, 1, old, next, "x", ""); return err },
			"counters": func(tx *store.Tx) error { return tx.SaveCounters(foreign, m.ID, threat.Counters{threat.KindAsset: 99}) },
			"controls": func(tx *store.Tx) error { return tx.AddControls(foreign, m.ID, []threat.Control{someControl("C9")}) },
			"save":     func(tx *store.Tx) error { return tx.SaveControl(foreign, m.ID, someControl("C1")) },
			"delete":   func(tx *store.Tx) error { return tx.DeleteControls(foreign, m.ID, []threat.ID{"C1"}, "x") },
			"link":     func(tx *store.Tx) error { return tx.AddLinks(foreign, m.ID, []store.Link{{"CO-A2-T2", 1, "C1"}}) },
			"unlink":   func(tx *store.Tx) error { return tx.RemoveLinks(foreign, m.ID, "C1", []threat.ID{"CO-A1-T1"}) },
			"assumption": func(tx *store.Tx) error {
				return tx.AddAssumptionEvent(foreign, m.ID, store.AssumptionEvent{Assumption: "AS1", State: "deleted"})
			},
			"assertion": func(tx *store.Tx) error {
				return tx.AddAssertions(foreign, m.ID, stranger.ID, []store.Assertion{someAssertion("E9", "C1")})
			},
			"assertion on a control of the owner, in a model of one's own": func(tx *store.Tx) error {
				return tx.AddAssertions(foreign, own.ID, stranger.ID, []store.Assertion{someAssertion("E9", "C9")})
			},
			"held": func(tx *store.Tx) error {
				a := someAssertion("E1", "C1")
				a.Tier1 = &evidence.Held{Verdict: evidence.Fail}
				return tx.SaveHeld(foreign, m.ID, []store.Assertion{a})
			},
			"incoherent":       func(tx *store.Tx) error { return tx.SetIncoherent(foreign, m.ID, map[threat.ID]string{"E1": "x"}) },
			"delete assertion": func(tx *store.Tx) error { return tx.DeleteAssertion(foreign, m.ID, "E1", stranger.ID, "x", true) },
			"settle":           func(tx *store.Tx) error { return tx.SettleDebts(foreign, m.ID, []threat.ID{"E1"}) },
			"verification": func(tx *store.Tx) error {
				return tx.SaveVerification(foreign, m.ID, "C1", store.Verification{Status: evidence.Verified})
			},
			"judge": func(tx *store.Tx) error { return tx.SaveJudgment(foreign, m.ID, someJudgment("C1")) },
			"judge a control of the owner, in a model of one's own": func(tx *store.Tx) error { return tx.SaveJudgment(foreign, own.ID, someJudgment("C9")) },
			"pull": func(tx *store.Tx) error {
				_, err := tx.AddPull(foreign, store.Pull{Nonce: "n", ModelID: m.ID, IssuedAt: tx.Now(), ExpiresAt: tx.Now()})
				return err
			},
			"spend": func(tx *store.Tx) error { return tx.SpendNonce(foreign, nonceOf(m.ID), "r") },
			"run":   func(tx *store.Tx) error { return tx.AddRun(foreign, someRun("r", m.ID, 9), nil) },
			"finding": func(tx *store.Tx) error {
				return tx.AddFindings(foreign, m.ID, stranger.ID, []threat.Finding{someFinding("F9")})
			},
			"finding status": func(tx *store.Tx) error { return tx.SetFindingStatus(foreign, m.ID, "F1", threat.Dismissed, "x") },
			"unmap":          func(tx *store.Tx) error { return tx.UnmapFindings(foreign, m.ID, []threat.ID{"C1"}) },
			"link a finding": func(tx *store.Tx) error {
				return tx.LinkFindings(foreign, m.ID, []store.FindingLink{{Finding: "F1", Assertion: "E1", Since: 9}})
			},
			"attest": func(tx *store.Tx) error {
				return tx.AddAttestation(foreign, m.ID, store.Attestation{ID: testenv.NewID(t), Assumption: "AS1", UserID: stranger.ID, ExpiresAt: tx.Now()})
			},
			"end attestations": func(tx *store.Tx) error { return tx.EndAttestations(foreign, m.ID, "AS1", "x") },
			"accept": func(tx *store.Tx) error {
				return tx.AddAcceptedRisk(foreign, m.ID, store.AcceptedRisk{ID: testenv.NewID(t), Objective: "CO-A1-T1", UserID: stranger.ID, ReviewBy: tx.Now()})
			},
			"end an acceptance": func(tx *store.Tx) error { _, err := tx.EndAcceptedRisk(foreign, m.ID, "CO-A1-T1", "x"); return err },
			"weaken":            func(tx *store.Tx) error { return tx.WeakenObjective(foreign, m.ID, "CO-A2-T2", "x") },
			"approve":           func(tx *store.Tx) error { _, err := tx.ApproveObjective(foreign, m.ID, "CO-A1-T1"); return err },
			"weaken a control":  func(tx *store.Tx) error { return tx.WeakenControl(foreign, m.ID, "C1", "x") },
			"review":            func(tx *store.Tx) error { return tx.ReviewControls(foreign, m.ID, []threat.ID{"C1"}) },
			"restore a control": func(tx *store.Tx) error { return tx.RestoreControl(foreign, m.ID, "C1") },
			"carry": func(tx *store.Tx) error {
				return tx.CarryControl(foreign, m.ID, store.Carried{Control: "C1", Assumption: "AS2"})
			},
			"drop": func(tx *store.Tx) error { return tx.DropControl(foreign, m.ID, store.Carried{Control: "C1"}) },
			"document": func(tx *store.Tx) error {
				_, err := tx.AddDocument(foreign, m.ID, store.Document{Control: "C1", Title: "x"})
				return err
			},
			"remove a document": func(tx *store.Tx) error { _, err := tx.RemoveDocument(foreign, m.ID, "C1", 1); return err },
			"select":            func(tx *store.Tx) error { return tx.SelectFrameworks(foreign, m.ID, stranger.ID, []string{"x"}) },
			"unselect":          func(tx *store.Tx) error { return tx.UnselectFrameworks(foreign, m.ID, []string{"acme"}) },
			"map": func(tx *store.Tx) error {
				return tx.SaveMappings(foreign, m.ID, stranger.ID, []store.Mapping{someMapping("C1", "R9")})
			},
			"map to a control of the owner, in a model of one's own": func(tx *store.Tx) error {
				return tx.SaveMappings(foreign, own.ID, stranger.ID, []store.Mapping{someMapping("C9", "R1")})
			},
			"unmap a requirement": func(tx *store.Tx) error {
				_, err := tx.RemoveMapping(foreign, m.ID, someMapping("C1", "R1"))
				return err
			},
			"exclude": func(tx *store.Tx) error {
				return tx.Exclude(foreign, m.ID, stranger.ID, store.Exclusion{Framework: "acme", Requirement: "R2", Reason: "mine"})
			},
			"include": func(tx *store.Tx) error { _, err := tx.Include(foreign, m.ID, "acme", "R2"); return err },
			"propose": func(tx *store.Tx) error {
				_, err := tx.AddProposals(foreign, m.ID, stranger.ID, "acme", []store.Proposal{someProposal()})
				return err
			},
			"decide a proposal": func(tx *store.Tx) error {
				_, err := tx.DecideProposal(foreign, m.ID, stranger.ID, 1, store.ProposalRejected, "")
				return err
			},
			"join a system": func(tx *store.Tx) error { return tx.JoinSystem(foreign, systemOf(foreign), m.ID) },
			"join the owner's system, with a model of one's own": func(tx *store.Tx) error { return tx.JoinSystem(foreign, systemOf(w), own.ID) },
			"leave a system":  func(tx *store.Tx) error { _, err := tx.LeaveSystem(foreign, systemOf(w), m.ID); return err },
			"save a system":   func(tx *store.Tx) error { return tx.SaveSystem(foreign, store.System{ID: systemOf(w), Name: "mine"}) },
			"delete a system": func(tx *store.Tx) error { return tx.DeleteSystem(foreign, systemOf(w)) },
			"repositories":    func(tx *store.Tx) error { return tx.SetRepos(foreign, m.ID, []store.Repo{{Repo: "o/r"}}) },
			"hide":            func(tx *store.Tx) error { return tx.HideModel(foreign, m.ID) },
			"rename":          func(tx *store.Tx) error { return tx.RenameModel(foreign, m.ID, "mine") },
			"link to a control of the owner, in a model of one's own": func(tx *store.Tx) error {
				return tx.AddLinks(foreign, own.ID, []store.Link{{"CO-A1-T1", 2, "C9"}})
			},
		} {
			t.Run(name, func(t *testing.T) {
				err := e.try(write)
				if code := threat.CodeOf(err); err != nil && code != threat.Conflict && code != threat.NotFound {
					t.Errorf("got %v", err)
				}
				if after := picture(); after != before {
					t.Errorf("the owner's rows changed:\n%s\nnow\n%s", before, after)
				}
			})
		}
	})
}
