package testenv

import (
	"fmt"
	"testing"

	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Structure returns a valid structure of n assets and m attackers, with ratings and properties that differ, and the
// counters that its ids came from. It has no trust boundaries, so every CO is reachable.
func Structure(t testing.TB, n, m int) (*threat.Structure, threat.Counters) {
	t.Helper()
	s, c := &threat.Structure{}, threat.Counters{}
	if err := s.SetFeature("Customers place orders; the service keeps them and bills a card."); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		_, err := s.AddAsset(c, threat.Asset{
			Name:        fmt.Sprintf("Asset %d", i+1),
			Description: fmt.Sprintf("What is kept in store %d, and who may read it.", i+1),
			Properties:  threat.Properties()[:1+i%4],
			Impact:      threat.Levels()[i%3],
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range m {
		_, err := s.AddAttacker(c, threat.Attacker{
			Name:       fmt.Sprintf("Attacker %d", i+1),
			Capability: fmt.Sprintf("can send requests of form %d", i+1),
			Position:   "the public network",
			Archetype:  "external",
			Likelihood: threat.Levels()[i%3],
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s, c
}

// Model adds a model of n assets and m attackers at version 1.
func Model(t testing.TB, s *store.Store, workspace, author string, n, m int) store.Model {
	t.Helper()
	structure, counters := Structure(t, n, m)
	return AddModel(t, s, workspace, author, "Orders", structure, counters)
}

// AddModel adds a model with a title and a content, at version 1.
func AddModel(t testing.TB, s *store.Store, workspace, author, title string, content *threat.Structure, c threat.Counters) store.Model {
	t.Helper()
	id := NewID(t)
	var m store.Model
	Write(t, s, func(tx *store.Tx) (err error) {
		if err := tx.AddModel(workspace, store.Model{ID: id, Title: title, CreatedBy: author}); err != nil {
			return err
		}
		if _, err := tx.SaveVersion(workspace, id, 0, &threat.Structure{}, content, author, "created"); err != nil {
			return err
		}
		if err := tx.SaveCounters(workspace, id, c); err != nil {
			return err
		}
		m, err = tx.Model(workspace, id)
		return err
	})
	return m
}
