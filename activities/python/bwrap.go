package python

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// bubblewrapCommand returns the command line that starts an interpreter in a sandbox: without network and capabilities, with
// its own process ids and host name, and with a read-only disk on which private folders are empty, except for the folders of
// the interpreter, the run and the script. Only the script's temporary folder, of tempSize bytes in memory, and /dev/shm are
// writable. A sandbox of root runs as nobody.
func bubblewrapCommand(ctx context.Context, python *interpreter, temp string, tempSize int64, request protocol.Request, hide []string) ([]string, error) {
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
	folder := resolveLinks(request.Folder)
	if own := resolveLinks(os.TempDir()); own != folder {
		hide = append(slices.Clip(hide), own) // The files of other scripts are there.
	}
	private, err := privateFolders(hide)
	if err != nil {
		return nil, unavailable("%v", err)
	}
	if slices.Contains(private, folder) {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "the run was started in %s, which the sandbox hides", request.Folder).
			WithHint("start it in a subfolder")
	}
	needed := append([]string{folder}, listFolders(request.Lists)...)
	if request.Source != nil {
		needed = append(needed, resolveLinks(filepath.Dir(request.Source.Path)))
	}
	shown := slices.Clone(needed)
	for _, prefix := range append([]string{filepath.Dir(python.path)}, python.prefixes...) {
		shown = append(shown, prefix, resolveLinks(prefix))
	}
	shown = append(shown, filepath.Dir(resolveLinks(python.path)))

	tree := newTree(private, shown, resolveLinks(temp), tempSize)
	var setpriv string
	asRoot := os.Geteuid() == 0
	if asRoot {
		if setpriv, err = exec.LookPath("setpriv"); err != nil {
			return nil, unavailable("as root it requires setpriv, which was not found on PATH")
		}
		if err := errors.Join(giveToNobody(temp, tempSize), giveListsToNobody(request.Lists)); err != nil {
			return nil, unavailable("%v", err)
		}
	}
	for {
		sockets, files := tree.sockets(asRoot), tree.hiddenFiles(hide, asRoot)
		words := slices.Concat([]string{
			program, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--cap-drop", "ALL", "--hostname", "sandbox",
		}, tree.inside(slices.Concat(sockets, files)), []string{"--chdir", "/", "--"})
		if asRoot {
			// Root makes the passage to the folders that are shown: nobody may not enter the folders above them.
			words = slices.Concat([]string{program, "--die-with-parent"}, tree.passage(), []string{
				"--", setpriv, "--reuid=" + nobody, "--regid=" + nobody, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs",
			}, words)
		}
		err := tryBubblewrap(ctx, words, needed, asRoot, unavailable)
		if err != nil && ctx.Err() == nil && slices.ContainsFunc(sockets, isMissing) {
			continue // Its program has removed a socket in the meantime.
		}
		return words, err
	}
}

// SandboxCommand returns the words that start another program in a sandbox like that of scripts, in which it can write to a folder only.
func SandboxCommand(ctx context.Context, program, folder string, hide []string) ([]string, error) {
	return bubblewrapCommand(ctx, &interpreter{path: program}, folder, NoLimit, protocol.Request{Folder: "/"}, hide)
}

func isMissing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

// unreadable is the exit status with which a trial reports that a folder of the run cannot be read in the sandbox.
const unreadable = 9

// tryBubblewrap starts a sandbox to see whether it works, and whether the folders that a script needs can be read in it.
func tryBubblewrap(ctx context.Context, words, needed []string, asRoot bool, unavailable func(string, ...any) error) error {
	look := fmt.Sprintf(`for folder; do (cd "$folder" && test -r .) 2>/dev/null || exit %d; done`, unreadable)
	words = slices.Concat(words, []string{"/bin/sh", "-c", look, "sh"}, needed)
	var stderr bytes.Buffer
	trial := child.Command(ctx, baseEnvironment(), words[0], words[1:]...)
	trial.Stderr = &stderr
	newSession(trial)
	err := trial.Run()
	folders := strings.Join(slices.Compact(needed), " or ")
	switch {
	case err == nil || ctx.Err() != nil:
		return ctx.Err()
	case trial.ProcessState != nil && trial.ProcessState.ExitCode() == unreadable && asRoot:
		return protocol.Errorf(protocol.TaskValidationFailed, "the user nobody, as which the sandbox runs scripts of root, cannot read %s", folders).
			WithHint("allow it with chmod o+rx, or start Gleitzeit as another user")
	case trial.ProcessState != nil && trial.ProcessState.ExitCode() == unreadable:
		return protocol.Errorf(protocol.TaskValidationFailed, "a script in the sandbox cannot read %s", folders)
	}
	cause := strings.TrimSpace(stderr.String())
	if cause == "" {
		cause = err.Error()
	}
	return unavailable("%s", cause)
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
