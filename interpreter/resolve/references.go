package resolve

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// Text is one string of the file in which something looks like a reference.
type Text struct {
	Node       *definition.Node
	References []reference.Reference // In their order.
	Errors     []reference.Error
}

// Texts are all such strings in a value, in the file's order.
type Texts []Text

// Use says what the head of a reference means.
type Use struct {
	Head string // As written.
	Task int    // The task's place in the file, from 0; -1 for a fixed head.
}

// The heads that are not tasks.
const (
	HeadInputs  = "inputs"
	HeadItem    = "item"
	HeadIndex   = "index"
	HeadRun     = "run"
	HeadEnv     = "env"
	HeadSecrets = "secrets"
)

// HeadRepeat is that of the round of a task with `repeat`. A task of that id or name takes precedence.
const HeadRepeat = "repeat"

// FixedHeads lists them.
func FixedHeads() []string {
	return []string{HeadInputs, HeadItem, HeadIndex, HeadRun, HeadEnv, HeadSecrets}
}

// TextsOf finds the texts with references in a value. One of the strings may be program text.
func TextsOf(n, code *definition.Node) Texts {
	if n == nil {
		return nil
	}
	var found Texts
	n.Strings(func(text *definition.Node) {
		if !strings.Contains(text.Text, "${") {
			return
		}
		parse := reference.Parse
		if text == code {
			parse = reference.ParseCode
		}
		parts, errs := parse(text.Text)
		entry := Text{Node: text, Errors: errs}
		for _, part := range parts {
			if part.Ref != nil {
				entry.References = append(entry.References, *part.Ref)
			}
		}
		if len(entry.References)+len(entry.Errors) > 0 {
			found = append(found, entry)
		}
	})
	return found
}

// Uses returns the heads of all references in the order in which they first come, without repetition. Unknown
// heads are left out.
func (n *Names) Uses(texts Texts) []Use {
	var uses []Use
	seen := map[string]bool{}
	for _, text := range texts {
		for _, ref := range text.References {
			if seen[ref.Head] {
				continue
			}
			seen[ref.Head] = true
			task := -1
			if !slices.Contains(FixedHeads(), ref.Head) {
				if task, _ = n.Lookup(ref.Head); task < 0 && ref.Head != HeadRepeat {
					continue
				}
			}
			uses = append(uses, Use{ref.Head, task})
		}
	}
	return uses
}

// Dependencies returns the tasks that `dependencies` names, in that order, without repetition.
func (n *Names) Dependencies(task *Task) []int {
	var named []int
	seen := map[int]bool{}
	for _, word := range task.Dependencies {
		if other, _ := n.Lookup(word.Written); other >= 0 && !seen[other] {
			seen[other] = true
			named = append(named, other)
		}
	}
	return named
}

// waits returns every task that the task names or refers to.
func (n *Names) waits(task *Task) []int {
	all := n.Dependencies(task)
	for _, texts := range []Texts{task.Texts, task.EachTexts, task.WhenTexts, task.UntilTexts} {
		for _, use := range n.Uses(texts) {
			all = append(all, use.Task)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(other int) bool { return other < 0 || other == task.Number })
}

func (t Texts) hasNode(n *definition.Node) bool {
	return slices.ContainsFunc(t, func(text Text) bool { return text.Node == n })
}
