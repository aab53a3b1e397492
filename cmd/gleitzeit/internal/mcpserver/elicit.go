package mcpserver

import (
	"context"
	"errors"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Question is a task of a run that waits for a person.
type Question struct {
	Task     string
	Approval *view.Approval
	// Answer answers it. The error is INVALID_PARAMS where the answer does not count.
	Answer func(context.Context, protocol.Answer) error
}

// maxAsked is how often the user of a client is asked whose answers do not count.
const maxAsked = 5

// asker returns a function that asks the user of the client what a task asks, until its context ends. A client that cannot ask gets the
// question in the document of the run only.
func (s *Server) asker(c *call) func(context.Context, Question) {
	session := c.request.Session
	params := session.InitializeParams()
	if params == nil || params.Capabilities == nil || params.Capabilities.Elicitation == nil {
		return nil
	}
	by := "MCP client"
	if params.ClientInfo != nil && params.ClientInfo.Name != "" {
		by = params.ClientInfo.Name
	}
	return func(ctx context.Context, q Question) {
		schema, is := elicited(q.Approval.Schema)
		if !is {
			return
		}
		message := q.Approval.Message
		for range maxAsked {
			result, err := session.Elicit(ctx, &mcp.ElicitParams{Message: message, RequestedSchema: schema})
			if err != nil {
				if ctx.Err() == nil {
					s.options.Log.Warn("cannot ask the user of an MCP client", "task", q.Task, "error", err)
				}
				return
			}
			answer := protocol.Answer{Task: q.Task, By: by}
			switch result.Action {
			case "accept":
				if values, err := value.Encode(result.Content); err == nil && len(values.Fields()) > 0 {
					answer.Values = &values
				}
			case "decline":
				answer.Reject = "declined"
			default: // It is still waited for.
				return
			}
			err = q.Answer(ctx, answer)
			problem, is := errors.AsType[*protocol.Error](err)
			if !is || problem.Code != protocol.InvalidParams {
				return // It counts, or the run cannot be asked.
			}
			message = q.Approval.Message + "\n\nThe answer does not count: " + problem.Message
		}
	}
}

// elicited returns the schema with which a client asks for values, as MCP has it: an object of texts, numbers and booleans. It reports
// false where there is none for these values.
func elicited(schema *value.Value) (value.Value, bool) {
	properties, required := value.Object(), value.List()
	if schema != nil {
		given, has := schema.Get("properties")
		if !has {
			return value.Value{}, false
		}
		for _, property := range given.Fields() {
			kind, _ := property.Value.Get("type")
			if !slices.Contains([]string{"string", "number", "integer", "boolean"}, kind.Text()) {
				return value.Value{}, false
			}
		}
		properties = given
		if names, has := schema.Get("required"); has {
			required = names
		}
	}
	return value.Object(
		value.Field{Name: "type", Value: value.String("object")},
		value.Field{Name: "properties", Value: properties},
		value.Field{Name: "required", Value: required},
	), true
}
