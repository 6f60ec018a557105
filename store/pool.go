package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/jmoiron/sqlx"

	"github.com/redoubt-dev/redoubt/threat"
)

// pool is a number of connections, each for one transaction at a time. Statements are prepared on the connection whose
// transaction runs them: prepared on the sqlx.DB they would ask for a second connection while one is held, which on a pool
// of one never comes.
type pool struct {
	db     *sqlx.DB
	free   chan *session // as many as there are connections
	keep   bool          // sessions keep their connection and its statements; otherwise the driver does
	closed chan struct{}
	once   sync.Once
}

// session is one connection, opened when it is first needed.
type session struct {
	conn  *sqlx.Conn
	stmts map[string]*sqlx.Stmt
	bad   bool // a commit or rollback failed, so nobody knows what state the connection is in
}

func openPool(ctx context.Context, driver, dsn string, conns int, keep bool) (*pool, error) {
	db, err := sqlx.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	p := &pool{db: db, free: make(chan *session, conns), keep: keep, closed: make(chan struct{})}
	for range conns {
		p.free <- &session{}
	}
	return p, nil
}

// close waits for the transactions under way and closes every connection.
func (p *pool) close() (err error) {
	p.once.Do(func() {
		close(p.closed)
		for range cap(p.free) {
			if c := <-p.free; c.conn != nil {
				err = errors.Join(err, c.forget(), c.conn.Close())
			}
		}
		err = errors.Join(err, p.db.Close())
	})
	return err
}

func closed() *threat.Error { return threat.Errorf(threat.Unavailable, "the database is closed") }

// take waits for a free connection.
func (p *pool) take(ctx context.Context) (*session, error) {
	var c *session
	select {
	case <-p.closed: // when both are ready, select chooses at random
		return nil, closed()
	default:
	}
	select {
	case c = <-p.free:
	case <-p.closed:
		return nil, closed()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.conn == nil {
		conn, err := p.db.Connx(ctx)
		if err != nil {
			p.free <- c
			return nil, err
		}
		c.conn, c.stmts = conn, nil
		if p.keep {
			c.stmts = map[string]*sqlx.Stmt{}
		}
	}
	return c, nil
}

// put gives a connection back.
func (p *pool) put(c *session) {
	if c.bad {
		_ = c.forget()
		_ = c.conn.Raw(func(any) error { return driver.ErrBadConn }) // closes it for good
	}
	if c.bad || !p.keep {
		_ = c.conn.Close() // gives it back to the driver's pool
		*c = session{}
	}
	p.free <- c
}

// forget closes the prepared statements. database/sql does not, for those prepared on a connection, and one that is left open keeps SQLite
// from closing the connection: the log is not folded into the file, and stays.
func (c *session) forget() (err error) {
	for _, st := range c.stmts {
		err = errors.Join(err, st.Close())
	}
	c.stmts = nil
	return err
}

func (c *session) begin(ctx context.Context, opts *sql.TxOptions) (*sqlx.Tx, error) {
	tx, err := c.conn.BeginTxx(ctx, opts)
	if errors.Is(err, driver.ErrBadConn) {
		c.bad = true
	}
	return tx, err
}

func (c *session) rollback(tx *sqlx.Tx) { c.bad = tx.Rollback() != nil || c.bad }

func (c *session) commit(tx *sqlx.Tx) error {
	err := tx.Commit()
	c.bad = err != nil || c.bad
	return err
}

// runner runs one statement, prepared where statements are kept.
type runner interface {
	GetContext(ctx context.Context, dst any, args ...any) error
	SelectContext(ctx context.Context, dst any, args ...any) error
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
}

// runner returns what runs query in tx, which is the transaction of this connection, or none where statements are kept.
func (c *session) runner(ctx context.Context, tx *sqlx.Tx, query string) (runner, error) {
	if c.stmts == nil {
		return direct{tx, tx.Rebind(query)}, nil
	}
	if st, ok := c.stmts[query]; ok {
		return st, nil
	}
	st, err := c.conn.PreparexContext(ctx, c.conn.Rebind(query))
	if err != nil {
		return nil, err
	}
	c.stmts[query] = st
	return st, nil
}

// direct is a query that the driver prepares and keeps.
type direct struct {
	tx    *sqlx.Tx
	query string
}

func (d direct) GetContext(ctx context.Context, dst any, args ...any) error {
	return d.tx.GetContext(ctx, dst, d.query, args...)
}

func (d direct) SelectContext(ctx context.Context, dst any, args ...any) error {
	return d.tx.SelectContext(ctx, dst, d.query, args...)
}

func (d direct) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return d.tx.ExecContext(ctx, d.query, args...)
}
