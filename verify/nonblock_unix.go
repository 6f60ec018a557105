//go:build unix

package verify

import "syscall"

// nonBlocking keeps an open from waiting for the writer of a pipe.
const nonBlocking = syscall.O_NONBLOCK
