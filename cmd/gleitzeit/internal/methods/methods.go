// Package methods is the command that shows what tasks can call, and with which parameters.
package methods

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/parameters"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Program is what the command uses of the program.
type Program struct {
	Specs     func() ([]protocol.Spec, error)
	Arguments func(least int, names ...string) cobra.PositionalArgs
	Invalid   func(error) error               // An error in the arguments.
	Print     func(document any, text string) // Prints the result: the document to programs, the text to people.
}

// width is that of descriptions in columns.
const width = 80

// Method is a method as it is shown.
type Method struct {
	Name       string            `json:"name"`
	Summary    string            `json:"summary"`
	Timeout    *protocol.Seconds `json:"timeout,omitempty"` // Of one attempt; absent if the protocol decides it.
	Parameters []Parameter       `json:"parameters,omitempty"`
}

// Parameter is one of its parameters.
type Parameter struct {
	Name     string       `json:"name"`
	Takes    string       `json:"takes"`
	Required bool         `json:"required"`
	Default  *value.Value `json:"default,omitempty"`
	About    string       `json:"description,omitempty"`
}

// Command returns the command.
func Command(p Program) *cobra.Command {
	return &cobra.Command{
		Use:   "methods [METHOD]",
		Short: "List the methods of tasks, or the parameters of one",
		Long: "List the methods that tasks can call, or describe one with its parameters.\n" +
			"Those of MCP servers are described by the servers: docs/mcp.md.",
		Example: "  gleitzeit methods\n  gleitzeit methods llm/chat",
		Args:    p.Arguments(0, "METHOD"),
		RunE: func(_ *cobra.Command, args []string) error {
			specs, err := p.Specs()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				p.list(specs)
				return nil
			}
			return p.describe(specs, args[0])
		},
	}
}

func (p Program) list(specs []protocol.Spec) {
	var all []Method
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, spec := range specs {
		for _, m := range spec.Methods {
			all = append(all, Method{Name: m.Name, Summary: m.Summary})
			fmt.Fprintf(table, "%s\t%s\n", m.Name, m.Summary)
		}
	}
	_ = table.Flush() // A strings.Builder takes everything.
	text.WriteString("`gleitzeit methods METHOD` describes the parameters of one\n")
	p.Print(struct {
		Methods []Method `json:"methods"`
	}{all}, text.String())
}

// Names lists the names of methods that can be called as they are.
func Names(specs []protocol.Spec) (names []string) {
	for _, spec := range specs {
		for _, m := range spec.Methods {
			if !m.IsPattern() {
				names = append(names, m.Name)
			}
		}
	}
	return names
}

func (p Program) describe(specs []protocol.Spec, name string) error {
	m := parameters.Method(specs, name)
	if m == nil {
		names := Names(specs)
		wrong := fmt.Errorf("unknown method %q; `gleitzeit methods` lists all", name)
		near := suggest.Nearest(name, names)
		var within []string
		for _, full := range names {
			switch protocolName, short, _ := strings.Cut(full, "/"); name {
			case short:
				near = full
			case protocolName:
				within = append(within, full)
			}
		}
		if near != "" {
			wrong = fmt.Errorf("unknown method %q; did you mean %q?", name, near)
		}
		if within != nil {
			wrong = fmt.Errorf("%q is a protocol; its methods are %s", name, strings.Join(within, ", "))
		}
		return p.Invalid(wrong)
	}
	shown := Method{Name: m.Name, Summary: m.Summary, Parameters: parametersOf(m.Parameters)}
	if m.Timeout > 0 {
		seconds := protocol.SecondsOf(m.Timeout)
		shown.Timeout = &seconds
	}
	p.Print(shown, shown.text())
	return nil
}

// parametersOf reads a schema: required parameters first, the others in its order.
func parametersOf(schema []byte) []Parameter {
	read, err := value.Parse(schema)
	if err != nil {
		return nil // The schema of a tool that its server has not described.
	}
	var needed []string
	list, _ := read.Get("required")
	for _, element := range list.Elements() {
		needed = append(needed, element.Text())
	}
	properties, _ := read.Get("properties")
	var first, others []Parameter
	for _, field := range properties.Fields() {
		about, _ := field.Value.Get("description")
		made := Parameter{Name: field.Name, Takes: takes(field.Value), About: about.Text(), Required: slices.Contains(needed, field.Name)}
		if fallback, has := field.Value.Get("default"); has {
			made.Default = &fallback
		}
		if made.Required {
			first = append(first, made)
		} else {
			others = append(others, made)
		}
	}
	return append(first, others...)
}

// takes names the values that a schema takes: "string", "integer or string", "one of a, b".
func takes(schema value.Value) string {
	if choices, has := schema.Get("enum"); has {
		var names []string
		for _, element := range choices.Elements() {
			names = append(names, view.Text(element))
		}
		return "one of " + strings.Join(names, ", ")
	}
	var kinds []string
	add := func(kind string) {
		if kind != "" && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	named, _ := schema.Get("type")
	add(named.Text())
	for _, element := range named.Elements() {
		add(element.Text())
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		choices, _ := schema.Get(key)
		for _, choice := range choices.Elements() {
			add(takes(choice))
		}
	}
	if len(kinds) == 0 {
		return "any"
	}
	return strings.Join(kinds, " or ")
}

func (m Method) text() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n", m.Name, m.Summary)
	if m.Timeout != nil {
		fmt.Fprintf(&text, "timeout of one attempt: %s\n", m.Timeout.Duration())
	}
	for i, p := range m.Parameters {
		if i == 0 {
			text.WriteString("\n")
		}
		head := p.Name + "  " + p.Takes
		if p.Required {
			head += ", required"
		}
		if p.Default != nil {
			head += ", default " + string(p.Default.JSON())
		}
		text.WriteString(view.Wrap("  "+head, width) + "\n")
		if p.About != "" {
			text.WriteString(view.Wrap("      "+p.About, width) + "\n")
		}
	}
	if len(m.Parameters) == 0 {
		text.WriteString("its parameters are not known here: `gleitzeit validate --online FILE` asks the server for them\n")
	}
	return text.String()
}
