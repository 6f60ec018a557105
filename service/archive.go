package service

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// The archive of a workspace is a zip of JSON and JSON lines, with a manifest last. It is written while it is read: a model at a time, rows
// by the page, so that it needs no more memory than the largest model. Each model is as of one moment.

// ArchiveFormat and ArchiveVersion name the form in the manifest.
const (
	ArchiveFormat  = "redoubt-workspace"
	ArchiveVersion = 1
)

// ArchiveManifest says what is in an archive.
type ArchiveManifest struct {
	Format        string            `json:"format"`
	FormatVersion int               `json:"format_version"`
	Workspace     account.Workspace `json:"workspace"`
	ExportedAt    time.Time         `json:"exported_at"` // when it was begun
	Counts        map[string]int    `json:"counts"`      // by noun
	LeftOut       []string          `json:"left_out"`
	Files         []ArchiveFile     `json:"files"` // in their order; the manifest itself is not among them
}

// ArchiveFile is a file of an archive.
type ArchiveFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// ArchiveVersionLine is a version of a model as a line of an archive.
type ArchiveVersionLine struct {
	Version   int               `json:"version"`
	Author    string            `json:"author"` // user id
	Summary   string            `json:"summary"`
	CreatedAt time.Time         `json:"created_at"`
	Structure *threat.Structure `json:"structure"`
}

// leftOut is what an archive does not hold.
var leftOut = []string{
	"secrets: keys are there without them",
	"chat sessions: each is its user's alone",
	"jobs, answers of language models that are kept for a while, and other things that go by themselves",
}

// ExportWorkspaceIn names a workspace that the caller owns.
type ExportWorkspaceIn struct {
	WorkspaceID string `json:"workspace_id"`
}

// ExportWorkspaceOut is an archive that is made while it is sent.
type ExportWorkspaceOut struct {
	Name string `json:"name" jsonschema:"the file's name"`

	make func(context.Context, io.Writer) (ArchiveManifest, error)
}

// File is the name and the media type of the archive.
func (o ExportWorkspaceOut) File() (name, kind string) { return o.Name, "application/zip" }

// Stream makes the archive and writes it to w. An error after the first byte means that what was written is not whole.
func (o ExportWorkspaceOut) Stream(ctx context.Context, w io.Writer) error {
	_, err := o.make(ctx, w)
	return err
}

// ExportWorkspace archives everything of a workspace. Errors: [threat.NotFound], [threat.Forbidden].
func (s *Service) ExportWorkspace(ctx context.Context, who account.Principal, in ExportWorkspaceIn) (ExportWorkspaceOut, error) {
	p := place{verb: verb{name: exportVerb, needs: account.Manage}, workspace: in.WorkspaceID, owner: true}
	return within(ctx, s, who, p, in, func(tx *store.Tx, w account.Workspace, r *record) (ExportWorkspaceOut, error) {
		return ExportWorkspaceOut{ArchiveName(w.ID, tx.Now()), func(ctx context.Context, out io.Writer) (ArchiveManifest, error) {
			m, err := s.archive(ctx, w, out)
			return m, s.logged(exportVerb, err)
		}}, nil
	})
}

// ArchiveWorkspace is ExportWorkspace on the operator's authority. Errors: [threat.NotFound].
func (s *Service) ArchiveWorkspace(ctx context.Context, id string, out io.Writer) (ArchiveManifest, error) {
	var w account.Workspace
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		if w, err = tx.AnyWorkspace(id); err != nil {
			return operatorWorkspace(err)
		}
		return addActivity(tx, account.Principal{WorkspaceID: w.ID}, exportVerb, record{detail: map[string]any{"by": "operator"}})
	})
	if err != nil {
		return ArchiveManifest{}, s.logged(exportVerb, err)
	}
	m, err := s.archive(ctx, w, out)
	return m, s.logged(exportVerb, err)
}

// ArchiveName is the name of an archive of a workspace made at a time.
func ArchiveName(workspace string, at time.Time) string {
	return "redoubt-workspace-" + workspace + "-" + at.UTC().Format("20060102T150405Z") + ".zip"
}

// archiver writes the files of one archive.
type archiver struct {
	s        *Service
	zip      *zip.Writer
	manifest ArchiveManifest
}

func (s *Service) archive(ctx context.Context, w account.Workspace, out io.Writer) (ArchiveManifest, error) {
	w.Role = ""
	a := &archiver{s: s, zip: zip.NewWriter(out), manifest: ArchiveManifest{
		Format: ArchiveFormat, FormatVersion: ArchiveVersion, Workspace: w, ExportedAt: s.store.Now(), Counts: map[string]int{}, LeftOut: leftOut,
	}}
	if err := a.write(ctx); err != nil {
		return a.manifest, err
	}
	m, err := json.MarshalIndent(a.manifest, "", "  ")
	if err != nil {
		return a.manifest, err
	}
	f, err := a.zip.CreateHeader(&zip.FileHeader{Name: "manifest.json", Method: zip.Deflate, Modified: a.manifest.ExportedAt})
	if err == nil {
		_, err = f.Write(append(m, '\n'))
	}
	if err != nil {
		return a.manifest, err
	}
	return a.manifest, a.zip.Close()
}

func (a *archiver) write(ctx context.Context) error {
	id := a.manifest.Workspace.ID
	if err := a.people(ctx); err != nil {
		return err
	}
	for _, table := range store.ArchiveTables {
		var models []string
		if err := a.table(ctx, table, &models); err != nil {
			return err
		}
		for _, m := range models {
			if err := a.model(ctx, id, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// file writes a file of the archive; fn writes its lines.
func (a *archiver) file(name string, fn func(*json.Encoder) error) error {
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.manifest.ExportedAt})
	if err != nil {
		return err
	}
	sum := sha256.New()
	n := &counted{w: io.MultiWriter(w, sum)}
	enc := json.NewEncoder(n)
	enc.SetEscapeHTML(false)
	if err := fn(enc); err != nil {
		return err
	}
	a.manifest.Files = append(a.manifest.Files, ArchiveFile{name, n.n, hex.EncodeToString(sum.Sum(nil))})
	return nil
}

type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// people writes who is in the workspace and what it decided for itself.
func (a *archiver) people(ctx context.Context) error {
	id := a.manifest.Workspace.ID
	var settings SettingsOut
	var members []account.Membership
	var invitations []account.Invitation
	err := a.s.store.Read(ctx, func(v *store.Snapshot) (err error) {
		if settings, err = a.s.settings(v, id); err != nil {
			return err
		}
		if members, err = v.Members(id); err != nil {
			return err
		}
		invitations, err = v.Invitations(id)
		return err
	})
	if err != nil {
		return err
	}
	if err := a.file("settings.json", func(enc *json.Encoder) error { return enc.Encode(settings) }); err != nil {
		return err
	}
	if err := archiveLines(a, "members", members); err != nil {
		return err
	}
	return archiveLines(a, "invitations", invitations)
}

func archiveLines[E any](a *archiver, noun string, list []E) error {
	a.manifest.Counts[noun] = len(list)
	return a.file(noun+".jsonl", func(enc *json.Encoder) error {
		for i := range list {
			if err := enc.Encode(&list[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// table writes every row of a table; of the models it collects the ids.
func (a *archiver) table(ctx context.Context, table store.Table, models *[]string) error {
	return a.file(table.File+".jsonl", func(enc *json.Encoder) error {
		n := 0
		for after, more := []any(nil), true; more; {
			var rows []store.Row
			err := a.s.store.Read(ctx, func(v *store.Snapshot) (err error) {
				rows, after, err = v.ArchiveRows(a.manifest.Workspace.ID, table, after)
				return err
			})
			if err != nil {
				return err
			}
			for _, r := range rows {
				if err := enc.Encode(r); err != nil {
					return err
				}
				if table.File == "models" {
					*models = append(*models, r["id"].(string))
				}
			}
			n += len(rows)
			more = after != nil
		}
		a.manifest.Counts[table.File] = n
		return nil
	})
}

// model writes a model in the form that redoubt import reads, and all its versions. One that goes meanwhile is left out.
func (a *archiver) model(ctx context.Context, workspace, id string) error {
	var document []byte
	var versions []store.VersionHeader // the newest first
	err := a.s.store.Read(ctx, func(v *store.Snapshot) error {
		m, err := v.Model(workspace, id)
		if threat.CodeOf(err) == threat.NotFound {
			m, err = v.DeletedModel(workspace, id) // hidden, and still to be had back
		}
		if err != nil {
			return err
		}
		h, err := a.s.loadHead(v, workspace, m)
		if err != nil {
			return err
		}
		d, err := h.document(v, workspace)
		if err != nil {
			return err
		}
		if versions, _, err = v.Versions(workspace, id, m.Version, 0); err != nil {
			return err
		}
		document, err = json.Marshal(d)
		return err
	})
	if threat.CodeOf(err) == threat.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if err := a.file("models/"+id+"/model.json", func(enc *json.Encoder) error { return enc.Encode(json.RawMessage(document)) }); err != nil {
		return err
	}
	return a.file("models/"+id+"/versions.jsonl", func(enc *json.Encoder) error {
		for _, h := range slices.Backward(versions) {
			line := ArchiveVersionLine{Version: h.Number, Author: h.Author, Summary: h.Summary, CreatedAt: h.CreatedAt}
			err := a.s.store.Read(ctx, func(v *store.Snapshot) (err error) {
				line.Structure, err = v.Version(workspace, id, h.Number)
				return err
			})
			if err != nil {
				return err
			}
			if err := enc.Encode(line); err != nil {
				return err
			}
			a.manifest.Counts["versions"]++
		}
		return nil
	})
}
