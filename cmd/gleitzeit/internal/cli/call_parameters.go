package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/mistyped"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/parameters"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
)

// givenParameters reads name=value pairs as the method's schema means them. The schema is that of a server's tool; nil for that of the
// protocol.
func (p callCommand) givenParameters(method string, pairs []string, given []value.Field, schema []byte) (value.Value, error) {
	specs, err := runs.Specs(p.options(), false)
	if err != nil {
		return value.Value{}, err
	}
	if m := parameters.Method(specs, method); m != nil && schema == nil {
		schema = m.Parameters
	}
	prompt := ""
	if _, has := parameters.Properties(schema).Get("prompt"); has {
		prompt = "prompt"
	}
	if err := mistyped.Pair(pairs, prompt); err != nil {
		return value.Value{}, usageError{fmt.Errorf("%w; `gleitzeit methods %s` lists the names", err, method)}
	}
	fields, wrong := parameters.Read(pairs, schema)
	if len(wrong) > 0 {
		return value.Value{}, usageError{wrong[0]}
	}
	for _, field := range given {
		if slices.ContainsFunc(fields, func(f value.Field) bool { return f.Name == field.Name }) {
			return value.Value{}, usageError{fmt.Errorf("the parameter %q is given twice", field.Name)}
		}
	}
	return value.Object(append(fields, given...)...), nil
}

// readStandardInput takes the prompt out of the pairs if its text, or a part of it, is on standard input: it may come from anybody, so
// that nothing in it is a reference, and no text of it is JSON.
func (p callCommand) readStandardInput(method string, pairs []string, toPrompt bool) (rest []string, prompt []value.Field, err error) {
	from := slices.Index(pairs, "prompt="+standardInput) // Of other parameters, such as a separator, it may be the value.
	switch {
	case from >= 0 && toPrompt:
		return nil, nil, usageError{fmt.Errorf("%q and --stdin: standard input can be read only once", pairs[from])}
	case from < 0 && !toPrompt:
		return pairs, nil, nil
	}
	if toPrompt {
		specs, err := runs.Specs(p.options(), false)
		if err != nil {
			return nil, nil, err
		}
		if m := parameters.Method(specs, method); m != nil {
			if _, has := parameters.Properties(m.Parameters).Get("prompt"); !has {
				return nil, nil, usageError{fmt.Errorf("--stdin adds text to the parameter \"prompt\", which %s does not have; give the text as NAME=VALUE", method)}
			}
		}
		from = slices.IndexFunc(pairs, func(pair string) bool { return strings.HasPrefix(pair, "prompt=") })
	}
	text, err := p.standardText("write it to a file and name that with file_path=FILE")
	if err != nil {
		return nil, nil, err
	}
	whole := interpreter.Literal(value.String(strings.TrimSuffix(text, "\n")))
	if from < 0 {
		return pairs, []value.Field{{Name: "prompt", Value: whole}}, nil
	}
	if toPrompt {
		whole = value.String(strings.TrimPrefix(pairs[from], "prompt=") + "\n\n" + whole.Text())
	}
	return slices.Concat(pairs[:from], pairs[from+1:]), []value.Field{{Name: "prompt", Value: whole}}, nil
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
