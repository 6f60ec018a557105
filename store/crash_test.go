package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redoubt-dev/redoubt/account"
	"github.com/redoubt-dev/redoubt/internal/testenv"
	"github.com/redoubt-dev/redoubt/store"
)

// crashChild names the database for a child process of the test binary that writes until it is killed.
const crashChild = "REDOUBT_TEST_CRASH_CHILD"

const crashWorkspace, crashModel = "w", "m"

// writeUntilKilled saves one version after another, and says the number of each once it is committed.
func writeUntilKilled(path string) {
	s, err := store.Open(context.Background(), store.Config{Database: "sqlite:" + path})
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	for {
		var version int
		err := s.Write(context.Background(), func(tx *store.Tx) error {
			if err := addAsset(tx, crashWorkspace, crashModel, "u", testName()); err != nil {
				return err
			}
			m, err := tx.Model(crashWorkspace, crashModel)
			version = m.Version
			return err
		})
		if err != nil {
			fmt.Println("write:", err)
			return
		}
		fmt.Println(version)
	}
}

func testName() string { return fmt.Sprintf("asset %d", rand.Uint64()) }

// Whatever was acknowledged survives a kill, and no version is half there.
func TestNothingAcknowledgedIsLostInACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crash.db")
	c := testenv.NewClock()
	e := env{testenv.Open(t, "sqlite:"+path, c), "sqlite:" + path, c}
	e.write(t, func(tx *store.Tx) error {
		err := tx.AddWorkspace(account.Workspace{ID: crashWorkspace, Name: "w", Kind: account.Team, CreatedAt: tx.Now()})
		return errors.Join(err, tx.AddModel(crashWorkspace, store.Model{ID: crashModel, Title: "m", CreatedBy: "u"}))
	})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for round := range 4 {
		acknowledged := runAndKill(t, path, 20+rand.IntN(60))
		e.Store = testenv.Open(t, e.database, c)
		m := model(t, e, crashWorkspace, crashModel)
		if m.Version < acknowledged {
			t.Errorf("round %d: version %d was acknowledged, %d is the newest", round, acknowledged, m.Version)
		}
		// Each version has one asset more than the one before, and took one number.
		e.read(t, func(v *store.Snapshot) error {
			for n := 1; n <= m.Version; n++ {
				s, err := v.Version(crashWorkspace, crashModel, n)
				if err != nil {
					return err
				}
				if len(s.Assets) != n {
					t.Fatalf("round %d: version %d has %d assets", round, n, len(s.Assets))
				}
			}
			counters, err := v.Counters(crashWorkspace, crashModel)
			if counters["asset"] != m.Version+1 {
				t.Errorf("round %d: the next asset is %d at version %d", round, counters["asset"], m.Version)
			}
			_, headers, err2 := v.Versions(crashWorkspace, crashModel, 1, 0)
			if headers != m.Version {
				t.Errorf("round %d: %d headers of %d versions", round, headers, m.Version)
			}
			return errors.Join(err, err2)
		})
		var verdict string
		if err := raw(t, e.database).QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			t.Errorf("round %d: %s, %v", round, verdict, err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// runAndKill kills the child after it acknowledged some versions, and returns the last one that it acknowledged.
func runAndKill(t *testing.T, path string, after int) int {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashChild+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	last := 0
	lines := bufio.NewReader(out)
	for n := 0; ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // the pipe ends with the child; a last line that is cut off was not acknowledged
		}
		version, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			_ = child.Process.Kill()
			t.Fatalf("the child says %q", line)
		}
		last = version
		if n == after {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	if last == 0 {
		t.Fatal("the child acknowledged nothing")
	}
	return last
}
