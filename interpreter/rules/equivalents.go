package rules

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// equivalent is what a key of other workflow engines is here.
type equivalent struct {
	where []string // The mappings in which the keys mean it, as definition.UnknownKey names them.
	keys  []string // In lower case, without - and _, which spellings differ in.
	hint  string
	value string // Stands in the hint for the value of the key, where that has the same kind: a list, a mapping, or a text or number.
}

// firstTask is a list of tasks.
const firstTask = "tasks: [{id: a, method: llm/chat, parameters: {prompt: hi}}]"

// equivalents lists the keys that GitHub Actions, GitLab CI, Argo, Airflow, Ansible, Prefect, Dagger, Taskfile, docker compose and
// agent frameworks have. What is only spelled in another way is not here: suggestions find it.
var equivalents = []equivalent{
	{[]string{"a workflow"}, []string{"steps", "jobs", "stages", "nodes", "states", "pipeline", "dag", "activities", "actions", "agents"},
		`use "tasks", a list, as in ` + firstTask, ""},
	{[]string{"a workflow"}, []string{"env", "environment", "vars", "variables", "params", "parameters", "args", "arguments", "input", "with"},
		`use "inputs", as in inputs: {topic: tea}, and refer to "${inputs.topic}"`, `{topic: tea}`},
	{[]string{"a workflow"}, []string{"output", "results", "returns", "exports"},
		`use "outputs", as in outputs: {summary: "${task.response}"}`, `{summary: "${task.response}"}`},
	{[]string{"a workflow"}, []string{"concurrency", "parallelism", "parallel", "maxworkers", "maxconcurrency", "maxconcurrent", "strategy"},
		`use "max_parallel", as in max_parallel: 4`, "4"},
	{[]string{"a workflow"}, []string{"on", "trigger", "triggers", "schedule", "cron", "workflowdispatch"},
		"remove it: `gleitzeit schedule create` starts runs of a file at given times", ""},
	{[]string{"a workflow"}, []string{"mcpservers", "mcp", "servers", "toolservers"},
		`use "mcp_servers", as in mcp_servers: {files: {command: npx, args: [-y, SERVER]}}`, `{files: {command: npx, args: [-y, SERVER]}}`},
	{[]string{"a workflow"}, []string{"retry", "retries", "maxretries", "retrypolicy"},
		`use "retry" in a task, or in "defaults" for all tasks of a protocol`, ""},
	{[]string{"a workflow"}, []string{"notify", "notification", "notifications", "alerts", "mailon", "webhook", "webhooks", "onfinish", "oncomplete"},
		`use "on_end", a list of notifications, such as - webhook: URL`, ""},
	{[]string{"a workflow"}, []string{"onexit", "onfailure", "onsuccess", "oncancel", "after", "afterscript", "always", "cleanup", "teardown", "ensure", "handlers", "handleron", "hooks", "post"},
		`use "finally", a list of tasks, with when: '${run.status} == "failed"' for one end alone`, ""},
	{[]string{"a workflow"}, []string{"if", "condition", "when"},
		`use "when" in a task`, ""},
	{[]string{"a workflow"}, []string{"model", "llm"},
		`use "defaults", as in defaults: {llm/chat: {parameters: {model: llama3.2}}}`, "llama3.2"},
	{[]string{"a workflow"}, []string{"models", "provider", "temperature", "systemprompt", "baseurl", "maxtokens"},
		`use "defaults", as in defaults: {llm/chat: {parameters: {temperature: 0.2}}}`, ""},
	{[]string{"for_each"}, []string{"file", "files", "folder", "directory", "dir", "path", "glob", "pattern"},
		forFiles, ""},
	{[]string{"a task", "a step"}, []string{"if", "condition", "conditions", "onlyif", "only"},
		`use "when", as in when: "${score.result} > 0.5"`, ""},
	{[]string{"a task", "a step"}, []string{"needs", "after", "requires", "upstream", "waitfor", "waitson", "depends", "deps", "dependency", "previous"},
		`use "dependencies", a list of ids, as in dependencies: [fetch]`, "[fetch]"},
	{[]string{"a task", "a step", "a template", "a default"}, []string{"retries", "maxretries", "maxattempts", "attempts", "retrypolicy", "retrystrategy", "retrydelay", "retrylimit"},
		`use "retry", as in retry: {max_attempts: 3, base_delay: 2s}`, ""},
	{[]string{"a step"}, []string{"inputs"},
		`use "parameters", as in parameters: {prompt: "${inputs.topic}"}`, `{prompt: "${inputs.topic}"}`},
	{[]string{"a task", "a step"}, []string{"with", "args", "arguments", "input", "vars", "env", "environment", "variables", "kwargs"},
		`use "parameters", as in parameters: {prompt: "${inputs.topic}"}`, `{prompt: "${inputs.topic}"}`},
	{[]string{"a task", "a step", "a template"}, []string{"run", "command", "cmd", "shell", "bash", "sh", "exec"},
		`there are no shell commands; write method: python/execute, parameters: {code: "import subprocess; result = subprocess.getoutput('ls')"}`, "ls"},
	{[]string{"a task", "a step", "a template"}, []string{"script", "commands", "cmds", "entrypoint", "image", "container"},
		`there are no shell commands and containers: use method: python/execute, with "code" or "file" in its parameters`, ""},
	{[]string{"a task", "a step"}, []string{"uses", "action", "tool", "function", "module", "operator", "agent", "type", "kind", "call", "task"},
		`use "method", as in method: llm/chat`, ""},
	{[]string{"a task"}, []string{"subworkflow", "subflow", "subdag", "childworkflow", "workflowref", "callworkflow", "templateref", "include", "import", "extends", "flow", "file"},
		`use "workflow", as in workflow: other.yaml, with "inputs"`, "other.yaml"},
	{[]string{"a task"}, []string{"matrix", "foreach", "loop", "withitems", "withparam", "withsequence", "items", "each", "map", "strategy", "batch"},
		`use "for_each", as in for_each: [a, b], and refer to "${item}"`, "[a, b]"},
	{[]string{"a task"}, []string{"output", "register", "saveas", "storeas", "result", "artifacts", "outputkey"},
		`remove it: other tasks refer to the result by the id, as in "${id.response}", and "outputs" of the workflow names results`, ""},
	{[]string{"a task"}, []string{"jobs", "tasks", "children", "parallel"},
		`list its tasks in "tasks" of the workflow: those without dependencies run in parallel; with "for_each", "steps" lists what is done for each item`, ""},
	{[]string{"a step"}, []string{"steps", "tasks", "jobs", "children", "foreach", "loop", "matrix"},
		`steps have no items and no steps of their own: give the task more steps, or use a task of its own`, ""},
	{[]string{"a step"}, []string{"workflow"},
		`a step calls a method: with "for_each", a task runs a workflow for each item`, ""},
	{[]string{"a step"}, []string{"repeat", "until"},
		`steps are not repeated: use a task without items, or poll within a script`, ""},
	{[]string{"a step"}, []string{"outputs", "output", "maxconcurrent", "maxfailures", "chunk", "maxtokenstotal"},
		`it is a key of the task, beside "steps"`, ""},
	{[]string{"a task", "a step"}, []string{"allowfailure", "ignoreerrors", "ignorefailure", "onerror", "onfailure"},
		`use "continue_on_error: true", or a task with "run_if: always" behind it`, ""},
	{[]string{"a task"}, []string{"until", "while", "poll", "polling", "repeatuntil", "dowhile", "waituntil", "sensor"},
		`use "repeat", as in repeat: {until: '${id.result.state} == "done"', max: 20, delay: 2s}`, ""},
	{[]string{"a task"}, []string{"triggerrule", "always"},
		`use "run_if": success, done or always`, ""},
	{[]string{"a task", "a step"}, []string{"runson", "pool", "runner", "worker", "node"},
		`use "queue", the Temporal task queue of the workers that run the task`, ""},
	{[]string{"a task"}, []string{"concurrency", "maxparallel", "parallelism", "throttle"},
		`use "max_concurrent", for the items of "for_each"`, ""},
	{[]string{"a task", "a step", "a template", "a default"}, []string{"timeoutminutes", "timeoutseconds", "timeouts", "timeoutms", "deadline", "activedeadlineseconds", "executiontimeout"},
		`use "timeout", as in timeout: 5m`, ""},
	{[]string{"retry"}, []string{"retries", "maxretries", "limit", "count", "times", "max", "maximumattempts"},
		`use "max_attempts", which counts the first attempt too`, ""},
	{[]string{"retry"}, []string{"interval", "wait", "initialinterval", "seconds", "initialdelay", "mindelay"},
		`use "base_delay", as in base_delay: 2s`, ""},
	{[]string{"retry"}, []string{"factor", "multiplier", "backoffcoefficient", "strategy", "policy"},
		`use "backoff": exponential, linear or fixed`, ""},
	{[]string{"a batch"}, []string{"folder", "folders", "dir", "path", "input", "inputs", "source", "inputdir", "inputfolder"},
		`use "directory", as in directory: docs`, "docs"},
	{[]string{"a batch"}, []string{"glob", "globs", "match", "filter", "include", "filepattern", "mask"},
		`use "pattern", as in pattern: "*.txt"`, `"*.txt"`},
	{[]string{"a batch"}, []string{"parallel", "parallelism", "concurrency", "workers", "threads", "maxparallel", "maxworkers", "batchsize"},
		`use "max_concurrent", as in max_concurrent: 4`, "4"},
	{[]string{"a batch"}, []string{"table", "csv", "sheet", "xlsx", "spreadsheet"},
		`use "rows", as in rows: table.csv`, "table.csv"},
	{[]string{"an input"}, []string{"value", "val"},
		`use "default"`, ""},
	{[]string{"an input"}, []string{"options", "choices", "values", "allowed", "oneof"},
		`use "enum", a list of allowed values`, ""},
}

// forFiles begins what to do about tasks with a folder as their items.
const forFiles = "for files remove for_each, and "

// plainKey removes what spellings of a key differ in.
func plainKey(key string) string {
	return strings.ToLower(spelling.Replace(key))
}

var spelling = strings.NewReplacer("-", "", "_", "")

// equivalentOf returns what to write for a key of another engine, with its value if there is one that fits; "" where that is not known.
func equivalentOf(key, where string, given *definition.Node) string {
	key = plainKey(key)
	if sent := notificationOf(given); where == "a workflow" && sent != "" && slices.Contains(ends, key) {
		return `use "on_end", a list of notifications, as in on_end: [` + sent + "]"
	}
	for _, one := range equivalents {
		if !slices.Contains(one.where, where) || !slices.Contains(one.keys, key) {
			continue
		}
		if own := ownValue(given, one.value); own != "" {
			hint := strings.Replace(one.hint, one.value, own, 1)
			if len(given.Fields) > 0 {
				hint = strings.Replace(hint, "${inputs.topic}", "${inputs."+given.Fields[0].Name+"}", 1)
			}
			return hint
		}
		return one.hint
	}
	return ""
}

// ends are keys for what follows an end of the run.
var ends = []string{"onexit", "onfailure", "onerror", "onsuccess", "oncancel", "after", "always", "hooks", "post"}

// notificationOf writes what a key of another engine has as a notification; empty if it is none.
func notificationOf(n *definition.Node) string {
	if n != nil && n.Kind == value.KindList && len(n.Elements) > 0 {
		n = n.Elements[0]
	}
	if n == nil || n.Kind != value.KindObject || n.Get("webhook") == nil && n.Get("command") == nil {
		return ""
	}
	return n.Flow()
}

// ownValue writes the value of a key as an example has it; empty if it is of another kind, or too long. A text can be the only element of a list.
func ownValue(n *definition.Node, example string) string {
	if n == nil || example == "" {
		return ""
	}
	text, isText := n.Flow(), n.Kind == value.KindString || n.Kind == value.KindNumber
	switch {
	case text == "":
	case example[0] == '[' && n.Kind == value.KindList, example[0] == '{' && n.Kind == value.KindObject:
		return text
	case example[0] == '[' && isText && !strings.Contains(n.Text, "${"):
		return "[" + text + "]"
	case example[0] == '"' && n.Kind == value.KindString:
		return definition.InQuotes(n.Text)
	case example[0] != '[' && example[0] != '{' && example[0] != '"' && isText && text == n.Written && (n.Kind == value.KindString) == (example[0] > '9'):
		return text
	}
	return ""
}

// programs are those whose files are taken for workflows, by keys that all of their files have.
var programs = []struct {
	name string
	keys []string
}{
	{"GitHub Actions", []string{"on", "jobs"}}, {"n8n", []string{"nodes", "connections"}}, {"docker compose", []string{"services"}},
	{"Kubernetes", []string{"apiVersion", "kind"}},
}

// programOf returns the program that a file belongs to which is no workflow, and the keys that say so.
func programOf(c *Context) (name string, keys []definition.UnknownKey) {
	flow := c.Definition
	if flow.TasksNode != nil || flow.Batch != nil {
		return "", nil
	}
	for _, program := range programs {
		keys = nil
		for _, unknown := range flow.UnknownKeys {
			if unknown.Where == "a workflow" && slices.Contains(program.keys, unknown.Key) {
				keys = append(keys, unknown)
			}
		}
		if len(keys) == len(program.keys) {
			return program.name, keys
		}
	}
	return "", nil
}
