package llm_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/activities/split"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// noSteps records nothing.
type noSteps struct{}

func (noSteps) Find(context.Context, string) (*split.Step, error) { return nil, nil }

func (noSteps) Put(context.Context, string, split.Step) error { return nil }

// TestSplitByOllama: Ollama says that a document is longer than num_ctx, and answers about chunks that fit, none of which it cuts.
func TestSplitByOllama(t *testing.T) {
	handler := real(t)
	request := asking(t, llm.Chat, `{"prompt": "What did you see?", "file_path": "diary.md", "num_ctx": 512, "max_tokens": 40, "on_truncation": "split"}`)
	var text strings.Builder
	for day := range 60 {
		fmt.Fprintf(&text, "On day %d nothing was to be seen. ", day)
		if day == 41 {
			text.WriteString("Then there was a PINEAPPLE. ")
		}
	}
	request.Files.(folder).write(t, "diary.md", []byte(text.String()))
	c := &split.Call{Reader: handler, Request: request, Steps: noSteps{}, Progress: func(string) {}, Handle: handler.Handle}
	result, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	response, _ := result.Value.Get("response")
	if strings.Count(response.Text(), "I saw the PINEAPPLE.") != 1 || result.Warning != "" {
		t.Errorf("%q, warning %q", response.Text(), result.Warning)
	}
	chunks, _ := result.Value.Get("chunks")
	if len(chunks.Elements()) < 3 {
		t.Errorf("%s", chunks.JSON())
	}
	for _, chunk := range chunks.Elements() {
		tokens, _ := chunk.Get("prompt_tokens")
		if n := len(tokens.Digits()); n == 0 || n > 3 || tokens.Digits() > "512" && n == 3 {
			t.Errorf("%s", chunk.JSON())
		}
	}

	request.Parameters = asking(t, llm.Chat, `{"prompt": "What did you see?", "file_path": "diary.md", "num_ctx": 512, "max_tokens": 40, "on_truncation": "fail"}`).Parameters
	_, err = handler.Handle(t.Context(), request, nil)
	if failure := protocol.AsError(err, protocol.InternalError); failure.Code != protocol.InvalidParams || !strings.Contains(failure.Message, "context") {
		t.Errorf("%+v", failure)
	}
}
