package store

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// fileLock is held beside an SQLite database while a program has it open: shared by all that use it, alone by what replaces it. The
// operating system lets go of it when the process ends, however it ends.
type fileLock struct{ file *os.File }

// errLocked says that another process is in the way.
var errLocked = errors.New("the lock is held by another process")

// lockPath is the file that is locked. It is never removed: whoever waits for it would hold a lock that nobody sees.
func lockPath(database string) string { return database + ".lock" }

// openLock opens the lock of a database without taking it.
func openLock(database string) (*fileLock, error) {
	f, err := os.OpenFile(lockPath(database), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &fileLock{f}, nil
}

// take takes the lock, alone or shared, or changes from one to the other. It waits for as long as patience, and then returns errLocked.
func (l *fileLock) take(ctx context.Context, alone bool, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := lockFile(l.file, alone)
		if !errors.Is(err, errLocked) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// close lets go of the lock; a second time changes nothing.
func (l *fileLock) close() error {
	if l == nil {
		return nil
	}
	if err := l.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// lockForUse takes the lock that every program holds which has the database open. Whoever is alone with it first finishes a restore that
// was cut short, and removes what a killed process left.
func lockForUse(ctx context.Context, database string) (*fileLock, error) {
	l, err := openLock(database)
	if err != nil {
		return nil, err
	}
	err = l.take(ctx, true, 0)
	if err == nil {
		err = errors.Join(finishRestore(database, nil), removeTemporaries(database))
	}
	if err == nil || errors.Is(err, errLocked) {
		err = l.take(ctx, false, openPatience)
	}
	if errors.Is(err, errLocked) {
		err = &dbError{threat.Errorf(threat.Unavailable, "a backup is being restored").Hinted("try again when it is done"), err}
	}
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}
