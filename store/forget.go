package store

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/redoubt-dev/redoubt/account"
)

// When an account is deleted, its rows in workspaces that live on stay and name [account.DeletedUser]. Text that people wrote stays as they
// wrote it, and so do the proofs of runs, which are signed.

// mention is a table whose rows can name a user: in columns of an id, an address or a name, and within the JSON of others. A test holds the
// list against the schema.
type mention struct {
	table  string
	exact  []string
	within []string
	goes   bool // the row is of no use to anybody else
}

var mentions = []mention{
	{"idempotency", []string{"key_id"}, nil, true},
	{"models", []string{"created_by"}, nil, false},
	{"model_versions", []string{"author"}, nil, false},
	{"assumption_events", []string{"user_id"}, nil, false},
	{"jobs", nil, []string{"principal", "input", "result"}, false},
	{"activity", []string{"user_id", "key_id", "object"}, []string{"detail"}, false},
	{"assertions", []string{"created_by", "deleted_by"}, nil, false},
	{"pulls", []string{"key_id"}, nil, false},
	{"runs", []string{"user_id", "key_id"}, nil, false},
	{"findings", []string{"created_by"}, nil, false},
	{"control_documents", []string{"created_by"}, nil, false},
	{"attestations", []string{"user_id"}, nil, false},
	{"accepted_risks", []string{"user_id", "owner"}, nil, false},
	{"settings", []string{"updated_by"}, nil, false},
	{"signing_keys", []string{"created_by"}, nil, false},
	{"issuers", []string{"created_by"}, nil, false},
	{"required_claims", []string{"created_by"}, nil, false},
	{"frameworks", []string{"imported_by"}, nil, false},
	{"framework_selections", []string{"selected_by"}, nil, false},
	{"requirement_mappings", []string{"mapped_by"}, nil, false},
	{"requirement_exclusions", []string{"decided_by"}, nil, false},
	{"remediation_proposals", []string{"proposed_by", "decided_by"}, nil, false},
	{"systems", []string{"created_by"}, nil, false},
	{"invitations", []string{"invited_by"}, nil, false},
	{"idempotency", nil, []string{"answer"}, false},
}

// Forgetting is what is left to forget of a user in one table of a workspace.
type Forgetting struct {
	workspace string
	of        mention
	words     words
	rows      []string // where they lie
}

// Rows is how many rows it is about.
func (f Forgetting) Rows() int { return len(f.rows) }

// words are what names a user.
type words struct {
	exact  []string    // a column that holds one of them names the user
	name   string      // as the one who bears a risk; empty where it can be somebody else's
	within [][2]string // a text that holds the first of a pair gets the second
}

// of returns the words that name a user in a column. Only one holds names: elsewhere the same word is the id of something else, or an engine.
func (w words) of(column string) []string {
	if column == "owner" && w.name != "" {
		return append(w.exact[:len(w.exact):len(w.exact)], w.name)
	}
	return w.exact
}

// manyKeys is how many keys of a user are looked for at a time: each is a call within a call of the statement.
const manyKeys = 50

// words returns the words that name a user, in parts small enough for one statement. known is whether the user's name alone tells who is meant.
func (d Deletion) words(known bool) []words {
	first := words{exact: []string{d.User}, within: [][2]string{{d.User, account.DeletedUser}}}
	quoted := func(s string) string {
		raw, _ := json.Marshal(s) // a string always marshals
		return string(raw)
	}
	nobody := quoted(account.DeletedUser)
	if mail := d.Names.Email; mail != "" {
		first.exact = append(first.exact, mail)
		first.within = append(first.within, [2]string{quoted(mail), nobody})
	}
	if name := d.Names.Name; name != "" && name != account.DeletedUser {
		// Others have the same name: it is this user's behind the id, which the first pair has replaced by now.
		by := `"user_id":` + nobody + `,"user_name":`
		first.within = append(first.within, [2]string{by + quoted(name), by + nobody})
		if known {
			first.name = name
		}
	}
	out := []words{first}
	for keys := d.Names.Keys; len(keys) > 0; {
		n := min(manyKeys, len(keys))
		var part words
		for _, k := range keys[:n] {
			part.exact, part.within = append(part.exact, k), append(part.within, [2]string{k, account.DeletedUser})
		}
		out, keys = append(out, part), keys[n:]
	}
	return out
}

// WorkspacesAfter returns the ids of at most limit workspaces behind one, in their order, without those marked deleted.
func (v *Snapshot) WorkspacesAfter(id string, limit int) (ids []string, err error) {
	err = v.list(&ids, `SELECT id FROM workspaces WHERE id > ? AND deleted_at IS NULL ORDER BY id LIMIT ?`, id, limit)
	return ids, err
}

// ToForget looks for rows of a workspace that name a deleted user, at most limit of them, in one table: the first that has some. ok is false
// when there are none left.
func (v *Snapshot) ToForget(d Deletion, workspace string, limit int) (f Forgetting, ok bool, err error) {
	var same int // a member of the same name keeps it
	err = v.get(&same, `
		SELECT COUNT(*) FROM members m JOIN users u ON u.id = m.user_id
		WHERE m.workspace_id = ? AND u.name = ?`, workspace, d.Names.Name)
	if err != nil {
		return f, false, err
	}
	known := same == 0 && slices.Contains(d.Names.Workspaces, workspace)
	for _, w := range d.words(known) {
		for _, m := range mentions {
			where, args := m.names(w)
			f = Forgetting{workspace: workspace, of: m, words: w}
			query := `SELECT CAST(` + v.d.rowAddress() + ` AS TEXT) FROM ` + m.table + ` WHERE workspace_id = ? AND (` + where + `) LIMIT ?`
			args = append(append([]any{workspace}, args...), limit)
			if err := v.listOnce(&f.rows, query, args...); err != nil || len(f.rows) > 0 {
				return f, err == nil, err
			}
		}
	}
	return f, false, nil
}

// names is the condition for rows that name a user by one of the words.
func (m mention) names(w words) (where string, args []any) {
	var any []string
	for _, c := range m.exact {
		any = append(any, c+` IN (`+marks(len(w.of(c)))+`)`)
		for _, x := range w.of(c) {
			args = append(args, x)
		}
	}
	for _, c := range m.within {
		for _, pair := range w.within {
			any = append(any, `REPLACE(`+c+`, ?, '') <> `+c)
			args = append(args, pair[0])
		}
	}
	return strings.Join(any, ` OR `), args
}

// Forget puts [account.DeletedUser] in the place of the user in the first limit rows of what was found, and returns what is left of it. It
// prolongs the lease. Errors: [ErrDeletionLost].
func (t *Tx) Forget(d Deletion, f Forgetting, lease time.Duration, limit int) (Forgetting, error) {
	if err := t.keepDeletion(d, lease); err != nil {
		return f, err
	}
	does, args := f.of.forget(f.words)
	where, names := f.of.names(f.words)
	n := min(cmp.Or(limit, len(f.rows)), len(f.rows))
	args = append(append(args, f.workspace), names...)
	at := make([]string, n)
	for i, row := range f.rows[:n] {
		at[i] = t.d.rowAt(row)
	}
	// The condition is asked again: another row may lie there by now.
	query := does + ` WHERE workspace_id = ? AND (` + where + `) AND ` + t.d.rowAddress() + ` IN (` + strings.Join(at, `, `) + `)`
	if _, err := t.tx.ExecContext(t.ctx, t.tx.Rebind(query), args...); err != nil {
		return f, err
	}
	f.rows = f.rows[n:]
	return f, nil
}

// forget begins the statement that forgets a user in rows of the table.
func (m mention) forget(w words) (does string, args []any) {
	if m.goes {
		return `DELETE FROM ` + m.table, nil
	}
	var sets []string
	for _, c := range m.exact {
		sets = append(sets, c+` = CASE WHEN `+c+` IN (`+marks(len(w.of(c)))+`) THEN ? ELSE `+c+` END`)
		for _, x := range w.of(c) {
			args = append(args, x)
		}
		args = append(args, account.DeletedUser)
	}
	for _, c := range m.within {
		text := c
		for _, pair := range w.within {
			text = `REPLACE(` + text + `, ?, ?)`
			args = append(args, pair[0], pair[1])
		}
		sets = append(sets, c+` = `+text)
	}
	return `UPDATE ` + m.table + ` SET ` + strings.Join(sets, `, `), args
}

// Forgotten notes that nothing in a workspace names the user any more; what was derived from its models is to be derived anew where anything
// did. Errors: [ErrDeletionLost].
func (t *Tx) Forgotten(d Deletion, workspace string, changed bool, lease time.Duration) error {
	if err := t.keepDeletion(d, lease); err != nil {
		return err
	}
	if changed {
		if err := t.exec(`UPDATE models SET stamp = stamp + 1 WHERE workspace_id = ?`, workspace); err != nil {
			return err
		}
	}
	return t.exec(`UPDATE deletions SET reached = ? WHERE id = ?`, workspace, d.ID)
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat(`?, `, n), `, `) }
