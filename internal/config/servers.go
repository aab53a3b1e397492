package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
)

// serverKeys are those of a server beneath mcp.servers.
var serverKeys = []key{
	{"command", text}, {"args", texts}, {"env", named}, {"cwd", text}, {"url", text}, {"headers", named}, {"timeout", duration}, {"max_concurrent", count},
}

// describedServer is a server as the file has it.
type describedServer struct {
	protocol.ToolServer
	from string
}

// toolServers reads the mapping of servers.
func (l *loader) toolServers(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		l.mistake(l.at(n), "mcp.servers must be a mapping of names to servers, not %s", described(n))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], meant(n.Content[i+1])
		full := "mcp.servers." + name.Value
		if problem := protocol.ServerNameProblem(name.Value); problem != "" {
			l.mistake(l.at(name), "%s", problem)
			continue
		}
		if slices.ContainsFunc(l.servers, func(s describedServer) bool { return s.Name == name.Value }) {
			l.mistake(l.at(name), "duplicate server %q", full)
			continue
		}
		if value.Kind != yaml.MappingNode {
			l.mistake(l.at(value), "%s must be a mapping, not %s", full, described(value))
			continue
		}
		before := len(l.mistakes)
		server, places := l.toolServer(full, name.Value, value)
		if len(l.mistakes) > before {
			continue
		}
		for _, problem := range server.Problems() {
			key, _, _ := strings.Cut(problem.Key, ".")
			at, known := places[key]
			if !known {
				at = name
			}
			l.mistake(l.at(at), "%s: %s", full, problem.Message)
		}
		l.servers = append(l.servers, describedServer{server, fmt.Sprintf("%s:%d", l.file, name.Line)})
	}
}

// toolServer reads one server, and where its keys stand.
func (l *loader) toolServer(full, called string, n *yaml.Node) (protocol.ToolServer, map[string]*yaml.Node) {
	server := protocol.ToolServer{Name: called}
	places := map[string]*yaml.Node{}
	folder := filepath.Dir(l.file)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], meant(n.Content[i+1])
		at := slices.IndexFunc(serverKeys, func(k key) bool { return k.name == name.Value })
		switch {
		case at < 0:
			l.unknownServerKey(full, name)
			continue
		case places[name.Value] != nil:
			l.mistake(l.at(name), "duplicate key %q: it is on line %d already", full+"."+name.Value, places[name.Value].Line)
			continue
		case empty(value):
			continue
		}
		places[name.Value] = value
		said, fits := l.serverValue(full+"."+name.Value, serverKeys[at].takes, value)
		if !fits {
			continue
		}
		switch name.Value {
		case "command":
			server.Command = value.Value
			if strings.ContainsRune(value.Value, filepath.Separator) {
				server.Command = absolute(folder, value.Value)
			}
		case "args":
			server.Args = said
		case "env":
			server.Env = l.settingsOf(full+".env", value)
		case "cwd":
			server.Cwd = absolute(folder, value.Value)
		case "url":
			server.URL = value.Value
		case "headers":
			server.Headers = l.settingsOf(full+".headers", value)
		case "timeout":
			server.Timeout, _ = parseDuration(value.Value)
		case "max_concurrent":
			server.MaxConcurrent, _ = strconv.Atoi(value.Value)
		}
	}
	return server, places
}

func (l *loader) unknownServerKey(full string, key *yaml.Node) {
	var known []string
	for _, k := range serverKeys {
		known = append(known, k.name)
	}
	hint := "known keys: " + strings.Join(known, ", ")
	if near := suggest.Nearest(key.Value, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	l.warn(l.at(key), "unknown key %q; %s", full+"."+key.Value, hint)
}

// serverValue tells whether a value is what its key takes; of a list it returns the texts.
func (l *loader) serverValue(full string, takes kind, n *yaml.Node) (said []string, is bool) {
	switch takes {
	case named:
		is = n.Kind == yaml.MappingNode
	case texts:
		is = n.Kind == yaml.SequenceNode
		for _, element := range n.Content {
			element = meant(element)
			is = is && element.Kind == yaml.ScalarNode && !empty(element)
			said = append(said, element.Value)
		}
	case duration:
		_, is = parseDuration(n.Value)
		is = is && n.Kind == yaml.ScalarNode
	default:
		is = fits(takes, n)
	}
	if !is {
		l.mistake(l.at(n), "%s must be %s, not %s", full, takes, described(n))
	}
	return said, is
}

// settingsOf reads a mapping of names to texts.
func (l *loader) settingsOf(full string, n *yaml.Node) []protocol.Setting {
	var all []protocol.Setting
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], meant(n.Content[i+1])
		if value.Kind != yaml.ScalarNode || empty(value) {
			// It is not shown: it may be a secret.
			l.mistake(l.at(value), "%s.%s must be a string", full, name.Value)
			continue
		}
		all = append(all, protocol.Setting{Name: name.Value, Value: value.Value})
	}
	return all
}

// parseDuration reads a number of seconds, or a duration such as 90s; it is more than nothing.
func parseDuration(said string) (protocol.Seconds, bool) {
	if seconds, err := strconv.ParseFloat(said, 64); err == nil {
		return protocol.Seconds(seconds), seconds > 0 && seconds < 1e6
	}
	parsed, err := time.ParseDuration(said)
	return protocol.SecondsOf(parsed), err == nil && parsed > 0
}
