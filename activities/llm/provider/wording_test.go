package provider_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
)

var verdicts = map[provider.Verdict]string{
	0: "unknown", provider.PromptTooLong: "prompt too long", provider.CacheFull: "cache full", provider.Loading: "loading",
	provider.RunnerGone: "runner gone", provider.RunnerLost: "runner lost", provider.CallerFault: "caller fault", provider.AnswerTooLong: "answer too long",
	provider.ServerFault: "server fault", provider.BadAnswer: "bad answer", provider.ModelMissing: "model missing",
}

// TestDialects reads the recorded responses.
func TestDialects(t *testing.T) {
	recorded, err := os.ReadFile("testdata/dialects.txt")
	if err != nil {
		t.Fatal(err)
	}
	server, want, checked := "", "", 0
	for line := range strings.Lines(string(recorded)) {
		line = strings.TrimSpace(line)
		var status int
		switch _, err := fmt.Sscanf(line, "%d ", &status); {
		case line == "":
		case strings.HasPrefix(line, "#"):
			server = strings.TrimLeft(line, "# ")
		case err != nil:
			want = line
		default:
			_, body, _ := strings.Cut(line, " ")
			r := provider.Read(status, provider.ReadError([]byte(body), body))
			got := verdicts[r.Verdict]
			if r.Tokens > 0 || r.Limit > 0 {
				got += fmt.Sprintf(" %d %d", r.Tokens, r.Limit)
			}
			if got != want {
				t.Errorf("%s: %s\ngot  %s\nwant %s", server, body, got, want)
			}
			checked++
		}
	}
	if checked < 90 {
		t.Errorf("only %d responses were checked", checked)
	}
}

// A proxy that cannot connect to the server says so in the words of a runner that is gone. The body is composed, not recorded.
func TestProxyWithoutServer(t *testing.T) {
	body := "connection refused"
	if r := provider.Read(502, provider.ReadError([]byte(body), body)); r.Verdict != 0 {
		t.Errorf("%d", r.Verdict)
	}
}

// A server may quote a prompt that has the words of an error: they are no error of the server then.
func TestQuotedPrompts(t *testing.T) {
	for _, words := range []string{
		"dial tcp: connection refused", "llama runner process has terminated", "Loading model", "model runner has unexpectedly stopped", "llama runner process no longer running",
		"an error was encountered while running the model", "health resp:", "do embedding request: EOF", "error reading llm response",
	} {
		for _, body := range []string{
			`{"detail":[{"type":"less_than_equal","loc":["body","temperature"],"msg":"Input should be <= 2","input":{"messages":[{"role":"user","content":"` + words + `"}]}}]}`,
			`{"detail":[{"loc":["body","messages",0],"msg":"invalid","input":"` + words + `"}]}`,
			`{"error":{"message":"invalid prompt 'explain: ` + words + `'"}}`,
		} {
			said := provider.ReadError([]byte(body), body)
			if r := provider.Read(422, said); r.Verdict != 0 {
				t.Errorf("%s: %s", verdicts[r.Verdict], said.Text)
			}
		}
	}
}
