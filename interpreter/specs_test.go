package interpreter_test

import (
	"io/fs"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// specs are protocols to check against: enough of JSON Schema to meet every kind of message.
func specs() []protocol.Spec {
	return []protocol.Spec{
		{Name: "python/v1", Methods: []protocol.Method{{
			Name:              "python/execute",
			NeedsDependencies: true,
			Timeout:           5 * time.Minute,
			SourceParameters:  []string{"file", "file_path"},
			CodeParameter:     "code",
			ItemParameter:     "context.file_path",
			Result:            []byte(`{"type": "object", "properties": {"result": {}, "output": {"type": "string"}, "success": {"const": true}}, "additionalProperties": false}`),
			Parameters: []byte(`{
				"type": "object",
				"properties": {
					"file": {"type": "string"}, "file_path": {"type": "string"}, "code": {"type": "string", "minLength": 1},
					"context": {"type": "object"},
					"args": {"type": "array", "maxItems": 3}
				},
				"additionalProperties": false,
				"oneOf": [{"required": ["file"]}, {"required": ["file_path"]}, {"required": ["code"]}]
			}`),
		}}},
		{Name: "notify/v1", Methods: []protocol.Method{
			{
				Name: "notify/webhook", SecretParameters: []string{"secret"}, DestinationParameters: []string{"url"},
				Parameters: []byte(`{"type": "object", "properties": {"url": {"type": "string"}, "body": {}, "headers": {"type": "object"}, "secret": {"type": "string"}},
					"required": ["url", "body"], "additionalProperties": false}`),
			},
			{
				Name: "notify/command", DestinationParameters: []string{"command"},
				Parameters: []byte(`{"type": "object", "properties": {"command": {"type": "array", "minItems": 1, "items": {"type": "string"}}, "stdin": {}},
					"required": ["command"], "additionalProperties": false}`),
			},
		}},
		{Name: "mcp/v1", Methods: []protocol.Method{
			{
				Name:    "mcp/tool.add",
				Timeout: time.Minute,
				Result:  []byte(`{"type": "object", "properties": {"response": {"type": "string"}, "result": {"type": "number"}}}`),
				Parameters: []byte(`{
					"type": "object",
					"properties": {"a": {"type": "number"}, "b": {"type": "number", "minimum": 0, "exclusiveMaximum": 1.5e3}},
					"required": ["a", "b"],
					"additionalProperties": false
				}`),
			},
			{Name: "mcp/tools/list", Timeout: time.Minute, NoCache: true, Parameters: []byte(`{"type": "object", "maxProperties": 0}`)},
		}},
		{Name: "llm/v1", Methods: []protocol.Method{
			{
				Name:                  "llm/chat",
				Timeout:               10 * time.Minute,
				FileParameters:        []string{"file_path", "image_paths"},
				ItemParameter:         "file_path",
				Splits:                []string{"file_path", "files"},
				Result:                []byte(`{"type": "object", "properties": {"response": {"type": "string"}, "parsed": {}}}`),
				SecretParameters:      []string{"api_key"},
				DestinationParameters: []string{"base_url"},
				Parameters: []byte(`{
					"type": "object",
					"properties": {
						"model": {"type": "string", "pattern": "^[a-z]"},
						"messages": {"type": "array", "minItems": 1, "items": {
							"type": "object",
							"properties": {
								"role": {"enum": ["system", "user", "assistant"]},
								"content": {"type": "string"}
							},
							"required": ["role", "content"],
							"additionalProperties": false
						}},
						"prompt": {"type": "string"},
						"stop": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "uniqueItems": true}]},
						"temperature": {"type": "number", "minimum": 0, "maximum": 2},
						"seed": {"type": "integer", "multipleOf": 1},
						"think": {"type": "boolean"},
						"file_path": {"type": "string", "minLength": 1},
						"on_truncation": {"enum": ["warn", "fail", "fit", "split"]},
						"image_paths": {"type": "array", "items": {"type": "string"}},
						"base_url": {"type": "string"}, "api_key": {"type": "string"}
					},
					"anyOf": [{"required": ["messages"]}, {"required": ["prompt"]}]
				}`),
			},
			{
				Name:          "llm/vision",
				Timeout:       10 * time.Minute,
				ItemParameter: "image_path",
				Parameters:    []byte(`{"type": "object", "properties": {"prompt": {"type": "string"}, "image_path": {"type": "string"}}, "required": ["prompt", "image_path"], "additionalProperties": false}`),
			},
			{
				Name:            "llm/reduce",
				Timeout:         10 * time.Minute,
				ReduceParameter: "input",
				GroupParameter:  "group_by",
				Parameters:      []byte(`{"type": "object", "properties": {"prompt": {"type": "string"}, "input": {"type": "array"}, "group_by": {"type": "string"}}, "required": ["prompt", "input"], "additionalProperties": false}`),
			},
			{Name: "llm/slow", Timeout: time.Hour, Parameters: []byte(`{"properties": {"timeout": {"type": "number"}}}`)},
		}},
		{Name: "open/v1", Methods: []protocol.Method{
			{Name: "open/tools/list", Timeout: time.Minute, Servers: true},
			{Name: "open/SERVER.tools/list"},
			{Name: "open/SERVER.tool.NAME", Parameters: []byte(`{"type": "object"}`), IsServerTool: true},
			{Name: "open/tool.NAME", IsServerTool: true},
		}},
		{Name: "free/v1", Methods: []protocol.Method{
			{Name: "free/any", Timeout: 90 * time.Second},
			{Name: "free/ask", Waits: true, NoCache: true},
			{Name: "free/strict", Timeout: time.Second, Parameters: []byte(`{
				"type": "object",
				"properties": {
					"constant": {"const": "a"}, "above": {"exclusiveMinimum": 0}, "fifth": {"multipleOf": 5}, "never": false,
					"either": {"oneOf": [{"type": "integer"}, {"minimum": 1}]}, "short": {"maxLength": 3}, "some": {"minProperties": 1},
					"unique": {"uniqueItems": true}, "types": {"type": ["object", "null"]}
				},
				"dependentRequired": {"with": ["without"]}
			}`)},
		}},
	}
}

// files are what workflows of the tests can name: the workflow lies in /flow, the run is started in /start.
var files = sync.OnceValue(func() fs.FS {
	return fstest.MapFS{
		"flow/sum.py":          {Data: []byte("result = 1 + 1\n")},
		"flow/both.py":         {Data: []byte("# beside the workflow\n")},
		"start/both.py":        {Data: []byte("# where the run starts\n")},
		"start/only.py":        {Data: []byte("result = \"<é>\"\n")},
		"flow/scripts/deep.py": {Data: []byte("result = 3\n")},
		"flow/latin1.py":       {Data: []byte("# caf\xe9\n")},
		"flow/documents/a.txt": {Data: []byte("a\n")},
		"start/photos/b.png":   {Data: []byte("b\n")},
		"elsewhere/c.txt":      {Data: []byte("c\n")},
		"flow/inside":          {Data: []byte("../elsewhere"), Mode: fs.ModeSymlink},
		"flow/pipe":            {Mode: fs.ModeNamedPipe},
		"flow/a.txt":           {Data: []byte("text")},
		"start/b.txt":          {Data: []byte("text")},
		"start.txt":            {Data: []byte("text")},
		"flow/large.py":        {Data: []byte(strings.Repeat("#", 1<<20+1))},
		"flow/exact.py":        {Data: []byte(strings.Repeat("#", 1<<20))},

		"flow/part.yaml": {Data: []byte("name: Part\nid: part\ninputs: {n: {type: integer, required: true}, word: {enum: [a, b], default: a}, list: {type: list}, free: null}\n" +
			"tasks:\n  - {id: do, method: python/execute, parameters: {file: scripts/deep.py, context: {n: \"${inputs.n}\"}}}\n  - {id: next, method: free/any, dependencies: [do], parameters: {x: \"${do.result}\"}}\noutputs: {sum: \"${do.result}\"}\n")},
		"flow/scripts/up.yaml": {Data: []byte("name: Up\ninputs: {n: 1}\ntasks:\n  - {id: part, workflow: ../part.yaml, inputs: {n: \"${inputs.n}\"}}\n  - {id: own, method: python/execute, parameters: {file: deep.py}}\n" +
			"finally:\n  - {id: last, method: free/any}\noutputs: {of: \"${part.outputs}\"}\n")},
		"flow/ring.yaml":          {Data: []byte("name: Ring\ntasks: [{id: a, workflow: scripts/ring.yaml}]\n")},
		"flow/scripts/ring.yaml":  {Data: []byte("name: Ring\ntasks: [{id: a, workflow: ../ring.yaml}]\n")},
		"flow/self.yaml":          {Data: []byte("name: Self\ntasks: [{id: a, workflow: ./self.yaml}]\n")},
		"flow/wrong.yaml":         {Data: []byte("name: Wrong\ntasks:\n  - {id: a, method: free/anny}\n  - {id: b, workflow: scripts/wrong.yaml}\n")},
		"flow/scripts/wrong.yaml": {Data: []byte("name: Wrong\ntaks: []\ntasks: [{id: a, method: python/execute, parameters: {file: gone.py}}]\n")},
		"flow/broken.yaml":        {Data: []byte("name: [\n")},
	}
})
