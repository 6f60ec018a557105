package service

import (
	"context"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
	"github.com/redoubt-dev/redoubt/threat"
)

// OperatorFor says for whom an operator's command acts. With an API key it is the key's user in the key's workspace; else the user of
// the address, by default the first administrator, in the workspace, by default the user's personal one.
type OperatorFor struct {
	APIKey      string
	Email       string
	WorkspaceID string
}

// OperatorPrincipal returns who an operator's command on a workspace acts as: a user who owns it, with the rights of an admin key and
// without those over the instance. It serves the command line alone, as the operator's other verbs do. Errors: [threat.NotFound],
// [threat.Forbidden] for a user who does not own the workspace, [threat.FailedPrecondition] on a database without an administrator,
// [threat.Unauthenticated] for a key that is not accepted.
func (s *Service) OperatorPrincipal(ctx context.Context, in OperatorFor) (account.Principal, error) {
	var who account.Principal
	if in.APIKey != "" {
		var err error
		if who, err = s.Authenticate(ctx, in.APIKey); err != nil {
			return account.Principal{}, err
		}
	}
	var role account.Role
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		if in.APIKey == "" {
			u, err := operatorUser(tx, in.Email)
			if in.Email == "" && threat.CodeOf(err) == threat.NotFound {
				return threat.Errorf(threat.FailedPrecondition, "the database has no administrator yet").
					Hinted("redoubt serve makes one on its first start; --email names another user")
			}
			if err != nil {
				return err
			}
			who = account.Principal{UserID: u.ID, UserName: u.Name, WorkspaceID: in.WorkspaceID}
			if who.WorkspaceID == "" {
				who.WorkspaceID = u.PersonalWorkspace
			}
		}
		var err error
		role, err = tx.Role(who.WorkspaceID, who.UserID)
		return operatorWorkspace(err)
	})
	if err != nil {
		return account.Principal{}, s.logged("operator", err)
	}
	if role != account.Owner {
		return account.Principal{}, threat.Errorf(threat.Forbidden, "%s does not own the workspace", threat.Clip(who.UserName, 80)).In("workspace").
			Hinted("--email names an owner")
	}
	who.Scope, who.DecideGranted, who.InstanceAdmin = account.Admin, false, false
	return who, nil
}
