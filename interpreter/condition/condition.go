// Package condition compiles and decides the conditions of `when`: expressions of expr-lang in which each `${…}` is a value,
// never text. Rules compile them to find errors, activities to decide them. It is pure: no clock, no environment, no
// disk, no network, and a condition over equal values is decided equally everywhere.
package condition

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// What a condition may be at most.
const (
	MaxText  = 4 << 10   // Bytes of it.
	MaxNodes = 1_000     // Operators, functions, values and references in it.
	MaxSteps = 1_000_000 // Elements of lists that it looks at, one by one, and that the lists have that it makes.
	// MaxPattern is how many steps the regular expressions in it have together, after their counts are expanded.
	MaxPattern = 10_000
)

// Condition is an expression that is ready to be decided, by any number of goroutines at once.
type Condition struct {
	source  *source
	program *vm.Program
}

// Error is what is wrong with a condition, wherever it is decided.
type Error struct {
	Offset  int // In the text, in bytes.
	Message string
	Hint    string
	Unknown string // The unknown name, if that is the error.
	Called  bool   // It is used as a function.
}

// Compile makes a condition of its text, or returns its errors in the order of their places.
func Compile(text string) (*Condition, []Error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, []Error{{Message: "the condition is empty", Hint: "remove it to always run the task"}}
	case len(text) > MaxText:
		return nil, []Error{{Message: fmt.Sprintf("the condition is longer than %d KiB", MaxText>>10), Hint: "compute it in a python/execute task"}}
	}
	s, errs := read(text)
	if len(errs) > 0 {
		return nil, errs
	}
	config, giveBack := borrow(len(s.references))
	defer giveBack()
	tree, err := parser.ParseWithConfig(s.program, config)
	if err != nil {
		return nil, []Error{s.problem(err)}
	}
	if errs = s.check(&tree.Node); len(errs) > 0 {
		return nil, errs
	}
	ast.Walk(&tree.Node, &parts{})
	if _, err = checker.Check(tree, config); err != nil {
		return nil, []Error{s.problem(err)}
	}
	if what := otherThanTruth(tree.Node); what != "" {
		return nil, []Error{{Message: "the condition is " + what + ", not true or false", Hint: compared}}
	}
	ast.Walk(&tree.Node, &bounder{})
	if _, err = checker.Check(tree, config); err != nil {
		return nil, []Error{s.problem(err)}
	}
	program, err := compiler.Compile(tree, config)
	if err != nil {
		return nil, []Error{s.problem(err)}
	}
	return &Condition{s, program}, nil
}

// References are those in the condition, in the order of their places, each as often as it occurs.
func (c *Condition) References() []reference.Reference { return slices.Clone(c.source.references) }

// configuration says what there is in a condition with so many references. Nothing is optimized: each part is looked at
// in its order, or not at all.
func configuration(references int) *conf.Config {
	config := conf.CreateNew()
	for name := range config.Builtins {
		if !isBuiltin(name) {
			config.Disabled[name] = true
		}
	}
	for name := range config.Disabled {
		delete(config.Builtins, name)
	}
	config.Functions = operators()
	config.WithEnv((&decision{}).environment(references))
	config.Optimize = false
	config.MaxNodes = MaxNodes
	return config
}

// configurations has those for so many references that no compilation uses just now: to make one takes longer than to
// compile a condition, and it is for one goroutine at a time.
var configurations [16]sync.Pool

// borrow returns a configuration, and what gives it back.
func borrow(references int) (config *conf.Config, giveBack func()) {
	if references >= len(configurations) {
		return configuration(references), func() {}
	}
	pool := &configurations[references]
	config, has := pool.Get().(*conf.Config)
	if !has {
		config = configuration(references)
	}
	return config, func() { pool.Put(config) }
}
