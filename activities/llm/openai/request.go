package openai

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"slices"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// optionNames are the options of parameters under their names in this API, if it has them. check reports the others.
var optionNames = map[string]string{
	"num_predict": "max_tokens", "temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "min_p": "min_p", "typical_p": "typical_p",
	"seed": "seed", "stop": "stop", "presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty", "repeat_penalty": "repeat_penalty",
}

// options begins the body of a request.
func options(request *provider.Request) value.Value {
	body := value.Object(value.Field{Name: "model", Value: value.String(request.Model)})
	for _, option := range request.Options {
		body = body.With(cmp.Or(optionNames[option.Name], option.Name), option.Value)
	}
	return body
}

// withoutNulls removes the fields that the task has set to null: a server may refuse them.
func withoutNulls(body value.Value, request *provider.Request) value.Value {
	var removed []string
	for _, option := range request.Options {
		if option.Value.IsNull() {
			removed = append(removed, cmp.Or(optionNames[option.Name], option.Name))
		}
	}
	return without(body, removed)
}

// without removes fields.
func without(body value.Value, names []string) value.Value {
	if len(names) == 0 {
		return body
	}
	var kept []value.Field
	for _, field := range body.Fields() {
		if !slices.Contains(names, field.Name) {
			kept = append(kept, field)
		}
	}
	return value.Object(kept...)
}

// chat is the body of a request for an answer.
func chat(request *provider.Request) (value.Value, error) {
	body := options(request)
	messages := make([]value.Value, len(request.Messages))
	for i, m := range request.Messages {
		messages[i] = messageOf(m)
	}
	body = body.With("messages", value.List(messages...)).
		With("stream", value.Bool(true)).
		With("stream_options", object("include_usage", value.Bool(true)))
	if request.Format != nil {
		schema, err := value.Parse(request.Format)
		if err != nil {
			return body, err
		}
		named := object("name", value.String("answer")).With("schema", schema)
		body = body.With("response_format", object("type", value.String("json_schema")).With("json_schema", named))
	}
	if request.Logprobs {
		body = body.With("logprobs", value.Bool(true))
		if request.TopLogprobs > 0 {
			body = body.With("top_logprobs", value.Int(int64(request.TopLogprobs)))
		}
	}
	switch request.Think.Kind() {
	case value.KindString:
		body = body.With("reasoning_effort", request.Think)
	case value.KindBool: // As in vLLM and llama.cpp.
		body = body.With("chat_template_kwargs", object("enable_thinking", request.Think))
	}
	if len(request.Tools) > 0 {
		tools := make([]value.Value, len(request.Tools))
		for i, tool := range request.Tools {
			parameters, err := value.Parse(tool.Parameters)
			if err != nil {
				return body, err
			}
			function := object("name", value.String(tool.Name)).With("description", value.String(tool.Description)).With("parameters", parameters)
			tools[i] = object("type", value.String("function")).With("function", function)
		}
		body = body.With("tools", value.List(tools...))
		switch request.ToolChoice {
		case "":
		case provider.FreeChoice, provider.AnyTool:
			body = body.With("tool_choice", value.String(request.ToolChoice))
		default:
			body = body.With("tool_choice", object("type", value.String("function")).With("function", object("name", value.String(request.ToolChoice))))
		}
	}
	return body, nil
}

func object(name string, val value.Value) value.Value {
	return value.Object(value.Field{Name: name, Value: val})
}

func messageOf(m provider.Message) value.Value {
	made := object("role", value.String(m.Role))
	if len(m.Images) == 0 {
		made = made.With("content", value.String(m.Text))
	} else {
		parts := []value.Value{object("type", value.String("text")).With("text", value.String(m.Text))}
		for _, image := range m.Images {
			address := "data:" + http.DetectContentType(image) + ";base64," + base64.StdEncoding.EncodeToString(image)
			parts = append(parts, object("type", value.String("image_url")).With("image_url", object("url", value.String(address))))
		}
		made = made.With("content", value.List(parts...))
	}
	if len(m.Calls) > 0 {
		calls := make([]value.Value, len(m.Calls))
		for i, call := range m.Calls {
			function := object("name", value.String(call.Name)).With("arguments", value.String(string(call.Arguments.JSON())))
			calls[i] = object("id", value.String(call.ID)).With("type", value.String("function")).With("function", function)
		}
		made = made.With("tool_calls", value.List(calls...))
	}
	if m.CallID != "" {
		made = made.With("tool_call_id", value.String(m.CallID))
	}
	return made
}
