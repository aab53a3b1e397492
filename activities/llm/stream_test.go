package llm_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// A piece may be long: some servers send a whole answer as one.
func TestALongPiece(t *testing.T) {
	for _, method := range []string{llm.Chat, llm.Generate} {
		long := strings.Repeat("a long answer, ", 700_000)
		handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			piece := map[string]any{"done": true, "done_reason": "stop", "response": long}
			if r.URL.Path == "/api/chat" {
				piece = map[string]any{"done": true, "done_reason": "stop", "message": map[string]string{"content": long}}
			}
			if err := json.NewEncoder(w).Encode(piece); err != nil {
				t.Error(err)
			}
		})
		want(t, ask(t, handler, method, `{"prompt":"hello"}`), map[string]string{"response": `"` + long + `"`})
	}
}

// What has no end is not taken in.
func TestAPieceThatIsTooLong(t *testing.T) {
	block := strings.Repeat("x", 1<<20)
	url := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write([]byte(block)); err != nil {
				return
			}
		}
	})
	got := fails(t, t.Context(), open(t, llm.Options{Providers: at(url)}), asking(t, llm.Chat, `{"prompt":"hello"}`), nil)
	wantError(t, got, protocol.TaskExecutionFailed, protocol.TaskFault, "invalid response from Ollama at "+url+": more than 16 MB without an end of line",
		"is it the address of an Ollama server?")
}

// A server that wants to know who is asking gets a signature of what is asked, by the key that Ollama keeps.
func TestSignedByTheKeyOfOllama(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".ollama"), 0o700); err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
	if err := os.WriteFile(filepath.Join(home, ".ollama", "id_ed25519"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("OLLAMA_AUTH", "1")
	handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		_, signature, _ := strings.Cut(r.Header.Get("Authorization"), ":")
		raw, err := base64.StdEncoding.DecodeString(signature)
		if err != nil || !ed25519.Verify(public, []byte("POST,"+r.URL.RequestURI()), raw) {
			t.Errorf("%s is signed with %q (%v)", r.URL.RequestURI(), r.Header.Get("Authorization"), err)
		}
		answering("yes")(w, r)
	})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": `"yes"`})
}

// An answer without end is ended where it is more than can be kept.
func TestAnAnswerThatIsTooLong(t *testing.T) {
	piece := `{"message":{"content":"` + strings.Repeat("x", 1<<20) + `"},"done":false}` + "\n"
	ended := make(chan struct{})
	handler := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		for {
			if _, err := w.Write([]byte(piece)); err != nil {
				return
			}
		}
	})
	got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"hello"}`), nil)
	wantError(t, got, protocol.TaskResultInvalid, protocol.Permanent, "the answer is larger than 67108864 bytes, the limit of a result", "limit the answer with `max_tokens`")
	<-ended // The server hears of it.
}

// Some proxies send empty lines; and a server that does not close its response after the last piece keeps nobody waiting.
func TestEmptyLinesAndWhatFollowsTheLast(t *testing.T) {
	gone := make(chan struct{})
	handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "\n\r\n")
		answering("yes")(w, r)
		fmt.Fprintln(w, `{"message":{"content":"no"},"done":false}`)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	})
	want(t, ask(t, handler, llm.Chat, `{"prompt":"hello"}`), map[string]string{"response": `"yes"`})
	<-gone
}

// A server that does not stream answers with one document, which may have several lines, and so may an error.
func TestDocumentWhereAStreamIsRequested(t *testing.T) {
	const document = "{\n  \"model\": \"m\",\n  \"message\": {\n    \"role\": \"assistant\",\n    \"content\": \"yes\"\n  },\n  \"done\": true,\n  \"done_reason\": \"stop\"\n}\n"
	for _, text := range []string{document, strings.TrimSuffix(document, "\n"), "\n\n" + document, strings.ReplaceAll(document, "\n", " ")} {
		want(t, ask(t, scripted(t, answeringDocument(text)), llm.Chat, `{"prompt":"x"}`), map[string]string{"response": `"yes"`, "done_reason": `"stop"`})
	}
	for text, test := range map[string]struct {
		code  protocol.Code
		words string
	}{
		"{\n  \"error\": \"the disk is full\"\n}\n": {protocol.TaskExecutionFailed, "failed: the disk is full"},
		document[:60]: {protocol.ProviderNotAvailable, "was cut off after 0 tokens"},
		"{\n":         {protocol.ProviderNotAvailable, "was cut off after 0 tokens"},
	} {
		got := fails(t, t.Context(), scripted(t, answeringDocument(text)), asking(t, llm.Chat, `{"prompt":"x"}`), nil)
		if got.Code != test.code || !strings.Contains(got.Message, test.words) {
			t.Errorf("%q: got %s: %s", text, got.Name, got.Message)
		}
	}
}
