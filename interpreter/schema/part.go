package schema

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// Part returns the key at a path of keys such as tasks.retry, and the path in the names that messages use. Lists and the
// names of inputs are not part of it. The error is InvalidParams, and names the key that was probably meant.
func Part(path string) (string, definition.Key, error) {
	var found definition.Key
	within, known := "a workflow", definition.Language()
	steps := strings.Split(path, ".")
	for i, step := range steps {
		next, is := key(known, step)
		if !is {
			return "", definition.Key{}, protocol.Errorf(protocol.InvalidParams, "unknown key %s in %s", definition.Quote(step), within).
				WithHint("%s", hint(steps[:i], step, known))
		}
		steps[i] = next.Name()
		found, within, known = next, strings.Join(steps[:i+1], "."), next.Keys
	}
	return within, found, nil
}

func key(known []definition.Key, name string) (definition.Key, bool) {
	for _, candidate := range known {
		for _, one := range candidate.Names {
			if one == name {
				return candidate, true
			}
		}
	}
	return definition.Key{}, false
}

// hint returns what to write instead of a step.
func hint(before []string, step string, known []definition.Key) string {
	var names []string
	for _, candidate := range known {
		names = append(names, candidate.Names...)
	}
	if len(names) == 0 {
		return "it contains no keys"
	}
	if deeper := beneath(known, step); deeper != "" {
		return "did you mean " + definition.Quote(strings.Join(append(slices.Clone(before), deeper), ".")) + "?"
	}
	if near := suggest.Nearest(step, names); near != "" {
		return "did you mean " + definition.Quote(strings.Join(append(slices.Clone(before), near), ".")) + "?"
	}
	return "available: " + strings.Join(names, ", ")
}

// beneath is the first path to a key of that name.
func beneath(known []definition.Key, name string) string {
	for _, candidate := range known {
		if _, is := key(candidate.Keys, name); is {
			return candidate.Name() + "." + name
		}
	}
	for _, candidate := range known {
		if path := beneath(candidate.Keys, name); path != "" {
			return candidate.Name() + "." + path
		}
	}
	return ""
}
