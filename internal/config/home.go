package config

import (
	"os"
	"path/filepath"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// homeFolder is the flag, else the environment, else the default.
func homeFolder(o Options) (string, error) {
	named := o.Home
	if named == "" {
		named, _ = o.Env("GLEITZEIT_HOME")
	}
	if named != "" {
		absolute, err := filepath.Abs(named)
		if err != nil {
			return "", protocol.Errorf(protocol.ConfigurationError, "the home folder %q: %s", named, err)
		}
		return absolute, nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", protocol.Errorf(protocol.ConfigurationError, "there is no home folder: %s", err).
			WithHint("set GLEITZEIT_HOME or --home to a folder that you can write")
	}
	return filepath.Join(user, ".gleitzeit"), nil
}
