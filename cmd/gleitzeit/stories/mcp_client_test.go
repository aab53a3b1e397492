package stories_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// mcpPackages installs the official client of npm, and servers, once, for all tests.
var mcpPackages = packages("mcp")

// mcpClient is a client of the official TypeScript SDK in a process of its own.
type mcpClient struct {
	*process
	in   io.Writer
	next int
}

// clientLine is one line of the client: the response to an action, or a notification of the server.
type clientLine struct {
	ID       int             `json:"id"`
	Result   json.RawMessage `json:"result"`
	Error    string          `json:"error"`
	Changed  bool            `json:"changed"`
	Progress *struct {
		Progress, Total float64
		Message         string
	} `json:"progress"`
}

// mcp starts a client that starts `gleitzeit mcp serve` in the folder to work in.
func (u *user) mcp(args ...string) *mcpClient {
	u.T.Helper()
	environment := map[string]string{}
	for _, entry := range u.Environment() {
		name, value, _ := strings.Cut(entry, "=")
		environment[name] = value
	}
	return connectMCP(u.T, map[string]any{
		"command": program(u.T), "args": append([]string{"mcp", "serve"}, args...), "env": environment, "cwd": u.Work,
	})
}

func connectMCP(t testing.TB, how map[string]any) *mcpClient {
	t.Helper()
	c := startMCP(t, how)
	if told := c.answer(0); told.Error != "" {
		t.Fatalf("the client cannot connect: %s", told.Error)
	}
	return c
}

func startMCP(t testing.TB, how map[string]any) *mcpClient {
	t.Helper()
	described, err := json.Marshal(how)
	must(t, err)
	command := exec.Command("node", "client.mjs", string(described))
	command.Dir = withPackages(t, mcpPackages)
	in, err := command.StdinPipe()
	must(t, err)
	return &mcpClient{process: begin(t, command), in: in}
}

// lines lists the lines of the client so far.
func (c *mcpClient) lines() []clientLine {
	c.T.Helper()
	text := c.Stdout.String()
	var all []clientLine
	for line := range strings.Lines(text[:strings.LastIndex(text, "\n")+1]) {
		var one clientLine
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			c.T.Fatalf("the client says %q: %v", line, err)
		}
		all = append(all, one)
	}
	return all
}

// answer waits for what came of an act.
func (c *mcpClient) answer(id int) clientLine {
	c.T.Helper()
	var found clientLine
	eventually(c.T, fmt.Sprintf("the answer to act %d", id), func() bool {
		for _, one := range c.lines() {
			if one.ID == id && one.Progress == nil && !one.Changed {
				found = one
				return true
			}
		}
		if !c.Running() {
			c.T.Fatal("the client has ended")
		}
		return false
	})
	return found
}

// act has the client do something and returns the number of the act.
func (c *mcpClient) act(what string, more map[string]any) int {
	c.T.Helper()
	c.next++
	line := map[string]any{"id": c.next, "do": what}
	for name, value := range more {
		line[name] = value
	}
	data, err := json.Marshal(line)
	must(c.T, err)
	_, err = c.in.Write(append(data, '\n'))
	must(c.T, err)
	return c.next
}

// toolOf is a tool as the client lists it.
type toolOf struct {
	Name        string          `json:"name"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"inputSchema"`
	Annotations struct {
		ReadOnlyHint    bool  `json:"readOnlyHint"`
		DestructiveHint *bool `json:"destructiveHint"`
		IdempotentHint  bool  `json:"idempotentHint"`
	} `json:"annotations"`
}

// tools lists the server's tools by name.
func (c *mcpClient) tools() map[string]toolOf {
	c.T.Helper()
	told := c.answer(c.act("list", nil))
	var listed struct{ Tools []toolOf }
	must(c.T, json.Unmarshal(told.Result, &listed))
	tools := map[string]toolOf{}
	for _, tool := range listed.Tools {
		tools[tool.Name] = tool
	}
	if len(tools) != len(listed.Tools) {
		c.T.Errorf("two tools have one name: %s", told.Result)
	}
	return tools
}

// called is the result of a tool.
type called struct {
	Content []struct{ Type, Text string } `json:"content"`
	// Structure has gone through a client that knows no number beyond 2^53: the texts have the digits.
	Structure json.RawMessage `json:"structuredContent"`
	IsError   bool            `json:"isError"`
}

func (c *mcpClient) begin(tool string, arguments map[string]any) int {
	c.T.Helper()
	return c.act("call", map[string]any{"name": tool, "arguments": arguments})
}

// ended is the result of a call that was begun.
func (c *mcpClient) ended(id int) called {
	c.T.Helper()
	told := c.answer(id)
	if told.Error != "" {
		c.T.Fatalf("call %d: %s", id, told.Error)
	}
	var result called
	must(c.T, json.Unmarshal(told.Result, &result))
	if len(result.Content) == 0 {
		c.T.Fatalf("call %d has no content: %s", id, told.Result)
	}
	return result
}

// call calls a tool that is to succeed and returns what it answers.
func (c *mcpClient) call(tool string, arguments map[string]any) called {
	c.T.Helper()
	result := c.ended(c.begin(tool, arguments))
	if result.IsError {
		c.T.Fatalf("%s %v: %s", tool, arguments, result.text())
	}
	return result
}

// fails calls a tool that is to fail and returns what it says.
func (c *mcpClient) fails(tool string, arguments map[string]any) string {
	c.T.Helper()
	result := c.ended(c.begin(tool, arguments))
	if !result.IsError {
		c.T.Errorf("%s %v is not an error: %s", tool, arguments, result.text())
	}
	return result.text()
}

func (r called) text() string {
	var texts []string
	for _, block := range r.Content {
		texts = append(texts, block.Text)
	}
	return strings.Join(texts, "\n")
}

// runOf is what the tools say of a run.
type runOf struct {
	Run, Workflow, Status string
	Outputs               json.RawMessage
	Tasks                 []struct{ ID, Status string }
}

func (r called) run(t *testing.T) runOf {
	t.Helper()
	var run runOf
	must(t, json.Unmarshal(r.Structure, &run))
	return run
}
