package ollama

import (
	"encoding/json"
	"strings"

	"github.com/ollama/ollama/api"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// chatPiece is an api.ChatResponse in which the arguments of tool calls keep their digits.
type chatPiece struct {
	Model   string `json:"model"`
	Message struct {
		Role      string        `json:"role"`
		Content   string        `json:"content"`
		Thinking  string        `json:"thinking"`
		ToolCalls []calledPiece `json:"tool_calls"`
	} `json:"message"`
	Logprobs   []value.Value `json:"logprobs"`
	Done       bool          `json:"done"`
	DoneReason string        `json:"done_reason"`
	api.Metrics
}

// generatePiece is an api.GenerateResponse whose log probabilities keep their digits.
type generatePiece struct {
	Model      string        `json:"model"`
	Response   string        `json:"response"`
	Thinking   string        `json:"thinking"`
	Logprobs   []value.Value `json:"logprobs"`
	Done       bool          `json:"done"`
	DoneReason string        `json:"done_reason"`
	api.Metrics
}

// calledPiece is an api.ToolCall.
type calledPiece struct {
	ID       string `json:"id"`
	Function struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}

// messageOf makes a message for Ollama.
func messageOf(m provider.Message) api.Message {
	made := api.Message{Role: m.Role, Content: m.Text, Thinking: m.Thinking, ToolName: m.Tool, ToolCallID: m.CallID}
	for _, image := range m.Images {
		made.Images = append(made.Images, image)
	}
	for _, call := range m.Calls {
		arguments := api.NewToolCallFunctionArguments()
		for _, field := range call.Arguments.Fields() {
			arguments.Set(field.Name, json.RawMessage(field.Value.JSON()))
		}
		made.ToolCalls = append(made.ToolCalls, api.ToolCall{ID: call.ID, Function: api.ToolCallFunction{Name: call.Name, Arguments: arguments}})
	}
	return made
}

// rawOptions are options whose numbers keep their digits.
func rawOptions(fields []value.Field) map[string]any {
	options := map[string]any{}
	for _, field := range fields {
		if field.Value.IsNull() {
			continue // It removes the option.
		}
		options[field.Name] = json.RawMessage(field.Value.JSON())
	}
	return options
}

// think returns whether, and how much, the model thinks. A model that could think and does not answers without regard for a
// schema.
func think(request *provider.Request) *api.ThinkValue {
	switch request.Think.Kind() {
	case value.KindBool:
		return &api.ThinkValue{Value: request.Think.Bool()}
	case value.KindString:
		return &api.ThinkValue{Value: request.Think.Text()}
	}
	if request.Structured {
		return &api.ThinkValue{Value: false}
	}
	return nil
}

// keepAlive reads how long the model stays in memory; nil is as the server does by default.
func keepAlive(given value.Value) (*api.Duration, error) {
	if given.IsNull() {
		return nil, nil
	}
	keep := &api.Duration{}
	if err := json.Unmarshal(given.JSON(), keep); err != nil || tooLong(given) {
		return nil, protocol.Errorf(protocol.InvalidParams, "keep_alive must be a number of seconds or a duration such as 5m, not %s", given.JSON())
	}
	return keep, nil
}

// tooLong reports whether a number of seconds is longer than Ollama can count: it would be read as a negative one.
func tooLong(keep value.Value) bool {
	const maxSeconds = 9e9
	var seconds float64
	return keep.Kind() == value.KindNumber && (json.Unmarshal(keep.JSON(), &seconds) != nil || seconds > maxSeconds)
}

// toolsOf describes tools to Ollama. Of their schemas it knows types, descriptions and required properties.
func toolsOf(tools []protocol.Tool) api.Tools {
	var made api.Tools
	for _, tool := range tools {
		function := api.ToolFunction{Name: tool.Name, Description: tool.Description, Parameters: parametersOf(tool.Parameters)}
		made = append(made, api.Tool{Type: "function", Function: function})
	}
	return made
}

// parametersOf describes parameters. Of one whose schema Ollama cannot read only the description is left.
func parametersOf(schema json.RawMessage) (parameters api.ToolFunctionParameters) {
	parsed, err := value.Parse(schema)
	if err == nil {
		parsed = jsonschema.Rewrite("", parsed, readable)
		err = json.Unmarshal(parsed.JSON(), &parameters)
	}
	if err != nil {
		parameters = api.ToolFunctionParameters{Properties: api.NewToolPropertiesMap()}
		properties, _ := parsed.Get("properties")
		for _, field := range properties.Fields() {
			var property api.ToolProperty
			if json.Unmarshal(field.Value.JSON(), &property) != nil {
				said, _ := field.Value.Get("description")
				property = api.ToolProperty{Description: said.Text()}
			}
			parameters.Properties.Set(field.Name, property)
		}
		required, _ := parsed.Get("required")
		for _, name := range required.Elements() {
			parameters.Required = append(parameters.Required, name.Text())
		}
	}
	if parameters.Properties == nil {
		parameters.Properties = api.NewToolPropertiesMap()
	}
	parameters.Type = "object"
	return parameters
}

// readable makes a schema one that Ollama can read: it knows no schemas that are true or false.
func readable(place string, schema value.Value) value.Value {
	if schema.Kind() == value.KindBool && !strings.HasSuffix(place, ".additionalProperties") {
		return value.Object()
	}
	return schema
}
