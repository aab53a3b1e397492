package notify_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/notify"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// call calls a method with parameters as JSON.
func call(ctx context.Context, t *testing.T, method, parameters string) (value.Value, error) {
	t.Helper()
	handler, err := notify.New(os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	given, err := value.Parse([]byte(parameters))
	if err != nil {
		t.Fatal(err)
	}
	result, err := handler.Handle(ctx, protocol.Request{Method: method, Key: "msg_1", Parameters: given, Folder: t.TempDir()}, nil)
	return result.Value, err
}

// failed checks the error of a call: its name, whether it is tried again by itself, and words of its message.
func failed(t *testing.T, err error, name string, kind protocol.ErrorKind, words string) {
	t.Helper()
	if err == nil {
		t.Fatal("it succeeded")
	}
	got := protocol.AsError(err, 0)
	if got.Name != name || got.Kind != kind || !strings.Contains(got.Error(), words) {
		t.Errorf("got %s (%s) %q, want %s (%s) %q", got.Name, got.Kind, got.Error(), name, kind, words)
	}
}

func TestWebhook(t *testing.T) {
	var seen *http.Request
	var body string
	status, header := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		data, _ := io.ReadAll(r.Body)
		body = string(data)
		if header != "" {
			w.Header().Set("Location", header)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "thank\nyou")
	}))
	defer server.Close()
	parameters := `{"url": "` + server.URL + `/hook?key=k", "body": {"text": "\"done\""}, "headers": {"X-Extra": "1"}, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`
	result, err := call(t.Context(), t, notify.Webhook, parameters)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(result.JSON()), `{"status":200,"response":"thank\nyou"}`; got != want {
		t.Errorf("the result is %s, want %s", got, want)
	}
	if want := `{"text":"\"done\""}`; body != want || seen.Method != http.MethodPost || seen.URL.String() != "/hook?key=k" {
		t.Errorf("%s %s got %s, want %s", seen.Method, seen.URL, body, want)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "X-Extra": "1", "Webhook-Id": "msg_1"} {
		if got := seen.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		status        int
		location      string
		name          string
		kind          protocol.ErrorKind
		words, absent string
	}{
		{503, "", "PROVIDER_NOT_AVAILABLE", protocol.Transient, "answered with status 503: thank you", "key=k"},
		{429, "", "PROVIDER_OVERLOADED", protocol.Transient, "status 429", "key=k"},
		{404, "", "TASK_EXECUTION_FAILED", protocol.Permanent, "status 404", "key=k"},
		{302, "http://127.0.0.1:1/elsewhere", "TASK_EXECUTION_FAILED", protocol.Permanent, "redirects are not followed", "elsewhere"},
	} {
		status, header = c.status, c.location
		_, err := call(t.Context(), t, notify.Webhook, parameters)
		failed(t, err, c.name, c.kind, c.words)
		if strings.Contains(err.Error(), c.absent) {
			t.Errorf("the message has %q: %v", c.absent, err)
		}
	}
	server.Close()
	_, err = call(t.Context(), t, notify.Webhook, parameters)
	failed(t, err, "PROVIDER_NOT_AVAILABLE", protocol.Transient, "connection refused")
	if strings.Contains(err.Error(), "key=k") {
		t.Errorf("the message has the address: %v", err)
	}
}

// TestSignature: the value is that of the example in the specification of Standard Webhooks 1.0.0.
func TestSignature(t *testing.T) {
	got := notify.Signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWebhookThatHangs(t *testing.T) {
	ends := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ends }))
	defer server.Close()
	defer close(ends)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := call(ctx, t, notify.Webhook, `{"url": "`+server.URL+`", "body": null}`); err == nil || ctx.Err() == nil {
		t.Errorf("it ended with %v before its time", err)
	}
}

func TestCommand(t *testing.T) {
	for _, c := range []struct{ parameters, want string }{
		{`{"command": ["cat"], "stdin": "$(touch x); 'quoted' \"twice\""}`, `$(touch x); 'quoted' "twice"`},
		{`{"command": ["cat"], "stdin": {"status": "failed"}}`, `{"status":"failed"}` + "\n"},
		{`{"command": ["printf", "%s|", "$(echo no)", "a b", ""]}`, "$(echo no)|a b||"},
		{`{"command": ["sh", "-c", "sleep 300 & echo begun"]}`, "begun\n"},
	} {
		result, err := call(t.Context(), t, notify.Command, c.parameters)
		if err != nil {
			t.Errorf("%s: %v", c.parameters, err)
			continue
		}
		if response, _ := result.Get("response"); response.Text() != c.want {
			t.Errorf("%s printed %q, want %q", c.parameters, response.Text(), c.want)
		}
	}
	result, err := call(t.Context(), t, notify.Command, `{"command": ["sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x"]}`)
	if response, _ := result.Get("response"); err != nil || len(response.Text()) != 64<<10 {
		t.Errorf("%d bytes are kept, %v", len(response.Text()), err)
	}
	t.Setenv("GLEITZEIT_TEST_CANARY", "canary")
	result, err = call(t.Context(), t, notify.Command, `{"command": ["env"]}`)
	if response, _ := result.Get("response"); err != nil || strings.Contains(response.Text(), "canary") {
		t.Errorf("it has the worker's environment, %v", err)
	}
}

func TestFailedCommand(t *testing.T) {
	folder := t.TempDir()
	plain := filepath.Join(folder, "plain")
	if err := os.WriteFile(plain, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		parameters, name string
		kind             protocol.ErrorKind
		words            string
	}{
		{`{"command": ["sh", "-c", "echo why >&2; exit 3"]}`, "TASK_EXECUTION_FAILED", protocol.TaskFault, `"sh": exit status 3: why`},
		{`{"command": ["no-such-program-here"]}`, "CONFIGURATION_ERROR", protocol.Permanent, `program "no-such-program-here" not found`},
		{`{"command": ["` + plain + `"]}`, "CONFIGURATION_ERROR", protocol.Permanent, "exec format error"},
		{`{"command": ["a\u0000b"]}`, "INVALID_PARAMS", protocol.Permanent, "null character"},
		{`{"command": []}`, "INVALID_PARAMS", protocol.Permanent, "command"},
	} {
		_, err := call(t.Context(), t, notify.Command, c.parameters)
		failed(t, err, c.name, c.kind, c.words)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	since := time.Now()
	if _, err := call(ctx, t, notify.Command, `{"command": ["sh", "-c", "sleep 300 & sleep 300"]}`); err == nil || time.Since(since) > 20*time.Second {
		t.Errorf("it ended with %v after %s", err, time.Since(since))
	}
}
