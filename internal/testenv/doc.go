// Package testenv gives tests what they run against: a real database of their own, a clock to set, and people, keys and
// models to put in it.
//
// The SQLite databases are copies of one that was migrated once a process. PostgreSQL is used where REDOUBT_TEST_POSTGRES
// names a server; scripts/postgres.sh starts a throwaway one:
//
//	scripts/postgres.sh go test ./store/...
package testenv
