// Redoubt is a service through which coding agents make threat models, implement their controls, and have CI verify them.
package main

import (
	"os"

	"github.com/redoubt-dev/redoubt/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)) }
