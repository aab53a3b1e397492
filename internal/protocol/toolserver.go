package protocol

import (
	"fmt"
	"slices"
	"strings"
)

// ToolServer says how an MCP server is reached: a program that is started, or an address. It travels in plans and calls:
// secrets stand in it as references.
type ToolServer struct {
	Name          string    `json:"name"`
	Command       string    `json:"command,omitempty"`
	Args          []string  `json:"args,omitempty"`
	Env           []Setting `json:"env,omitempty"` // Beside the few variables that every server gets.
	Cwd           string    `json:"cwd,omitempty"` // Absolute; empty is where the worker, or the run, was started.
	URL           string    `json:"url,omitempty"` // Of a server over streamable HTTP.
	Headers       []Setting `json:"headers,omitempty"`
	Timeout       Seconds   `json:"timeout,omitempty"`        // Of its start, and of a call whose task names none; 0 is the default.
	MaxConcurrent int       `json:"max_concurrent,omitempty"` // Calls in flight; 0 is the default.
	// TimeoutOnProgress says what the progress of a call does to Timeout; empty is KeepTimeout.
	TimeoutOnProgress string `json:"timeout_on_progress,omitempty"`
}

// The values of ToolServer.TimeoutOnProgress. A task's own timeout is never reset.
const (
	KeepTimeout  = "keep"
	ResetTimeout = "reset"
)

// Setting is a name with a text in which `${secrets.NAME}` and `${env.NAME}` may stand.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// BuiltinServer is the name of the server inside the program.
const BuiltinServer = "builtin"

// maxServerName is how many characters the name of a server may have.
const maxServerName = 64

// reservedServers are what stands in the place of a server's name in methods that name none.
var reservedServers = []string{BuiltinServer, "tool", "tools", "resources", "prompts", "server_info", "ping"}

// ServerNameProblem says why a server cannot be called so; nothing where it can.
func ServerNameProblem(name string) string {
	valid := name != "" && len(name) <= maxServerName
	for _, r := range name {
		valid = valid && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}
	switch {
	case !valid:
		return fmt.Sprintf("the name of a server must consist of a-z, digits, - and _, at most %d of them", maxServerName)
	case slices.Contains(reservedServers, name):
		return fmt.Sprintf("%q is reserved and cannot be the name of a server", name)
	}
	return ""
}

// ServerProblem is a mistake in a ToolServer.
type ServerProblem struct {
	Key     string // "url"; for one of several: "env.TOKEN". Empty where it is about the server as a whole.
	Message string
}

// Problems lists the mistakes that can be seen without the machine that the server is for.
func (s *ToolServer) Problems() []ServerProblem {
	var found []ServerProblem
	add := func(key, format string, args ...any) {
		found = append(found, ServerProblem{key, fmt.Sprintf(format, args...)})
	}
	switch {
	case s.Command == "" && s.URL == "":
		add("", "an MCP server must have a command or a url")
	case s.Command != "" && s.URL != "":
		add("url", "an MCP server cannot have both a command and a url")
	case s.Command != "" && len(s.Headers) > 0:
		add("headers", "headers is only supported for a server with a url")
	case s.URL != "" && (len(s.Args) > 0 || len(s.Env) > 0 || s.Cwd != ""):
		key := "args"
		if len(s.Args) == 0 && len(s.Env) > 0 {
			key = "env"
		} else if len(s.Args) == 0 {
			key = "cwd"
		}
		add(key, "%s is only supported for a server with a command", key)
	}
	if s.URL != "" {
		scheme, rest, _ := strings.Cut(s.URL, "://")
		host, _, _ := strings.Cut(rest, "/")
		switch {
		case scheme != "http" && scheme != "https" || host == "" || strings.ContainsAny(s.URL, " \t\r\n"):
			add("url", "invalid URL of an MCP server; expected one like https://tools.example.com/mcp")
		case strings.Contains(host, "@"):
			add("url", "a password in a URL is not safe; put it in headers as ${secrets.NAME}")
		}
	}
	for _, text := range append([]string{s.Command, s.Cwd, s.URL}, s.Args...) {
		if strings.Contains(text, "${") {
			add("", "references are only supported in env and headers")
			break
		}
	}
	if of := s.TimeoutOnProgress; of != "" && of != KeepTimeout && of != ResetTimeout {
		add("timeout_on_progress", "timeout_on_progress must be %s or %s, not %q", KeepTimeout, ResetTimeout, of)
	}
	for _, of := range []struct {
		key string
		all []Setting
	}{{"env", s.Env}, {"headers", s.Headers}} {
		for _, setting := range of.all {
			if _, err := Expand(setting.Value, func(string, string) (string, bool) { return "", true }); err != nil {
				add(of.key+"."+setting.Name, "%s", err.Error())
			}
			if strings.ContainsAny(setting.Name, "=:\x00\r\n ") || setting.Name == "" {
				add(of.key+"."+setting.Name, "%q is not a valid name of a %s", setting.Name, map[string]string{"env": "variable", "headers": "header"}[of.key])
			}
		}
	}
	return found
}

// Expand replaces `${secrets.NAME}` and `${env.NAME}`; `$${` is a literal `${`. The error names what else stands there, or
// what lookup does not have. It never shows a value.
func Expand(text string, lookup func(head, name string) (string, bool)) (string, error) {
	var expanded strings.Builder
	for {
		at := strings.Index(text, "${")
		if at < 0 {
			expanded.WriteString(text)
			return expanded.String(), nil
		}
		if at > 0 && text[at-1] == '$' {
			expanded.WriteString(text[:at-1] + "${")
			text = text[at+2:]
			continue
		}
		inside, rest, closed := strings.Cut(text[at+2:], "}")
		head, name, _ := strings.Cut(inside, ".")
		if !closed || head != "secrets" && head != "env" || !isVariable(name) {
			return "", fmt.Errorf("only ${secrets.NAME} and ${env.NAME} are supported here; write $${ for a literal ${")
		}
		value, found := lookup(head, name)
		if !found {
			return "", fmt.Errorf("${%s} is not set", inside)
		}
		expanded.WriteString(text[:at] + value)
		text = rest
	}
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
