package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
)

// maxDocument bounds a document that is imported, in bytes.
const maxDocument = 64 << 20

// asLocal runs fn on the data folder as the user of REDOUBT_API_KEY, else as the first administrator's developer, as redoubt mcp does.
func (e *env) asLocal(ctx context.Context, p *place, fn func(*service.Service, account.Principal) error, more ...func(*service.Config)) error {
	return e.withService(ctx, p, func(svc *service.Service) error {
		who, err := e.localPrincipal(ctx, svc, *p)
		if err != nil {
			return err
		}
		return fn(svc, who)
	}, more...)
}

func (e *env) exportModel() *cobra.Command {
	var p place
	var format, table, file, workspace string
	var audited bool
	c := &cobra.Command{
		Use: "export MODEL | --workspace ID", Short: "Write a threat model as JSON, Markdown, Mermaid, CSV or SARIF, or a workspace as a zip", Args: cobra.MaximumNArgs(1),
		Long: "Write a threat model of the data folder as JSON, which redoubt import reads, Markdown for a pull request, Mermaid, CSV, or its findings as SARIF.\n" +
			"With --audit write the signed audit package, which redoubt audit checks without a server. With --workspace, and no model, write everything\n" +
			"of a workspace as a zip; default file redoubt-workspace-ID-TIME.zip in this folder.\n" +
			"It acts as the user of REDOUBT_API_KEY, else as the first administrator.",
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) == 1) == (workspace != "") {
				return threat.Errorf(threat.Invalid, "name a model, or a workspace with --workspace").Hinted("redoubt export MODEL, or redoubt export --workspace ID -o FILE")
			}
			if workspace != "" {
				return e.exportWorkspace(c.Context(), &p, workspace, file)
			}
			if audited {
				return e.exportAudit(c.Context(), p, args[0], file)
			}
			return e.asLocal(c.Context(), &p, func(svc *service.Service, who account.Principal) error {
				out, err := svc.ExportThreatModel(c.Context(), who, service.ExportThreatModelIn{ModelID: args[0], Format: service.ExportFormat(format), Table: table})
				if err != nil {
					return err
				}
				_, raw := out.Raw()
				if out.Format == service.ExportJSON {
					var b bytes.Buffer
					if err := json.Indent(&b, raw, "", "  "); err != nil {
						return err
					}
					raw = append(b.Bytes(), '\n')
				}
				if err := e.writeOut(file, raw); err != nil || file == "" || file == "-" {
					return err
				}
				_, err = fmt.Fprintf(e.err, "%s: version %d as %s\n", file, out.Version, out.Format)
				return err
			})
		},
	}
	p.add(e, c)
	c.Flags().StringVarP(&format, "format", "f", string(service.ExportJSON), "json, markdown, mermaid, csv or sarif")
	c.Flags().StringVar(&table, "table", "", "csv: control_objectives, controls or assertions; default controls")
	c.Flags().StringVarP(&file, "out", "o", "", "file to write; default: standard output")
	c.Flags().BoolVar(&audited, "audit", false, "the signed audit package: model, runs with their proofs, and a manifest")
	c.Flags().StringVar(&workspace, "workspace", "", "everything of this workspace, as a zip")
	c.MarkFlagsMutuallyExclusive("audit", "format", "workspace")
	c.MarkFlagsMutuallyExclusive("workspace", "table")
	return c
}

// writeOut writes a file that only this user reads, or to standard output.
func (e *env) writeOut(file string, raw []byte) error {
	if file == "" || file == "-" {
		_, err := e.out.Write(raw)
		return err
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return threat.Errorf(threat.Invalid, "%s cannot be written: %v", file, reason(err)).In("out")
	}
	return nil
}

func (e *env) importModel() *cobra.Command {
	var p place
	var o output
	var title string
	c := &cobra.Command{
		Use: "import FILE", Short: "Make a new threat model of an exported one", Args: cobra.ExactArgs(1),
		Long: "Make a new threat model of what redoubt export wrote (- for standard input), under the same ids. Results, attestations and accepted\n" +
			"risks stay out: CI and people say them anew. It acts as the user of REDOUBT_API_KEY, else as the first administrator.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			raw, err := e.readFile(args[0], maxDocument)
			if err != nil {
				return err
			}
			var document map[string]any
			if err := json.Unmarshal(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), &document); err != nil {
				return threat.Errorf(threat.Invalid, "%s is not a JSON object: %v", args[0], err).Hinted("redoubt export writes one")
			}
			return e.asLocal(c.Context(), &p, func(svc *service.Service, who account.Principal) error {
				out, err := svc.ImportThreatModel(c.Context(), who, service.ImportThreatModelIn{Document: document, Title: title})
				if err != nil {
					return err
				}
				if o == "json" {
					return e.printJSON(out)
				}
				left := out.LeftOut
				_, err = fmt.Fprintln(e.out, strings.TrimSpace(fmt.Sprintf(
					"%s: %s, %d assets, %d attackers, %d assumptions, %d controls, %d assertions, %d findings\nleft out: %d results, %d attestations, %d accepted risks, %d closed findings",
					out.ModelID, out.Title, out.Assets, out.Attackers, out.Assumptions, out.Controls, out.Assertions, out.Findings,
					left.Results, left.Attestations, left.Risks, left.Findings)))
				return err
			})
		},
	}
	p.add(e, c)
	o.add(c)
	c.Flags().StringVar(&title, "title", "", "default: the document's")
	return c
}
