package webui

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/worker"
)

// What a client keeps outside of the history, a page of the UI gets by its reference, and nobody else does.
func TestPayloadsOutsideOfTheHistory(t *testing.T) {
	stored := worker.ExternalStorage(memory.New())
	large := fmt.Sprintf(`{"text":"%s"}`, strings.Repeat("payload ", 20_000))
	reference := keep(t, stored, large)
	s := start(t, Options{Home: testHome(t), Payloads: stored})
	client := browser(t)
	get(t, client, s.URL())

	_, settings := get(t, client, "http://"+s.Address()+"/api/v1/settings")
	if want := fmt.Sprintf(`"Codec":{"Endpoint":"http://%s/payloads"`, s.Address()); !strings.Contains(settings, want) {
		t.Errorf("the settings lack %s: %s", want, settings)
	}
	for _, test := range []struct {
		name, path, site string
		client           *http.Client
		status           int
		whole            bool // It is the payload itself, not a reference.
	}{
		{"a download", "/payloads/download", "same-origin", client, 200, true},
		{"what the UI shows", "/payloads/decode?preserveStorageRefs=true", "same-origin", client, 200, false},
		{"a download by a page of another port", "/payloads/download", "same-site", client, 403, false},
		{"a download without the cookie", "/payloads/download", "same-origin", browser(t), 401, false},
		{"a write into the store", "/payloads/encode", "same-origin", client, 405, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodPost, "http://"+s.Address()+test.path, bytes.NewReader(reference))
			must(t, err)
			r.Header.Set("Sec-Fetch-Site", test.site)
			answer, err := test.client.Do(r)
			must(t, err)
			defer answer.Body.Close()
			said, err := io.ReadAll(answer.Body)
			must(t, err)
			if answer.StatusCode != test.status {
				t.Fatalf("status %d, want %d: %.300s", answer.StatusCode, test.status, said)
			}
			if test.status != http.StatusOK {
				return
			}
			got := &commonpb.Payloads{}
			must(t, protojson.Unmarshal(said, got))
			if len(got.Payloads) != 1 {
				t.Fatalf("%d payloads, want one", len(got.Payloads))
			}
			if data := string(got.Payloads[0].Data); (data == large) != test.whole {
				t.Errorf("it shows %d bytes, and %d were kept", len(data), len(large))
			}
		})
	}
}

// keep keeps a payload as a client does, and returns what is then in the history, as JSON.
func keep(t *testing.T, stored converter.ExternalStorage, text string) []byte {
	t.Helper()
	handler, err := converter.NewPayloadHTTPHandler(converter.PayloadHTTPHandlerOptions{ExternalStorage: stored})
	must(t, err)
	payload := &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(text)}
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: []*commonpb.Payload{payload}})
	must(t, err)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/encode", bytes.NewReader(body)))
	if answer.Code != http.StatusOK || answer.Body.Len() > 1000 {
		t.Fatalf("status %d with %d bytes", answer.Code, answer.Body.Len())
	}
	return answer.Body.Bytes()
}
