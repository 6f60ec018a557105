package tools

import (
	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
)

// findings registers the tools on what is missing.
func findings(r *Registry, svc *service.Service) {
	add(r, Tool{
		Name: "get_scan_prompt", Title: "How to look for controls", Toolset: Core, Needs: account.Read, Effect: Reads,
		Description: "How to look for controls in code: where, for what patterns, how to report, what proves them; the gravest first.",
	}, svc.GetScanPrompt)
	add(r, Tool{
		Name: "submit_findings", Title: "Submit findings", Toolset: Core, Needs: account.Write, Effect: Adds,
		Description: "Record what a control asks for and the code lacks; all or nothing. A repeat returns the known one.",
	}, svc.SubmitFindings)
	add(r, Tool{
		Name: "list_findings", Title: "Findings", Toolset: Core, Needs: account.Read, Effect: Reads,
		Description: "What is missing, drift included; open ones first, the gravest first.",
	}, svc.ListFindings)
	add(r, Tool{
		Name: "update_finding", Title: "Update a finding", Toolset: Core, Needs: account.Write, Effect: Changes,
		Description: "Acknowledge, remediate with assertions, assign a control, or dismiss with a reason (needs decide). Verified is computed from CI.",
	}, svc.UpdateFinding)
}
