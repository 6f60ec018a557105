package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/redoubt-dev/redoubt/threat"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

const migrateAttempts = 9

// newestSchema is the newest version of the schema that this program knows.
func newestSchema() int64 {
	var newest int64
	files, _ := migrationFiles.ReadDir("migrations") // embedded: it is there
	for _, f := range files {
		if n, err := goose.NumericComponent(f.Name()); err == nil {
			newest = max(newest, n)
		}
	}
	return newest
}

// migrate brings the schema forward; there is no way back. A database that a newer program wrote is refused untouched.
//
// Programs that start at once on one database get in each other's way: a step that another one has just made fails, as a
// whole. So a failure is tried again on what is there by then.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	name, options, err := s.dialect.migrations()
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	p, err := goose.NewProvider(name, s.writer.db.DB, files, options...)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	for attempt := range migrateAttempts {
		if err = s.migrateOnce(ctx, p); err == nil || threat.CodeOf(err) == threat.FailedPrecondition {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond << attempt):
		}
	}
	return err
}

func (s *Store) migrateOnce(ctx context.Context, p *goose.Provider) error {
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("store: read the schema version: %w", s.fault(err))
	}
	if current > target {
		return threat.Errorf(threat.FailedPrecondition,
			"the database has schema version %d, this program knows up to %d", current, target).
			Hinted("it was written by a newer version of redoubt: run that version, or restore an older backup")
	}
	if current == target {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("store: migrate: %w", s.fault(err))
	}
	return nil
}
