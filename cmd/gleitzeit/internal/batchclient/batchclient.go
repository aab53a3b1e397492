package batchclient

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/requestfile"
)

// Options are what is sent, and where the results go.
type Options struct {
	Server   string // The base URL.
	Batch    string // The id of a batch that exists; empty: one is created.
	Requests string // The request file.
	Output   string // Empty is standard output.
	Errors   string // Beside Output.
	Window   string // Within which the batch is to end.
	Another  bool   // Whatever the same command has sent before.

	flags *pflag.FlagSet
}

// usualWindow is the one that every server takes.
const usualWindow = "24h"

// Register adds the flags.
func (o *Options) Register(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringVar(&o.Server, "server", "", "base `URL` of a Batch API that answers the request file, such as http://127.0.0.1:8235/v1; its key is $"+keyVariable+", or that of this home's own server")
	flags.StringVar(&o.Batch, "batch", "", "`id` of a batch on --server whose results are waited for and downloaded")
}

// Wanted reports whether a server is to answer the requests.
func (o *Options) Wanted() bool { return o.flags.Changed("server") || o.flags.Changed("batch") }

// others are the flags of `batch` that mean something to a server.
var others = []string{"server", "batch", "output", "errors", "deadline", "new", "yes", "format", "home", "help"}

// Check returns every problem of the arguments.
func (o *Options) Check(files []string) (found []string) {
	if o.Server == "" {
		return []string{"--batch needs --server: the base URL of the Batch API that has the batch"}
	}
	if _, err := parseServer(o.Server); err != nil {
		found = append(found, "--server: "+err.Error())
	}
	if o.Window != "" {
		if window, err := config.ParseAge(o.Window); err != nil || window < time.Second || window > requestfile.LongestWindow {
			found = append(found, fmt.Sprintf("--deadline is %.60q: with --server it must be a duration of at most 30d, such as 24h or 7d", o.Window))
		}
	}
	given := o.flags.Changed("batch")
	if given && o.Batch == "" {
		found = append(found, "--batch is empty: it must be the id of a batch")
	}
	if given && len(files) > 0 {
		found = append(found, fmt.Sprintf("unexpected argument %q beside --batch: the server has the requests of the batch", files[0]))
	}
	if given && (o.flags.Changed("new") || o.flags.Changed("deadline")) {
		found = append(found, "--batch downloads what there is, and cannot be combined with --new and --deadline")
	}
	if !given && len(files) != 1 {
		found = append(found, fmt.Sprintf("--server takes one request file, not %d", len(files)))
	}
	o.flags.Visit(func(flag *pflag.Flag) {
		if !slices.Contains(others, flag.Name) {
			found = append(found, fmt.Sprintf("--%s has no effect with --server: the server answers the requests as they are", flag.Name))
		}
	})
	return found
}

// Program is what the command uses of the program.
type Program struct {
	Say func(text string) // Prints a line for people.
	Out io.Writer
	Env func(name string) (string, bool)
}

// Result is how a batch has ended.
type Result struct {
	Batch, Status string
	Failed        bool // Requests have no answer.
	Invalid       bool // The server has refused the file.
}

// Run sends a request file, unless a batch is given, waits for the batch, and writes the results. An error is a *protocol.Error or that of
// ctx.
func (p Program) Run(ctx context.Context, h *home.Home, o Options) (*Result, error) {
	base, err := parseServer(o.Server)
	if err != nil {
		return nil, protocol.Errorf(protocol.InvalidParams, "--server: %s", err)
	}
	key, from, err := p.key(h, base)
	if err != nil {
		return nil, err
	}
	if o.Window == "" {
		o.Window = usualWindow
	}
	return (&command{Options: o, client: newClient(base, key, from, p.Say), home: h, out: p.Out}).run(ctx)
}

// key returns what the server is told, and where it is from: that of the home if it is its own server, and otherwise that of the environment.
// It is never an argument: other users of this machine see those.
func (p Program) key(h *home.Home, base string) (key, from string, err error) {
	if own := h.ServerBatchAPI(); own != "" && sameServer(own, base) {
		token, err := os.ReadFile(h.APIToken())
		if err != nil {
			return "", "", unreadable(h.APIToken(), err)
		}
		return strings.TrimSpace(string(token)), h.APIToken(), nil
	}
	key, _ = p.Env(keyVariable)
	return strings.TrimSpace(key), keyVariable, nil
}

func (c *command) run(ctx context.Context) (_ *Result, err error) {
	id := c.Batch
	defer func() {
		if err != nil {
			c.sayLater(id)
		}
	}()
	if id == "" {
		if id, err = c.send(ctx); err != nil {
			return nil, err
		}
	}
	b, err := c.wait(ctx, id)
	if err != nil {
		return nil, err
	}
	result := &Result{Batch: id, Status: b.Status, Failed: b.Counts.Failed > 0 || b.ErrorFile != "", Invalid: b.Counts.Total == 0}
	if b.Status == "failed" {
		c.sayProblems(b)
	} else if err := c.download(ctx, b); err != nil {
		return nil, err
	}
	return result, forget(c.home, c.base, id)
}

// sayLater prints how the batch is found again. Of one that is not known, the same command finds it. Whether there is one that was given is
// known when the server has described it.
func (c *command) sayLater(id string) {
	if id == "" || c.Batch != "" && !c.seen {
		return
	}
	words := fmt.Sprintf("gleitzeit batch --server %s --batch %s", c.base, id)
	if c.Output != "" {
		words += " --output " + c.Output
	}
	if c.Batch == "" {
		c.say(fmt.Sprintf("batch %s stays on the server; the same command, or `%s`, downloads its results", id, words))
		return
	}
	c.say(fmt.Sprintf("batch %s stays on the server; `%s` downloads its results", id, words))
}

// sayProblems prints why the server has refused the requests: every line, with its place.
func (c *command) sayProblems(b *batch) {
	for _, p := range b.Errors.Data {
		place := ""
		switch {
		case p.Line > 0 && c.Requests != "":
			place = fmt.Sprintf("%s:%d: ", c.Requests, p.Line)
		case p.Line > 0:
			place = fmt.Sprintf("line %d: ", p.Line)
		case c.Requests != "":
			place = c.Requests + ": "
		}
		c.say(fmt.Sprintf("%s%s (%s)", place, p.Message, p.Code))
	}
	c.say(fmt.Sprintf("gleitzeit: batch %s failed: the server has answered none of the requests", b.ID))
}
