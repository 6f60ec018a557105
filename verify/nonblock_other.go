//go:build !unix

package verify

// nonBlocking is nothing where no path in a folder names a pipe.
const nonBlocking = 0
