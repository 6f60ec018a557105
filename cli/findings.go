package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/threat"
	"github.com/redoubt-dev/redoubt/verify/remote"
)

func (e *env) findings() *cobra.Command {
	c := &cobra.Command{Use: "findings", Short: "Import what scanners found, and export findings", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		return c.Help()
	}}
	c.AddCommand(e.findingsImport(), e.findingsExport())
	return c
}

// whereabouts is a server, or a data folder of this machine when --data or --database is given.
type whereabouts struct {
	connection connection
	place      place
	model      string
	local      func() bool
}

func (w *whereabouts) add(e *env, c *cobra.Command) {
	w.connection.add(e, c)
	w.place.add(e, c)
	c.Flags().StringVar(&w.model, "model", e.getenv("REDOUBT_MODEL"), "id of the threat model; default: the only one (REDOUBT_MODEL)")
	w.local = func() bool { return c.Flags().Changed("data") || c.Flags().Changed("database") }
	for _, far := range []string{"server", "api-key"} {
		for _, near := range []string{"data", "database"} {
			c.MarkFlagsMutuallyExclusive(far, near)
		}
	}
}

// named returns the model that was named, else the only one there is.
func (w *whereabouts) named(ids []string) (string, error) {
	switch {
	case w.model != "":
		return w.model, nil
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) == 0:
		return "", threat.Errorf(threat.NotFound, "there is no threat model").In("model").Hinted("generate_threat_model makes one")
	}
	return "", threat.Errorf(threat.Invalid, "there are several threat models").In("model").Hinted("--model ID, or REDOUBT_MODEL")
}

// localModel returns the model that was named, else the only one of the data folder.
func (w *whereabouts) localModel(ctx context.Context, svc *service.Service, who account.Principal) (string, error) {
	if w.model != "" {
		return w.model, nil
	}
	two := 2
	list, err := svc.ListThreatModels(ctx, who, service.ListThreatModelsIn{Limit: &two})
	if err != nil {
		return "", err
	}
	var ids []string
	for _, m := range list.Models {
		ids = append(ids, m.ID)
	}
	return w.named(ids)
}

func (e *env) findingsImport() *cobra.Command {
	var w whereabouts
	var o output
	c := &cobra.Command{
		Use: "import FILE", Short: "Make findings of a scanner's SARIF 2.1.0 report", Args: cobra.ExactArgs(1),
		Long: "Make findings of a scanner's SARIF 2.1.0 report (plain or gzip, - for standard input), on a server, or with --data on a data folder of this\n" +
			"machine. What is known already adds nothing, so that a report can be imported after every scan. It exits 1 when a result could not be read.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			raw, err := e.readFile(args[0], maxDocument)
			if err != nil {
				return err
			}
			var out service.ImportSARIFOut
			if w.local() {
				err = e.asLocal(c.Context(), &w.place, func(svc *service.Service, who account.Principal) error {
					in := service.ImportSARIFIn{}
					if in.ModelID, err = w.localModel(c.Context(), svc, who); err != nil {
						return err
					}
					in.TakeStream(bytes.NewReader(raw))
					out, err = svc.ImportSARIF(c.Context(), who, in)
					return err
				})
			} else {
				err = e.importRemote(c.Context(), &w, raw, &out)
			}
			if err != nil {
				return err
			}
			if o == "json" {
				err = e.printJSON(out)
			} else {
				err = e.printImported(out)
			}
			if err == nil && out.Lost > 0 {
				err = &failure{}
			}
			return err
		},
	}
	w.add(e, c)
	o.add(c)
	return c
}

// remote opens a client, and finds the model that was named, else the only one of the workspace.
func (w *whereabouts) remote(ctx context.Context, e *env) (*remote.Client, string, error) {
	client, err := w.connection.open(e)
	if err != nil || w.model != "" {
		return client, w.model, err
	}
	list, err := client.Models(ctx)
	if err != nil {
		return nil, "", err
	}
	var ids []string
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	model, err := w.named(ids)
	return client, model, err
}

func (e *env) importRemote(ctx context.Context, w *whereabouts, raw []byte, out *service.ImportSARIFOut) error {
	client, model, err := w.remote(ctx, e)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		var b bytes.Buffer
		packer := gzip.NewWriter(&b)
		_, _ = packer.Write(raw) // a buffer takes everything
		_ = packer.Close()
		raw = b.Bytes()
	}
	return client.ImportSARIF(ctx, model, raw, out)
}

// printImported says for a person what came of a report.
func (e *env) printImported(out service.ImportSARIFOut) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d results: %d added, %d reopened, %d known, %d skipped\n", out.Results, out.Added, out.Reopened, out.Known, out.Skipped)
	if out.First != "" {
		fmt.Fprintf(&b, "new: %s to %s", out.First, out.Last)
		for _, s := range threat.Severities() {
			if n := out.Severity[s]; n > 0 {
				fmt.Fprintf(&b, ", %d %s", n, s)
			}
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "controls: %d mapped, %d unmapped\n", out.Mapped, out.Unmapped)
	if out.Dismissed+out.Proposed > 0 {
		fmt.Fprintf(&b, "suppressed: %d dismissed, %d proposed to be\n", out.Dismissed, out.Proposed)
	}
	for _, s := range out.Skips {
		fmt.Fprintf(&b, "skipped: run %d, result %d", s.Run, s.Index)
		if s.Rule != "" {
			fmt.Fprintf(&b, " (%s)", s.Rule)
		}
		fmt.Fprintf(&b, ": %s\n", s.Reason)
	}
	if n := out.Skipped - len(out.Skips); n > 0 {
		fmt.Fprintf(&b, "and %d more\n", n)
	}
	_, err := fmt.Fprint(e.out, b.String())
	return err
}

func (e *env) findingsExport() *cobra.Command {
	var w whereabouts
	var file string
	c := &cobra.Command{
		Use: "export", Short: "Write findings and failed assertions as SARIF 2.1.0", Args: cobra.NoArgs,
		Long: "Write the open and dismissed findings of a model, and its failed assertions, as SARIF 2.1.0: from a server, or with --data from a data\n" +
			"folder of this machine.",
		RunE: func(c *cobra.Command, _ []string) error {
			var raw []byte
			var err error
			if w.local() {
				err = e.asLocal(c.Context(), &w.place, func(svc *service.Service, who account.Principal) error {
					model, err := w.localModel(c.Context(), svc, who)
					if err != nil {
						return err
					}
					out, err := svc.ExportSARIF(c.Context(), who, service.ExportSARIFIn{ModelID: model})
					_, raw = out.Raw()
					return err
				})
			} else {
				client, model, failed := w.remote(c.Context(), e)
				if err = failed; err == nil {
					raw, err = client.ExportSARIF(c.Context(), model)
				}
			}
			if err != nil {
				return err
			}
			return e.writeOut(file, raw)
		},
	}
	w.add(e, c)
	c.Flags().StringVarP(&file, "out", "o", "", "file to write; default: standard output")
	return c
}
