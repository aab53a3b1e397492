package llm

import (
	"context"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/document"
	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// defaultVisionPrompt is the prompt for images without one.
const defaultVisionPrompt = "Describe this image."

// readMessages makes the messages: `system`, then `messages`, then `prompt`. The files and images of the parameters are added
// to the last message of the user.
func readMessages(request protocol.Request, images preparedImages, attached attachments) ([]provider.Message, *document.Attached, error) {
	given, files := request.Parameters, attached.texts
	images.given = slices.Concat(images.given, attached.images)
	var messages []provider.Message
	if system, is := given.Get("system"); is {
		messages = append(messages, provider.Message{Role: "system", Text: system.Text()})
	}
	listed, _ := given.Get("messages")
	for i, element := range listed.Elements() {
		messages = append(messages, provider.Message{Role: text(element, "role"), Text: text(element, "content"), Images: images.messages[i]})
	}
	prompt, prompted := given.Get("prompt")
	if prompted {
		messages = append(messages, provider.Message{Role: "user", Text: prompt.Text()})
	}
	text := document.Join(files)
	if len(images.given) == 0 && text == "" && (prompted || len(messages) > 0) {
		return messages, longestPrompt(messages), requireText(request.Method, messages, prompted)
	}
	at := lastUserMessage(messages)
	if at < 0 {
		messages = append(messages, provider.Message{Role: "user"})
		at = len(messages) - 1
	}
	last := &messages[at]
	last.Images = slices.Concat(last.Images, images.given)
	switch {
	case text == "" && last.Text == "" && len(images.given) > 0:
		last.Text = defaultVisionPrompt
	case text != "" && last.Text != "":
		last.Text += "\n\n" + text
	case text != "":
		last.Text = text
	}
	if text == "" {
		return messages, longestPrompt(messages), nil
	}
	added := &document.Attached{At: at, Before: strings.TrimSuffix(last.Text, text), Files: files}
	for _, file := range files {
		added.Size += len(file.Text)
	}
	return messages, added, nil
}

// listMessages returns parameters in which a conversation that is the JSON text of a list, as a cell of a table has it, is the list.
func listMessages(parameters value.Value) value.Value {
	written, _ := parameters.Get("messages")
	if written.Kind() != value.KindString {
		return parameters
	}
	if list, err := value.ParseText(written.Text()); err == nil && list.Kind() == value.KindList {
		return parameters.With("messages", list)
	}
	return parameters
}

// Prompt is what a call of a method would ask.
type Prompt struct {
	System string
	Text   string // The last message of the user, with its files; of llm/embed, the texts.
	Tokens int64  // An estimate for all messages, without images.
}

// ReadPrompt returns what a call would ask: with the Document of the request in place of its files, if it has one. It asks nothing, and reads no images.
func ReadPrompt(ctx context.Context, request protocol.Request, documents *reader.Reader) (Prompt, error) {
	request.Parameters = listMessages(request.Parameters)
	if err := checkPage(request.Method, request.Parameters); err != nil {
		return Prompt{}, err
	}
	attached, err := instead(request), error(nil)
	if request.Document == "" {
		attached, err = (&files{request: request, reader: documents, withoutImages: true}).read(ctx)
	}
	if err != nil {
		return Prompt{}, err
	}
	if request.Method == Embed {
		q := &question{}
		if err := q.embedding(request, attached); err != nil {
			return Prompt{}, err
		}
		return Prompt{Text: strings.Join(q.Inputs, "\n\n"), Tokens: q.InputTokens()}, nil
	}
	listed, _ := request.Parameters.Get("messages")
	asked := provider.Request{}
	asked.Messages, _, err = readMessages(request, preparedImages{messages: make([][][]byte, len(listed.Elements()))}, attached)
	prompt := Prompt{Tokens: asked.InputTokens()}
	for _, m := range asked.Messages {
		switch m.Role {
		case "system":
			prompt.System = m.Text
		case "user":
			prompt.Text = m.Text
		}
	}
	return prompt, err
}

// checkPage finds a page of a document, or the document, in place of its text.
func checkPage(method string, given value.Value) error {
	for _, name := range []string{"prompt", "system"} {
		object, _ := given.Get(name)
		if _, has := object.Get("text"); has && object.Kind() == value.KindObject {
			return protocol.Errorf(protocol.InvalidParams, "%s: parameters.%s: got object, want string", method, name).
				WithHint("a page is an object: refer to its text, as in `${item.pages[0].text}`")
		}
		if elements := object.Elements(); object.Kind() == value.KindList && len(elements) > 0 {
			if _, has := elements[0].Get("text"); has {
				return protocol.Errorf(protocol.InvalidParams, "%s: parameters.%s: got array, want string", method, name).
					WithHint("pages are a list: refer to the text of all, `${item.text}`, or to the text of each, `${item.pages[*].text}`, within a longer text")
			}
		}
	}
	return nil
}

// logSent passes on what is sent to a server now.
func (x *exchange) logSent(m *pool.Member) {
	log, request := x.call.request.Sent, &x.request
	if log == nil {
		return
	}
	sent := protocol.Sent{Server: m.URL, Model: request.Model}
	switch {
	case request.Recording != nil:
		sent.Messages = append(sent.Messages, protocol.SentMessage{Role: "recording", Text: request.Recording.Name})
		for _, field := range request.Recording.Fields {
			sent.Messages = append(sent.Messages, protocol.SentMessage{Role: field.Name, Text: field.Value.Text()})
		}
	case request.Body != nil:
		sent.Messages = append(sent.Messages, protocol.SentMessageOf("body", request.Body.JSON))
	case request.Inputs != nil:
		for _, text := range request.Inputs {
			sent.Messages = append(sent.Messages, protocol.SentMessage{Role: "text", Text: text})
		}
	}
	for _, message := range request.Messages {
		text := message.Text
		for _, call := range message.Calls {
			text = strings.TrimPrefix(text+"\n", "\n") + call.Name + string(call.Arguments.JSON())
		}
		sent.Messages = append(sent.Messages, protocol.SentMessage{Role: message.Role, Text: text, Images: len(message.Images)})
	}
	if request.Completion != nil && request.Completion.Suffix != "" {
		sent.Messages = append(sent.Messages, protocol.SentMessage{Role: "suffix", Text: request.Completion.Suffix})
	}
	log(sent)
}

// requireText checks that the last message of the user is not empty: a server would only load the model, and a model would make
// something up.
func requireText(method string, messages []provider.Message, prompted bool) error {
	at := lastUserMessage(messages)
	if at < 0 || strings.TrimSpace(messages[at].Text) != "" || len(messages[at].Images) > 0 {
		return nil
	}
	if prompted {
		return protocol.Errorf(protocol.InvalidParams, "%s: the prompt is empty", method)
	}
	return protocol.Errorf(protocol.InvalidParams, "%s: the last message of the user is empty", method)
}

func lastUserMessage(messages []provider.Message) int {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == "user" {
			return i
		}
	}
	return -1
}

// longestPrompt returns the longest message of the user; nil if there is none.
func longestPrompt(messages []provider.Message) *document.Attached {
	var longest *document.Attached
	for i, m := range messages {
		if m.Role == "user" && m.Text != "" && (longest == nil || len(m.Text) > longest.Size) {
			longest = &document.Attached{At: i, Prompt: m.Text, Size: len(m.Text)}
		}
	}
	return longest
}
