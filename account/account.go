// Package account says who acts and what they may do: users, workspaces, roles, key scopes. Pure: no I/O, no clock.
package account

import (
	"context"
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Scope is the kind of an API key (specification §11).
type Scope string

// The key scopes.
const (
	Developer Scope = "developer"
	Verifier  Scope = "verifier"
	Admin     Scope = "admin"
)

// Scopes lists the legal scopes.
func Scopes() []Scope { return []Scope{Developer, Verifier, Admin} }

// article is a scope with its article.
func (s Scope) article() string {
	if s == Admin {
		return "an " + string(s)
	}
	return "a " + string(s)
}

// Permission is something a request needs to be allowed.
type Permission string

// The permissions. Each service method names the one it needs.
const (
	List     Permission = "list models"         // ids and titles
	Read     Permission = "read"                // models, controls, assertions, findings
	Write    Permission = "write"               // the same
	Pull     Permission = "pull assertions"     // for the verifier
	Report   Permission = "read reports"        // verification reports
	Submit   Permission = "submit runs"         // verifier keys only
	Decide   Permission = "decide"              // judgments that stay with people
	OwnKeys  Permission = "manage own keys"     // one's own developer keys
	Belong   Permission = "act for its user"    // in what workspaces the user is, and as what
	Manage   Permission = "manage workspace"    // settings, members, keys
	Instance Permission = "administer instance" // users, usage, backup
)

// Permissions lists every permission, for tests.
func Permissions() []Permission {
	return []Permission{List, Read, Write, Pull, Report, Submit, Decide, OwnKeys, Belong, Manage, Instance}
}

// Principal is the authenticated caller of one request. The zero value may do nothing.
type Principal struct {
	UserID        string `json:"user_id"`
	UserName      string `json:"user_name"`
	WorkspaceID   string `json:"workspace_id"`
	KeyID         string `json:"key_id"`
	Scope         Scope  `json:"scope"`
	DecideGranted bool   `json:"decide,omitempty"`         // developer keys: granted at creation
	InstanceAdmin bool   `json:"instance_admin,omitempty"` // the user's flag; counts with an admin key only
	MCP           bool   `json:"-"`                        // an MCP client calls
}

// May reports whether the principal has a permission.
func (p Principal) May(need Permission) bool {
	switch p.Scope {
	case Developer:
		if need == Decide {
			return p.DecideGranted
		}
		return slices.Contains([]Permission{List, Read, Write, Pull, Report, OwnKeys, Belong}, need)
	case Verifier:
		return slices.Contains([]Permission{List, Pull, Report, Submit}, need)
	case Admin:
		if need == Instance {
			return p.InstanceAdmin
		}
		return need != Submit
	}
	return false
}

// Allow returns nil when the principal has a permission, else [threat.Forbidden] with a hint that names a key which has it.
func (p Principal) Allow(need Permission) error {
	if p.May(need) {
		return nil
	}
	if p.Scope == "" {
		return threat.Errorf(threat.Unauthenticated, "no API key")
	}
	e := threat.Errorf(threat.Forbidden, "%s key may not %s", p.Scope.article(), need)
	switch need {
	case Submit:
		return e.Hinted("runs are submitted with a verifier key (rdv_)")
	case Decide:
		return e.Hinted("this judgment is left to a person with decide: ask an owner to make it, or to grant it at key creation; the proposal is kept in the activity")
	case Manage:
		return e.Hinted("use an admin key (rda_) of this workspace")
	case Instance:
		return e.Hinted("use an admin key (rda_) of an instance administrator")
	default:
		return e.Hinted("use a developer key (rdk_)")
	}
}

type principalKey struct{}

// WithPrincipal returns a context that carries the caller across a library that passes only a context, from the
// authentication layer to the transport. Service methods take the principal as a parameter.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext returns the caller set by [WithPrincipal], or the zero Principal, which may do nothing.
func FromContext(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// User is a person with an account.
type User struct {
	ID                string    `json:"id"`
	Email             string    `json:"email"`
	Name              string    `json:"name"`
	InstanceAdmin     bool      `json:"instance_admin,omitempty"`
	Disabled          bool      `json:"disabled,omitempty"`
	PersonalWorkspace string    `json:"personal_workspace"`
	CreatedAt         time.Time `json:"created_at"`
}

// WorkspaceKind tells a user's own workspace from a team's.
type WorkspaceKind string

// The kinds.
const (
	Personal WorkspaceKind = "personal"
	Team     WorkspaceKind = "team"
)

// Role is a member's role in a workspace.
type Role string

// The roles.
const (
	Owner  Role = "owner"
	Member Role = "member"
)

// Workspace is the data isolation boundary.
type Workspace struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Kind      WorkspaceKind `json:"kind"`
	Role      Role          `json:"role,omitempty"` // of the user for whom it was read
	CreatedAt time.Time     `json:"created_at"`
}

// Key is an API key without its secret.
type Key struct {
	ID          string     `json:"id"`
	WorkspaceID string     `json:"workspace_id"`
	UserID      string     `json:"user_id"`
	Name        string     `json:"name"`
	Scope       Scope      `json:"scope"`
	Decide      bool       `json:"decide,omitempty"`
	Shown       string     `json:"shown"` // the first characters, to tell keys apart
	CreatedAt   time.Time  `json:"created_at"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	RevokedAt   *time.Time `json:"revoked_at,omitempty"`
	LastUsedAt  *time.Time `json:"last_used_at,omitempty"`
	MCPSince    *time.Time `json:"mcp_since,omitempty"` // when an MCP client used it first
}

// Live reports whether a key is accepted at a time: neither revoked nor expired.
func (k *Key) Live(now time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || now.Before(*k.ExpiresAt))
}
