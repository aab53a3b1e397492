// Package completion completes command lines in shells: runs, tasks, methods, parameters, models, settings and files. It asks no engine.
package completion

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/methods"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/parameters"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/schema"
)

// Program is what completion uses of the program.
type Program struct {
	Options   func() (runs.Options, error)
	Specs     func() ([]protocol.Spec, error)
	Choices   func(key string) []string // The values that a setting takes, where they are few.
	Arguments func(names ...string) cobra.PositionalArgs
	Invalid   func(error) error // An error in the arguments.
	Env       func(name string) (string, bool)
	Print     func(document any, text string) // Prints the result: the document to programs, the text to people.
}

const (
	// mostRuns is how many runs are offered, the newest.
	mostRuns = 50
	// patience is how long a shell waits at most.
	patience = 2 * time.Second
)

// completer offers words for an argument, or the value of a flag.
type completer = cobra.CompletionFunc

// Register makes arguments and flags complete: each argument by its name in the usage of its command, each flag by its own.
func Register(root *cobra.Command, p Program) {
	var register func(*cobra.Command)
	register = func(command *cobra.Command) {
		if names := argumentsOf(command.Use); len(names) > 0 && command.ValidArgsFunction == nil {
			command.ValidArgsFunction = p.arguments(names)
		}
		for _, flags := range []*pflag.FlagSet{command.Flags(), command.PersistentFlags()} {
			flags.VisitAll(func(flag *pflag.Flag) { p.flag(command, flag) })
		}
		for _, below := range command.Commands() {
			register(below)
		}
	}
	register(root)
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(p.command(root))
}

// argumentsOf returns the names of arguments in the usage of a command: "results RUN [TASK]" has RUN and TASK. The last one may come again.
func argumentsOf(use string) (names []string) {
	for _, word := range strings.Fields(use)[1:] {
		word = strings.Trim(word, "[]…")
		if strings.HasPrefix(word, "-") || word == "" {
			break
		}
		names = append(names, strings.TrimSuffix(word, "…"))
	}
	return names
}

// workflowFiles are the endings of workflow files.
var workflowFiles = []string{"yaml", "yml", "json"}

func (p Program) arguments(names []string) completer {
	return func(command *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		at := min(len(args), len(names)-1)
		name := names[at]
		switch {
		case name == "FILE" && !slices.Contains([]string{"backup", "restore", "read"}, command.Name()):
			return workflowFiles, cobra.ShellCompDirectiveFilterFileExt
		case name == "RUN":
			return p.runs(command.Context())
		case name == "FILE|RUN":
			found, _ := p.runs(command.Context())
			return found, cobra.ShellCompDirectiveDefault
		case name == "TASK" && at > 0:
			return p.tasks(command.Context(), args[at-1])
		case name == "PART":
			return parts(begun)
		case name == "METHOD":
			return p.methods(command, args, begun)
		case name == "NAME=VALUE" && names[0] == "METHOD":
			return p.parameter(command, args[0], args[1:], begun)
		case name == "KEY":
			return p.settings()
		case name == "VALUE" && names[0] == "KEY":
			return p.setting(command, args[0])
		case name == "VALUE" || name == "NAME":
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
}

// session opens what is recorded; nil if nothing is.
func (p Program) session(ctx context.Context) (*runs.Session, func()) {
	o, err := p.Options()
	if err != nil {
		return nil, nil
	}
	ctx, done := context.WithTimeout(ctx, patience)
	s, err := runs.OpenEarlier(ctx, o)
	if err != nil || s == nil {
		done()
		return nil, nil
	}
	return s, func() { s.Close(); done() }
}

func (p Program) runs(ctx context.Context) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	s, closeSession := p.session(ctx)
	if s == nil {
		return nil, none
	}
	defer closeSession()
	found, err := s.List(ctx, runs.Query{Limit: mostRuns})
	if err != nil || len(found) == 0 {
		return nil, none
	}
	words := []string{cobra.CompletionWithDesc(runs.Latest, "the newest run")}
	for _, run := range found {
		words = append(words, cobra.CompletionWithDesc(run.Run, oneLine(run.Workflow)+", "+string(run.State())))
	}
	return words, none
}

func (p Program) tasks(ctx context.Context, run string) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	s, closeSession := p.session(ctx)
	if s == nil {
		return nil, none
	}
	defer closeSession()
	run, err := s.Resolve(ctx, run)
	if err != nil {
		return nil, none
	}
	document, err := s.Document(ctx, run)
	if err != nil || document == nil {
		return nil, none
	}
	var words []string
	for _, task := range document.Tasks {
		words = append(words, cobra.CompletionWithDesc(task.ID, task.Method+", "+string(task.Status)))
	}
	return words, none
}

// parts offers the keys of workflows, and of the part of which the path has begun.
func parts(begun string) ([]string, cobra.ShellCompDirective) {
	around := ""
	keys := definition.Language()
	if at := strings.LastIndex(begun, "."); at >= 0 {
		path, found, err := schema.Part(begun[:at])
		if err != nil {
			return nil, none
		}
		around, keys = path+".", found.Keys
	}
	var words []string
	for _, key := range keys {
		words = append(words, cobra.CompletionWithDesc(around+key.Name(), oneLine(key.About)))
	}
	return words, none | cobra.ShellCompDirectiveKeepOrder
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (p Program) methods(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	specs, err := p.Specs()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	for _, name := range methods.Names(specs) {
		words = append(words, cobra.CompletionWithDesc(name, parameters.Method(specs, name).Summary))
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// parameters offers those that are not given yet.
func (p Program) parameters(method string, given []string) ([]string, cobra.ShellCompDirective) {
	specs, err := p.Specs()
	m := parameters.Method(specs, method)
	if err != nil || m == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	for _, field := range parameters.Properties(m.Parameters).Fields() {
		if slices.ContainsFunc(given, func(pair string) bool { return strings.HasPrefix(pair, field.Name+"=") }) {
			continue
		}
		about, _ := field.Value.Get("description")
		words = append(words, cobra.CompletionWithDesc(field.Name+"=", oneLine(about.Text())))
	}
	return words, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func (p Program) models(command *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return p.modelsOf(command.Context(), "")
}

// modelsOf offers the models of a provider, or of all.
func (p Program) modelsOf(ctx context.Context, provider string) ([]string, cobra.ShellCompDirective) {
	o, err := p.Options()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	providers, closeAll, err := runs.OpenProviders(o)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer func() { _ = closeAll() }() // The process is about to exit.
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	var words []string
	for _, of := range providers {
		if of.Spec.Name != "llm/v1" {
			continue
		}
		states, _ := of.Probe(ctx, func(protocol.Server) bool { return true })
		for _, state := range states {
			if provider != "" && state.Provider != provider {
				continue
			}
			for _, model := range state.Models {
				words = append(words, cobra.CompletionWithDesc(strings.TrimSuffix(model, ":latest"), state.Provider))
			}
		}
	}
	return slices.Compact(words), cobra.ShellCompDirectiveNoFileComp
}

func (p Program) settings() ([]string, cobra.ShellCompDirective) {
	o, err := p.Options()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	for _, entry := range o.Settings.Entries {
		if entry.Name != "home" && entry.Name != "config" {
			words = append(words, entry.Name)
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}
