package llm

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func generateIsOllamas() error {
	return protocol.Errorf(protocol.InvalidParams, "%s is a method of Ollama's", Generate).WithHint("`%s` has the model of any server answer", Chat)
}

func (o *openai) converse(ctx context.Context, a *ask, into *answer, heard func(string)) error {
	if a.plain != nil {
		return unmade(generateIsOllamas())
	}
	body, err := openaiChat(a)
	if err != nil {
		return unmade(err)
	}
	response, err := o.send(ctx, http.MethodPost, "chat/completions", a.model, a.hidden, &body)
	if err != nil {
		return err
	}
	stream := &events{into: into, heard: heard, quoted: func(said string) string { return quoted(o.base, a.hidden, said) }}
	lines := linesOf(response)
	for !stream.over && lines.Scan() {
		if err = stream.line(lines.Text()); err != nil {
			break
		}
	}
	if err == nil && !stream.over {
		err = lines.Err()
	}
	if err = errors.Join(err, response.Close()); err == nil && into.done {
		return stream.finish()
	}
	if _, is := errors.AsType[*protocol.Error](err); is || interrupted(ctx) != nil {
		return o.failed(ctx, a.hidden, err)
	}
	return brokeOff("the server at "+o.shown, into.pieces)
}

// events reads the stream of an answer.
type events struct {
	into   *answer
	heard  func(string)
	quoted func(string) string
	calls  []pending
	over   bool
}

// pending is a call of a tool of which not all has come.
type pending struct {
	id, name  string
	arguments strings.Builder
}

func (s *events) line(line string) error {
	data, is := strings.CutPrefix(line, "data:")
	if !is {
		s.heard("") // A comment keeps the connection alive.
		return nil
	}
	data = strings.TrimSpace(data)
	if data == "[DONE]" {
		s.over = true
		return nil
	}
	chunk, err := value.Parse([]byte(data))
	if err != nil {
		return protocol.Errorf(protocol.TaskExecutionFailed, "the server sends what is %s", s.quoted(err.Error()))
	}
	if failure, is := chunk.Get("error"); is && !failure.IsNull() {
		return protocol.Errorf(protocol.TaskExecutionFailed, "the server failed: %s", s.quoted(complaint([]byte(data), data)))
	}
	s.into.model = otherwise(text(chunk, "model"), s.into.model)
	s.into.count(chunk)
	choices, _ := chunk.Get("choices")
	if len(choices.Elements()) == 0 {
		s.heard("")
		return nil
	}
	choice := choices.Elements()[0]
	delta, _ := choice.Get("delta")
	thinking := otherwise(text(delta, "reasoning_content"), text(delta, "reasoning"))
	if err := s.into.hear(text(delta, "content"), thinking); err != nil {
		return err
	}
	s.into.role = otherwise(text(delta, "role"), s.into.role)
	s.wanted(delta)
	if reason := text(choice, "finish_reason"); reason != "" {
		s.into.done, s.into.reason = true, reason
	}
	s.heard(text(delta, "content"))
	return nil
}

// mostCalls is how many tools a model may call at once.
const mostCalls = 128

// wanted takes in the pieces of calls of tools.
func (s *events) wanted(delta value.Value) {
	calls, _ := delta.Get("tool_calls")
	for i, call := range calls.Elements() {
		function, _ := call.Get("function")
		at := i
		if index, is := call.Get("index"); is {
			if number, err := strconv.Atoi(index.Digits()); err == nil && number >= 0 && number < mostCalls {
				at = number
			}
		}
		for len(s.calls) <= at {
			s.calls = append(s.calls, pending{})
		}
		s.calls[at].id = otherwise(text(call, "id"), s.calls[at].id)
		s.calls[at].name = otherwise(text(function, "name"), s.calls[at].name)
		s.calls[at].arguments.WriteString(text(function, "arguments"))
	}
}

// finish makes calls of tools of their pieces.
func (s *events) finish() error {
	for i := range s.calls {
		call := &s.calls[i]
		arguments, err := argumentsOf([]byte(call.arguments.String()))
		if err != nil {
			return protocol.Errorf(protocol.TaskResultInvalid, "the model calls the tool %s with arguments that are %v", call.name, err)
		}
		s.into.calls = append(s.into.calls, toolCall{call.id, call.name, arguments})
	}
	if s.into.tokens == 0 {
		s.into.tokens = int64(s.into.pieces) // Some servers do not count for a stream.
	}
	return nil
}
