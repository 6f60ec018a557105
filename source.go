package main

import "embed"

// source is the code of this program that the demo makes claims about.
//
//go:embed account/account.go auth/key.go auth/key_test.go service/write.go server/isolation_test.go
var source embed.FS
