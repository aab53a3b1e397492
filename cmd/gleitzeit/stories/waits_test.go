package stories_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// TestABatchThatWaits: while no file of a batch makes progress, the screen and the status say what it waits for.
func TestABatchThatWaits(t *testing.T) {
	t.Parallel()
	const limit = ": the limit of the provider per minute is reached"
	u := withOllama(t, ollamatest.Start(t))
	write(t, filepath.Join(u.Home, "config.yaml"), "providers: {ollama: {requests_per_minute: 1}}\n")
	u.File("a.txt", "a")
	u.File("b.txt", "b")
	piped := u.Start("batch", "a.txt", "b.txt", "--prompt", "Summarize.")
	piped.Says("· batch  waiting until ")
	piped.Says(limit + "\n")
	shown, _ := u.Gleitzeit(0, "status", "@latest")
	if !strings.Contains(shown, "  ▶ batch  llm/chat  running  1 of 2 files  waiting until ") || !strings.Contains(shown, limit+"\n") {
		t.Errorf("status shows\n%s", shown)
	}
	screen := u.terminal("watch", "@latest")
	eventually(t, "the row says what the batch waits for", func() bool { return strings.Contains(screen.shows(), "1 of 2 files  waiting until ") })
	if lines := strings.Count(piped.Stderr.String(), "waiting until "); lines != 1 {
		t.Errorf("%d lines about it in\n%s", lines, piped.Stderr)
	}
	piped.Kill()
}
