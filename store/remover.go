package store

import (
	"context"
	"errors"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// How what is deleted is removed: in transactions so short that writers hardly wait, with as long a pause after each.
const (
	deletionLease = time.Minute
	batchTime     = 10 * time.Millisecond // what a batch is to take; a large row can take longer
	firstBatch    = 20
	mostRows      = 1000
	foundRows     = 5000 // how many rows that name a user are looked up at a time
	pageOfIDs     = 500
)

// Removed says what a removal did.
type Removed struct {
	Kind    DeletionKind
	Rows    int // removed
	Renamed int // rows that stay and name nobody any more
}

// pace finds how many rows fit a batch.
type pace struct{ rows int }

func (p *pace) batch(ctx context.Context, fn func(limit int) error) error {
	if p.rows == 0 {
		p.rows = firstBatch
	}
	begun := time.Now()
	if err := fn(p.rows); err != nil {
		return err
	}
	took := time.Since(begun)
	switch {
	case took < batchTime/2:
		p.rows = min(2*p.rows, mostRows)
	case took > batchTime:
		p.rows = max(p.rows/2, 1)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(took):
		return nil
	}
}

// RemoveDeleted takes one deletion that waits and removes its rows to the last. ok is false when there is none. Where it is stopped it gives the
// deletion back; after a crash the lease ends within a minute. Whoever takes it then goes on with what is left.
func (s *Store) RemoveDeleted(ctx context.Context) (done Removed, ok bool, err error) {
	var due bool
	err = s.Read(ctx, func(v *Snapshot) (err error) {
		due, err = v.DeletionDue()
		return err
	})
	if err != nil || !due {
		return done, false, err
	}
	var d Deletion
	err = s.Write(ctx, func(tx *Tx) (err error) {
		d, ok, err = tx.ClaimDeletion(deletionLease)
		return err
	})
	if err != nil || !ok {
		return done, false, err
	}
	done.Kind = d.Kind
	p := &pace{}
	if d.Kind == UserDeletion {
		err = s.forget(ctx, d, p, &done)
	}
	for gone := false; err == nil && !gone; {
		err = p.batch(ctx, func(limit int) error {
			var n int
			err := s.Write(ctx, func(tx *Tx) (err error) {
				n, gone, err = tx.RemoveRows(d, deletionLease, limit)
				return err
			})
			done.Rows += n
			return err
		})
	}
	switch {
	case errors.Is(err, ErrDeletionLost):
		return done, true, nil // another worker goes on with it
	case err != nil && ctx.Err() != nil:
		plain := context.WithoutCancel(ctx)
		if back := s.Write(plain, func(tx *Tx) error { return tx.ReleaseDeletion(d, tx.now.Add(-time.Microsecond)) }); back != nil && !errors.Is(back, ErrDeletionLost) {
			err = errors.Join(err, back)
		}
		return done, true, err
	case err != nil:
		return done, true, err
	}
	return done, true, s.dropLog(ctx)
}

// forget takes the user's name out of every workspace that lives on, one after the other.
func (s *Store) forget(ctx context.Context, d Deletion, p *pace, done *Removed) error {
	for {
		var ids []string
		err := s.Read(ctx, func(v *Snapshot) (err error) {
			ids, err = v.WorkspacesAfter(d.Reached, pageOfIDs)
			return err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			n, err := s.forgetIn(ctx, d, id, p)
			done.Renamed += n
			if err != nil {
				return err
			}
			d.Reached = id
			if n == 0 && id != ids[len(ids)-1] {
				continue // nothing to note yet
			}
			err = s.Write(ctx, func(tx *Tx) error { return tx.Forgotten(d, id, n > 0, deletionLease) })
			if err != nil {
				return err
			}
		}
	}
}

func (s *Store) forgetIn(ctx context.Context, d Deletion, workspace string, p *pace) (n int, err error) {
	for {
		var f Forgetting
		var ok bool
		err := s.Read(ctx, func(v *Snapshot) (err error) {
			f, ok, err = v.ToForget(d, workspace, foundRows)
			return err
		})
		if err != nil || !ok {
			return n, err
		}
		for left := f; left.Rows() > 0; {
			err := p.batch(ctx, func(limit int) error {
				var next Forgetting
				err := s.Write(ctx, func(tx *Tx) (err error) {
					next, err = tx.Forget(d, left, deletionLease, limit)
					return err
				})
				if err == nil {
					n += left.Rows() - next.Rows()
					left = next
				}
				return err
			})
			if err != nil {
				return n, err
			}
		}
	}
}

// dropLog folds SQLite's write-ahead log into the file and empties it, since what was removed is still in it. A reader under way can keep it
// from that; then later writes go over it.
func (s *Store) dropLog(ctx context.Context) error {
	if s.path == "" {
		return nil
	}
	c, err := s.writer.take(ctx)
	if err != nil {
		return s.fault(err)
	}
	defer s.writer.put(c)
	if _, err = c.conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA wal_checkpoint(TRUNCATE)`); s.dialect.retryable(err) || threat.CodeOf(s.fault(err)) == threat.Unavailable {
		return nil
	}
	return s.fault(err)
}
