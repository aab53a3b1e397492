package mcp

import (
	"context"
	"strings"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// warnings are what people should know of a call although it succeeds. They are added by one goroutine at a time.
type warnings struct{ all []string }

func (w *warnings) add(text string) {
	if w != nil {
		w.all = append(w.all, text)
	}
}

// text returns all warnings; empty if there are none.
func (w *warnings) text() string { return strings.Join(w.all, "; ") }

// leaveOut adds a warning for each server that failed.
func (w *warnings) leaveOut(servers []*server, failures []error) {
	for i, err := range failures {
		if err != nil {
			w.add("left out the MCP server \"" + servers[i].Name + "\": " + protocol.AsError(err, protocol.ProviderNotAvailable).Message)
		}
	}
}

// askServers calls ask for all servers at once, and returns their errors in the order of the servers.
func askServers(servers []*server, ask func(number int, s *server) error) []error {
	failures := make([]error, len(servers))
	var asking sync.WaitGroup
	for i, s := range servers {
		asking.Go(func() { failures[i] = ask(i, s) })
	}
	asking.Wait()
	return failures
}

// queryAll runs a query on all servers and joins the answers. A server that fails is left out with a warning, unless no server
// but the built-in one, which is the first, answers.
func (c call) queryAll(ctx context.Context, servers []*server, about serverMethod) (value.Value, error) {
	answers := make([]value.Value, len(servers))
	failures := askServers(servers, func(number int, s *server) (err error) {
		answers[number], err = c.query(ctx, s, about.query)
		return err
	})
	if ctx.Err() != nil {
		return value.Value{}, contextError(ctx)
	}
	var answered []value.Value
	for i := range servers {
		if failures[i] == nil {
			answered = append(answered, answers[i])
		}
	}
	if err := firstError(failures); err != nil && (failures[0] != nil || len(answered) == 1) {
		return value.Value{}, err
	}
	c.warnings.leaveOut(servers, failures)
	return about.join(answered), nil
}

// firstError returns the first of several errors; nil if there is none.
func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// toolServer returns the server on which the tool is called. A server that does not answer is left out with a warning if
// another one has the tool.
func (c call) toolServer(ctx context.Context) (*server, error) {
	if c.target.server != "" {
		return c.handler.server(c.request, c.target.server)
	}
	if _, is := c.handler.builtins[c.target.tool]; is {
		return c.handler.servers[0], nil
	}
	servers, err := c.handler.candidates(c.request)
	if err != nil {
		return nil, err
	}
	has := make([]bool, len(servers))
	failures := askServers(servers, func(number int, s *server) error {
		limited, stop := c.withTimeout(ctx, s) // The wait for the slot counts: another server may have the tool.
		defer stop()
		return s.withSlot(limited, func(limited context.Context) error {
			if err := c.awaitStart(ctx, s); err != nil {
				return err
			}
			if c.request.Timeout == 0 {
				var stop context.CancelFunc
				limited, stop = c.withTimeout(ctx, s)
				defer stop()
			}
			return s.withConnection(limited, c.request.Secrets, func(ctx context.Context, conn *connection) (bool, error) {
				found, _, err := conn.findTool(ctx, c.target.tool)
				has[number] = found.Tool != nil
				return true, err
			})
		})
	})
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	var owners []*server
	for i, s := range servers {
		if failures[i] == nil && has[i] {
			owners = append(owners, s)
		}
	}
	switch failure := firstError(failures); {
	case len(owners) == 0 && failure != nil:
		return nil, c.lookupError(failure)
	case len(owners) == 0:
		return nil, protocol.Errorf(protocol.MethodNotSupported, "no MCP server has a tool %q", c.target.tool).
			WithHint("mcp/tools/list lists the tools of %s", names(servers))
	case len(owners) == 1:
		c.warnings.leaveOut(servers, failures)
		return owners[0], nil
	}
	return nil, protocol.Errorf(protocol.InvalidParams, "several MCP servers have a tool %q: %s", c.target.tool, names(owners)).
		WithHint("name one: %s%s.tool.%s", family, owners[0].Name, c.target.tool)
}

// lookupError returns the error of a failed search for the server that has a tool.
func (c call) lookupError(err error) error {
	failure := protocol.AsError(err, protocol.ProviderNotAvailable)
	if failure.Code == protocol.TaskCancelled || failure.Hint != "" {
		return failure
	}
	return failure.WithHint("%s names no server, so every server is asked for its tools; write %sSERVER.tool.%s to ask only one", c.request.Method, family, c.target.tool)
}
