package rules

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// files: files that tasks name and that are not there, or are none. A path with a reference is not known yet. One that is
// not there is no mistake where the task waits for one that may write it.
func files(c *Context) {
	later := c.afterWriters()
	for _, task := range c.Tasks {
		for _, named := range task.namedFiles() {
			found := c.file(named.path.Text)
			message := named.parameter + " " + definition.Quote(named.path.Text) + " " + found.problem
			switch {
			case found.problem == "":
			case found.there:
				c.report(named.path.Position, message, "")
			case !later[task.number]:
				c.reportMissing(named.path.Position, message)
			}
		}
		if task.Each == nil || task.batch || later[task.number] {
			continue
		}
		_, _, _, absent := c.readEach(task)
		for _, missing := range absent {
			c.reportMissing(missing.at, missing.message)
		}
	}
}

// namedFile is the path of a file as it stands in the workflow.
type namedFile struct {
	parameter string
	path      *definition.Node
}

// namedFiles are the paths in the task's parameters that hold no reference. An empty one is the schema's matter.
func (t *Task) namedFiles() []namedFile {
	if t.method == nil || t.Parameters == nil {
		return nil
	}
	var named []namedFile
	for _, field := range t.Parameters.Fields {
		if !slices.Contains(t.method.FileParameters, field.Name) {
			continue
		}
		for _, n := range append([]*definition.Node{field.Value}, field.Value.Elements...) {
			if n.Kind == value.KindString && n.Text != "" && !t.refersTo(n) {
				named = append(named, namedFile{field.Name, n})
			}
		}
	}
	return named
}

// afterWriters tells which tasks wait, directly or not, for one that may write files: any whose method does not itself
// read them, for those do nothing else with files.
func (c *Context) afterWriters() []bool {
	waiting := make([][]int, len(c.Tasks))
	for _, task := range c.Tasks {
		for _, other := range task.Waits {
			waiting[other] = append(waiting[other], task.number)
		}
	}
	after := make([]bool, len(c.Tasks))
	var next []int
	for _, task := range c.Tasks {
		if task.method == nil || len(task.method.FileParameters) == 0 {
			next = append(next, task.number)
		}
	}
	for len(next) > 0 {
		from := next[len(next)-1]
		next = next[:len(next)-1]
		for _, task := range waiting[from] {
			if !after[task] {
				after[task] = true
				next = append(next, task)
			}
		}
	}
	return after
}

// foundFile is what a path leads to.
type foundFile struct {
	place   string // Absolute: where the file is, else where it would be.
	there   bool   // Something is at the place.
	problem string // Why that is no file to read: "is not there: …".
}

// file looks for a file as the activity will: from the workflow's folder, then from that of the run.
func (c *Context) file(name string) foundFile {
	known, isKnown := c.files[name]
	if !isKnown {
		known = c.findFile(name)
		c.files[name] = known
	}
	return known
}

func (c *Context) findFile(name string) foundFile {
	places := c.places(name)
	for _, place := range places {
		info, err := c.stat(place)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return foundFile{place, true, "cannot be read: " + reason(err)}
		case info.IsDir():
			return foundFile{place, true, "is a folder, not a file: " + place}
		case !info.Mode().IsRegular():
			return foundFile{place, true, "is no ordinary file: " + place}
		}
		return foundFile{place, true, ""}
	}
	return foundFile{places[0], false, "is not there: looked for " + list(places, "and")}
}

// Reads returns the files that the task names outside of the workflow's folder and that of the run, or behind a link:
// absolute, without repetition, in the file's order.
func (c *Context) Reads(task *Task) []string {
	var reads []string
	for _, named := range task.namedFiles() {
		place := c.file(named.path.Text).place
		if !c.within(place) && !slices.Contains(reads, place) {
			reads = append(reads, place)
		}
	}
	return reads
}
