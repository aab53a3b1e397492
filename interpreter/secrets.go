package interpreter

import (
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// SecretUse is a place where a workflow needs a secret.
type SecretUse struct {
	Name string
	File string // As shown in messages.
	At   definition.Position
}

// Secrets returns the places where a workflow needs a secret: its tasks in their order, then its MCP servers, then the workflows that
// its tasks run. A reference with a default needs none. A file that cannot be parsed has diagnostics instead.
func Secrets(in Input) ([]SecretUse, []definition.Diagnostic) {
	return secretsIn(in, map[string]bool{in.Path: true})
}

// secretsIn is Secrets, of files that were not read before.
func secretsIn(in Input, read map[string]bool) ([]SecretUse, []definition.Diagnostic) {
	parsed, found := definition.Parse(in.File, in.Text)
	if parsed == nil || parsed.Beginning {
		return nil, limited(in, found, parsed != nil)
	}
	source := in.source(parsed)
	source.Placeholders = true
	var all []SecretUse
	add := func(texts resolve.Texts) {
		for _, text := range texts {
			places := parsed.Locate(text.Node)
			for _, ref := range text.References {
				if ref.Head == resolve.HeadSecrets && !ref.HasDefault && len(ref.Steps) == 1 {
					all = append(all, SecretUse{ref.Steps[0].Field, in.File, places.At(ref.Offset)})
				}
			}
		}
	}
	for _, task := range resolve.Resolve(source).Tasks {
		add(task.Texts)
	}
	for _, server := range parsed.ToolServers {
		for _, settings := range []*definition.Node{server.Env, server.Headers} {
			add(resolve.TextsOf(settings, nil))
		}
	}
	for _, task := range parsed.Tasks {
		if task.Workflow == nil {
			continue
		}
		place, text, problem := resolve.ReadWorkflow(source, task.Workflow.Written)
		if problem != "" || read[place] {
			continue // Compile reports what cannot be read.
		}
		read[place] = true
		within, found := secretsIn(in.of(in.nestedFile(task.Workflow.Written, place), text), read)
		if found != nil {
			return nil, found
		}
		all = append(all, within...)
	}
	return all, nil
}

// SecretNames returns the names of secrets, one for each place.
func SecretNames(uses []SecretUse) []string {
	names := make([]string, len(uses))
	for i, use := range uses {
		names[i] = use.Name
	}
	return names
}

// MissingSecrets returns a note for each place where a workflow needs a secret for which look has an error.
func MissingSecrets(in Input, look func(name string) *protocol.Error) []definition.Diagnostic {
	uses, _ := Secrets(in)
	var notes []definition.Diagnostic
	for _, use := range uses {
		if problem := look(use.Name); problem != nil {
			notes = append(notes, definition.Diagnostic{
				File: use.File, Line: use.At.Line, Column: use.At.Column, Rule: "secret", Note: true,
				Message: value.Visible(problem.Message), Hint: value.Visible(problem.Hint),
			})
		}
	}
	return definition.SortDiagnostics(notes)
}
