package llm_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
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
	handler := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write([]byte(block)); err != nil {
				return
			}
		}
	})
	got := fails(t, t.Context(), handler, asking(t, llm.Chat, `{"prompt":"hello"}`), nil)
	wantError(t, got, protocol.TaskExecutionFailed, protocol.OfTask, "Ollama failed: it writes more than 16 MB without an end of line", "")
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
