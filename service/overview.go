package service

import (
	"context"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/evidence"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Section is a part of a model that get_threat_model can list.
type Section string

// The sections.
const (
	SectionAssets      Section = "assets"
	SectionAttackers   Section = "attackers"
	SectionBoundaries  Section = "trust_boundaries"
	SectionAssumptions Section = "assumptions"
	SectionVersions    Section = "versions"
	SectionFeature     Section = "feature_description"
)

// Sections lists the legal sections.
func Sections() []Section {
	return []Section{SectionAssets, SectionAttackers, SectionBoundaries, SectionAssumptions, SectionVersions, SectionFeature}
}

// Enum lists the sections for schemas.
func (Section) Enum() []string { return words(Sections()) }

// GetThreatModelIn names a model and what of it to show.
type GetThreatModelIn struct {
	ModelID string  `json:"model_id"`
	Version int     `json:"version,omitempty" jsonschema:"default: the newest"`
	Section Section `json:"section,omitempty" jsonschema:"default: an overview of all"`
	Status  string  `json:"status,omitempty" jsonschema:"of assumptions: active, violated, retired or deleted"`
	Limit   *int    `json:"limit,omitempty" jsonschema:"default 20, at most 200"`
	Offset  int     `json:"offset,omitempty"`
}

// GetThreatModelOut is an overview of a model, or a page of one section of it.
type GetThreatModelOut struct {
	ModelID  string         `json:"model_id"`
	Version  int            `json:"version"`
	Title    string         `json:"title"`
	Total    int            `json:"total,omitempty"`
	Returned int            `json:"returned,omitempty"`
	Offset   int            `json:"offset,omitempty"`
	Summary  map[string]any `json:"summary,omitempty"`

	Feature     string          `json:"feature_description,omitempty" jsonschema:"its beginning in an overview, whole as a section"`
	Assets      []AssetRow      `json:"assets,omitempty"`
	Attackers   []AttackerRow   `json:"attackers,omitempty"`
	Boundaries  []BoundaryRow   `json:"trust_boundaries,omitempty"`
	Assumptions []AssumptionRow `json:"assumptions,omitempty"`
	Versions    []VersionRow    `json:"versions,omitempty"`
}

// AssetRow is an asset; in an overview without its longer texts.
type AssetRow struct {
	ID          threat.ID         `json:"id"`
	Name        string            `json:"name"`
	Properties  []threat.Property `json:"properties"`
	Impact      threat.Level      `json:"impact"`
	Description string            `json:"description,omitempty"`
	Notes       string            `json:"notes,omitempty"`
	Basis       []string          `json:"basis,omitempty"`
}

// AttackerRow is an attacker; in an overview without its longer texts.
type AttackerRow struct {
	ID         threat.ID    `json:"id"`
	Name       string       `json:"name"`
	Likelihood threat.Level `json:"likelihood"`
	Capability string       `json:"capability,omitempty"`
	Position   string       `json:"position,omitempty"`
	Archetype  string       `json:"archetype,omitempty"`
	Boundaries []threat.ID  `json:"trust_boundaries,omitempty"`
	Basis      []string     `json:"basis,omitempty"`
}

// BoundaryRow is a trust boundary with the attackers that stand at it.
type BoundaryRow struct {
	ID          threat.ID   `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description,omitempty"`
	Assets      []threat.ID `json:"assets,omitempty"`
	Attackers   []threat.ID `json:"attackers,omitempty"`
	Basis       []string    `json:"basis,omitempty"`
}

// AssumptionRow is an assumption with its state. A retired or deleted one shows what it last said.
type AssumptionRow struct {
	ID            threat.ID              `json:"id"`
	Text          string                 `json:"text"`
	Kind          threat.AssumptionKind  `json:"kind"`
	Status        threat.AssumptionState `json:"status"`
	Reason        string                 `json:"reason,omitempty"` // of the last change of state
	Computed      bool                   `json:"computed,omitempty"`
	Objectives    []threat.ID            `json:"control_objectives,omitempty"`
	Basis         []string               `json:"basis,omitempty"`
	AttestedUntil *time.Time             `json:"attested_until,omitempty" jsonschema:"of the newest attestation"`
	Lapsed        string                 `json:"lapsed,omitempty" jsonschema:"why that attestation counts no more"`
	Carries       []threat.ID            `json:"carries,omitempty" jsonschema:"controls that count as implemented while it holds"`
	Verification  evidence.Verification  `json:"verification,omitempty" jsonschema:"non_applicability: of its assertions"`
	Judgments     []JudgmentRow          `json:"judgments,omitempty" jsonschema:"what engines said of its assertions"`
}

// VersionRow says who made a version, when and how.
type VersionRow struct {
	ID        int       `json:"id"`
	Summary   string    `json:"summary"`
	Author    string    `json:"author"` // user id
	CreatedAt time.Time `json:"created_at"`
}

// GetThreatModel shows a model. Errors: [threat.NotFound], [threat.Invalid].
func (s *Service) GetThreatModel(ctx context.Context, who account.Principal, in GetThreatModelIn) (GetThreatModelOut, error) {
	limit, offset, err := page(in.Limit, in.Offset, DefaultLimit)
	if err != nil {
		return GetThreatModelOut{}, err
	}
	return readHead(ctx, s, who, in.ModelID, func(v *store.Snapshot, h *head) (GetThreatModelOut, error) {
		out := GetThreatModelOut{ModelID: h.model.ID, Version: h.model.Version, Title: h.model.Title}
		structure, err := atVersion(v, who, h, in.Version, "version")
		if err != nil {
			return out, err
		}
		if in.Version != 0 {
			out.Version = in.Version
		}
		if in.Section != "" {
			return out, out.section(v, who, h, structure, in, limit, offset)
		}
		if in.Limit != nil || in.Offset != 0 || in.Status != "" {
			return out, threat.Errorf(threat.Invalid, "limit, offset and status page a section").In("section").
				Hinted("valid: %s", joinStrings(Sections()))
		}
		return out, out.overview(h, structure)
	})
}

// atVersion returns the structure of a version, 0 being the head; field is the argument that named it.
func atVersion(v *store.Snapshot, who account.Principal, h *head, n int, field string) (*threat.Structure, error) {
	if n == 0 || n == h.model.Version {
		return h.structure, nil
	}
	if n < 1 || n > h.model.Version {
		return nil, threat.Errorf(threat.NotFound, "there is no version %d", n).In(field).
			Hinted("versions are 1 to %d", h.model.Version)
	}
	return v.Version(who.WorkspaceID, h.model.ID, n)
}

// overviewFeature is how much of the feature description an overview repeats, in characters: the agent mostly wrote it itself.
const overviewFeature = 240

// overview fills out with names and ratings of everything but the assumptions, which are counted.
func (out *GetThreatModelOut) overview(h *head, s *threat.Structure) error {
	out.Feature = threat.Clip(s.Feature, overviewFeature)
	tiers, unreachable, err := tiersOf(s)
	if err != nil {
		return err
	}
	out.Summary = map[string]any{
		"assets": len(s.Assets), "attackers": len(s.Attackers), "trust_boundaries": len(s.Boundaries),
		"assumptions": len(s.Assumptions), "control_objectives": tiers, "unreachable": unreachable, "versions": h.model.Version,
	}
	if out.Version == h.model.Version {
		out.Summary["controls"] = len(h.controls)
	}
	for _, a := range s.Assets {
		out.Assets = append(out.Assets, AssetRow{ID: a.ID, Name: a.Name, Properties: a.Properties, Impact: a.Impact})
	}
	for _, t := range s.Attackers {
		out.Attackers = append(out.Attackers, AttackerRow{ID: t.ID, Name: t.Name, Likelihood: t.Likelihood, Boundaries: t.Boundaries})
	}
	for _, b := range s.Boundaries {
		out.Boundaries = append(out.Boundaries, BoundaryRow{ID: b.ID, Name: b.Name, Assets: b.Assets})
	}
	return nil
}

func tiersOf(s *threat.Structure) (map[threat.Tier]int, int, error) {
	cos, err := s.Objectives()
	if err != nil {
		return nil, 0, err
	}
	tiers, unreachable := map[threat.Tier]int{}, 0
	for _, co := range cos {
		tiers[co.Tier]++
		if !co.Reachable {
			unreachable++
		}
	}
	return tiers, unreachable, nil
}

// section fills out with one page of one section in full.
func (out *GetThreatModelOut) section(v *store.Snapshot, who account.Principal, h *head, s *threat.Structure, in GetThreatModelIn, limit, offset int) error {
	out.Offset = offset
	if in.Status != "" && in.Section != SectionAssumptions {
		return threat.Errorf(threat.Invalid, "status narrows assumptions only").In("status").Hinted("set section to assumptions")
	}
	switch in.Section {
	case SectionAssets:
		out.Total = len(s.Assets)
		for _, a := range cut(s.Assets, limit, offset) {
			out.Assets = append(out.Assets, assetRow(a))
		}
		out.Returned = len(out.Assets)
	case SectionAttackers:
		out.Total = len(s.Attackers)
		for _, t := range cut(s.Attackers, limit, offset) {
			out.Attackers = append(out.Attackers, attackerRow(t))
		}
		out.Returned = len(out.Attackers)
	case SectionBoundaries:
		out.Total = len(s.Boundaries)
		for _, b := range cut(s.Boundaries, limit, offset) {
			out.Boundaries = append(out.Boundaries, boundaryRow(s, b))
		}
		out.Returned = len(out.Boundaries)
	case SectionAssumptions:
		return out.assumptions(v, who, h, s, in, limit, offset)
	case SectionFeature:
		out.Feature, out.Total, out.Returned = s.Feature, 1, 1
	case SectionVersions:
		headers, total, err := v.Versions(who.WorkspaceID, h.model.ID, limit, offset)
		if err != nil {
			return err
		}
		out.Total, out.Returned = total, len(headers)
		for _, n := range headers {
			out.Versions = append(out.Versions, VersionRow{ID: n.Number, Summary: n.Summary, Author: n.Author, CreatedAt: n.CreatedAt})
		}
	default:
		return threat.Errorf(threat.Invalid, "section %q is not known", threat.Clip(string(in.Section), 40)).In("section").
			Hinted("valid: %s", joinStrings(Sections()))
	}
	return nil
}

func assetRow(a threat.Asset) AssetRow {
	return AssetRow{a.ID, a.Name, a.Properties, a.Impact, a.Description, a.Notes, a.Basis}
}

func attackerRow(t threat.Attacker) AttackerRow {
	return AttackerRow{t.ID, t.Name, t.Likelihood, t.Capability, t.Position, t.Archetype, t.Boundaries, t.Basis}
}

func boundaryRow(s *threat.Structure, b threat.Boundary) BoundaryRow {
	row := BoundaryRow{ID: b.ID, Name: b.Name, Description: b.Description, Assets: b.Assets, Basis: b.Basis}
	for i := range s.Attackers {
		for _, id := range s.Attackers[i].Boundaries {
			if id == b.ID {
				row.Attackers = append(row.Attackers, s.Attackers[i].ID)
			}
		}
	}
	return row
}
