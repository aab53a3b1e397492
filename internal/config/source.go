package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// setting is a value from one source; the zero value is not set.
type setting struct {
	texts []string
	from  string // Source, as in Entry.From.
	at    string // Place, as problems name it: "GLEITZEIT_LOG_LEVEL", "config.yaml:3:8".
}

func (s setting) isSet() bool { return s.from != "" }

func (s setting) text() string {
	if len(s.texts) == 0 {
		return ""
	}
	return s.texts[0]
}

// variable returns the value of an environment variable; an empty one is not set.
func (l *loader) variable(name string) string {
	value, _ := l.env(name)
	return value
}

// fromVariable returns the first of the variables that is set.
func (l *loader) fromVariable(names ...string) setting {
	for _, name := range names {
		if value := l.variable(name); value != "" {
			return setting{[]string{value}, name, name}
		}
	}
	return setting{}
}

// fromFile returns the first of the keys that is in the file, and warns that the others are ignored.
func (l *loader) fromFile(names ...string) setting {
	var first setting
	counts := ""
	for _, name := range names {
		found, is := l.file.values[name]
		switch {
		case !is:
		case first.isSet():
			l.warn(found.at, "%s is ignored: %s takes precedence", name, counts)
		default:
			first, counts = setting{found.texts, fmt.Sprintf("%s:%d", l.file.path, found.line), found.at}, name
		}
	}
	return first
}

// logLevel reads the level of log messages.
func (l *loader) logLevel() slog.Level {
	level, from := DefaultLogLevel, fromDefault
	given := l.fromVariable("GLEITZEIT_LOG_LEVEL")
	if !given.isSet() {
		given = l.fromFile("log_level")
	}
	if given.isSet() {
		from = given.from
		switch strings.ToLower(given.text()) {
		case "debug":
			level = slog.LevelDebug
		case "info":
			level = slog.LevelInfo
		case "warn", "warning":
			level = slog.LevelWarn
		case "error":
		default:
			l.fail(given.at, "unknown log level %q; the levels are debug, info, warn and error", given.text())
		}
	}
	l.entry("log_level", value.String(strings.ToLower(level.String())), from)
	return level
}

// roots reads the folders that a worker of a cluster may read.
func (l *loader) roots() []string { return l.paths("roots", "GLEITZEIT_ROOTS", "folder") }

// switched reads a setting that is true or false, which a variable can set too.
func (l *loader) switched(key, variable string, otherwise bool) bool {
	given := l.fromVariable(variable)
	if !given.isSet() {
		return l.boolean(key, otherwise)
	}
	on := strings.EqualFold(given.text(), "true")
	if !on && !strings.EqualFold(given.text(), "false") {
		l.fail(given.at, "%s must be true or false, not %q", variable, given.text())
	}
	l.entry(key, value.Bool(on), given.from)
	return on
}

// paths reads a list of paths. The variable lists them as PATH does; relative paths in the file are relative to its folder.
func (l *loader) paths(key, variable, what string) []string {
	given, folder, from := l.fromVariable(variable), currentFolder(), fromDefault
	if given.isSet() {
		given.texts = filepath.SplitList(given.text())
	} else {
		given, folder = l.fromFile(key), filepath.Dir(l.file.path)
	}
	var paths []string
	var shown []value.Value
	if given.isSet() {
		from = given.from
	}
	for _, named := range given.texts {
		if named == "" {
			l.fail(given.at, "empty %s name in the list", what)
			continue
		}
		path := absolute(folder, named)
		paths = append(paths, path)
		shown = append(shown, value.String(path))
	}
	l.entry(key, value.List(shown...), from)
	return paths
}

// Absolute makes a path absolute: "~/" is the home directory of the user, and other paths are relative to the current folder.
func Absolute(path string) string { return absolute(currentFolder(), path) }

// absolute makes a path absolute: "~/" is the home directory of the user, and other paths are relative to the folder.
func absolute(folder, path string) string {
	if rest, atHome := strings.CutPrefix(path, "~/"); atHome {
		if user, err := os.UserHomeDir(); err == nil {
			return filepath.Join(user, rest)
		}
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(folder, path)
}

// word reads a string of the file, under its name or that of an earlier version.
func (l *loader) word(name, fallback string, former ...string) string {
	val, from := fallback, fromDefault
	if given := l.fromFile(append([]string{name}, former...)...); given.text() != "" {
		val, from = given.text(), given.from
	}
	l.entry(name, value.String(val), from)
	return val
}

// count reads an integer of the file, of at least 1.
func (l *loader) count(name string, fallback int) int {
	val, from := fallback, fromDefault
	if given := l.fromFile(name); given.isSet() {
		// The file was checked to contain an integer.
		val, _ = strconv.Atoi(given.text())
		from = given.from
	}
	l.entry(name, value.Int(int64(val)), from)
	return val
}

// limit reads an integer of the file; without it there is no limit, and nothing to show.
func (l *loader) limit(name string) int {
	if !l.fromFile(name).isSet() {
		return 0
	}
	return l.count(name, 0)
}

// boolean reads true or false from the file.
func (l *loader) boolean(name string, fallback bool) bool {
	val, from := fallback, fromDefault
	if given := l.fromFile(name); given.isSet() {
		val, from = strings.EqualFold(given.text(), "true"), given.from
	}
	l.entry(name, value.Bool(val), from)
	return val
}

// names reads a list of the file, whose elements must match the pattern.
func (l *loader) names(key string, form *regexp.Regexp, what string) []string {
	from := fromDefault
	given := l.fromFile(key)
	if given.isSet() {
		from = given.from
	}
	shown := make([]value.Value, len(given.texts))
	for i, name := range given.texts {
		if !form.MatchString(name) {
			l.fail(given.at, "%s: invalid %s %q", key, what, name)
		}
		shown[i] = value.String(name)
	}
	l.entry(key, value.List(shown...), from)
	return given.texts
}

var secretReference = regexp.MustCompile(`^\$\{secrets\.([A-Za-z_][A-Za-z0-9_]*)\}$`)

// secret reads the name of a secret from a reference. The secret itself is in no file.
func (l *loader) secret(name string) string {
	given := l.fromFile(name)
	if given.text() == "" {
		l.entry(name, value.String(""), fromDefault)
		return ""
	}
	found := secretReference.FindStringSubmatch(given.text())
	if found == nil {
		l.fail(given.at, "%s must be ${secrets.NAME}; the secret is in the environment variable GLEITZEIT_SECRET_NAME, in secrets.dir or in secrets.env_file", name)
		return ""
	}
	l.entry(name, value.String(given.text()), given.from)
	return found[1]
}
