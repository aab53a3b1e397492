package llm

import (
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// lookAtIt is what a model is asked that gets images and no words.
const lookAtIt = "Describe this image."

// messagesOf makes the messages: `system`, then `messages`, then `prompt`; with the files and images of the parameters on
// the last one of the user.
func messagesOf(request protocol.Request) ([]message, error) {
	given := request.Parameters
	var messages []message
	if system, is := given.Get("system"); is {
		messages = append(messages, message{role: "system", text: system.Text()})
	}
	listed, _ := given.Get("messages")
	for _, element := range listed.Elements() {
		m, err := messageOf(element)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	prompt, prompted := given.Get("prompt")
	if prompted {
		messages = append(messages, message{role: "user", text: prompt.Text()})
	}
	images, err := imagesOf(request)
	if err != nil {
		return nil, err
	}
	files, err := filesOf(request)
	if err != nil {
		return nil, err
	}
	text := joined(files)
	if len(images) == 0 && text == "" && (prompted || len(messages) > 0) {
		return messages, nil
	}
	at := lastOfUser(messages)
	if at < 0 {
		messages = append(messages, message{role: "user"})
		at = len(messages) - 1
	}
	last := &messages[at]
	last.images = append(last.images, images...)
	switch {
	case text == "" && last.text == "" && len(images) > 0:
		last.text = lookAtIt
	case text != "" && last.text != "":
		last.text += "\n\n" + text
	case text != "":
		last.text = text
	}
	return messages, nil
}

// messageOf reads one element of `messages`.
func messageOf(given value.Value) (message, error) {
	m := message{role: text(given, "role"), text: text(given, "content")}
	images, _ := given.Get("images")
	for _, encoded := range images.Elements() {
		image, err := decodedImage(encoded.Text())
		if err != nil {
			return m, err
		}
		m.images = append(m.images, image)
	}
	return m, nil
}

func lastOfUser(messages []message) int {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].role == "user" {
			return i
		}
	}
	return -1
}
