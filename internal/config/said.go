package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// said is what somebody has said of a setting; the zero value is nothing.
type said struct {
	texts []string
	from  string // As an Entry has it.
	at    string // As a mistake begins: "GLEITZEIT_LOG_LEVEL", "config.yaml:3:8".
}

func (s said) is() bool { return s.from != "" }

func (s said) text() string {
	if len(s.texts) == 0 {
		return ""
	}
	return s.texts[0]
}

// variable is the value of a variable; one that is empty counts as not set.
func (l *loader) variable(name string) string {
	value, _ := l.env(name)
	return value
}

// ofVariable is what the first of the variables says that is set.
func (l *loader) ofVariable(names ...string) said {
	for _, name := range names {
		if value := l.variable(name); value != "" {
			return said{[]string{value}, name, name}
		}
	}
	return said{}
}

// ofFile is what the first of the keys says that stands in the file. Others that do are in vain.
func (l *loader) ofFile(names ...string) said {
	var first said
	counts := ""
	for _, name := range names {
		found, is := l.written[name]
		switch {
		case !is:
		case first.is():
			l.warn(found.at, "%s is ignored: %s takes precedence", name, counts)
		default:
			first, counts = said{found.texts, fmt.Sprintf("%s:%d", l.file, found.line), found.at}, name
		}
	}
	return first
}

// logLevel is how much is told of what goes on inside.
func (l *loader) logLevel() slog.Level {
	level, from := DefaultLogLevel, fromDefault
	given := l.ofVariable("GLEITZEIT_LOG_LEVEL")
	if !given.is() {
		given = l.ofFile("log_level")
	}
	if given.is() {
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
			l.mistake(given.at, "unknown log level %q; the levels are debug, info, warn and error", given.text())
		}
	}
	l.entry("log_level", value.String(strings.ToLower(level.String())), from)
	return level
}

// roots are the folders that a worker of a cluster may read. The variable lists them as PATH does; relative ones of the
// file begin at its folder.
func (l *loader) roots() []string {
	given, folder, from := l.ofVariable("GLEITZEIT_ROOTS"), currentFolder(), fromDefault
	if given.is() {
		given.texts = filepath.SplitList(given.text())
	} else {
		given, folder = l.ofFile("roots"), filepath.Dir(l.file)
	}
	var roots []string
	var shown []value.Value
	if given.is() {
		from = given.from
	}
	for _, named := range given.texts {
		if named == "" {
			l.mistake(given.at, "empty folder name in the list")
			continue
		}
		root := absolute(folder, named)
		roots = append(roots, root)
		shown = append(shown, value.String(root))
	}
	l.entry("roots", value.List(shown...), from)
	return roots
}

// absolute is a path as people write it: "~/" is the user's own folder, and what is relative begins at the folder.
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

// word is a text of the file under one of two names.
func (l *loader) word(name, former, otherwise string) string {
	val, from := otherwise, fromDefault
	if given := l.ofFile(name, former); given.text() != "" {
		val, from = given.text(), given.from
	}
	l.entry(name, value.String(val), from)
	return val
}
