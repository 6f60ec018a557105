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
	add(r, Tool{
		Name: "exclude_requirement", Title: "Exclude requirements", Toolset: Compliance, Needs: account.Write, Effect: Changes,
		Description: "Rule requirements out for a model, with a reason, or take that back. Needs decide.",
	}, svc.ExcludeRequirement)
}
