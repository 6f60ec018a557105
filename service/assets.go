package service

import (
	"context"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/threat"
)

// AddAssetIn is a new asset. Properties default to C and impact to M.
type AddAssetIn struct {
	Target
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Properties  []threat.Property `json:"properties,omitempty" jsonschema:"C confidentiality, I integrity, A availability, U usage; default C"`
	Impact      threat.Level      `json:"impact,omitempty" jsonschema:"of its loss; default M"`
	Notes       string            `json:"notes,omitempty"`
}

// AssetOut is the asset after a write.
type AssetOut struct {
	Changed
	Asset AssetRow `json:"asset"`
}

// AddAsset adds an asset; the objectives it makes with every attacker follow by themselves. Errors: [threat.Invalid],
// [threat.Conflict], [threat.NotFound].
func (s *Service) AddAsset(ctx context.Context, who account.Principal, in AddAssetIn) (AssetOut, error) {
	var made threat.Asset
	a := threat.Asset{Name: in.Name, Description: in.Description, Properties: in.Properties, Impact: in.Impact, Notes: in.Notes}
	if a.Properties == nil {
		a.Properties = []threat.Property{threat.Confidentiality}
	}
	if a.Impact == "" {
		a.Impact = threat.Medium
	}
	return change(ctx, s, who, "add_asset", in.Target, in, func(c *changeset) error {
		ids, err := c.ids()
		if err != nil {
			return err
		}
		made, err = c.structure.AddAsset(ids, a)
		c.object, c.summary = string(made.ID), "added asset "+string(made.ID)
		return err
	}, func(c *changeset, done Changed) AssetOut { return AssetOut{done, assetRow(made)} })
}

// EditAssetIn changes the given fields of an asset.
type EditAssetIn struct {
	Target
	AssetID     threat.ID         `json:"asset_id"`
	Name        *string           `json:"name,omitempty"`
	Description *string           `json:"description,omitempty"`
	Properties  []threat.Property `json:"properties,omitempty" jsonschema:"replaces the list"`
	Impact      *threat.Level     `json:"impact,omitempty"`
	Notes       *string           `json:"notes,omitempty"`
}

// EditAsset changes an asset. Errors: [threat.NotFound], [threat.Invalid], [threat.Conflict].
func (s *Service) EditAsset(ctx context.Context, who account.Principal, in EditAssetIn) (AssetOut, error) {
	var made threat.Asset
	return change(ctx, s, who, "edit_asset", in.Target, in, func(c *changeset) (err error) {
		made, err = c.structure.EditAsset(in.AssetID, threat.AssetEdit{
			Name: in.Name, Description: in.Description, Properties: in.Properties, Impact: in.Impact, Notes: in.Notes,
		})
		c.object, c.summary = string(in.AssetID), "changed asset "+string(made.ID)
		return fieldOf(err, threat.NotFound, "asset_id")
	}, func(c *changeset, done Changed) AssetOut { return AssetOut{done, assetRow(made)} })
}

// RemoveAssetIn names the asset to remove.
type RemoveAssetIn struct {
	Target
	AssetID threat.ID `json:"asset_id"`
}

// RemovedOut answers a removal.
type RemovedOut struct {
	Changed
	Removed threat.ID `json:"removed"`
}

// RemoveAsset removes an asset. Its controls stay; those without any live objective are orphaned and come back with it.
// Errors: [threat.NotFound], [threat.Conflict].
func (s *Service) RemoveAsset(ctx context.Context, who account.Principal, in RemoveAssetIn) (RemovedOut, error) {
	return change(ctx, s, who, "remove_asset", in.Target, in, func(c *changeset) error {
		c.object, c.summary = string(in.AssetID), "removed asset "+threat.Clip(string(in.AssetID), 20)
		return fieldOf(c.structure.RemoveAsset(in.AssetID), threat.NotFound, "asset_id")
	}, func(c *changeset, done Changed) RemovedOut { return RemovedOut{done, in.AssetID} })
}

// fieldOf names the field of an error with the given code; other errors name theirs already.
func fieldOf(err error, code threat.Code, field string) error {
	if threat.CodeOf(err) == code {
		return fieldError(err, field)
	}
	return err
}
