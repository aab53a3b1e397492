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
	provider.BadAnswer: "bad answer", provider.ModelMissing: "model missing",
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
	body := "dial tcp 10.0.0.5:8080: connect: connection refused"
	if r := provider.Read(502, provider.ReadError([]byte(body), body)); r.Verdict != 0 {
		t.Errorf("%d", r.Verdict)
	}
}
