package llm_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
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

// Ollama's /v1 drops an image that the model does not accept; other servers that do not say what they accept are asked.
func TestImageForAModelThatCannotSeeBehindAnotherAPI(t *testing.T) {
	parameters := `{"prompt":"?","provider":"openai","model":"llama3.2","images":["` + encoded(t, "red") + `"]}`
	for _, method := range []string{llm.Vision, llm.Chat} {
		got := fails(t, t.Context(), compatible(t), asking(t, method, parameters), nil)
		wantError(t, got, protocol.InvalidParams, protocol.Permanent, `the model "llama3.2" does not accept images`, "use one that does")
	}
	other := open(t, llm.Options{Providers: compatibleAt("m", serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/show" {
			t.Error("Ollama's API was asked")
		}
		speaking(said, finished, over)(w, r)
	}))})
	ask(t, other, llm.Vision, parameters)
}

func TestWhatIsNoImage(t *testing.T) {
	handler := open(t, llm.Options{})
	const formats = "the formats are PNG, JPEG, WebP, GIF, BMP and TIFF"
	for _, test := range []struct {
		parameters    string
		code          protocol.Code
		message, hint string
	}{
		{`{"image_path":"text.png"}`, protocol.TaskValidationFailed, `file "text.png" is not an image: it looks like text/plain; charset=utf-8`, formats + "; a PDF document is sent as images of its pages"},
		{`{"image_path":"a.docx"}`, protocol.TaskValidationFailed, `file "a.docx" is not an image: it looks like a ZIP archive`, formats + "; a PDF document is sent as images of its pages"},
		{`{"image_paths":["ok.png","empty.png"]}`, protocol.InvalidParams, `file "empty.png" is empty`, ""},
		{`{"image_path":"photo.heic"}`, protocol.InvalidParams, `file "photo.heic" is HEIC, which is not supported`, "convert it to JPEG: `magick photo.heic photo.jpg`; on macOS `sips -s format jpeg`"},
		{`{"images":[""]}`, protocol.InvalidParams, "invalid image: it is empty", ""},
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
		request.Files.(folder).write(t, "a.docx", []byte("PK\x03\x04\x14\x00\x00\x00\x00\x00"))
		request.Files.(folder).write(t, "empty.png", nil)
		request.Files.(folder).write(t, "photo.heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"))
		request.Files.(folder).write(t, "ok.png", picture(t, "gif", "red"))
		got := fails(t, t.Context(), handler, request, nil)
		wantError(t, got, test.code, protocol.Permanent, test.message, test.hint)
	}
}

// A broken image fails its own call, and the server does not get it.
func TestBrokenImage(t *testing.T) {
	handler := scripted(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was called") })
	for name, data := range map[string][]byte{"broken.png": picture(t, "png", "red")[:60], "broken.jpg": picture(t, "jpeg", "red")[:300]} {
		request := asking(t, llm.Vision, `{"image_path":"`+name+`"}`)
		request.Files.(folder).write(t, name, data)
		got := fails(t, t.Context(), handler, request, nil)
		if got.Code != protocol.InvalidParams || !strings.HasPrefix(got.Message, `file "`+name+`" is broken: `) {
			t.Errorf("got %s %s: %s", got.Name, got.Kind, got.Message)
		}
	}
}

// GIF fails on Ollama's own engine, BMP on its /v1, TIFF on both: the server gets PNG.
func TestFormatsThatServersDoNotRead(t *testing.T) {
	for _, format := range []string{"gif", "bmp", "tiff"} {
		for _, server := range []string{`"model":"tiny-vision"`, `"model":"tiny-vision","temperature":0,"provider":"openai","base_url":"` + ollamatest.Start(t) + `/v1"`} {
			request := asking(t, llm.Vision, `{"prompt":"Which colour?","image_path":"picture",`+server+`}`)
			request.Files.(folder).write(t, "picture", picture(t, format, "green"))
			result, err := real(t).Handle(t.Context(), request, nil)
			if err != nil {
				t.Fatalf("%s, %s: %v", format, server, err)
			}
			want(t, result, map[string]string{"response": `"I see green."`})
		}
	}
}

// Images are decoded once, and before the call takes a slot of a server.
func TestImagesArePreparedBeforeASlotIsTaken(t *testing.T) {
	held, release := make(chan struct{}, 1), make(chan struct{})
	var asked atomic.Int64
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1:
			held <- struct{}{}
			<-release
		case 2: // The call waits, and its question is dropped.
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		speaking(said, finished, over)(w, r)
	})
	handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{{Name: "openai", URLs: []string{url}, Model: "m", MaxConcurrent: 1}}})
	var running sync.WaitGroup
	running.Go(func() {
		if _, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"provider":"openai","prompt":"x"}`), nil); err != nil {
			t.Error(err)
		}
	})
	<-held
	got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"provider":"openai","prompt":"x","images":["bm8gaW1hZ2U="]}`), nil)
	if got.Code != protocol.InvalidParams {
		t.Errorf("%s: %s", got.Name, got.Message)
	}
	close(release)
	running.Wait()
	files := &countingPicture{data: picture(t, "png", "red")}
	request := asking(t, llm.Chat, `{"provider":"openai","prompt":"x","image_path":"a.png"}`)
	request.Files = files
	if _, err := handler.Handle(t.Context(), request, nil); err != nil || files.read.Load() != 1 || asked.Load() != 3 {
		t.Errorf("the file was read %d times for %d requests: %v", files.read.Load(), asked.Load()-1, err)
	}
}

// countingPicture are files of which each is the same image.
type countingPicture struct {
	data []byte
	read atomic.Int64
}

func (f *countingPicture) Read(string, int64) ([]byte, error) {
	f.read.Add(1)
	return f.data, nil
}

// What a server gets of an image: a WebP, which Ollama's older engine does not read, as PNG or JPEG, and a photo upright.
func TestImagesAsTheyAreSent(t *testing.T) {
	const webp = "RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00" // 1 × 1 pixel.
	var file bytes.Buffer
	if err := jpeg.Encode(&file, image.NewRGBA(image.Rect(0, 0, 32, 16)), nil); err != nil {
		t.Fatal(err)
	}
	const turned = "\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
	photo := append(append([]byte{}, file.Bytes()[:2]...), append([]byte(turned), file.Bytes()[2:]...)...)
	for name, test := range map[string]struct {
		data          []byte
		width, height int
	}{"WebP": {[]byte(webp), 1, 1}, "photo": {photo, 16, 32}} {
		var sent []byte
		handler := open(t, llm.Options{Providers: compatibleAt("m", chatting(t, func(w http.ResponseWriter, r *http.Request, body value.Value) {
			address := regexp.MustCompile(`"data:image/[a-z]+;base64,([^"]*)"`).FindSubmatch(body.JSON())
			var err error
			if sent, err = base64.StdEncoding.DecodeString(string(address[1])); err != nil {
				t.Error(err)
			}
			speaking(said, finished, over)(w, r)
		}))})
		ask(t, handler, llm.Vision, `{"prompt":"x","provider":"openai","images":["`+base64.StdEncoding.EncodeToString(test.data)+`"]}`)
		config, kind, err := image.DecodeConfig(bytes.NewReader(sent))
		if err != nil || kind != "png" && kind != "jpeg" || config.Width != test.width || config.Height != test.height {
			t.Errorf("%s: sent %q of %d × %d, %v", name, kind, config.Width, config.Height, err)
		}
	}
}

func TestLargeImage(t *testing.T) {
	large := image.NewRGBA(image.Rect(0, 0, 3000, 1500))
	var file bytes.Buffer
	if err := png.Encode(&file, large); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		parameter       string
		settings, width int
	}{{``, 1024, 1024}, {`,"max_image_size":500`, 1024, 500}, {`,"max_image_size":0`, 1024, 3000}, {``, 0, 2048}, {``, protocol.NoLimit, 3000}} {
		parameter, width := test.parameter, test.width
		url := serving(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/chat" {
				_, _ = io.WriteString(w, `{"capabilities":["completion","vision"]}`)
				return
			}
			var body struct{ Messages []struct{ Images [][]byte } }
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			config, err := png.DecodeConfig(bytes.NewReader(body.Messages[0].Images[0]))
			if err != nil || config.Width != width || config.Height != width/2 {
				t.Errorf("%s: %d × %d, %v", parameter, config.Width, config.Height, err)
			}
			answering("black")(w, r)
		})
		handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{{Name: "ollama", URLs: []string{url}, MaxImageSize: test.settings}}})
		request := asking(t, llm.Chat, `{"image_path":"large.png","prompt":"Which colour?"`+parameter+`}`)
		request.Files.(folder).write(t, "large.png", file.Bytes())
		if _, err := handler.Handle(t.Context(), request, nil); err != nil {
			t.Errorf("%s: %v", parameter, err)
		}
	}
}
