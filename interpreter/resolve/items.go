package resolve

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/glob"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// defaultPattern is that of a batch that names none.
const defaultPattern = "*"

// Items are what a task runs for.
type Items struct {
	FanOut  plan.FanOut
	Reads   []string  // Files and folders outside those of the run that it names.
	Errors  []Problem // What is wrong with it.
	Missing []Problem // Files and folders that do not exist.
	Beneath []Beneath // What lies in folders beneath, where nothing says whether it is meant.
}

// Beneath is how many files lie in the folders beneath one that a batch names.
type Beneath struct {
	Folder *definition.Node
	Files  int
	More   bool // There may be more of them.
}

// readItems reads which items a task runs for.
func readItems(paths *Paths, task *Task) (read Items) {
	from := task.Each
	each := &read.FanOut
	refuse := func(at definition.Position, message, hint string) {
		read.Errors = append(read.Errors, Problem{At: at, Message: message, Hint: hint})
	}
	read.Errors = append(readLimits(task, each), readSelection(task, each)...)
	each.Reduces = from.Reduces
	if from.GroupBy != nil && from.GroupBy.Kind == value.KindString {
		each.GroupBy = from.GroupBy.Text
	}
	if from.Values != nil {
		list := from.Values.Value()
		each.Values = &list
		return read
	}
	if from.Rows != nil {
		readRows(paths, task, &read)
		return read
	}
	for _, n := range []*definition.Node{from.Key, from.Delimiter} {
		if n != nil {
			name := "key"
			if n == from.Delimiter {
				name = "delimiter"
			}
			refuse(n.Position, name+" is only supported beside rows", "")
		}
	}
	if task.IsBatch && from.Node != nil {
		switch {
		case from.Directory == nil && from.FilesNode == nil && IsMissing(from.Node, "directory") && IsMissing(from.Node, "files") && IsMissing(from.Node, "rows"):
			refuse(from.Node.Position, "a batch must have a directory, files or rows", "write directory: …, files: […] or rows: table.csv")
		case from.Directory != nil && from.FilesNode != nil:
			refuse(from.FilesNode.Position, "directory and files cannot both be given", "a folder in files stands for the files in it")
		case from.FilesNode != nil && len(from.FilesNode.Elements) == 0:
			refuse(from.FilesNode.Position, "files is an empty list", "")
		}
	}
	locate := func(key string, n *definition.Node, folder bool) string {
		outside, problem, missing := paths.locate(n, folder, task.EachTexts.hasNode(n))
		if problem != "" {
			found, hint := &read.Errors, ""
			if missing {
				found, hint = &read.Missing, paths.missingHint(n.Written)
				if !folder {
					key += " or folder"
				}
			}
			*found = append(*found, Problem{At: n.Position, Message: key + " " + problem, Hint: hint})
		}
		if outside != "" && !slices.Contains(read.Reads, outside) {
			read.Reads = append(read.Reads, outside)
		}
		return n.Written
	}
	if from.Directory != nil {
		each.Directory = locate("directory", from.Directory, true)
	}
	for _, file := range from.Files {
		each.Files = append(each.Files, locate("file", file, false))
	}
	each.Pattern = defaultPattern
	if n := from.Pattern; n != nil {
		each.Pattern = n.Written
		key := "pattern"
		if !task.IsBatch {
			key = ParameterPattern
		}
		read.Errors = append(read.Errors, checkPattern(key, n)...)
	}
	if from.Pattern == nil && task.IsBatch && len(from.Exclude) == 0 {
		for _, folder := range append([]*definition.Node{from.Directory}, from.Files...) {
			if folder == nil || task.EachTexts.hasNode(folder) {
				continue
			}
			if files, more := paths.beneath(folder); files > 0 {
				read.Beneath = append(read.Beneath, Beneath{folder, files, more})
			}
		}
	}
	for _, n := range from.Exclude {
		each.Exclude = append(each.Exclude, n.Written)
		read.Errors = append(read.Errors, checkPattern("exclude", n)...)
	}
	return read
}

// readLimits reads how many items may be in flight, how many may fail, how many tokens they may use, and how many are done by one activity.
func readLimits(task *Task, each *plan.FanOut) (wrong []Problem) {
	concurrent, failures, tokens, chunk, what := task.Each.MaxConcurrent, task.Each.MaxFailures, task.Each.MaxTokens, task.Each.Chunk, "files"
	if !task.IsBatch {
		concurrent, failures, tokens, chunk = task.MaxConcurrent, task.MaxFailures, task.MaxTokens, task.Chunk
	}
	if chunk != nil && chunk.Written != definition.ChunkAuto {
		each.Chunk, _ = definition.Count(chunk)
	}
	switch {
	case task.Each.Values != nil:
		what = "items"
	case task.Each.Rows != nil:
		what = "rows"
	}
	if n := concurrent; n != nil {
		if each.MaxConcurrent, _ = definition.Count(n); each.MaxConcurrent > definition.MaxParallel {
			wrong = append(wrong, Problem{At: n.Position, Message: fmt.Sprintf("max_concurrent must be at most %d, not %d", definition.MaxParallel, each.MaxConcurrent)})
		}
	}
	if tokens != nil {
		most, _ := definition.Count(tokens)
		each.MaxTokens = int64(most)
	}
	if n := failures; n != nil {
		var fits bool
		if each.MaxFailures, fits = tolerance(n); !fits {
			wrong = append(wrong, Problem{At: n.Position, Message: "max_failures must be a whole number of " + what + " or a percentage such as 10%, not " + n.Describe()})
		}
	}
	return wrong
}

// readSelection reads which of the files are items, and for which models.
func readSelection(task *Task, each *plan.FanOut) (wrong []Problem) {
	from := task.Each
	refuse := func(n *definition.Node, message, hint string) {
		wrong = append(wrong, Problem{At: n.Position, Message: message, Hint: hint})
	}
	if from.Limit != nil {
		each.Limit, _ = definition.Count(from.Limit)
	}
	if from.Sample != nil {
		each.Sample, _ = definition.Count(from.Sample)
	}
	switch {
	case from.Limit != nil && from.Sample != nil:
		refuse(from.Sample, "limit and sample cannot both be given", "limit takes the first files, sample takes some at random")
	case from.Seed != nil && from.Sample == nil:
		refuse(from.Seed, "seed is only supported beside sample", "")
	case from.Seed != nil:
		each.Seed, _ = definition.Whole(from.Seed)
	}
	for _, n := range from.Models {
		name := n.Written
		switch {
		case name == "":
			refuse(n, "models has an empty name", "")
		case strings.Contains(name, "${"):
			refuse(n, "models cannot contain a reference", "use the parameter model for one that is known later")
		case slices.Contains(each.Models, name):
			refuse(n, "models has "+definition.Quote(name)+" twice", "")
		default:
			each.Models = append(each.Models, name)
		}
	}
	switch {
	case from.ModelsNode != nil && from.Rows != nil:
		refuse(from.ModelsNode, "models is not supported for rows", "use a run for each model, with the parameter model")
	case from.ModelsNode == nil || task.Method == nil:
	case len(from.Models) == 0:
		refuse(from.ModelsNode, "models is an empty list", "")
	case !slices.Contains(task.Method.Properties, parameterModel):
		refuse(from.ModelsNode, task.Method.Name+" has no parameter model, so it cannot run for several models", "")
	case !task.usesModel():
		refuse(from.ModelsNode, "the parameter model takes precedence, so every model of models would get the same call", "remove the parameter, or write model: \"${item.model}\"")
	}
	return wrong
}

// tolerance reads a number of items, or a percentage.
func tolerance(n *definition.Node) (*plan.Tolerance, bool) {
	if share, isShare := strings.CutSuffix(n.Text, "%"); isShare && n.Kind == value.KindString {
		percent, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		return &plan.Tolerance{Percent: &percent}, err == nil && percent >= 0 && percent <= 100
	}
	items, err := strconv.Atoi(n.Text)
	return &plan.Tolerance{Items: items}, n.Kind == value.KindNumber && err == nil && items >= 0
}

// checkPattern returns why a text is not a valid pattern of files in a folder.
func checkPattern(key string, n *definition.Node) []Problem {
	text := n.Written
	if strings.Contains(text, "${") {
		return []Problem{{At: n.Position, Message: key + " cannot contain a reference"}}
	}
	_, err := glob.Parse(text)
	invalid, is := errors.AsType[*glob.Error](err)
	switch {
	case !is:
		return nil
	case text == "":
		return []Problem{{At: n.Position, Message: key + " " + invalid.Message}}
	}
	return []Problem{{At: n.Position, Message: key + " " + n.Describe() + " " + invalid.Message, Hint: invalid.Hint}}
}

// IsMissing reports whether a key is absent or an empty text. A value of the wrong type is not missing.
func IsMissing(n *definition.Node, name string) bool {
	val := n.Get(name)
	return val == nil || val.Kind == value.KindNull || val.Kind == value.KindString && val.Text == ""
}
