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

// waitServed runs "served PATTERN PATH": it waits until the answer at a path matches, with $KEY where there is one. With "!", until it does
// not match.
func waitServed(ts *testscript.TestScript, not bool, args []string) {
	pattern := regexp.MustCompile(args[0])
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		request, err := http.NewRequest(http.MethodGet, ts.Getenv("URL")+args[1], nil)
		ts.Check(err)
		if key := ts.Getenv("KEY"); key != "" {
			request.Header.Set("Authorization", "Bearer "+key)
		}
		response, err := http.DefaultClient.Do(request)
		ts.Check(err)
		text, err := io.ReadAll(response.Body)
		ts.Check(err)
		ts.Check(response.Body.Close())
		if pattern.Match(text) != not && (!not || response.StatusCode == http.StatusOK) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s did not come to fit %s: %s", args[1], args[0], text)
		}
	}
}
