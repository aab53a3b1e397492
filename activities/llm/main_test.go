package llm_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestMain(m *testing.M) { ollamatest.Main(m) }

// open makes a handler for the server at the address, for the time of the test.
func open(t testing.TB, o llm.Options) *llm.Handler {
	t.Helper()
	handler, err := llm.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := handler.Close(); err != nil {
			t.Error(err)
		}
	})
	return handler
}

// at are the settings of Ollama servers at the addresses.
func at(urls ...string) []protocol.ProviderSettings { return limited(0, urls...) }

// limited are those of servers with a limit for the calls in flight to each.
func limited(most int, urls ...string) []protocol.ProviderSettings {
	return []protocol.ProviderSettings{{Name: "ollama", URLs: urls, MaxConcurrent: most}}
}

// compatibleAt are the settings of OpenAI-compatible servers, with a model, at the addresses.
func compatibleAt(model string, urls ...string) []protocol.ProviderSettings {
	return []protocol.ProviderSettings{{Name: "openai", Model: model, URLs: urls}}
}

// real makes a handler for the shared Ollama.
func real(t testing.TB) *llm.Handler {
	t.Helper()
	return open(t, llm.Options{Providers: at(ollamatest.Start(t))})
}

// folder reads the files of a test.
type folder string

func (f folder) Read(path string, limit int64) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(string(f), path))
	if err != nil {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "file %q cannot be read", path)
	}
	if int64(len(data)) > limit {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "file %q cannot be read: it has more than %d bytes", path, limit)
	}
	return data, nil
}

func (f folder) write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(f), name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// asking is a request whose parameters are written as JSON.
func asking(t testing.TB, method, parameters string) protocol.Request {
	t.Helper()
	parsed, err := value.Parse([]byte(parameters))
	if err != nil {
		t.Fatalf("%s: %v", parameters, err)
	}
	return protocol.Request{Method: method, Parameters: parsed, Files: folder(t.TempDir())}
}

// ask makes one call that must bring an answer.
func ask(t testing.TB, handler *llm.Handler, method, parameters string) protocol.Result {
	t.Helper()
	result, err := handler.Handle(t.Context(), asking(t, method, parameters), nil)
	if err != nil {
		t.Fatalf("%s %s: %v", method, parameters, err)
	}
	return result
}

// fails makes one call that must fail, and returns its error.
func fails(t testing.TB, ctx context.Context, handler *llm.Handler, request protocol.Request, progress protocol.Progress) *protocol.Error {
	t.Helper()
	result, err := handler.Handle(ctx, request, progress)
	if err == nil {
		t.Fatalf("%s %s: no error, but %s", request.Method, request.Parameters.JSON(), result.Value.JSON())
	}
	return protocol.AsError(err, 0)
}

// field is a field of a result, as JSON.
func field(result protocol.Result, name string) string {
	v, is := result.Value.Get(name)
	if !is {
		return ""
	}
	return string(v.JSON())
}

func want(t testing.TB, result protocol.Result, fields map[string]string) {
	t.Helper()
	for name, value := range fields {
		if got := field(result, name); got != value {
			t.Errorf("%s is %s, not %s", name, got, value)
		}
	}
}

func wantError(t testing.TB, got *protocol.Error, code protocol.Code, kind protocol.ErrorKind, message, hint string) {
	t.Helper()
	if got.Code != code || got.Kind != kind || got.Message != message || got.Hint != hint {
		t.Errorf("got  %s %s: %s (%s)\nwant %s %s: %s (%s)", got.Name, got.Kind, got.Message, got.Hint, code.Info().Name, kind, message, hint)
	}
}

// picture is an image of one colour as a file.
func picture(t testing.TB, format, name string) []byte {
	t.Helper()
	colors := map[string]color.RGBA{"red": {R: 220, A: 255}, "green": {G: 200, A: 255}, "blue": {B: 230, A: 255}}
	drawn := image.NewRGBA(image.Rect(0, 0, 32, 32))
	for i := range 32 * 32 {
		drawn.SetRGBA(i%32, i/32, colors[name])
	}
	var file bytes.Buffer
	var err error
	switch format {
	case "png":
		err = png.Encode(&file, drawn)
	case "jpeg":
		err = jpeg.Encode(&file, drawn, nil)
	case "gif":
		err = gif.Encode(&file, drawn, nil)
	case "bmp":
		err = bmp.Encode(&file, drawn)
	case "tiff":
		err = tiff.Encode(&file, drawn, nil)
	default:
		err = fmt.Errorf("no format %q", format)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
