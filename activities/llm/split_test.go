package llm_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/activities/split"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
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

// TestSplitSendsPagesAsImages: a document that is not cut is sent as without a split; one that is cut, with the image of a page in the
// chunk that has its place. A result that leaves a page out says so.
func TestSplitSendsPagesAsImages(t *testing.T) {
	require.Long(t, "with the race detector, a page takes longer than it may")
	const missing = `file "empty-page.pdf": page 2 has no text`
	long := strings.Repeat("Nothing was to be seen that day. ", 40)
	for _, c := range []struct {
		name, parameters string
		text             string // Of t.txt.
		of               protocol.Split
		images           []int // Of each call.
		places, warning  string
	}{
		{"fits the size", `{"prompt":"What?","file_path":"empty-page.pdf","on_no_text":"vision"}`, "", protocol.Split{Size: 10_000}, []int{1}, "", ""},
		{"fits the context", `{"prompt":"What?","file_path":"empty-page.pdf","on_no_text":"vision","on_truncation":"split"}`, "", protocol.Split{}, []int{1}, "", ""},
		{"is cut", `{"prompt":"What?","file_path":"empty-page.pdf","on_no_text":"vision"}`, "", protocol.Split{Size: 10, By: protocol.SplitByPage}, []int{1, 0}, "pages 1–2 of empty-page.pdf; page 3 of empty-page.pdf", ""},
		{"an image beside a text", `{"prompt":"What?","files":["t.txt","scan.pdf"],"on_no_text":"vision"}`, "One.", protocol.Split{Size: 100}, []int{1}, "", ""},
		{"an image beside a text that is cut", `{"prompt":"What?","files":["t.txt","scan.pdf"],"on_no_text":"vision"}`, long, protocol.Split{Size: 200}, []int{0, 0, 0, 1}, "lines…", ""},
		{"an image alone", `{"prompt":"What?","file_path":"scan.pdf","on_no_text":"vision"}`, "", protocol.Split{Size: 20}, []int{1}, "", ""},
		{"a picture of a page of HTML", `{"prompt":"What?","files":["t.txt","x.html"],"on_no_text":"vision"}`, long, protocol.Split{Size: 200}, []int{0, 0, 0, 1}, "lines…", ""},
		{"fits, and a page is left out", `{"prompt":"What?","file_path":"empty-page.pdf"}`, "", protocol.Split{Size: 10_000}, []int{0}, "", missing},
		{"is cut, and a page is left out", `{"prompt":"What?","file_path":"empty-page.pdf"}`, "", protocol.Split{Size: 10, By: protocol.SplitByPage}, []int{0, 0}, "page 1 of empty-page.pdf; page 3 of empty-page.pdf", missing},
	} {
		server := &readerServer{}
		handler := server.open(t)
		request := withDocuments(t, llm.Chat, c.parameters, "pdf/empty-page.pdf", "pdf/scan.pdf")
		request.Files.(folder).write(t, "t.txt", []byte(c.text))
		request.Files.(folder).write(t, "x.html", []byte(`<img src="data:image/png;base64,`+base64.StdEncoding.EncodeToString(picture(t, "png", "red"))+`">`))
		call := &split.Call{Split: c.of, Reader: handler, Request: request, Steps: noSteps{}, Progress: func(string) {}}
		var images []int
		var texts []string
		call.Handle = func(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
			result, err := handler.Handle(ctx, request, progress)
			images, texts = append(images, server.shown), append(texts, strings.Join(server.sent, "\n\n"))
			return result, err
		}
		result, err := call.Run(t.Context())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		warning, _ := result.Value.Get("warning")
		if !slices.Equal(images, c.images) || result.Warning != c.warning || warning.Text() != c.warning {
			t.Errorf("%s: the images %v, not %v; the warnings %q and %q, not %q", c.name, images, c.images, result.Warning, warning.Text(), c.warning)
		}
		chunks, _ := result.Value.Get("chunks")
		var places []string
		for _, chunk := range chunks.Elements() {
			place, _ := chunk.Get("place")
			places = append(places, place.Text())
		}
		if got := strings.Join(places, "; "); c.places != "lines…" && got != c.places {
			t.Errorf("%s: the places %q", c.name, got)
		}
		if c.places != "" {
			continue
		}
		if _, err := handler.Handle(t.Context(), request, nil); err != nil {
			t.Error(err)
		}
		if without := strings.Join(server.sent, "\n\n"); texts[0] != without || images[0] != server.shown {
			t.Errorf("%s: without a split, %q and %d images are sent, and with it %q and %d", c.name, without, server.shown, texts[0], images[0])
		}
	}
}
