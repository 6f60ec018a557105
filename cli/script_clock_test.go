package cli_test

import (
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// setTime runs "time NAME DURATION": it sets $NAME to the time so long from now, as RFC 3339.
func setTime(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	ts.Setenv(args[0], time.Now().UTC().Add(d).Format(time.RFC3339Nano))
}

// waitUntil runs "until TIME": it waits until that time is past.
func waitUntil(ts *testscript.TestScript, _ bool, args []string) {
	at, err := time.Parse(time.RFC3339Nano, args[0])
	ts.Check(err)
	time.Sleep(time.Until(at) + time.Millisecond)
}

// waitServed runs "served PATTERN PATH": it waits until the answer at a path that needs no key matches.
func waitServed(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile(args[0])
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(ts.Getenv("URL") + args[1])
		ts.Check(err)
		text, err := io.ReadAll(response.Body)
		ts.Check(err)
		ts.Check(response.Body.Close())
		if pattern.Match(text) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s never matched %s", args[1], args[0])
		}
	}
}
