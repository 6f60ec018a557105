package service

import (
	"context"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/threat"
)

// AddAttackerIn is a new attacker. Likelihood defaults to M.
type AddAttackerIn struct {
	Target
	Name       string       `json:"name"`
	Capability string       `json:"capability" jsonschema:"the operations it can perform"`
	Position   string       `json:"position" jsonschema:"where it stands"`
	Archetype  string       `json:"archetype,omitempty" jsonschema:"as external, insider, supply chain"`
	Likelihood threat.Level `json:"likelihood,omitempty" jsonschema:"default M"`
	Boundaries []threat.ID  `json:"trust_boundaries,omitempty" jsonschema:"where it stands; none: anywhere"`
}

// AttackerOut is the attacker after a write.
type AttackerOut struct {
	Changed
	Attacker AttackerRow `json:"attacker"`
}

// AddAttacker adds an attacker; the objectives it makes with every asset follow by themselves. Errors: [threat.Invalid],
// [threat.Conflict], [threat.NotFound].
func (s *Service) AddAttacker(ctx context.Context, who account.Principal, in AddAttackerIn) (AttackerOut, error) {
	var made threat.Attacker
	t := threat.Attacker{
		Name: in.Name, Capability: in.Capability, Position: in.Position, Archetype: in.Archetype, Likelihood: in.Likelihood, Boundaries: in.Boundaries,
	}
	if t.Likelihood == "" {
		t.Likelihood = threat.Medium
	}
	return change(ctx, s, who, "add_attacker", in.Target, in, func(c *changeset) error {
		ids, err := c.ids()
		if err != nil {
			return err
		}
		made, err = c.structure.AddAttacker(ids, t)
		c.object, c.summary = string(made.ID), "added attacker "+string(made.ID)
		return err
	}, func(c *changeset, done Changed) AttackerOut { return AttackerOut{done, attackerRow(made)} })
}

// EditAttackerIn changes the given fields of an attacker.
type EditAttackerIn struct {
	Target
	AttackerID threat.ID     `json:"attacker_id"`
	Name       *string       `json:"name,omitempty"`
	Capability *string       `json:"capability,omitempty"`
	Position   *string       `json:"position,omitempty"`
	Archetype  *string       `json:"archetype,omitempty"`
	Likelihood *threat.Level `json:"likelihood,omitempty"`
	Boundaries []threat.ID   `json:"trust_boundaries,omitempty" jsonschema:"replaces the list"`
}

// EditAttacker changes an attacker. Errors: [threat.NotFound], [threat.Invalid], [threat.Conflict].
func (s *Service) EditAttacker(ctx context.Context, who account.Principal, in EditAttackerIn) (AttackerOut, error) {
	var made threat.Attacker
	return change(ctx, s, who, "edit_attacker", in.Target, in, func(c *changeset) (err error) {
		made, err = c.structure.EditAttacker(in.AttackerID, threat.AttackerEdit{
			Name: in.Name, Capability: in.Capability, Position: in.Position, Archetype: in.Archetype,
			Likelihood: in.Likelihood, Boundaries: in.Boundaries,
		})
		c.object, c.summary = string(in.AttackerID), "changed attacker "+string(made.ID)
		return fieldOf(err, threat.NotFound, "attacker_id")
	}, func(c *changeset, done Changed) AttackerOut { return AttackerOut{done, attackerRow(made)} })
}

// RemoveAttackerIn names the attacker to remove.
type RemoveAttackerIn struct {
	Target
	AttackerID threat.ID `json:"attacker_id"`
}

// RemoveAttacker removes an attacker; controls stay, as for an asset. Errors: [threat.NotFound], [threat.Conflict].
func (s *Service) RemoveAttacker(ctx context.Context, who account.Principal, in RemoveAttackerIn) (RemovedOut, error) {
	return change(ctx, s, who, "remove_attacker", in.Target, in, func(c *changeset) error {
		c.object, c.summary = string(in.AttackerID), "removed attacker "+threat.Clip(string(in.AttackerID), 20)
		return fieldOf(c.structure.RemoveAttacker(in.AttackerID), threat.NotFound, "attacker_id")
	}, func(c *changeset, done Changed) RemovedOut { return RemovedOut{done, in.AttackerID} })
}
