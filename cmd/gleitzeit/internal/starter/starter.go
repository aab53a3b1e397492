// Package starter is the command that writes a first workflow, which runs as it is.
package starter

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Program is what the command uses of the program.
type Program struct {
	Options   func() (runs.Options, error)
	Arguments func(least int, names ...string) cobra.PositionalArgs
	Invalid   func(error) error               // An error in the arguments.
	Say       func(text string)               // Prints a line for people.
	Print     func(document any, text string) // Prints the result: the document to programs, the text to people.
}

//go:embed templates/*.yaml
var templates embed.FS

// kind is a value of --type.
type kind struct {
	name    string
	about   string
	prompts bool     // It has a model.
	samples []sample // Files in a folder beside it.
}

// sample is a file of a batch that is there to be tried.
type sample struct{ name, text string }

// kinds lists them; the first is the default. To add one, add a line, and a file in the folder templates.
var kinds = []kind{
	{name: "chain", about: "two prompts, the second of which uses the answer to the first", prompts: true},
	{name: "batch", about: "the same prompt for each file of a folder", prompts: true, samples: []sample{
		{"anna.txt", "Dear Mr Miller,\n\nthe teapot that I ordered in May arrived today, and its lid is broken. Please send me a new lid.\n\nAnna Berg\n"},
		{"ben.txt", "Hello,\n\nI would like to know whether the blue cups are available again, and how much twelve of them cost.\n\nThank you\nBen Okafor\n"},
		{"clara.txt", "Dear team,\n\nthank you for the quick repair of my coffee grinder. It works as on the first day.\n\nClara Rossi\n"},
	}},
	{name: "python", about: "two Python scripts, the second of which uses the result of the first"},
	{name: "mcp", about: "tools of MCP servers as tasks"},
	{name: "chat", about: "one conversation with a model", prompts: true},
}

func kindNames() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// Command returns the command.
func Command(p Program) *cobra.Command {
	var about strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&about, "  %-7s %s\n", k.name, k.about)
	}
	var named string
	command := &cobra.Command{
		Use:   "init [NAME]",
		Short: "Write a first workflow, which runs as it is",
		Long: "Write a commented workflow that runs as it is, with a model that the server has.\n" +
			"NAME is the name of the file, with or without .yaml; by default that of the type.\n" +
			"No file is overwritten, and no question is asked.\n\nThe types:\n" + strings.TrimSuffix(about.String(), "\n"),
		Example: "  gleitzeit init\n  gleitzeit init letters --type batch",
		Args:    p.Arguments(0, "NAME"),
		RunE: func(command *cobra.Command, args []string) error {
			at := slices.IndexFunc(kinds, func(k kind) bool { return k.name == named })
			if at < 0 {
				problem := fmt.Sprintf("--type %q is not one of %s", named, strings.Join(kindNames(), ", "))
				if near := suggest.Nearest(named, kindNames()); near != "" {
					problem += fmt.Sprintf("; did you mean %q?", near)
				}
				return p.Invalid(errors.New(problem))
			}
			name := kinds[at].name
			if len(args) > 0 {
				name = args[0]
			}
			return p.write(command.Context(), kinds[at], name)
		},
	}
	command.Flags().StringVar(&named, "type", kinds[0].name, "`kind` of the workflow: "+strings.Join(kindNames(), ", "))
	_ = command.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(kindNames(), cobra.ShellCompDirectiveNoFileComp)) // The flag exists.
	return command
}

// written is the result of the command.
type written struct {
	File     string   `json:"file"`
	Type     string   `json:"type"`
	Files    []string `json:"files"` // All that were written.
	Model    string   `json:"model,omitempty"`
	Provider string   `json:"provider,omitempty"` // Only where it is not the default one.
	Ready    bool     `json:"ready"`              // Whether what it needs is there: the model.
	Next     string   `json:"next"`               // The command that runs it.
}

func (p Program) write(ctx context.Context, k kind, name string) error {
	file := name
	if extension := strings.ToLower(filepath.Ext(name)); extension != ".yaml" && extension != ".yml" {
		file += ".yaml"
	}
	stem := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if strings.Trim(stem, ".") == "" || strings.HasSuffix(name, string(filepath.Separator)) {
		return p.Invalid(fmt.Errorf("NAME %q is not a name for a file", name))
	}
	result := written{File: file, Type: k.name, Ready: true, Next: "gleitzeit " + view.ShellWords("run", file)}
	folder := stem + "-letters"
	files := []sample{{name: file}}
	for _, s := range k.samples {
		files = append(files, sample{filepath.Join(filepath.Dir(file), folder, s.name), s.text})
	}
	for _, f := range files {
		if err := missing(f.name); err != nil {
			return err
		}
	}
	var found model
	if k.prompts {
		var err error
		if found, err = p.chooseModel(ctx); err != nil {
			return err
		}
		result.Model, result.Provider, result.Ready = found.name, found.provider, found.problem == ""
	}
	text, err := templates.ReadFile("templates/" + k.name + ".yaml")
	if err != nil {
		return err
	}
	files[0].text = strings.NewReplacer(
		"@FILE@", view.ShellWords(file), "@NAME@", quoted(stem), "@FOLDER@", quoted(folder), "@MODEL@", found.parameter(),
	).Replace(string(text))
	if len(k.samples) > 0 {
		within := filepath.Join(filepath.Dir(file), folder)
		if err := os.Mkdir(within, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return unwritable(within, err)
		}
	}
	for _, f := range files {
		if err := create(f); err != nil {
			return err
		}
		result.Files = append(result.Files, f.name)
	}
	shown := fmt.Sprintf("wrote %s: %s", strings.Join(result.Files, ", "), k.about)
	if result.Ready && k.prompts {
		shown += ", with the model " + found.name
	}
	p.Print(result, fmt.Sprintf("%s\nrun it: %s\n", shown, result.Next))
	if found.problem != "" {
		p.Say("first: " + found.problem)
	}
	return nil
}

// missing returns an error if there is something at the path already.
func missing(path string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return unwritable(path, err)
	}
	return protocol.Errorf(protocol.InvalidParams, "%q exists, and is not overwritten", path).WithHint("`gleitzeit run %s` runs it; to write another one, give another NAME: `gleitzeit init NAME`", view.ShellWords(path))
}

// create writes a file that does not exist.
func create(f sample) error {
	to, err := os.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return unwritable(f.name, err)
	}
	_, err = to.WriteString(f.text)
	if err = errors.Join(err, to.Close()); err != nil {
		return unwritable(f.name, errors.Join(err, os.Remove(f.name)))
	}
	return nil
}

func unwritable(path string, err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		err = of.Err
	}
	return protocol.Errorf(protocol.ConfigurationError, "cannot write %q: %s", path, err).WithHint("NAME may name a file in another folder, which must exist")
}

// quoted is a text as YAML: plain where that means the same.
func quoted(text string) string {
	plain := text != "" && strings.Trim(text, "0123456789.") != ""
	for i, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		plain = plain && (letter || i > 0 && (r >= '0' && r <= '9' || strings.ContainsRune("-_./", r)))
	}
	if plain && !slices.Contains([]string{"true", "false", "null"}, strings.ToLower(text)) {
		return text
	}
	return string(value.String(text).JSON())
}
