package openai

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func (o *server) Converse(ctx context.Context, request *provider.Request, answer *provider.Answer, heard func(string)) error {
	body, err := chat(request)
	if err != nil {
		return provider.CannotSend(err)
	}
	response, err := o.sendChat(ctx, request, withoutNulls(body, request))
	if err != nil {
		return err
	}
	full, cuts := o.contextWhileLoaded(ctx, request)
	stream := &events{
		answer: answer, heard: heard, quoted: func(said string) string { return request.Secrets.Quote(o.base, said) },
		failure: func(body []byte) error { return o.inStream(request.Model, request.Secrets, body) },
	}
	lines := provider.Lines(response)
	for !stream.over && lines.Scan() {
		if err = stream.line(lines.Text()); err != nil {
			break
		}
	}
	if err == nil && !stream.over {
		err = lines.Err()
	}
	if err == nil {
		err = stream.readDocument()
	}
	if err = errors.Join(err, response.Close()); err == nil && answer.Done {
		stream.finish(request.Secrets)
		if cuts {
			noticeCut(request, answer, full)
		}
		if answer.PromptTokens+answer.Tokens > leastContext && o.cutsUnseen(ctx) {
			answer.Context = cmp.Or(full, o.contextOf(ctx, request.Model))
		}
		return nil
	}
	if _, is := errors.AsType[*protocol.Error](err); is || provider.Interrupted(ctx) != nil {
		return o.failed(ctx, request.Secrets, err)
	}
	if err == nil && answer.Pieces == 0 && stream.strange != "" {
		return provider.WithVerdict(protocol.Errorf(protocol.TaskExecutionFailed, "invalid response from the server at %s: %s", o.shown, stream.quoted(stream.strange)).
			WithHint("is it the address of an OpenAI-compatible API? It usually ends in /v1"), provider.ServerFault)
	}
	return provider.BrokenOff("the server at "+o.shown, answer.Pieces)
}

// events reads the stream of an answer.
type events struct {
	answer   *provider.Answer
	heard    func(string)
	quoted   func(string) string
	failure  func(body []byte) error // Makes an error from one that the stream contains.
	calls    toolCalls
	document strings.Builder // Of a response that is not a stream.
	strange  string          // The first line that belongs to no stream of events, as of a web page.
	failed   bool            // The next event is an error.
	over     bool
}

func (s *events) line(line string) error {
	if s.document.Len() > 0 || strings.HasPrefix(strings.TrimSpace(line), "{") {
		return s.addToDocument(line)
	}
	if failure, is := strings.CutPrefix(line, "error:"); is { // llama.cpp before 2026.
		return s.failure([]byte(`{"error":` + failure + `}`))
	}
	data, is := strings.CutPrefix(line, "data:")
	if !is {
		if event, named := strings.CutPrefix(line, "event:"); named || line == "" {
			s.failed = strings.TrimSpace(event) == "error" && named
		} else if s.strange == "" && !isEventLine(line) {
			s.strange = line
		}
		s.heard("") // A comment keeps the connection alive.
		return nil
	}
	data = strings.TrimSpace(data)
	if s.failed {
		return s.failure([]byte(data))
	}
	if data == "[DONE]" {
		// Some servers do not say why an answer ends.
		if s.over = true; !s.answer.Done && (s.answer.Pieces > 0 || len(s.calls.calls) > 0) {
			s.answer.Done, s.answer.Reason = true, "stop"
		}
		return nil
	}
	chunk, err := value.Parse([]byte(data))
	if err != nil {
		return protocol.Errorf(protocol.TaskExecutionFailed, "invalid response from the server: %s", s.quoted(err.Error()))
	}
	if isError(chunk) {
		return s.failure([]byte(data))
	}
	return s.chunk(chunk, "delta")
}

// isEventLine reports whether a line may stand in a stream of events: a comment or a field, or what is left of one that was cut off.
func isEventLine(line string) bool {
	name, _, whole := strings.Cut(line, ":")
	return whole && slices.Contains([]string{"", "id", "retry"}, name) || !whole && (strings.HasPrefix("data", name) || strings.HasPrefix("event", name)) || strings.TrimSpace(line) == ""
}

// chunk reads a piece of an answer, or a whole one: what the model wrote is in the field of the name.
func (s *events) chunk(chunk value.Value, field string) error {
	s.answer.Model = cmp.Or(text(chunk, "model"), s.answer.Model)
	count(s.answer, chunk)
	choices, _ := chunk.Get("choices")
	if len(choices.Elements()) == 0 {
		s.heard("")
		return nil
	}
	choice := choices.Elements()[0]
	if failure, is := choice.Get("error"); is && !failure.IsNull() { // OpenRouter's.
		return s.failure(choice.JSON())
	}
	delta, whole := choice.Get(field)
	content, thoughts, refusal := contentOf(delta)
	if err := s.answer.Append(content, cmp.Or(text(delta, "reasoning_content"), text(delta, "reasoning"), thoughts)); err != nil {
		return err
	}
	s.answer.Refusal.WriteString(text(delta, "refusal") + refusal)
	s.answer.Role = cmp.Or(text(delta, "role"), s.answer.Role)
	if err := s.calls.add(delta); err != nil {
		return err
	}
	logprobs, _ := choice.Get("logprobs")
	probable, _ := logprobs.Get("content")
	s.answer.Logprobs = append(s.answer.Logprobs, probable.Elements()...)
	if reason := text(choice, "finish_reason"); reason != "" || whole && field == "message" {
		s.answer.Done, s.answer.Reason = true, cmp.Or(reason, "stop")
	}
	s.heard(content)
	return nil
}

// finish makes tool calls from their pieces.
func (s *events) finish(secrets provider.Secrets) {
	s.answer.Calls = s.calls.all(secrets)
	if s.answer.Tokens == 0 {
		s.answer.Tokens = int64(s.answer.Pieces) // Some servers do not count for a stream.
	}
}
