// Package config makes the settings of a process from flags, the environment, config.yaml in the home folder and the
// defaults, in this order. It reads that one file and nothing else, and starts nothing.
package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Settings are the settings of the program. Every field has its final value.
type Settings struct {
	Home     string // Absolute.
	File     string // Absolute path of config.yaml, which may be missing.
	Store    string // URL of the result store, with its password: Entries have it without.
	LogLevel slog.Level
	Logs     bool // What tasks send and print is recorded.
	// Retention is how long ended runs, their values and cached calls are kept; 0 is until they are pruned.
	Retention     time.Duration
	Roots         []string // Absolute folders in which a worker of a cluster may read files.
	CaseSensitive bool     // Patterns of files respect the case of endings.
	Converters    []Converter
	Secrets       Secrets
	KeyFile       string // Absolute path of the file with encryption keys; empty: nothing is encrypted.
	Python        Python
	MCP           MCP
	Server        Server

	Provider  string                      // Provider of models for tasks that name none.
	Providers []protocol.ProviderSettings // One for each provider of the Options, in their order.

	Entries  []Entry  // All of the above, for display.
	Warnings []string // What is ignored, one line each; they are printed once.
}

// Entry is one setting as it is shown.
type Entry struct {
	Name  string      `json:"name"`  // Name in config.yaml: "providers.ollama.url".
	Value value.Value `json:"value"` // Never a secret.
	From  string      `json:"from"`  // "--home", "GLEITZEIT_HOME", "/home/me/.gleitzeit/config.yaml:3" or "default".
}

// Options are what settings are made from.
type Options struct {
	Env  func(name string) (string, bool)
	Home string // Value of the flag; empty without it.

	Providers []protocol.Provider // Whose settings are read; the first is the default.
}

// The defaults. The home folder is .gleitzeit in the home directory of the user, the result store is the SQLite file results.db in it.
const (
	DefaultLogLevel = slog.LevelError

	fromDefault = "default"
)

// Load reads the settings. Its error is a *protocol.Error with the code ConfigurationError that lists every problem with its
// place.
func Load(o Options) (*Settings, error) {
	l := newLoader(o)
	s := &Settings{}
	var err error
	if s.Home, err = l.home(o.Home); err != nil {
		return nil, err
	}
	if s.File, err = l.path(s.Home); err != nil {
		return nil, err
	}
	if err := l.file.read(s.File, l.variable("GLEITZEIT_CONFIG") != ""); err != nil {
		return nil, err
	}
	s.Store = readStore(l, s.Home)
	s.Retention = readRetention(l)
	s.LogLevel = l.logLevel()
	s.Logs = l.switched("logs", "GLEITZEIT_LOGS", true)
	s.Roots = l.roots()
	s.CaseSensitive = l.switched("files.case_sensitive", "GLEITZEIT_FILES_CASE_SENSITIVE", false)
	s.Converters = readDocuments(l)
	s.Secrets = readSecrets(l)
	s.KeyFile = l.onePath("encryption.key_file", "GLEITZEIT_ENCRYPTION_KEY_FILE")
	s.Provider = readDefaultProvider(l)
	for _, p := range l.providers {
		s.Providers = append(s.Providers, readProvider(l, p))
	}
	s.Python = readPython(l)
	s.MCP = readMCP(l)
	s.Server = readServer(l)
	if len(l.errors) > 0 {
		return nil, asError(l.errors)
	}
	s.Entries, s.Warnings = l.entries, l.warnings
	return s, nil
}

// Path returns the path of config.yaml, even where the file cannot be read.
func Path(o Options) (string, error) {
	l := newLoader(o)
	home, err := l.home(o.Home)
	if err != nil {
		return "", err
	}
	return l.path(home)
}

// InMemory reports whether results are kept in this process alone.
func (s *Settings) InMemory() bool { return s.Store == memoryURL }

// SQLitePath returns the file of the result store; empty for a store that is not a file.
func (s *Settings) SQLitePath() string {
	path, is := strings.CutPrefix(s.Store, sqliteBackend+":")
	if !is {
		return ""
	}
	return path
}

// ShownStore returns the URL of the result store without its password.
func (s *Settings) ShownStore() string { return shownURL(s.Store) }

// RequirePersistentStore returns an error where the result store ends with the process, for commands that read what another process has
// stored, or store something for another one.
func (s *Settings) RequirePersistentStore() error {
	if !s.InMemory() {
		return nil
	}
	return protocol.Errorf(protocol.ConfigurationError, "this command needs a persistent result store: results are kept in memory").
		WithHint("set GLEITZEIT_PERSISTENCE_BACKEND to sqlite or redis")
}

// asError makes one error of all problems.
func asError(problems []string) error {
	text := problems[0]
	if len(problems) > 1 {
		text = fmt.Sprintf("the settings have %d errors:\n  %s", len(problems), strings.Join(problems, "\n  "))
	}
	return protocol.Errorf(protocol.ConfigurationError, "%s", text)
}

// report collects the problems of the settings.
type report struct {
	warnings []string
	errors   []string
}

func (r *report) warn(at, format string, args ...any) {
	r.warnings = append(r.warnings, at+": "+fmt.Sprintf(format, args...))
}

func (r *report) fail(at, format string, args ...any) {
	r.errors = append(r.errors, at+": "+fmt.Sprintf(format, args...))
}

// loader makes settings from all sources.
type loader struct {
	*report
	env       func(name string) (string, bool)
	file      *document
	providers []protocol.Provider
	entries   []Entry
}

func newLoader(o Options) *loader {
	r := &report{}
	return &loader{report: r, env: o.Env, file: &document{report: r, keys: keysWith(o.Providers), values: map[string]written{}}, providers: o.Providers}
}

func (l *loader) entry(name string, value value.Value, from string) {
	l.entries = append(l.entries, Entry{name, value, from})
}

// home returns the home folder: the flag, else the environment, else the default.
func (l *loader) home(flag string) (string, error) {
	named, from := flag, "--home"
	if named == "" {
		named, from = l.variable("GLEITZEIT_HOME"), "GLEITZEIT_HOME"
	}
	if named == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", protocol.Errorf(protocol.ConfigurationError, "cannot find the home folder: %s", err).
				WithHint("set GLEITZEIT_HOME or --home to a folder that you can write to")
		}
		named, from = filepath.Join(user, ".gleitzeit"), fromDefault
	}
	home := Absolute(named)
	l.entry("home", value.String(home), from)
	return home, nil
}

// path returns the path of config.yaml.
func (l *loader) path(home string) (string, error) {
	named, from := l.variable("GLEITZEIT_CONFIG"), "GLEITZEIT_CONFIG"
	if named == "" {
		named, from = filepath.Join(home, "config.yaml"), fromDefault
	}
	path := Absolute(named)
	l.entry("config", value.String(path), from)
	return path, nil
}
