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

// Python is the settings of scripts.
type Python struct {
	Interpreter string // A command, or the absolute path of an interpreter or of a virtual environment.
	// Commands and absolute paths that a task may name where the sandbox is enforced.
	Interpreters []string
	Preload      []string // Modules that are imported once for all scripts.
	Env          []string // Variables of this process that scripts see.
	Sandbox      string   // "none" or "bwrap".

	Grace time.Duration // How long a script may take to end after SIGTERM; NoLimit kills it at once.

	// The limits. 0 is the default of the protocol, NoLimit is no limit.
	Memory, FileSize, Output, Temp int64 // Bytes.
	OpenFiles, Processes           int64
	CPU                            time.Duration // By default the task's timeout times the number of processors.
}

// NoLimit is the value of a limit that is switched off.
const NoLimit = -1

// The defaults of scripts.
const (
	DefaultInterpreter = "python3"
	DefaultSandbox     = "none"
	DefaultMemory      = 4 << 30
	DefaultFileSize    = 10 << 30
	DefaultOutput      = 1 << 20
	DefaultTemp        = 1 << 30
	DefaultGrace       = 5 * time.Second
	DefaultOpenFiles   = 1024
	DefaultProcesses   = 512
)

// readPython reads the settings of scripts.
func readPython(l *loader) Python {
	p := Python{Interpreter: l.word("python.interpreter", DefaultInterpreter)}
	if given := l.fromFile("python.interpreter"); given.isSet() && strings.ContainsRune(filepath.ToSlash(p.Interpreter), '/') {
		p.Interpreter = absolute(filepath.Dir(l.file.path), p.Interpreter)
	}
	for _, named := range l.names("python.interpreters", regexp.MustCompile(`^[^\x00]+$`), "interpreter") {
		if strings.ContainsRune(filepath.ToSlash(named), '/') {
			named = absolute(filepath.Dir(l.file.path), named)
		}
		p.Interpreters = append(p.Interpreters, named)
	}
	p.Preload = l.names("python.preload", regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)*$`), "module name")
	p.Env = l.names("python.env", regexp.MustCompile(`^[^=\x00]+$`), "variable name")
	p.Sandbox = l.word("python.sandbox", DefaultSandbox)
	if p.Sandbox != "none" && p.Sandbox != "bwrap" {
		l.fail(l.fromFile("python.sandbox").at, "unknown sandbox %q; the sandboxes are bwrap and none", p.Sandbox)
	}
	p.Grace = readGrace(l)
	p.Memory = readLimit(l, "memory", DefaultMemory, bytesOf, shownBytes)
	p.CPU = time.Duration(readLimit(l, "cpu", 0, secondsOf, shownSeconds))
	p.FileSize = readLimit(l, "file_size", DefaultFileSize, bytesOf, shownBytes)
	p.OpenFiles = readLimit(l, "open_files", DefaultOpenFiles, countOf, shownCount)
	p.Processes = readLimit(l, "processes", DefaultProcesses, countOf, shownCount)
	p.Output = readLimit(l, "output", DefaultOutput, bytesOf, shownBytes)
	p.Temp = readLimit(l, "temp", DefaultTemp, bytesOf, shownBytes)
	return p
}

// maxGrace limits the grace: a run that is cancelled waits for it.
const maxGrace = time.Hour

// readGrace reads the grace of scripts; "none" is no grace.
func readGrace(l *loader) time.Duration {
	const key = "python.grace"
	grace, shown, from := DefaultGrace, DefaultGrace.String(), fromDefault
	if given := l.fromFile(key); given.isSet() {
		from, shown = given.from, "none"
		if grace = NoLimit; given.text() != "none" {
			nanoseconds, form := secondsOf(given.text())
			if grace = time.Duration(nanoseconds); form != "" || grace > maxGrace {
				l.fail(given.at, "%s must be a number of seconds or a duration such as \"90s\", of at most 1h, or none, not %q", key, given.text())
			}
			shown = grace.String()
		}
	}
	l.entry(key, value.String(shown), from)
	return grace
}

// readLimit reads a limit of scripts; "none" is no limit.
func readLimit(l *loader, name string, fallback int64, read func(string) (int64, string), show func(int64) string) int64 {
	key := "python.limits." + name
	val, from := fallback, fromDefault
	if given := l.fromFile(key); given.isSet() {
		from = given.from
		form := ""
		if given.text() == "none" {
			val = NoLimit
		} else if val, form = read(given.text()); form != "" {
			l.fail(given.at, "%s must be %s, or none, not %q", key, form, given.text())
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

// bytesOf parses a size such as "512MiB". Where the text is not a size, form describes one.
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
