package service

import (
	"context"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/exchange"
	"github.com/redoubt-dev/redoubt/store"
)

// DrawDiagramIn names the model to draw.
type DrawDiagramIn struct {
	ModelID string `json:"model_id"`
}

// DrawDiagramOut is a picture of a model.
type DrawDiagramOut struct {
	ModelID string `json:"model_id"`
	Version int    `json:"version"`
	Mermaid string `json:"mermaid"`
}

// DrawDiagram draws attackers, trust boundaries and assets as a Mermaid flowchart. Errors: [threat.NotFound].
func (s *Service) DrawDiagram(ctx context.Context, who account.Principal, in DrawDiagramIn) (DrawDiagramOut, error) {
	return readHead(ctx, s, who, in.ModelID, func(_ *store.Snapshot, h *head) (DrawDiagramOut, error) {
		return DrawDiagramOut{h.model.ID, h.model.Version, exchange.Mermaid(h.structure)}, nil
	})
}
