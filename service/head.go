package service

import (
	"context"
	"slices"
	"sync"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// head is the newest state of a model: its row, its structure, and what follows from it. Nothing in it is ever changed: it is
// shared by all readers of one stamp.
type head struct {
	model      store.Model
	structure  *threat.Structure
	objectives []threat.Objective
	controls   []store.Control   // live ones in id order
	tiers      []threat.Tier     // of each of controls
	links      []store.Link      // of live controls, ordered by CO, group, control
	place      map[threat.ID]int // CO id → place in objectives
}

// headCache keeps heads by model id. An entry counts only while its stamp is that of the model's row, which every request
// reads: no process depends on what another has cached.
type headCache struct {
	mu    sync.Mutex
	heads map[string]*head
	order []string // least recently loaded first
}

const cachedHeads = 64

func (c *headCache) get(id string, stamp int64) *head {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.heads[id]; h != nil && h.model.Stamp == stamp {
		return h
	}
	return nil
}

func (c *headCache) put(h *head) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.heads == nil {
		c.heads = map[string]*head{}
	}
	if old := c.heads[h.model.ID]; old != nil {
		if old.model.Stamp > h.model.Stamp {
			return
		}
	} else {
		c.order = append(c.order, h.model.ID)
		if len(c.order) > cachedHeads {
			delete(c.heads, c.order[0])
			c.order = slices.Delete(c.order, 0, 1)
		}
	}
	c.heads[h.model.ID] = h
}

// head returns the newest state of a model. Errors: [threat.NotFound].
func (s *Service) head(v *store.Snapshot, workspace, id string) (*head, error) {
	if err := modelID(id); err != nil {
		return nil, err
	}
	m, err := v.Model(workspace, id)
	if err != nil {
		return nil, err
	}
	if h := s.heads.get(id, m.Stamp); h != nil {
		if h.model.Title == m.Title && h.model.UpdatedAt.Equal(m.UpdatedAt) {
			return h, nil
		}
		fresh := *h // the title changed, which raises no stamp
		fresh.model = m
		return &fresh, nil
	}
	h, err := loadHead(v, workspace, m)
	if err != nil {
		return nil, err
	}
	s.heads.put(h)
	return h, nil
}

func loadHead(v *store.Snapshot, workspace string, m store.Model) (*head, error) {
	h := &head{model: m}
	var err error
	if h.structure, err = v.Head(workspace, m.ID); err != nil {
		return nil, err
	}
	if h.objectives, err = h.structure.Objectives(); err != nil {
		return nil, internal("model %s: %w", m.ID, err)
	}
	h.place = make(map[threat.ID]int, len(h.objectives))
	for i, co := range h.objectives {
		h.place[co.ID] = i
	}
	if h.controls, err = v.Controls(workspace, m.ID); err != nil {
		return nil, err
	}
	live := make(map[threat.ID]bool, len(h.controls))
	for _, c := range h.controls {
		live[c.ID] = true
	}
	h.tiers = make([]threat.Tier, len(h.controls))
	for i := range h.controls {
		h.tiers[i] = h.tier(&h.controls[i])
	}
	links, err := v.Links(workspace, m.ID)
	if err != nil {
		return nil, err
	}
	h.links = slices.DeleteFunc(links, func(l store.Link) bool { return !live[l.Control] })
	return h, nil
}

// control returns a live control of the head, or [threat.NotFound].
func (h *head) control(id threat.ID) (*store.Control, error) {
	i, ok := slices.BinarySearchFunc(h.controls, id, func(c store.Control, id threat.ID) int { return threat.CompareIDs(c.ID, id) })
	if !ok {
		ids := make([]threat.ID, len(h.controls))
		for i := range h.controls {
			ids[i] = h.controls[i].ID
		}
		return nil, threat.Unknown("control", id, ids)
	}
	return &h.controls[i], nil
}

// readHead runs a reading use case on the newest state of a model.
func readHead[Out any](ctx context.Context, s *Service, who account.Principal, id string, fn func(*store.Snapshot, *head) (Out, error)) (Out, error) {
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (Out, error) {
		var none Out
		h, err := s.head(v, who.WorkspaceID, id)
		if err != nil {
			return none, err
		}
		return fn(v, h)
	})
}
