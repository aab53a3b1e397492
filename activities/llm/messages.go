package llm

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// defaultVisionPrompt is the prompt for images without one.
const defaultVisionPrompt = "Describe this image."

// readMessages makes the messages: `system`, then `messages`, then `prompt`. The files and images of the parameters are added
// to the last message of the user.
func readMessages(request protocol.Request, images *preparedImages) ([]provider.Message, *attached, error) {
	given := request.Parameters
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
	files, err := readFiles(request)
	if err != nil {
		return nil, nil, err
	}
	text := joinFiles(files)
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
	added := &attached{at: at, before: strings.TrimSuffix(last.Text, text), files: files}
	for _, file := range files {
		added.size += len(file.text)
	}
	return messages, added, nil
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
