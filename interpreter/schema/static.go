package schema

import (
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// fanOut are the parameters that make a task run for each file, beside those of its method.
const fanOut = `{
  "batch_mode": {"type": ["boolean", "null"], "description": "Whether to run the task for each file in files, image_paths or directory."},
  "files": {"type": ["array", "null"], "items": {"type": ["string", "number"]}, "minItems": 1, "description": "With batch_mode: the files, in this order; a folder stands for the files in it."},
  "image_paths": {"type": ["array", "null"], "items": {"type": ["string", "number"]}, "minItems": 1, "description": "With batch_mode: the images, in this order."},
  "directory": {"type": ["string", "number", "null"], "description": "With file_pattern or batch_mode: folder with the files."},
  "file_pattern": {"type": ["string", "null"], "description": "Pattern of the files in directory, such as *.txt, or **/*.txt to include subfolders."}
}`

// isOverFiles is the schema of parameters that make a task run for each file.
const isOverFiles = `{"type": "object", "anyOf": [{"required": ["batch_mode"]}, {"required": ["file_pattern"]}]}`

// hasFiles is what such parameters need.
const hasFiles = `{
  "if": {"required": ["batch_mode"], "properties": {"batch_mode": {"const": true}}},
  "then": {"anyOf": [{"required": ["files"]}, {"required": ["image_paths"]}, {"required": ["directory"]}]},
  "dependentRequired": {"file_pattern": ["directory"]}
}`

// parametersOfTask leads to the schema of the parameters of a task that calls the method: once, or, where it takes a file,
// for each file. Then no parameter has to name the file.
func (w *writer) parametersOfTask(method protocol.Method, schema value.Value) value.Value {
	w.add(method.Name, schema)
	once := refer(method.Name)
	properties, _ := schema.Get("properties")
	if _, own := properties.Get("batch_mode"); own || method.ItemParameter == "" {
		return once
	}
	all := parsed(fanOut)
	for _, parameter := range properties.Fields() {
		if _, taken := all.Get(parameter.Name); !taken {
			all = all.With(parameter.Name, refer(method.Name, "properties", parameter.Name))
		}
	}
	over := value.Object(of("title", value.String("parameters of "+method.Name+" over files")), of("properties", all))
	if closed(schema) {
		over = over.With("additionalProperties", value.Bool(false))
	}
	over = value.Object(append(over.Fields(), parsed(hasFiles).Fields()...)...)
	name := method.Name + ".files"
	w.add(name, over)
	return value.Object(of("if", parsed(isOverFiles)), of("then", refer(name)), of("else", once))
}
