package llm

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// tools are the tools that the model may call.
type tools struct {
	byName map[string]protocol.Tool // By the name that the model uses.
	rounds int                      // Rounds of tool calls so far.
}

// findTools finds the tools that the task names, if any.
func (x *exchange) findTools(ctx context.Context) error {
	names, _ := x.call.request.Parameters.Get("tools")
	choice := text(x.call.request.Parameters, "tool_choice")
	if len(names.Elements()) == 0 || choice == provider.NoTool {
		return nil
	}
	box := x.call.handler.options.Tools
	if box == nil {
		return protocol.Errorf(protocol.ConfigurationError, "tools are not available here")
	}
	x.tools = &tools{byName: map[string]protocol.Tool{}}
	x.request.ToolChoice = choice
	return x.call.withTimeout(ctx, 0, func(ctx context.Context, _ *watchdog) error {
		for _, name := range names.Elements() {
			tool, err := box.Tool(ctx, x.call.request, name.Text())
			if err != nil {
				return err
			}
			if other, twice := x.tools.byName[tool.Name]; twice && other.Method != tool.Method {
				return protocol.Errorf(protocol.InvalidParams, "the tools %s and %s have the same name %s for a model", other.Method, tool.Method, tool.Name)
			} else if !twice {
				x.request.Tools = append(x.request.Tools, tool)
			}
			x.tools.byName[tool.Name] = tool
			if name.Text() == choice {
				x.request.ToolChoice = tool.Name
			}
		}
		if _, is := x.tools.byName[x.request.ToolChoice]; !is && choice != "" && choice != provider.AnyTool && choice != provider.FreeChoice {
			return protocol.Errorf(protocol.InvalidParams, "tool_choice: %q is not one of the tools", choice).
				WithHint("the values are auto, none, required, and the names in `tools`")
		}
		return nil
	})
}

// maxToolResult is the maximum size in bytes of a tool result that is sent to the model.
const maxToolResult = 256 << 10

// callTools calls the tools that an answer asks for, and adds their results to the conversation.
func (x *exchange) callTools(ctx context.Context, a *provider.Answer) error {
	x.tools.rounds++
	x.request.Messages = append(x.request.Messages, provider.Message{Role: "assistant", Text: a.Text.String(), Thinking: a.Thinking.String(), Calls: a.Calls})
	x.request.ToolChoice = "" // Else the model would have to call a tool in each round.
	var images [][]byte
	for _, call := range a.Calls {
		x.call.progress("calling the tool " + call.Name)
		began := time.Now()
		said, seen, record, err := x.callTool(ctx, call)
		if err != nil {
			return err
		}
		x.toolCalls = append(x.toolCalls, record.With("duration", value.Float(float64(protocol.RoundedSeconds(time.Since(began))))))
		x.request.Messages = append(x.request.Messages, provider.Message{Role: "tool", Text: said, Tool: call.Name, CallID: call.ID})
		images = append(images, seen...)
	}
	// The result of a tool is text. A model that was asked about images gets those of tools as a message of the user.
	if len(images) > 0 && x.call.question.images > 0 {
		x.request.Messages = append(x.request.Messages, provider.Message{Role: "user", Text: "The images that the tools returned:", Images: images})
	}
	return nil
}

// callTool calls one tool. Errors in the call and errors of the tool are reported to the model; a tool that cannot be reached
// is an error of the task.
func (x *exchange) callTool(ctx context.Context, call provider.ToolCall) (said string, images [][]byte, record value.Value, err error) {
	record = value.Object(
		value.Field{Name: "round", Value: value.Int(int64(x.tools.rounds))},
		value.Field{Name: "tool", Value: value.String(call.Name)},
		value.Field{Name: "arguments", Value: call.Arguments},
	)
	fail := func(why string) (string, [][]byte, value.Value, error) {
		return "error: " + why, nil, record.With("error", value.String(why)), nil
	}
	tool, known := x.tools.byName[call.Name]
	if !known {
		var names []string
		for _, offered := range x.request.Tools {
			names = append(names, offered.Name)
		}
		return fail(fmt.Sprintf("unknown tool %q; the tools are %s", call.Name, strings.Join(names, ", ")))
	}
	if call.Problem != "" {
		return fail(call.Problem)
	}
	x.unsafeToRepeat = x.unsafeToRepeat || !tool.Idempotent
	request := x.call.request
	request.Method, request.Parameters, request.Write, request.Timeout = tool.Method, call.Arguments, nil, 0
	result, err := x.call.handler.options.Tools.Call(ctx, request)
	x.call.usage = x.call.usage.Add(result.Usage)
	if why := provider.Interrupted(ctx); why != nil {
		return "", nil, record, why
	}
	if err != nil {
		failure := protocol.AsError(err, protocol.TaskExecutionFailed)
		switch failure.Code {
		case protocol.InvalidParams, protocol.TaskExecutionFailed, protocol.TaskValidationFailed, protocol.TaskResultInvalid, protocol.TaskTimeout:
			return fail(failure.Message)
		}
		return "", nil, record, failure
	}
	said = toolText(result.Value)
	if len(said) > maxToolResult {
		said = strings.ToValidUTF8(said[:maxToolResult], "") + "\n[cut]"
	}
	return said, toolImages(result.Value, x.call.request.Parameters, x.call.backend), record.With("result", result.Value), nil
}

// toolText is what the model gets of the result of a tool: its texts, embedded ones included, and a note about what is not text;
// else the structured content; else all of it.
func toolText(result value.Value) string {
	response, isText := result.Get("response")
	var texts []string
	content, _ := result.Get("content")
	for _, block := range content.Elements() {
		if text := blockText(block); text != "" {
			texts = append(texts, text)
		}
	}
	if all := strings.Join(texts, "\n"); strings.TrimSpace(all) != "" && (response.Text() == "" || len(texts) > 1) {
		return all
	}
	if isText && response.Kind() == value.KindString && response.Text() != "" {
		return response.Text()
	}
	structured, is := result.Get("result")
	switch {
	case is && structured.Text() != "":
		return structured.Text()
	case is && !structured.IsNull() && structured.Kind() != value.KindString:
		return string(structured.JSON())
	case isText:
		return "the tool returned an empty text"
	}
	return string(result.JSON())
}

// blockText is the text of a block of MCP content, or what it is.
func blockText(block value.Value) string {
	resource, _ := block.Get("resource")
	switch kind := text(block, "type"); kind {
	case "text":
		return text(block, "text")
	case "image", "audio":
		return fmt.Sprintf("[%s: %s, %d bytes]", kind, text(block, "mimeType"), base64.StdEncoding.DecodedLen(len(text(block, "data"))))
	case "resource":
		if embedded := text(resource, "text"); embedded != "" {
			return embedded
		}
		return fmt.Sprintf("[resource %s: %s]", text(resource, "uri"), text(resource, "mimeType"))
	case "resource_link":
		return strings.TrimSpace(fmt.Sprintf("[resource %s] %s", text(block, "uri"), text(block, "description")))
	}
	return ""
}

// toolImages are the images in the result of a tool.
func toolImages(result, given value.Value, b *backend) (images [][]byte) {
	largest, err := imageSize(given, b)
	if err != nil {
		return nil // The question could not have been read.
	}
	content, _ := result.Get("content")
	for _, block := range content.Elements() {
		if text(block, "type") != "image" {
			continue
		}
		if image, err := decodeImage(text(block, "data"), largest); err == nil { // A model cannot correct another one.
			images = append(images, image)
		}
	}
	return images
}
