// Package service holds the use cases: authorise → rule → version → activity, in one transaction. Every exported method that
// serves a caller has one shape, Verb(ctx, who, VerbIn) (VerbOut, error), and returns *threat.Error for what a caller can
// act on; input and output structs carry the tags from which tool schemas and OpenAPI are made.
package service

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth/attest"
	"github.com/redoubt-dev/redoubt/llm"
	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Config is what a Service is made of.
type Config struct {
	Store   *store.Store
	Engines []pipeline.Engine
	Log     zerolog.Logger
	// LLM is the language model; nil where none is configured.
	LLM llm.Client
	// LLMCache is how long its answers are kept; 0 is [DefaultLLMCache], a negative time keeps none.
	LLMCache time.Duration
	// LLMPrices say what its tokens cost; a model without a price costs an unknown sum.
	LLMPrices LLMPrices
	// Issuers says how issuers of CI tokens are reached.
	Issuers attest.Network
	// Signer signs audit packages; nil where there are none to make.
	Signer *ecdsa.PrivateKey
	// Backups says where a serving program keeps backups by itself; see [BackupSchedule.Check].
	Backups BackupSchedule
	// Plans switches plans and credits on; nil leaves everything unlimited.
	Plans *Plans
	// Workers is how many jobs run at a time in this process; 0 means 2.
	Workers int
}

// Service serves the use cases. It is safe for concurrent use.
type Service struct {
	store    *store.Store
	engines  []pipeline.Engine
	log      zerolog.Logger
	llm      languageModels
	plans    *plans               // nil where they are off
	heads    cache[string, *head] // by model id
	versions cache[versionKey, *version]
	used     keyUse
	tokens   *attest.Tokens
	signer   *ecdsa.PrivateKey
	url      publicURL
	backups  backups
	jobs     jobRunner
	removals removals

	frameworks cache[catalogueKey, *catalogue] // those that workspaces imported
	builtins   func() ([]*catalogue, error)
}

// New makes a Service. Jobs run between [Service.Start] and [Service.Stop].
func New(c Config) (*Service, error) {
	if len(c.Engines) == 0 {
		return nil, errors.New("service: no generation engine")
	}
	s := &Service{store: c.Store, engines: withThinkers(c.Engines), log: c.Log, tokens: attest.NewTokens(c.Issuers), signer: c.Signer}
	s.llm.client, s.llm.prices = c.LLM, c.LLMPrices
	if s.llm.life = max(c.LLMCache, 0); c.LLMCache == 0 {
		s.llm.life = DefaultLLMCache
	}
	s.plans = newPlans(c.Plans)
	s.backups.schedule = c.Backups
	s.heads.most, s.versions.most = keptHeads, keptVersions
	s.frameworks.most, s.builtins = keptCatalogues, sync.OnceValues(builtinCatalogues)
	s.jobs.workers = max(c.Workers, 0)
	if s.jobs.workers == 0 {
		s.jobs.workers = 2
	}
	return s, nil
}

// Ready reports whether the service can serve: the database answers and takes writes.
func (s *Service) Ready(ctx context.Context) error { return s.store.Ping(ctx) }

// newID makes a UUIDv7: in the order of time, so that rows made together lie together.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// page checks and completes limit and offset. The most is 200 (specification §13).
func page(limit *int, offset, byDefault int) (int, int, error) {
	n := byDefault
	if limit != nil {
		n = *limit
	}
	if n < 0 || n > MaxLimit {
		return 0, 0, threat.Errorf(threat.Invalid, "limit is %d", n).In("limit").Hinted("0 to %d", MaxLimit)
	}
	if offset < 0 {
		return 0, 0, threat.Errorf(threat.Invalid, "offset is %d", offset).In("offset").Hinted("0 or more")
	}
	return n, offset, nil
}

// Bounds of lists (specification §13).
const (
	MaxLimit     = 200
	DefaultLimit = 20
)

// among reports whether a filter that lists values lets e through. An empty list filters nothing, as a missing one: clients send [] for what
// they leave open.
func among[E comparable](list []E, e E) bool { return len(list) == 0 || slices.Contains(list, e) }

// cut returns the part of list that a page shows.
func cut[E any](list []E, limit, offset int) []E {
	offset = min(offset, len(list))
	return slices.Clip(list[offset:min(offset+limit, len(list))])
}

func joinWords(words []string) string {
	out := ""
	for i, w := range words {
		if i > 0 {
			out += ", "
		}
		out += w
	}
	return out
}

// keyUse remembers when a key's last use was written, so that a busy key costs one write a minute.
type keyUse struct {
	mu sync.Mutex
	at map[string]time.Time
}

const keyUseEvery = time.Minute

// due reports whether a use now is worth a write.
func (u *keyUse) due(id string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.at == nil || len(u.at) > 10_000 {
		u.at = map[string]time.Time{}
	}
	if now.Sub(u.at[id]) < keyUseEvery {
		return false
	}
	u.at[id] = now
	return true
}

// logged hides an unexpected error from the caller and keeps it for the operator.
func (s *Service) logged(verb string, err error) error {
	if err == nil || threat.CodeOf(err) != threat.Internal || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.log.Error().Err(err).Str("verb", verb).Msg("internal error")
	return err
}

// read runs a reading use case: permission, then one consistent view.
func read[Out any](ctx context.Context, s *Service, who account.Principal, need account.Permission, fn func(*store.Snapshot) (Out, error)) (Out, error) {
	var out Out
	if err := who.Allow(need); err != nil {
		return out, err
	}
	err := s.store.Read(ctx, func(v *store.Snapshot) (err error) {
		out, err = fn(v)
		return err
	})
	if err != nil {
		var none Out
		return none, s.logged("read", err)
	}
	return out, nil
}

// modelID refuses what cannot be the id of a model, in the words for one that does not exist.
func modelID(id string) error {
	if _, err := uuid.Parse(id); err != nil {
		return store.NoModel()
	}
	return nil
}

func internal(format string, args ...any) error { return fmt.Errorf("service: "+format, args...) }
