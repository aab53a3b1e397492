// Package mistyped describes commands and flags that do not exist, and names what was probably meant.
package mistyped

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
)

// meant has, for commands and flags of other programs, those of this one.
var meant = map[string]string{
	"--arg": "input", "--param": "input", "--params": "inputs", "--input-file": "inputs", "--variable": "input",
	"--directory": "home", "--out": "output", "--filter": "items", "--debug": "verbose",
	"--ext": "pattern", "--extension": "pattern", "--glob": "pattern", "--include": "pattern",
	"--concurrency": "max-concurrent", "--jobs": "max-concurrent", "--parallel": "max-concurrent", "--workers": "max-concurrent",
	"execute": "run", "kill": "cancel", "ls": "list", "ps": "list", "runs": "list", "show": "status", "start": "run", "stop": "cancel",
	"check": "validate", "new": "init", "create": "init", "template": "init", "diagnose": "doctor", "python": "exec", "lint": "validate", "output": "results", "serve": "server",
}

// instead has, for words that are no commands here, how to do what they do elsewhere.
var instead = map[string]string{
	"resume": "an interrupted run is resumed by the command that started it, typed again; `gleitzeit retry @latest` runs what a run has not completed",
}

// elsewhere has, for flags that other programs have with a command of that name, how to do here what they do.
var elsewhere = map[string]string{
	"run --output":   "results go to standard output, so that `> FILE` writes them; `gleitzeit batch export @latest --output FILE` writes those of items",
	"run --dry-run":  "`gleitzeit validate FILE` checks a workflow, and `gleitzeit compile FILE` prints what would run",
	"run --watch":    "`gleitzeit run` shows the tasks as they go, and `gleitzeit watch RUN` those of a run elsewhere",
	"run --follow":   "`gleitzeit run` shows the tasks as they go, and `gleitzeit watch RUN` those of a run elsewhere",
	"run --detach":   "`gleitzeit submit FILE` starts a run in a server",
	"run --resume":   "it resumes by itself: the same command, typed again",
	"submit --watch": "`gleitzeit watch RUN` follows a run; --wait waits for its end",
}

// parameters are those of models that other programs have as flags, and that have no flag here.
var parameters = map[string]bool{
	"frequency-penalty": true, "keep-alive": true, "max-tokens": true, "min-p": true, "num-ctx": true, "num-gpu": true, "num-predict": true, "presence-penalty": true,
	"repeat-last-n": true, "repeat-penalty": true, "seed": true, "stop": true, "think": true, "top-k": true, "top-p": true, "typical-p": true,
}

// Command describes a word where a command of the parent is expected and there is none of that name.
func Command(parent *cobra.Command, word string) error {
	if isWorkflow := strings.HasSuffix(word, ".yaml") || strings.HasSuffix(word, ".yml"); isWorkflow && !parent.HasParent() {
		return fmt.Errorf("unknown command %q; did you mean `%s run %[1]s`?", word, parent.CommandPath())
	}
	if how := instead[word]; how != "" && !parent.HasParent() {
		return fmt.Errorf("unknown command %q; %s", word, how)
	}
	var known []string
	for _, each := range parent.Commands() {
		if each.IsAvailableCommand() {
			known = append(known, each.Name())
		}
	}
	return fmt.Errorf("unknown command %q; %s", word, remedy(parent, likely(word, word, known, "`"+parent.CommandPath()+" %s`")))
}

// Flag describes what is wrong with a flag of the command in the terms of who types it, not of the parser. The words are those of the
// whole command line.
func Flag(command *cobra.Command, words []string, err error) error {
	return fmt.Errorf("%s; %s", problem(err), remedy(command, likelyFlag(command, words, err)))
}

// valueOf returns the value of a flag that does not exist, as a word of a shell.
func valueOf(flag string, words []string) string {
	for i, word := range words {
		if text, is := strings.CutPrefix(word, flag+"="); is {
			return view.ShellWords(text)
		}
		if word == flag && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
			return view.ShellWords(words[i+1])
		}
	}
	return "VALUE"
}

// remedy is what to do: as the suggestion says, where there is one, or to read the help.
func remedy(command *cobra.Command, suggestion string) string {
	if suggestion == "" {
		return fmt.Sprintf("see `%s --help`", command.CommandPath())
	}
	return fmt.Sprintf("%s (`%s --help` lists all)", suggestion, command.CommandPath())
}

// likelyFlag names the flag that was probably meant, or the flag for parameters of methods where the command has that.
func likelyFlag(command *cobra.Command, words []string, err error) string {
	if invalid, is := errors.AsType[*pflag.InvalidValueError](err); is {
		flag := invalid.GetFlag()
		return oneDash(command, flag.Shorthand+invalid.GetValue())
	}
	absent, is := errors.AsType[*pflag.NotExistError](err)
	if !is {
		return ""
	}
	name := absent.GetSpecifiedName()
	if letters := absent.GetSpecifiedShortnames(); letters != "" {
		if found := oneDash(command, letters); found != "" || letters != "f" {
			return found
		}
		name = "file"
	}
	if name == "file" && strings.Contains(command.Use, "FILE") {
		return fmt.Sprintf("the file is an argument: `%s FILE`", command.CommandPath())
	}
	if how := elsewhere[command.Name()+" --"+name]; how != "" {
		return how
	}
	value, parameter := valueOf("--"+name, words), strings.ReplaceAll(name, "-", "_")
	settable := ""
	if command.Flags().Lookup("set") != nil {
		settable = fmt.Sprintf("a parameter of the method is set with --set %s=%s", parameter, value)
	}
	if settable != "" && parameters[name] {
		return settable
	}
	var known []string
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			known = append(known, flag.Name)
		}
	})
	if found := likely(name, "--"+name, known, "--%s"); found != "" {
		return found
	}
	switch {
	case strings.Contains(command.Use, "NAME=VALUE"):
		return fmt.Sprintf("a parameter has no dashes: write %s=%s", parameter, value)
	case command.Flags().Lookup("input") != nil && (parameters[name] || name == "model" || name == "temperature" || name == "system" || name == "prompt"):
		return fmt.Sprintf("a workflow has it in its file: write %s: %s in the parameters of the task", parameter, value)
	case command.Flags().Lookup("input") != nil:
		return fmt.Sprintf("if it is an input of the workflow, write --input %s=%s", name, value)
	}
	return ""
}

// oneDash names the flag that was meant by what follows one dash, which other programs have before whole words; empty if it is none.
func oneDash(command *cobra.Command, letters string) string {
	word, _, _ := strings.Cut(letters, "=")
	if len(word) < 2 || command.Flags().Lookup(word) == nil {
		return ""
	}
	return fmt.Sprintf("did you mean --%s?", word)
}

// likely is a question about the known name that was probably meant; empty where none is near. Other programs may call it spelled.
func likely(word, spelled string, known []string, format string) string {
	near := suggest.Nearest(word, known)
	for _, name := range known {
		if name == meant[spelled] {
			near = name
		}
	}
	if near == "" {
		return ""
	}
	return "did you mean " + fmt.Sprintf(format, near) + "?"
}

func problem(err error) string {
	invalid, is := errors.AsType[*pflag.InvalidValueError](err)
	if !is {
		return err.Error()
	}
	want := map[string]string{
		"int": "must be a whole number", "int64": "must be a whole number", "float64": "must be a number", "bool": "must be true or false",
		"duration": "must be a duration such as 90s",
	}[invalid.GetFlag().Value.Type()]
	switch {
	case want == "":
		return err.Error()
	case want == "must be true or false" && !errors.Is(err, strconv.ErrSyntax): // It excludes another flag.
		return errors.Unwrap(invalid).Error()
	}
	if errors.Is(err, strconv.ErrRange) {
		want = "is out of range"
	}
	return strings.TrimSuffix(err.Error(), errors.Unwrap(invalid).Error()) + want
}
