package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
)

// elsewhere are the tables of a workspace that an archive does not hold row by row: what is in the documents and versions of models or in other
// files, and what it leaves out.
var elsewhere = map[string]string{
	"members": "members.jsonl", "invitations": "invitations.jsonl", "settings": "settings.json", "signing_keys": "settings.json", "issuers": "settings.json", "required_claims": "settings.json",
	"entities": "versions.jsonl", "model_versions": "versions.jsonl", "counters": "model.json", "controls": "model.json", "mitigations": "model.json",
	"weakened_objectives": "model.json", "carried_controls": "model.json", "control_documents": "model.json", "attestations": "model.json", "accepted_risks": "model.json",
	"finding_assertions": "model.json",
	"chat_sessions":      "left out: each is its user's alone", "chat_messages": "left out: each is its user's alone",
	"jobs": "left out: what they made is there", "job_questions": "left out with them", "pulls": "left out: they wait for a run", "spent_tokens": "left out: proofs that are spent",
	"llm_cache": "left out: it goes by itself", "idempotency": "left out: it goes by itself", "deletion_tokens": "left out: secrets",
}

// An archive holds everything of a workspace, and nothing else: whoever adds a table says where it is.
func TestArchiveHasEveryTable(t *testing.T) {
	onBoth(t, func(t *testing.T, e env) {
		tables, db := whole(t), raw(t, e.database)
		u, by := named(t, e, "ada@example.org", "Ada Lovelace")
		other, eve := named(t, e, "eve@example.org", "Eve")
		// Texts that hold JSON get some.
		const rows = 7
		for _, s := range []stuff{{"mine", u.PersonalWorkspace, by, rows}, {"theirs", other.PersonalWorkspace, eve, rows}} {
			s.fill(t, db, tables)
		}
		seen := map[string]bool{}
		for _, a := range store.ArchiveTables {
			name := a.Name()
			if seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
			table := tables[slices.IndexFunc(tables, func(o testenv.Table) bool { return o.Name == name })]
			for _, c := range a.JSON() {
				if _, err := db.Exec(fmt.Sprintf(`UPDATE %s SET %s = '{"json":"%s"}' WHERE 1 = 1`, name, c, c)); err != nil {
					t.Fatal(err)
				}
			}
			var got []store.Row
			for after, more := []any(nil), true; more; more = after != nil {
				e.read(t, func(v *store.Snapshot) error {
					page, last, err := v.ArchiveRows(u.PersonalWorkspace, a, after)
					got, after = append(got, page...), last
					return err
				})
			}
			if name == "api_keys" { // the one that the user was made with
				if len(got) != rows+1 {
					t.Errorf("%d keys", len(got))
				}
			} else if len(got) != rows {
				t.Errorf("%s: %d rows, want %d", name, len(got), rows)
			}
			line, err := json.Marshal(got[0])
			if err != nil {
				t.Fatal(err)
			}
			if text := fmt.Sprint(got); strings.Contains(text, other.PersonalWorkspace) || strings.Contains(text, "theirs") || strings.Contains(text, "api_keys.hash") {
				t.Errorf("%s: what is not to leave: %s", name, line)
			}
			for _, c := range table.Columns {
				value, is := got[0][c.Name]
				switch _, number := value.(int64); {
				case !is:
				case slices.Equal(c.Enum, []string{"0", "1"}) && number:
					t.Errorf("%s.%s is a flag", name, c.Name)
				case strings.HasSuffix(c.Name, "_at") && number:
					t.Errorf("%s.%s is a time", name, c.Name)
				}
			}
		}
		for _, name := range store.WorkspaceTables() {
			if seen[name] == (elsewhere[name] != "") {
				t.Errorf("where is %s in an archive? In ArchiveTables: %v; elsewhere: %q", name, seen[name], elsewhere[name])
			}
		}
	})
}
