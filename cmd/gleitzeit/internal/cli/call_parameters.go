package cli

import (
	"context"
	"os"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/parameters"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// givenParameters reads name=value pairs as the method's schema means them. The schema is that of a server's tool; nil for that of the
// protocol.
func (p callCommand) givenParameters(method string, pairs []string, schema []byte) (value.Value, error) {
	specs, err := runs.Specs(p.options(), false)
	if err != nil {
		return value.Value{}, err
	}
	if m := parameters.Method(specs, method); m != nil && schema == nil {
		schema = m.Parameters
	}
	fields, wrong := parameters.Read(pairs, schema)
	if len(wrong) > 0 {
		return value.Value{}, usageError{wrong[0]}
	}
	return value.Object(fields...), nil
}

// needsSchema reports whether a call is of a server's tool, and only the tool's schema says whether a value is text.
func (p callCommand) needsSchema(method string, pairs []string) (bool, error) {
	specs, err := runs.Specs(p.options(), false)
	if err != nil {
		return false, err
	}
	m := parameters.Method(specs, method)
	return m != nil && m.IsServerTool && parameters.NeedSchema(pairs), nil
}

// describeTool returns the schema of a server's tool; nil if the server does not say it: then the call fails too, and reports
// why. A signal cancels the call.
func describeTool(ctx context.Context, e *runs.Executor, method string, signals <-chan os.Signal) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	described := make(chan []byte, 1)
	go func() {
		tool, err := e.DescribeTool(ctx, method)
		if err != nil {
			tool.Parameters = nil
		}
		described <- tool.Parameters
	}()
	select {
	case schema := <-described:
		return schema, nil
	case <-signals:
		return nil, failedCall{protocol.Errorf(protocol.TaskCancelled, "the call was cancelled")}
	}
}
