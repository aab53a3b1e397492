package llm

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/content"
	"github.com/gleitzeit/gleitzeit/activities/llm/document"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// defaultVisionPrompt is the prompt for images without one.
const defaultVisionPrompt = "Describe this image."

// readMessages makes the messages: `system`, then `messages`, then `prompt`. The files and images of the parameters are added
// to the last message of the user.
func readMessages(request protocol.Request, images *preparedImages) ([]provider.Message, *document.Attached, error) {
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

// Prompt is what a call of a method would ask.
type Prompt struct {
	System string
	Text   string // The last message of the user, with its files; of llm/embed, the texts.
	Tokens int64  // An estimate for all messages, without images.
}

// ReadPrompt returns what a call would ask. It asks nothing, and reads no images.
func ReadPrompt(request protocol.Request) (Prompt, error) {
	if request.Method == Embed {
		q := &question{}
		if err := q.embedding(request); err != nil {
			return Prompt{}, err
		}
		return Prompt{Text: strings.Join(q.Inputs, "\n\n"), Tokens: q.InputTokens()}, nil
	}
	listed, _ := request.Parameters.Get("messages")
	asked := provider.Request{}
	var err error
	asked.Messages, _, err = readMessages(request, &preparedImages{messages: make([][][]byte, len(listed.Elements()))})
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

const (
	// maxText is the maximum size of a text file in bytes: far more than any model reads at once.
	maxText = 8 << 20
	// maxTexts is the maximum total size of all files of a call.
	maxTexts = 32 << 20
)

// namesFiles reports whether parameters name text files.
func namesFiles(given value.Value) bool {
	_, one := given.Get("file_path")
	_, several := given.Get("files")
	return one || several
}

// readFiles reads `file_path`, then `files`.
func readFiles(request protocol.Request) ([]document.File, error) {
	if request.Document != "" {
		return []document.File{{Path: documentName(request.Parameters), Text: request.Document}}, nil
	}
	var files []document.File
	size := 0
	read := func(path string) error {
		data, err := request.Files.Read(path, maxText)
		if err != nil {
			return err
		}
		text, err := content.Text(data)
		if problem, is := errors.AsType[*content.Problem](err); is {
			return protocol.Errorf(protocol.TaskValidationFailed, "file %q %s", path, problem.Text).WithHint("%s", problem.Hint)
		}
		if strings.TrimSpace(text) == "" {
			return protocol.Errorf(protocol.InvalidParams, "file %q is empty", path)
		}
		if size += len(text); size > maxTexts {
			return protocol.Errorf(protocol.TaskValidationFailed, "the files are larger than %d MiB in total", maxTexts>>20)
		}
		files = append(files, document.File{Path: path, Text: text})
		return nil
	}
	if path, is := request.Parameters.Get("file_path"); is {
		if err := read(path.Text()); err != nil {
			return nil, err
		}
	}
	listed, _ := request.Parameters.Get("files")
	names := fileNames(listed.Elements())
	for i, path := range listed.Elements() {
		if err := read(path.Text()); err != nil {
			return nil, err
		}
		files[len(files)-1].Name = names[i]
	}
	return files, nil
}

// documentName is the path of the files that the parameters name, for messages.
func documentName(given value.Value) string {
	listed, _ := given.Get("files")
	for _, path := range listed.Elements() {
		return path.Text()
	}
	return text(given, "file_path")
}

// fileNames are the names of files as the model gets them: the base names, or the whole path where two are the same.
func fileNames(paths []value.Value) []string {
	count := map[string]int{}
	for _, path := range paths {
		count[filepath.Base(path.Text())]++
	}
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = filepath.Base(path.Text())
		if count[names[i]] > 1 {
			names[i] = path.Text()
		}
	}
	return names
}
