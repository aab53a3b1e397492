package resolve

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// maxScript is the size in bytes of the largest script file: it travels in the plan.
const maxScript = 1 << 20

// readScript is a script file, looked for only once, however many tasks name it.
type readScript struct {
	script  *protocol.Script
	problem string // Why it is nil.
	missing bool   // There is no such file.
}

// readSource reads the script file that a task names, if any.
func (p *Paths) readSource(task *Task) {
	if task.Method == nil || task.Parameters == nil {
		return
	}
	fail := func(at definition.Position, message string) {
		task.SourceErrors = append(task.SourceErrors, Problem{At: at, Message: message})
	}
	for _, field := range task.Parameters.Fields {
		name, n := field.Name, field.Value
		if !slices.Contains(task.Method.SourceParameters, name) || n.Kind != value.KindString {
			continue
		}
		if task.SourceName != "" {
			fail(field.At, definition.Quote(name)+" and "+definition.Quote(task.SourceName)+" cannot both be given")
			continue
		}
		task.SourceName = name
		switch {
		case task.RefersTo(n):
			fail(n.Position, name+" cannot contain a reference: the file is read when the run starts")
		case n.Text == "":
			fail(n.Position, name+" is empty")
		default:
			read := p.script(n.Text)
			if read.problem != "" {
				fail(n.Position, name+" "+definition.Quote(n.Text)+" "+read.problem)
				if read.missing {
					task.SourceErrors[len(task.SourceErrors)-1].Hint = p.missingHint(n.Text)
				}
			}
			task.Source = read.script
		}
	}
}

// script reads a script file: its path is taken from the workflow's folder, then from that of the run.
func (p *Paths) script(name string) readScript {
	known, isKnown := p.scripts[name]
	if !isKnown {
		known = p.readScript(name)
		p.scripts[name] = known
	}
	return known
}

func (p *Paths) readScript(name string) readScript {
	place, text, problem := p.read(name, maxScript)
	if problem != "" {
		there := func(place string) bool {
			_, err := p.stat(place)
			return !errors.Is(err, fs.ErrNotExist)
		}
		return readScript{problem: problem, missing: !slices.ContainsFunc(p.places(name), there)}
	}
	return readScript{script: &protocol.Script{Path: place, Text: text}}
}

// ReadWorkflow reads a workflow file that another one names: its path is taken from that one's folder, then from that of the run.
func ReadWorkflow(from Source, name string) (place, text, problem string) {
	return newPaths(from).read(name, definition.MaxSize)
}

// read reads a text file of a limited size, or says why it cannot be read.
func (p *Paths) read(name string, most int64) (place, text, problem string) {
	places := p.places(name)
	var first error
	for _, place := range places {
		text, err := p.readFile(place, most)
		if err == nil {
			return place, text, ""
		}
		var refused scriptError
		if errors.As(err, &refused) {
			return "", "", err.Error()
		}
		if first == nil && !errors.Is(err, fs.ErrNotExist) {
			first = err
		}
	}
	if first != nil {
		return "", "", "cannot be read: " + reason(first)
	}
	return "", "", "does not exist: looked for " + JoinWords(places, "and")
}

// scriptError is why an existing file cannot be read.
type scriptError string

func (r scriptError) Error() string { return string(r) }

// readFile reads a file of at most so many bytes by its absolute path.
func (p *Paths) readFile(place string, most int64) (string, error) {
	if p.files == nil {
		return "", fs.ErrNotExist
	}
	name := inFS(place)
	info, err := fs.Stat(p.files, name)
	if err != nil {
		return "", err
	}
	// A folder or a device is rejected before it is opened: opening a pipe may wait for ever.
	if info.IsDir() {
		return "", scriptError("is a folder, not a file: " + place)
	}
	if !info.Mode().IsRegular() {
		return "", scriptError("is not a regular file: " + place)
	}
	tooLarge := scriptError(fmt.Sprintf("is larger than %d MiB: %s", most>>20, place))
	if info.Size() > most {
		return "", tooLarge
	}
	file, err := p.files.Open(name)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	if int64(len(data)) > most {
		return "", tooLarge
	}
	if !utf8.Valid(data) {
		return "", scriptError("is not UTF-8 text: " + place)
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
