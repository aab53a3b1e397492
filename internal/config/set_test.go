package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
)

// TestSet: one line changes, and the rest of the file is byte for byte what it was.
func TestSet(t *testing.T) {
	const before = `# Mine.

log_level:   warn   # not too much

providers:
  ollama:
    # The machine in the cellar.
    url: "http://gpu:11434"
    max_concurrent: 8   # two cards

roots: # where
  - /srv/a   # first
  - /srv/b
secrets: {dir: /run/secrets}
`
	for _, test := range []struct{ name, value, old, new string }{
		{"log_level", "info", "log_level:   warn   # not too much", "log_level: info  # not too much"},
		{"providers.ollama.url", "http://other:1", `url: "http://gpu:11434"`, "url: http://other:1"},
		{"providers.ollama.max_concurrent", "2", "max_concurrent: 8   # two cards", "max_concurrent: 2  # two cards"},
		{"providers.ollama.model", "qwen3:8b", "  # two cards\n", "  # two cards\n    model: qwen3:8b\n"},
		{"python.limits.memory", "1GiB", "secrets: {dir: /run/secrets}\n", "secrets: {dir: /run/secrets}\npython:\n  limits:\n    memory: 1GiB\n"},
		{"roots", "[/srv/c]", "roots: # where\n  - /srv/a   # first\n  - /srv/b\n", "roots: [/srv/c]  # where\n"},
		{"server.batch_api", "true", "secrets: {dir: /run/secrets}\n", "secrets: {dir: /run/secrets}\nserver:\n  batch_api: true\n"},
		{"providers.ollama.model", "a: b # c", "  # two cards\n", "  # two cards\n    model: \"a: b # c\"\n"},
	} {
		edited, err := Set(optionsWith(t, before), test.name, test.value)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		want := strings.Replace(before, test.old, test.new, 1)
		if got := string(edited.Text); got != want || want == before {
			t.Errorf("%s = %s gives\n%s", test.name, test.value, got)
		}
	}
}

// TestSetRefuses: what is not valid, is not a setting, or is a secret; and the file stays.
func TestSetRefuses(t *testing.T) {
	const before = "secrets: {dir: /run/secrets}\nlog_level: warn\n"
	for _, test := range []struct{ name, value, problem string }{
		{"log_level", "loud", `:2:12: unknown log level "loud"`},
		{"log_levle", "warn", `unknown setting "log_levle"`},
		{"model", "x", `unknown setting "model"`},
		{"home", "/x", `"home" is not a setting: use --home`},
		{"providers.openai.api_key", "sk-123", "must be the name of a secret"},
		{"store", "redis://u:pw@cache:6379/1", "would have a password"},
		{"providers.ollama.url", "http://u:pw@gpu:1", "would have a password"},
		{"mcp.servers", "{}", "cannot be set here"},
		{"mcp.servers.files.command", "npx", "mcp.servers is a mapping of names to servers, which cannot be set here"},
		{"providers.ollama.headers", "{Authorization: x}", "cannot be set here"},
		{"server.batch_api", "perhaps", "must be true or false"},
		{"secrets.dir", "/other", "line 1 is not a mapping with a line for each key"},
		{"retention", "1d\n2d", "one line of text"},
		{"retention", "", "one line of text"},
	} {
		o := optionsWith(t, before)
		_, err := Set(o, test.name, test.value)
		if err == nil || !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s = %q: %v, want %q", test.name, test.value, err, test.problem)
		}
		if after, err := os.ReadFile(filepath.Join(o.Home, "config.yaml")); err != nil || string(after) != before {
			t.Errorf("%s = %q: the file is %q, %v", test.name, test.value, after, err)
		}
	}
}

// optionsWith is a home with a config.yaml, and no variables.
func optionsWith(t *testing.T, text string) Options {
	t.Helper()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "config.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{Home: home, Env: func(string) (string, bool) { return "", false }, Providers: llm.Providers()}
}
