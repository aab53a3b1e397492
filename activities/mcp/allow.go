package mcp

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Allow defines which servers of workflows may be used. A workflow that starts programs is code, so the zero value allows none.
type Allow struct {
	All bool
	// Patterns are command lines, with one space between words, and addresses. A `*` as the last word of a command line
	// stands for any further arguments, and at the end of an address for any rest. The workflow cannot set variables or the
	// folder of such a program: both could change what the program does.
	Patterns []string
}

// Check returns an error if the server of a workflow is not allowed.
func (a Allow) Check(s protocol.ToolServer) error {
	if a.All {
		return nil
	}
	what, noun := s.URL, "its address"
	if s.Command != "" {
		what, noun = strings.Join(append([]string{s.Command}, s.Args...), " "), "its command"
	}
	for _, pattern := range a.Patterns {
		if !matches(pattern, s, what) {
			continue
		}
		if s.Command != "" && (len(s.Env) > 0 || s.Cwd != "") {
			return protocol.Errorf(protocol.ConfigurationError, "the workflow sets env or cwd for the MCP server %q, which this worker does not allow", s.Name).
				WithHint("remove env and cwd, or set mcp.allow_workflow_servers: true in the worker's settings to allow every server of every workflow")
		}
		return nil
	}
	refused := protocol.Errorf(protocol.ConfigurationError, "the workflow defines the MCP server %q, which this worker does not allow", s.Name)
	if len(a.Patterns) > 0 {
		return refused.WithHint("add %s to the list mcp.allow_workflow_servers in the worker's settings", noun)
	}
	return refused.WithHint("if you trust your workflows to start programs, set mcp.allow_workflow_servers in config.yaml to true or to a list of commands and addresses; or define the server there as mcp.servers.%s", s.Name)
}

// matches reports whether a server matches a pattern. The text is the server's command line or address.
func matches(pattern string, s protocol.ToolServer, what string) bool {
	if s.Command != "" {
		// Compared word by word: an argument with spaces is one word.
		words, given := strings.Fields(pattern), append([]string{s.Command}, s.Args...)
		if n := len(words); n > 1 && words[n-1] == "*" {
			words = words[:n-1]
			given = given[:min(len(words), len(given))]
		}
		if len(words) != len(given) {
			return false
		}
		for i := range words {
			if words[i] != given[i] {
				return false
			}
		}
		return true
	}
	if before, any := strings.CutSuffix(pattern, "*"); any {
		// "https://example.com*" would match "https://example.com.evil.net".
		rest, begins := strings.CutPrefix(what, before)
		return begins && strings.Count(before, "/") >= 3 && !strings.Contains(rest, "..") && !strings.Contains(strings.ToLower(rest), "%2e")
	}
	return pattern == what
}
