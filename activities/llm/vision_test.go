package llm_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func encoded(t testing.TB, color string) string {
	t.Helper()
	return base64.StdEncoding.EncodeToString(picture(t, "png", color))
}

func TestImages(t *testing.T) {
	handler := real(t)
	for _, color := range []string{"red", "green", "blue"} {
		seen := map[string]string{"response": `"I see ` + color + `."`, "model": `"llava"`}
		request := asking(t, llm.Vision, `{"prompt":"Which colour?","image_path":"picture"}`)
		for _, format := range []string{"png", "jpeg"} {
			request.Files.(folder).write(t, "picture", picture(t, format, color))
			result, err := handler.Handle(t.Context(), request, nil)
			if err != nil {
				t.Fatalf("%s %s: %v", format, color, err)
			}
			want(t, result, seen)
		}
		image := encoded(t, color)
		for _, parameters := range []string{
			`{"images":["` + image + `"]}`,
			`{"prompt":"Which colour?","images":["data:image/png;base64,` + image + `"]}`,
			`{"messages":[{"role":"user","content":"Which colour?","images":["` + image + `"]}]}`,
			`{"messages":[{"role":"user","content":"Which colour?"}],"images":["` + image + `"]}`,
		} {
			want(t, ask(t, handler, llm.Vision, parameters), seen)
		}
		want(t, ask(t, handler, llm.Chat, `{"model":"tiny-vision","prompt":"Which colour?","images":["`+image+`"]}`),
			map[string]string{"response": seen["response"], "model": `"tiny-vision"`})
	}
}

func TestSeveralImages(t *testing.T) {
	request := asking(t, llm.Vision, `{"prompt":"Which colour?","image_paths":["a.png","b.png"]}`)
	for _, name := range []string{"a.png", "b.png"} {
		request.Files.(folder).write(t, name, picture(t, "png", "blue"))
	}
	result, err := real(t).Handle(t.Context(), request, nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, result, map[string]string{"response": `"I see blue."`})
}

func TestImageForAModelThatCannotSee(t *testing.T) {
	got := fails(t, t.Context(), real(t), asking(t, llm.Chat, `{"prompt":"Which colour?","images":["`+encoded(t, "red")+`"]}`), nil)
	wantError(t, got, protocol.InvalidParams, protocol.Permanent, `the model "llama3.2" does not accept images`, "use one that does, such as llava")
}

func TestWhatIsNoImage(t *testing.T) {
	handler := open(t, llm.Options{})
	const formats = "the formats are PNG, JPEG, WebP, GIF and BMP"
	for _, test := range []struct {
		parameters    string
		code          protocol.Code
		message, hint string
	}{
		{`{"image_path":"text.png"}`, protocol.TaskValidationFailed, `file "text.png" is not an image: it looks like text/plain; charset=utf-8`, formats},
		{`{"image_paths":["ok.png","empty.png"]}`, protocol.TaskValidationFailed, `file "empty.png" is not an image: it looks like text/plain; charset=utf-8`, formats},
		{`{"image_path":"gone.png"}`, protocol.TaskValidationFailed, `file "gone.png" cannot be read`, ""},
		{`{"images":["not base64!"]}`, protocol.InvalidParams, "invalid image: illegal base64 data at input byte 3", "use `image_path` for the path of a file"},
		{`{"images":["aGVsbG8="]}`, protocol.InvalidParams, "invalid image: it looks like text/plain; charset=utf-8", formats},
		{`{"images":["data:image/png,abc"]}`, protocol.InvalidParams, `invalid image: the data: URL is not base64: "data:image/png,abc"`, ""},
		{`{"messages":[{"role":"user","content":"x","images":["aGVsbG8="]}]}`, protocol.InvalidParams,
			"invalid image: it looks like text/plain; charset=utf-8", formats},
		{`{"messages":[{"role":"user","content":"x"}]}`, protocol.InvalidParams, "llm/vision: an image is required", "use `image_path`, `image_paths` or `images`"},
	} {
		request := asking(t, llm.Vision, test.parameters)
		request.Files.(folder).write(t, "text.png", []byte("no image"))
		request.Files.(folder).write(t, "empty.png", nil)
		request.Files.(folder).write(t, "ok.png", picture(t, "gif", "red"))
		got := fails(t, t.Context(), handler, request, nil)
		wantError(t, got, test.code, protocol.Permanent, test.message, test.hint)
	}
}

// Bytes that begin like an image and are none are for Ollama to find.
func TestBrokenImage(t *testing.T) {
	request := asking(t, llm.Vision, `{"image_path":"broken.png"}`)
	request.Files.(folder).write(t, "broken.png", picture(t, "png", "red")[:40])
	got := fails(t, t.Context(), real(t), request, nil)
	if got.Code != protocol.TaskExecutionFailed || got.Kind != protocol.TaskFault || !strings.HasPrefix(got.Message, "Ollama at "+ollamatest.Start(t)+" failed: ") {
		t.Errorf("got %s %s: %s", got.Name, got.Kind, got.Message)
	}
}
