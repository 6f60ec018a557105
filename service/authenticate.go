package service

import (
	"context"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Authenticate returns the principal of an API key. It looks the key up on every request, so that a revoked one is refused on
// the next. Errors: [threat.Unauthenticated], one and the same for a key that is mistyped, unknown, revoked, expired, of a disabled user, of
// somebody who is no member of its workspace any more, or an admin key of somebody who owns it no more.
func (s *Service) Authenticate(ctx context.Context, key string) (account.Principal, error) {
	return s.authenticate(ctx, key, false)
}

// AuthenticateMCP is [Service.Authenticate] for an MCP client, which the key's row remembers.
func (s *Service) AuthenticateMCP(ctx context.Context, key string) (account.Principal, error) {
	return s.authenticate(ctx, key, true)
}

func (s *Service) authenticate(ctx context.Context, key string, mcp bool) (account.Principal, error) {
	if _, err := auth.CheckKey(key); err != nil {
		return account.Principal{}, err
	}
	var h store.KeyHolder
	var live bool
	err := s.store.ReadOne(ctx, func(v *store.Snapshot) (err error) {
		h, err = v.KeyByHash(auth.HashKey(key))
		live = err == nil && h.Key.Live(v.Now()) && !h.Disabled && (h.Key.Scope != account.Admin || h.Role == account.Owner)
		return err
	})
	if threat.CodeOf(err) == threat.NotFound || err == nil && !live {
		return account.Principal{}, auth.Refused()
	}
	if err != nil {
		return account.Principal{}, s.logged("authenticate", err)
	}
	s.touchKey(ctx, h.Key, mcp && h.Key.MCPSince == nil)
	return account.Principal{
		UserID: h.Key.UserID, UserName: h.UserName, WorkspaceID: h.Key.WorkspaceID, KeyID: h.Key.ID,
		Scope: h.Key.Scope, DecideGranted: h.Key.Decide, InstanceAdmin: h.InstanceAdmin && h.Key.Scope == account.Admin, MCP: mcp,
	}, nil
}

// touchKey notes the use of a key, at most once a minute, without holding up the request. The first use by an MCP client is noted at once.
func (s *Service) touchKey(ctx context.Context, k account.Key, firstMCP bool) {
	now := s.store.Now()
	use := k.ID
	if firstMCP {
		use += " by MCP" // until the row says so, which the next request reads
	}
	if !s.used.due(use, now) {
		return
	}
	s.jobs.done.Go(func() {
		err := s.store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.TouchKey(k.WorkspaceID, k.ID, now, firstMCP) })
		if err != nil {
			s.log.Warn().Err(err).Msg("the use of a key was not noted")
		}
	})
}

// LocalPrincipal returns who local stdio acts as without a key: the first instance administrator's developer, without
// decide, in the personal workspace. Errors: [threat.FailedPrecondition] on a database without users.
func (s *Service) LocalPrincipal(ctx context.Context) (account.Principal, error) {
	var u account.User
	err := s.store.Read(ctx, func(v *store.Snapshot) (err error) {
		u, err = v.FirstAdmin()
		return err
	})
	if threat.CodeOf(err) == threat.NotFound {
		return account.Principal{}, threat.Errorf(threat.FailedPrecondition, "the database has no administrator yet")
	}
	if err != nil {
		return account.Principal{}, s.logged("local principal", err)
	}
	return account.Principal{
		UserID: u.ID, UserName: u.Name, WorkspaceID: u.PersonalWorkspace, Scope: account.Developer,
	}, nil
}
