package tools

import (
	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
)

// posture registers the tool that says where a model stands.
func posture(r *Registry, svc *service.Service) {
	add(r, Tool{
		Name: "assess_model", Title: "Assess the model", Toolset: Core, Needs: account.Read, Effect: Reads,
		Description: "Where each objective stands, how sure, why, and what to do next.",
	}, svc.AssessModel)
}

// decisions registers the tools on controls, groups and what people decide.
func decisions(r *Registry, svc *service.Service) {
	add(r, Tool{
		Name: "edit_controls", Title: "Edit controls", Toolset: Modeling, Needs: account.Write, Effect: Destroys,
		Description: "Add, edit, remove, restore, link or unlink controls, let an assumption carry one, hang auxiliary evidence on one; all or nothing. What drops a facet or leaves a group is weakened until approve_change.",
	}, svc.EditControls)
	add(r, Tool{
		Name: "delete_control", Title: "Delete a control", Toolset: Modeling, Needs: account.Write, Effect: Destroys,
		Description: "Delete a control with a reason; refused while it alone mitigates an objective. edit_controls restores it.",
	}, svc.DeleteControl)
	add(r, Tool{
		Name: "refine_control", Title: "Refine a control", Toolset: Modeling, Needs: account.Write, Effect: Changes,
		Description: "Reword a control's description or facets, with the words given or, for an instruction, an engine's. Unchanged facets keep their ids and evidence.",
	}, svc.RefineControl)
	add(r, Tool{
		Name: "import_controls", Title: "Import controls", Toolset: Modeling, Needs: account.Write, Effect: Adds,
		Description: "Add controls from elsewhere, as JSON or as a text that states them, mapped to objectives. Near-duplicates are reported and skipped.",
	}, svc.ImportControls)
	add(r, Tool{
		Name: "check_control_gaps", Title: "Check for missing controls", Toolset: Modeling, Needs: account.Read, Effect: Adds,
		Description: "What is missing for each reachable objective, the gravest first: controls, complete groups, what detects. apply adds the missing controls.",
	}, svc.CheckControlGaps)
	add(r, Tool{
		Name: "set_mitigation_groups", Title: "Set mitigation groups", Toolset: Modeling, Needs: account.Write, Effect: Changes,
		Description: "Say which controls together mitigate an objective: every control of one group, any one group.",
	}, svc.SetMitigationGroups)
	add(r, Tool{
		Name: "attest_assumption", Title: "Attest an assumption", Toolset: Modeling, Needs: account.Write, Effect: Adds,
		Description: "A person's word, until a date, that an external assumption holds. Needs decide.",
	}, svc.AttestAssumption)
	add(r, Tool{
		Name: "accept_risk", Title: "Accept a risk", Toolset: Modeling, Needs: account.Write, Effect: Changes,
		Description: "Record who bears the risk of an objective, why, and until when; accepted is not mitigated. Needs decide.",
	}, svc.AcceptRisk)
	add(r, Tool{
		Name: "approve_change", Title: "Approve a change", Toolset: Modeling, Needs: account.Write, Effect: Changes,
		Description: "Approve controls and objectives that a change weakened, so that they may count as verified again. Needs decide.",
	}, svc.ApproveChange)
	add(r, Tool{
		Name: "analyze_change", Title: "Analyze a change", Toolset: Modeling, Needs: account.Read, Effect: Reads,
		Description: "Before a commit: which assertions, controls, objectives and assumptions a diff touches, what it would un-verify, what to submit again, and new surface worth modelling.",
	}, svc.AnalyzeChange)
	add(r, Tool{
		Name: "get_review_queue", Title: "Review queue", Toolset: Modeling, Needs: account.Read, Effect: Reads,
		Description: "Implemented or verified controls that nobody reviewed for 90 days, the gravest first.",
	}, svc.GetReviewQueue)
	add(r, Tool{
		Name: "mark_reviewed", Title: "Mark as reviewed", Toolset: Modeling, Needs: account.Write, Effect: Changes,
		Description: "Say that controls were looked at and still hold.",
	}, svc.MarkReviewed)
	add(r, Tool{
		Name: "export_threat_model", Title: "Export a threat model", Toolset: Modeling, Needs: account.Read, Effect: Reads,
		Description: "The whole model: JSON that import_threat_model reads, Markdown for a pull request, Mermaid, or CSV.",
	}, svc.ExportThreatModel)
	add(r, Tool{
		Name: "import_threat_model", Title: "Import a threat model", Toolset: Modeling, Needs: account.Write, Effect: Adds,
		Description: "Make a new model of an exported one, under the same ids. Results, attestations and accepted risks stay out: CI and people say them anew.",
	}, svc.ImportThreatModel)
	add(r, Tool{
		Name: "get_activity", Title: "Activity", Toolset: Workspace, Needs: account.Read, Effect: Reads,
		Description: "Who did what, when, on which object; refused writes too, with the proposals that wait for a person.",
	}, svc.GetActivity)
}
