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

// question asks a server something that is no tool.
type question func(ctx context.Context, s *server, l *link, c call) (value.Value, error)

// listing is one of these methods.
type listing struct {
	summary    string
	parameters string // JSON Schema.
	result     string // JSON Schema.
	arguments  *jsonschema.Schema
	ask        question
	join       func([]value.Value) value.Value // Makes the answers of several servers one; nil where one is asked.
}

const noParameters = `{"type": "object", "properties": {}, "additionalProperties": false}`

// listings are the methods beside tools.
var listings = map[string]listing{
	verbTools:     made("List the tools", noParameters, lists("tools"), askTools, joined("tools")),
	verbInfo:      made("Tell name, version and abilities", noParameters, lists(), askInfo, joined("servers")),
	verbPing:      made("Ask for a sign of life", noParameters, lists(), askPing, joined("servers")),
	verbResources: made("List the resources", noParameters, lists("resources", "templates"), askResources, joined("resources", "templates")),
	verbReadResource: made("Read a resource",
		`{"type": "object", "properties": {"uri": {"type": "string", "minLength": 1}}, "required": ["uri"], "additionalProperties": false}`,
		lists("contents"), readResource, nil),
	verbPrompts: made("List the prompts", noParameters, lists("prompts"), askPrompts, joined("prompts")),
	verbPrompt: made("Get a prompt as messages",
		`{"type": "object", "properties": {"name": {"type": "string", "minLength": 1}, `+
			`"arguments": {"type": "object", "additionalProperties": {"type": "string"}}}, "required": ["name"], "additionalProperties": false}`,
		lists("messages", "content"), getPrompt, nil),
}

// lists is the schema of a result with these lists beside its text.
func lists(names ...string) string {
	properties, required := `"response": {"type": "string", "description": "For people"}`, `"response"`
	for _, name := range names {
		properties += `, "` + name + `": {"type": "array"}`
		required += `, "` + name + `"`
	}
	return `{"type": "object", "properties": {` + properties + `}, "required": [` + required + `]}`
}

func made(summary, parameters, result string, ask question, join func([]value.Value) value.Value) listing {
	compiled, err := jsonschema.Compile([]byte(parameters))
	if err != nil {
		panic(err) // The schemas stand above.
	}
	return listing{summary, parameters, result, compiled, ask, join}
}

func field(name string, v value.Value) value.Field { return value.Field{Name: name, Value: v} }

// joined makes answers one: their texts beneath one another, and their lists behind one another.
func joined(lists ...string) func([]value.Value) value.Value {
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

func askTools(ctx context.Context, s *server, l *link, _ call) (value.Value, error) {
	tools, err := l.catalog(ctx, true)
	if err != nil {
		return value.Value{}, err
	}
	all := make([]value.Value, 0, len(tools))
	var lines []string
	for _, t := range tools {
		v, err := value.Encode(t.Tool)
		if err != nil {
			return value.Value{}, invalid("a tool", err)
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

// line is an entry of a list for people.
func line(name, about string) string {
	about, _, _ = strings.Cut(strings.TrimSpace(about), "\n")
	if about == "" {
		return name
	}
	return name + "  " + about
}

func invalid(what string, err error) error {
	return protocol.Errorf(protocol.TaskResultInvalid, "%s of the server's answer: %v", what, err)
}

func askInfo(_ context.Context, s *server, l *link, _ call) (value.Value, error) {
	said := l.session.InitializeResult()
	abilities, err := value.Encode(said.Capabilities)
	if err != nil {
		return value.Value{}, invalid("the capabilities", err)
	}
	about := said.ServerInfo
	if about == nil {
		about = &mcp.Implementation{Name: s.Name}
	}
	return value.Object(
		field("response", value.String(strings.TrimSpace(s.Name+": "+about.Name+" "+about.Version))),
		field("server", value.String(s.Name)),
		field("name", value.String(about.Name)),
		field("version", value.String(about.Version)),
		field("protocol_version", value.String(said.ProtocolVersion)),
		field("instructions", value.String(said.Instructions)),
		field("capabilities", abilities),
	), nil
}

func askPing(ctx context.Context, s *server, l *link, _ call) (value.Value, error) {
	began := time.Now()
	if err := l.session.Ping(ctx, nil); err != nil {
		// Newer versions of MCP have no ping: to be told so is a sign of life too.
		if sent := answer(err); sent == nil || sent.Code != methodNotFound {
			return value.Value{}, err
		}
	}
	took, _ := value.Encode(time.Since(began).Seconds())
	return value.Object(
		field("response", value.String(s.Name+": pong")),
		field("server", value.String(s.Name)),
		field("seconds", took),
	), nil
}

// pages gathers a list that comes in pages.
func pages[T any](what string, fetch func(cursor string) (page []T, next string, err error)) ([]value.Value, error) {
	all := []value.Value{}
	cursor := ""
	for range mostPages {
		page, next, err := fetch(cursor)
		if err != nil {
			return nil, err
		}
		for _, element := range page {
			v, err := value.Encode(element)
			if err != nil {
				return nil, invalid(what, err)
			}
			all = append(all, v)
		}
		if next == "" {
			return all, nil
		}
		cursor = next
	}
	return nil, errEndless(what)
}

// listed are entries with their server, and a line each.
func listed(s *server, entries []value.Value, key string) ([]value.Value, string) {
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

func askResources(ctx context.Context, s *server, l *link, _ call) (value.Value, error) {
	var resources, templates []value.Value
	if l.session.InitializeResult().Capabilities.Resources != nil {
		var err error
		resources, err = pages("resources", func(cursor string) ([]*mcp.Resource, string, error) {
			page, err := l.session.ListResources(ctx, &mcp.ListResourcesParams{Cursor: cursor})
			if err != nil {
				return nil, "", err
			}
			return page.Resources, page.NextCursor, nil
		})
		if err != nil {
			return value.Value{}, err
		}
		templates, err = pages("resource templates", func(cursor string) ([]*mcp.ResourceTemplate, string, error) {
			page, err := l.session.ListResourceTemplates(ctx, &mcp.ListResourceTemplatesParams{Cursor: cursor})
			if sent := answer(err); err != nil && sent != nil && sent.Code == methodNotFound {
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
	resources, text := listed(s, resources, "uri")
	templates, _ = listed(s, templates, "uriTemplate")
	return value.Object(field("response", value.String(text)), field("resources", value.List(resources...)),
		field("templates", value.List(templates...))), nil
}

func askPrompts(ctx context.Context, s *server, l *link, _ call) (value.Value, error) {
	var prompts []value.Value
	if l.session.InitializeResult().Capabilities.Prompts != nil {
		var err error
		prompts, err = pages("prompts", func(cursor string) ([]*mcp.Prompt, string, error) {
			page, err := l.session.ListPrompts(ctx, &mcp.ListPromptsParams{Cursor: cursor})
			if err != nil {
				return nil, "", err
			}
			return page.Prompts, page.NextCursor, nil
		})
		if err != nil {
			return value.Value{}, err
		}
	}
	prompts, text := listed(s, prompts, "name")
	return value.Object(field("response", value.String(text)), field("prompts", value.List(prompts...))), nil
}

func readResource(ctx context.Context, _ *server, l *link, c call) (value.Value, error) {
	params := &mcp.ReadResourceParams{URI: argument(c.parameters, "uri").Text()}
	forget := l.follow(params, c.progress)
	defer forget()
	answer, err := l.session.ReadResource(ctx, params)
	if err != nil {
		return value.Value{}, err
	}
	var texts []string
	contents := make([]value.Value, 0, len(answer.Contents))
	for _, content := range answer.Contents {
		v, err := value.Encode(content)
		if err != nil {
			return value.Value{}, invalid("a content", err)
		}
		contents = append(contents, v)
		if content.Blob == nil {
			texts = append(texts, content.Text)
		}
	}
	text := strings.Join(texts, "\n")
	result, err := valueOf(nil, "", text)
	if err != nil {
		return value.Value{}, invalid("the text", err)
	}
	return value.Object(field("response", value.String(text)), field("result", result), field("contents", value.List(contents...))), nil
}

func getPrompt(ctx context.Context, _ *server, l *link, c call) (value.Value, error) {
	params := &mcp.GetPromptParams{Name: argument(c.parameters, "name").Text(), Arguments: map[string]string{}}
	for _, given := range argument(c.parameters, "arguments").Fields() {
		params.Arguments[given.Name] = given.Value.Text()
	}
	forget := l.follow(params, c.progress)
	defer forget()
	answer, err := l.session.GetPrompt(ctx, params)
	if err != nil {
		return value.Value{}, err
	}
	var texts []string
	var messages, contents []value.Value
	for _, message := range answer.Messages {
		content, err := value.Encode(message.Content)
		if err != nil {
			return value.Value{}, invalid("a message", err)
		}
		text := textOf([]mcp.Content{message.Content})
		texts = append(texts, text)
		// As llm/chat takes messages.
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
