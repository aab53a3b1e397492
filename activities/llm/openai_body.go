package llm

import (
	"encoding/base64"
	"net/http"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// openaiNames are Ollama's options under OpenAI's names, where there are any. Those that no other server knows are refused.
var openaiNames = map[string]string{
	"num_predict": "max_tokens", "temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "min_p": "min_p", "typical_p": "typical_p",
	"seed": "seed", "stop": "stop", "presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty", "repeat_penalty": "repetition_penalty",
}

// openaiOptions begins a request.
func openaiOptions(a *ask) (protocol.Value, error) {
	body := protocol.OfObject(protocol.Field{Name: "model", Value: protocol.OfString(a.model)})
	for _, wrong := range otherOptions(a.options, a.keep) {
		return body, wrong.err
	}
	for _, option := range a.options {
		body = body.With(otherwise(openaiNames[option.Name], option.Name), option.Value)
	}
	return body, nil
}

func openaiChat(a *ask) (protocol.Value, error) {
	body, err := openaiOptions(a)
	if err != nil {
		return body, err
	}
	messages := make([]protocol.Value, len(a.messages))
	for i, m := range a.messages {
		messages[i] = openaiMessage(m)
	}
	body = body.With("messages", protocol.OfList(messages...)).
		With("stream", protocol.OfBool(true)).
		With("stream_options", object("include_usage", protocol.OfBool(true)))
	if a.format != nil {
		schema, err := protocol.ParseValue(a.format)
		if err != nil {
			return body, err
		}
		named := object("name", protocol.OfString("answer")).With("schema", schema)
		body = body.With("response_format", object("type", protocol.OfString("json_schema")).With("json_schema", named))
	}
	switch a.think.Kind() {
	case protocol.String:
		body = body.With("reasoning_effort", a.think)
	case protocol.Boolean: // As vLLM and llama.cpp take it.
		body = body.With("chat_template_kwargs", object("enable_thinking", a.think))
	}
	if len(a.tools) > 0 {
		tools := make([]protocol.Value, len(a.tools))
		for i, tool := range a.tools {
			parameters, err := protocol.ParseValue(tool.Parameters)
			if err != nil {
				return body, err
			}
			function := object("name", protocol.OfString(tool.Name)).With("description", protocol.OfString(tool.Description)).With("parameters", parameters)
			tools[i] = object("type", protocol.OfString("function")).With("function", function)
		}
		body = body.With("tools", protocol.OfList(tools...))
	}
	return body, nil
}

func object(name string, value protocol.Value) protocol.Value {
	return protocol.OfObject(protocol.Field{Name: name, Value: value})
}

func openaiMessage(m message) protocol.Value {
	made := object("role", protocol.OfString(m.role))
	if len(m.images) == 0 {
		made = made.With("content", protocol.OfString(m.text))
	} else {
		parts := []protocol.Value{object("type", protocol.OfString("text")).With("text", protocol.OfString(m.text))}
		for _, image := range m.images {
			address := "data:" + http.DetectContentType(image) + ";base64," + base64.StdEncoding.EncodeToString(image)
			parts = append(parts, object("type", protocol.OfString("image_url")).With("image_url", object("url", protocol.OfString(address))))
		}
		made = made.With("content", protocol.OfList(parts...))
	}
	if len(m.calls) > 0 {
		calls := make([]protocol.Value, len(m.calls))
		for i, call := range m.calls {
			function := object("name", protocol.OfString(call.name)).With("arguments", protocol.OfString(string(call.arguments.JSON())))
			calls[i] = object("id", protocol.OfString(call.id)).With("type", protocol.OfString("function")).With("function", function)
		}
		made = made.With("tool_calls", protocol.OfList(calls...))
	}
	if m.callID != "" {
		made = made.With("tool_call_id", protocol.OfString(m.callID))
	}
	return made
}
