package mcp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// query runs a method that is not a tool call on a server.
type query func(ctx context.Context, s *server, conn *connection, c call) (value.Value, error)

// serverMethod is a method of a server that is not a tool call.
type serverMethod struct {
	summary    string
	parameters string // JSON Schema.
	result     string // JSON Schema.
	arguments  *jsonschema.Schema
	query      query
	join       func([]value.Value) value.Value // Joins the results of several servers; nil if only one server is queried.
}

const noParameters = `{"type": "object", "properties": {}, "additionalProperties": false}`

// serverMethods are the methods that are not tool calls, by the part of their name after the server.
var serverMethods = map[string]serverMethod{
	verbTools:     newServerMethod("List the tools", noParameters, resultSchema("tools"), askTools, joinLists("tools")),
	verbInfo:      newServerMethod("Show the name, version and capabilities", noParameters, resultSchema(), askInfo, joinLists("servers")),
	verbPing:      newServerMethod("Measure the response time", noParameters, resultSchema(), askPing, joinLists("servers")),
	verbResources: newServerMethod("List the resources", noParameters, resultSchema("resources", "templates"), askResources, joinLists("resources", "templates")),
	verbReadResource: newServerMethod("Read a resource",
		`{"type": "object", "properties": {"uri": {"type": "string", "minLength": 1}}, "required": ["uri"], "additionalProperties": false}`,
		resultSchema("contents"), readResource, nil),
	verbPrompts: newServerMethod("List the prompts", noParameters, resultSchema("prompts"), askPrompts, joinLists("prompts")),
	verbPrompt: newServerMethod("Get a prompt",
		`{"type": "object", "properties": {"name": {"type": "string", "minLength": 1}, `+
			`"arguments": {"type": "object", "additionalProperties": {"type": "string"}}}, "required": ["name"], "additionalProperties": false}`,
		resultSchema("messages", "content"), getPrompt, nil),
}

// resultSchema returns the schema of a result with a text and lists.
func resultSchema(names ...string) string {
	properties, required := `"response": {"type": "string", "description": "The response as text"}`, `"response"`
	for _, name := range names {
		properties += `, "` + name + `": {"type": "array"}`
		required += `, "` + name + `"`
	}
	return `{"type": "object", "properties": {` + properties + `}, "required": [` + required + `]}`
}

func newServerMethod(summary, parameters, result string, ask query, join func([]value.Value) value.Value) serverMethod {
	compiled, err := jsonschema.Compile([]byte(parameters))
	if err != nil {
		panic(err) // The schemas are constants.
	}
	return serverMethod{summary, parameters, result, compiled, ask, join}
}

func field(name string, v value.Value) value.Field { return value.Field{Name: name, Value: v} }

// joinLists returns a function that joins the texts and the lists of several results.
func joinLists(lists ...string) func([]value.Value) value.Value {
	return func(answers []value.Value) value.Value {
		var texts []string
		gathered := make([][]value.Value, len(lists))
		for _, answer := range answers {
			response, _ := answer.Get("response")
			if response.Text() != "" {
				texts = append(texts, response.Text())
			}
			for i, name := range lists {
				if list, is := answer.Get(name); is {
					gathered[i] = append(gathered[i], list.Elements()...)
				} else if name == "servers" {
					gathered[i] = append(gathered[i], answer)
				}
			}
		}
		fields := []value.Field{field("response", value.String(strings.Join(texts, "\n")))}
		for i, name := range lists {
			fields = append(fields, field(name, value.List(gathered[i]...)))
		}
		return value.Object(fields...)
	}
}

func askTools(ctx context.Context, s *server, conn *connection, _ call) (value.Value, error) {
	list, err := conn.listTools(ctx, true)
	if err != nil {
		return value.Value{}, err
	}
	all := make([]value.Value, 0, len(list.tools))
	var lines []string
	for _, t := range list.tools {
		v, err := value.Encode(t.Tool)
		if err != nil {
			return value.Value{}, invalidResponse("a tool", err)
		}
		name := family + s.Name + "." + toolPrefix + t.Name
		if s.Name == protocol.BuiltinServer {
			name = method(t.Name)
		}
		all = append(all, v.With("server", value.String(s.Name)).With("method", value.String(name)))
		lines = append(lines, line(name, t.Description))
	}
	return value.Object(field("response", value.String(strings.Join(lines, "\n"))), field("tools", value.List(all...))), nil
}

// line returns the text of a list's entry: its name, and the first line of its description.
func line(name, about string) string {
	about, _, _ = strings.Cut(strings.TrimSpace(about), "\n")
	if about == "" {
		return name
	}
	return name + "  " + about
}

func invalidResponse(what string, err error) error {
	return protocol.Errorf(protocol.TaskResultInvalid, "invalid response of the server: %s: %v", what, err)
}

func askInfo(_ context.Context, s *server, conn *connection, _ call) (value.Value, error) {
	initialized := conn.session.InitializeResult()
	capabilities, err := value.Encode(initialized.Capabilities)
	if err != nil {
		return value.Value{}, invalidResponse("the capabilities", err)
	}
	about := initialized.ServerInfo
	if about == nil {
		about = &mcp.Implementation{Name: s.Name}
	}
	return value.Object(
		field("response", value.String(strings.TrimSpace(s.Name+": "+about.Name+" "+about.Version))),
		field("server", value.String(s.Name)),
		field("name", value.String(about.Name)),
		field("version", value.String(about.Version)),
		field("protocol_version", value.String(initialized.ProtocolVersion)),
		field("instructions", value.String(initialized.Instructions)),
		field("capabilities", capabilities),
	), nil
}

func askPing(ctx context.Context, s *server, conn *connection, _ call) (value.Value, error) {
	began := time.Now()
	if err := conn.session.Ping(ctx, nil); err != nil {
		// Newer versions of MCP have no ping. That error is a response as well.
		if sent := serverError(err); sent == nil || sent.Code != methodNotFound {
			return value.Value{}, err
		}
	}
	took, _ := value.Encode(protocol.RoundedSeconds(time.Since(began)))
	return value.Object(
		field("response", value.String(s.Name+": pong")),
		field("server", value.String(s.Name)),
		field("seconds", took),
	), nil
}

// allPages returns all entries of a paginated list.
func allPages[T any](what string, fetch func(cursor string) (page []T, next string, err error)) ([]value.Value, error) {
	all := []value.Value{}
	cursor := ""
	for range maxPages {
		page, next, err := fetch(cursor)
		if err != nil {
			return nil, err
		}
		for _, element := range page {
			v, err := value.Encode(element)
			if err != nil {
				return nil, invalidResponse(what, err)
			}
			all = append(all, v)
		}
		if next == "" {
			return all, nil
		}
		cursor = next
	}
	return nil, errTooManyPages(what)
}

// describeEntries adds the server to entries, and returns a line for each.
func describeEntries(s *server, entries []value.Value, key string) ([]value.Value, string) {
	var lines []string
	for i, entry := range entries {
		name, _ := entry.Get(key)
		about, _ := entry.Get("description")
		if about.Text() == "" && key != "name" {
			about, _ = entry.Get("name")
		}
		entries[i] = entry.With("server", value.String(s.Name))
		lines = append(lines, line(fmt.Sprintf("%s  %s", s.Name, name.Text()), about.Text()))
	}
	return entries, strings.Join(lines, "\n")
}

func askResources(ctx context.Context, s *server, conn *connection, _ call) (value.Value, error) {
	var resources, templates []value.Value
	if conn.session.InitializeResult().Capabilities.Resources != nil {
		var err error
		resources, err = allPages("resources", func(cursor string) ([]*mcp.Resource, string, error) {
			page, err := conn.session.ListResources(ctx, &mcp.ListResourcesParams{Cursor: cursor})
			if err != nil {
				return nil, "", err
			}
			return page.Resources, page.NextCursor, nil
		})
		if err != nil {
			return value.Value{}, err
		}
		templates, err = allPages("resource templates", func(cursor string) ([]*mcp.ResourceTemplate, string, error) {
			page, err := conn.session.ListResourceTemplates(ctx, &mcp.ListResourceTemplatesParams{Cursor: cursor})
			if sent := serverError(err); err != nil && sent != nil && sent.Code == methodNotFound {
				return nil, "", nil
			}
			if err != nil {
				return nil, "", err
			}
			return page.ResourceTemplates, page.NextCursor, nil
		})
		if err != nil {
			return value.Value{}, err
		}
	}
	resources, text := describeEntries(s, resources, "uri")
	templates, _ = describeEntries(s, templates, "uriTemplate")
	return value.Object(field("response", value.String(text)), field("resources", value.List(resources...)),
		field("templates", value.List(templates...))), nil
}

func askPrompts(ctx context.Context, s *server, conn *connection, _ call) (value.Value, error) {
	var prompts []value.Value
	if conn.session.InitializeResult().Capabilities.Prompts != nil {
		var err error
		prompts, err = allPages("prompts", func(cursor string) ([]*mcp.Prompt, string, error) {
			page, err := conn.session.ListPrompts(ctx, &mcp.ListPromptsParams{Cursor: cursor})
			if err != nil {
				return nil, "", err
			}
			return page.Prompts, page.NextCursor, nil
		})
		if err != nil {
			return value.Value{}, err
		}
	}
	prompts, text := describeEntries(s, prompts, "name")
	return value.Object(field("response", value.String(text)), field("prompts", value.List(prompts...))), nil
}

func readResource(ctx context.Context, _ *server, conn *connection, c call) (value.Value, error) {
	params := &mcp.ReadResourceParams{URI: argument(c.parameters, "uri").Text()}
	forget := conn.trackProgress(params, c.progress)
	defer forget()
	answer, err := conn.session.ReadResource(ctx, params)
	if err != nil {
		return value.Value{}, err
	}
	var texts []string
	contents := make([]value.Value, 0, len(answer.Contents))
	for _, content := range answer.Contents {
		v, err := value.Encode(content)
		if err != nil {
			return value.Value{}, invalidResponse("a content", err)
		}
		contents = append(contents, v)
		if content.Blob == nil {
			texts = append(texts, content.Text)
		}
	}
	text := strings.Join(texts, "\n")
	result, err := valueOf(nil, "", text)
	if err != nil {
		return value.Value{}, invalidResponse("the text", err)
	}
	return value.Object(field("response", value.String(text)), field("result", result), field("contents", value.List(contents...))), nil
}

func getPrompt(ctx context.Context, _ *server, conn *connection, c call) (value.Value, error) {
	params := &mcp.GetPromptParams{Name: argument(c.parameters, "name").Text(), Arguments: map[string]string{}}
	for _, given := range argument(c.parameters, "arguments").Fields() {
		params.Arguments[given.Name] = given.Value.Text()
	}
	forget := conn.trackProgress(params, c.progress)
	defer forget()
	answer, err := conn.session.GetPrompt(ctx, params)
	if err != nil {
		return value.Value{}, err
	}
	var texts []string
	var messages, contents []value.Value
	for _, message := range answer.Messages {
		content, err := encodeBlock(message.Content)
		if err != nil {
			return value.Value{}, invalidResponse("a message", err)
		}
		text := textOf([]mcp.Content{message.Content})
		texts = append(texts, text)
		// In the form that llm/chat takes.
		messages = append(messages, value.Object(field("role", value.String(string(message.Role))), field("content", value.String(text))))
		contents = append(contents, content)
	}
	return value.Object(
		field("response", value.String(strings.Join(texts, "\n"))),
		field("description", value.String(answer.Description)),
		field("messages", value.List(messages...)),
		field("content", value.List(contents...)),
	), nil
}
