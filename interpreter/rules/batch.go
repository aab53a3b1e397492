package rules

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// defaultPattern is that of a batch that names none.
const defaultPattern = "*"

// batches: what a batch lacks, folders and files that are not there, patterns that are none, and templates that make the
// same call for every file.
func batches(c *Context) {
	flow := c.Flow
	if n := flow.Type; n != nil && n.Written != definition.BatchID {
		c.report(n.Position, "type must be batch, not "+n.Describe(), "leave it out for a workflow of tasks")
	}
	if flow.Batch == nil {
		if flow.Protocol != nil {
			c.report(flow.Protocol.Position, "protocol stands here for the template of a batch, and there is none", "name it in each task")
		}
		return
	}
	c.checkForm()
	for _, task := range c.Tasks {
		if !task.batch {
			continue
		}
		_, _, wrong, absent := c.readEach(task)
		for _, mistake := range wrong {
			c.report(mistake.at, mistake.message, mistake.hint)
		}
		for _, missing := range absent {
			c.reportMissing(missing.at, missing.message)
		}
		c.checkDifference(task)
	}
}

// checkDifference reports a task that would do the same for each file.
func (c *Context) checkDifference(task *Task) {
	if task.method != nil && task.Parameters != nil && !task.usesItem() {
		c.report(task.Parameters.Position, "each file would get the same call: "+task.whySame(), "use ${item}, the path of the file")
	}
}

// checkForm reports what the short form cannot do without.
func (c *Context) checkForm() {
	flow := c.Flow
	if isMissing(flow.Root, "batch") {
		c.report(flow.Root.Position, "a batch needs its files", "write batch: {directory: …}")
	}
	switch {
	case isMissing(flow.Root, "template"):
		c.report(flow.Root.Position, "a batch needs a template", "write template: {method: …}")
	case flow.TemplateNode != nil && isMissing(flow.TemplateNode, "method"):
		c.report(flow.TemplateNode.Position, "the template needs a method", "")
	}
	if second := flow.Protocol; second != nil && flow.TemplateNode != nil {
		if first := flow.TemplateNode.Get("protocol"); first != nil && first.Kind != value.KindNull {
			c.report(second.Position, fmt.Sprintf("the template names a protocol already, in line %d", first.Line), "")
		}
	}
}

func (t *Task) whySame() string {
	to := t.itemParameter()
	if to == "" {
		return t.method.Name + " takes no file, and nothing refers to the item"
	}
	return fmt.Sprintf("%q is given, and nothing refers to the item", strings.Split(to, ".")[0])
}

// EachOf returns how a task runs once an item, and the files and folders outside those of the run that it names; nil where
// it runs once.
func (c *Context) EachOf(task *Task) (*plan.FanOut, []string) {
	if task.Each == nil {
		return nil, nil
	}
	each, reads, _, _ := c.readEach(task)
	return &each, reads
}

// readEach reads how a task runs once an item: what it reads elsewhere, what is wrong, and what is not there.
func (c *Context) readEach(task *Task) (each plan.FanOut, reads []string, wrong, absent []finding) {
	from := task.Each
	refuse := func(at definition.Position, message, hint string) { wrong = append(wrong, finding{at, message, hint}) }
	wrong = c.readLimits(task, &each)
	if from.Values != nil {
		list := from.Values.Value()
		each.Values = &list
		return each, nil, wrong, nil
	}
	if task.batch && from.Node != nil {
		switch {
		case from.Directory == nil && from.FilesNode == nil && isMissing(from.Node, "directory") && isMissing(from.Node, "files"):
			refuse(from.Node.Position, "a batch needs its files", "write directory: … or files: […]")
		case from.Directory != nil && from.FilesNode != nil:
			refuse(from.FilesNode.Position, "directory and files cannot both be given", "a folder in files stands for the files in it")
		case from.FilesNode != nil && len(from.FilesNode.Elements) == 0:
			refuse(from.FilesNode.Position, "files is an empty list", "")
		}
	}
	locate := func(key string, n *definition.Node, folder bool) string {
		outside, problem, missing := c.locate(n, folder, refersIn(task.EachTexts, n))
		if problem != "" {
			found := &wrong
			if missing {
				found = &absent
			}
			*found = append(*found, finding{n.Position, key + " " + problem, ""})
		}
		if outside != "" && !slices.Contains(reads, outside) {
			reads = append(reads, outside)
		}
		return n.Written
	}
	if from.Directory != nil {
		each.Directory = locate("directory", from.Directory, true)
	}
	for _, file := range from.Files {
		each.Files = append(each.Files, locate("file", file, false))
	}
	if len(each.Files) > plan.MaxItems {
		refuse(from.FilesNode.Position, fmt.Sprintf("%d files, and %d is the limit of a batch", len(each.Files), plan.MaxItems), "make several batches of them")
	}
	each.Pattern = defaultPattern
	if n := from.Pattern; n != nil {
		each.Pattern = n.Written
		key := "pattern"
		if !task.batch {
			key = parameterPattern
		}
		wrong = append(wrong, badPattern(key, n)...)
	}
	for _, n := range from.Exclude {
		each.Exclude = append(each.Exclude, n.Written)
		wrong = append(wrong, badPattern("exclude", n)...)
	}
	return each, reads, wrong, absent
}

// readLimits reads how many items may be in flight, and how many may fail.
func (c *Context) readLimits(task *Task, each *plan.FanOut) (wrong []finding) {
	concurrent, failures, what := task.Each.MaxConcurrent, task.Each.MaxFailures, "files"
	if !task.batch {
		concurrent, failures = task.MaxConcurrent, task.MaxFailures
	}
	if task.Each.Values != nil {
		what = "items"
	}
	if n := concurrent; n != nil {
		if each.MaxConcurrent, _ = definition.Count(n); each.MaxConcurrent > definition.MaxParallel {
			wrong = append(wrong, finding{n.Position, fmt.Sprintf("max_concurrent must be at most %d, not %d", definition.MaxParallel, each.MaxConcurrent), ""})
		}
	}
	if n := failures; n != nil {
		var fits bool
		if each.MaxFailures, fits = tolerance(n); !fits {
			wrong = append(wrong, finding{n.Position, "max_failures must be a whole number of " + what + " or a percentage such as 10%, not " + n.Describe(), ""})
		}
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

// badPattern says why a text is no pattern of files in a folder.
func badPattern(key string, n *definition.Node) []finding {
	text := n.Written
	switch {
	case text == "":
		return []finding{{n.Position, key + " is empty", ""}}
	case strings.Contains(text, "${"):
		return []finding{{n.Position, key + " cannot hold a reference", ""}}
	case !doublestar.ValidatePattern(text):
		return []finding{{n.Position, key + " " + n.Describe() + " is no pattern", "look at its brackets; a backslash takes the meaning from the character after it"}}
	case path.IsAbs(text) || slices.ContainsFunc(strings.Split(text, "/"), func(part string) bool { return part == "" || part == "." || part == ".." }):
		return []finding{{n.Position, key + " " + n.Describe() + " must lead down from the folder", `"*.txt" or "**/*.txt", say`}}
	}
	return nil
}
