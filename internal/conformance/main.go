// The conformance program serves Redoubt with the fixtures that the MCP conformance suites call, for scripts/conformance.sh
// alone. It is the same stack as `redoubt serve`: middleware, keys, limits, cached tools/list, stateless mcp-go; the fixtures
// join it through [server.Config.Extend].
//
// The suites cannot send a key, and the 401 layer is not to be taken out for them. So the program opens a second address, which
// adds the key to each request and hands it to the same handler. It is no [net/http/httputil.ReverseProxy]: that one cuts off
// an answer that begins before it has noticed the end of the request's body, which a stream of notifications does.
//
// It prints three lines, "url", "key" and "open" (the second address), and ends on a signal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/redoubt-dev/redoubt/pipeline"
	"github.com/redoubt-dev/redoubt/pipeline/builtin"
	"github.com/redoubt-dev/redoubt/server"
	"github.com/redoubt-dev/redoubt/service"
	"github.com/redoubt-dev/redoubt/store"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, out io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "redoubt-conformance-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	st, err := store.Open(ctx, store.Config{Database: "sqlite:" + filepath.Join(folder, "redoubt.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	expert, err := builtin.New()
	if err != nil {
		return err
	}
	log := zerolog.New(os.Stderr).Level(zerolog.WarnLevel)
	svc, err := service.New(service.Config{Store: st, Engines: []pipeline.Engine{expert}, Log: log})
	if err != nil {
		return err
	}
	first, _, err := svc.EnsureAdmin(ctx, func(service.FirstStart) error { return nil })
	if err != nil {
		return err
	}
	srv, err := server.New(server.Config{Service: svc, Log: log, Version: "conformance", Extend: extend})
	if err != nil {
		return err
	}
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		return err
	}
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	opened := &http.Server{Handler: withKey(srv.Handler(), first.DeveloperKey), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 2)
	go func() { served <- srv.Serve() }()
	go func() { served <- opened.Serve(open) }()
	fmt.Fprintf(out, "url %s/mcp\nkey %s\nopen http://%s/mcp\n", srv.URL(), first.DeveloperKey, open.Addr())

	select {
	case err = <-served:
	case <-ctx.Done():
	}
	wait, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, opened.Close(), srv.Close(wait))
}

// withKey adds the key to every request.
func withKey(next http.Handler, key string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+key)
		next.ServeHTTP(w, r)
	})
}
