package service

import (
	"context"
	"time"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/store"
)

// GetSetupStatusIn has no arguments.
type GetSetupStatusIn struct{}

// SetupSummary counts the steps that are not optional.
type SetupSummary struct {
	Done  int `json:"done"`
	Total int `json:"total"`
}

// SetupStep is one step of setting a workspace up.
type SetupStep struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Done     bool       `json:"done"`
	Optional bool       `json:"optional,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
	Next     string     `json:"next,omitempty" jsonschema:"what to type or call, while it is not done"`
}

// GetSetupStatusOut is how far a workspace is set up.
type GetSetupStatusOut struct {
	Summary SetupSummary `json:"summary" jsonschema:"optional steps are not counted"`
	Steps   []SetupStep  `json:"steps"`
}

// GetSetupStatus says which steps of setting the key's workspace up are done. Each is computed from what happened; nobody ticks one off.
func (s *Service) GetSetupStatus(ctx context.Context, who account.Principal, _ GetSetupStatusIn) (GetSetupStatusOut, error) {
	return read(ctx, s, who, account.Read, func(v *store.Snapshot) (GetSetupStatusOut, error) {
		facts, err := v.SetupFacts(who.WorkspaceID)
		if err != nil {
			return GetSetupStatusOut{}, err
		}
		settings, err := v.Settings(who.WorkspaceID)
		if err != nil {
			return GetSetupStatusOut{}, err
		}
		w, err := v.Seat(who.WorkspaceID, who.UserID)
		if err != nil {
			return GetSetupStatusOut{}, err
		}
		engine, err := s.engine(settings.DefaultEngine)
		thinks := err == nil && engine.Name() != builtinEngine // one that was chosen and cannot run is none
		if facts.MCP == nil && (who.MCP || who.KeyID == "") {  // this very call; only local stdio has no key
			now := v.Now()
			facts.MCP = &now
		}
		return setupStatus(facts, settings, w, thinks, s.server()), nil
	})
}

func setupStatus(f store.SetupFacts, settings account.Settings, w account.Workspace, thinks bool, url string) (out GetSetupStatusOut) {
	if url == "" {
		url = "http://127.0.0.1:8080"
	}
	step := func(id, title string, done bool, since *time.Time, next string) *SetupStep {
		st := SetupStep{ID: id, Title: title, Done: done, Since: since, Next: next}
		if done {
			st.Next = ""
		}
		out.Steps = append(out.Steps, st)
		return &out.Steps[len(out.Steps)-1]
	}
	step("connect", "An MCP client uses a key", f.MCP != nil, f.MCP,
		`claude mcp add --transport http redoubt `+url+`/mcp --header "Authorization: Bearer rdk_…"`)
	step("model", "There is a threat model", f.Model != nil, f.Model,
		`generate_threat_model {"feature_description": "…"}`)
	step("repos", "A model names its repositories", f.Repo, nil,
		`edit_threat_model {"model_id": "…", "repos": [{"repo": "org/name"}]}`)
	step("assertions", "An assertion is submitted", f.Assertion != nil, f.Assertion,
		`get_controls {"model_id": "…", "limit": 5}, then submit_assertions`)
	verifier := `redoubt key create --scope verifier --workspace ` + w.ID
	if f.VerifierKey {
		verifier = `REDOUBT_SERVER=` + url + ` REDOUBT_API_KEY=rdv_… redoubt verify run --all`
	}
	step("verifier_key", "A verifier key is in force and was used", f.VerifierKey && f.VerifierKeyUsed != nil, nil, verifier)
	step("ci", "CI submitted a run", f.CIRun != nil, f.CIRun,
		`redoubt verify run --all in a job of the CI: action.yml for GitHub, ci/gitlab.yml for GitLab`)
	step("engine", "An engine other than builtin thinks", thinks, nil,
		`OPENAI_API_KEY=… redoubt serve, or redoubt workspace settings --default-engine agent --workspace `+w.ID).Optional = true
	step("attestation", "Runs need a proof", settings.RequireAttestation, nil,
		`redoubt workspace settings --require-attestation --workspace `+w.ID).Optional = true
	invite := `POST /api/v1/workspaces/` + w.ID + `/invitations {"email": "…"}`
	if w.Kind == account.Personal {
		invite = `POST /api/v1/workspaces {"name": "…"} with an admin key: a personal workspace has one member`
	}
	step("teammate", "A teammate joined", f.Members > 1, f.Joined, invite).Optional = true
	for _, st := range out.Steps {
		if st.Optional {
			continue
		}
		out.Summary.Total++
		if st.Done {
			out.Summary.Done++
		}
	}
	return out
}
