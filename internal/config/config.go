// Package config makes the settings of a process from flags, the environment, config.yaml in the home folder and the
// defaults, in this order. It reads that one file and nothing else, and starts nothing.
package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Settings are what everything else of the program is told. Every field has its final value.
type Settings struct {
	Home     string // Absolute.
	File     string // Absolute path of config.yaml, which need not be there.
	Store    string // URL of the result store, with its password: Entries have it without.
	LogLevel slog.Level
	Roots    []string // Absolute folders beneath which a worker of a cluster reads files.
	Python   Python
	MCP      MCP

	Provider  string                      // Of models, where a task does not say.
	Providers []protocol.ProviderSettings // One for each of the Options, in their order.

	Entries  []Entry  // All of the above, for people to look at.
	Warnings []string // What was written and means nothing, a line each; people are told once.
}

// Entry is one setting as it is shown.
type Entry struct {
	Name  string      `json:"name"`  // As config.yaml has it: "providers.ollama.url".
	Value value.Value `json:"value"` // Never a secret.
	From  string      `json:"from"`  // "--home", "GLEITZEIT_HOME", "/home/me/.gleitzeit/config.yaml:3" or "default".
}

// Options are what settings are made from.
type Options struct {
	Env  func(name string) (string, bool)
	Home string // Of the flag; empty without.

	Providers []protocol.Provider // Whose settings are read; the first is the default.
}

// The defaults. The home folder is .gleitzeit in the user's own, the result store is the SQLite file results.db in it.
const (
	DefaultLogLevel = slog.LevelError

	fromDefault = "default"
)

// Load makes the settings. Its error is a *protocol.Error of ConfigurationError that lists every mistake with its place.
func Load(o Options) (*Settings, error) {
	l := &loader{env: o.Env, providers: o.Providers, keys: keysWith(o.Providers)}
	s := &Settings{}
	var err error
	if s.Home, err = l.home(o.Home); err != nil {
		return nil, err
	}
	if s.File, err = l.path(s.Home); err != nil {
		return nil, err
	}
	if err := l.read(s.File); err != nil {
		return nil, err
	}
	s.Store = l.store(s.Home)
	s.LogLevel = l.logLevel()
	s.Roots = l.roots()
	s.Provider = l.defaultProvider()
	for _, p := range l.providers {
		s.Providers = append(s.Providers, l.provider(p))
	}
	s.Python = l.python()
	s.MCP = l.mcp()
	if len(l.mistakes) > 0 {
		return nil, mistaken(l.mistakes)
	}
	s.Entries, s.Warnings = l.entries, l.warnings
	return s, nil
}

// Path is where config.yaml is looked for, even where what it says cannot be read.
func Path(o Options) (string, error) {
	l := &loader{env: o.Env}
	home, err := l.home(o.Home)
	if err != nil {
		return "", err
	}
	return l.path(home)
}

// InMemory tells whether results are kept in this process alone.
func (s *Settings) InMemory() bool { return s.Store == memoryURL }

// ShownStore is the URL of the result store without its password.
func (s *Settings) ShownStore() string { return shownURL(s.Store) }

// Lasting refuses a store that is gone with the process, for commands that need what another process has put, or leave
// something behind for one.
func (s *Settings) Lasting() error {
	if !s.InMemory() {
		return nil
	}
	return protocol.Errorf(protocol.ConfigurationError, "this command needs a persistent result store: results are kept in memory").
		WithHint("set GLEITZEIT_PERSISTENCE_BACKEND to sqlite or redis")
}

func mistaken(mistakes []string) error {
	text := mistakes[0]
	if len(mistakes) > 1 {
		text = fmt.Sprintf("the settings have %d errors:\n  %s", len(mistakes), strings.Join(mistakes, "\n  "))
	}
	return protocol.Errorf(protocol.ConfigurationError, "%s", text)
}

// loader collects what was said, and what is wrong with it.
type loader struct {
	env       func(name string) (string, bool)
	providers []protocol.Provider
	keys      []key  // Of config.yaml.
	file      string // Path of config.yaml.
	written   map[string]written
	servers   []describedServer
	entries   []Entry
	warnings  []string
	mistakes  []string
}

func (l *loader) entry(name string, value value.Value, from string) {
	l.entries = append(l.entries, Entry{name, value, from})
}

func (l *loader) warn(at, format string, args ...any) {
	l.warnings = append(l.warnings, at+": "+fmt.Sprintf(format, args...))
}

func (l *loader) mistake(at, format string, args ...any) {
	l.mistakes = append(l.mistakes, at+": "+fmt.Sprintf(format, args...))
}

// home is the flag, else the environment, else the default.
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
	absolute, err := filepath.Abs(named)
	if err != nil {
		return "", protocol.Errorf(protocol.ConfigurationError, "invalid home folder %q: %s", named, err)
	}
	l.entry("home", value.String(absolute), from)
	return absolute, nil
}

// path is where config.yaml is.
func (l *loader) path(home string) (string, error) {
	named, from := l.variable("GLEITZEIT_CONFIG"), "GLEITZEIT_CONFIG"
	if named == "" {
		named, from = filepath.Join(home, "config.yaml"), fromDefault
	}
	absolute, err := filepath.Abs(named)
	if err != nil {
		return "", protocol.Errorf(protocol.ConfigurationError, "invalid path %q in GLEITZEIT_CONFIG: %s", named, err)
	}
	l.entry("config", value.String(absolute), from)
	return absolute, nil
}
