package account

import (
	"slices"
	"time"

	"github.com/redoubt-dev/redoubt/threat"
)

// Membership is a person's place in a workspace.
type Membership struct {
	UserID   string    `json:"id"`
	Name     string    `json:"name"`
	Email    string    `json:"email"`
	Role     Role      `json:"role"`
	Disabled bool      `json:"disabled,omitempty"`
	JoinedAt time.Time `json:"joined_at"`
}

// Roles lists the legal roles.
func Roles() []Role { return []Role{Owner, Member} }

// Check refuses what is no role. Errors: [threat.Invalid].
func (r Role) Check() error {
	if slices.Contains(Roles(), r) {
		return nil
	}
	return threat.Errorf(threat.Invalid, "role %q is not known", threat.Clip(string(r), 20)).In("role").Hinted("valid: owner, member")
}

// Change checks that a workspace may give one of its members another role, or, with an empty one, let them go: a workspace keeps an owner, one
// who is not disabled if it has one, and a personal one its only member. Errors: [threat.NotFound] (no such member),
// [threat.FailedPrecondition].
func Change(kind WorkspaceKind, members []Membership, user string, to Role) error {
	i := slices.IndexFunc(members, func(m Membership) bool { return m.UserID == user })
	if i < 0 {
		return NoMember()
	}
	if kind != Team {
		return OnlyTeams()
	}
	if members[i].Role != Owner || to == Owner {
		return nil
	}
	gone := members[i]
	if slices.ContainsFunc(members, func(m Membership) bool {
		return m.UserID != user && m.Role == Owner && (!m.Disabled || gone.Disabled)
	}) {
		return nil
	}
	return threat.Errorf(threat.FailedPrecondition, "the workspace would be left without an owner who can act").
		Hinted("make another member an owner first, or transfer the workspace to one; owners who are disabled do not count")
}

// NoMember is the refusal of somebody who is not a member.
func NoMember() *threat.Error {
	return threat.Errorf(threat.NotFound, "there is no such member of this workspace").In("user_id").
		Hinted("GET /api/v1/workspaces/{workspace_id}/members names the members")
}

// OnlyTeams is the refusal of what a personal workspace does not do.
func OnlyTeams() *threat.Error {
	return threat.Errorf(threat.FailedPrecondition, "a personal workspace has one member, its user").
		Hinted("make a team workspace: POST /api/v1/workspaces")
}

// InvitationLife is how long an invitation can be accepted.
const InvitationLife = 14 * 24 * time.Hour

// InvitationState says what became of an invitation.
type InvitationState string

// The states. Only a pending invitation can be accepted, declined or withdrawn.
const (
	Pending   InvitationState = "pending"
	Accepted  InvitationState = "accepted"
	Declined  InvitationState = "declined"
	Withdrawn InvitationState = "withdrawn"
	Expired   InvitationState = "expired" // computed on read
)

// Invitation asks the person of an address to join a workspace.
type Invitation struct {
	ID            string          `json:"id"`
	WorkspaceID   string          `json:"workspace_id"`
	WorkspaceName string          `json:"workspace"`
	Email         string          `json:"email"`
	Role          Role            `json:"role"`
	State         InvitationState `json:"state"`
	InvitedBy     string          `json:"invited_by" jsonschema:"user id"`
	InvitedByName string          `json:"invited_by_name"`
	CreatedAt     time.Time       `json:"created_at"`
	ExpiresAt     time.Time       `json:"expires_at"`
	EndedAt       *time.Time      `json:"ended_at,omitempty"`
}
