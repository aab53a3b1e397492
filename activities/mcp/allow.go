package mcp

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Allow says which servers of workflows may be used. A workflow that starts programs is code, and so the zero value allows
// none.
type Allow struct {
	All bool
	// These are command lines, with one space between their words, and addresses. A `*` as the last word of a command line
	// stands for any further arguments, and one at the end of an address for any rest. Programs of these get no variables of
	// the workflow's, and no folder: both could make them something else.
	These []string
}

// check refuses a server of a workflow.
func (a Allow) check(s protocol.ToolServer) error {
	if a.All {
		return nil
	}
	what, is := s.URL, "its address"
	if s.Command != "" {
		what, is = strings.Join(append([]string{s.Command}, s.Args...), " "), "its command"
	}
	for _, one := range a.These {
		if !allowed(one, s, what) {
			continue
		}
		if s.Command != "" && (len(s.Env) > 0 || s.Cwd != "") {
			return protocol.Errorf(protocol.ConfigurationError, "the MCP server %q of the workflow has an env or a cwd, and may have none: %s is allowed as it is", s.Name, is).
				WithHint("the worker's setting mcp.allow_workflow_servers: true allows every server of every workflow")
		}
		return nil
	}
	refused := protocol.Errorf(protocol.ConfigurationError, "the workflow brings the MCP server %q, and this worker does not allow that", s.Name)
	if len(a.These) > 0 {
		return refused.WithHint("its setting mcp.allow_workflow_servers lists what it allows, and %s is not in it", is)
	}
	return refused.WithHint("set mcp.allow_workflow_servers in config.yaml, to true or to a list of commands and addresses, where you trust your workflows to start programs; or name the server there, as mcp.servers.%s", s.Name)
}

func allowed(one string, s protocol.ToolServer, what string) bool {
	if s.Command != "" {
		// Word by word: an argument with spaces in it is one word, and never several.
		words, given := strings.Fields(one), append([]string{s.Command}, s.Args...)
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
	if before, any := strings.CutSuffix(one, "*"); any {
		// "https://example.com*" would let "https://example.com.evil.net" in.
		rest, begins := strings.CutPrefix(what, before)
		return begins && strings.Count(before, "/") >= 3 && !strings.Contains(rest, "..") && !strings.Contains(strings.ToLower(rest), "%2e")
	}
	return one == what
}
