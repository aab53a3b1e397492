package llm

import (
	"unicode/utf8"

	"github.com/ollama/ollama/api"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

const (
	// maxText is the size in bytes of the largest text file: far more than any model reads at once.
	maxText = 8 << 20
	// lookAtIt is what a model is asked that gets images and no words.
	lookAtIt = "Describe this image."
)

// messagesOf makes the messages: `system`, then `messages`, then `prompt`; with the files and images of the parameters on
// the last one of the user.
func messagesOf(request protocol.Request) ([]api.Message, error) {
	given := request.Parameters
	var messages []api.Message
	if system, is := given.Get("system"); is {
		messages = append(messages, api.Message{Role: "system", Content: system.Text()})
	}
	listed, _ := given.Get("messages")
	for _, element := range listed.Elements() {
		message, err := messageOf(element)
		if err != nil {
			return nil, err
		}
		messages = append(messages, message)
	}
	prompt, prompted := given.Get("prompt")
	if prompted {
		messages = append(messages, api.Message{Role: "user", Content: prompt.Text()})
	}
	images, err := imagesOf(request)
	if err != nil {
		return nil, err
	}
	text, err := fileText(request)
	if err != nil || len(images) == 0 && text == "" && (prompted || len(messages) > 0) {
		return messages, err
	}
	at := lastOfUser(messages)
	if at < 0 {
		messages = append(messages, api.Message{Role: "user"})
		at = len(messages) - 1
	}
	last := &messages[at]
	last.Images = append(last.Images, images...)
	switch {
	case text == "" && last.Content == "" && len(images) > 0:
		last.Content = lookAtIt
	case text != "" && last.Content != "":
		last.Content += "\n\n" + text
	case text != "":
		last.Content = text
	}
	return messages, nil
}

// messageOf reads one element of `messages`.
func messageOf(given protocol.Value) (api.Message, error) {
	role, _ := given.Get("role")
	content, _ := given.Get("content")
	message := api.Message{Role: role.Text(), Content: content.Text()}
	images, _ := given.Get("images")
	for _, encoded := range images.Elements() {
		image, err := decodedImage(encoded.Text())
		if err != nil {
			return message, err
		}
		message.Images = append(message.Images, image)
	}
	return message, nil
}

func lastOfUser(messages []api.Message) int {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == "user" {
			return i
		}
	}
	return -1
}

// fileText reads the text that follows the prompt.
func fileText(request protocol.Request) (string, error) {
	path, is := request.Parameters.Get("file_path")
	if !is {
		return "", nil
	}
	data, err := request.Files.Read(path.Text(), maxText)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(data) {
		return "", protocol.Errorf(protocol.TaskValidationFailed, "file %q is not UTF-8 text", path.Text()).
			WithHint("convert it; an image goes into `image_path`")
	}
	return string(data), nil
}
