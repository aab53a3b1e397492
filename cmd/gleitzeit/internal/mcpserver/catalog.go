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

// maxTools is how many workflows have a tool of their own: models lose their way long before.
const maxTools = 200

// catalog is what is known of the workflows in the folders.
type catalog struct {
	mu    sync.Mutex
	flows map[string]*flow // By path.
	tools map[string]*flow // By the tool's name.
	told  map[string]string
}

// flow is a workflow file.
type flow struct {
	path, folder string // Absolute.
	tool, named  string // The tool's name, and that of the workflow for which it was made; empty where it has none.
	size         int64
	changed      time.Time
	call         *interpreter.Callable // Nil where it does not validate.
	found        []definition.Diagnostic
	trouble      error // Why it cannot be read.
}

// flows looks at the files again and lists those that are there, in order. Where tools are wanted, those of the server
// follow.
func (s *Server) flows() []listing {
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	var all []*flow
	there := map[string]*flow{}
	for _, f := range s.folders {
		names, err := f.flows()
		if err != nil {
			s.tellOnce(f.path, "cannot read the folder "+f.path+": "+cause(err).Error())
			continue
		}
		for _, name := range names {
			path := filepath.Join(f.path, name)
			if there[path] != nil {
				continue // Of a folder that lies in another one.
			}
			there[path] = s.look(f, name, path)
			all = append(all, there[path])
		}
	}
	s.catalog.flows = there
	if s.options.Tools {
		s.offer(all)
	}
	listings := make([]listing, len(all))
	for i, f := range all {
		listings[i] = f.listed()
	}
	return listings
}

// look reads a file, unless nothing has changed since it was last fine.
func (s *Server) look(f folder, name, path string) *flow {
	known := s.catalog.flows[path]
	info, err := f.root.Stat(name)
	if err == nil && known != nil && known.call != nil && known.size == info.Size() && known.changed.Equal(info.ModTime()) {
		return known
	}
	fresh := &flow{path: path, folder: f.path, trouble: err}
	if err == nil {
		fresh.size, fresh.changed = info.Size(), info.ModTime()
		var text []byte
		if text, fresh.trouble = f.read(name); fresh.trouble == nil {
			fresh.call, fresh.found = interpreter.Describe(s.sourceOf(path, path, text))
		}
	}
	if known != nil && (fresh.call == nil || fresh.call.Name == known.named) {
		fresh.tool, fresh.named = known.tool, known.named
	}
	if fresh.call != nil {
		delete(s.catalog.told, path)
	} else if s.options.Tools {
		s.tellOnce(path, "left out: "+fresh.mistakes())
	}
	return fresh
}

// mistakes is what is wrong with a workflow, a line each.
func (f *flow) mistakes() string {
	if f.trouble != nil {
		return "cannot read " + f.path + ": " + cause(f.trouble).Error()
	}
	return listed(f.found)
}

// tellOnce tells something about a path, unless it was what was last told.
func (s *Server) tellOnce(path, text string) {
	if s.catalog.told[path] != text && !s.leaving.Load() {
		s.catalog.told[path] = text
		s.options.Tell(text)
	}
}

// offer gives each workflow that validates its tool, and takes those away whose workflow is gone. A tool keeps its name
// while its workflow has it.
func (s *Server) offer(all []*flow) {
	wanted := map[string]*flow{}
	kept := func(name string) bool { return s.fixed[name] || wanted[name] != nil }
	// Those that have a name first: a new file must not take it.
	for _, fresh := range []bool{false, true} {
		for _, f := range all {
			if f.call == nil || (f.tool == "") != fresh {
				continue
			}
			if fresh && len(wanted) == maxTools {
				s.tellOnce(f.folder, f.path+" and the workflows after it have no tool: there are too many; run_workflow runs them")
				break
			}
			if f.tool == "" {
				f.tool, f.named = toolName(f.call.Name, f.path, kept), f.call.Name
			}
			wanted[f.tool] = f
		}
	}
	var gone []string
	for name := range s.catalog.tools {
		if wanted[name] == nil {
			gone = append(gone, name)
		}
	}
	if len(gone) > 0 {
		s.mcp.RemoveTools(gone...)
	}
	for name, f := range wanted {
		if s.catalog.tools[name] != f {
			s.mcp.AddTool(f.asTool(), s.workflowTool(f))
		}
	}
	s.catalog.tools = wanted
}

func (f *flow) asTool() *mcp.Tool {
	description := f.call.Description
	if description != "" {
		description += "\n\n"
	}
	description += "Runs the workflow \"" + f.call.Name + "\" (" + f.path + ") and returns its results."
	return &mcp.Tool{
		Name: f.tool, Title: f.call.Name, Description: description, InputSchema: json.RawMessage(f.call.Inputs.JSON()),
		Annotations: &mcp.ToolAnnotations{Title: f.call.Name, DestructiveHint: yes(), OpenWorldHint: yes()},
	}
}

// listing is what list_workflows says of a file.
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

func (f *flow) listed() listing {
	l := listing{File: f.path, Tool: f.tool}
	switch {
	case f.trouble != nil:
		l.Error = cause(f.trouble).Error()
	case f.call == nil:
		l.Diagnostics = f.found
	default:
		l.Name, l.Description, l.Tasks, l.Inputs = f.call.Name, f.call.Description, len(f.call.Plan.Tasks), &f.call.Inputs
	}
	return l
}
