package worker

import (
	"errors"
	"io"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/activities/approval"
	"github.com/gleitzeit/gleitzeit/activities/documents"
	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/activities/notify"
	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// entry is one protocol: its spec, and a function that makes its handler.
type entry struct {
	spec protocol.Spec
	make func() (protocol.Handler, error) // A handler that is an io.Closer is closed with its worker.
}

// HandlerOptions are the options of the handlers.
type HandlerOptions struct {
	LLM       llm.Options
	MCP       mcp.Options
	Python    python.Options
	Documents *reader.Reader    // Reads documents for all of them. Nil: without converters.
	Store     resultstore.Store // The store of registered functions; without one, none can be registered.
}

// protocols lists all protocols. A new one is a folder in activities, and a line here.
func protocols(o HandlerOptions) []entry {
	return []entry{
		{llm.Spec(o.LLM.Provider), func() (protocol.Handler, error) { return llm.New(o.LLM) }},
		{python.Spec(), func() (protocol.Handler, error) { return newPython(o), nil }},
		{mcp.Spec(serverNames(o.MCP)...), func() (protocol.Handler, error) { return mcp.New(o.MCP) }},
		{documents.Spec(), func() (protocol.Handler, error) { return documents.New(o.Documents) }},
		{notify.Spec(), func() (protocol.Handler, error) { return notify.New(nil) }},
		{approval.Spec(), func() (protocol.Handler, error) { return approval.Handler{}, nil }},
	}
}

func newPython(o HandlerOptions) *python.Handler {
	if o.Python.Library == nil {
		o.Python.Library = newLibrary(o.Store)
	}
	return python.New(o.Python)
}

// Specs returns the specs of a worker of this program with a provider for tasks that name none, and with these MCP servers.
// Without a provider, it is not known.
func Specs(provider string, servers ...protocol.ToolServer) []protocol.Spec {
	var specs []protocol.Spec
	for _, e := range protocols(HandlerOptions{LLM: llm.Options{Provider: provider}, MCP: mcp.Options{Servers: servers}}) {
		specs = append(specs, e.spec)
	}
	return specs
}

// RemoteSpecs returns the specs of workers on other machines, whose settings are not known.
func RemoteSpecs() []protocol.Spec {
	specs := Specs("")
	for i := range specs {
		specs[i].AnyServer = true
	}
	return specs
}

func serverNames(o mcp.Options) []string {
	var names []string
	for _, server := range o.Servers {
		names = append(names, server.Name)
	}
	return names
}

// Handlers makes the handler of every protocol, and returns a function that closes them.
func Handlers(o HandlerOptions) ([]activities.Protocol, func() error, error) {
	tools := &toolbox{protocol: mcpProtocol}
	o.LLM.Tools, o.LLM.Documents = tools, o.Documents
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
		tools.add(e.spec, handler)
	}
	o.Documents.SetCaller(converterCaller(made))
	return made, closeAll, nil
}
