package stories_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/require"
)

// terminal is one that a program runs in.
type terminal struct {
	t      testing.TB
	socket string
}

// terminal starts the program in a terminal of 70 columns and 20 rows, which stays when it has ended.
func (u *user) terminal(args ...string) *terminal {
	u.T.Helper()
	return u.terminalOf(append([]string{program(u.T)}, args...)...)
}

// terminalOf is terminal for any program. The shell finds gleitzeit there.
func (u *user) terminalOf(words ...string) *terminal {
	u.T.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		require.Skip(u.T, "there is no tmux")
	}
	folder, err := os.MkdirTemp("", "gleitzeit-tmux-") // The path of a socket must be short.
	must(u.T, err)
	s := &terminal{u.T, filepath.Join(folder, "socket")}
	write(u.T, filepath.Join(folder, "conf"), "set -g remain-on-exit on\nset -g status off\n")
	start := append([]string{"-u", "-S", s.socket, "-f", filepath.Join(folder, "conf"), "new-session", "-d", "-x", "70", "-y", "20"}, words...)
	command := exec.Command("tmux", start...)
	command.Dir = u.Work
	command.Env = u.Environment("TERM=xterm-256color", "PATH="+filepath.Dir(program(u.T))+string(filepath.ListSeparator)+os.Getenv("PATH"))
	said, err := command.CombinedOutput()
	if err != nil {
		u.T.Fatalf("tmux: %v\n%s", err, said)
	}
	u.T.Cleanup(func() {
		if u.T.Failed() {
			u.T.Logf("the terminal of %v:\n%s", words, s.shows())
		}
		s.tmux("kill-server")
		must(u.T, os.RemoveAll(folder))
	})
	return s
}

func (s *terminal) tmux(args ...string) string {
	s.t.Helper()
	said, err := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %v: %v\n%s", args, err, said)
	}
	return string(said)
}

// shows is what the terminal shows now.
func (s *terminal) shows() string { return s.tmux("capture-pane", "-p") }

// ends waits for the end of the program and returns what is left on the screen.
func (s *terminal) ends() string {
	s.t.Helper()
	eventually(s.t, "the program in the terminal ends", func() bool { return s.tmux("display-message", "-p", "#{pane_dead}") == "1\n" })
	return s.shows()
}

var tokens = regexp.MustCompile(`(?m)^0 of 1 done, running: slow, (\d+) tokens?  \d+s$`)

// grows waits until rows of text stand above a line with their number, and for that number to rise twice.
func (s *terminal) grows() {
	s.t.Helper()
	last, seen := 0, 0
	eventually(s.t, "the text grows on the terminal", func() bool {
		screen := s.shows()
		found := tokens.FindStringSubmatchIndex(screen)
		if found == nil {
			return false
		}
		number, err := strconv.Atoi(screen[found[2]:found[3]])
		must(s.t, err)
		if number <= last {
			return false
		}
		above := strings.Split(strings.TrimRight(screen[:found[0]], " \n"), "\n") // The row is empty where the text fills those above it.
		if row := above[len(above)-1]; !strings.HasPrefix(row, "  ") || !strings.Contains(row+above[max(len(above)-2, 0)], "tick") {
			s.t.Fatalf("no text stands above the line of %d tokens:\n%s", number, screen)
		}
		last = number
		seen++
		return seen == 3
	})
}

const slowly = `name: Slow
tasks:
  - {id: slow, method: llm/chat, parameters: {prompt: SLOWLY, max_tokens: 900}}
outputs: {why: "${slow.done_reason}"}
`

// paced stands before a server and hands its answers over slowly, as larger models write them: on a fast machine the tiny
// one is done before anybody looks.
func paced(t *testing.T, server string) string {
	t.Helper()
	to, err := url.Parse(server)
	must(t, err)
	relaying := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval:  -1,
		ModifyResponse: func(r *http.Response) error { r.Body = slowBody{r.Body}; return nil },
	})
	t.Cleanup(relaying.Close)
	return relaying.URL
}

type slowBody struct{ io.ReadCloser }

func (b slowBody) Read(into []byte) (int, error) {
	const piece, pace = 400, 10 * time.Millisecond
	<-time.After(pace)
	return b.ReadCloser.Read(into[:min(len(into), piece)])
}

// TestLiveTextOnATerminal: the answer is seen while it grows, and is gone when it has ended; another process that only
// watches writes it all as running text.
func TestLiveTextOnATerminal(t *testing.T) {
	t.Parallel()
	u := withOllama(t, paced(t, ollamatest.Start(t)))
	u.File("flow.yaml", slowly)
	u.serves("--no-ui") // So that the engine outlives the run for who watches.
	screen := u.terminal("run", "flow.yaml")
	eventually(t, "the run has an id", func() bool { return strings.Contains(screen.shows(), "running: slow") })
	watching := u.Start("watch", between(screen.shows(), "run ", "\n"), "--stream", "-o", "json")
	screen.grows()
	watching.Says("tick tock")
	left := screen.ends()
	if strings.Contains(left, "tick") || strings.Contains(left, "running:") {
		t.Errorf("something of what was rewritten is left:\n%s", left)
	}
	wantLines(t, "the terminal", left, "✓ slow  llm/chat  completed", "why: length")
	watching.Exits(0)
	wantWhole(t, watching)
}

// TestLiveTextElsewhere: without a terminal, --stream writes the answer to standard error as it comes; whoever watches on
// a terminal sees it, too.
func TestLiveTextElsewhere(t *testing.T) {
	t.Parallel()
	u := withOllama(t, paced(t, ollamatest.Start(t)))
	u.File("flow.yaml", slowly)
	u.serves("--no-ui") // So that the engine outlives the run for who watches.
	p := u.Start("run", "flow.yaml", "--stream", "-o", "json")
	screen := u.terminal("watch", p.RunID())
	p.Says("tick tock")
	if strings.Contains(p.Stderr.String(), "✓ slow") {
		t.Error("nothing of the answer came before it had ended")
	}
	screen.grows()
	p.Exits(0)
	wantWhole(t, p)
	if left := screen.ends(); strings.Contains(left, "tick") {
		t.Errorf("something of the answer is left:\n%s", left)
	}

	silent := u.Start("run", "flow.yaml")
	silent.Exits(0)
	if said := silent.Stderr.String(); strings.Contains(said, "tick") {
		t.Errorf("the answer is on standard error without --stream:\n%s", said)
	}
}

// wantWhole wants the answer on standard error, each word once, on a line that ends before the task's own.
func wantWhole(t *testing.T, p *process) {
	t.Helper()
	run, err := parseRun(p.Stdout.String())
	must(t, err)
	answer, err := strconv.Unquote(string(run.task("slow").Result["response"]))
	must(t, err)
	stderr := p.Stderr.String()
	if !strings.Contains(stderr, strings.TrimSuffix(answer, "\n")+"\n✓ slow  llm/chat  completed") {
		t.Errorf("standard error does not have the answer of %d bytes whole:\n%s", len(answer), stderr)
	}
}

// TestNoTextOfManyTasks: whose words were they?
func TestNoTextOfManyTasks(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("flow.yaml", `name: Two
tasks:
  - {id: one, method: llm/chat, parameters: {prompt: SLOWLY, max_tokens: 300}}
  - {id: two, method: llm/chat, parameters: {prompt: SLOWLY, max_tokens: 300}}
  - {id: each, method: llm/chat, dependencies: [one, two], for_each: [SLOWLY], parameters: {prompt: "${item}", max_tokens: 300}}
  - {id: short, method: llm/chat, dependencies: [each], parameters: {prompt: hello}}
outputs: {}
`)
	_, stderr := u.Gleitzeit(0, "run", "flow.yaml", "--stream")
	parts := strings.Split(stderr, "✓") // What comes before each end of a task; the second ran alone for a moment.
	if len(parts) != 5 || strings.Contains(parts[0], "tick") || strings.Contains(parts[2], "tick") {
		t.Errorf("there is text although more than one task ran, or items:\n%s", stderr)
	}
	wantLines(t, "standard error", stderr, "\nHello from the scripted model.\n✓ short")
}

// TestListFitsTheTerminal: a long name of a workflow is cut, so that each run has one line, and only there.
func TestListFitsTheTerminal(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	name := "A workflow with a name that no terminal of seventy columns has room for, was für ein Name"
	u.File("flow.yaml", fmt.Sprintf("name: %q\nid: long\ntasks: [{id: a, method: mcp/tool.echo, parameters: {message: hello}}]\n", name))
	u.Gleitzeit(0, "run", "flow.yaml")
	shown := strings.TrimRight(u.terminal("list").ends(), "\n")
	found := regexp.MustCompile(`(?m)^long  A workflow [^\n]*…  completed  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \d+\.\d\d s$`)
	if !found.MatchString(shown) {
		t.Errorf("the terminal shows\n%s", shown)
	}
	if piped, _ := u.Gleitzeit(0, "list"); !strings.Contains(piped, "long  "+name+"  completed") {
		t.Errorf("without a terminal it prints\n%s", piped)
	}
}

// TestTerminalThatMovesNoCursor: with TERM=dumb nothing is drawn again, and no line has an escape sequence.
func TestTerminalThatMovesNoCursor(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", "name: Plain\ntasks: [{id: first, method: mcp/tool.echo, parameters: {message: hello}}, {id: last, method: mcp/tool.echo, parameters: {message: \"${first.response}\"}}]\n")
	for _, c := range []struct {
		kind string
		has  bool
	}{{"dumb", false}, {"xterm", true}} {
		written := filepath.Join(t.TempDir(), "written")
		screen := u.terminalOf("sh", "-c", "read go; TERM="+c.kind+" exec gleitzeit run flow.yaml --new")
		screen.tmux("pipe-pane", "cat > "+written)
		screen.tmux("send-keys", "Enter")
		wantLines(t, c.kind, screen.ends(), "✓ first  mcp/tool.echo", "✓ last  mcp/tool.echo")
		var raw string
		eventually(t, "all is written", func() bool {
			data, err := os.ReadFile(written)
			raw = string(data)
			return err == nil && strings.Contains(raw, "completed in")
		})
		if strings.Contains(raw, "\x1b") != c.has {
			t.Errorf("TERM=%s: escape sequences: %v, want %v\n%q", c.kind, !c.has, c.has, raw)
		}
	}
}

// TestWhatAModelWritesSteersNoTerminal: control characters are shown, and not obeyed.
func TestWhatAModelWritesSteersNoTerminal(t *testing.T) {
	t.Parallel()
	enough := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/chat" {
			return
		}
		fmt.Fprintln(w, `{"model":"m","message":{"role":"assistant","content":"before\u001b[2J\u001b[3A\u001b]0;gotcha\u0007\rafter \u202e 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字"},"done":false}`)
		w.(http.Flusher).Flush()
		select {
		case <-enough:
		case <-time.After(patience):
		}
		fmt.Fprintln(w, `{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}`)
	}))
	t.Cleanup(server.Close)
	u := withOllama(t, server.URL)
	u.File("flow.yaml", "name: Evil\ntasks: [{id: slow, method: llm/chat, parameters: {prompt: hello}}]\noutputs: {why: \"${slow.done_reason}\"}\n")
	screen := u.terminal("run", "flow.yaml")
	const shown = `  before\x1b[2J\x1b[3A\x1b]0;gotcha\a\rafter \u202e`
	eventually(t, "the text is on the terminal", func() bool { return strings.Contains(screen.shows(), shown) })
	eventually(t, "the text is drawn again", func() bool { return strings.Contains(screen.shows(), "1 token  2s") })
	if now := screen.shows(); strings.Count(now, "before") != 1 || strings.Count(now, "running: slow") != 1 || !strings.HasPrefix(now, "run evil-") {
		t.Errorf("rows are left, or lost:\n%s", now)
	}
	piped := u.Start("run", "flow.yaml", "--stream", "--new")
	piped.Says("after")
	close(enough)
	if left := screen.ends(); strings.Contains(left, "before") || !strings.Contains(left, "✓ slow") {
		t.Errorf("the terminal:\n%s", left)
	}
	piped.Exits(0)
	if said := piped.Stderr.String(); strings.ContainsAny(said, "\x1b\a\r") {
		t.Errorf("standard error has control characters: %q", said)
	}
}
