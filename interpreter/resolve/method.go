package resolve

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Method is a method of a protocol as tasks are checked against it.
type Method struct {
	protocol.Method
	Spec        *protocol.Spec
	Schema      *jsonschema.Schema // nil where the method has none.
	SchemaError string             // Why the schema cannot be used; an error of the protocol.
	Properties  []string           // The names of its parameters, in the schema's order.
	Fields      []string           // The names of what a reference to a result can name; nil where they are not known.
	OwnFields   []string           // Those of the result itself, also where its field result may be an object with others.
	closed      bool               // It has no other parameters.

	ResultClosed bool // It has no other fields.
	result       value.Value
}

// ParameterTimeout is the parameter that means the task's timeout where the method has no parameter of that name. A tool of a
// server may have one, which only the server knows: there it is the tool's.
const ParameterTimeout = "timeout"

// newMethod reads a method's schema.
func newMethod(from protocol.Method, spec *protocol.Spec) *Method {
	m := &Method{Method: from, Spec: spec, Fields: fieldsOf(from.Result)}
	if schema, err := value.Parse(from.Result); err == nil {
		m.result = schema
		properties, _ := schema.Get("properties")
		for _, field := range properties.Fields() {
			m.OwnFields = append(m.OwnFields, field.Name)
		}
		others, has := schema.Get("additionalProperties")
		m.ResultClosed = has && others.Kind() == value.KindBool && !others.Bool()
	}
	if len(from.Parameters) == 0 {
		return m
	}
	val, err := value.Parse(from.Parameters)
	if err != nil {
		m.SchemaError = err.Error()
		return m
	}
	properties, _ := val.Get("properties")
	for _, field := range properties.Fields() {
		m.Properties = append(m.Properties, field.Name)
	}
	others, has := val.Get("additionalProperties")
	m.closed = has && others.Kind() == value.KindBool && !others.Bool()
	if m.Schema, err = jsonschema.Compile(from.Parameters); err != nil {
		m.SchemaError = err.Error()
	}
	return m
}

// IsText reports whether a field of the result is a text, whatever the method returns.
func (m *Method) IsText(field string) bool {
	kind, _ := m.FieldSchema(field).Get("type")
	return kind.Kind() == value.KindString && kind.Text() == "string"
}

// FieldSchema returns the JSON Schema of a field of the result; null where it is not known.
func (m *Method) FieldSchema(field string) value.Value {
	properties, _ := m.result.Get("properties")
	of, _ := properties.Get(field)
	return of
}

// fieldsOf returns the names of the fields of what a schema describes; nil where it names none, or has a field result that may be an
// object: then references name the fields of that as well.
func fieldsOf(schema []byte) (names []string) {
	val, err := value.Parse(schema)
	if err != nil {
		return nil
	}
	properties, _ := val.Get("properties")
	for _, field := range properties.Fields() {
		if field.Name == "result" {
			if of, _ := field.Value.Get("type"); !slices.Contains([]string{"string", "number", "integer", "boolean"}, of.Text()) {
				return nil
			}
		}
		names = append(names, field.Name)
	}
	return names
}

// Accepts reports whether the method takes a parameter of the name. A tool of a server does: what it takes is checked by
// the server alone, so that a plan does not depend on what servers say when it is made.
func (m *Method) Accepts(name string) bool {
	if m.IsServerTool || m.Schema == nil || name == ParameterTimeout || slices.Contains(m.Properties, name) {
		return true
	}
	if others, isBool := m.Schema.AdditionalProperties.(bool); !isBool || others {
		return true
	}
	for pattern := range m.Schema.PatternProperties {
		if pattern.MatchString(name) {
			return true
		}
	}
	return false
}

// Code returns the parameter that is program text; nil where there is none.
func (m *Method) Code(parameters *definition.Node) *definition.Node {
	if m == nil || m.CodeParameter == "" || parameters == nil {
		return nil
	}
	return parameters.Get(m.CodeParameter)
}

// TimeoutIn returns the parameter that means the task's timeout; nil where there is none.
func (m *Method) TimeoutIn(parameters *definition.Node) *definition.Node {
	if m == nil || parameters == nil || m.IsServerTool || slices.Contains(m.Properties, ParameterTimeout) {
		return nil
	}
	if n := parameters.Get(ParameterTimeout); n != nil && n.Kind != value.KindNull {
		return n
	}
	return nil
}

// Nested is a workflow file that a task runs.
type Nested struct {
	File    string     // As shown in messages.
	Place   string     // Absolute.
	Plan    *plan.Plan // Nil if there is none: Problem, or the diagnostics of the file, say why.
	Read    bool       // Inputs and Outputs are known.
	Inputs  []protocol.Input
	Outputs []string
	Problem *Problem // Why it cannot be run.
	Circle  []string // The files of a circular dependency that it closes, from the first back to it.
}

// Input returns an input of the workflow; nil if it has none of the name.
func (n *Nested) Input(name string) *protocol.Input {
	for i := range n.Inputs {
		if n.Inputs[i].Name == name {
			return &n.Inputs[i]
		}
	}
	return nil
}
