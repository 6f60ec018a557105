// Redoubt is a service through which coding agents make threat models, implement their controls, and have CI verify them.
package main

import (
	"os"

	"github.com/redoubt-dev/redoubt/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.World{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Source: source}))
}
