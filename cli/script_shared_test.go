package cli_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// sharedCondition answers [shared]: REDOUBT_SHARED names the folder with published files.
func sharedCondition(name string) (bool, error) {
	if name != "shared" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return os.Getenv("REDOUBT_SHARED") != "", nil
}

// sharedFile runs "sharedfile NAME PATH" and sets $NAME to a file in the folder with published files.
func sharedFile(ts *testscript.TestScript, _ bool, args []string) {
	path := filepath.Join(os.Getenv("REDOUBT_SHARED"), filepath.FromSlash(args[1]))
	_, err := os.Stat(path)
	ts.Check(err)
	ts.Setenv(args[0], path)
}
