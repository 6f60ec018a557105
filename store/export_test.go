package store

// What tests hold against the schema.

func WorkspaceTables() []string { return workspaceTables }

func UserTables() (tables []string) {
	for _, of := range userTables {
		tables = append(tables, of.table)
	}
	return tables
}

// Mentions are the columns that can name a user, by table.
func Mentions() (exact, within map[string][]string) {
	exact, within = map[string][]string{}, map[string][]string{}
	for _, m := range mentions {
		exact[m.table] = append(exact[m.table], m.exact...)
		within[m.table] = append(within[m.table], m.within...)
	}
	return exact, within
}

// Name is the table's.
func (table Table) Name() string { return table.name }

// JSON are the columns that hold JSON.
func (table Table) JSON() []string { return table.json }
