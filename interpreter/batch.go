package interpreter

import (
	"fmt"
	"path"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Batch is a batch of the command line: paths, and a prompt for each file.
type Batch struct {
	Directory     string   // A folder; or else
	Files         []string // files and folders. Their names need not be UTF-8.
	Pattern       string   // Of files in folders; "" is all.
	Exclude       []string
	Prompt        string // With its references: "Summarize ${item.name}".
	Model         string // "" is the method's own.
	Vision        bool   // The files are images.
	MaxConcurrent int    // 0 is as many as a run lets.
}

// Text is the workflow that stands for the batch. It is JSON, and so YAML, made of values: nothing that is typed becomes
// syntax. Equal batches have equal texts.
func (b Batch) Text() []byte {
	files := value.Object()
	if b.Directory != "" {
		files = files.With("directory", literal(value.EscapeInvalid(b.Directory)))
	} else {
		files = files.With("files", literals(b.Files))
	}
	if b.Pattern != "" {
		files = files.With("pattern", value.String(b.Pattern))
	}
	if len(b.Exclude) > 0 {
		patterns := make([]value.Value, len(b.Exclude))
		for i, pattern := range b.Exclude {
			patterns[i] = value.String(pattern)
		}
		files = files.With("exclude", value.List(patterns...))
	}
	if b.MaxConcurrent > 0 {
		files = files.With("max_concurrent", value.Int(int64(b.MaxConcurrent)))
	}
	method := "llm/chat"
	if b.Vision {
		method = "llm/vision"
	}
	template := value.Object(value.Field{Name: "method", Value: value.String(method)})
	parameters := value.Object(value.Field{Name: "prompt", Value: value.String(b.Prompt)})
	if b.Model != "" {
		parameters = parameters.With("model", literal(b.Model))
	}
	atOnce := max(b.MaxConcurrent, plan.DefaultMaxParallel)
	return value.Object(
		value.Field{Name: "name", Value: value.String(b.name())},
		value.Field{Name: "max_parallel", Value: value.Int(int64(atOnce))},
		value.Field{Name: "type", Value: value.String("batch")},
		value.Field{Name: "batch", Value: files},
		value.Field{Name: "template", Value: template.With("parameters", parameters)},
	).JSON()
}

func (b Batch) name() string {
	if b.Directory != "" {
		return "Batch " + value.EscapeInvalid(path.Base(b.Directory))
	}
	if len(b.Files) == 1 {
		return "Batch " + value.EscapeInvalid(path.Base(b.Files[0]))
	}
	return fmt.Sprintf("Batch of %d paths", len(b.Files))
}

// literal is a text in which nothing is a reference.
func literal(text string) value.Value {
	return value.String(strings.ReplaceAll(text, "${", "$${"))
}

func literals(texts []string) value.Value {
	all := make([]value.Value, len(texts))
	for i, text := range texts {
		all[i] = literal(value.EscapeInvalid(text))
	}
	return value.List(all...)
}
