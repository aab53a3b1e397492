package llm

import (
	"encoding/base64"
	"net/http"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// openaiNames are Ollama's options under OpenAI's names, where there are any. Those that no other server knows are refused.
var openaiNames = map[string]string{
	"num_predict": "max_tokens", "temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "min_p": "min_p", "typical_p": "typical_p",
	"seed": "seed", "stop": "stop", "presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty", "repeat_penalty": "repetition_penalty",
}

// openaiOptions begins a request.
func openaiOptions(a *ask) (value.Value, error) {
	body := value.Object(value.Field{Name: "model", Value: value.String(a.model)})
	for _, wrong := range otherOptions(a.options, a.keep) {
		return body, wrong.err
	}
	for _, option := range a.options {
		body = body.With(otherwise(openaiNames[option.Name], option.Name), option.Value)
	}
	return body, nil
}

func openaiChat(a *ask) (value.Value, error) {
	body, err := openaiOptions(a)
	if err != nil {
		return body, err
	}
	messages := make([]value.Value, len(a.messages))
	for i, m := range a.messages {
		messages[i] = openaiMessage(m)
	}
	body = body.With("messages", value.List(messages...)).
		With("stream", value.Bool(true)).
		With("stream_options", object("include_usage", value.Bool(true)))
	if a.format != nil {
		schema, err := value.Parse(a.format)
		if err != nil {
			return body, err
		}
		named := object("name", value.String("answer")).With("schema", schema)
		body = body.With("response_format", object("type", value.String("json_schema")).With("json_schema", named))
	}
	switch a.think.Kind() {
	case value.KindString:
		body = body.With("reasoning_effort", a.think)
	case value.KindBool: // As vLLM and llama.cpp take it.
		body = body.With("chat_template_kwargs", object("enable_thinking", a.think))
	}
	if len(a.tools) > 0 {
		tools := make([]value.Value, len(a.tools))
		for i, tool := range a.tools {
			parameters, err := value.Parse(tool.Parameters)
			if err != nil {
				return body, err
			}
			function := object("name", value.String(tool.Name)).With("description", value.String(tool.Description)).With("parameters", parameters)
			tools[i] = object("type", value.String("function")).With("function", function)
		}
		body = body.With("tools", value.List(tools...))
	}
	return body, nil
}

func object(name string, val value.Value) value.Value {
	return value.Object(value.Field{Name: name, Value: val})
}

func openaiMessage(m message) value.Value {
	made := object("role", value.String(m.role))
	if len(m.images) == 0 {
		made = made.With("content", value.String(m.text))
	} else {
		parts := []value.Value{object("type", value.String("text")).With("text", value.String(m.text))}
		for _, image := range m.images {
			address := "data:" + http.DetectContentType(image) + ";base64," + base64.StdEncoding.EncodeToString(image)
			parts = append(parts, object("type", value.String("image_url")).With("image_url", object("url", value.String(address))))
		}
		made = made.With("content", value.List(parts...))
	}
	if len(m.calls) > 0 {
		calls := make([]value.Value, len(m.calls))
		for i, call := range m.calls {
			function := object("name", value.String(call.name)).With("arguments", value.String(string(call.arguments.JSON())))
			calls[i] = object("id", value.String(call.id)).With("type", value.String("function")).With("function", function)
		}
		made = made.With("tool_calls", value.List(calls...))
	}
	if m.callID != "" {
		made = made.With("tool_call_id", value.String(m.callID))
	}
	return made
}
