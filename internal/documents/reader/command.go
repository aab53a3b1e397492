package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/child"
	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/scratch"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Placeholder stands for the path of the document in the words of a command.
const Placeholder = "{file}"

const (
	// DefaultTimeout is how long a command may take.
	DefaultTimeout = 60 * time.Second
	// maxOutput is how much a command may write, in bytes.
	maxOutput = 64 << 20
	// maxQuoted is how much of what a command writes to its standard error goes into messages, in bytes.
	maxQuoted = 400
)

// Command is a Converter that starts a program, without a shell. It gets a copy of the document: in place of Placeholder, or on its
// standard input. What it writes to its standard output, in UTF-8, is the text.
type Command struct {
	Words       []string
	Timeout     time.Duration // 0 is DefaultTimeout.
	Environment []string
	// Sandbox returns the words that start a program in a sandbox, in which a folder is visible. Nil: there is none.
	Sandbox func(ctx context.Context, program, folder string) ([]string, error)
}

// Identity implements Converter.
func (c *Command) Identity(context.Context) (value.Value, error) {
	words := make([]value.Value, len(c.Words))
	for i, word := range c.Words {
		words[i] = value.String(word)
	}
	return value.List(words...), nil
}

// Convert implements Converter.
func (c *Command) Convert(ctx context.Context, name string, data []byte) (text string, err error) {
	program, err := exec.LookPath(c.Words[0])
	if err != nil {
		return "", c.unusable("%v", errors.Unwrap(err))
	}
	folder, err := scratch.New("document")
	if err != nil {
		return "", protocol.Errorf(protocol.ConfigurationError, "cannot create a temporary folder for a document: %v", err).WithCause(err)
	}
	defer func() { err = errors.Join(err, folder.Remove()) }()
	// Of the name only the extension is kept: a name can look like an option.
	path := filepath.Join(folder.Path, "document"+strings.ToLower(filepath.Ext(name)))
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return "", protocol.Errorf(protocol.ConfigurationError, "cannot write a copy of a document: %v", err).WithCause(err)
	}
	words := append([]string{program}, c.Words[1:]...)
	for i := range words[1:] {
		words[i+1] = strings.ReplaceAll(words[i+1], Placeholder, path)
	}
	if c.Sandbox != nil {
		before, err := c.Sandbox(ctx, program, folder.Path)
		if err != nil {
			return "", err
		}
		words = slices.Concat(before, words)
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	command := child.Command(limited, append(slices.Clone(c.Environment), "TMPDIR="+folder.Path), words[0], words[1:]...)
	child.Group(command)
	command.Dir, command.WaitDelay = folder.Path, time.Second
	output, complaint := &bounded{most: maxOutput, full: cancel}, &bounded{most: maxQuoted}
	command.Stdout, command.Stderr = output, complaint
	if !slices.ContainsFunc(c.Words, func(word string) bool { return strings.Contains(word, Placeholder) }) {
		command.Stdin = bytes.NewReader(data)
	}
	err = command.Run()
	child.EndGroup(command)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case output.isFull:
		return "", c.problem(fmt.Sprintf("it writes more than %d MiB", maxOutput>>20))
	case limited.Err() != nil:
		return "", c.problem(fmt.Sprintf("timed out after %s", timeout))
	case errors.Is(err, exec.ErrWaitDelay): // It ended with 0, and a program that it started holds its output.
	case err != nil && command.ProcessState == nil:
		return "", c.unusable("%v", err)
	case err != nil:
		why := err.Error()
		if said := strings.Join(strings.Fields(complaint.kept.String()), " "); said != "" {
			why += ": " + strings.ToValidUTF8(said, "\uFFFD")
		}
		return "", c.problem(why)
	}
	return output.kept.String(), nil
}

// problem is a document that the program cannot read.
func (c *Command) problem(why string) error {
	return &documents.Problem{Text: fmt.Sprintf("cannot be read by its converter %q: %s", c.Words[0], why), Hint: "the converter is that of `documents.converters` in the settings"}
}

// unusable is a program that cannot be started.
func (c *Command) unusable(format string, args ...any) error {
	return protocol.Errorf(protocol.ConfigurationError, "cannot start the converter %q: %s", c.Words[0], fmt.Sprintf(format, args...)).
		WithHint("install it, or change `documents.converters` in the settings")
}

// bounded keeps the beginning of what is written to it. It never fails, so that a program does not stall, but ends what is too much.
type bounded struct {
	kept   bytes.Buffer // Not embedded: its ReadFrom would take everything.
	most   int
	isFull bool
	full   func() // Called when there is more; nil is nothing.
}

// Write implements io.Writer.
func (b *bounded) Write(data []byte) (int, error) {
	room := min(b.most-b.kept.Len(), len(data))
	b.kept.Write(data[:room])
	if room < len(data) {
		b.isFull = true
		if b.full != nil {
			b.full()
		}
	}
	return len(data), nil
}
