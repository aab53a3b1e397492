package interpreter

import (
	"bytes"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Batch is a batch of the command line: paths or a table, and a call for each file or row.
type Batch struct {
	Directory     string   // A folder; or else
	Files         []string // files and folders. Their names need not be UTF-8.
	Rows          string   // A table, whose rows are the items, instead of files.
	Requests      bool     // Rows is a request file.
	Key           string   // Column that identifies a row; "": all of them do.
	Delimiter     string   // Of a CSV table; "": it is found.
	Pattern       string   // Of files in folders; "" is all.
	Exclude       []string
	Limit         int // Number of files to take, the first ones; 0 is all.
	Sample        int // Number of files to take at random; 0 is all.
	Seed          int64
	Models        []string      // Each is asked about each file.
	Method        string        // "" is llm/chat.
	Parameters    []value.Field // Of the method, with their references: "Summarize ${item.name}".
	Split         *value.Value  // How long documents are read: an object; nil: as a whole.
	Combine       value.Value   // What becomes of the answers about chunks: a prompt, or true; null is nothing.
	Cache         bool
	MaxConcurrent int    // 0 is as many as a run lets.
	MaxFailures   string // A number or a percentage of files; "" is no limit.
	MaxTokens     int    // Of all calls, after which no other starts; 0 is no limit.
	Deadline      string // Duration of the run after which it is stopped; "" is none.
	Priority      string // "" is that of any task.
}

// DefaultMethod is the method of a batch that names none.
const DefaultMethod = "llm/chat"

// Text is the workflow that stands for the batch. It is JSON, and so YAML, made of values: nothing that is typed becomes
// syntax. Equal batches have equal texts.
func (b Batch) Text() []byte { return b.workflow().JSON() }

// YAML is Text as people write it.
func (b Batch) YAML() ([]byte, error) {
	text, err := definition.YAML(b.workflow())
	if err != nil {
		return nil, err
	}
	if read, is := definition.ParseValue(string(text)); !is || !bytes.Equal(read.JSON(), b.Text()) {
		return append(b.Text(), '\n'), nil // Something that YAML cannot have as it is; JSON can.
	}
	return text, nil
}

func (b Batch) workflow() value.Value {
	atOnce := max(b.MaxConcurrent, plan.DefaultMaxParallel)
	of := value.Object(
		value.Field{Name: "name", Value: value.String(b.name())},
		value.Field{Name: "max_parallel", Value: value.Int(int64(atOnce))},
		value.Field{Name: "type", Value: value.String("batch")},
	)
	if b.Deadline != "" {
		of = of.With("timeout", value.String(b.Deadline))
	}
	return of.With("batch", b.files()).With("template", b.template())
}

// files says which files or rows are items.
func (b Batch) files() value.Value {
	files := value.Object()
	switch {
	case b.Requests:
		files = files.With("requests", literal(value.EscapeInvalid(b.Rows)))
	case b.Rows != "":
		files = files.With("rows", literal(value.EscapeInvalid(b.Rows)))
	case b.Directory != "":
		files = files.With("directory", literal(value.EscapeInvalid(b.Directory)))
	default:
		files = files.With("files", literals(b.Files))
	}
	if b.Key != "" {
		files = files.With("key", value.String(b.Key))
	}
	if b.Delimiter != "" {
		files = files.With("delimiter", value.String(b.Delimiter))
	}
	if b.Pattern != "" {
		files = files.With("pattern", value.String(b.Pattern))
	}
	if len(b.Exclude) > 0 {
		files = files.With("exclude", texts(b.Exclude))
	}
	for _, count := range []struct {
		name   string
		number int64
	}{{"limit", int64(b.Limit)}, {"sample", int64(b.Sample)}, {"seed", b.Seed}} {
		if count.number != 0 {
			files = files.With(count.name, value.Int(count.number))
		}
	}
	if len(b.Models) > 0 {
		files = files.With("models", texts(b.Models))
	}
	if b.MaxConcurrent > 0 {
		files = files.With("max_concurrent", value.Int(int64(b.MaxConcurrent)))
	}
	return files
}

// template is the call for each item.
func (b Batch) template() value.Value {
	method := b.Method
	if method == "" {
		method = DefaultMethod
	}
	template := value.Object(value.Field{Name: "method", Value: value.String(method)})
	if b.Priority != "" {
		template = template.With("priority", value.String(b.Priority))
	}
	if b.Cache {
		template = template.With("cache", value.Bool(true))
	}
	if b.MaxFailures != "" {
		failures := value.String(b.MaxFailures)
		if number, err := strconv.ParseInt(b.MaxFailures, 10, 64); err == nil {
			failures = value.Int(number)
		}
		template = template.With("max_failures", failures)
	}
	if b.MaxTokens > 0 {
		template = template.With("max_tokens_total", value.Int(int64(b.MaxTokens)))
	}
	if b.Split != nil {
		template = template.With("split", *b.Split)
	}
	if !b.Combine.IsNull() {
		template = template.With("combine", b.Combine)
	}
	return template.With("parameters", value.Object(b.Parameters...))
}

func (b Batch) name() string {
	if b.Rows != "" {
		return "Batch " + value.EscapeInvalid(path.Base(b.Rows))
	}
	if b.Directory != "" {
		return "Batch " + value.EscapeInvalid(path.Base(b.Directory))
	}
	if len(b.Files) == 1 {
		return "Batch " + value.EscapeInvalid(path.Base(b.Files[0]))
	}
	return fmt.Sprintf("Batch of %d paths", len(b.Files))
}

// Literal returns a value in whose texts nothing is a reference.
func Literal(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindString:
		return literal(v.Text())
	case value.KindList:
		all := make([]value.Value, len(v.Elements()))
		for i, element := range v.Elements() {
			all[i] = Literal(element)
		}
		return value.List(all...)
	case value.KindObject:
		all := make([]value.Field, len(v.Fields()))
		for i, field := range v.Fields() {
			all[i] = value.Field{Name: field.Name, Value: Literal(field.Value)}
		}
		return value.Object(all...)
	}
	return v
}

// literal is a text in which nothing is a reference.
func literal(text string) value.Value {
	return value.String(strings.ReplaceAll(text, "${", "$${"))
}

func literals(all []string) value.Value {
	paths := make([]value.Value, len(all))
	for i, path := range all {
		paths[i] = literal(value.EscapeInvalid(path))
	}
	return value.List(paths...)
}

func texts(all []string) value.Value {
	list := make([]value.Value, len(all))
	for i, text := range all {
		list[i] = value.String(text)
	}
	return value.List(list...)
}
