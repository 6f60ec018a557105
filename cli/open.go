package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/pipeline/builtin"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// place is where the data is: the --data and --database flags.
type place struct {
	data     string
	database string
}

func (p *place) add(e *env, c *cobra.Command) {
	c.Flags().StringVar(&p.data, "data", or(e.getenv("REDOUBT_DATA"), "./redoubt-data"), "data folder (REDOUBT_DATA)")
	c.Flags().StringVar(&p.database, "database", e.getenv("REDOUBT_DATABASE"), "database URL; default: SQLite in the data folder (REDOUBT_DATABASE)")
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// name is the name of a place's database. PostgreSQL is refused: the store speaks it, serving on it is not released.
func (p *place) name() (string, error) {
	database := p.database
	if strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://") {
		return "", threat.Errorf(threat.FailedPrecondition, "serving on PostgreSQL is not part of this release").In("database").
			Hinted("leave --database out to use SQLite in the data folder")
	}
	if database == "" {
		database = "sqlite:" + filepath.Join(p.data, "redoubt.db")
	}
	if !strings.HasPrefix(database, "sqlite:") {
		return "", threat.Errorf(threat.Invalid, "it is not a database this program knows").In("database").
			Hinted("sqlite:PATH, or leave it out to use SQLite in the data folder")
	}
	return database, nil
}

// open opens the database of a place.
func (p *place) open(ctx context.Context) (*store.Store, error) {
	database, err := p.name()
	if err != nil {
		return nil, err
	}
	if err := writable(filepath.Dir(strings.TrimPrefix(database, "sqlite:"))); err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, store.Config{Database: database})
	var te *threat.Error
	if err != nil && !errors.As(err, &te) {
		return nil, threat.Errorf(threat.Unavailable, "the database cannot be opened: %v", err).In("data")
	}
	return st, err
}

// writable makes a folder where there is none, and refuses one that takes no files.
func writable(folder string) error {
	refuse := func(err error) error {
		return threat.Errorf(threat.Unavailable, "folder %s cannot be written: %v", folder, reason(err)).In("data").
			Hinted("choose another with --data or REDOUBT_DATA, or change its permissions")
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return refuse(err)
	}
	f, err := os.CreateTemp(folder, ".writable-*")
	if err != nil {
		return refuse(err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// reason is the operating system's word without the path, which is in the message already.
func reason(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// newService makes the service over a store with the engines that this program has.
func newService(st *store.Store, log zerolog.Logger, more ...func(*service.Config)) (*service.Service, error) {
	expert, err := builtin.New()
	if err != nil {
		return nil, fmt.Errorf("the knowledge base: %w", err)
	}
	config := service.Config{Store: st, Engines: []pipeline.Engine{expert}, Log: log}
	for _, fn := range more {
		fn(&config)
	}
	return service.New(config)
}

// withService opens a place, runs an operator's command on its service, and closes it.
func (e *env) withService(ctx context.Context, p *place, fn func(*service.Service) error, more ...func(*service.Config)) error {
	st, err := p.open(ctx)
	if err != nil {
		return err
	}
	svc, err := newService(st, e.logger(), more...)
	if err == nil {
		err = fn(svc)
	}
	return errors.Join(err, st.Close())
}
