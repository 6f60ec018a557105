package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/redoubt-dev/redoubt/cli"
	"github.com/redoubt-dev/redoubt/internal/testenv/live"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"redoubt": func() {
			_, file, _, _ := runtime.Caller(0)
			source := os.DirFS(filepath.Join(filepath.Dir(file), ".."))
			os.Exit(cli.Main(os.Args[1:], cli.World{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Source: source}))
		},
	})
}

// TestScripts runs the journeys of testdata/script against the program as a process.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server":   startServer,
			"stop":     stopServer,
			"tool":     callTool,
			"stdio":    callStdio,
			"http":     callHTTP,
			"jsonpath": jsonPath,
			"mode":     fileMode,
			"time":     setTime,
			"until":    waitUntil,
			"served":   waitServed,
			"action":   runAction,
			"issuer":   startIssuer(t),
			"job":      setJob,
			"mint":     mintToken,
			"keypair":  makeKeys,
			"readenv":  readVariable,

			"llm":        startLLM(t),
			"sharedfile": sharedFile,

			"gitlabjob": runGitLab(t),

			"pay": payFor,
		},
		Setup:               setupIssuers,
		Condition:           sharedCondition,
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("REDOUBT_UPDATE_SCRIPTS") != "",
	})
}

// process is a server that a script started.
type process struct {
	cmd *exec.Cmd
	out live.Log
	eof chan struct{}
}

var keyLine = regexp.MustCompile(`Bearer (rdk_[0-9A-Za-z]+)`)

// startServer runs "server ARGS…": it starts redoubt serve on a free port, waits until it listens, and sets $URL, and $KEY on
// a first start.
func startServer(ts *testscript.TestScript, neg bool, args []string) {
	c := exec.Command("redoubt", append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)
	c.Dir = ts.MkAbs(".")
	c.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "TMPDIR=" + ts.Getenv("TMPDIR"), "SSL_CERT_FILE=" + ts.Getenv("SSL_CERT_FILE")}
	for _, name := range []string{"OPENAI_BASE_URL", "OPENAI_API_KEY", "REDOUBT_LLM_MODEL", "REDOUBT_PLANS", "REDOUBT_PLANS_TABLE", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"} {
		c.Env = append(c.Env, name+"="+ts.Getenv(name))
	}
	path, err := exec.LookPath("redoubt")
	if err == nil {
		c.Path = path
	}
	stdout, err := c.StdoutPipe()
	ts.Check(err)
	c.Stderr = io.Discard
	ts.Check(c.Start())
	p := &process{cmd: c, eof: make(chan struct{})}
	listening := make(chan string, 1)
	go func() {
		defer close(p.eof)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			fmt.Fprintln(&p.out, s.Text())
			if _, url, ok := strings.Cut(s.Text(), "is listening on "); ok {
				listening <- url
			}
			if _, addr, ok := strings.Cut(s.Text(), "it takes connections at "); ok { // with --public-url
				listening <- "http://" + addr
			}
			if strings.Contains(s.Text(), "Then tell the agent") || strings.Contains(s.Text(), "For another key") {
				close(listening)
			}
		}
	}()
	var url string
	select {
	case url = <-listening:
		for reached := range listening { // the rest of the welcome
			url = reached
		}
	case <-p.eof:
		ts.Fatalf("the server ended: %s", p.out.String())
	case <-time.After(20 * time.Second):
		ts.Fatalf("the server did not start: %s", p.out.String())
	}
	ts.Setenv("URL", url)
	ts.Setenv("ADDR", strings.TrimPrefix(url, "http://"))
	if m := keyLine.FindStringSubmatch(p.out.String()); m != nil {
		ts.Setenv("KEY", m[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs("welcome.txt"), []byte(p.out.String()), 0o600))
	ts.Defer(func() { _ = c.Process.Kill() })
	processes[ts.Getenv("WORK")] = p
}

// processes are the running servers by the script's folder; scripts of one process run one after another.
var processes = map[string]*process{}

// stopServer runs "stop": SIGTERM, and the server must end well.
func stopServer(ts *testscript.TestScript, _ bool, _ []string) {
	p := processes[ts.Getenv("WORK")]
	ts.Check(p.cmd.Process.Signal(syscall.SIGTERM))
	<-p.eof
	if err := p.cmd.Wait(); err != nil {
		ts.Fatalf("the server ended with %v", err)
	}
}

// connect returns an MCP client.
func connect(ts *testscript.TestScript, c *client.Client, err error) *client.Client {
	ts.Check(err)
	ts.Defer(func() { _ = c.Close() })
	ts.Check(c.Start(context.Background()))
	init := mcp.InitializeRequest{}
	init.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	init.Params.ClientInfo = mcp.Implementation{Name: "script", Version: "1"}
	_, err = c.Initialize(context.Background(), init)
	ts.Check(err)
	return c
}

// call calls a tool with JSON arguments, or with those of a file (@FILE) whose $NAMES are expanded, and prints the text of the answer.
func call(ts *testscript.TestScript, c *client.Client, neg bool, args []string) {
	request := mcp.CallToolRequest{}
	request.Params.Name = args[0]
	arguments := map[string]any{}
	if len(args) > 1 {
		text := args[1]
		if name, ok := strings.CutPrefix(text, "@"); ok {
			text = os.Expand(ts.ReadFile(name), ts.Getenv)
		}
		if err := json.Unmarshal([]byte(text), &arguments); err != nil {
			ts.Fatalf("the arguments %s: %v", args[1], err)
		}
	}
	request.Params.Arguments = arguments
	result, err := c.CallTool(context.Background(), request)
	ts.Check(err)
	text, _ := mcp.AsTextContent(result.Content[0])
	_, _ = fmt.Fprintln(ts.Stdout(), text.Text)
	if result.IsError != neg {
		ts.Fatalf("isError is %v: %s", result.IsError, text.Text)
	}
}

// callTool runs "tool NAME JSON" over HTTP with $KEY.
func callTool(ts *testscript.TestScript, neg bool, args []string) {
	c, err := client.NewStreamableHttpClient(ts.Getenv("URL")+"/mcp",
		transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + ts.Getenv("KEY")}))
	call(ts, connect(ts, c, err), neg, args)
}

// callStdio runs "stdio NAME JSON" against redoubt mcp on the folder data.
func callStdio(ts *testscript.TestScript, neg bool, args []string) {
	path, err := exec.LookPath("redoubt")
	ts.Check(err)
	env := []string{
		"PATH=" + ts.Getenv("PATH"), "REDOUBT_API_KEY=" + ts.Getenv("REDOUBT_API_KEY"), "REDOUBT_PROJECT_ROOT=" + ts.Getenv("REDOUBT_PROJECT_ROOT"),
	}
	c, err := client.NewStdioMCPClient(path, env, "mcp", "--data", ts.MkAbs("data"), "--toolsets", "all")
	call(ts, connect(ts, c, err), neg, args)
}

// callHTTP runs "http STATUS METHOD PATH [BODY]" with $KEY and prints the body.
func callHTTP(ts *testscript.TestScript, _ bool, args []string) {
	body := ""
	if len(args) > 3 {
		body = args[3]
	}
	request, err := http.NewRequestWithContext(context.Background(), args[1], ts.Getenv("URL")+args[2], strings.NewReader(body))
	ts.Check(err)
	request.Header.Set("Authorization", "Bearer "+ts.Getenv("KEY"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	text, err := io.ReadAll(response.Body)
	ts.Check(err)
	ts.Check(response.Body.Close())
	_, _ = ts.Stdout().Write(text)
	if got := fmt.Sprint(response.StatusCode); got != args[0] {
		ts.Fatalf("status %s, want %s: %s", got, args[0], text)
	}
}

// jsonPath runs "jsonpath NAME a.b.c" and sets $NAME to that part of the JSON that was printed last.
func jsonPath(ts *testscript.TestScript, _ bool, args []string) {
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &v); err != nil {
		ts.Fatalf("no JSON was printed last: %v", err)
	}
	for part := range strings.SplitSeq(args[1], ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil || i >= len(x) {
				ts.Fatalf("no element %s", part)
			}
			v = x[i]
		}
	}
	if v == nil {
		ts.Fatalf("there is no %s in %s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

// fileMode runs "mode 600 FILE".
func fileMode(ts *testscript.TestScript, _ bool, args []string) {
	st, err := os.Stat(ts.MkAbs(filepath.FromSlash(args[1])))
	ts.Check(err)
	if got := fmt.Sprintf("%o", st.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has the mode %s", args[1], got)
	}
}
