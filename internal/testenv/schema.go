package testenv

import (
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Table is a table of the schema, as SQLite has it; PostgreSQL's is the same.
type Table struct {
	Name    string
	Columns []Column
	Foreign []Foreign
}

// Column is a column of a [Table].
type Column struct {
	Name string
	Text bool
	Enum []string // the values that a CHECK allows, where it lists them
}

// Foreign is a foreign key of a [Table].
type Foreign struct {
	Table    string
	From, To []string
}

var checkIn = regexp.MustCompile(`CHECK \((\w+) IN \(([^)]*)\)\)`)

// Tables reads the tables of an SQLite database, those that others refer to first.
func Tables(t testing.TB, db *sql.DB) []Table {
	t.Helper()
	var all []Table
	Rows(t, db, `SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%' ORDER BY name`, func(r []string) {
		table := Table{Name: r[0]}
		enums := map[string][]string{}
		for _, m := range checkIn.FindAllStringSubmatch(r[1], -1) {
			for v := range strings.SplitSeq(m[2], ",") {
				enums[m[1]] = append(enums[m[1]], strings.Trim(strings.TrimSpace(v), "'"))
			}
		}
		Rows(t, db, `SELECT name, type FROM pragma_table_info('`+table.Name+`') ORDER BY cid`, func(c []string) {
			table.Columns = append(table.Columns, Column{c[0], c[1] == "TEXT", enums[c[0]]})
		})
		last := ""
		Rows(t, db, `SELECT id, "table", "from", "to" FROM pragma_foreign_key_list('`+table.Name+`') ORDER BY id, seq`, func(f []string) {
			if f[0] != last || len(table.Foreign) == 0 {
				table.Foreign = append(table.Foreign, Foreign{Table: f[1]})
				last = f[0]
			}
			k := &table.Foreign[len(table.Foreign)-1]
			k.From, k.To = append(k.From, f[2]), append(k.To, f[3])
		})
		all = append(all, table)
	})
	var out []Table
	have := func(name string) bool {
		return slices.ContainsFunc(out, func(o Table) bool { return o.Name == name })
	}
	for len(out) < len(all) {
		before := len(out)
		for _, table := range all {
			if !have(table.Name) && !slices.ContainsFunc(table.Foreign, func(f Foreign) bool { return !have(f.Table) }) {
				out = append(out, table)
			}
		}
		if len(out) == before {
			t.Fatal("tables refer to each other in a ring")
		}
	}
	return out
}

// Rows calls fn with every row of a query, its values as text, NULL as "".
func Rows(t testing.TB, db *sql.DB, query string, fn func([]string)) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for rows.Next() {
		values := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(names))
		for i, v := range values {
			row[i] = v.String
		}
		all = append(all, row)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	for _, row := range all { // after the query: fn may ask another
		fn(row)
	}
}

// Occurrences looks for words in every text column of every table, and returns where they are: "table.column: word".
func Occurrences(t testing.TB, db *sql.DB, tables []Table, words ...string) (out []string) {
	t.Helper()
	for _, table := range tables {
		for _, c := range table.Columns {
			if !c.Text {
				continue
			}
			for _, w := range words {
				n := 0
				Rows(t, db, fmt.Sprintf(`SELECT COUNT(*) FROM %s WHERE REPLACE(LOWER(%s), '%s', '') <> LOWER(%s)`, table.Name, c.Name, strings.ToLower(w), c.Name),
					func(r []string) { _, _ = fmt.Sscan(r[0], &n) })
				if n > 0 {
					out = append(out, fmt.Sprintf("%s.%s: %s in %d rows", table.Name, c.Name, w, n))
				}
			}
		}
	}
	return out
}
