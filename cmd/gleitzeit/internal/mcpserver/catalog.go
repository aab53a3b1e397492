package mcpserver

import (
	"encoding/json"
	"path/filepath"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// maxTools is how many workflows have a tool of their own: models do not choose well among so many.
const maxTools = 200

// catalog is the workflow files in the folders, and the tools that clients have for them.
type catalog struct {
	library *library
	report  func(text string)

	// For tools; publish is false if workflows have none of their own.
	publish  bool
	mcp      *mcp.Server
	reserved map[string]bool // Names of the tools that every server has.
	handler  func(f *workflowFile) mcp.ToolHandler

	mu       sync.Mutex
	files    map[string]*workflowFile // By path.
	tools    map[string]*workflowFile // By the tool's name.
	reported map[string]string        // The latest report about a path.
}

// workflowFile is a file with a workflow.
type workflowFile struct {
	path, folder string // Absolute.
	// tool is the tool's name, and toolOf the name of the workflow from which it was made; empty for a file without a tool.
	tool, toolOf string
	size         int64
	modified     time.Time
	workflow     *interpreter.Callable // Nil if the file does not validate.
	diagnostics  []definition.Diagnostic
	readError    error
}

// refresh reads the files that have changed, updates the tools, and lists all files in order.
func (c *catalog) refresh() []listing {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*workflowFile
	current := map[string]*workflowFile{}
	for _, f := range c.library.folders {
		names, err := f.workflows()
		if err != nil {
			c.reportOnce(f.path, "cannot read the folder "+f.path+": "+withoutPath(err).Error())
			continue
		}
		for _, name := range names {
			path := filepath.Join(f.path, name)
			if current[path] != nil {
				continue // One folder contains the other.
			}
			current[path] = c.load(f, name, path)
			all = append(all, current[path])
		}
	}
	c.files = current
	if c.publish {
		c.publishTools(all)
	}
	listings := make([]listing, len(all))
	for i, f := range all {
		listings[i] = f.listing()
	}
	return listings
}

// load reads a file, unless it was valid and has not changed since.
func (c *catalog) load(f folder, name, path string) *workflowFile {
	known := c.files[path]
	info, err := f.root.Stat(name)
	if err == nil && known != nil && known.workflow != nil && known.size == info.Size() && known.modified.Equal(info.ModTime()) {
		return known
	}
	loaded := &workflowFile{path: path, folder: f.path, readError: err}
	if err == nil {
		loaded.size, loaded.modified = info.Size(), info.ModTime()
		var text []byte
		if text, loaded.readError = f.read(name); loaded.readError == nil {
			loaded.workflow, loaded.diagnostics = interpreter.Describe(c.library.fileInput(path, path, text))
		}
	}
	if known != nil && (loaded.workflow == nil || loaded.workflow.Name == known.toolOf) {
		loaded.tool, loaded.toolOf = known.tool, known.toolOf
	}
	if loaded.workflow != nil {
		delete(c.reported, path)
	} else if c.publish {
		c.reportOnce(path, "left out: "+loaded.problems())
	}
	return loaded
}

// reportOnce reports a text about a path, unless it was the latest report about that path.
func (c *catalog) reportOnce(path, text string) {
	if c.reported[path] != text {
		c.reported[path] = text
		c.report(text)
	}
}

// publishTools adds a tool for each workflow that validates and removes the tools whose workflow is gone. A tool keeps its
// name for as long as the workflow keeps its own.
func (c *catalog) publishTools(all []*workflowFile) {
	wanted := map[string]*workflowFile{}
	taken := func(name string) bool { return c.reserved[name] || wanted[name] != nil }
	// Files that have a tool come first, so that a new file does not take its name.
	for _, isNew := range []bool{false, true} {
		for _, f := range all {
			if f.workflow == nil || (f.tool == "") != isNew {
				continue
			}
			if isNew && len(wanted) == maxTools {
				c.reportOnce(f.folder, f.path+" and the workflows after it have no tool: there are too many; run_workflow runs them")
				break
			}
			if f.tool == "" {
				f.tool, f.toolOf = toolName(f.workflow.Name, f.path, taken), f.workflow.Name
			}
			wanted[f.tool] = f
		}
	}
	var removed []string
	for name := range c.tools {
		if wanted[name] == nil {
			removed = append(removed, name)
		}
	}
	if len(removed) > 0 {
		c.mcp.RemoveTools(removed...)
	}
	for name, f := range wanted {
		if c.tools[name] != f {
			c.mcp.AddTool(f.mcpTool(), c.handler(f))
		}
	}
	c.tools = wanted
}

func (f *workflowFile) mcpTool() *mcp.Tool {
	description := f.workflow.Description
	if description != "" {
		description += "\n\n"
	}
	description += "Runs the workflow \"" + f.workflow.Name + "\" (" + f.path + ") and returns its results."
	return &mcp.Tool{
		Name: f.tool, Title: f.workflow.Name, Description: description, InputSchema: json.RawMessage(f.workflow.Inputs.JSON()),
		Annotations: &mcp.ToolAnnotations{Title: f.workflow.Name, DestructiveHint: new(true), OpenWorldHint: new(true)},
		Meta:        optionalTask(),
	}
}

// problems says why a file has no workflow to run, with a line for each diagnostic.
func (f *workflowFile) problems() string {
	if f.readError != nil {
		return "cannot read " + f.path + ": " + withoutPath(f.readError).Error()
	}
	return diagnosticLines(f.diagnostics)
}

// listing is the entry of a file in the result of list_workflows.
type listing struct {
	File        string                  `json:"file"`
	Name        string                  `json:"name,omitempty"`
	Description string                  `json:"description,omitempty"`
	Tool        string                  `json:"tool,omitempty"`
	Tasks       int                     `json:"tasks,omitempty"`
	Inputs      *value.Value            `json:"inputs,omitempty"` // JSON Schema.
	Diagnostics []definition.Diagnostic `json:"diagnostics,omitempty"`
	Error       string                  `json:"error,omitempty"` // Why the file cannot be read.
}

func (f *workflowFile) listing() listing {
	l := listing{File: f.path, Tool: f.tool}
	switch {
	case f.readError != nil:
		l.Error = withoutPath(f.readError).Error()
	case f.workflow == nil:
		l.Diagnostics = f.diagnostics
	default:
		w := f.workflow
		l.Name, l.Description, l.Tasks, l.Inputs = w.Name, w.Description, len(w.Plan.Tasks), &w.Inputs
	}
	return l
}
