package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Table is a table whose rows leave as they are in the archive of a workspace.
type Table struct {
	File string // noun of the file they are in

	name  string
	keys  []string // what orders and names the rows of a workspace
	json  []string // columns that hold JSON
	flags []string // columns that hold 0 or 1
	omit  []string // what is of no use elsewhere, or a secret
	page  int      // how many rows are read at a time; 0: [archivePage]
}

const archivePage = 200

// ArchiveTables are the tables of which an archive holds every row, a file each. What a model's document holds is not repeated but where the
// document has less: who, when, and what was there before. A test holds the list against the schema.
var ArchiveTables = []Table{
	{File: "models", name: "models", keys: []string{"id"}, json: []string{"repos"}, omit: []string{"title_key", "stamp", "pulls"}},
	{File: "runs", name: "runs", keys: []string{"run_id"}, json: []string{"statement", "proof", "answer"}, flags: []string{"counted", "attested", "from_ci"}, page: 10},
	{File: "results", name: "run_results", keys: []string{"run_id", "assertion_id", "tier"}},
	{File: "assumption_events", name: "assumption_events", keys: []string{"model_id", "assumption_id", "seq"}},
	{File: "framework_selections", name: "framework_selections", keys: []string{"model_id", "framework_id"}},
	{File: "mappings", name: "requirement_mappings", keys: []string{"model_id", "framework_id", "requirement_id", "control_id"}},
	{File: "exclusions", name: "requirement_exclusions", keys: []string{"model_id", "framework_id", "requirement_id"}},
	{File: "remediation_proposals", name: "remediation_proposals", keys: []string{"model_id", "n"}, json: []string{"body", "requirements"}},
	{File: "judgments", name: "judgments", keys: []string{"model_id", "control_id", "engine"}, json: []string{"incoherent", "unproven"}, omit: []string{"job_id"}},
	{File: "assertions", name: "assertions", keys: []string{"model_id", "assertion_id"}, json: []string{"params", "facets", "tier1", "tier2"}, flags: []string{"debt"}},
	{File: "findings", name: "findings", keys: []string{"model_id", "finding_id"}, json: []string{"checked_locations", "checked_patterns"}},
	{File: "systems", name: "systems", keys: []string{"system_id"}, omit: []string{"name_key"}},
	{File: "system_models", name: "system_models", keys: []string{"model_id"}},
	{File: "frameworks", name: "frameworks", keys: []string{"framework_id"}, json: []string{"body"}, flags: []string{"overlay"}, page: 5},
	{File: "keys", name: "api_keys", keys: []string{"id"}, flags: []string{"decide"}, omit: []string{"hash"}},
	{File: "activity", name: "activity", keys: []string{"id"}, json: []string{"detail"}},
	{File: "usage", name: "llm_calls", keys: []string{"id"}, flags: []string{"cached"}},
}

// Row is a row of a [Table] under the names of its columns: times in RFC 3339, JSON as it is, what is empty left out.
type Row map[string]any

// ArchiveRows returns the next rows of a table of a workspace, behind the one that after names: nil for the first. The second value names the
// last of them; it is nil when there are no more.
func (v *Snapshot) ArchiveRows(workspace string, table Table, after []any) ([]Row, []any, error) {
	keys := strings.Join(table.keys, ", ")
	query := `SELECT * FROM ` + table.name + ` WHERE workspace_id = ?`
	args := []any{workspace}
	if after != nil {
		query += ` AND (` + keys + `) > (` + marks(len(after)) + `)`
		args = append(args, after...)
	}
	page := table.page
	if page == 0 {
		page = archivePage
	}
	rows, err := v.tx.QueryxContext(v.ctx, v.tx.Rebind(query+` ORDER BY `+keys+` LIMIT ?`), append(args, page)...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	var out []Row
	var last []any
	for rows.Next() {
		raw := map[string]any{}
		if err := rows.MapScan(raw); err != nil {
			return nil, nil, err
		}
		last = last[:0:0]
		for _, k := range table.keys {
			last = append(last, raw[k])
		}
		r, err := table.row(raw)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, r)
	}
	if len(out) < page {
		last = nil
	}
	return out, last, rows.Err()
}

func (table Table) row(raw map[string]any) (Row, error) {
	out := Row{}
	for c, value := range raw {
		if c == "workspace_id" || value == nil || value == "" || slices.Contains(table.omit, c) {
			continue
		}
		switch n, number := value.(int64); {
		case slices.Contains(table.json, c):
			text := fmt.Sprint(value)
			if !json.Valid([]byte(text)) {
				return nil, fmt.Errorf("store: %s.%s is no JSON", table.name, c)
			}
			value = json.RawMessage(text)
		case number && slices.Contains(table.flags, c):
			value = n == 1
		case number && (c == "at" || strings.HasSuffix(c, "_at") || c == "review_by" || strings.HasSuffix(c, "_since")):
			value = fromMicros(n)
		}
		out[c] = value
	}
	return out, nil
}
