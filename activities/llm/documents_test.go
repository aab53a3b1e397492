package llm_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	reading "github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/require"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// readerServer is a server that keeps what it was sent.
type readerServer struct {
	mu    sync.Mutex
	sent  []string // The texts of the last message.
	shown int      // The number of images in it.
}

func (s *readerServer) open(t *testing.T) *llm.Handler {
	// Compiling the reader of PDF documents takes seconds: the tests of all packages share what comes out.
	reading.SetCache(filepath.Join(os.TempDir(), "gleitzeit-tests"))
	return open(t, llm.Options{Providers: compatibleAt("m", chatting(t, func(w http.ResponseWriter, r *http.Request, body value.Value) {
		messages, is := body.Get("messages")
		if !is { // It cannot count tokens.
			http.NotFound(w, r)
			return
		}
		s.mu.Lock()
		content, _ := messages.Elements()[len(messages.Elements())-1].Get("content")
		s.sent, s.shown = nil, 0
		if content.Kind() == value.KindString {
			s.sent = append(s.sent, content.Text())
		}
		for _, part := range content.Elements() {
			if kind, _ := part.Get("type"); kind.Text() == "text" {
				text, _ := part.Get("text")
				s.sent = append(s.sent, text.Text())
			} else {
				s.shown++
			}
		}
		s.mu.Unlock()
		speaking(said, finished, over)(w, r)
	}))})
}

// withDocuments is a request with files of the documents' test data.
func withDocuments(t *testing.T, method, parameters string, paths ...string) protocol.Request {
	t.Helper()
	request := asking(t, method, strings.Replace(parameters, "{", `{"provider":"openai",`, 1))
	for _, path := range paths {
		data, err := os.ReadFile(filepath.Join("../../internal/documents/testdata", path))
		if err != nil {
			t.Fatal(err)
		}
		request.Files.(folder).write(t, filepath.Base(path), data)
	}
	return request
}

// The text of a document of any format is appended to the prompt; pages without text are named in a warning, or are sent as images.
func TestDocumentsInPrompts(t *testing.T) {
	require.Long(t, "with the race detector, a page takes longer than it may")
	server := &readerServer{}
	handler := server.open(t)
	for _, c := range []struct {
		method, parameters, path string
		has, hasNot              string
		images                   int
		warning                  string
	}{
		{llm.Chat, `{"prompt":"What?","file_path":"letter.pdf"}`, "pdf/letter.pdf", "What?\n\nFlood defences of the lower Wümme//“wet cellars”//the rest by those", "", 0, ""},
		{llm.Chat, `{"prompt":"What?","files":["letter.pdf"]}`, "pdf/letter.pdf", "What?\n\n# letter.pdf\n\n//“wet cellars”", "", 0, ""},
		{llm.Chat, `{"prompt":"What?","file_path":"minutes.docx"}`, "docx/minutes.docx", "What?\n\n", "PK", 0, ""},
		{llm.Chat, `{"prompt":"What?","file_path":"people.csv"}`, "csv/people.csv", "| --- |", "", 0, ""},
		{llm.Chat, `{"prompt":"What?","file_path":"windows-1252.log","encoding":"windows-1252"}`, "txt/windows-1252.log", "ü", "\uFFFD", 0, ""},
		{llm.Chat, `{"prompt":"What?","file_path":"slides.pdf","pages":1}`, "pdf/slides.pdf", "Survey of spring 2024", "Crest 40 cm too low", 0, ""},
		{llm.Chat, `{"prompt":"What?","file_path":"slides.pdf","pages":"2-"}`, "pdf/slides.pdf", "Crest 40 cm too low", "Survey of spring 2024", 0, ""},
		{llm.Chat, `{"prompt":"What?","file_path":"empty-page.pdf"}`, "pdf/empty-page.pdf", "The next page is left blank.//This is the third page.", "", 0, `file "empty-page.pdf": page 2 has no text`},
		{llm.Chat, `{"prompt":"What?","file_path":"empty-page.pdf","on_no_text":"vision"}`, "pdf/empty-page.pdf", "The next page is left blank.//This is the third page.", "", 1, ""},
		{llm.Chat, `{"prompt":"What?","file_path":"scan.pdf","on_no_text":"vision"}`, "pdf/scan.pdf", "What?", "", 1, ""},
		{llm.Vision, `{"prompt":"What?","image_path":"slides.pdf"}`, "pdf/slides.pdf", "What?", "Crest", 2, ""},
		{llm.Vision, `{"prompt":"What?","image_paths":["slides.pdf"],"pages":2}`, "pdf/slides.pdf", "What?", "", 1, ""},
	} {
		result, err := handler.Handle(t.Context(), withDocuments(t, c.method, c.parameters, c.path), nil)
		if err != nil {
			t.Errorf("%s: %v", c.parameters, err)
			continue
		}
		sent := strings.Join(server.sent, "\n\n")
		for _, part := range strings.Split(c.has, "//") {
			if !strings.Contains(sent, part) {
				t.Errorf("%s: %q is missing in %q", c.parameters, part, sent)
			}
		}
		if c.hasNot != "" && strings.Contains(sent, c.hasNot) || server.shown != c.images || result.Warning != c.warning {
			t.Errorf("%s: %d images, the warning %q, and %q", c.parameters, server.shown, result.Warning, sent)
		}
	}
}

// A document that cannot be read fails its call for good, and says what is wrong and what helps.
func TestDocumentsThatCannotBeRead(t *testing.T) {
	handler := (&readerServer{}).open(t)
	for _, c := range []struct{ method, parameters, path, message, hint string }{
		{llm.Chat, `{"prompt":"x","file_path":"scan.pdf"}`, "pdf/scan.pdf", `file "scan.pdf" has no text`, "if it is a scan, `on_no_text: vision` sends its pages as images to a model that accepts them"},
		{llm.Embed, `{"file_path":"scan.pdf"}`, "pdf/scan.pdf", `file "scan.pdf" has no text`, ""},
		{llm.Chat, `{"prompt":"x","file_path":"encrypted.pdf"}`, "pdf/encrypted.pdf", `file "encrypted.pdf" is a PDF document with a password`, "save it without one: qpdf --decrypt --password=... IN OUT"},
		{llm.Chat, `{"prompt":"x","file_path":"slides.pdf","pages":"9"}`, "pdf/slides.pdf", `file "slides.pdf" has no page 9: it has 2`, "name pages from 1 to 2"},
		{llm.Vision, `{"prompt":"x","image_path":"slides.pdf","pages":9}`, "pdf/slides.pdf", `file "slides.pdf" has no page 9: it has 2`, "name pages from 1 to 2"},
		{llm.Vision, `{"prompt":"x","image_path":"encrypted.pdf"}`, "pdf/encrypted.pdf", `file "encrypted.pdf" is a PDF document with a password`, "save it without one: qpdf --decrypt --password=... IN OUT"},
	} {
		got := fails(t, t.Context(), handler, withDocuments(t, c.method, c.parameters, c.path), nil)
		wantError(t, got, protocol.TaskValidationFailed, protocol.Permanent, c.message, c.hint)
	}
	for _, c := range []struct{ parameters, message string }{
		{`{"prompt":"x","file_path":"slides.pdf","pages":"3-1"}`, `invalid pages "3-1"`},
		{`{"prompt":"x","file_path":"slides.pdf","encoding":"latin-nothing"}`, `unknown encoding "latin-nothing"`},
	} {
		got := fails(t, t.Context(), handler, withDocuments(t, llm.Chat, c.parameters, "pdf/slides.pdf"), nil)
		if got.Code != protocol.InvalidParams || got.Message != c.message {
			t.Errorf("%s: %v", c.parameters, got)
		}
		if found, _ := checked(t, c.parameters); len(found) != 1 || found[0].Message != c.message {
			t.Errorf("%s is checked with %+v", c.parameters, found)
		}
	}
}
