package worker

import (
	"context"
	"errors"

	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// OnlineSpecs is Specs for one workflow, with what the tool servers that it needs say of their tools, and those that
// are not available. They are started for that, and ended.
func OnlineSpecs(ctx context.Context, o HandlerOptions, p *plan.Plan) (specs []protocol.Spec, unavailable []mcp.Unavailable, err error) {
	handler, err := mcp.New(o.MCP)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, handler.Close()) }()
	var methods []string
	for _, task := range p.Callers() {
		methods = append(methods, task.Method)
	}
	found, unavailable := handler.Discover(ctx, methods, p.ToolServers, p.Folder)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	specs = Specs(o.LLM.Provider, o.MCP.Servers...)
	for i := range specs {
		if specs[i].Name == found.Name {
			found.Servers = specs[i].Servers
			specs[i] = found
		}
	}
	return specs, unavailable, nil
}
