package stories_test

import (
	"encoding/json"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
)

// TestAnyClientStartsACompiledPlan: what `compile` prints, and nothing else, starts a run from a client that knows
// nothing of Gleitzeit.
func TestAnyClientStartsACompiledPlan(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.serves("--no-ui")
	// Signs that JSON may write in two ways, and digits that a float would lose.
	u.File("flow.yaml", `
name: Compiled & <started>
inputs: {n: {type: integer, required: true}}
tasks:
  - {id: add, method: mcp/tool.add, parameters: {a: "${inputs.n}", b: 1}}
  - {id: text, method: python/execute, parameters: {code: "result = f'<{${add.result}}> & ${inputs.n}'"}}
outputs: {n: "${inputs.n}", text: "${text.result}"}
`)
	indented, _ := u.Gleitzeit(0, "compile", "flow.yaml", "--input", "n=1152921504606846976")
	line, _ := u.Gleitzeit(0, "compile", "flow.yaml", "--input", "n=1152921504606846976", "-o", "jsonl")
	if strings.Count(line, "\n") != 1 || strings.Count(indented, "\n") < 10 {
		t.Errorf("the plan on one line:\n%s\nand indented:\n%s", line, indented)
	}
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{DisableFile: true, EnvLookup: u.environmentOf()})
	must(t, err)
	c, err := client.DialContext(t.Context(), options)
	must(t, err)
	defer c.Close()
	for id, plan := range map[string]string{"indented": indented, "line": line} {
		run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "gleitzeit"}, "gleitzeit.run", json.RawMessage(plan))
		must(t, err)
		var result struct {
			Status string `json:"status"`
		}
		must(t, run.Get(t.Context(), &result))
		if result.Status != "completed" {
			t.Errorf("the run of the plan %s is %s", id, result.Status)
		}
		stdout, _ := u.Gleitzeit(0, "results", id, "-o", "json")
		document, err := parseRun(stdout)
		must(t, err)
		wantFields(t, "outputs", document.Outputs, map[string]string{"n": `1152921504606846976`, "text": `"<1152921504606846977> & 1152921504606846976"`})
		if *document.Workflow != "Compiled & <started>" {
			t.Errorf("the workflow is %s", *document.Workflow)
		}
	}
}
