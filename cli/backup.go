package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// schedule is the flags of the backups that a server makes by itself. Those from the environment are read when they are asked for, so that
// a wrong one is an error.
type schedule struct{ folder, every, keep string }

func (s *schedule) add(e *env, c *cobra.Command) {
	c.Flags().StringVar(&s.folder, "backup-dir", e.getenv("REDOUBT_BACKUP_DIR"), "folder in which to keep backups; default: none are made (REDOUBT_BACKUP_DIR)")
	c.Flags().StringVar(&s.every, "backup-every", or(e.getenv("REDOUBT_BACKUP_EVERY"), "24h"), "how often, such as 6h (REDOUBT_BACKUP_EVERY)")
	c.Flags().StringVar(&s.keep, "backup-keep", or(e.getenv("REDOUBT_BACKUP_KEEP"), strconv.Itoa(service.DefaultBackupKeep)), "how many to keep (REDOUBT_BACKUP_KEEP)")
}

// config is what the service is told; without a folder, nothing.
func (s *schedule) config() (service.BackupSchedule, error) {
	if s.folder == "" {
		return service.BackupSchedule{}, nil
	}
	every, err := time.ParseDuration(s.every)
	if err != nil || every == 0 {
		return service.BackupSchedule{}, threat.Errorf(threat.Invalid, "%q is not a duration", threat.Clip(s.every, 40)).In("backup-every").Hinted("such as 24h or 90m")
	}
	keep, err := strconv.Atoi(s.keep)
	if err != nil || keep == 0 {
		return service.BackupSchedule{}, threat.Errorf(threat.Invalid, "%q is not a number of backups", threat.Clip(s.keep, 40)).In("backup-keep").Hinted("1 to %d", service.MaxBackupKeep)
	}
	if err := writable(s.folder); err != nil {
		var te *threat.Error
		if errors.As(err, &te) {
			return service.BackupSchedule{}, te.In("backup-dir").Hinted("choose another, or change its permissions")
		}
		return service.BackupSchedule{}, err
	}
	return service.BackupSchedule{Folder: s.folder, Every: every, Keep: keep}.Check()
}

// backupOutput is the --output flag of commands whose -o is a file.
func backupOutput(c *cobra.Command, o *output) {
	c.Flags().StringVar((*string)(o), "output", "text", "text or json")
}

func (e *env) backup() *cobra.Command {
	var p place
	var out output
	var file string
	c := &cobra.Command{
		Use: "backup -o FILE", Short: "Back the database up, while a server uses it or not", Args: cobra.NoArgs,
		Long: "Write the whole database, all workspaces, as a gzipped SQLite file, as it is at one moment; a server may be using it. It holds\n" +
			"everything but the keys in the data folder (signing.key, admin.key): keep it as safe as the data folder. redoubt restore reads it.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			database, err := p.name()
			if err != nil {
				return err
			}
			if file == "" {
				file = service.BackupName(time.Now())
			}
			info, err := e.writeBackup(c.Context(), database, file)
			if err != nil {
				return err
			}
			if out == "json" && file != "-" {
				return e.printJSON(map[string]any{"file": file, "backup": info})
			}
			_, err = fmt.Fprintf(e.err, "%s: the database as of %s, schema %d, %s unpacked\n", file, info.At.UTC().Format(time.RFC3339), info.Schema, megabytes(info.Bytes))
			return err
		},
	}
	p.add(e, c)
	backupOutput(c, &out)
	c.Flags().StringVarP(&file, "out", "o", "", "file to write, - for standard output; default: redoubt-TIME.db.gz in this folder")
	return c
}

func megabytes(n int64) string { return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB" }

// writeBackup writes a backup to a file: whole under its name, or not at all.
func (e *env) writeBackup(ctx context.Context, database, file string) (info store.BackupInfo, err error) {
	const comment = "redoubt backup"
	err = e.writeWhole(file, func(w io.Writer) (err error) {
		info, err = store.BackupFile(ctx, store.Config{Database: database}, w, comment)
		return err
	})
	return info, err
}

func (e *env) restore() *cobra.Command {
	var p place
	var out output
	var force bool
	c := &cobra.Command{
		Use: "restore FILE", Short: "Make the database of a backup", Args: cobra.ExactArgs(1),
		Long: "Put a backup (- for standard input) in the place of the database, having checked all of it. No program may be using the data folder.\n" +
			"A restore that is killed leaves the database that was there, or the one of the backup, whole. What happened after the backup is\n" +
			"undone: keys that were revoked since work again, users that were disabled are enabled.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			database, err := p.name()
			if err != nil {
				return err
			}
			var r io.Reader = e.in
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return threat.Errorf(threat.Invalid, "%s cannot be read: %v", args[0], reason(err)).In("file")
				}
				defer f.Close()
				r = f
			}
			info, err := store.Restore(c.Context(), store.RestoreConfig{
				Database: database, Force: force,
				Progress: func(s store.RestoreStage) { fmt.Fprintf(e.err, "%s\n", s) },
			}, bufio.NewReaderSize(r, 1<<20))
			if err != nil {
				return err
			}
			if out == "json" {
				return e.printJSON(map[string]any{"backup": info})
			}
			at := "an unknown time"
			if !info.At.IsZero() {
				at = info.At.UTC().Format(time.RFC3339)
			}
			_, err = fmt.Fprintf(e.out, "restored the database as of %s\nkeys revoked since then work again: redoubt key list, redoubt user reset\n", at)
			return err
		},
	}
	p.add(e, c)
	backupOutput(c, &out)
	c.Flags().BoolVar(&force, "force", false, "where there is a database: put it aside, as redoubt.db.replaced")
	return c
}
