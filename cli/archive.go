package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// exportWorkspace writes the archive of a workspace: whole under its name, or not at all.
func (e *env) exportWorkspace(ctx context.Context, p *place, id, file string) error {
	return e.withService(ctx, p, func(svc *service.Service) error {
		if file == "" {
			file = service.ArchiveName(id, time.Now())
		}
		var m service.ArchiveManifest
		err := e.writeWhole(file, func(w io.Writer) (err error) {
			m, err = svc.ArchiveWorkspace(ctx, id, w)
			return err
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.err, "%s: workspace %s, %d threat models, %d files\n", file, threat.Clip(m.Workspace.Name, threat.MaxName), m.Counts["models"], len(m.Files)+1)
		return err
	})
}

// writeWhole writes a file that only this user reads, or to standard output for "-". A file that cannot be written to its end is not there.
func (e *env) writeWhole(file string, fn func(io.Writer) error) (err error) {
	if file == "-" {
		return fn(e.out)
	}
	part := file + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return threat.Errorf(threat.Invalid, "%s cannot be written: %v", file, reason(err)).In("out")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	if err = fn(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(part, file)
}
