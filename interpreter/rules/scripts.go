package rules

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// maxScript is the size in bytes of the largest script file: it travels in the plan.
const maxScript = 1 << 20

// readScript is a script file that was looked for once, however many tasks name it.
type readScript struct {
	script  *protocol.Script
	problem string // Why it is nil: "is not there: …".
}

// script reads a script file: its path is taken from the workflow's folder, then from that of the run.
func (c *Context) script(name string) readScript {
	known, isKnown := c.scripts[name]
	if !isKnown {
		known = c.readScript(name)
		c.scripts[name] = known
	}
	return known
}

func (c *Context) readScript(name string) readScript {
	places := c.places(name)
	var first error
	for _, place := range places {
		text, err := c.readFile(place)
		if err == nil {
			return readScript{script: &protocol.Script{Path: place, Text: text}}
		}
		var refused refusal
		if errors.As(err, &refused) {
			return readScript{problem: err.Error()}
		}
		if first == nil && !errors.Is(err, fs.ErrNotExist) {
			first = err
		}
	}
	if first != nil {
		return readScript{problem: "cannot be read: " + reason(first)}
	}
	return readScript{problem: "is not there: looked for " + list(places, "and")}
}

// refusal is why a file that is there cannot be a script.
type refusal string

func (r refusal) Error() string { return string(r) }

// readFile reads a script by its absolute path.
func (c *Context) readFile(place string) (string, error) {
	if c.Files == nil {
		return "", fs.ErrNotExist
	}
	name := strings.TrimPrefix(place, "/")
	info, err := fs.Stat(c.Files, name)
	if err != nil {
		return "", err
	}
	// A folder or a device is refused before it is opened: opening a pipe may wait for ever.
	if info.IsDir() {
		return "", refusal("is a folder, not a file: " + place)
	}
	if !info.Mode().IsRegular() {
		return "", refusal("is no ordinary file: " + place)
	}
	tooLarge := refusal(fmt.Sprintf("has more than %d MiB: %s", maxScript>>20, place))
	if info.Size() > maxScript {
		return "", tooLarge
	}
	file, err := c.Files.Open(name)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxScript+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	if len(data) > maxScript {
		return "", tooLarge
	}
	if !utf8.Valid(data) {
		return "", refusal("is not UTF-8 text: " + place)
	}
	return string(data), nil
}

// reason drops from an error what the message says already.
func reason(err error) string {
	var of *fs.PathError
	if errors.As(err, &of) {
		return fmt.Sprintf("%s: %s", "/"+of.Path, of.Err)
	}
	return err.Error()
}
