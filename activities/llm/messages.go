package llm

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// defaultVisionPrompt is the prompt for images without one.
const defaultVisionPrompt = "Describe this image."

// readMessages makes the messages: `system`, then `messages`, then `prompt`. The files and images of the parameters are added
// to the last message of the user.
func readMessages(request protocol.Request) ([]provider.Message, *attached, error) {
	given := request.Parameters
	largest, err := imageSize(given)
	if err != nil {
		return nil, nil, err
	}
	var messages []provider.Message
	if system, is := given.Get("system"); is {
		messages = append(messages, provider.Message{Role: "system", Text: system.Text()})
	}
	listed, _ := given.Get("messages")
	for _, element := range listed.Elements() {
		m, err := readMessage(element, largest)
		if err != nil {
			return nil, nil, err
		}
		messages = append(messages, m)
	}
	prompt, prompted := given.Get("prompt")
	if prompted {
		messages = append(messages, provider.Message{Role: "user", Text: prompt.Text()})
	}
	images, err := readImages(request)
	if err != nil {
		return nil, nil, err
	}
	files, err := readFiles(request)
	if err != nil {
		return nil, nil, err
	}
	text := joinFiles(files)
	if len(images) == 0 && text == "" && (prompted || len(messages) > 0) {
		return messages, longestPrompt(messages), requireText(request.Method, messages, prompted)
	}
	at := lastUserMessage(messages)
	if at < 0 {
		messages = append(messages, provider.Message{Role: "user"})
		at = len(messages) - 1
	}
	last := &messages[at]
	last.Images = append(last.Images, images...)
	switch {
	case text == "" && last.Text == "" && len(images) > 0:
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

// readMessage reads one element of `messages`.
func readMessage(given value.Value, largest int) (provider.Message, error) {
	m := provider.Message{Role: text(given, "role"), Text: text(given, "content")}
	images, _ := given.Get("images")
	for _, encoded := range images.Elements() {
		image, err := decodeImage(encoded.Text(), largest)
		if err != nil {
			return m, err
		}
		m.Images = append(m.Images, image)
	}
	return m, nil
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
