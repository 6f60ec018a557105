package service

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// version is the content of one version of a model and what follows from it. A version never changes, so nothing in it is ever
// written: it is shared by all its readers.
type version struct {
	structure  *threat.Structure
	objectives func() []threat.Objective // made when first asked for, as is place
	place      func() map[threat.ID]int  // CO id → place in objectives
}

// newVersion takes a structure that was checked.
func newVersion(s *threat.Structure) *version {
	v := &version{structure: s}
	v.objectives = sync.OnceValue(func() []threat.Objective {
		cos, err := s.Objectives()
		if err != nil {
			panic("service: a checked structure with a missing rating: " + err.Error())
		}
		return cos
	})
	v.place = sync.OnceValue(func() map[threat.ID]int {
		cos := v.objectives()
		m := make(map[threat.ID]int, len(cos))
		for i := range cos {
			m[cos[i].ID] = i
		}
		return m
	})
	return v
}

// head is the newest state of a model: its row, its version and its controls, shared by all readers of one stamp.
type head struct {
	*version
	policy
	model    store.Model
	controls []store.Control    // live ones in id order
	tiers    []threat.Tier      // of each of controls
	links    []store.Link       // of live controls, ordered by CO, group, control
	fresh    time.Time          // of the oldest result that a control rests on; zero without any
	all      func() allControls // every control in the order of a list, and their counts; made when first asked for
}

// cache keeps what was loaded last, by key. What it returns is compared with the model's row, which every request reads: no
// process depends on what another has cached.
type cache[K comparable, V any] struct {
	mu    sync.Mutex
	kept  map[K]V
	order []K // oldest first
	most  int
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.kept[k]
	return v, ok
}

func (c *cache[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = map[K]V{}
	}
	if _, ok := c.kept[k]; !ok {
		c.order = append(c.order, k)
		if len(c.order) > c.most {
			delete(c.kept, c.order[0])
			c.order = slices.Delete(c.order, 0, 1)
		}
	}
	c.kept[k] = v
}

// versionKey names a version of a model.
type versionKey struct {
	model string
	n     int
}

// How many versions and heads a process keeps: a few megabytes at the usual size of a model.
const (
	keptVersions = 128
	keptHeads    = 64
)

// versionOf returns the newest version of a model whose row was just read.
func (s *Service) versionOf(v *store.Snapshot, workspace string, m store.Model) (*version, error) {
	key := versionKey{m.ID, m.Version}
	if ver, ok := s.versions.get(key); ok {
		return ver, nil
	}
	structure, err := v.Head(workspace, m.ID)
	if err != nil {
		return nil, err
	}
	if _, err := structure.Objectives(); err != nil {
		return nil, internal("model %s: %w", m.ID, err)
	}
	ver := newVersion(structure)
	s.versions.put(key, ver)
	return ver, nil
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
	if h, ok := s.heads.get(id); ok && h.model.Stamp == m.Stamp {
		if h.model.Title == m.Title {
			return h, nil
		}
		fresh := *h // the title changed, which raises no stamp
		fresh.model = m
		return &fresh, nil
	}
	h, err := s.loadHead(v, workspace, m)
	if err != nil {
		return nil, err
	}
	s.heads.put(id, h)
	return h, nil
}

func (s *Service) loadHead(v *store.Snapshot, workspace string, m store.Model) (*head, error) {
	ver, err := s.versionOf(v, workspace, m)
	if err != nil {
		return nil, err
	}
	h := &head{version: ver, model: m}
	if h.policy, err = loadPolicy(v, workspace); err != nil {
		return nil, err
	}
	if h.policy, err = h.withJudgments(v, workspace, m.ID); err != nil {
		return nil, err
	}
	if h.controls, err = v.Controls(workspace, m.ID); err != nil {
		return nil, err
	}
	live := make(map[threat.ID]bool, len(h.controls))
	h.tiers = make([]threat.Tier, len(h.controls))
	for i := range h.controls {
		live[h.controls[i].ID] = true
		h.tiers[i] = h.tier(&h.controls[i])
	}
	links, err := v.Links(workspace, m.ID)
	if err != nil {
		return nil, err
	}
	h.links = slices.DeleteFunc(links, func(l store.Link) bool { return !live[l.Control] })
	for i := range h.controls {
		if at := h.controls[i].Evidence.Oldest; at != nil && (h.fresh.IsZero() || at.Before(h.fresh)) {
			h.fresh = *at
		}
	}
	h.all = sync.OnceValue(func() allControls {
		a := allControls{summary: newControlSummary()}
		a.found = h.filterControls(h.controls, GetControlsIn{}, time.Time{}, &a.summary) // nothing is stale yet: see aged
		return a
	})
	return h, nil
}

// aged reports whether a result that some control rests on is stale by now, so that statuses cannot be read from the stored ones.
func (h *head) aged(now time.Time) bool {
	return !h.fresh.IsZero() && now.Sub(h.fresh) > h.settings.StaleAfter()
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
