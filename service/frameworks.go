package service

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// catalogue is a framework as a workspace has it. It is shared by its readers: nobody writes into it.
type catalogue struct {
	*compliance.Framework
	builtin    bool
	official   bool // built in, with the texts that the workspace imported
	importedAt *time.Time
	matcher    func() controlMatcher // made when first asked for
}

// newCatalogue takes a framework that nobody changes any more.
func newCatalogue(f *compliance.Framework) *catalogue {
	return &catalogue{Framework: f, matcher: sync.OnceValue(func() controlMatcher { return compliance.NewMatcher(f) })}
}

// builtinCatalogues reads the frameworks that come with the program.
func builtinCatalogues() ([]*catalogue, error) {
	list, err := compliance.Embedded()
	out := make([]*catalogue, len(list))
	for i := range list {
		out[i] = newCatalogue(&list[i])
		out[i].builtin = true
	}
	return out, err
}

// catalogueKey names a framework that a workspace imported, as of one import.
type catalogueKey struct {
	workspace, id string
	revision      int
	at            int64 // when it was imported: revisions begin anew after a removal
}

// keptCatalogues is how many imported frameworks a process keeps: some megabytes.
const keptCatalogues = 32

// MaxFrameworks bounds the frameworks that a workspace imports.
const MaxFrameworks = 50

// catalogue returns a framework by id. Errors: [threat.NotFound].
func (s *Service) catalogue(v *store.Snapshot, workspace, id string) (*catalogue, error) {
	all, err := s.catalogues(v, workspace)
	if err != nil {
		return nil, err
	}
	return oneCatalogue(all, id)
}

func oneCatalogue(all []*catalogue, id string) (*catalogue, error) {
	if i := slices.IndexFunc(all, func(c *catalogue) bool { return c.ID == id }); i >= 0 {
		return all[i], nil
	}
	return nil, threat.Errorf(threat.NotFound, "there is no such framework").In("framework_id").Hinted("list_frameworks names them; import_framework adds one")
}

// catalogues returns the frameworks that a workspace can use, in the order of ids.
func (s *Service) catalogues(v *store.Snapshot, workspace string) ([]*catalogue, error) {
	builtin, err := s.builtins()
	if err != nil {
		return nil, err
	}
	out := slices.Clone(builtin)
	imported, err := v.Frameworks(workspace)
	if err != nil {
		return nil, err
	}
	for _, f := range imported {
		c, err := s.importedCatalogue(v, workspace, f, builtin)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(out, func(o *catalogue) bool { return o.ID == f.ID }); i >= 0 {
			out[i] = c
		} else {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *catalogue) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// importedCatalogue reads a framework that a workspace imported, over the built-in one where it holds its texts.
func (s *Service) importedCatalogue(v *store.Snapshot, workspace string, row store.Framework, builtin []*catalogue) (*catalogue, error) {
	key := catalogueKey{workspace, row.ID, row.Revision, row.ImportedAt.UnixMicro()}
	if c, ok := s.frameworks.get(key); ok {
		return c, nil
	}
	full, ok, err := v.Framework(workspace, row.ID)
	if err != nil {
		return nil, err
	}
	var f compliance.Framework
	if !ok || json.Unmarshal([]byte(full.Body), &f) != nil {
		return nil, internal("framework %s of workspace %s cannot be read", row.ID, workspace)
	}
	c := newCatalogue(&f)
	c.importedAt = &full.ImportedAt
	if full.Overlay {
		i := slices.IndexFunc(builtin, func(b *catalogue) bool { return b.ID == row.ID })
		if i < 0 {
			return nil, internal("framework %s of workspace %s is over nothing", row.ID, workspace)
		}
		if over, err := compliance.Overlay(*builtin[i].Framework, f); err == nil {
			c = newCatalogue(&over)
			c.builtin, c.official, c.importedAt = true, true, &full.ImportedAt
			c.matcher = builtin[i].matcher // it was fitted to the summaries
		} else { // this program knows other requirements than the file of then: its own summaries hold until the next import
			c = builtin[i]
		}
	}
	s.frameworks.put(key, c)
	return c, nil
}

// ListFrameworksIn pages the frameworks of the workspace.
type ListFrameworksIn struct {
	ModelID  string `json:"model_id,omitempty" jsonschema:"show what this model selected"`
	Selected bool   `json:"selected,omitempty" jsonschema:"only those that the model selected"`
	Limit    *int   `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset   int    `json:"offset,omitempty"`
}

// FrameworkRow is a framework in a list.
type FrameworkRow struct {
	ID           string     `json:"id"`
	Title        string     `json:"title"`
	Version      string     `json:"version,omitempty"`
	Levels       []string   `json:"levels,omitempty"` // names, the lowest first; each includes those below it
	Chapters     int        `json:"chapters"`
	Requirements int        `json:"requirements"`
	Builtin      bool       `json:"builtin"`
	Official     bool       `json:"official,omitempty"` // built in, with the official texts that were imported
	Selected     bool       `json:"selected,omitempty"` // by the model asked for
	Models       int        `json:"models"`             // that selected it
	License      string     `json:"license,omitempty"`
	Source       string     `json:"source,omitempty"`
	ImportedAt   *time.Time `json:"imported_at,omitempty"`
}

// FrameworksSummary counts the frameworks of a workspace.
type FrameworksSummary struct {
	Builtin  int `json:"builtin"`
	Imported int `json:"imported"`
	Selected int `json:"selected"`
}

// ListFrameworksOut is a page of frameworks by id.
type ListFrameworksOut struct {
	ModelID    string            `json:"model_id,omitempty"`
	Version    int               `json:"version,omitempty"`
	Total      int               `json:"total"`
	Returned   int               `json:"returned"`
	Offset     int               `json:"offset"`
	Summary    FrameworksSummary `json:"summary"`
	Frameworks []FrameworkRow    `json:"frameworks"`
}

// ListFrameworks lists what models can be measured against. Errors: [threat.NotFound] for the model, [threat.Invalid].
func (s *Service) ListFrameworks(ctx context.Context, who account.Principal, in ListFrameworksIn) (ListFrameworksOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return ListFrameworksOut{}, err
	}
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (ListFrameworksOut, error) {
		out := ListFrameworksOut{ModelID: in.ModelID, Offset: offset, Frameworks: []FrameworkRow{}}
		var selected []string
		if in.ModelID != "" {
			if err := modelID(in.ModelID); err != nil {
				return out, err
			}
			m, err := v.Model(who.WorkspaceID, in.ModelID)
			if err != nil {
				return out, err
			}
			out.Version = m.Version
			if selected, err = selectedBy(v, who.WorkspaceID, m.ID); err != nil {
				return out, err
			}
		} else if in.Selected {
			return out, threat.Errorf(threat.Invalid, "selected by which model?").In("model_id").Hinted("give model_id")
		}
		rows, err := s.frameworkRows(v, who.WorkspaceID, selected)
		if err != nil {
			return out, err
		}
		for _, r := range rows {
			switch {
			case r.Builtin:
				out.Summary.Builtin++
			default:
				out.Summary.Imported++
			}
			if r.Selected {
				out.Summary.Selected++
			}
		}
		if in.Selected {
			rows = slices.DeleteFunc(rows, func(r FrameworkRow) bool { return !r.Selected })
		}
		out.Total = len(rows)
		out.Frameworks = append(out.Frameworks, cut(rows, limit, offset)...)
		out.Returned = len(out.Frameworks)
		return out, nil
	})
}

func (s *Service) frameworkRows(v *store.Snapshot, workspace string, selected []string) ([]FrameworkRow, error) {
	all, err := s.catalogues(v, workspace)
	if err != nil {
		return nil, err
	}
	models, err := v.ModelsSelecting(workspace)
	if err != nil {
		return nil, err
	}
	out := make([]FrameworkRow, len(all))
	for i, c := range all {
		out[i] = c.row()
		out[i].Models, out[i].Selected = models[c.ID], slices.Contains(selected, c.ID)
	}
	return out, nil
}

func (c *catalogue) row() FrameworkRow {
	r := FrameworkRow{
		ID: c.ID, Title: c.Title, Version: c.Framework.Version, Chapters: len(c.Chapters), Builtin: c.builtin, Official: c.official,
		License: c.License, Source: c.Source, ImportedAt: c.importedAt,
	}
	for _, l := range c.Levels {
		r.Levels = append(r.Levels, l.Name)
	}
	for i := range c.Requirements {
		if !c.Requirements[i].Retired {
			r.Requirements++
		}
	}
	return r
}

// GetFrameworkIn pages the requirements of a framework.
type GetFrameworkIn struct {
	FrameworkID string `json:"framework_id"`
	Level       int    `json:"level,omitempty" jsonschema:"requirements of this level and those below"`
	Chapter     string `json:"chapter,omitempty"`
	Text        string `json:"text,omitempty" jsonschema:"contained in the id, the text or the section's name"`
	Limit       *int   `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset      int    `json:"offset,omitempty"`

	// Whole asks for all requirements, for a transport that serves files.
	Whole bool `json:"-"`
}

// RequirementRow is a requirement of a framework.
type RequirementRow struct {
	ID       string             `json:"id"`
	Level    int                `json:"level,omitempty"`
	Chapter  string             `json:"chapter"`
	Section  string             `json:"section,omitempty"`
	Text     string             `json:"text"`
	Kinds    []threat.FacetKind `json:"kinds,omitempty"`
	Keywords []string           `json:"keywords,omitempty"`
	CWE      []int              `json:"cwe,omitempty"`
}

// GetFrameworkOut is a framework with a page of its requirements.
type GetFrameworkOut struct {
	Framework    FrameworkRow         `json:"framework"`
	Attribution  string               `json:"attribution,omitempty"`
	Chapters     []compliance.Chapter `json:"chapters"`
	Total        int                  `json:"total"`
	Returned     int                  `json:"returned"`
	Offset       int                  `json:"offset"`
	Requirements []RequirementRow     `json:"requirements"`
}

// GetFramework reads a framework. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) GetFramework(ctx context.Context, who account.Principal, in GetFrameworkIn) (GetFrameworkOut, error) {
	if err := s.needCompliance(ctx, who, verb{name: "get_framework", needs: account.Read}); err != nil {
		return GetFrameworkOut{}, err
	}
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return GetFrameworkOut{}, err
	}
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (GetFrameworkOut, error) {
		c, err := s.catalogue(v, who.WorkspaceID, in.FrameworkID)
		if err != nil {
			return GetFrameworkOut{}, err
		}
		if err := c.checkFilter(in.Level, in.Chapter); err != nil {
			return GetFrameworkOut{}, err
		}
		rows := compliance.Assess(c.Framework, nil).Filter(compliance.Filter{Level: in.Level, Chapter: in.Chapter, Text: in.Text})
		out := GetFrameworkOut{
			Framework: c.row(), Attribution: c.Attribution, Chapters: c.Chapters, Total: len(rows), Offset: offset, Requirements: []RequirementRow{},
		}
		if in.Whole {
			limit = len(rows)
		}
		for _, r := range cut(rows, limit, offset) {
			q := r.Requirement
			out.Requirements = append(out.Requirements, RequirementRow{q.ID, q.Level, q.Chapter, q.Section, q.Summary, q.Kinds, q.Keywords, q.CWE})
		}
		out.Returned = len(out.Requirements)
		return out, nil
	})
}

// checkFilter refuses a level or a chapter that a framework has not.
func (c *catalogue) checkFilter(level int, chapter string) error {
	if level < 0 || level > len(c.Levels) {
		e := threat.Errorf(threat.Invalid, "%s has no level %d", c.ID, level).In("level")
		if len(c.Levels) == 0 {
			return e.Hinted("it has no levels: leave level out")
		}
		return e.Hinted("1 to %d", len(c.Levels))
	}
	if _, ok := c.Chapter(chapter); chapter != "" && !ok {
		return threat.Errorf(threat.NotFound, "%s has no chapter %q", c.ID, threat.Clip(chapter, 40)).In("chapter").Hinted("the summary of get_compliance_report lists the chapters")
	}
	return nil
}

// requirement returns a requirement that may still be mapped or excluded. Errors: [threat.NotFound].
func (c *catalogue) requirement(id string) (*compliance.Requirement, error) {
	r, ok := c.Requirement(id)
	if !ok || r.Retired {
		return nil, threat.Errorf(threat.NotFound, "%s has no requirement %q", c.ID, threat.Clip(id, 40)).
			Hinted("get_compliance_report(limit: 20) lists them; ids look like %q", c.example())
	}
	return r, nil
}

// example is an id of a built-in framework; the ids of one that was imported are stored text, which no hint repeats.
func (c *catalogue) example() string {
	if c.builtin && len(c.Requirements) > 0 {
		return c.Requirements[0].ID
	}
	return "V1.1.1"
}

// ImportFrameworkIn carries a framework.
type ImportFrameworkIn struct {
	Content        string          `json:"content" jsonschema:"the file: CSV or JSON of your own, or OWASP's flat file of ASVS 5.0 unchanged"`
	Form           compliance.Form `json:"format,omitempty" jsonschema:"default: found out"`
	FrameworkID    string          `json:"framework_id,omitempty" jsonschema:"of a framework of your own; default: the id in the JSON"`
	Title          string          `json:"title,omitempty"`
	Version        string          `json:"version,omitempty"`
	Levels         []string        `json:"levels,omitempty" jsonschema:"names of the levels, the lowest first"`
	IdempotencyKey string          `json:"idempotency_key,omitempty"`
}

// UploadFrameworkIn is ImportFrameworkIn for a transport that gets the file as it is.
type UploadFrameworkIn struct {
	Form        compliance.Form `json:"format,omitempty"`
	FrameworkID string          `json:"framework_id,omitempty"`
	Title       string          `json:"title,omitempty"`
	Version     string          `json:"version,omitempty"`
	Levels      []string        `json:"levels,omitempty"`

	raw []byte
}

// TakeFile takes the file.
func (in *UploadFrameworkIn) TakeFile(raw []byte) { in.raw = raw }

// FileTypes lists the content types of the file.
func (*UploadFrameworkIn) FileTypes() []string { return []string{"text/csv", "application/json"} }

// ImportFrameworkOut is what an import changed.
type ImportFrameworkOut struct {
	FrameworkID  string             `json:"framework_id"`
	Title        string             `json:"title"`
	Version      string             `json:"version,omitempty"`
	Official     bool               `json:"official" jsonschema:"the texts are in place of the summaries of the built-in framework"`
	Requirements int                `json:"requirements"`
	Levels       []string           `json:"levels,omitempty"`
	Changes      compliance.Changes `json:"changes"`
	Hint         string             `json:"hint,omitempty"`
}

// ImportFramework adds a framework to the workspace, or puts a newer one in its place: mappings and exclusions stay, and a requirement that
// is gone while something is mapped to it or excluded is kept, retired. It is all or nothing. Errors: [threat.Invalid], several at once,
// [threat.Conflict] for the id of a built-in framework.
func (s *Service) ImportFramework(ctx context.Context, who account.Principal, in ImportFrameworkIn) (ImportFrameworkOut, error) {
	about := compliance.About{ID: in.FrameworkID, Title: in.Title, Version: in.Version, Levels: in.Levels, Form: in.Form}
	return s.importFramework(ctx, who, verb{name: "import_framework", needs: account.Write, idem: in.IdempotencyKey}, in, []byte(in.Content), about)
}

// UploadFramework is [Service.ImportFramework] of a file as it is.
func (s *Service) UploadFramework(ctx context.Context, who account.Principal, in UploadFrameworkIn) (ImportFrameworkOut, error) {
	about := compliance.About{ID: in.FrameworkID, Title: in.Title, Version: in.Version, Levels: in.Levels, Form: in.Form}
	return s.importFramework(ctx, who, verb{name: "import_framework", needs: account.Write}, in, in.raw, about)
}

func (s *Service) importFramework(ctx context.Context, who account.Principal, v verb, in any, raw []byte, about compliance.About) (ImportFrameworkOut, error) {
	if err := s.needCompliance(ctx, who, v); err != nil {
		return ImportFrameworkOut{}, err
	}
	var file compliance.Import
	err := who.Allow(v.needs)
	if err == nil { // outside the transaction, since it can take long
		file, err = compliance.Read(raw, about)
	}
	if err != nil {
		s.refused(ctx, who, v, nil, err)
		return ImportFrameworkOut{}, s.logged(v.name, err)
	}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (ImportFrameworkOut, error) {
		r.object = file.Framework.ID
		out, err := s.keepFramework(tx, who, file)
		r.detail = map[string]any{"requirements": out.Requirements, "official": out.Official, "changes": out.Changes}
		return out, err
	})
}

// keepFramework stores what was read.
func (s *Service) keepFramework(tx *store.Tx, who account.Principal, file compliance.Import) (ImportFrameworkOut, error) {
	f, ws := file.Framework, who.WorkspaceID
	out := ImportFrameworkOut{FrameworkID: f.ID, Official: file.Overlay}
	all, err := s.catalogues(tx.View(), ws)
	if err != nil {
		return out, err
	}
	i := slices.IndexFunc(all, func(c *catalogue) bool { return c.ID == f.ID })
	shown := &f
	switch {
	case file.Overlay:
		builtin, err := s.builtins()
		if err != nil {
			return out, err
		}
		base, err := oneCatalogue(builtin, f.ID)
		if err != nil {
			return out, err
		}
		over, err := compliance.Overlay(*base.Framework, f)
		if err != nil {
			return out, err
		}
		_, out.Changes = compliance.Update(*all[i].Framework, over, nil)
		shown = &over
		out.Hint = "the official texts now stand in reports and in the resource; ids, levels, kinds and keywords are as before"
	case i >= 0 && all[i].builtin:
		return out, threat.Errorf(threat.Conflict, "%s is built in", f.ID).In("framework_id").Hinted("choose another id for a framework of your own")
	case i >= 0:
		inUse, err := tx.RequirementsInUse(ws, f.ID)
		if err != nil {
			return out, err
		}
		f, out.Changes = compliance.Update(*all[i].Framework, f, inUse)
		if len(out.Changes.Retired) > 0 {
			out.Hint = fmt.Sprintf("%d requirements are gone and still mapped or excluded somewhere: they are kept, retired, and count in no report", len(out.Changes.Retired))
		}
	default:
		if own := len(slices.DeleteFunc(slices.Clone(all), func(c *catalogue) bool { return c.builtin })); own >= MaxFrameworks {
			return out, threat.Errorf(threat.FailedPrecondition, "the workspace has %d frameworks of its own, at most %d fit", own, MaxFrameworks).
				Hinted("import over one of them by its framework_id")
		}
		out.Changes.Added = len(f.Requirements)
		out.Hint = "select_frameworks selects it for a model"
	}
	row := (&catalogue{Framework: shown}).row()
	out.Title, out.Version, out.Requirements, out.Levels = row.Title, row.Version, row.Requirements, row.Levels
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(f); err != nil {
		return out, err
	}
	_, err = tx.SaveFramework(ws, store.Framework{ID: f.ID, Overlay: file.Overlay, Body: b.String(), ImportedBy: who.UserID})
	return out, err
}

// SelectFrameworksIn says what a model is measured against.
type SelectFrameworksIn struct {
	ModelID    string   `json:"model_id"`
	Frameworks []string `json:"frameworks" jsonschema:"ids; replaces the list"`
}

// SelectFrameworksOut is the selection afterwards.
type SelectFrameworksOut struct {
	ModelID    string         `json:"model_id"`
	Version    int            `json:"version"`
	Frameworks []FrameworkRow `json:"frameworks"`
	Added      []string       `json:"added,omitempty"`
	Removed    []string       `json:"removed,omitempty" jsonschema:"their mappings and exclusions stay, for the day they are selected again"`
	Hint       string         `json:"hint,omitempty"`
}

// SelectFrameworks replaces what a model is measured against. Errors: [threat.NotFound].
func (s *Service) SelectFrameworks(ctx context.Context, who account.Principal, in SelectFrameworksIn) (SelectFrameworksOut, error) {
	v := verb{name: "select_frameworks", needs: account.Write, model: in.ModelID}
	if err := s.needCompliance(ctx, who, v); err != nil {
		return SelectFrameworksOut{}, err
	}
	return write(ctx, s, who, v, in, func(tx *store.Tx, r *record) (SelectFrameworksOut, error) {
		out := SelectFrameworksOut{ModelID: in.ModelID, Frameworks: []FrameworkRow{}}
		h, err := s.head(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		out.Version, r.version = h.model.Version, h.model.Version
		all, err := s.catalogues(tx.View(), who.WorkspaceID)
		if err != nil {
			return out, err
		}
		for i, id := range in.Frameworks {
			if _, err := oneCatalogue(all, id); err != nil {
				return out, fieldAs(err, "framework_id", fmt.Sprintf("frameworks.%d", i))
			}
		}
		before, err := selectedBy(tx.View(), who.WorkspaceID, in.ModelID)
		if err != nil {
			return out, err
		}
		for _, id := range before {
			if !slices.Contains(in.Frameworks, id) {
				out.Removed = append(out.Removed, id)
			}
		}
		for _, id := range in.Frameworks {
			if !slices.Contains(before, id) && !slices.Contains(out.Added, id) {
				out.Added = append(out.Added, id)
			}
		}
		if err := tx.SelectFrameworks(who.WorkspaceID, in.ModelID, who.UserID, out.Added); err != nil {
			return out, err
		}
		if err := tx.UnselectFrameworks(who.WorkspaceID, in.ModelID, out.Removed); err != nil {
			return out, err
		}
		rows, err := s.frameworkRows(tx.View(), who.WorkspaceID, in.Frameworks)
		if err != nil {
			return out, err
		}
		out.Frameworks = append(out.Frameworks, slices.DeleteFunc(rows, func(r FrameworkRow) bool { return !r.Selected })...)
		if len(out.Added) > 0 {
			out.Hint = "auto_map_controls maps the controls, get_compliance_report shows what is covered"
		}
		r.object = threat.Clip(joinWords(in.Frameworks), 200)
		r.detail = map[string]any{"added": out.Added, "removed": out.Removed}
		return out, tx.TouchModel(who.WorkspaceID, in.ModelID)
	})
}

// selectedBy returns the ids of the frameworks that a model selected.
func selectedBy(v *store.Snapshot, workspace, model string) ([]string, error) {
	list, err := v.Selections(workspace, model)
	out := make([]string, len(list))
	for i, l := range list {
		out[i] = l.Framework
	}
	return out, err
}
