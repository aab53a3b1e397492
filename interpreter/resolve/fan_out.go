package resolve

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// The parameters that make a task run once for each file, and the one that an image is handed over in.
const (
	parameterBatchMode = "batch_mode"
	parameterFiles     = "files"
	parameterImages    = "image_paths"
	parameterDirectory = "directory"
	ParameterPattern   = "file_pattern"
	parameterImage     = "image_path"
	parameterModel     = "model"
	parameterDocument  = "file_path"
)

// resolveFanOut makes a task run once for each file whose parameters say so: `files` or `image_paths` with `batch_mode: true`, or
// `directory` with `file_pattern`. The method does not get these parameters. What a method has as parameters of its own, or
// takes because it takes anything and no file, is left to it.
func (t *Task) resolveFanOut() {
	if t.Method != nil && t.Method.ReduceParameter != "" {
		t.resolveReduction()
		return
	}
	if t.IsBatch || t.Parameters == nil || t.StepsNode == nil && (t.Method == nil || t.Method.ItemParameter == "" && !t.Method.closed) {
		return
	}
	mode, pattern := t.foreignParameter(parameterBatchMode), t.foreignParameter(ParameterPattern)
	if mode == nil && pattern == nil {
		return
	}
	if mode != nil && mode.Kind != value.KindBool {
		t.fanOutError(mode, "batch_mode must be true or false, not "+mode.Describe(), "")
	}
	given := *t.Task
	var taken []string
	if mode != nil {
		taken = append(taken, parameterBatchMode)
	}
	if pattern != nil {
		taken = append(taken, ParameterPattern)
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
			t.fanOutError(n, name+" cannot be combined with another list of files", "a folder in files stands for the files in it")
			continue
		}
		t.readSource(name, n, each)
	}
	each.Pattern = pattern
	given.Parameters = without(t.Parameters, taken)
	switch {
	case len(sources) == 0 && pattern != nil:
		t.fanOutError(pattern, "file_pattern needs a directory", "add directory: …")
	case len(sources) == 0 && mode.Truth:
		t.fanOutError(mode, "batch_mode needs a list of files", "add files: […], image_paths: […] or directory: …")
	case len(sources) == 0:
	case t.Each != nil:
		t.fanOutError(sources[0], "for_each and these parameters both define items", "remove one of them")
	case t.StepsNode == nil && t.Method.ItemParameter == "":
		t.fanOutError(sources[0], t.Method.Name+" has no parameter for a file, so it cannot run for each file", "use for_each for other items")
	case pattern != nil && pattern.Kind != value.KindString:
		t.fanOutError(pattern, "file_pattern must be text, not "+pattern.Describe(), "")
	case len(t.FanOutErrors) == 0:
		given.Each = each
	}
	t.Task = &given
}

// resolveReduction makes the texts, of which the method makes one answer, what the task is called for. They stay among the parameters for
// the checks; its calls do not get them.
func (t *Task) resolveReduction() {
	if t.Each != nil {
		at := t.Each.Node
		if at == nil {
			at = t.Node
		}
		t.fanOutError(at, t.Method.Name+" is not supported with items", "give it the results of a task with items as "+t.Method.ReduceParameter)
		return
	}
	n := t.texts()
	if n == nil || n.Kind == value.KindNull {
		return // The rule of parameters reports it.
	}
	given := *t.Task
	given.Each = &definition.FanOut{Node: n, Values: n, Reduces: true}
	if by := t.Parameters.Get(t.Method.GroupParameter); by != nil && by.Kind != value.KindNull {
		given.Each.GroupBy = by
	}
	t.Task = &given
}

// texts is the parameter with the texts of which the method makes one answer; nil where there is none.
func (t *Task) texts() *definition.Node {
	if t.Method == nil || t.Method.ReduceParameter == "" || t.Parameters == nil {
		return nil
	}
	return t.Parameters.Get(t.Method.ReduceParameter)
}

// callParameters are the parameters as the calls of the task get them.
func (t *Task) callParameters() *definition.Node {
	if t.texts() == nil {
		return t.Parameters
	}
	return without(t.Parameters, []string{t.Method.ReduceParameter, t.Method.GroupParameter})
}

// foreignParameter returns a parameter that the method itself does not have.
func (t *Task) foreignParameter(name string) *definition.Node {
	n := t.Parameters.Get(name)
	if n == nil || n.Kind == value.KindNull || t.Method != nil && slices.Contains(t.Method.Properties, name) {
		return nil
	}
	return n
}

func (t *Task) fanOutError(n *definition.Node, message, hint string) {
	t.FanOutErrors = append(t.FanOutErrors, Problem{At: n.Position, Message: message, Hint: hint})
}

// readSource reads where the files are.
func (t *Task) readSource(name string, n *definition.Node, each *definition.FanOut) {
	isText := func(n *definition.Node) bool { return n.Kind == value.KindString || n.Kind == value.KindNumber }
	switch {
	case name == parameterDirectory && isText(n):
		each.Directory = n
	case name == parameterDirectory:
		t.fanOutError(n, "directory must be text, not "+n.Describe(), "")
	case n.Kind != value.KindList:
		t.fanOutError(n, name+" must be a list of paths, not "+n.Describe(), "use for_each for a list that a task returns")
	case len(n.Elements) == 0:
		t.fanOutError(n, name+" is an empty list", "")
	default:
		t.images = name == parameterImages
		each.FilesNode, each.Files = n, n.Elements
		for _, file := range n.Elements {
			if !isText(file) {
				t.fanOutError(file, name+" must contain paths, not "+file.Describe(), "")
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

// passItem puts a reference to the item where the method takes a file, unless something is there already, or the text of the file is in
// the parameters anyway. A step gets it unless it refers to another step.
func (t *Task) passItem(names *Names) {
	each := t.each()
	if t.Parameters == nil || each == nil || !each.HasFiles() || t.Parent != nil && t.UsesStep(names) {
		return
	}
	given := *t.Task
	reference := func(text string) *definition.Node {
		return &definition.Node{Position: t.Parameters.Position, Kind: value.KindString, Text: text}
	}
	if to := t.PathParameter(); to != "" && !(to == parameterDocument && t.usesText()) {
		given.Parameters = put(given.Parameters, strings.Split(to, "."), reference("${"+HeadItem+"}"))
	}
	if len(each.Models) > 0 && t.Method != nil && slices.Contains(t.Method.Properties, parameterModel) {
		if t.Inherited[parameterModel] != nil {
			given.Parameters = without(given.Parameters, []string{parameterModel})
		}
		given.Parameters = put(given.Parameters, []string{parameterModel}, reference("${"+HeadItem+"."+parameterModel+"}"))
	}
	t.Task = &given
}

// usesText reports whether the text of an item's file is in the parameters.
func (t *Task) usesText() (uses bool) {
	for _, text := range TextsOf(t.Parameters, nil) {
		for _, ref := range text.References {
			uses = uses || ref.Head == HeadItem && len(ref.Steps) > 0 && ref.Steps[0].IsText()
		}
	}
	return uses
}

// usesModel reports whether the calls of a task differ from model to model.
func (t *Task) usesModel() bool {
	for _, text := range t.Texts {
		for _, ref := range text.References {
			if ref.Head == HeadItem && len(ref.Steps) == 1 && ref.Steps[0].IsModel() {
				return true
			}
		}
	}
	return false
}

// PathParameter is where the path of a file goes; "" where the method takes none.
func (t *Task) PathParameter() string {
	switch {
	case t.Method == nil:
		return ""
	case (t.images || t.Parent != nil && t.Parent.images) && slices.Contains(t.Method.FileParameters, parameterImage):
		return parameterImage
	}
	return t.Method.ItemParameter
}

// put returns the mapping with a value at the path, if nothing is there yet and the path can be made.
func put(into *definition.Node, path []string, val *definition.Node) *definition.Node {
	with := *into
	with.Fields = slices.Clone(into.Fields)
	at := slices.IndexFunc(with.Fields, func(field definition.Field) bool { return field.Name == path[0] })
	switch {
	case at < 0 && len(path) > 1:
		val = put(&definition.Node{Position: into.Position, Kind: value.KindObject}, path[1:], val)
		fallthrough
	case at < 0:
		with.Fields = append(with.Fields, definition.Field{Name: path[0], At: into.Position, Value: val})
	case len(path) > 1 && with.Fields[at].Value.Kind == value.KindObject:
		with.Fields[at].Value = put(with.Fields[at].Value, path[1:], val)
	}
	return &with
}

// UsesItem reports whether the calls of a task differ from item to item.
func (t *Task) UsesItem() bool {
	for _, text := range t.Texts {
		for _, ref := range text.References {
			if ref.Head == HeadItem {
				return true
			}
		}
	}
	return false
}

func eachTexts(each *definition.FanOut) Texts {
	all := slices.Concat(TextsOf(each.Values, nil), TextsOf(each.Rows, nil), TextsOf(each.Directory, nil), TextsOf(each.GroupBy, nil))
	for _, file := range each.Files {
		all = append(all, TextsOf(file, nil)...)
	}
	return all
}

// ItemKind says what the items of a task are.
type ItemKind uint8

const (
	NoItems ItemKind = iota
	FileItems
	ModelItems // Files, each with a model.
	ValueItems
)

// ItemKind returns what the items of the task are.
func (t *Task) ItemKind() ItemKind {
	switch each := t.each(); {
	case each == nil, each.Reduces:
		return NoItems
	case !each.HasFiles():
		return ValueItems
	case each.ModelsNode != nil:
		return ModelItems
	}
	return FileItems
}
