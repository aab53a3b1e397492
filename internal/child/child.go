// Package child starts programs. It is the only place that does: a program gets the variables that it needs to find its files,
// and nothing else of this process's environment, which holds keys and tokens.
package child

import (
	"context"
	"os/exec"
	"slices"
	"strings"
)

// base are the variables that every program gets, in addition to those that begin with LC_.
var base = []string{"PATH", "HOME", "LANG", "TZ", "SYSTEMROOT"}

// Lookup finds a variable of this process.
type Lookup func(name string) (string, bool)

// locale are the variables of a locale; a Lookup cannot list those that begin with LC_.
var locale = []string{
	"LC_ALL", "LC_ADDRESS", "LC_COLLATE", "LC_CTYPE", "LC_IDENTIFICATION", "LC_MEASUREMENT", "LC_MESSAGES", "LC_MONETARY", "LC_NAME",
	"LC_NUMERIC", "LC_PAPER", "LC_TELEPHONE", "LC_TIME",
}

// Environment returns the variables of a program as NAME=value: the base ones, and further ones by name, as far as they are
// set.
func Environment(lookup Lookup, further ...string) []string {
	var all []string
	for _, name := range slices.Concat(base, locale, further) {
		if value, set := lookup(name); set && !has(all, name) {
			all = append(all, name+"="+value)
		}
	}
	return all
}

// has reports whether an environment has a variable.
func has(environment []string, name string) bool {
	return slices.ContainsFunc(environment, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
}

// Command returns the command that starts a program with these variables and no others. The program is killed when ctx ends.
func Command(ctx context.Context, environment []string, program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = environment
	if command.Env == nil {
		command.Env = []string{} // Nil would be all of this process's variables.
	}
	return command
}
