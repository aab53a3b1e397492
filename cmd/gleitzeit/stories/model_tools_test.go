package stories_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// toolUser is a model's server that calls the first tool that it is offered, and then repeats what the tool said. The
// tiny models call but one tool, which is built in.
func toolUser(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Messages []struct{ Role, Content string }
			Tools    []struct {
				Function struct {
					Name       string
					Parameters struct{ Properties map[string]any }
				}
			}
		}
		if r.URL.Path != "/api/chat" {
			http.NotFound(w, r)
			return
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || len(asked.Tools) == 0 {
			t.Errorf("asked without tools: %v", err)
			return
		}
		message := map[string]any{"role": "assistant"}
		if last := asked.Messages[len(asked.Messages)-1]; last.Role == "tool" {
			message["content"] = last.Content
		} else {
			function := asked.Tools[0].Function
			if _, knows := function.Parameters.Properties["n"]; !knows {
				t.Errorf("the parameters of %s are %v", function.Name, function.Parameters)
			}
			message["tool_calls"] = []any{map[string]any{"function": map[string]any{"name": function.Name, "arguments": json.RawMessage(`{"n":1152921504606846977}`)}}}
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"message": message, "done": true, "done_reason": "stop"}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A model uses tools of MCP servers: of the settings and of the workflow, by their server or without.
func TestModelUsesToolsOfServers(t *testing.T) {
	t.Parallel()
	server, err := testServer()
	must(t, err)
	url := toolUser(t)
	for _, test := range []struct{ tool, config, flow, called string }{
		{"test.strict", fmt.Sprintf("mcp: {servers: {test: {command: %q}}}\n", server), "", "test_strict"},
		{"mcp/test.tool.strict", fmt.Sprintf("mcp: {servers: {test: {command: %q}}}\n", server), "", "test_strict"},
		{"strict", fmt.Sprintf("mcp: {servers: {test: {command: %q}}}\n", server), "", "strict"},
		{"own.strict", "mcp: {allow_workflow_servers: true}\n", fmt.Sprintf("mcp_servers: {own: {command: %q}}\n", server), "own_strict"},
		{"strict", "mcp: {allow_workflow_servers: true}\n", fmt.Sprintf("mcp_servers: {own: {command: %q}}\n", server), "strict"},
	} {
		u := withOllama(t, url)
		u.File("../home/gleitzeit/config.yaml", test.config)
		u.File("flow.yaml", "name: Tools\n"+test.flow+"tasks: [{id: ask, method: llm/chat, parameters: {prompt: hello, tools: ["+test.tool+"]}}]\n")
		stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
		run, err := parseRun(stdout)
		must(t, err)
		result := run.task("ask").Result
		wantFields(t, test.tool, result, map[string]string{"response": `"{\"n\":1152921504606846977}"`})
		var made []struct{ Tool string }
		must(t, json.Unmarshal(result["tool_calls"], &made))
		if len(made) != 1 || made[0].Tool != test.called {
			t.Errorf("%s: called %+v", test.tool, made)
		}
	}
	u := withOllama(t, url)
	u.File("../home/gleitzeit/config.yaml", fmt.Sprintf("mcp: {servers: {test: {command: %q}}}\n", server))
	u.File("flow.yaml", "name: Tools\ntasks: [{id: ask, method: llm/chat, parameters: {prompt: hello, tools: [test.nothing]}}]\n")
	_, said := u.Gleitzeit(5, "run", "flow.yaml")
	wantLines(t, "a tool that is not there", said, `the MCP server "test" has no tool "nothing"`)
}
