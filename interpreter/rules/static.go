package rules

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// The parameters that make a task run once a file, and the one that an image is handed over in.
const (
	parameterBatchMode = "batch_mode"
	parameterFiles     = "files"
	parameterImages    = "image_paths"
	parameterDirectory = "directory"
	parameterPattern   = "file_pattern"
	parameterImage     = "image_path"
)

// fanOut makes a task run once a file whose parameters say so: `files` or `image_paths` with `batch_mode: true`, or
// `directory` with `file_pattern`. The method does not get these parameters. What a method has as parameters of its own, or
// takes because it takes anything and no file, is left to it.
func (t *Task) fanOut() {
	if t.batch || t.method == nil || t.Parameters == nil || t.method.ItemParameter == "" && !t.method.closed {
		return
	}
	mode, pattern := t.meant(parameterBatchMode), t.meant(parameterPattern)
	if mode == nil && pattern == nil {
		return
	}
	if mode != nil && mode.Kind != value.KindBool {
		t.misfit(mode, "batch_mode must be true or false, not "+mode.Describe(), "")
	}
	given := *t.Task
	var taken []string
	if mode != nil {
		taken = append(taken, parameterBatchMode)
	}
	if pattern != nil {
		taken = append(taken, parameterPattern)
	}
	var sources []*definition.Node
	each := &definition.FanOut{}
	for _, name := range []string{parameterDirectory, parameterFiles, parameterImages} {
		n := t.Parameters.Get(name)
		asked := mode != nil && mode.Truth || name == parameterDirectory && pattern != nil
		if !asked || n == nil || n.Kind == value.KindNull {
			continue
		}
		taken = append(taken, name)
		if sources = append(sources, n); len(sources) > 1 {
			t.misfit(n, name+" cannot be given beside other files to go over", "a folder in files stands for the files in it")
			continue
		}
		t.readSource(name, n, each)
	}
	each.Pattern = pattern
	given.Parameters = without(t.Parameters, taken)
	switch {
	case len(sources) == 0 && pattern != nil:
		t.misfit(pattern, "file_pattern needs a directory", "write directory: … beside it")
	case len(sources) == 0 && mode.Truth:
		t.misfit(mode, "batch_mode needs files to go over", "write files: […], image_paths: […] or directory: … beside it")
	case len(sources) == 0:
	case t.Each != nil:
		t.misfit(sources[0], "for_each says what the items are, and so do these parameters", "remove one of them")
	case t.method.ItemParameter == "":
		t.misfit(sources[0], t.method.Name+" takes no file, so it cannot run once a file", "for_each gives it other items")
	case pattern != nil && pattern.Kind != value.KindString:
		t.misfit(pattern, "file_pattern must be text, not "+pattern.Describe(), "")
	case len(t.misfits) == 0:
		given.Each = each
	}
	t.Task = &given
}

// meant returns a parameter that is none of the method's own.
func (t *Task) meant(name string) *definition.Node {
	n := t.Parameters.Get(name)
	if n == nil || n.Kind == value.KindNull || slices.Contains(t.method.properties, name) {
		return nil
	}
	return n
}

func (t *Task) misfit(n *definition.Node, message, hint string) {
	t.misfits = append(t.misfits, finding{n.Position, message, hint})
}

// readSource reads where the files are.
func (t *Task) readSource(name string, n *definition.Node, each *definition.FanOut) {
	isText := func(n *definition.Node) bool { return n.Kind == value.KindString || n.Kind == value.KindNumber }
	switch {
	case name == parameterDirectory && isText(n):
		each.Directory = n
	case name == parameterDirectory:
		t.misfit(n, "directory must be text, not "+n.Describe(), "")
	case n.Kind != value.KindList:
		t.misfit(n, name+" must be a list of paths, not "+n.Describe(), "to go over a list that a task makes, write for_each")
	case len(n.Elements) == 0:
		t.misfit(n, name+" is an empty list", "")
	default:
		t.images = name == parameterImages
		each.FilesNode, each.Files = n, n.Elements
		for _, file := range n.Elements {
			if !isText(file) {
				t.misfit(file, name+" must hold paths, not "+file.Describe(), "")
			}
		}
	}
}

// without returns the mapping without some of its entries.
func without(from *definition.Node, names []string) *definition.Node {
	rest := *from
	rest.Fields = slices.DeleteFunc(slices.Clone(from.Fields), func(field definition.Field) bool { return slices.Contains(names, field.Name) })
	return &rest
}
