package config

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Python is how scripts run.
type Python struct {
	Interpreter string   // A command, or the absolute path of an interpreter or of a virtual environment.
	Preload     []string // Modules that are imported once for all scripts.
	Env         []string // Variables of this process that scripts see.
	Sandbox     string   // "none" or "bwrap".

	// The limits. 0 leaves it to the protocol, NoLimit is none.
	Memory, FileSize, Output int64 // Bytes.
	OpenFiles, Processes     int64
	CPU                      time.Duration // By default the task's timeout times the number of processors.
}

// NoLimit is a limit that people have taken away.
const NoLimit = -1

// The defaults of scripts.
const (
	DefaultInterpreter = "python3"
	DefaultSandbox     = "none"
	DefaultMemory      = 4 << 30
	DefaultFileSize    = 10 << 30
	DefaultOutput      = 1 << 20
	DefaultOpenFiles   = 1024
	DefaultProcesses   = 512
)

// python is how scripts run.
func (l *loader) python() Python {
	p := Python{Interpreter: l.word("python.interpreter", "python.interpreter", DefaultInterpreter)}
	if given := l.ofFile("python.interpreter"); given.is() && strings.ContainsRune(filepath.ToSlash(p.Interpreter), '/') {
		p.Interpreter = absolute(filepath.Dir(l.file), p.Interpreter)
	}
	p.Preload = l.names("python.preload", regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)*$`), "module name")
	p.Env = l.names("python.env", regexp.MustCompile(`^[^=\x00]+$`), "variable name")
	p.Sandbox = l.word("python.sandbox", "python.sandbox", DefaultSandbox)
	if p.Sandbox != "none" && p.Sandbox != "bwrap" {
		l.mistake(l.ofFile("python.sandbox").at, "unknown sandbox %q; the sandboxes are bwrap and none", p.Sandbox)
	}
	p.Memory = l.limit("memory", DefaultMemory, bytesOf, shownBytes)
	p.CPU = time.Duration(l.limit("cpu", 0, secondsOf, shownSeconds))
	p.FileSize = l.limit("file_size", DefaultFileSize, bytesOf, shownBytes)
	p.OpenFiles = l.limit("open_files", DefaultOpenFiles, countOf, shownCount)
	p.Processes = l.limit("processes", DefaultProcesses, countOf, shownCount)
	p.Output = l.limit("output", DefaultOutput, bytesOf, shownBytes)
	return p
}

// names is a list of the file whose elements look as they must.
func (l *loader) names(key string, form *regexp.Regexp, what string) []string {
	from := fromDefault
	given := l.ofFile(key)
	if given.is() {
		from = given.from
	}
	shown := make([]value.Value, len(given.texts))
	for i, name := range given.texts {
		if !form.MatchString(name) {
			l.mistake(given.at, "%s: invalid %s %q", key, what, name)
		}
		shown[i] = value.String(name)
	}
	l.entry(key, value.List(shown...), from)
	return given.texts
}

// limit reads a limit of scripts; "none" takes it away.
func (l *loader) limit(name string, otherwise int64, read func(string) (int64, string), show func(int64) string) int64 {
	key := "python.limits." + name
	val, from := otherwise, fromDefault
	if given := l.ofFile(key); given.is() {
		from = given.from
		form := ""
		if given.text() == "none" {
			val = NoLimit
		} else if val, form = read(given.text()); form != "" {
			l.mistake(given.at, "%s must be %s, or none, not %q", key, form, given.text())
		}
	}
	shown := "none"
	if val != NoLimit {
		shown = show(val)
	}
	l.entry(key, value.String(shown), from)
	return val
}

// The units of sizes.
var units = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"", 1}}

// bytesOf reads a size as people write it; form is what is wanted, where it is none.
func bytesOf(text string) (size int64, form string) {
	for _, unit := range units {
		digits, is := strings.CutSuffix(text, unit.name)
		if !is {
			continue
		}
		number, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if size := number * float64(unit.bytes); err == nil && size >= 1 && size < math.MaxInt64 {
			return int64(size), ""
		}
		break
	}
	return 0, `a size such as "512MiB"`
}

func shownBytes(size int64) string {
	for _, unit := range units[:4] {
		if size%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", size/unit.bytes, unit.name)
		}
	}
	return strconv.FormatInt(size, 10)
}

func secondsOf(text string) (nanoseconds int64, form string) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 && seconds < 1e9 {
		return int64(seconds * float64(time.Second)), ""
	}
	if duration, err := time.ParseDuration(text); err == nil && duration > 0 {
		return int64(duration), ""
	}
	return 0, `a number of seconds, or a duration such as "90s"`
}

func shownSeconds(nanoseconds int64) string {
	if nanoseconds == 0 {
		return "the timeout × processors"
	}
	return time.Duration(nanoseconds).String()
}

func countOf(text string) (int64, string) {
	if count, err := strconv.ParseInt(text, 10, 64); err == nil && count >= 1 {
		return count, ""
	}
	return 0, "an integer of at least 1"
}

func shownCount(count int64) string { return strconv.FormatInt(count, 10) }
