// Package cli is the command line: each file a subcommand that parses flags, wires the parts together, and calls.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/redoubt-dev/redoubt/threat"
)

// Exit codes (specification §15).
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// World is what the command line may touch of the world outside.
type World struct {
	In     io.Reader
	Out    io.Writer
	Err    io.Writer
	Getenv func(string) string
	Source fs.FS // the part of this program's own source that the demo makes claims about
}

// env is the World of a running command.
type env struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	getenv func(string) string
	source fs.FS
}

// Main runs the command line and returns its exit code: 0 all is well, 1 something failed, 2 usage or connection.
func Main(args []string, w World) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e := &env{in: w.In, out: w.Out, err: w.Err, getenv: w.Getenv, source: w.Source}
	root := e.root()
	root.SetArgs(args)
	root.SetIn(w.In)
	root.SetOut(w.Out)
	root.SetErr(w.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var failed *failure
	if errors.As(err, &failed) {
		if failed.message != "" {
			fmt.Fprintln(w.Err, failed.message)
		}
		return exitFailed
	}
	e.report(err)
	return exitUsage
}

// failure is an error that exits 1: the command ran, and something it checked does not hold.
type failure struct{ message string }

func (f *failure) Error() string { return f.message }

// report prints an error for a person: what is wrong, then what to do.
func (e *env) report(err error) {
	var te *threat.Error
	if !errors.As(err, &te) {
		fmt.Fprintf(e.err, "redoubt: %v\n", err)
		return
	}
	items := te.Items
	if items == nil {
		items = []threat.Item{{Message: te.Message, Field: te.Field, Hint: te.Hint}}
	}
	for _, i := range items {
		text := i.Message
		if i.Field != "" {
			text = i.Field + ": " + text
		}
		fmt.Fprintf(e.err, "redoubt: %s\n", text)
		if i.Hint != "" {
			fmt.Fprintf(e.err, "  hint: %s\n", i.Hint)
		}
	}
}

func (e *env) root() *cobra.Command {
	serve := e.serve()
	root := &cobra.Command{
		Use:           "redoubt",
		Short:         "Threat models for coding agents, verified by CI",
		Long:          "Redoubt serves threat models to coding agents over MCP and verifies in CI that their controls are really in the code.\nWithout a command it serves.",
		Args:          cobra.NoArgs,
		RunE:          serve.RunE,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.Flags().AddFlagSet(serve.Flags())
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(serve, e.demo(), e.mcp(), e.verify(), e.exportModel(), e.importModel(), e.framework(), e.findings(), e.audit(), e.backup(), e.restore(), e.user(), e.key(), e.workspace(), e.version())
	return root
}

// Version is the program's version: the module's when it was installed by version, else the commit it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	version, modified := "devel", false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			version = "devel-" + s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		version += "-modified"
	}
	return version
}

func (e *env) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(e.out, "redoubt", Version())
			return err
		},
	}
}

// logger writes lines for people to a terminal, JSON elsewhere.
func (e *env) logger() zerolog.Logger {
	level, err := zerolog.ParseLevel(strings.ToLower(e.getenv("REDOUBT_LOG_LEVEL")))
	if err != nil || level == zerolog.NoLevel {
		level = zerolog.InfoLevel
	}
	var w io.Writer = e.err
	if f, ok := e.err.(*os.File); ok && isTerminal(f) {
		w = zerolog.ConsoleWriter{Out: f, TimeFormat: "15:04:05"}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}

// isTerminal reports whether a file is a character device, which is what a terminal is.
func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// printJSON prints a value as indented JSON.
func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// output is the --output flag of operator commands.
type output string

func (o *output) add(c *cobra.Command) {
	c.Flags().StringVarP((*string)(o), "output", "o", "text", "text or json")
}

func (o output) check() error {
	if o != "text" && o != "json" {
		return threat.Errorf(threat.Invalid, "%q is not known", string(o)).In("output").Hinted("valid: text, json")
	}
	return nil
}
