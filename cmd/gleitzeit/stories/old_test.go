package stories_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// old is a file as it was written for the program before this one.
const old = `
name: "Old style"
description: "Mixed workflow"
version: "1.0"
metadata:
  author: someone
tags: [demo]
priority: 2
providers: [llm]
tasks:
  - name: "Generate"
    protocol: python/v1
    method: execute
    priority: high
    timeout: 30
    params:
      file_path: "fruit.py"
      timeout: 20
  - name: "Analyze it"
    method: llm/chat
    dependencies: ["Generate"]
    priority: 1
    retry:
      max_attempts: 2
      delay: 1
    parameters:
      timeout: 60
      messages:
        - role: user
          content: |
            Look at this:
            ${Generate.result.fruit}

            Answer in one line.
  - id: again
    method: llm/chat
    dependencies: [Analyze it]
    params:
      prompt: ${Analyze it.result.content}
  - id: sum
    method: mcp/tool.add
    params:
      a: ${Generate.result.number}
      b: 2
outputs:
  analysis: ${Analyze it.response}
  result: ${again.result}
  sum: ${sum.result}
`

// TestOldStyle: what was written for the program before this one runs as it is.
func TestOldStyle(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("flow.yaml", old)
	u.File("fruit.py", "result = {'fruit': 'PINEAPPLE', 'number': 2**60}\n")
	stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
	run, err := parseRun(stdout)
	must(t, err)
	result := run.Outputs["result"]
	wantFields(t, "outputs", run.Outputs, map[string]string{
		"analysis": `"I saw the PINEAPPLE."`, "sum": "1152921504606846978",
	})
	wantLines(t, "the answer to the answer", string(result), "PINEAPPLE", `"model"`)

	u.File("batch.yaml", "name: Old batch\nprotocol: llm/v1\nbatch:\n  directory: docs\n  pattern: '*.txt'\ntemplate:\n  method: chat\n  messages:\n    - role: user\n      content: Summarize this document\n")
	u.File("docs/a.txt", "A PINEAPPLE.\n")
	u.File("docs/b.txt", "Nothing much.\n")
	stdout, _ = u.Gleitzeit(0, "run", "batch.yaml")
	wantLines(t, "the batch", stdout, "I saw the PINEAPPLE.", "Hello from the scripted model.")
}
