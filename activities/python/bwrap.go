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

	"github.com/gleitzeit/gleitzeit/internal/child"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// chooseSandbox returns the sandbox of a script: that of the settings, or a stronger one that the task requests.
func chooseSandbox(configured string, parameters value.Value) (string, error) {
	asked := textField(parameters, "sandbox")
	switch {
	case asked != "" && asked != SandboxNone && asked != SandboxBwrap:
		return "", protocol.Errorf(protocol.InvalidParams, "sandbox must be %q or %q, not %q", SandboxBwrap, SandboxNone, asked)
	case configured == SandboxBwrap && asked == SandboxNone:
		return "", protocol.Errorf(protocol.InvalidParams, "the task disables the sandbox, but the settings require %s", configured).
			WithHint("remove sandbox from the task")
	case asked == SandboxBwrap || configured == SandboxBwrap:
		return SandboxBwrap, nil
	}
	return SandboxNone, nil
}

// privatePaths are the folders that a sandbox always hides: those of users, and those in which programs leave sockets and
// files for one another.
var privatePaths = []string{"/home", "/root", "/tmp", "/var/tmp", "/run", "/var/run", "/mnt", "/media"}

// mount is a mount of a sandbox.
type mount struct {
	option, path string
}

// bubblewrapCommand returns the command line that starts an interpreter in a sandbox: without network and capabilities, with
// its own process ids and host name, and with a read-only disk on which private folders are empty, except for the folders of
// the interpreter, the run and the script. Only the script's temporary folder is writable.
func bubblewrapCommand(ctx context.Context, python *interpreter, temp string, request protocol.Request, hide []string) ([]string, error) {
	const hint = "docs/security.md lists its requirements; to run without it, remove sandbox from the task or python.sandbox from config.yaml"
	unavailable := func(format string, args ...any) error {
		return protocol.Errorf(protocol.ConfigurationError, "the sandbox bwrap is not available: "+format, args...).WithHint(hint)
	}
	if runtime.GOOS != "linux" {
		return nil, unavailable("it requires Linux")
	}
	program, err := exec.LookPath("bwrap")
	if err != nil {
		return nil, unavailable("bwrap not found on PATH")
	}
	private, err := privateFolders(hide)
	if err != nil {
		return nil, unavailable("%v", err)
	}
	folder := resolveLinks(request.Folder)
	if slices.Contains(private, folder) {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "the run was started in %s, which the sandbox hides", request.Folder).
			WithHint("start it in a subfolder")
	}
	shown := []string{folder}
	if request.Source != nil {
		shown = append(shown, resolveLinks(filepath.Dir(request.Source.Path)))
	}
	for _, prefix := range append([]string{filepath.Dir(python.path)}, python.prefixes...) {
		shown = append(shown, prefix, resolveLinks(prefix))
	}
	shown = append(shown, filepath.Dir(resolveLinks(python.path)))
	words := append([]string{
		program, "--unshare-all", "--unshare-user", "--die-with-parent", "--cap-drop", "ALL", "--hostname", "sandbox",
		"--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
	}, mounts(private, shown, resolveLinks(temp))...)
	words = append(words, maskFiles(hide)...)
	words = append(words, "--chdir", "/", "--")

	var stderr bytes.Buffer
	trial := child.Command(ctx, baseEnvironment(), words[0], append(words[1:len(words):len(words)], "/bin/true")...)
	trial.Stderr = &stderr
	newSession(trial)
	if err := trial.Run(); err != nil && ctx.Err() == nil {
		cause := strings.TrimSpace(stderr.String())
		if cause == "" {
			cause = err.Error()
		}
		return nil, unavailable("%s", cause)
	}
	return words, ctx.Err()
}

// mounts sorts the folders so that a folder comes before those inside it. A private folder stays private even if it is shown.
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
	// The empty folders are in memory, and must not be written to.
	for _, m := range list {
		if m.option == "--tmpfs" {
			words = append(words, "--remount-ro", m.path)
		}
	}
	return words
}

// privateFolders returns the existing folders that a sandbox hides, without symbolic links.
func privateFolders(hide []string) ([]string, error) {
	candidates := append(slices.Clone(privatePaths), hide...)
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

// resolveLinks returns a path without symbolic links, if it exists.
func resolveLinks(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}
