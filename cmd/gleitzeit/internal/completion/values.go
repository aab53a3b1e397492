package completion

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/parameters"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// limited is the value of a flag that is one of some words.
type limited interface{ Words() []string }

// limitedTo is the annotation of a flag that takes one of some words.
const limitedTo = "gleitzeit_words"

// Limit says which words a flag takes.
func Limit(flags *pflag.FlagSet, name string, words ...string) {
	_ = flags.SetAnnotation(name, limitedTo, words)
} // The flag exists.

// Flags whose values are files and folders. The values of others are completed as what they are, or not at all: a file that is offered
// there would be wrong.
var (
	fileFlags   = []string{"output", "save", "errors", "prompt-file", "rows", "schema", "script"}
	folderFlags = []string{"home", "root", "workflows"}
	flowFlags   = []string{"file", "inputs"}
)

// none offers nothing.
const none = cobra.ShellCompDirectiveNoFileComp

// flag makes the values of a flag complete.
func (p Program) flag(command *cobra.Command, flag *pflag.Flag) {
	complete := cobra.NoFileCompletions
	words := flag.Annotations[limitedTo]
	if of, is := flag.Value.(limited); is {
		words = of.Words()
	}
	switch name := flag.Name; {
	case words != nil:
		complete = cobra.FixedCompletions(words, none)
	case slices.Contains(fileFlags, name):
		return
	case slices.Contains(folderFlags, name):
		complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case slices.Contains(flowFlags, name):
		complete = cobra.FixedCompletions(workflowFiles, cobra.ShellCompDirectiveFilterFileExt)
	case name == "model" || name == "models":
		complete = p.models
	case name == "method":
		complete = p.methods
	case name == "provider":
		complete = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return p.providers(), none
		}
	case name == "workflow":
		complete = p.workflows
	case name == "tag":
		complete = p.tags
	case name == "input" || name == "var":
		complete = inputs
	case name == "set" && command.Name() != "approve":
		complete = func(command *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
			return p.parameter(command, methodOf(command), nil, begun)
		}
	}
	_ = command.RegisterFlagCompletionFunc(flag.Name, complete) // Of a command that has registered its own, that stays.
}

// methodOf returns the method whose parameters --set sets.
func methodOf(command *cobra.Command) string {
	given := func(name string) string {
		if flag := command.Flags().Lookup(name); flag != nil {
			return flag.Value.String()
		}
		return ""
	}
	switch {
	case command.Name() == "exec", given("script") != "":
		return "python/execute"
	case given("method") != "":
		return given("method")
	case given("vision") == "true":
		return "llm/vision"
	}
	return "llm/chat"
}

// parameter offers the parameters of a method that are not given yet, or, after =, values of one.
func (p Program) parameter(command *cobra.Command, method string, given []string, begun string) ([]string, cobra.ShellCompDirective) {
	name, value, hasValue := strings.Cut(begun, "=")
	if !hasValue {
		return p.parameters(method, given)
	}
	specs, err := p.Specs()
	m := parameters.Method(specs, method)
	if err != nil || m == nil {
		return nil, none
	}
	schema, _ := parameters.Properties(m.Parameters).Get(name)
	var words []string
	directive := none
	switch {
	case strings.HasSuffix(name, "model"):
		words, _ = p.models(command, nil, value)
	case name == "provider":
		words = p.providers()
	case isFile(specs, method, name):
		words, directive = files(value), none|cobra.ShellCompDirectiveNoSpace
	default:
		choices, _ := schema.Get("enum")
		for _, choice := range choices.Elements() {
			words = append(words, cmp.Or(choice.Text(), string(choice.JSON()))) // Of think, true is one.
		}
		if kind, _ := schema.Get("type"); kind.Text() == "boolean" {
			words = []string{"true", "false"}
		}
	}
	for i, word := range words {
		words[i] = name + "=" + word
	}
	return words, directive
}

// isFile reports whether the value of a parameter is the path of a file.
func isFile(specs []protocol.Spec, method, name string) bool {
	for _, spec := range specs {
		if m, found := spec.Find(method); found {
			return slices.Contains(m.FileParameters, name) || slices.Contains(m.SourceParameters, name)
		}
	}
	return false
}

// mostFiles is how many files are offered as the value of a parameter.
const mostFiles = 1000

// files returns the files that a path may become, folders with a slash at the end. Shells complete files only as words of their own.
func files(begun string) (found []string) {
	folder, name := filepath.Split(begun)
	entries, err := os.ReadDir(filepath.Clean(folder))
	if err != nil {
		return nil
	}
	for _, entry := range entries[:min(len(entries), mostFiles)] {
		path := folder + entry.Name()
		if !strings.HasPrefix(entry.Name(), name) || name == "" && strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path += string(filepath.Separator)
		}
		found = append(found, path)
	}
	return found
}

func (p Program) providers() (names []string) {
	o, err := p.Options()
	if err != nil {
		return nil
	}
	for _, entry := range o.Settings.Entries {
		rest, is := strings.CutPrefix(entry.Name, "providers.")
		if name, _, hasKey := strings.Cut(rest, "."); is && hasKey && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// setting offers values of a setting.
func (p Program) setting(command *cobra.Command, key string) ([]string, cobra.ShellCompDirective) {
	section, name, _ := strings.Cut(strings.TrimPrefix(key, "providers."), ".")
	switch {
	case key == "providers.default":
		return p.providers(), none
	case strings.HasPrefix(key, "providers.") && strings.HasSuffix(name, "model"):
		return p.modelsOf(command.Context(), section)
	case key == "secrets.dir" || key == "roots":
		return nil, cobra.ShellCompDirectiveFilterDirs
	case strings.HasSuffix(key, "_file"):
		return nil, cobra.ShellCompDirectiveDefault
	}
	return p.Choices(key), none
}

// workflows offers the names of the workflows of recorded runs.
func (p Program) workflows(command *cobra.Command, _ []string, _ string) (words []string, _ cobra.ShellCompDirective) {
	p.recorded(command.Context(), func(s *runs.Session, record *resultstore.Record) {
		if name := oneLine(record.Workflow); name == record.Workflow && !slices.Contains(words, name) {
			words = append(words, name)
		}
	})
	return words, none
}

// tags offers the tags of the workflows of recorded runs.
func (p Program) tags(command *cobra.Command, _ []string, _ string) (words []string, _ cobra.ShellCompDirective) {
	p.recorded(command.Context(), func(s *runs.Session, record *resultstore.Record) {
		if record.Plan == nil {
			return
		}
		tags, err := view.ReadTags(command.Context(), s.Store(), *record.Plan)
		if err != nil {
			return // Of a run that is being removed, for example: others have tags.
		}
		for _, tag := range tags {
			if !slices.Contains(words, tag) {
				words = append(words, tag)
			}
		}
	})
	return words, none
}

// recorded passes the records of the newest runs.
func (p Program) recorded(ctx context.Context, pass func(*runs.Session, *resultstore.Record)) {
	s, closeSession := p.session(ctx)
	if s == nil {
		return
	}
	defer closeSession()
	records, err := s.Store().Records(ctx, resultstore.Query{Kind: resultstore.Run, Limit: mostRuns})
	if err != nil {
		return
	}
	for i := range records {
		pass(s, &records[i])
	}
}

// inputs offers the inputs of the workflow file that is the first argument.
func inputs(command *cobra.Command, args []string, begun string) (words []string, _ cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, none
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return nil, none
	}
	flow, _ := definition.Parse(args[0], text)
	if flow == nil {
		return nil, none
	}
	named, _, hasValue := strings.Cut(begun, "=")
	for _, input := range flow.Inputs {
		switch {
		case !hasValue && input.Description != nil:
			words = append(words, cobra.CompletionWithDesc(input.Name+"=", oneLine(input.Description.Text)))
		case !hasValue:
			words = append(words, input.Name+"=")
		case input.Name == named && input.Enum != nil:
			for _, choice := range input.Enum.Elements {
				words = append(words, named+"="+choice.Text)
			}
		}
	}
	if hasValue {
		return words, none
	}
	return words, none | cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveKeepOrder
}
