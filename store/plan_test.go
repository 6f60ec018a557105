package store_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/internal/testenv"
)

// The queries of every request find their rows by an index that fits, without statistics: a plan over the wrong index reads
// every version a model ever had.
func TestPlans(t *testing.T) {
	database := testenv.SQLite(t)
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(database, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for query, index := range map[string]string{
		`SELECT body FROM entities WHERE workspace_id = ? AND model_id = ? AND valid_to = 1152921504606846976 ORDER BY entity_id`:       "entities_open",
		`UPDATE entities SET valid_to = ? WHERE workspace_id = ? AND model_id = ? AND entity_id = ? AND valid_to = 1152921504606846976`: "entities_open",
		`SELECT body FROM entities WHERE workspace_id = ? AND model_id = ? AND valid_from <= ? AND valid_to > ?`:                        "entities_span",
		`SELECT body FROM entities WHERE workspace_id = 'w' AND model_id = 'm' AND (valid_from <= 3 AND valid_to > 3)`:                  "entities_span",
		`SELECT control_id FROM controls WHERE workspace_id = ? AND model_id = ? AND deleted_at IS NULL ORDER BY n`:                     "controls_live",
		`SELECT id FROM api_keys WHERE hash = ?`:                                                                  "api_keys_hash",
		`SELECT id FROM jobs WHERE state = 'ready' AND run_at <= ? ORDER BY run_at, id LIMIT 1`:                   "jobs_ready",
		`SELECT id FROM activity WHERE workspace_id = ? ORDER BY id DESC LIMIT 20`:                                "sqlite_autoindex_activity",
		`DELETE FROM mitigations WHERE workspace_id = ? AND model_id = ? AND objective_id = ? AND control_id = ?`: "mitigations",
	} {
		args := make([]any, strings.Count(query, "?"))
		for i := range args {
			args[i] = 1
		}
		rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			t.Fatal(err)
		}
		plan := ""
		for rows.Next() {
			var a, b, c any
			var detail string
			if err := rows.Scan(&a, &b, &c, &detail); err != nil {
				t.Fatal(err)
			}
			plan += detail + "; "
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plan, index) || strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s\n\truns as %s", query, plan)
		}
	}
}
