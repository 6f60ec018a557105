package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"
)

// A table that is made anew keeps its rows, and takes what it is made anew for.
func TestProposalsOutliveTheirTable(t *testing.T) {
	db := raw(t, "sqlite:"+filepath.Join(t.TempDir(), "old.db"))
	db.SetMaxOpenConns(1)
	p, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 12); err != nil {
		t.Fatal(err)
	}
	const proposal = `INSERT INTO remediation_proposals VALUES ('w', 'm', ?, 'f', ?, '{}', '["R.1"]', 'why', 'open', '', 'u', 7, '', NULL)`
	run := func(query string, args ...any) error {
		_, err := db.Exec(query, args...)
		return err
	}
	if err := run("PRAGMA foreign_keys = 0"); err != nil {
		t.Fatal(err)
	}
	if err := run(proposal, 1, "attacker"); err != nil {
		t.Fatal(err)
	}
	if err := run(proposal, 2, "not_applicable"); err == nil {
		t.Error("the former table takes the new kind: this test has no point")
	}
	if _, err := p.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := run(proposal, 2, "not_applicable"); err != nil {
		t.Error(err)
	}
	got := lines(t, db, `SELECT n || ' ' || kind || ' ' || requirements || ' ' || reason || ' ' || status || ' ' || proposed_at FROM remediation_proposals ORDER BY n`)
	if len(got) != 2 || got[0] != `1 attacker ["R.1"] why open 7` {
		t.Errorf("%q", got)
	}
}
