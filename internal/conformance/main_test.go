package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The fixtures join the real stack: its own address refuses a request without a key, the second one adds it.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, in) }()
	urls := map[string]string{}
	for lines := bufio.NewScanner(out); len(urls) < 3 && lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		urls[name] = value
	}
	for name, want := range map[string]string{"url": "401", "open": "test_simple_text"} {
		r, err := http.Post(urls[name], "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if got := r.Status + string(body); !strings.Contains(got, want) {
			t.Errorf("%s: %.300s, want %s", name, got, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
