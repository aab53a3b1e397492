package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/mistyped"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/schedule"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/upkeep"
)

// groups are the commands by what they are about, for those who look for them there.
func groups(p *program) []*cobra.Command {
	return []*cobra.Command{
		group("workflow", "Submit, show and list runs",
			aliasOf("submit", submitCommand{p}.command()), aliasOf("status", statusCommand{p}.command()), aliasOf("list", listCommand{p}.command())),
		group("system", "Show the state of engine, workers, result store and providers",
			aliasOf("status", statusCommand{p}.systemCommand())),
		providerCommand{p}.command(),
		group("backend", "Show what the home folder and the result store contain", upkeep.StatsCommand(p.upkeep())),
		group("schedule", "Start runs of a workflow at given times", schedule.Commands(p.schedules())...),
		group("documents", "Show what models get of documents", documents.ReadCommand(p.documents())),
		group("mcp", "Serve workflows to MCP clients",
			mcpServeCommand{p}.command()),
		group("task", "List tasks, call a method, or print the result of a task",
			taskListCommand{p}.command(),
			aliasOf("results", named("result RUN TASK", exact("RUN", "TASK"), "  gleitzeit results "+runs.Latest+" summary -o json", resultsCommand{p}.command())),
			aliasOf("call", named("submit METHOD [NAME=VALUE…]", nil, "", callCommand{p}.command()))),
	}
}

// group is a command that only holds others. Its examples are the first ones of theirs.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	holder := &cobra.Command{
		Use:   name,
		Short: short,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{mistyped.Command(command, args[0])}
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	holder.AddCommand(commands...)
	var examples []string
	for _, command := range commands {
		if original := command.Annotations[aliasMark]; original != "" {
			command.Example = strings.ReplaceAll(command.Example, "gleitzeit "+original, "gleitzeit "+name+" "+command.Name())
		}
		first, _, _ := strings.Cut(command.Example, "\n")
		examples = append(examples, first)
	}
	holder.Example = strings.Join(examples, "\n")
	return holder
}

// aliasMark is the annotation of an alias: the path of what it is an alias of.
const aliasMark = "gleitzeit_alias"

// aliasOf is a command under a second name.
func aliasOf(path string, command *cobra.Command) *cobra.Command {
	command.Short = fmt.Sprintf("Alias of `gleitzeit %s`", path)
	command.Annotations = map[string]string{aliasMark: path}
	return command
}

// named is a command under another name, with its own arguments and example where it has some.
func named(use string, args cobra.PositionalArgs, example string, command *cobra.Command) *cobra.Command {
	command.Use = use
	if args != nil {
		command.Args, command.Example = args, example
	}
	return command
}
