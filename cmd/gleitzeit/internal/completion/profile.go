package completion

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The block in a profile of PowerShell, which has no folder for what completes commands.
const (
	blockBegins = "# >>> gleitzeit completion >>>"
	blockEnds   = "# <<< gleitzeit completion <<<"
	profileLine = "gleitzeit completion powershell | Out-String | Invoke-Expression"
)

// profile returns the file that PowerShell calls $PROFILE. It is no variable of the environment, so that one of that name is an exception:
// for whom the folder of documents is elsewhere, for example.
func (p Program) profile() (string, error) {
	if named, _ := p.Env("PROFILE"); filepath.IsAbs(named) {
		return named, nil
	}
	const file = "Microsoft.PowerShell_profile.ps1"
	if runtime.GOOS == "windows" {
		user, err := os.UserHomeDir()
		return filepath.Join(user, "Documents", "PowerShell", file), err
	}
	folder, err := p.folder("XDG_CONFIG_HOME", ".config")
	return filepath.Join(folder, "powershell", file), err
}

// installProfile writes the block into the profile of PowerShell, in the place of an earlier one.
func (p Program) installProfile() error {
	path, err := p.profile()
	if err == nil {
		err = addBlock(path)
	}
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot write %q: %s", path, err).
			WithHint("add this line to the file that $PROFILE names in PowerShell: %s", profileLine)
	}
	p.Print(installed{"powershell", path}, "wrote a block to "+path+"\nit works in new shells for which $PROFILE is this file; if it is another, set the variable PROFILE to it: $env:PROFILE = $PROFILE\n")
	return nil
}

// addBlock writes the block into a file, whose other lines stay as they are.
func addBlock(path string) error {
	if linked, err := filepath.EvalSymlinks(path); err == nil {
		path = linked // A link stays one.
	}
	mode := fs.FileMode(0o644)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return errors.New("it is UTF-16")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	changed, err := withBlock(string(text))
	if err != nil {
		return err
	}
	if err := home.ReplaceFile(path, func(to io.Writer) error { _, err := io.WriteString(to, changed); return err }); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// withBlock returns the text of a profile with the block: in the place of an earlier one, or at the end.
func withBlock(text string) (string, error) {
	newline := "\n"
	if strings.Contains(text, "\r\n") {
		newline = "\r\n"
	}
	block := strings.Join([]string{blockBegins, profileLine, blockEnds}, newline)
	before, rest, found := strings.Cut(text, blockBegins)
	if found {
		_, after, whole := strings.Cut(rest, blockEnds)
		if !whole {
			return "", errors.New("it has the line " + blockBegins + " without " + blockEnds)
		}
		return before + block + after, nil
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += newline
	}
	return text + block + newline, nil
}
