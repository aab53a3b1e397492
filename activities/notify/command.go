package notify

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/child"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	maxOutput = 64 << 10 // Bytes of a stream that are kept.
	leaving   = time.Second
)

// inherited are the variables that a command gets beside those of every program: what it needs to reach the user and the network.
var inherited = []string{
	"USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

// run runs a command. What it does may be done already when it fails, so a failure is not tried again unless `retry` names it.
func (h *Handler) run(ctx context.Context, request protocol.Request) (value.Value, error) {
	given, _ := request.Parameters.Get("command")
	var words []string
	for _, word := range given.Elements() {
		if strings.ContainsRune(word.Text(), 0) {
			return value.Value{}, protocol.Errorf(protocol.InvalidParams, "%s: command has a word with a null character", Command)
		}
		words = append(words, word.Text())
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return value.Value{}, protocol.Errorf(protocol.ConfigurationError, "program %q not found", words[0]).
			WithHint("install it on the worker's machine, or correct command; a line for a shell is [sh, -c, …]")
	}
	command := child.Command(ctx, child.Environment(h.lookup, inherited...), path, words[1:]...)
	child.Group(command)
	command.Dir = request.Folder
	command.WaitDelay = leaving // A program that it leaves behind may hold its output open.
	command.Stdin = strings.NewReader(input(request.Parameters))
	var stdout, stderr beginning
	command.Stdout, command.Stderr = &stdout, &stderr
	err = command.Run()
	child.EndGroup(command)
	switch {
	case ctx.Err() != nil:
		return value.Value{}, ctx.Err()
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return value.Object(value.Field{Name: "response", Value: value.String(strings.ToValidUTF8(stdout.String(), "\uFFFD"))}), nil
	}
	if started, is := errors.AsType[*fs.PathError](err); is {
		return value.Value{}, protocol.Errorf(protocol.ConfigurationError, "cannot start %q: %v", words[0], started.Err)
	}
	return value.Value{}, protocol.Errorf(protocol.TaskExecutionFailed, "%q: %v%s", words[0], err, shown(stderr.String(), stderr.cut, request.Secrets))
}

// input is what the command reads.
func input(parameters value.Value) string {
	stdin, is := parameters.Get("stdin")
	switch {
	case !is || stdin.IsNull():
		return ""
	case stdin.Kind() == value.KindString:
		return stdin.Text()
	}
	return string(stdin.JSON()) + "\n"
}

// beginning keeps the first maxOutput bytes that are written to it.
type beginning struct {
	strings.Builder
	cut bool
}

// Write implements io.Writer.
func (b *beginning) Write(data []byte) (int, error) {
	kept := data[:min(len(data), maxOutput-b.Len())]
	b.cut = b.cut || len(kept) < len(data)
	b.Builder.Write(kept)
	return len(data), nil
}
