//go:build unix

package runtests

import (
	"os/exec"
	"syscall"
)

// ownGroup makes a command the leader of a group of processes, which is killed as a whole when its time is over.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
