package llm

import (
	"encoding/json"

	"github.com/ollama/ollama/api"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// chatPiece is an api.ChatResponse of which the arguments of tools keep their digits.
type chatPiece struct {
	Model   string `json:"model"`
	Message struct {
		Role      string        `json:"role"`
		Content   string        `json:"content"`
		Thinking  string        `json:"thinking"`
		ToolCalls []calledPiece `json:"tool_calls"`
	} `json:"message"`
	Done       bool   `json:"done"`
	DoneReason string `json:"done_reason"`
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

// argumentsOf reads what a model calls a tool with: nothing, and null, are no arguments.
func argumentsOf(text []byte) (value.Value, error) {
	if len(text) == 0 {
		return value.Object(), nil
	}
	arguments, err := value.Parse(text)
	if arguments.IsNull() && err == nil {
		return value.Object(), nil
	}
	return arguments, err
}

// ollamaTools tells Ollama of tools. Of their schemas it knows types, descriptions and what is required.
func ollamaTools(tools []protocol.Tool) api.Tools {
	var made api.Tools
	for _, tool := range tools {
		function := api.ToolFunction{Name: tool.Name, Description: tool.Description}
		if json.Unmarshal(tool.Parameters, &function.Parameters) != nil || function.Parameters.Properties == nil {
			function.Parameters = api.ToolFunctionParameters{Properties: api.NewToolPropertiesMap()}
		}
		function.Parameters.Type = "object"
		made = append(made, api.Tool{Type: "function", Function: function})
	}
	return made
}
