package cli_test

import (
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
