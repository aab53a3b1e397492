package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter"
)

// given has the values of a workflow's inputs from the flags of a command.
type given struct {
	pairs []string // name=value
	files []string

	elsewhere []string // Inputs of other workflows of the command.
	optional  bool     // A required input needs no value.
}

// flags adds them to a command. of ends "value of an input": " of the file".
func (g *given) flags(command *cobra.Command, of string) {
	command.Flags().StringArrayVar(&g.pairs, "input", nil, "value of an input"+of+", name=value; repeatable")
	command.Flags().Var(alias{command.Flags().Lookup("input").Value}, "var", "the same as --input")
	command.Flags().Lookup("var").Hidden = true // Help has one name for each thing.
	command.Flags().StringArrayVar(&g.files, "inputs", nil, "YAML or JSON `file` with values of inputs, - is standard input; --input takes precedence")
}

// alias is the value of a flag with a second name.
type alias struct{ pflag.Value }

func (g *given) none() bool { return len(g.pairs)+len(g.files) == 0 }

// typed is a command with its inputs, word by word.
func (g *given) typed(words ...string) []string {
	for _, file := range g.files {
		words = append(words, "--inputs", file)
	}
	for _, pair := range g.pairs {
		words = append(words, "--input", pair)
	}
	return words
}

// standardInput is the file that stands for it.
const standardInput = "-"

// onceRead wants standard input to be named once at most, among workflows and inputs: it can be read no second time.
func (g *given) onceRead(flows ...string) error {
	named := 0
	for _, file := range slices.Concat(flows, g.files) {
		if file == standardInput {
			named++
		}
	}
	if named > 1 {
		return usageError{errors.New("standard input (-) is named twice and can be read only once")}
	}
	return nil
}

// readGiven puts what was given into the input of the interpreter.
func (p *program) readGiven(g given, in *interpreter.Input) error {
	in.Elsewhere, in.AnyInputs = g.elsewhere, g.optional
	for _, pair := range g.pairs {
		name, text, found := strings.Cut(pair, "=")
		if !found || name == "" {
			name, text, _ := strings.Cut(name, ":")
			return usageError{fmt.Errorf("--input %q: expected NAME=VALUE; write --input %s", pair, view.ShellWords(cmp.Or(name, "NAME")+"="+cmp.Or(text, "VALUE")))}
		}
		in.Inputs = append(in.Inputs, interpreter.GivenInput{Name: name, Text: text})
	}
	for _, file := range g.files {
		text, err := p.readInputs(file)
		if err != nil {
			unreadable := protocol.Errorf(protocol.InvalidParams, "cannot read the inputs in %q: %s", file, whyUnread(err))
			if strings.Contains(file, "=") {
				unreadable = unreadable.WithHint("--inputs takes a file; to give an input a value, write --input %s", view.ShellWords(file))
			}
			return unreadable
		}
		in.InputFiles = append(in.InputFiles, interpreter.GivenFile{File: file, Text: text})
	}
	return nil
}

// readInputs reads a file once, however many workflows are given it: a pipe cannot be read again.
func (p *program) readInputs(file string) ([]byte, error) {
	if text, known := p.inputFiles[file]; known {
		return text, nil
	}
	var text []byte
	var err error
	if file == standardInput {
		text, err = io.ReadAll(io.LimitReader(p.In, maxFlow))
	} else {
		text, err = readFlow(file)
	}
	if err != nil {
		return nil, err
	}
	if p.inputFiles == nil {
		p.inputFiles = map[string][]byte{}
	}
	p.inputFiles[file] = text
	return text, nil
}

// standardText reads the text of standard input. otherwise says what to do with what cannot be taken.
func (p *program) standardText(otherwise string) (string, error) {
	text, err := p.readInputs(standardInput)
	switch {
	case err != nil:
		return "", protocol.Errorf(protocol.InvalidParams, "cannot read standard input: %s", err)
	case !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0:
		return "", protocol.Errorf(protocol.InvalidParams, "standard input is not text in UTF-8").WithHint("%s", otherwise)
	case len(text) >= maxFlow:
		return "", protocol.Errorf(protocol.InvalidParams, "standard input has more than %d MiB", maxFlow>>20).WithHint("%s", otherwise)
	}
	return string(text), nil
}
