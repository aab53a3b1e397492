package config

import (
	"path/filepath"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Secrets is where secrets are, in addition to the environment.
type Secrets struct {
	Dir      string   // Absolute folder with a file for each secret; empty without one.
	EnvFiles []string // Absolute paths of .env files; the later ones take precedence.
}

// readSecrets reads where secrets are.
func readSecrets(l *loader) Secrets {
	return Secrets{
		Dir:      l.onePath("secrets.dir", "GLEITZEIT_SECRETS_DIR"),
		EnvFiles: l.paths("secrets.env_file", "GLEITZEIT_SECRETS_ENV_FILE", "file"),
	}
}

// onePath reads a path, absolute; empty where there is none. A relative one in the file is relative to its folder. The variable may be empty:
// there is none.
func (l *loader) onePath(key, variable string) string {
	given, folder, from, path := setting{}, currentFolder(), fromDefault, ""
	if variable != "" {
		given = l.fromVariable(variable)
	}
	if !given.isSet() {
		given, folder = l.fromFile(key), filepath.Dir(l.file.path)
	}
	if given.text() != "" {
		path, from = absolute(folder, given.text()), given.from
	}
	l.entry(key, value.String(path), from)
	return path
}
