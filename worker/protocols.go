package worker

import (
	"errors"
	"io"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// entry is one protocol: what it offers, and how its handler is made.
type entry struct {
	spec protocol.Spec
	make func() (protocol.Handler, error) // One that is an io.Closer is closed with its worker.
}

// HandlerOptions are the settings of the protocols.
type HandlerOptions struct {
	LLM llm.Options
}

// protocols is the list of them all. To add one: a folder beneath activities, and a line here.
func protocols(o HandlerOptions) []entry {
	return []entry{
		{llm.Spec(), func() (protocol.Handler, error) { return llm.New(o.LLM) }},
		{python.Spec(), func() (protocol.Handler, error) { return python.New(python.Options{}), nil }},
		{mcp.Spec(), func() (protocol.Handler, error) { return mcp.New() }},
	}
}

// Specs lists what every worker of this program offers.
func Specs() []protocol.Spec {
	var specs []protocol.Spec
	for _, e := range protocols(HandlerOptions{}) {
		specs = append(specs, e.spec)
	}
	return specs
}

// Handlers makes the handler of every protocol. The function closes them.
func Handlers(o HandlerOptions) ([]activities.Protocol, func() error, error) {
	tools := &toolbox{protocol: mcpProtocol}
	o.LLM.Tools = tools
	var made []activities.Protocol
	var open []io.Closer
	closeAll := func() error {
		var errs []error
		for _, handler := range open {
			errs = append(errs, handler.Close())
		}
		return errors.Join(errs...)
	}
	for _, e := range protocols(o) {
		handler, err := e.make()
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
		if closer, closes := handler.(io.Closer); closes {
			open = append(open, closer)
		}
		made = append(made, activities.Protocol{Spec: e.spec, Handler: handler})
		tools.take(e.spec, handler)
	}
	return made, closeAll, nil
}
