package service

import (
	"context"
	"slices"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/threat"
)

// Op is what one operation of a plural edit does.
type Op string

// The operations that every plural edit has.
const (
	OpAdd     Op = "add"
	OpEdit    Op = "edit"
	OpRemove  Op = "remove"
	OpRestore Op = "restore"
)

// BoundaryOp is one operation on a trust boundary. Fields that are not given stay as they are.
type BoundaryOp struct {
	Op          Op          `json:"op" jsonschema:"add, edit, remove or restore"`
	ID          threat.ID   `json:"id,omitempty" jsonschema:"TB…; of the boundary to edit, remove or restore"`
	Name        *string     `json:"name,omitempty"`
	Description *string     `json:"description,omitempty"`
	Assets      []threat.ID `json:"assets,omitempty" jsonschema:"those exposed through it; replaces the list"`
	Attackers   []threat.ID `json:"attackers,omitempty" jsonschema:"those standing at it; replaces the list"`
}

// EditTrustBoundariesIn is a batch of operations, all or nothing, in one version.
type EditTrustBoundariesIn struct {
	Target
	Operations []BoundaryOp `json:"operations"`
}

// EditTrustBoundariesOut shows the boundaries that were touched and still stand.
type EditTrustBoundariesOut struct {
	Changed
	Boundaries []BoundaryRow `json:"trust_boundaries"`
	Removed    []threat.ID   `json:"removed,omitempty"`
}

// MaxOperations bounds one plural edit.
const MaxOperations = 100

// EditTrustBoundaries runs a batch of boundary operations; reachability and its assumptions follow. Errors:
// [threat.NotFound], [threat.Invalid], [threat.Conflict], naming the operation.
func (s *Service) EditTrustBoundaries(ctx context.Context, who account.Principal, in EditTrustBoundariesIn) (EditTrustBoundariesOut, error) {
	var touched, removed []threat.ID
	return change(ctx, s, who, "edit_trust_boundaries", in.Target, in, func(c *changeset) error {
		touched, removed = nil, nil
		if err := countOperations(len(in.Operations)); err != nil {
			return err
		}
		for i, op := range in.Operations {
			id, err := c.boundary(who, op)
			if err != nil {
				return operation(i, err)
			}
			if op.Op == OpRemove {
				removed = append(removed, id)
			} else if !slices.Contains(touched, id) {
				touched = append(touched, id)
			}
		}
		c.object = threat.Clip(joinStrings(slices.Concat(touched, removed)), 200)
		c.summary = countWords(len(in.Operations), "edit of trust boundaries", "edits of trust boundaries")
		return nil
	}, func(c *changeset, done Changed) EditTrustBoundariesOut {
		out := EditTrustBoundariesOut{Changed: done, Removed: removed, Boundaries: []BoundaryRow{}}
		for _, id := range touched {
			if b := c.structure.Boundary(id); b != nil {
				out.Boundaries = append(out.Boundaries, boundaryRow(c.structure, *b))
			}
		}
		return out
	})
}

func countOperations(n int) error {
	if n == 0 || n > MaxOperations {
		return threat.Errorf(threat.Invalid, "%d operations", n).In("operations").
			Hinted("give 1 to %d, such as [{\"op\": \"add\", …}]", MaxOperations)
	}
	return nil
}

// boundary runs one operation and returns the boundary's id.
func (c *changeset) boundary(who account.Principal, op BoundaryOp) (threat.ID, error) {
	id := op.ID
	ids, err := c.ids()
	if err != nil {
		return "", err
	}
	switch op.Op {
	case OpAdd:
		if op.ID != "" {
			return "", threat.Errorf(threat.Invalid, "a new boundary gets its id here").In("id").Hinted("leave id out, or use op restore")
		}
		b := threat.Boundary{Assets: op.Assets}
		setText(&b.Name, op.Name)
		setText(&b.Description, op.Description)
		made, err := c.structure.AddBoundary(ids, b)
		if err != nil {
			return "", err
		}
		id = made.ID
	case OpEdit:
		edit := threat.BoundaryEdit{Name: op.Name, Description: op.Description, Assets: op.Assets}
		if _, err := c.structure.EditBoundary(id, edit); err != nil {
			return "", err
		}
	case OpRemove:
		return id, c.structure.RemoveBoundary(id)
	case OpRestore:
		past, err := c.tx.LastBodies(who.WorkspaceID, c.model.ID, threat.KindBoundary)
		if err != nil {
			return "", err
		}
		b := past.Boundary(id)
		if b == nil {
			return "", gone("trust boundary", id, entityIDs(past.Boundaries, func(b threat.Boundary) threat.ID { return b.ID }))
		}
		b.Assets = slices.DeleteFunc(slices.Clone(b.Assets), func(a threat.ID) bool { return c.structure.Asset(a) == nil })
		if _, err := c.structure.AddBoundary(ids, *b); err != nil {
			return "", err
		}
	default:
		return "", unknownOp(op.Op, OpAdd, OpEdit, OpRemove, OpRestore)
	}
	if op.Attackers != nil {
		return id, c.structure.StandAt(id, op.Attackers)
	}
	return id, nil
}

// gone is the refusal to restore what was never removed.
func gone(what string, id threat.ID, restorable []threat.ID) error {
	e := threat.Errorf(threat.NotFound, "there is no removed %s %s", what, threat.Clip(string(id), 40)).In("id")
	if len(restorable) == 0 {
		return e.Hinted("nothing of that kind was removed from this model")
	}
	return e.Hinted("restorable: %s", threat.IDList(restorable, 20))
}

func unknownOp(got Op, valid ...Op) error {
	return threat.Errorf(threat.Invalid, "op %q is not known", threat.Clip(string(got), 40)).In("op").
		Hinted("valid: %s", joinStrings(valid))
}

func setText(dst *string, src *string) {
	if src != nil {
		*dst = *src
	}
}

func countWords(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return itoa(n) + " " + many
}
