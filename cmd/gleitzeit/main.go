// Command gleitzeit runs LLM workflows and batches written in YAML.
package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/cli"
)

func main() {
	started := time.Now()
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	// A write to a pipe that nobody reads any more returns an error instead of ending the process. Children do not inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(cli.Main(cli.Process{
		Args: os.Args[1:], Env: os.LookupEnv, Environ: os.Environ, Interrupts: interrupts, Started: started,
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
	}))
}
