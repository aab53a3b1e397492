package interpreter_test

import (
	"strings"
	"testing"
)

// errors are workflows with one error each: what goes in the place of the task's keys, of those of the workflow, or of
// a batch.
var errs = struct{ task, workflow, batch []string }{
	task: []string{
		"id: a", "method: free/any", "id: a.b, method: free/any", "id: [a], method: free/any", "id: '', method: free/any",
		"id: a, method: ''", "id: a, method: free/anyy", "id: a, method: execute", "id: a, method: any, protocol: free", "id: a, method: chat, protocol: python/v1",
		"id: a, method: llm/chat, protocol: python/v1", "id: a, method: free/any, parameters: [1]", "id: a, method: free/any, dependencies: b",
		"id: a, method: free/any, depends_on: [null]", "id: a, method: free/any, depends_on: [b], dependencies: [b]", "id: a, method: free/any, priority: 4",
		"id: a, method: free/any, priority: highest", "id: a, method: free/any, timeout: soon", "id: a, method: free/any, timeout: '90'", "id: a, method: free/any, timeout: 0",
		"id: a, method: free/any, timeout: 1e400", "id: a, method: free/any, retry: 3", "id: a, method: free/any, retry: {max_attempts: 0}",
		"id: a, method: free/any, retry: {max_attempts: '2'}", "id: a, method: free/any, retry: {backoff: none}", "id: a, method: free/any, retry: {delay: -1}",
		"id: a, method: free/any, retry: {jitter: 'yes'}", "id: a, method: free/any, retry: {delays: 1}", "id: a, method: free/any, paramters: {}",
		"id: a, method: free/any, parameters: {timeout: soon}", "id: a, method: free/any, queue: ''", "id: a, method: free/any, queue: [gpu]",
		"id: a, method: free/any, metadata: []", "id: a, method: free/any, tags: true",
		"id: a, method: mcp/tool.add", "id: a, method: mcp/tool.add, parameters: {a: 1}", "id: a, method: mcp/tool.add, params: {a: 1, b: two}",
		"id: a, method: mcp/tool.add, params: {a: 1, b: 2, c: 3}", "id: a, method: tool.add, protocol: mcp/v1, params: {a: 1, b: -1}",
		"id: a, method: mcp/tool.add, params: {a: 1, b: '$${x}'}", "id: a, method: python/execute, params: {code: x, file: y}",
		"id: a, method: llm/chat, params: {messages: [{role: usr, content: x}]}", "id: a, method: llm/chat, params: {messages: [{role: user, content: x, y: 1}]}",
		"id: a, method: llm/chat, params: {prompt: x, stop: [1]}",
		"id: a, method: free/any, for_each: text", "id: a, method: free/any, for_each: {a: 1}", "id: a, method: free/any, for_each: 'x ${b}'",
		"id: a, method: free/any, for_each: [1], max_concurrent: 0", "id: a, method: free/any, for_each: [1], max_failures: 120%",
		"id: a, method: llm/chat, params: {prompt: x, batch_mode: true}", "id: a, method: llm/chat, params: {prompt: x, batch_mode: 1, files: [a.txt]}",
		"id: a, method: llm/chat, params: {prompt: x, file_pattern: '*'}", "id: a, method: llm/chat, params: {prompt: x, batch_mode: true, files: []}",
		"id: a, method: mcp/tool.add, params: {a: 1, b: 2, batch_mode: true, files: [a.txt]}",
	},
	workflow: []string{
		"name: x", "name: x, tasks: []", "name: x, tasks: {}", "name: '', tasks: [TASK]", "name: , tasks: [TASK]", "tasks: [TASK]", "name: x, tasks: [TASK, text]",
		"name: x, tasks: [TASK], taks: []", "name: x, tasks: [TASK], max_parallel: 0", "name: x, tasks: [TASK], max_parallel: 2001", "name: x, tasks: [TASK], id: '@'",
		"name: x, tasks: [TASK], inputs: []", "name: x, tasks: [TASK], inputs: {a: {typ: string}}", "name: x, tasks: [TASK], inputs: {a: {type: text}}",
		"name: x, tasks: [TASK], inputs: {a: {enum: []}}", "name: x, tasks: [TASK], inputs: {a: {required: 1}}", "name: x, tasks: [TASK], outputs: text",
		"name: x, tasks: [TASK], defaults: []", "name: x, tasks: [TASK], defaults: {llm: {timeout: 1}}", "name: x, tasks: [TASK], defaults: {llm/v1: 3}",
		"name: x, tasks: [TASK], defaults: {llm/v1: {timeout: 0}}", "name: x, tasks: [TASK], defaults: {llm/v1: {when: true}}", "name: x, tasks: [TASK], defaults: {llm/v1: {cache: 1}}",
		"name: x, tasks: [TASK], defaults: {llm/chat: {parameters: {temperature: hot}}}", "name: x, tasks: [TASK], defaults: {llm/v1: {params: {temperature: hot}}}",
		"name: x, tasks: [TASK], defaults: {mcp/tool.add: {parameters: {c: 1}}}", "name: x, tasks: [TASK], defaults: {llm/v1: {retry: {backoff: no}}}",
		"name: x, tasks: [TASK], priority: highest", "name: x, tasks: [TASK], wait_for_completion: 1", "name: x, tasks: [TASK], metadata: text",
		"name: x, tasks: [TASK], tags: {}", "name: x, tasks: [TASK], type: bulk", "name: x, type: batch", "name: x, tasks: [TASK], protocol: llm/v1",
		"name: x, tasks: [TASK], mcp_servers: []", "name: x, tasks: [TASK], mcp_servers: {a: npx}", "name: x, tasks: [TASK], mcp_servers: {a: {}}",
		"name: x, tasks: [TASK], mcp_servers: {a: {command: x, url: y}}", "name: x, tasks: [TASK], mcp_servers: {a: {url: y, args: [z]}}",
		"name: x, tasks: [TASK], mcp_servers: {a: {command: x, env: {A: []}}}", "name: x, tasks: [TASK], mcp_servers: {a: {command: x, envs: {}}}",
		"name: x, batch: {directory: d}", "name: x, template: {method: llm/chat, prompt: x}",
	},
	batch: []string{
		"batch: {}, template: {method: llm/chat, prompt: x}", "batch: {files: []}, template: {method: llm/chat, prompt: x}",
		"batch: {directory: d, files: [f]}, template: {method: llm/chat, prompt: x}", "batch: {directory: d, max_concurrent: 2001}, template: {method: llm/chat, prompt: x}",
		"batch: {directory: d, limit: 1, sample: 2}, template: {method: llm/chat, prompt: x}", "batch: {directory: d, seed: 2}, template: {method: llm/chat, prompt: x}",
		"batch: {directory: d, limit: 0}, template: {method: llm/chat, prompt: x}", "batch: {directory: d, models: []}, template: {method: llm/chat, prompt: x}",
		"batch: {directory: d, models: [a, a]}, template: {method: llm/chat, prompt: x}", "batch: {directory: d, sample: 1, seed: a}, template: {method: llm/chat, prompt: x}",
		"batch: {directry: d, directory: d}, template: {method: llm/chat, prompt: x}", "batch: {directory: d}, template: {prompt: x}",
		"batch: {directory: d}, template: {method: llm/chatt, prompt: x}", "batch: {directory: d}, template: {method: llm/chat, prompt: x, temperature: hot}",
		"batch: {directory: d}, template: {method: llm/chat, prompt: x, max_failures: 120%}",
		"batch: {directory: d}, template: {method: llm/vision, prompt: x, temprature: 1}", "batch: {directory: d}, template: {method: llm/vision, parameters: {promt: x}}",
	},
}

func TestTheSchemaRejectsEachError(t *testing.T) {
	compiled := compiledSchema(t, specs())
	var all []string
	for _, task := range errs.task {
		all = append(all, "{name: x, tasks: [{"+task+"}]}")
	}
	for _, workflow := range errs.workflow {
		all = append(all, "{"+strings.ReplaceAll(workflow, "TASK", "{id: a, method: free/any}")+"}")
	}
	for _, batch := range errs.batch {
		all = append(all, "{name: x, "+batch+"}")
	}
	for _, text := range all {
		if refusal(t, compiled, []byte(text)) == nil {
			t.Errorf("the schema accepts %s", text)
		}
		if p, _ := compile([]byte(text)); p != nil {
			t.Errorf("%s is valid", text)
		}
	}
}
