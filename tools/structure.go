package tools

import (
	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
)

// structure registers the tools that edit assets, attackers, trust boundaries and assumptions. Each makes one version.
func structure(r *Registry, svc *service.Service) {
	add(r, Tool{
		Name: "add_asset", Title: "Add an asset", Toolset: Core, Needs: account.Write, Effect: Adds,
		Description: "Add what needs protecting; its objectives against every attacker are computed.",
	}, svc.AddAsset)
	add(r, Tool{
		Name: "edit_asset", Title: "Edit an asset", Toolset: Core, Needs: account.Write, Effect: Changes,
		Description: "Change the given fields of an asset.",
	}, svc.EditAsset)
	add(r, Tool{
		Name: "remove_asset", Title: "Remove an asset", Toolset: Core, Needs: account.Write, Effect: Destroys,
		Description: "Remove an asset; its controls stay and come back with it (restore_version).",
	}, svc.RemoveAsset)
	add(r, Tool{
		Name: "add_attacker", Title: "Add an attacker", Toolset: Core, Needs: account.Write, Effect: Adds,
		Description: "Add whom assets are protected from; objectives are computed.",
	}, svc.AddAttacker)
	add(r, Tool{
		Name: "edit_attacker", Title: "Edit an attacker", Toolset: Core, Needs: account.Write, Effect: Changes,
		Description: "Change the given fields of an attacker.",
	}, svc.EditAttacker)
	add(r, Tool{
		Name: "remove_attacker", Title: "Remove an attacker", Toolset: Core, Needs: account.Write, Effect: Destroys,
		Description: "Remove an attacker; controls stay and come back with it (restore_version).",
	}, svc.RemoveAttacker)
	add(r, Tool{
		Name: "edit_trust_boundaries", Title: "Edit trust boundaries", Toolset: Modeling, Needs: account.Write, Effect: Destroys,
		Description: "Add, edit, remove or restore trust boundaries, all or nothing, in one version. An objective is unreachable only when its asset and its attacker each name a boundary and share none.",
	}, svc.EditTrustBoundaries)
	add(r, Tool{
		Name: "edit_assumptions", Title: "Edit assumptions", Toolset: Modeling, Needs: account.Write, Effect: Destroys,
		Description: "Add, edit, remove, restore or violate assumptions, all or nothing, in one version.",
	}, svc.EditAssumptions)
}

// words registers the tools that change or question a model in words.
func words(r *Registry, svc *service.Service) {
	await(r, svc, Tool{
		Name: "refine_threat_model", Title: "Refine a threat model", Toolset: Core, Needs: account.Write, Effect: Destroys,
		Description: "Change a model in words, as one version. Answers a job.",
	}, 20, func(in service.RefineThreatModelIn) *int { return in.WaitSeconds }, svc.RefineThreatModel)
	add(r, Tool{
		Name: "query_threat_model", Title: "Ask about a threat model", Toolset: Core, Needs: account.Read, Effect: Reads,
		Description: "Ask a question about a model; answers with the ids it rests on.",
	}, svc.QueryThreatModel)
}

// controls registers the tools on objectives and controls.
func controls(r *Registry, svc *service.Service) {
	add(r, Tool{
		Name: "get_control_objectives", Title: "Control objectives", Toolset: Core, Needs: account.Read, Effect: Reads,
		Description: "What must hold: one objective per asset and attacker, with tier and mitigation groups (all controls of one group mitigate it).",
	}, svc.GetControlObjectives)
	add(r, Tool{
		Name: "get_controls", Title: "Controls", Toolset: Core, Needs: account.Read, Effect: Reads,
		Description: "What to implement, the gravest first, with the facets to prove.",
	}, svc.GetControls)
	await(r, svc, Tool{
		Name: "regenerate_controls", Title: "Regenerate controls", Toolset: Core, Needs: account.Write, Effect: Destroys,
		Description: "Replace the controls, or those of some objectives, by fresh ones; replaced ones stay readable.",
	}, 5, func(in service.RegenerateControlsIn) *int { return in.WaitSeconds }, svc.RegenerateControls)
}

// versions registers the tools on a model's history.
func versions(r *Registry, svc *service.Service) {
	add(r, Tool{
		Name: "compare_versions", Title: "Compare versions", Toolset: Modeling, Needs: account.Read, Effect: Reads,
		Description: "What changed between two versions of a model, field by field, with the objectives that follow.",
	}, svc.CompareVersions)
	add(r, Tool{
		Name: "restore_version", Title: "Restore a version", Toolset: Modeling, Needs: account.Write, Effect: Changes,
		Description: "Make a new version with an old one's content; removed entities come back under their ids.",
	}, svc.RestoreVersion)
}

// workspaces registers the tools on workspaces.
func workspaces(r *Registry, svc *service.Service) {
	add(r, Tool{
		Name: "list_workspaces", Title: "List workspaces", Toolset: Workspace, Needs: account.Read, Effect: Reads,
		Description: "Your workspaces; the key's own is marked. Switching means another key.",
	}, svc.ListWorkspaces)
	add(r, Tool{
		Name: "get_setup_status", Title: "Setup status", Toolset: Workspace, Needs: account.Read, Effect: Reads,
		Description: "Which steps of setting the workspace up are done, told from what happened, and what to type next.",
	}, svc.GetSetupStatus)
	add(r, Tool{
		Name: "get_usage", Title: "Usage", Toolset: Workspace, Needs: account.Read, Effect: Reads,
		Description: "What the workspace used of language models: requests, tokens, estimated cost, by operation, day and model.",
	}, svc.GetUsage)
}
