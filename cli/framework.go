package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/compliance"
	"github.com/redoubt-dev/redoubt/service"
)

func (e *env) framework() *cobra.Command {
	c := &cobra.Command{Use: "framework", Short: "Import, list and remove compliance frameworks", Args: cobra.NoArgs}
	c.AddCommand(e.importFramework(), e.listFrameworks(), e.removeFramework())
	return c
}

func (e *env) importFramework() *cobra.Command {
	var p place
	var o output
	var in service.UploadFrameworkIn
	var form string
	c := &cobra.Command{
		Use: "import FILE", Short: "Import a framework from CSV or JSON", Args: cobra.ExactArgs(1),
		Long: "Import a framework of your own from CSV or JSON (- for standard input), or OWASP's flat file of ASVS 5.0 unchanged, whose texts then\n" +
			"stand in place of the summaries. All or nothing; a repeat updates and keeps mappings. docs/compliance.md has the columns and fields.\n" +
			"It acts as the user of REDOUBT_API_KEY, else as the first administrator.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			raw, err := e.readFile(args[0], compliance.MaxImport)
			if err != nil {
				return err
			}
			in.TakeFile(raw)
			in.Form = compliance.Form(form)
			return e.asLocal(c.Context(), &p, func(svc *service.Service, who account.Principal) error {
				out, err := svc.UploadFramework(c.Context(), who, in)
				if err != nil {
					return err
				}
				if o == "json" {
					return e.printJSON(out)
				}
				what := "framework"
				if out.Official {
					what = "official texts"
				}
				ch := out.Changes
				_, err = fmt.Fprintf(e.out, "%s: %s of %d requirements: %d added, %d updated, %d unchanged, %d removed, %d retired\n",
					out.FrameworkID, what, out.Requirements, ch.Added, ch.Updated, ch.Unchanged, ch.Removed, len(ch.Retired))
				return err
			})
		},
	}
	p.add(e, c)
	o.add(c)
	c.Flags().StringVar(&in.FrameworkID, "id", "", "id of a framework of your own; default: the one in a JSON file")
	c.Flags().StringVar(&in.Title, "title", "", "default: the JSON file's, else the id")
	c.Flags().StringVar(&in.Version, "framework-version", "", "version of the framework")
	c.Flags().StringSliceVar(&in.Levels, "levels", nil, "names of the levels, the lowest first")
	c.Flags().StringVar(&form, "format", "", "csv or json; default: found out")
	return c
}

func (e *env) listFrameworks() *cobra.Command {
	var p place
	var o output
	c := &cobra.Command{
		Use: "list", Short: "List the frameworks that models can be measured against", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return e.asLocal(c.Context(), &p, func(svc *service.Service, who account.Principal) error {
				limit := service.MaxLimit
				out, err := svc.ListFrameworks(c.Context(), who, service.ListFrameworksIn{Limit: &limit})
				if err != nil {
					return err
				}
				if o == "json" {
					return e.printJSON(out)
				}
				for _, f := range out.Frameworks {
					from := "imported"
					if f.Official {
						from = "built in, official texts"
					} else if f.Builtin {
						from = "built in"
					}
					title := strings.TrimSpace(f.Title + " " + f.Version)
					if _, err := fmt.Fprintf(e.out, "%s: %s, %d requirements, %s, selected by %d models\n", f.ID, title, f.Requirements, from, f.Models); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	p.add(e, c)
	o.add(c)
	return c
}

func (e *env) removeFramework() *cobra.Command {
	var p place
	var o output
	var force bool
	c := &cobra.Command{
		Use: "remove ID", Short: "Remove an imported framework", Args: cobra.ExactArgs(1),
		Long: "Remove a framework that was imported. One that models use is removed with --force alone, and with it what they say of it: what is selected,\n" +
			"mapped, excluded and proposed. Official texts that were imported over a framework of the program go, and its summaries are back.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return e.asLocal(c.Context(), &p, func(svc *service.Service, who account.Principal) error {
				out, err := svc.RemoveFramework(c.Context(), who, service.RemoveFrameworkIn{FrameworkID: args[0], Force: force})
				if err != nil {
					return err
				}
				if o == "json" {
					return e.printJSON(out)
				}
				text := fmt.Sprintf("%s: removed, was used by %d models", out.FrameworkID, out.Models)
				if out.Builtin {
					text = out.FrameworkID + ": the official texts are removed, the summaries are back"
				}
				_, err = fmt.Fprintln(e.out, text)
				return err
			})
		},
	}
	p.add(e, c)
	o.add(c)
	c.Flags().BoolVar(&force, "force", false, "also where models use it")
	return c
}
