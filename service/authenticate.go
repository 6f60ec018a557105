package service

import (
	"context"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/auth"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// Authenticate returns the principal of an API key. It looks the key up on every request, so that a revoked one is refused on
// the next. Errors: [threat.Unauthenticated], one and the same for a key that is mistyped, unknown, revoked, expired, or of a
// disabled user.
func (s *Service) Authenticate(ctx context.Context, key string) (account.Principal, error) {
	if _, err := auth.CheckKey(key); err != nil {
		return account.Principal{}, err
	}
	var h store.KeyHolder
	var live bool
	err := s.store.ReadOne(ctx, func(v *store.Snapshot) (err error) {
		h, err = v.KeyByHash(auth.HashKey(key))
		live = err == nil && h.Key.Live(v.Now()) && !h.Disabled
		return err
	})
	if threat.CodeOf(err) == threat.NotFound || err == nil && !live {
		return account.Principal{}, auth.Refused()
	}
	if err != nil {
		return account.Principal{}, s.logged("authenticate", err)
	}
	s.touchKey(ctx, h.Key)
	return account.Principal{
		UserID: h.Key.UserID, UserName: h.UserName, WorkspaceID: h.Key.WorkspaceID, KeyID: h.Key.ID,
		Scope: h.Key.Scope, DecideGranted: h.Key.Decide, InstanceAdmin: h.InstanceAdmin && h.Key.Scope == account.Admin,
	}, nil
}

// touchKey notes the use of a key, at most once a minute, without holding up the request.
func (s *Service) touchKey(ctx context.Context, k account.Key) {
	now := s.store.Now()
	if !s.used.due(k.ID, now) {
		return
	}
	s.jobs.done.Go(func() {
		err := s.store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.TouchKey(k.WorkspaceID, k.ID, now) })
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
