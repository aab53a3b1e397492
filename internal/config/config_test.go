package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// environment is what a test sets.
type environment map[string]string

func (e environment) get(name string) (string, bool) {
	value, set := e[name]
	return value, set
}

// load makes settings from variables and from a config.yaml in a new home. Paths in what comes back begin with HOME.
func load(t *testing.T, env environment, file string) (settings *Settings, lines []string, home string) {
	t.Helper()
	home = t.TempDir()
	if file != "" {
		if err := os.WriteFile(filepath.Join(home, "config.yaml"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings, err := Load(Options{Env: env.get, Home: home, Providers: llm.Providers()})
	if err != nil {
		known, ok := errors.AsType[*protocol.Error](err)
		if !ok || known.Code != protocol.ConfigurationError {
			t.Fatalf("%v is no configuration error", err)
		}
		lines = strings.Split(known.Message, "\n")
	} else {
		lines = slices.Clone(settings.Warnings)
	}
	for i, line := range lines {
		lines[i] = strings.TrimSpace(strings.ReplaceAll(line, home+"/config.yaml", "FILE"))
	}
	return settings, lines, home
}

// from is where a setting comes from, and the value as it is shown.
func from(t *testing.T, s *Settings, name, home string) (value, origin string) {
	t.Helper()
	for _, entry := range s.Entries {
		if entry.Name == name {
			value = strings.Trim(string(entry.Value.JSON()), `"`)
			shorten := strings.NewReplacer(home+"/config.yaml", "FILE", home, "HOME")
			return shorten.Replace(value), shorten.Replace(entry.From)
		}
	}
	t.Fatalf("there is no setting %s", name)
	return "", ""
}

func TestDefaults(t *testing.T) {
	s, lines, home := load(t, nil, "")
	if len(lines) > 0 {
		t.Fatal(lines)
	}
	want := Settings{
		Home: home, File: filepath.Join(home, "config.yaml"), Store: "sqlite:" + filepath.Join(home, "results.db"), LogLevel: slog.LevelError,
		Providers: []protocol.ProviderSettings{
			{Name: "ollama", URLs: []string{"http://127.0.0.1:11434"}, Model: "llama3.2", VisionModel: "llava", EmbedModel: "nomic-embed-text", MaxConcurrent: 4},
			{Name: "openai", MaxConcurrent: 4},
		},
	}
	if s.Home != want.Home || s.File != want.File || s.Store != want.Store || s.LogLevel != want.LogLevel || s.Roots != nil || !reflect.DeepEqual(s.Providers, want.Providers) {
		t.Errorf("%+v, want %+v", s, want)
	}
	for _, entry := range s.Entries {
		if entry.Name != "home" && entry.From != "default" {
			t.Errorf("%s comes from %s", entry.Name, entry.From)
		}
	}
}

func TestSecrets(t *testing.T) {
	s, lines, home := load(t, nil, "secrets: {dir: mount, env_file: [a.env, /b.env]}")
	if want := (Secrets{filepath.Join(home, "mount"), []string{filepath.Join(home, "a.env"), "/b.env"}}); len(lines) > 0 || !reflect.DeepEqual(s.Secrets, want) {
		t.Errorf("%+v, %q, want %+v", s.Secrets, lines, want)
	}
	if s, lines, home := load(t, nil, "secrets: {env_file: a.env}"); len(lines) > 0 || !reflect.DeepEqual(s.Secrets, Secrets{EnvFiles: []string{filepath.Join(home, "a.env")}}) {
		t.Errorf("%+v, %q", s.Secrets, lines)
	}
	s, _, _ = load(t, map[string]string{"GLEITZEIT_SECRETS_DIR": "/run/secrets", "GLEITZEIT_SECRETS_ENV_FILE": "/a:/b"}, "secrets: {dir: mount, env_file: c}")
	if want := (Secrets{"/run/secrets", []string{"/a", "/b"}}); !reflect.DeepEqual(s.Secrets, want) {
		t.Errorf("%+v, want %+v", s.Secrets, want)
	}
}

const fullFile = `store: redis://me:s3cret@redis:7000/2
log_level: info
roots: [/data, shared]
providers:
  ollama:
    url: gpu:80
    model: qwen3
    vision_model: moondream
    max_concurrent: 8
`

const formerFile = `persistence:
  backend: redis
  sqlite: {db_path: workflows.db}
  redis: {host: cache, port: 7000, db: 3}
providers:
  ollama:
    endpoint: http://gpu:11434
    default_models: {chat: mistral, vision: bakllava}
`

// TestWhatCounts has one line for each way to say a thing: the value, and where it comes from.
func TestWhatCounts(t *testing.T) {
	for _, c := range []struct {
		env               environment
		file              string
		name, value, from string
	}{
		{nil, fullFile, "store", "redis://me:xxxxx@redis:7000/2", "FILE:1"},
		{nil, fullFile, "log_level", "info", "FILE:2"},
		{nil, fullFile, "roots", `["/data","HOME/shared"]`, "FILE:3"},
		{nil, fullFile, "providers.ollama.url", "http://gpu:80", "FILE:6"},
		{nil, fullFile, "providers.ollama.model", "qwen3", "FILE:7"},
		{nil, fullFile, "providers.ollama.vision_model", "moondream", "FILE:8"},
		{nil, fullFile, "providers.ollama.max_concurrent", "8", "FILE:9"},

		{nil, formerFile, "store", "redis://cache:7000/3", "FILE:2, FILE:4"},
		{nil, formerFile, "providers.ollama.url", "http://gpu:11434", "FILE:7"},
		{nil, formerFile, "providers.ollama.model", "mistral", "FILE:8"},
		{nil, formerFile, "providers.ollama.vision_model", "bakllava", "FILE:8"},
		{environment{"GLEITZEIT_PERSISTENCE_BACKEND": "sqlite"}, formerFile, "store", "sqlite:HOME/workflows.db", "GLEITZEIT_PERSISTENCE_BACKEND, FILE:3"},
		{nil, "persistence: {sqlite: {db_path: w.db}}", "store", "sqlite:HOME/w.db", "FILE:1"},
		{nil, "persistence: {backend: sqlite}", "store", "sqlite:HOME/results.db", "FILE:1"},
		{nil, "persistence: {backend: redis}", "store", "redis://127.0.0.1:6379/0", "FILE:1"},
		{nil, "persistence: {backend: none}", "store", "memory:", "FILE:1"},
		{nil, "store: memory", "store", "memory:", "FILE:1"},
		{nil, "store: 'memory:'", "store", "memory:", "FILE:1"},

		{environment{"GLEITZEIT_ROOTS": "/a:/b/../c"}, fullFile, "roots", `["/a","/c"]`, "GLEITZEIT_ROOTS"},
		{nil, "", "server.max_file_size", "200MiB", "default"},
		{nil, "server: {batch_api: true, max_file_size: 1GiB}", "server.batch_api", "true", "FILE:1"},
		{nil, "server: {max_file_size: 1GiB}", "server.max_file_size", "1GiB", "FILE:1"},
		{nil, "server: {model_names: {gpt: llama, b: c}}", "server.model_names", `{"gpt":"llama","b":"c"}`, "FILE:1"},
		{nil, "", "logs", "true", "default"},
		{environment{"GLEITZEIT_LOGS": "false"}, "logs: true", "logs", "false", "GLEITZEIT_LOGS"},
		{nil, "", "files.case_sensitive", "false", "default"},
		{nil, "files: {case_sensitive: true}", "files.case_sensitive", "true", "FILE:1"},
		{environment{"GLEITZEIT_FILES_CASE_SENSITIVE": "False"}, "files: {case_sensitive: true}", "files.case_sensitive", "false", "GLEITZEIT_FILES_CASE_SENSITIVE"},
		{environment{"GLEITZEIT_FILES_CASE_SENSITIVE": "true"}, "", "files.case_sensitive", "true", "GLEITZEIT_FILES_CASE_SENSITIVE"},
		{environment{"GLEITZEIT_LOG_LEVEL": "Warning"}, fullFile, "log_level", "warn", "GLEITZEIT_LOG_LEVEL"},
		{environment{"GLEITZEIT_LOG_LEVEL": ""}, fullFile, "log_level", "info", "FILE:2"},
		{environment{"OLLAMA_HOST": "b"}, fullFile, "providers.ollama.url", "http://b:11434", "OLLAMA_HOST"},
		{environment{"OLLAMA_HOST": "b", "GLEITZEIT_OLLAMA_URL": "http://me:pw@a:1"}, fullFile, "providers.ollama.url", "http://me:xxxxx@a:1", "GLEITZEIT_OLLAMA_URL"},
		{environment{"GLEITZEIT_SQLITE_PATH": "/x/r.db"}, fullFile, "store", "sqlite:/x/r.db", "GLEITZEIT_SQLITE_PATH"},
		{environment{"GLEITZEIT_REDIS_URL": "rediss://:pw@r"}, "", "store", "rediss://:xxxxx@r", "GLEITZEIT_REDIS_URL"},
		{environment{"GLEITZEIT_PERSISTENCE_BACKEND": "redis", "GLEITZEIT_SQLITE_PATH": "/x", "GLEITZEIT_REDIS_URL": "redis://r/1"}, "",
			"store", "redis://r/1", "GLEITZEIT_PERSISTENCE_BACKEND, GLEITZEIT_REDIS_URL"},
		{environment{"GLEITZEIT_PERSISTENCE_BACKEND": "REDIS"}, "", "store", "redis://127.0.0.1:6379/0", "GLEITZEIT_PERSISTENCE_BACKEND"},
		{environment{"GLEITZEIT_PERSISTENCE_BACKEND": "redis"}, fullFile, "store", "redis://me:xxxxx@redis:7000/2", "GLEITZEIT_PERSISTENCE_BACKEND, FILE:1"},
		{environment{"GLEITZEIT_PERSISTENCE_BACKEND": "sqlite"}, fullFile, "store", "sqlite:HOME/results.db", "GLEITZEIT_PERSISTENCE_BACKEND"},
		{environment{"GLEITZEIT_PERSISTENCE_BACKEND": "none"}, fullFile, "store", "memory:", "GLEITZEIT_PERSISTENCE_BACKEND"},
		{environment{"GLEITZEIT_PERSISTENCE_BACKEND": "memory"}, "", "store", "memory:", "GLEITZEIT_PERSISTENCE_BACKEND"},
		{environment{"GLEITZEIT_REDIS_PASSWORD": "p/w"}, formerFile, "store", "redis://:xxxxx@cache:7000/3", "FILE:2, FILE:4, GLEITZEIT_REDIS_PASSWORD"},
		{environment{"GLEITZEIT_REDIS_PASSWORD": "other"}, fullFile, "store", "redis://me:xxxxx@redis:7000/2", "FILE:1"},
		{environment{"GLEITZEIT_REDIS_URL": "redis://:s3/cret@r"}, "", "store", "redis://…", "GLEITZEIT_REDIS_URL"},
		{environment{"GLEITZEIT_REDIS_URL": "redis://s3#cret@r"}, "", "store", "redis://…", "GLEITZEIT_REDIS_URL"},
	} {
		s, lines, home := load(t, c.env, c.file)
		if len(lines) > 0 {
			t.Errorf("%v %q: %q", c.env, c.file, lines)
			continue
		}
		if value, origin := from(t, s, c.name, home); value != c.value || origin != c.from {
			t.Errorf("%v: %s is %s from %s, want %s from %s", c.env, c.name, value, origin, c.value, c.from)
		}
	}
}

func TestThePasswordIsInTheURLAlone(t *testing.T) {
	s, _, _ := load(t, environment{"GLEITZEIT_REDIS_URL": "redis://me@r:1/2", "GLEITZEIT_REDIS_PASSWORD": "p/w:@"}, "")
	if s.Store != "redis://me:p%2Fw%3A%40@r:1/2" {
		t.Errorf("the store is %s", s.Store)
	}
}

// TestMistakesAndWarnings lists what is said of a file; of one with mistakes, all of them.
func TestMistakesAndWarnings(t *testing.T) {
	for _, c := range []struct {
		env  environment
		file string
		want []string
	}{
		{nil, "# nothing\n", nil},
		{nil, "store:\nlog_level: null\nproviders:\n", nil},
		{nil, "providers: {ollama: {modle: x}}", []string{`FILE:1:22: unknown key "providers.ollama.modle"; did you mean "model"?`}},
		{nil, "store: memory\npersistance: {backend: redis}", []string{`FILE:2:1: unknown key "persistance"; did you mean "persistence"?`}},
		{nil, "mcpServers: {a: {command: x}}", []string{`FILE:1:1: "mcpServers" is not a setting: use "servers" in the section "mcp"`}},
		{nil, "mcp_servers: {a: {command: x}}", []string{`FILE:1:1: "mcp_servers" is not a setting: use "servers" in the section "mcp"`}},
		{nil, "mcp: {mcpServers: {a: {command: x}}}", []string{`FILE:1:7: "mcp.mcpServers" is not a setting: use "mcp.servers"`}},
		{nil, "theme: dark", []string{`FILE:1:1: unknown key "theme"; known keys: store, retention, log_level, logs, roots, files, documents, secrets, encryption, server, providers, python, mcp, persistence`}},
		{nil, "batch: {max_concurrent: 5}", []string{`FILE:1:1: "batch" is not a setting: use the section "batch" of a workflow`}},
		{nil, "persistence: {redis: {host: r}}", []string{"FILE:1:29: persistence.redis is ignored without persistence.backend: redis"}},
		{nil, "persistence: {backend: redis, redis: {password: s3cret}}", []string{`FILE:1:39: "persistence.redis.password" is not a setting: use GLEITZEIT_REDIS_PASSWORD`}},
		{environment{"OLLAMA_HOST": "c"}, "providers: {ollama: {endpoints: [a, b]}}",
			[]string{"FILE:1:33: providers.ollama.endpoints is ignored: OLLAMA_HOST takes precedence"}},
		{environment{"OLLAMA_HOST": "c"}, "providers: {ollama: {endpoints: [a]}}", nil},
		{nil, "store: memory\npersistence: {backend: redis}", []string{"FILE:2:24: persistence.backend is ignored: store takes precedence"}},
		{nil, "a: &u http://gpu\nproviders: {ollama: {url: *u}}", []string{`FILE:1:1: unknown key "a"; known keys: store, retention, log_level, logs, roots, files, documents, secrets, encryption, server, providers, python, mcp, persistence`}},

		{nil, "store: memory:", []string{`FILE:1: unexpected ":"; put text that contains ": " or ends with ":" in quotes`}},
		{nil, "[a", []string{"FILE:1: invalid YAML: did not find expected ',' or ']'"}},
		{nil, "just text", []string{`FILE:1:1: the file must be a mapping, not "just text"`}},
		{nil, "retention: 5m", []string{`FILE:1:12: retention must be a duration of at least 1h, such as 30d or 12h, or none, not "5m"`}},
		{environment{"GLEITZEIT_RETENTION": "later"}, "", []string{`GLEITZEIT_RETENTION: retention must be a duration of at least 1h, such as 30d or 12h, or none, not "later"`}},
		{nil, "log_level: loud", []string{`FILE:1:12: unknown log level "loud"; the levels are debug, info, warn and error`}},
		{nil, "log_level: info\nlog_level: warn", []string{`FILE:2:1: duplicate key "log_level": it is on line 1 already`}},
		{nil, "store: {a: 1}", []string{"FILE:1:8: store must be a string, not a mapping"}},
		{nil, "store: results.db", []string{"FILE:1:8: store must be sqlite:PATH, redis://[user:password@]host[:port][/database], rediss://… or memory"}},
		{nil, "server: {batch_api_port: 70000}", []string{"FILE:1:26: server.batch_api_port must be a port (0 to 65535), not 70000"}},
		{nil, "server: {batch_api: 1}", []string{"FILE:1:21: server.batch_api must be true or false, not 1"}},
		{nil, "server: {max_file_size: big}", []string{"FILE:1:25: server.max_file_size must be a size such as \"512MiB\", not \"big\""}},
		{nil, "files: {case_sensitive: 3}", []string{"FILE:1:25: files.case_sensitive must be true or false, not 3"}},
		{environment{"GLEITZEIT_FILES_CASE_SENSITIVE": "on"}, "", []string{`GLEITZEIT_FILES_CASE_SENSITIVE: GLEITZEIT_FILES_CASE_SENSITIVE must be true or false, not "on"`}},
		{nil, "roots: /data", []string{`FILE:1:8: roots must be a list of strings, not "/data"`}},
		{nil, "roots: [a, [b]]", []string{"FILE:1:12: roots must be a list of strings: it contains a list"}},
		{nil, "persistence: {backend: mongo}", []string{`FILE:1:24: unknown backend "mongo"; the backends are sqlite, redis, memory and none`}},
		{nil, "providers: {ollama: {url: 'ftp://me:s3cret@x'}}", []string{"FILE:1:27: invalid address of a server; an address looks like http://127.0.0.1:11434"}},
		{nil, "documents: {converters: [pdftotext]}", []string{"FILE:1:25: documents.converters must be a mapping of extensions to command lines, not a list"}},
		{nil, "documents: {converters: {.pdf: pdftotext, doc: [], a/b: [cat], .md: [cat, [x]], rtf: [mcp/a.tool.b, x], .RTF: [cat]}}", []string{
			"the settings have 6 errors:",
			`FILE:1:32: documents.converters.pdf must be a list of words, such as ["pdftotext", "-layout", "{file}", "-"], not "pdftotext"`,
			`FILE:1:48: documents.converters.doc must be a list of words, such as ["pdftotext", "-layout", "{file}", "-"], not a list`,
			`FILE:1:52: documents.converters: invalid extension "a/b"; write one such as .pdf`,
			`FILE:1:75: documents.converters.md must contain words, not a list`,
			`FILE:1:101: documents.converters.rtf: the parameters of a method are written as NAME=VALUE, not "x"`,
			`FILE:1:105: duplicate key "documents.converters.rtf"`,
		}},
		{nil, "documents: {converters: {.a: [python/execute, file=], .b: [python/execute, code=x, file_path=y], .c: [python/execute, 'kwargs={}'], .d: [python/register, function=f], .e: [python/execute, function=f], .f: [python/execute, file=f.py]}}", []string{
			"the settings have 4 errors:",
			`FILE:1:47: documents.converters.a: file is empty`,
			`FILE:1:84: documents.converters.b: code excludes file_path`,
			`FILE:1:103: documents.converters.c: python/execute requires one of file, code and function, such as file=to_text.py`,
			`FILE:1:138: documents.converters.d: python/register cannot read documents; use python/execute`,
		}},
		{nil, "python: {preload: [a-b], env: ['A=B'], sandbox: jail}", []string{
			"the settings have 3 errors:",
			`FILE:1:19: python.preload: invalid module name "a-b"`,
			`FILE:1:31: python.env: invalid variable name "A=B"`,
			`FILE:1:49: unknown sandbox "jail"; the sandboxes are bwrap and none`,
		}},
		{nil, "python: {limits: {memory: much, cpu: -1, open_files: 1.5, processes: 0}}", []string{
			"the settings have 4 errors:",
			`FILE:1:27: python.limits.memory must be a size such as "512MiB", or none, not "much"`,
			`FILE:1:38: python.limits.cpu must be a number of seconds, or a duration such as "90s", or none, not "-1"`,
			`FILE:1:54: python.limits.open_files must be an integer of at least 1, or none, not "1.5"`,
			`FILE:1:70: python.limits.processes must be an integer of at least 1, or none, not "0"`,
		}},
		{nil, "providers: local\nroots: [3, true]\nlog_level: 4\npersistence: {redis: {port: 0, db: 1.5}}\nproviders:", []string{
			"the settings have 5 errors:",
			`FILE:1:12: providers must be a mapping, not "local"`,
			"FILE:4:29: persistence.redis.port must be an integer of at least 1, not 0",
			"FILE:4:36: persistence.redis.db must be an integer of at least 0, not 1.5",
			`FILE:5:1: duplicate key "providers": it is on line 1 already`,
			`FILE:3:12: unknown log level "4"; the levels are debug, info, warn and error`,
		}},
		{environment{"GLEITZEIT_LOG_LEVEL": "loud", "GLEITZEIT_PERSISTENCE_BACKEND": "disk"}, "providers: {ollama: {max_concurrent: many}}", []string{
			"the settings have 3 errors:",
			`FILE:1:38: providers.ollama.max_concurrent must be an integer of at least 1, not "many"`,
			`GLEITZEIT_PERSISTENCE_BACKEND: unknown backend "disk"; the backends are sqlite, redis, memory and none`,
			`GLEITZEIT_LOG_LEVEL: unknown log level "loud"; the levels are debug, info, warn and error`,
		}},
		{environment{"GLEITZEIT_SQLITE_PATH": "a", "GLEITZEIT_REDIS_URL": "redis://b"}, "",
			[]string{"GLEITZEIT_SQLITE_PATH: GLEITZEIT_REDIS_URL is set as well; choose one by GLEITZEIT_PERSISTENCE_BACKEND"}},
		{environment{"GLEITZEIT_ROOTS": "/a::/b"}, "", []string{"GLEITZEIT_ROOTS: empty folder name in the list"}},
		{environment{"GLEITZEIT_REDIS_URL": "s3cret@host"}, "", []string{"GLEITZEIT_REDIS_URL: the URL must begin with redis:// or rediss://"}},
	} {
		_, lines, _ := load(t, c.env, c.file)
		if !slices.Equal(lines, c.want) {
			t.Errorf("%v %q:\n  %s\nwant\n  %s", c.env, c.file, strings.Join(lines, "\n  "), strings.Join(c.want, "\n  "))
		}
	}
}

func TestTheFileItself(t *testing.T) {
	folder := t.TempDir()
	named := filepath.Join(folder, "mine.yaml")
	env := environment{"GLEITZEIT_CONFIG": named}
	_, err := Load(Options{Env: env.get, Home: folder})
	if err == nil || !strings.HasPrefix(err.Error(), "cannot read the settings in \""+named+"\": no such file or directory (") {
		t.Errorf("a file that was named and is not there: %v", err)
	}
	if path, err := Path(Options{Env: env.get, Home: folder}); err != nil || path != named {
		t.Errorf("%s, %v; want %s", path, err, named)
	}
	if err := os.WriteFile(named, []byte("roots: [sub]\nstore: sqlite:r.db"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(Options{Env: env.get, Home: t.TempDir()})
	if err != nil || s.Store != "sqlite:"+filepath.Join(folder, "r.db") || !slices.Equal(s.Roots, []string{filepath.Join(folder, "sub")}) {
		t.Errorf("%+v, %v; paths begin at the folder of the file", s, err)
	}
	if err := os.WriteFile(named, make([]byte, largest+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Options{Env: env.get, Home: folder}); err == nil || !strings.Contains(err.Error(), "the file is larger than 1 MiB") {
		t.Errorf("a file that is too large: %v", err)
	}
	if _, err := Load(Options{Env: environment{"GLEITZEIT_CONFIG": folder}.get, Home: folder}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: %v", err)
	}
}

func TestHomeAsATilde(t *testing.T) {
	user := t.TempDir()
	t.Setenv("HOME", user)
	s, _, _ := load(t, environment{"GLEITZEIT_SQLITE_PATH": "~/r.db"}, "roots: [~/docs]")
	if s.Store != "sqlite:"+filepath.Join(user, "r.db") || !slices.Equal(s.Roots, []string{filepath.Join(user, "docs")}) {
		t.Errorf("%s, %s", s.Store, s.Roots)
	}
	if err := os.MkdirAll(filepath.Join(user, "elsewhere"), 0o700); err != nil {
		t.Fatal(err)
	}
	env := environment{"GLEITZEIT_HOME": "~/elsewhere", "GLEITZEIT_CONFIG": "~/elsewhere/c.yaml"}
	if path, err := Path(Options{Env: env.get}); err != nil || path != filepath.Join(user, "elsewhere", "c.yaml") {
		t.Errorf("the file of the settings is %s, %v", path, err)
	}
	delete(env, "GLEITZEIT_CONFIG")
	for _, flag := range []string{"", "~/elsewhere"} {
		if s, err := Load(Options{Env: env.get, Home: flag}); err != nil || s.Home != filepath.Join(user, "elsewhere") {
			t.Errorf("the home is %+v, %v", s, err)
		}
	}
}

func TestMemory(t *testing.T) {
	s, _, _ := load(t, environment{"GLEITZEIT_PERSISTENCE_BACKEND": "none"}, "")
	if known, ok := errors.AsType[*protocol.Error](s.RequirePersistentStore()); !s.InMemory() || !ok || known.Code != protocol.ConfigurationError {
		t.Errorf("memory: %v", s.RequirePersistentStore())
	}
	s, _, _ = load(t, nil, "")
	if err := s.RequirePersistentStore(); err != nil || s.InMemory() {
		t.Errorf("a file: %v", err)
	}
}

// 0 is no limit for the size of images, as for the parameter; without the setting there is one.
func TestNoLimitForImages(t *testing.T) {
	for file, want := range map[string]int{"providers: {ollama: {max_image_size: 0}}": protocol.NoLimit, "providers: {ollama: {model: a}}": 0} {
		s, _, home := load(t, nil, file)
		if got := s.Providers[0].MaxImageSize; got != want {
			t.Errorf("%s: %d", file, got)
		}
		if want == 0 {
			continue
		}
		if shown, _ := from(t, s, "providers.ollama.max_image_size", home); shown != "0" {
			t.Errorf("shown as %s", shown)
		}
	}
}

// TestEveryProvider writes every key of every provider of the table: each is read, and shown.
func TestEveryProvider(t *testing.T) {
	for i, p := range llm.Providers() {
		lines := []string{"  default: " + p.Name, "  " + p.Name + ":", "    url: http://gpu:1234", "    model: a", "    vision_model: b", "    embed_model: c", "    max_concurrent: 7",
			"    requests_per_minute: 5", "    tokens_per_minute: 9", "    max_image_size: 1024", "    headers: {X-Team: red, X-Key: \"k ${secrets.GPU}\"}"}
		want := protocol.ProviderSettings{Name: p.Name, URLs: []string{"http://gpu:1234"}, Model: "a", VisionModel: "b", EmbedModel: "c", MaxConcurrent: 7, RequestsPerMinute: 5, TokensPerMinute: 9, MaxImageSize: 1024,
			Headers: []protocol.Setting{{Name: "X-Team", Value: "red"}, {Name: "X-Key", Value: "k ${secrets.GPU}"}}}
		shown := []string{"url", "model", "vision_model", "embed_model", "max_concurrent", "requests_per_minute", "tokens_per_minute", "max_image_size", "headers"}
		if p.Pulls {
			lines, want.AutoPull, shown = append(lines, "    auto_pull: true"), true, append(shown, "auto_pull")
		}
		if p.Cuts {
			lines, want.MaxContext, shown = append(lines, "    max_context: 8192"), 8192, append(shown, "max_context")
		}
		if p.HasKeys {
			lines, want.Key, shown = append(lines, "    api_key: ${secrets.GPU}"), "GPU", append(shown, "api_key")
		}
		s, warned, home := load(t, nil, "providers:\n"+strings.Join(lines, "\n"))
		if len(warned) > 0 {
			t.Fatalf("%s: %q", p.Name, warned)
		}
		if s.Provider != p.Name || !reflect.DeepEqual(s.Providers[i], want) {
			t.Errorf("%+v, want %+v", s.Providers[i], want)
		}
		for _, name := range shown {
			if _, origin := from(t, s, "providers."+p.Name+"."+name, home); !strings.HasPrefix(origin, "FILE:") {
				t.Errorf("%s of %s comes from %s", name, p.Name, origin)
			}
		}
		for _, variable := range p.Variables {
			s, _, _ := load(t, environment{variable: "http://other:1"}, "")
			if !slices.Equal(s.Providers[i].URLs, []string{"http://other:1"}) {
				t.Errorf("%s: %v", variable, s.Providers[i].URLs)
			}
		}
		// Without a setting the defaults hold.
		if s, _, _ := load(t, nil, ""); !reflect.DeepEqual(s.Providers[i], (protocol.ProviderSettings{Name: p.Name}).WithDefaults(p.Defaults)) {
			t.Errorf("%+v, want %+v", s.Providers[i], p.Defaults)
		}
	}
}
