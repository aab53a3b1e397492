package mcp

import (
	"slices"
	"strings"
)

// The methods beside tools, without a server's name.
const (
	verbTool         = "tool"
	verbTools        = "tools/list"
	verbInfo         = "server_info"
	verbPing         = "ping"
	verbResources    = "resources/list"
	verbReadResource = "resources/read"
	verbPrompts      = "prompts/list"
	verbPrompt       = "prompts/get"
	family           = "mcp/"
	toolPrefix       = verbTool + "."
)

var verbs = []string{verbTools, verbInfo, verbPing, verbResources, verbReadResource, verbPrompts, verbPrompt}

// target is what a method's name says.
type target struct {
	server string // "" where it names none.
	verb   string
	tool   string // With verbTool.
}

// parse takes the name of a method apart: "mcp/SERVER.tool.NAME", "mcp/tool.NAME", "mcp/SERVER.tools/list", "mcp/ping".
func parse(method string) (target, bool) {
	rest, is := strings.CutPrefix(method, family)
	if !is {
		return target{}, false
	}
	if t, is := parseVerb(rest); is {
		return t, true
	}
	server, rest, named := strings.Cut(rest, ".")
	t, is := parseVerb(rest)
	t.server = server
	return t, named && is && server != ""
}

func parseVerb(text string) (target, bool) {
	if slices.Contains(verbs, text) {
		return target{verb: text}, true
	}
	tool, is := strings.CutPrefix(text, toolPrefix)
	return target{verb: verbTool, tool: tool}, is && tool != ""
}
