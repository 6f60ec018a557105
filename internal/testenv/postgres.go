package testenv

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/redoubt-dev/redoubt/store"
)

// Postgres makes an empty, migrated PostgreSQL database of the test's own on the server that REDOUBT_TEST_POSTGRES names,
// drops it when the test ends, and returns its name for store.Config. Where the variable is not set the test is skipped, or
// fails when REDOUBT_REQUIRE_POSTGRES is 1.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv("REDOUBT_TEST_POSTGRES")
	if server == "" {
		const how = "no PostgreSQL: run the tests under scripts/postgres.sh, or set REDOUBT_TEST_POSTGRES to a postgres:// URL " +
			"with the right to create databases"
		if os.Getenv("REDOUBT_REQUIRE_POSTGRES") == "1" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	from, err := postgresTemplate()
	if err != nil {
		t.Fatalf("make the PostgreSQL template database: %v", err)
	}
	name := "redoubt_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if err := onServer(server, func(c *sql.Conn) error { return run(c, "CREATE DATABASE "+name+" TEMPLATE "+from) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := onServer(server, func(c *sql.Conn) error { return run(c, "DROP DATABASE "+name+" WITH (FORCE)") }); err != nil {
			t.Error(err)
		}
	})
	return onDatabase(server, name)
}

// postgresTemplate returns the name of a migrated database to copy. It is named after the schema, so that test processes
// share one and a server that lives on does not gather them.
var postgresTemplate = sync.OnceValues(func() (string, error) {
	digest, err := schemaDigest()
	if err != nil {
		return "", err
	}
	server, name := os.Getenv("REDOUBT_TEST_POSTGRES"), "redoubt_template_"+digest
	return name, onServer(server, func(c *sql.Conn) error {
		// Held until the connection closes: another test process waits here and then finds the template made.
		if err := run(c, "SELECT pg_advisory_lock(7234001)"); err != nil {
			return err
		}
		var made int
		row := c.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM pg_database WHERE datname = $1", name)
		if err := row.Scan(&made); err != nil || made == 1 {
			return err
		}
		// Built under another name, so that a process that dies half-way leaves no half template behind.
		draft := name + "_draft"
		if err := run(c, "DROP DATABASE IF EXISTS "+draft+" WITH (FORCE)", "CREATE DATABASE "+draft+" TEMPLATE template0"); err != nil {
			return err
		}
		s, err := store.Open(context.Background(), store.Config{Database: onDatabase(server, draft)})
		if err != nil {
			return err
		}
		if err := s.Close(); err != nil {
			return err
		}
		return run(c, "ALTER DATABASE "+draft+" RENAME TO "+name)
	})
})

// schemaDigest names the schema by what the migrations made of the SQLite template.
func schemaDigest() (string, error) {
	raw, err := template()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "redoubt-schema-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "schema.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		return "", err
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return "", err
	}
	defer db.Close()
	rows, err := db.Query(`
		SELECT COALESCE(sql, name) FROM sqlite_master
		UNION ALL SELECT 'version ' || MAX(version_id) FROM goose_db_version
		ORDER BY 1`)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	sum := sha256.New()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return "", err
		}
		fmt.Fprintln(sum, line)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], rows.Err()
}

// onServer runs fn on one connection of its own to the server's maintenance database.
func onServer(server string, fn func(*sql.Conn) error) error {
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer db.Close()
	c, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	defer c.Close()
	return fn(c)
}

func run(c *sql.Conn, statements ...string) error {
	for _, s := range statements {
		if _, err := c.ExecContext(context.Background(), s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func onDatabase(server, name string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server // the connection before would have failed
	}
	u.Path = "/" + name
	return u.String()
}
