package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// ofInstance are the tables that belong to no workspace and no user. What is in them stays.
var ofInstance = []string{"instance", "server_keys", "credit_events", "credit_refunds", "referral_months"}

// namesNobody are the tables of a workspace whose rows name no user but where a foreign key does.
var namesNobody = []string{
	"finding_assertions", "run_results", "spent_tokens", "judgments", "weakened_objectives", "carried_controls", "system_models", "mitigations",
	"controls", "counters", "entities", "job_questions",
}

// person is how a column that names a user is called.
var person = regexp.MustCompile(`(^|_)(by|author|user|user_id|owner|principal|email|key_id)$`)

// whole is the schema.
func whole(t testing.TB) []testenv.Table {
	t.Helper()
	return testenv.Tables(t, raw(t, testenv.SQLite(t)))
}

// Every table is either of a workspace, of a user, or of the instance, and whoever adds one says who is named in its rows. When this fails for a
// new table: put it into workspaceTables (before what it refers to), or userTables, of deletion.go, and its columns that name users into
// mentions of forget.go, or it into namesNobody here.
func TestEveryTableIsConsideredByDeletion(t *testing.T) {
	exact, within := store.Mentions()
	removed := store.WorkspaceTables()
	place := func(table string) int { return slices.Index(removed, table) }
	seen := map[string]bool{}
	for _, table := range whole(t) {
		name := table.Name
		seen[name] = true
		column := func(c string) bool {
			return slices.ContainsFunc(table.Columns, func(have testenv.Column) bool { return have.Name == c && have.Text })
		}
		if name == "workspaces" || name == "users" || name == "deletions" || slices.Contains(ofInstance, name) {
			continue
		}
		ofUser := slices.ContainsFunc(table.Foreign, func(f testenv.Foreign) bool { return f.Table == "users" })
		if ofUser && !slices.Contains(store.UserTables(), name) {
			t.Errorf("%s refers to users and is not in userTables", name)
		}
		if column("workspace_id") != slices.Contains(removed, name) {
			t.Errorf("%s has a workspace_id: %v; it is in workspaceTables: %v", name, column("workspace_id"), slices.Contains(removed, name))
		}
		if !column("workspace_id") && !slices.Contains(store.UserTables(), name) {
			t.Errorf("%s is of no workspace, no user and not of the instance", name)
		}
		for _, f := range table.Foreign {
			if p := place(f.Table); p >= 0 && p < place(name) {
				t.Errorf("%s is removed before %s, which refers to it", f.Table, name)
			}
		}
		if _, named := exact[name]; !named && !slices.Contains(namesNobody, name) && !slices.Contains(store.UserTables(), name) {
			t.Errorf("who is named in rows of %s?", name)
		}
		for _, c := range table.Columns {
			byKey := slices.ContainsFunc(table.Foreign, func(f testenv.Foreign) bool { return f.Table == "users" && slices.Contains(f.From, c.Name) })
			if c.Text && person.MatchString(c.Name) && !byKey && !slices.Contains(exact[name], c.Name) && !slices.Contains(within[name], c.Name) &&
				name+"."+c.Name != "findings.mapped_by" && // how, not who
				name+"."+c.Name != "invitations.email" { // those go when the account is marked
				t.Errorf("%s.%s names a user and is not in mentions", name, c.Name)
			}
		}
		for _, c := range slices.Concat(exact[name], within[name]) {
			if !column(c) {
				t.Errorf("mentions has %s.%s, which is no text column", name, c)
			}
		}
	}
	for _, name := range slices.Concat(removed, store.UserTables(), namesNobody) {
		if !seen[name] {
			t.Errorf("there is no table %s", name)
		}
	}
}

// stuff fills every table with rows of a workspace: as many as rows says where the table takes them. Columns that name a user name by.
type stuff struct {
	mark      string // in every text that is free
	workspace string
	by        someone
	rows      int
}

// someone is a user with all that names one.
type someone struct{ id, email, name, key string }

func (s someone) words() []string { return []string{s.id, s.email, s.name, s.key} }

func (s stuff) fill(t testing.TB, db *sql.DB, tables []testenv.Table) {
	t.Helper()
	exact, within := store.Mentions()
	made := map[string][]map[string]any{}
	for _, table := range tables {
		if slices.Contains([]string{"workspaces", "users", "deletions"}, table.Name) || slices.Contains(ofInstance, table.Name) {
			continue
		}
		mark := s.mark
		ofUser := !slices.ContainsFunc(table.Columns, func(c testenv.Column) bool { return c.Name == "workspace_id" })
		if ofUser { // whatever the workspace
			mark = s.by.id
		}
		for i := range s.rows {
			row := map[string]any{}
			for j, c := range table.Columns {
				unique := fmt.Sprintf("%s %s.%s %d", mark, table.Name, c.Name, i)
				switch {
				case c.Name == "workspace_id":
					row[c.Name] = s.workspace
				case c.Name == "assumption_id" && table.Name == "assertions":
					row[c.Name] = nil // exactly one of it and control_id
				case len(c.Enum) > 0 && c.Text:
					row[c.Name] = c.Enum[i%len(c.Enum)]
				case len(c.Enum) > 0:
					row[c.Name], _ = strconv.Atoi(c.Enum[0])
				case slices.Contains(exact[table.Name], c.Name):
					row[c.Name] = s.by.words()[(i+j)%4]
					if row[c.Name] == s.by.name && c.Name != "owner" { // which is no name of a person
						row[c.Name] = s.by.id
					}
					if strings.HasSuffix(c.Name, "_by") || c.Name == "user_id" {
						row[c.Name] = s.by.id
					}
				case slices.Contains(within[table.Name], c.Name):
					row[c.Name] = fmt.Sprintf(`{"mark":%q,"user_id":%q,"user_name":%q,"to":[%q],"key_id":%q}`, unique, s.by.id, s.by.name, s.by.email, s.by.key)
				case c.Text:
					row[c.Name] = unique
				case c.Name == "valid_to":
					row[c.Name] = i + 2
				default:
					row[c.Name] = i + 1
				}
			}
			for _, f := range table.Foreign {
				for k, from := range f.From {
					switch f.Table {
					case "users":
						row[from] = s.by.id
					case "workspaces":
						row[from] = s.workspace
					default:
						row[from] = made[f.Table][i][f.To[k]]
					}
				}
			}
			var names, values []string
			for _, c := range table.Columns {
				names = append(names, c.Name)
				switch v := row[c.Name].(type) {
				case nil:
					values = append(values, "NULL")
				case string:
					values = append(values, "'"+strings.ReplaceAll(v, "'", "''")+"'")
				default:
					values = append(values, fmt.Sprint(v))
				}
			}
			query := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table.Name, strings.Join(names, ", "), strings.Join(values, ", "))
			if table.Name == "members" || table.Name == "settings" || ofUser { // there is one already
				query += " ON CONFLICT DO NOTHING"
			}
			if _, err := db.Exec(query); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			made[table.Name] = append(made[table.Name], row)
		}
	}
}

// picture is all rows of all tables, but for the columns and tables that a deletion touches everywhere.
func picture(t testing.TB, db *sql.DB, tables []testenv.Table, keep func(table, row string) bool) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, table := range tables {
		if table.Name == "deletions" {
			continue
		}
		var columns []string
		for _, c := range table.Columns {
			if table.Name != "models" || c.Name != "stamp" {
				columns = append(columns, c.Name)
			}
		}
		testenv.Rows(t, db, "SELECT "+strings.Join(columns, ", ")+" FROM "+table.Name, func(r []string) {
			if row := strings.Join(r, " | "); keep(table.Name, row) {
				out[table.Name] = append(out[table.Name], row)
			}
		})
		slices.Sort(out[table.Name])
	}
	return out
}

func named(t testing.TB, e env, email, name string) (account.User, someone) {
	t.Helper()
	u := testenv.User(t, e.Store, email)
	if _, err := raw(t, e.database).Exec(fmt.Sprintf(`UPDATE users SET name = '%s' WHERE id = '%s'`, name, u.ID)); err != nil {
		t.Fatal(err)
	}
	u.Name = name
	k, _ := testenv.Key(t, e.Store, u.PersonalWorkspace, u, account.Developer)
	return u, someone{u.ID, email, name, k.ID}
}

// removeAll removes what is marked, until nothing waits.
func removeAll(t testing.TB, e env) (n int) {
	t.Helper()
	for {
		done, ok, err := e.RemoveDeleted(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return n
		}
		n += done.Rows + done.Renamed
	}
}

func TestDeletedWorkspaceLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		tables, db := whole(t), raw(t, e.database)
		u, by := named(t, e, "ada@example.org", "Ada")
		goes, stays := testenv.Workspace(t, e.Store, u).ID, testenv.Workspace(t, e.Store, u).ID
		stuff{"goes", goes, by, 7}.fill(t, db, tables)
		stuff{"stays", stays, by, 7}.fill(t, db, tables)
		others := func(table, row string) bool { return !strings.Contains(row, goes) }
		before := picture(t, db, tables, others)
		for _, table := range store.WorkspaceTables() {
			if len(before[table]) == 0 {
				t.Errorf("the test puts nothing into %s", table)
			}
		}
		e.write(t, func(tx *store.Tx) error { return tx.MarkWorkspace(testenv.NewID(t), goes) })
		e.clock.Advance(time.Second)
		if n := removeAll(t, e); n < 7*len(store.WorkspaceTables())-20 {
			t.Errorf("only %d rows were removed", n)
		}
		if left := testenv.Occurrences(t, db, tables, goes); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if left := testenv.Occurrences(t, db, tables, "goes "); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		noTrace(t, e, "goes ")
		if d := cmp.Diff(before, picture(t, db, tables, others)); d != "" {
			t.Errorf("other rows changed:\n%s", d)
		}
	})
}

// noTrace looks into the files of an SQLite database: what is removed is not merely marked free in them.
func noTrace(t *testing.T, e env, words ...string) {
	t.Helper()
	path, ok := strings.CutPrefix(e.database, "sqlite:")
	if !ok {
		return
	}
	for _, name := range []string{path, path + "-wal"} {
		text, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, w := range words {
			if n := strings.Count(string(text), w); n > 0 {
				t.Errorf("%s has %q %d times", filepath.Base(name), w, n)
			}
		}
	}
}

func TestDeletedAccountLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		tables, db := whole(t), raw(t, e.database)
		gone, ada := named(t, e, "ada@example.org", "Ada Lovelace")
		other, eve := named(t, e, "canada@example.org", "Eve")
		team, left := testenv.Workspace(t, e.Store, other).ID, testenv.Workspace(t, e.Store, other).ID
		e.write(t, func(tx *store.Tx) error { return tx.AddMember(team, gone.ID, account.Member) })
		for _, s := range []stuff{
			{"of hers", gone.PersonalWorkspace, ada, 3},
			{"of another", other.PersonalWorkspace, eve, 3},
			{"hers in the team", team, ada, 3},
			{"another's in the team", team, eve, 3},
			{"hers where she is no member any more", left, ada, 3},
		} {
			s.fill(t, db, tables)
		}
		if _, err := db.Exec(`DELETE FROM members WHERE workspace_id = '` + left + `' AND user_id = '` + ada.id + `'`); err != nil {
			t.Fatal(err)
		}
		names := func(row string) bool {
			return slices.ContainsFunc(ada.words(), func(w string) bool {
				return strings.Contains(row, w) && (w != ada.email || !strings.Contains(row, eve.email))
			})
		}
		others := func(table, row string) bool {
			return !names(row) && !strings.Contains(row, gone.PersonalWorkspace) && !strings.Contains(row, account.DeletedUser) &&
				!(table == "chat_messages" && strings.Contains(row, "| hers ")) // they go with their session
		}
		before := picture(t, db, tables, others)
		inTeam := func(table string) int64 {
			return one(t, db, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE workspace_id = '%s'", table, team))
		}
		counts := map[string]int64{}
		for _, table := range store.WorkspaceTables() {
			counts[table] = inTeam(table)
		}
		stamp := fmt.Sprintf("SELECT MIN(stamp) FROM models WHERE workspace_id = '%s'", team)
		stamped := one(t, db, stamp)

		e.write(t, func(tx *store.Tx) error { return tx.MarkUser(testenv.NewID(t), gone) })
		anew := testenv.User(t, e.Store, "ada@example.org") // the address can be used anew
		e.write(t, func(tx *store.Tx) error { return tx.MarkUser(testenv.NewID(t), anew) })
		e.clock.Advance(time.Second)
		removeAll(t, e)
		if found := testenv.Occurrences(t, db, tables, ada.id, ada.name, ada.key, gone.PersonalWorkspace, "of hers ", `"`+ada.email, " "+ada.email); len(found) > 0 {
			t.Errorf("left: %v", found)
		}
		testenv.Rows(t, db, "SELECT COUNT(*) FROM accepted_risks WHERE owner = 'ada@example.org'", func(r []string) {
			if r[0] != "0" {
				t.Errorf("%s owners are left", r[0])
			}
		})
		noTrace(t, e, ada.name, ada.key, "of hers ")
		if d := cmp.Diff(before, picture(t, db, tables, others)); d != "" {
			t.Errorf("other rows changed:\n%s", d)
		}
		for table, n := range counts {
			want := n
			if slices.Contains(store.UserTables(), table) || table == "idempotency" {
				want = inTeam(table)
				if want >= n {
					t.Errorf("%s: all %d rows are left, hers too", table, n)
				}
			}
			if got := inTeam(table); got != want {
				t.Errorf("%s: %d rows of the team became %d", table, n, got)
			}
		}
		if now := one(t, db, stamp); now <= stamped {
			t.Errorf("the stamps of models that named her are still %d", now)
		}
	})
}

// A name is not an id: where it is somebody else's, or the id of a control, or an engine's, nothing changes.
func TestDeletedAccountLeavesItsNamesakes(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		tables, db := whole(t), raw(t, e.database)
		gone, _ := named(t, e, "ada@example.org", "C1")
		other, eve := named(t, e, "eve@example.org", "Eve")
		apart := testenv.Workspace(t, e.Store, other).ID
		team := testenv.Workspace(t, e.Store, other).ID
		e.write(t, func(tx *store.Tx) error { return tx.AddMember(team, gone.ID, account.Member) })
		for _, w := range []string{apart, team} {
			stuff{"of eve " + w, w, eve, 2}.fill(t, db, tables)
			for _, set := range []string{
				`activity SET object = 'C1', detail = '{"control":"C1","user_name":"C1"}'`,
				`requirement_mappings SET mapped_by = 'C1'`,
				`jobs SET principal = '{"user_id":"` + eve.id + `","user_name":"C1"}'`,
			} {
				if _, err := db.Exec(`UPDATE ` + set + ` WHERE workspace_id = '` + w + `'`); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, w := range []string{apart, team} {
			if _, err := db.Exec(`UPDATE accepted_risks SET owner = 'C1' WHERE workspace_id = '` + w + `'`); err != nil {
				t.Fatal(err)
			}
		}
		risks := func(table, row string) bool { return table == "accepted_risks" && strings.Contains(row, team) }
		others := func(table, row string) bool {
			return !strings.Contains(row, gone.ID) && !strings.Contains(row, gone.PersonalWorkspace) && !risks(table, row)
		}
		before := picture(t, db, tables, others)
		e.write(t, func(tx *store.Tx) error { return tx.MarkUser(testenv.NewID(t), gone) })
		e.clock.Advance(time.Second)
		removeAll(t, e)
		if d := cmp.Diff(before, picture(t, db, tables, others)); d != "" {
			t.Errorf("rows of others changed:\n%s", d)
		}
		for _, row := range picture(t, db, tables, risks)["accepted_risks"] {
			if !strings.Contains(row, account.DeletedUser) {
				t.Errorf("the owner is still named where the user was a member: %s", row)
			}
		}
	})
}

// A removal that is killed between two batches is taken up where it was, by whoever comes when the lease has ended.
func TestDeletionGoesOnAfterACrash(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		tables, db := whole(t), raw(t, e.database)
		u, by := named(t, e, "ada@example.org", "Ada Lovelace")
		other, eve := named(t, e, "eve@example.org", "Eve")
		team := testenv.Workspace(t, e.Store, other).ID
		stuff{"of hers", u.PersonalWorkspace, by, 3}.fill(t, db, tables)
		stuff{"in the team", team, by, 3}.fill(t, db, tables)
		stuff{"another's", other.PersonalWorkspace, eve, 3}.fill(t, db, tables)
		e.write(t, func(tx *store.Tx) error { return tx.MarkUser(testenv.NewID(t), u) })
		e.clock.Advance(time.Second)
		const lease = time.Minute
		var d store.Deletion
		claim := func() (ok bool) {
			e.write(t, func(tx *store.Tx) (err error) {
				d, ok, err = tx.ClaimDeletion(lease)
				return err
			})
			return ok
		}
		// Each round does one batch and is killed.
		rounds, gone := 0, false
		for ; !gone; rounds++ {
			if !claim() {
				t.Fatal("nothing waits")
			}
			first := d
			if claim() {
				t.Fatal("two have it")
			}
			d = first
			f, ok, err := toForget(e, d, team)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				e.write(t, func(tx *store.Tx) (err error) {
					_, err = tx.Forget(d, f, lease, 2)
					return err
				})
			} else {
				e.write(t, func(tx *store.Tx) (err error) {
					_, gone, err = tx.RemoveRows(d, lease, 9)
					return err
				})
			}
			old := d
			e.clock.Advance(lease + time.Second)
			if !gone && claim() {
				for name, late := range map[string]func(*store.Tx) error{
					"forget": func(tx *store.Tx) error { _, err := tx.Forget(old, f, lease, 2); return err },
					"remove": func(tx *store.Tx) error { _, _, err := tx.RemoveRows(old, lease, 9); return err },
					"note":   func(tx *store.Tx) error { return tx.Forgotten(old, team, true, lease) },
				} {
					if err := e.try(late); err != store.ErrDeletionLost { //nolint:errorlint // it is that very one
						t.Fatalf("%s by one who lost it: %v", name, err)
					}
				}
				e.clock.Advance(lease + time.Second)
			}
		}
		if rounds < 20 {
			t.Errorf("only %d rounds", rounds)
		}
		if left := testenv.Occurrences(t, db, tables, by.id, by.key, by.name, by.email, "of hers "); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if n := one(t, db, "SELECT COUNT(*) FROM deletions"); n != 0 {
			t.Errorf("%d deletions are left", n)
		}
	})
}

func toForget(e env, d store.Deletion, workspace string) (f store.Forgetting, ok bool, err error) {
	err = e.Read(background, func(v *store.Snapshot) (err error) {
		f, ok, err = v.ToForget(d, workspace, 3)
		return err
	})
	return f, ok, err
}

// What is marked is invisible before any row of it is removed.
func TestMarkedIsInvisible(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		u, _ := named(t, e, "ada@example.org", "Ada")
		other, _ := named(t, e, "eve@example.org", "Eve")
		team := testenv.Workspace(t, e.Store, u).ID
		e.write(t, func(tx *store.Tx) error { return tx.AddMember(team, other.ID, account.Member) })
		job := addJob(t, e, team)
		e.write(t, func(tx *store.Tx) error { return tx.MarkWorkspace(testenv.NewID(t), team) })
		e.write(t, func(tx *store.Tx) error { return tx.MarkWorkspace(testenv.NewID(t), team) }) // twice is once
		e.read(t, func(v *store.Snapshot) error {
			if live, err := v.Live(team, u.ID); err != nil || live {
				t.Errorf("the workspace lives: %v, %v", live, err)
			}
			if live, err := v.Live(u.PersonalWorkspace, u.ID); err != nil || !live {
				t.Errorf("the owner does not live: %v, %v", live, err)
			}
			_, err := v.Role(team, u.ID)
			refused(t, err, threat.NotFound)
			for _, who := range []account.User{u, other} {
				if list, err := v.UserWorkspaces(who.ID); err != nil || len(list) != 1 {
					t.Errorf("%v, %v", list, err)
				}
			}
			j, err := v.Job(team, job)
			if err != nil || j.State != store.JobCancelled {
				t.Errorf("the job is %s, %v", j.State, err)
			}
			return nil
		})
		e.write(t, func(tx *store.Tx) error { return tx.MarkUser(testenv.NewID(t), other) })
		e.read(t, func(v *store.Snapshot) error {
			_, err := v.User(other.ID)
			refused(t, err, threat.NotFound)
			_, err = v.UserByEmail("eve@example.org")
			refused(t, err, threat.NotFound)
			if all, err := v.Users(); err != nil || len(all) != 1 || all[0].ID != u.ID {
				t.Errorf("%v, %v", all, err)
			}
			_, err = v.Role(other.PersonalWorkspace, other.ID)
			refused(t, err, threat.NotFound)
			return nil
		})
		if n := one(t, raw(t, e.database), "SELECT COUNT(*) FROM deletions"); n != 2 {
			t.Errorf("%d deletions wait", n)
		}
	})
}
