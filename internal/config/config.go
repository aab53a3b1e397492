// Package config makes the settings of a process from flags, the environment, config.yaml in the home folder and the
// defaults, in this order. It reads that one file and nothing else, and starts nothing.
package config

import (
	"path/filepath"
)

// Settings are what everything else of the program is told. Every field has its final value.
type Settings struct {
	Home   string   // Absolute.
	Store  string   // URL of the result store.
	Roots  []string // Absolute folders beneath which a worker of a cluster reads files.
	Ollama Ollama
}

// Ollama is where models run.
type Ollama struct {
	URL           string // "http://127.0.0.1:11434".
	Model         string // Of llm/chat where a task names none.
	VisionModel   string // Of llm/vision where a task names none.
	MaxConcurrent int    // Calls in flight to one endpoint.
}

// Options are what settings are made from.
type Options struct {
	Env  func(name string) (string, bool)
	Home string // Of the flag; empty without.
}

// The defaults.
const (
	DefaultOllamaURL     = "http://127.0.0.1:11434"
	DefaultModel         = "llama3.2"
	DefaultVisionModel   = "llava"
	DefaultMaxConcurrent = 4
)

// Load makes the settings. Its error is a *protocol.Error of ConfigurationError.
func Load(o Options) (*Settings, error) {
	home, err := homeFolder(o)
	if err != nil {
		return nil, err
	}
	ollama, err := ollamaURL(o.Env)
	if err != nil {
		return nil, err
	}
	s := &Settings{
		Home:   home,
		Store:  "sqlite:" + filepath.Join(home, "results.db"),
		Ollama: Ollama{URL: ollama, Model: DefaultModel, VisionModel: DefaultVisionModel, MaxConcurrent: DefaultMaxConcurrent},
	}
	return s, nil
}
