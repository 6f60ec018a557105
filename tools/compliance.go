package tools

import (
	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
)

// frameworks registers the tools on compliance.
func frameworks(r *Registry, svc *service.Service) {
	add(r, Tool{
		Name: "list_frameworks", Title: "Frameworks", Toolset: Compliance, Needs: account.Read, Effect: Reads,
		Description: "Compliance frameworks to measure models against: OWASP ASVS 5.0, OSPS Baseline, and what was imported. redoubt://frameworks/{id} is one in full.",
	}, svc.ListFrameworks)
	add(r, Tool{
		Name: "import_framework", Title: "Import a framework", Toolset: Compliance, Needs: account.Write, Effect: Changes,
		Description: "Add a framework of your own (CSV with columns id, text, level, chapter, section, kinds, keywords, cwe; or JSON), or put OWASP's official ASVS texts in place of the summaries. All or nothing; a repeat updates and keeps mappings.",
	}, svc.ImportFramework)
	add(r, Tool{
		Name: "select_frameworks", Title: "Select frameworks", Toolset: Compliance, Needs: account.Write, Effect: Changes,
		Description: "Say which frameworks a model is measured against.",
	}, svc.SelectFrameworks)
	add(r, Tool{
		Name: "get_compliance_report", Title: "Compliance report", Toolset: Compliance, Needs: account.Read, Effect: Reads,
		Description: "Which requirements verified controls cover, which are partial, uncovered, unmapped or excluded, of a model or a system. Summary first; rows with limit; CSV, Markdown or HTML with format.",
	}, svc.GetComplianceReport)
	add(r, Tool{
		Name: "map_control", Title: "Map a control", Toolset: Compliance, Needs: account.Write, Effect: Changes,
		Description: "Say which requirements a control serves, or that it does not.",
	}, svc.MapControl)
	perhaps(r, svc, Tool{
		Name: "auto_map_controls", Title: "Map controls automatically", Toolset: Compliance, Needs: account.Write, Effect: Changes,
		Description: "Map controls to requirements, each with confidence and reason: by the builtin matcher, or by an engine that chooses among its matches. Sure ones are applied, others come back as suggestions that are not. dry_run applies nothing.",
	}, 20, func(in service.AutoMapControlsIn) *int { return in.WaitSeconds }, svc.AutoMapControls, func(out *service.AutoMapControlsOut) **service.JobOut { return &out.Job })
	add(r, Tool{
		Name: "exclude_requirement", Title: "Exclude requirements", Toolset: Compliance, Needs: account.Write, Effect: Changes,
		Description: "Rule requirements out for a model, with a reason, or take that back. Needs decide.",
	}, svc.ExcludeRequirement)
	perhaps(r, svc, Tool{
		Name: "suggest_remediation", Title: "Suggest remediation", Toolset: Compliance, Needs: account.Write, Effect: Adds,
		Description: "Propose assets and attackers that would bring in unmapped requirements, each to be reviewed by itself: by the builtin engine, or by one that thinks and may say that requirements do not apply. Changes nothing of the model.",
	}, 20, func(in service.SuggestRemediationIn) *int { return in.WaitSeconds }, svc.SuggestRemediation, func(out *service.SuggestRemediationOut) **service.JobOut { return &out.Job })
	add(r, Tool{
		Name: "apply_remediation", Title: "Apply remediation", Toolset: Compliance, Needs: account.Write, Effect: Adds,
		Description: "Add approved proposals in one version, generate controls and map them to the requirements; reject others; exclude the requirements of those that are not applicable (needs decide).",
	}, svc.ApplyRemediation)
}

// systems registers the tools on groups of models.
func systems(r *Registry, svc *service.Service) {
	add(r, Tool{
		Name: "list_systems", Title: "Systems", Toolset: Workspace, Needs: account.Read, Effect: Reads,
		Description: "Named groups of threat models.",
	}, svc.ListSystems)
	add(r, Tool{
		Name: "get_system", Title: "A system", Toolset: Workspace, Needs: account.Read, Effect: Reads,
		Description: "A system's models with where each stands, and their posture added up.",
	}, svc.GetSystem)
	add(r, Tool{
		Name: "create_system", Title: "Create a system", Toolset: Workspace, Needs: account.Write, Effect: Adds,
		Description: "Make a named group of threat models. A model is in at most one.",
	}, svc.CreateSystem)
	add(r, Tool{
		Name: "edit_system", Title: "Edit a system", Toolset: Workspace, Needs: account.Write, Effect: Destroys,
		Description: "Rename, describe or delete a system, or move models in and out. Models stay when their system goes.",
	}, svc.EditSystem)
	add(r, Tool{
		Name: "add_model_to_system", Title: "Add a model to a system", Toolset: Workspace, Needs: account.Write, Effect: Changes,
		Description: "Put a model into a system, out of the one it was in.",
	}, svc.AddModelToSystem)
}
