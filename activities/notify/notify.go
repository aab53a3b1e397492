// Package notify is the protocol notify/v1: it tells somebody outside what happened, with a request to a web address or a command on
// the worker's machine. It must not know Temporal.
package notify

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/child"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The methods.
const (
	Webhook = "notify/webhook"
	Command = "notify/command"
)

// Spec describes notify/v1.
func Spec() protocol.Spec {
	return protocol.Spec{
		Name:    "notify/v1",
		Summary: "Notifications: webhooks, and commands on the worker's machine",
		Methods: []protocol.Method{
			{
				Name: Webhook, Summary: "Send JSON to a web address", Parameters: json.RawMessage(webhookParameters), Result: json.RawMessage(webhookResult),
				Timeout: 30 * time.Second, NoCache: true, SecretParameters: []string{"secret"}, DestinationParameters: []string{"url"}, Check: checkWebhook,
			},
			{
				Name: Command, Summary: "Run a command, without a shell", Parameters: json.RawMessage(commandParameters), Result: json.RawMessage(commandResult),
				Timeout: time.Minute, NoCache: true, DestinationParameters: []string{"command"},
			},
		},
	}
}

const webhookParameters = `{
  "type": "object",
  "properties": {
    "url": {"type": "string", "minLength": 1, "description": "Address, which gets a POST request: https://… or http://…; often ${secrets.NAME}, because who knows it can send messages"},
    "body": {"description": "What is sent, as JSON: any value"},
    "headers": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Further headers of the request"},
    "secret": {"type": "string", "minLength": 1, "description": "Secret that signs the request, as ${secrets.NAME}"}
  },
  "required": ["url", "body"],
  "additionalProperties": false
}`

const webhookResult = `{
  "type": "object",
  "properties": {
    "status": {"type": "integer", "description": "HTTP status of the response, 200 to 299"},
    "response": {"type": "string", "description": "Beginning of its body"}
  },
  "additionalProperties": false,
  "required": ["status", "response"]
}`

const commandParameters = `{
  "type": "object",
  "properties": {
    "command": {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": "Program, found on the worker's PATH, and its arguments; no shell reads them"},
    "stdin": {"description": "What it reads from its standard input: text, or any other value as JSON"}
  },
  "required": ["command"],
  "additionalProperties": false
}`

const commandResult = `{
  "type": "object",
  "properties": {
    "response": {"type": "string", "description": "What it printed to its standard output, its first 64 KiB"}
  },
  "additionalProperties": false,
  "required": ["response"]
}`

// Handler runs the methods.
type Handler struct {
	lookup  child.Lookup
	schemas map[string]*jsonschema.Schema
}

// New makes a Handler. The lookup finds the variables that every command gets; nil: those of this process.
func New(lookup child.Lookup) (*Handler, error) {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	h := &Handler{lookup: lookup, schemas: map[string]*jsonschema.Schema{}}
	for _, method := range Spec().Methods {
		schema, err := jsonschema.Compile(method.Parameters)
		if err != nil {
			return nil, protocol.Errorf(protocol.InternalError, "the schema of %s: %v", method.Name, err)
		}
		h.schemas[method.Name] = schema
	}
	return h, nil
}

// Handle runs an attempt.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
	schema := h.schemas[request.Method]
	if schema == nil {
		return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "unknown method %q", request.Method)
	}
	if found := schema.Check("parameters", request.Parameters); found != "" {
		return protocol.Result{}, protocol.Errorf(protocol.InvalidParams, "%s: %s", request.Method, found)
	}
	var result value.Value
	var err error
	if request.Method == Webhook {
		result, err = send(ctx, request)
	} else {
		result, err = h.run(ctx, request)
	}
	return protocol.Result{Value: result}, err
}

// Health implements protocol.Handler: what is called is in the workflow.
func (*Handler) Health(context.Context) error { return nil }
