package store_test

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-dev/redoubt/internal/testenv"
)

// lines runs a query of one text column.
func lines(t testing.TB, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBothDatabasesHaveOneSchema(t *testing.T) {
	pg, lite := raw(t, testenv.Postgres(t)), raw(t, testenv.SQLite(t))
	columns := lines(t, lite, `
		SELECT m.name || '.' || c.name || ' ' || LOWER(c.type) || CASE WHEN c."notnull" = 1 THEN ' not null' ELSE '' END
		FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%'
		ORDER BY m.name, c.name`)
	if len(columns) < 80 {
		t.Fatalf("only %d columns are found", len(columns))
	}
	want := lines(t, pg, `
		SELECT table_name || '.' || column_name || ' ' || data_type || CASE WHEN is_nullable = 'NO' THEN ' not null' ELSE '' END
		FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%'
		ORDER BY table_name COLLATE "C", column_name COLLATE "C"`)
	if d := cmp.Diff(columns, want); d != "" {
		t.Errorf("columns (-sqlite +postgres):\n%s", d)
	}
	indexes := lines(t, lite, `SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`)
	pgIndexes := lines(t, pg, `
		SELECT indexname FROM pg_indexes
		WHERE schemaname = 'public' AND indexname NOT LIKE '%\_pkey' AND tablename NOT LIKE 'goose%'
		ORDER BY indexname COLLATE "C"`)
	if d := cmp.Diff(indexes, pgIndexes); d != "" {
		t.Errorf("indexes (-sqlite +postgres):\n%s", d)
	}
	const keys = "SELECT COUNT(*) FROM "
	if a, b := one(t, lite, keys+`sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE f.seq = 0`),
		one(t, pg, keys+`information_schema.table_constraints WHERE constraint_type = 'FOREIGN KEY'`); a != b {
		t.Errorf("%d foreign keys in SQLite, %d in PostgreSQL", a, b)
	}
}

// Every foreign key has an index to find the rows that refer, or a delete reads whole tables.
func TestForeignKeysAreIndexed(t *testing.T) {
	db := raw(t, testenv.SQLite(t))
	indexed := map[string]bool{} // "table column" that an index begins with
	for _, l := range lines(t, db, `
		SELECT m.name || ' ' || c.name FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c
		WHERE m.type = 'table' AND c.seqno = 0`) {
		indexed[l] = true
	}
	keys := lines(t, db, `
		SELECT m.name || ' ' || f."from" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f
		WHERE m.type = 'table' AND f.seq = 0`)
	if len(keys) < 10 {
		t.Fatalf("only %d foreign keys are found", len(keys))
	}
	for _, k := range keys {
		if !indexed[k] {
			t.Errorf("no index begins with %s, which is a foreign key", k)
		}
	}
}

// No statement reads a whole table: what it asks for has an index.
func TestStatementsUseIndexes(t *testing.T) {
	db := raw(t, testenv.SQLite(t))
	whole := []string{"users", "workspaces", "due", "server_keys"} // all users and workspaces; a subquery of one row; the server's own few keys
	const once = "a new program computes all statuses"             // at the first start of another version
	const copied = "a whole copy"                                  // a backup reads everything
	explained := 0
	for _, s := range statementsOf(t, ".") {
		if !regexp.MustCompile(`(?i)^\s*(SELECT|UPDATE|DELETE|INSERT)\b`).MatchString(s) {
			continue
		}
		s = strings.ReplaceAll(s, "{{skip locked}}", "")
		rows, err := db.Query("EXPLAIN QUERY PLAN "+s, make([]any, strings.Count(s, "?"))...)
		if err != nil {
			continue // a part of a statement that is put together in a way that is not read here
		}
		explained++
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			if m := regexp.MustCompile(`^SCAN (\w+)`).FindStringSubmatch(detail); m != nil && !slices.Contains(whole, m[1]) && !strings.Contains(s, once) && !strings.Contains(s, copied) {
				t.Errorf("%s: %s", detail, strings.Join(strings.Fields(s), " "))
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if explained < 40 {
		t.Errorf("only %d statements were explained", explained)
	}
}

// modernc.org/sqlite is C translated against one version of modernc.org/libc; with another one it breaks in subtle ways.
func TestLibcIsPinnedToTheDriver(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "modernc.org/sqlite").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	theirs := libcOf(t, filepath.Join(strings.TrimSpace(string(dir)), "go.mod"))
	if ours := libcOf(t, filepath.Join("..", "go.mod")); ours != theirs {
		t.Errorf("go.mod has modernc.org/libc %s, the driver was made for %s", ours, theirs)
	}
}

func libcOf(t *testing.T, gomod string) string {
	t.Helper()
	raw, err := os.ReadFile(gomod)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\s*(?:require )?modernc\.org/libc (v\S+)`).FindSubmatch(raw)
	if m == nil {
		t.Fatalf("%s does not require modernc.org/libc", gomod)
	}
	return string(m[1])
}
