package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/redoubt-dev/redoubt/threat"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrate brings the schema forward; there is no way back. A database that a newer program wrote is refused untouched.
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
