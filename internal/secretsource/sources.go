// Package secretsource looks up `${secrets.NAME}`: in variables of the environment, in a folder with a file for each secret as
// Docker and Kubernetes mount it, and in .env files. Every lookup reads anew, so that a secret that is replaced while a worker
// runs is valid from the next task on. No error contains a value, and nothing becomes a variable of this process or its
// children.
package secretsource

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Prefix comes before the name of a secret in the environment.
const Prefix = "GLEITZEIT_SECRET_"

// MaxSize is the maximum size of a file in bytes: that of a secret of Kubernetes.
const MaxSize = 1 << 20

// Sources are where secrets are searched, in this order: the first that has a name decides.
type Sources struct {
	Env      func(name string) (string, bool)
	Environ  func() []string // All variables, each NAME=value; nil: List shows none of them.
	Dir      string          // Absolute; empty without one.
	EnvFiles []string        // Absolute. Of two with the same name, the later decides, as with Docker Compose.
}

// Lookup returns the value of a secret. The error is that of a source that cannot be read: the secret is then not taken from a
// later one, because it might be another value.
func (s Sources) Lookup(name string) (value string, found bool, err error) {
	if !IsName(name) {
		return "", false, nil
	}
	if value, found := s.Env(Prefix + name); found {
		return value, true, nil
	}
	if s.Dir != "" {
		value, err := s.readDir(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return value, err == nil, err
		}
	}
	for _, path := range slices.Backward(s.EnvFiles) {
		values, err := readEnvFile(path)
		if err != nil {
			return "", false, err
		}
		if value, found := values[name]; found {
			return value, true, nil
		}
	}
	return "", false, nil
}

// Require returns the value of a secret; its error where there is none lists the sources.
func (s Sources) Require(name string) (string, error) {
	value, found, err := s.Lookup(name)
	if err == nil && !found {
		err = s.Missing(name)
	}
	return value, err
}

// Problem returns why there is no such secret; nil where there is one.
func (s Sources) Problem(name string) *protocol.Error {
	_, err := s.Require(name)
	if err == nil {
		return nil
	}
	return protocol.AsError(err, protocol.ConfigurationError)
}

// Missing is the error of a secret that no source has.
func (s Sources) Missing(name string) error {
	return protocol.Errorf(protocol.ConfigurationError, "the secret %q is not set", name).WithHint("%s", s.Hint(name))
}

// Hint returns where a secret with the name was searched.
func (s Sources) Hint(name string) string {
	places := []string{Prefix + name}
	if s.Dir != "" {
		places = append(places, filepath.Join(s.Dir, name))
	}
	for _, path := range slices.Backward(s.EnvFiles) {
		places = append(places, name+" in "+path)
	}
	if len(places) == 1 {
		return "set " + places[0] + " where the worker runs"
	}
	return "set one of these where the worker runs: " + strings.Join(places, ", ")
}

// IsName reports whether a text can be the name of a secret.
func IsName(name string) bool {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
