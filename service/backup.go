package service

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// BackupSchedule says where a serving program keeps backups by itself. The zero value keeps none.
type BackupSchedule struct {
	Folder string
	Every  time.Duration
	Keep   int // so many; older ones of this database are removed
}

// Bounds and defaults of a [BackupSchedule].
const (
	DefaultBackupEvery = 24 * time.Hour
	MinBackupEvery     = time.Minute
	DefaultBackupKeep  = 7
	MaxBackupKeep      = 1000
)

// Check fills in the defaults and refuses what makes no sense. Errors: [threat.Invalid].
func (b BackupSchedule) Check() (BackupSchedule, error) {
	if b.Every == 0 {
		b.Every = DefaultBackupEvery
	}
	if b.Keep == 0 {
		b.Keep = DefaultBackupKeep
	}
	if b.Every < MinBackupEvery {
		return b, threat.Errorf(threat.Invalid, "%s is too often", b.Every).In("backup-every").Hinted("at least %s, such as 24h", MinBackupEvery)
	}
	if b.Keep < 1 || b.Keep > MaxBackupKeep {
		return b, threat.Errorf(threat.Invalid, "%d backups cannot be kept", b.Keep).In("backup-keep").Hinted("1 to %d", MaxBackupKeep)
	}
	return b, nil
}

// BackupReport is how a scheduled backup went, for metrics.
type BackupReport struct {
	At   time.Time
	Took time.Duration
	Err  error
}

// backups makes the backups of one process: one at a time.
type backups struct {
	schedule BackupSchedule
	running  sync.Mutex
	watch    atomic.Pointer[func(BackupReport)]
}

// WatchBackups has fn called after every scheduled backup, for metrics. fn is quick and safe for concurrent use.
func (s *Service) WatchBackups(fn func(BackupReport)) { s.backups.watch.Store(&fn) }

// BackupName is the name of a backup made at a time.
func BackupName(at time.Time) string {
	return "redoubt-" + at.UTC().Format("20060102T150405Z") + ".db.gz"
}

// GetBackupIn has no arguments.
type GetBackupIn struct{}

// GetBackupOut is a backup that is made while it is sent.
type GetBackupOut struct {
	Name string `json:"name" jsonschema:"the file's name"`

	make func(context.Context, io.Writer) error
}

// File is the name and the media type of the backup.
func (b GetBackupOut) File() (name, kind string) { return b.Name, "application/gzip" }

// Stream makes the backup and writes it to w. An error after the first byte means that what was written is not whole. Errors:
// [threat.Unavailable] while another backup is being made, those of [store.Store.Backup].
func (b GetBackupOut) Stream(ctx context.Context, w io.Writer) error { return b.make(ctx, w) }

// GetBackup backs the whole database up, every workspace in it. Errors: [threat.Forbidden].
func (s *Service) GetBackup(ctx context.Context, who account.Principal, in GetBackupIn) (GetBackupOut, error) {
	return write(ctx, s, who, verb{name: "get_backup", needs: account.Instance}, in, func(tx *store.Tx, r *record) (GetBackupOut, error) {
		name := BackupName(tx.Now())
		r.object = name
		return GetBackupOut{name, func(ctx context.Context, w io.Writer) error {
			if !s.backups.running.TryLock() {
				return threat.Errorf(threat.Unavailable, "another backup is being made").Hinted("try again when it is done")
			}
			defer s.backups.running.Unlock()
			_, err := s.store.Backup(ctx, w, "redoubt backup")
			return s.logged("get_backup", err)
		}}, nil
	})
}

// keepBackups makes a backup whenever the newest is older than the schedule says, until the context ends. What is due is read from the
// folder, so that a restart neither skips one nor makes one too many.
func (s *Service) keepBackups(ctx context.Context) {
	id, err := s.instanceID(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Error().Err(err).Msg("there are no scheduled backups")
		}
		return
	}
	for {
		due, err := s.backups.due(id, s.store.Now())
		if err != nil || due <= 0 {
			due = s.backups.schedule.Every
			if err = s.scheduledBackup(ctx, id); err != nil && ctx.Err() == nil {
				s.log.Error().Err(err).Str("folder", s.backups.schedule.Folder).Msg("the scheduled backup failed")
				due = min(due, backupRetry)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(due):
		}
	}
}

// backupRetry is when a failed backup is tried again.
const backupRetry = 5 * time.Minute

func (s *Service) instanceID(ctx context.Context) (id string, err error) {
	fresh := newID()
	err = s.store.Write(ctx, func(tx *store.Tx) (err error) {
		id, err = tx.InstanceID(fresh)
		return err
	})
	return id, err
}

// scheduledBackup makes one backup and removes those that are too many.
func (s *Service) scheduledBackup(ctx context.Context, instance string) error {
	begun := time.Now()
	at := s.store.Now()
	err := s.backups.write(ctx, s, instance, at)
	if err == nil {
		err = s.backups.thin(instance)
	}
	if ctx.Err() != nil {
		return err
	}
	if watch := s.backups.watch.Load(); watch != nil {
		(*watch)(BackupReport{At: at, Took: time.Since(begun), Err: err})
	}
	return err
}

// ownComment is what the gzip header of a scheduled backup says: a file without it, or of another database, is never removed.
func ownComment(instance string) string { return "redoubt scheduled backup of " + instance }

// partial is the pattern of backups that are not whole yet; one of a process that was killed is removed when it has not grown for
// partialLife.
const (
	partial     = ".redoubt-*.part"
	partialLife = time.Hour
)

// write writes a backup to the folder: whole under its name, or not at all.
func (b *backups) write(ctx context.Context, s *Service, instance string, at time.Time) (err error) {
	folder := b.schedule.Folder
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, partial) // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	b.running.Lock() // one that somebody asked for is waited for
	_, err = s.store.Backup(ctx, f, ownComment(instance))
	b.running.Unlock()
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(folder, BackupName(at)))
}

var backupName = regexp.MustCompile(`^redoubt-(\d{8}T\d{6}Z)\.db\.gz$`)

// own returns the names of the folder's backups that the schedule made of this database, the oldest first.
func (b *backups) own(instance string) ([]string, error) {
	entries, err := os.ReadDir(b.schedule.Folder) // in the order of names, which is that of time
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if !e.Type().IsRegular() || !backupName.MatchString(e.Name()) {
			continue
		}
		f, err := os.Open(filepath.Join(b.schedule.Folder, e.Name()))
		if err != nil {
			continue // not ours to read, so not ours to remove
		}
		if comment, err := store.BackupComment(f); err == nil && comment == ownComment(instance) {
			out = append(out, e.Name())
		}
		_ = f.Close()
	}
	return out, err
}

// due returns how long it is until the next backup.
func (b *backups) due(instance string, now time.Time) (time.Duration, error) {
	own, err := b.own(instance)
	if err != nil || len(own) == 0 {
		return 0, err
	}
	newest, err := time.Parse("20060102T150405Z", backupName.FindStringSubmatch(own[len(own)-1])[1])
	if err != nil || newest.After(now) { // a name that is no time, or a clock that was put back
		return 0, nil //nolint:nilerr // a backup more does no harm
	}
	return newest.Add(b.schedule.Every).Sub(now), nil
}

// thin removes the oldest backups of this database beyond those to keep, and what killed processes left.
func (b *backups) thin(instance string) error {
	own, err := b.own(instance)
	if err != nil {
		return err
	}
	for _, name := range own[:max(0, len(own)-b.schedule.Keep)] {
		err = errors.Join(err, os.Remove(filepath.Join(b.schedule.Folder, name)))
	}
	entries, e := os.ReadDir(b.schedule.Folder)
	err = errors.Join(err, e)
	for _, f := range entries {
		if ours, _ := filepath.Match(partial, f.Name()); !ours || !f.Type().IsRegular() {
			continue
		}
		if st, e := f.Info(); e == nil && time.Since(st.ModTime()) > partialLife {
			err = errors.Join(err, os.Remove(filepath.Join(b.schedule.Folder, f.Name())))
		}
	}
	return err
}
