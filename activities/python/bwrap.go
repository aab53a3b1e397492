package python

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// sandboxOf is what a task's script is shut in: what the configuration says, or what the task asks for beyond that.
func chooseSandbox(configured string, parameters value.Value) (string, error) {
	asked := textOf(parameters, "sandbox")
	switch {
	case asked != "" && asked != SandboxNone && asked != SandboxBwrap:
		return "", protocol.Errorf(protocol.InvalidParams, "sandbox is %q; it must be %q or %q", asked, SandboxBwrap, SandboxNone)
	case configured == SandboxBwrap && asked == SandboxNone:
		return "", protocol.Errorf(protocol.InvalidParams, "the task asks for no sandbox, and the configuration demands %s", configured).
			WithHint("remove sandbox from the task")
	case asked == SandboxBwrap || configured == SandboxBwrap:
		return SandboxBwrap, nil
	}
	return SandboxNone, nil
}

// hidden are the folders whose content is nobody's business: people's own, and those in which programs leave sockets and
// files for one another.
var hidden = []string{"/home", "/root", "/tmp", "/var/tmp", "/run", "/var/run", "/mnt", "/media"}

// mount is one line of what a sandbox sees.
type mount struct {
	option, path string
}

// bubblewrap is the command line that starts an interpreter in a sandbox: no network, processes and hosts' names of its
// own, no capabilities, a disk that can only be read and on which people's folders are empty, but for the interpreter,
// the run's folder and the script's; and the script's temporary folder, which alone can be written.
func bubblewrap(ctx context.Context, python *interpreter, temp string, request protocol.Request, hide []string) ([]string, error) {
	const hint = "docs/security.md says what it needs; without it, remove the sandbox from the task or from python.sandbox in config.yaml"
	refuse := func(format string, args ...any) error {
		return protocol.Errorf(protocol.ConfigurationError, "the sandbox bwrap cannot be had: "+format, args...).WithHint(hint)
	}
	if runtime.GOOS != "linux" {
		return nil, refuse("it needs Linux")
	}
	program, err := exec.LookPath("bwrap")
	if err != nil {
		return nil, refuse("there is no bwrap on PATH")
	}
	private, err := privateFolders(hide)
	if err != nil {
		return nil, refuse("%v", err)
	}
	folder := resolved(request.Folder)
	if slices.Contains(private, folder) {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "the sandbox hides %s, and the run was started in it", request.Folder).
			WithHint("start it in a folder beneath")
	}
	shown := []string{folder}
	if request.Source != nil {
		shown = append(shown, resolved(filepath.Dir(request.Source.Path)))
	}
	for _, prefix := range append([]string{filepath.Dir(python.path)}, python.prefixes...) {
		shown = append(shown, prefix, resolved(prefix))
	}
	shown = append(shown, filepath.Dir(resolved(python.path)))
	words := append([]string{
		program, "--unshare-all", "--unshare-user", "--die-with-parent", "--cap-drop", "ALL", "--hostname", "sandbox",
		"--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
	}, mounts(private, shown, resolved(temp))...)
	words = append(words, "--chdir", "/", "--")

	var said bytes.Buffer
	trial := exec.CommandContext(ctx, words[0], append(words[1:len(words):len(words)], "/bin/true")...)
	trial.Stderr = &said
	if err := trial.Run(); err != nil && ctx.Err() == nil {
		cause := strings.TrimSpace(said.String())
		if cause == "" {
			cause = err.Error()
		}
		return nil, refuse("%s", cause)
	}
	return words, ctx.Err()
}

// mounts puts the folders in the order in which one can lie in another. What is private stays so, whatever is shown.
func mounts(private, shown []string, own string) []string {
	list := []mount{{"--bind", own}}
	for _, path := range private {
		list = append(list, mount{"--tmpfs", path})
	}
	for _, path := range shown {
		beneath := slices.ContainsFunc(private, func(p string) bool { return strings.HasPrefix(path+"/", p+"/") })
		if beneath && !slices.Contains(private, path) {
			list = append(list, mount{"--ro-bind", path})
		}
	}
	slices.SortStableFunc(list, func(a, b mount) int { return strings.Count(a.path, "/") - strings.Count(b.path, "/") })
	list = slices.Compact(list)
	var words []string
	for _, m := range list {
		words = append(words, m.option, m.path)
		if m.option != "--tmpfs" {
			words = append(words, m.path)
		}
	}
	// The empty folders themselves are in memory, and must not be filled.
	for _, m := range list {
		if m.option == "--tmpfs" {
			words = append(words, "--remount-ro", m.path)
		}
	}
	return words
}

// privateFolders are those that no script in a sandbox sees, as the disk has them.
func privateFolders(hide []string) ([]string, error) {
	candidates := append(slices.Clone(hidden), hide...)
	home, err := os.UserHomeDir()
	if err == nil {
		candidates = append(candidates, home)
	}
	if account, err := user.Current(); err == nil {
		candidates = append(candidates, account.HomeDir)
	}
	var found []string
	for _, path := range candidates {
		path, err := filepath.EvalSymlinks(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() && path != "/" && !slices.Contains(found, path) {
			found = append(found, path)
		}
	}
	return found, nil
}

// resolved is a path without links, as far as it is there.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}
