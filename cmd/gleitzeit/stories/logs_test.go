package stories_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// loggedEvent is a line of `logs -o jsonl`.
type loggedEvent struct {
	Task, Event, Stream, Text string
	Item                      *int
	Attempt                   int
	At                        time.Time
	Method                    string
	Sent                      struct {
		Model, Tool string
		Again       int
		Messages    []struct{ Role, Text string }
	}
}

func loggedEvents(t *testing.T, lines string) (all []loggedEvent) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var event loggedEvent
		must(t, json.Unmarshal([]byte(line), &event))
		all = append(all, event)
	}
	return all
}

// TestLogsShowWhatWasSent: the prompts with everything resolved, as the server got them, without secrets; also when no engine runs, and
// where the store is encrypted.
func TestLogsShowWhatWasSent(t *testing.T) {
	t.Parallel()
	const secret = "hush-hush-0123"
	u := withOllama(t, ollamatest.Start(t))
	u.Env = append(u.Env, "GLEITZEIT_SECRET_KEY_OF_DOOR="+secret)
	u.File("letter.txt", "Dear reader, a PINEAPPLE.")
	u.File("flow.yaml", `name: Ask
tasks:
  - {id: hello, method: llm/chat, parameters: {prompt: "hello, ${secrets.KEY_OF_DOOR}"}}
  - {id: read, method: llm/chat, parameters: {prompt: "You said: ${hello.response}", file_path: letter.txt}}
  - {id: sum, method: llm/chat, parameters: {prompt: What is the sum?, tools: [mcp/tool.add]}}
  - {id: each, method: llm/chat, for_each: [one, two], parameters: {prompt: "Say ${item}"}}
`)
	u.Gleitzeit(0, "run", "flow.yaml")
	lines, _ := u.Gleitzeit(0, "logs", "@latest", "-o", "jsonl")
	if strings.Contains(lines, secret) {
		t.Errorf("the secret is in the logs:\n%s", lines)
	}
	sent := map[string][]string{}
	for _, event := range loggedEvents(t, lines) {
		if event.Event != "sent" {
			continue
		}
		id := event.Task
		if event.Item != nil {
			id += string(rune('0' + *event.Item))
		}
		for _, message := range event.Sent.Messages {
			sent[id] = append(sent[id], message.Role+": "+message.Text)
		}
	}
	for id, want := range map[string]string{
		"hello": "user: hello, [secrets.KEY_OF_DOOR]",
		"read":  "user: You said: Hello from the scripted model.\n\nDear reader, a PINEAPPLE.",
		"sum":   `user: What is the sum?|assistant: add{"a":2,"b":3}|tool: 5`,
		"each0": "user: Say one", "each1": "user: Say two",
	} {
		// The server has the arguments of a call in any order.
		if got := strings.Replace(strings.Join(sent[id], "|"), `{"b":3,"a":2}`, `{"a":2,"b":3}`, 1); got != want {
			t.Errorf("%s: sent %q, want %q", id, got, want)
		}
	}
	text, _ := u.Gleitzeit(0, "logs", "@latest", "hello")
	wantLines(t, "the text", text, "  user:\n    | hello, [secrets.KEY_OF_DOOR]\n", " written: Hello from the scripted model.\n")
}

// TestLogsFollow: what a script prints is seen while it runs, each line once, and the command ends with the run.
func TestLogsFollow(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.serves("--no-ui")
	u.File("flow.yaml", `name: Long
tasks:
  - id: wait
    method: python/execute
    parameters:
      code: |
        import os, time
        print("before", flush=True)
        while not os.path.exists("go"): time.sleep(0.05)
        print("after")
        result = "done"
  - {id: each, method: python/execute, dependencies: [wait], for_each: [a, b], parameters: {code: "print('item ${item}')"}}
`)
	running := u.Start("run", "flow.yaml")
	following := u.Start("logs", running.RunID(), "-f")
	eventually(t, "the output is shown while the script runs", func() bool {
		return strings.Contains(following.Stdout.String(), "wait  stdout: before\n")
	})
	early, said := u.Gleitzeit(0, "logs", running.RunID())
	if early != "" || !strings.Contains(said, "`gleitzeit logs "+running.RunID()+" -f` follows it") {
		t.Errorf("before an attempt has ended: %q, %q", early, said)
	}
	u.File("go", "")
	running.Exits(0)
	following.Exits(0)
	shown := following.Stdout.String()
	for _, line := range []string{"wait  started", "wait  stdout: before\n", "wait  stdout: after\n", ": done\n", "each[0]  stdout: item a\n", "each[1]  stdout: item b\n", "each[1]  completed"} {
		if strings.Count(shown, line) != 1 {
			t.Errorf("%q stands there %d times:\n%s", line, strings.Count(shown, line), shown)
		}
	}
}

// TestLogsFollowTellsTimes: whoever follows a run that has begun is told when it did so, and that it ends is no alarm, although the engine
// ends with it.
func TestLogsFollowTellsTimes(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("flow.yaml", `name: Long
tasks:
  - id: wait
    method: python/execute
    parameters:
      code: |
        import os, time
        print("before", flush=True)
        open("begun", "w").close()
        while not os.path.exists("go"): time.sleep(0.05)
`)
	running := u.Start("run", "flow.yaml")
	u.Appears("begun")
	following := u.Start("logs", running.RunID(), "-f", "-o", "jsonl")
	following.Prints("before")
	u.File("go", "")
	running.Exits(0)
	following.Exits(0)
	if said := following.Stderr.String(); said != "" {
		t.Errorf("logs -f says %s", said)
	}
	recorded, _ := u.Gleitzeit(0, "logs", running.RunID(), "-o", "jsonl")
	followed, known := loggedEvents(t, following.Stdout.String()), loggedEvents(t, recorded)
	if len(followed) != 3 || len(known) != 3 {
		t.Fatalf("followed\n%s\nrecorded\n%s", following.Stdout.String(), recorded)
	}
	for i, event := range followed {
		const most = 500 * time.Millisecond // The first look is later than that.
		if away := event.At.Sub(known[i].At).Abs(); away > most || event.Event != known[i].Event || event.Method != "python/execute" {
			t.Errorf("%s of %s is told as %s at %s, and recorded as %s at %s", event.Event, event.Method, event.Event, event.At, known[i].Event, known[i].At)
		}
	}
	_, said := u.Gleitzeit(2, "logs", running.RunID(), "--attempt", "7")
	wantLines(t, "standard error", said, "--attempt 7: the largest number of an attempt of a task of run "+running.RunID()+" is 1\n")
	_, said = u.Gleitzeit(2, "logs", running.RunID(), "wait", "--attempt", "2")
	wantLines(t, "standard error", said, `--attempt 2: the largest number of an attempt of task "wait" of run `+running.RunID()+" is 1\n")
}
