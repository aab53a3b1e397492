package mcp

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
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
	what := s.URL
	if s.Command != "" {
		what = strings.Join(append([]string{s.Command}, s.Args...), " ")
	}
	for _, pattern := range a.Patterns {
		if !matches(pattern, s, what) {
			continue
		}
		if s.Command != "" && (len(s.Env) > 0 || s.Cwd != "") {
			return protocol.Errorf(protocol.ConfigurationError, "the workflow sets env or cwd for the MCP server %q, which the settings do not allow", s.Name).
				WithHint("remove env and cwd; or, to allow every server of every workflow: `gleitzeit config set mcp.allow_workflow_servers true`")
		}
		return nil
	}
	does := "starts " + strconv.Quote(s.Command)
	if s.Command == "" {
		does = "calls " + strconv.Quote(what)
	}
	return protocol.Errorf(protocol.ConfigurationError, "the MCP server %q of the workflow %s, which the settings do not allow", s.Name, does).
		WithHint("if you trust it: `gleitzeit config set mcp.allow_workflow_servers %s`", a.with(s, what))
}

// with writes the list with a server that it does not allow yet, as a word of a shell; true where no list can allow it.
func (a Allow) with(s protocol.ToolServer, what string) string {
	if len(s.Env) > 0 || s.Cwd != "" || !matches(what, s, what) || strings.Contains(what, "'") {
		return "true"
	}
	list := make([]value.Value, 0, len(a.Patterns)+1)
	for _, pattern := range append(slices.Clone(a.Patterns), what) {
		if strings.Contains(pattern, "'") {
			return "true"
		}
		list = append(list, value.String(pattern))
	}
	return "'" + string(value.List(list...).JSON()) + "'"
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
