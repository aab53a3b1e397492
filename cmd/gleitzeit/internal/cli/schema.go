package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/schema"
)

// part is the document of `schema PART`.
type part struct {
	Part     string   `json:"part,omitempty"` // The path of keys; not beneath another part.
	Names    []string `json:"names"`
	Takes    string   `json:"takes"`
	About    string   `json:"about"`
	Required bool     `json:"required"`
	Keys     []part   `json:"keys,omitempty"`
}

// schemaCommand is the command `schema`.
type schemaCommand struct{ *program }

func (p schemaCommand) command() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [PART]",
		Short: "Print the JSON Schema of workflows, or describe a part of it",
		Long: "Print the JSON Schema of workflow files, for editors. With a path of keys such as tasks.retry, describe in words\n" +
			"the keys there, what they take and what they mean.",
		Example: "  gleitzeit schema > workflow.schema.json\n  gleitzeit schema tasks.retry",
		Args:    between(0, "PART"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				p.writeJSON(p.Out, schema.Of(runs.DefaultSpecs()))
				return nil
			}
			if strings.Contains(args[0], "/") {
				return usageError{fmt.Errorf("%q is a method, not a key of workflows: `gleitzeit methods %[1]s` describes its parameters, and `gleitzeit schema tasks.parameters` where they stand", args[0])}
			}
			path, found, err := schema.Part(args[0])
			if err != nil {
				return err
			}
			if p.output != asText {
				document := partOf(found)
				document.Part = path
				p.writeJSON(p.Out, document)
				return nil
			}
			fmt.Fprint(p.Out, inWords(path, found))
			return nil
		},
	}
}

func partOf(key definition.Key) part {
	made := part{Names: key.Names, Takes: key.Takes, About: key.About, Required: key.Required}
	for _, beneath := range key.Keys {
		made.Keys = append(made.Keys, partOf(beneath))
	}
	return made
}

// inWords describes a key and those beneath it.
func inWords(path string, key definition.Key) string {
	var text strings.Builder
	tell := func(title, indent string, key definition.Key) {
		if len(key.Names) > 1 {
			title += " (or " + strings.Join(key.Names[1:], ", ") + ")"
		}
		needed := ""
		if key.Required {
			needed = ", required"
		}
		fmt.Fprintf(&text, "%s%s: %s%s\n%s    %s\n", indent, title, key.Takes, needed, indent, key.About)
	}
	tell(path, "", key)
	if len(key.Keys) > 0 {
		fmt.Fprintf(&text, "\nThe keys of %s:\n", whose(key))
	}
	for _, beneath := range key.Keys {
		fmt.Fprintln(&text)
		tell(beneath.Name(), "  ", beneath)
	}
	return text.String()
}

// whose names the mappings that have the keys beneath.
func whose(key definition.Key) string {
	if key.Places == definition.Itself {
		return key.Name()
	}
	return "each " + key.Part
}
