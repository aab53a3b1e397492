package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
)

// serverKeys are the keys of a server under mcp.servers.
var serverKeys = []key{
	{"command", text}, {"args", texts}, {"env", named}, {"cwd", text}, {"url", text}, {"headers", named}, {"timeout", duration},
	{"timeout_on_progress", text}, {"max_concurrent", count},
}

// serverEntry is a server of the file, with its place.
type serverEntry struct {
	protocol.ToolServer
	from string
}

// toolServers reads mcp.servers.
func (d *document) toolServers(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		d.fail(d.at(n), "mcp.servers must be a mapping of names to servers, not %s", describe(n))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolveAlias(n.Content[i+1])
		full := "mcp.servers." + name.Value
		if problem := protocol.ServerNameProblem(name.Value); problem != "" {
			d.fail(d.at(name), "%s", problem)
			continue
		}
		if slices.ContainsFunc(d.servers, func(s serverEntry) bool { return s.Name == name.Value }) {
			d.fail(d.at(name), "duplicate server %q", full)
			continue
		}
		if value.Kind != yaml.MappingNode {
			d.fail(d.at(value), "%s must be a mapping, not %s", full, describe(value))
			continue
		}
		before := len(d.errors)
		server, places := d.toolServer(full, name.Value, value)
		if len(d.errors) > before {
			continue
		}
		for _, problem := range server.Problems() {
			key, _, _ := strings.Cut(problem.Key, ".")
			at, known := places[key]
			if !known {
				at = name
			}
			d.fail(d.at(at), "%s: %s", full, problem.Message)
		}
		d.servers = append(d.servers, serverEntry{server, fmt.Sprintf("%s:%d", d.path, name.Line)})
	}
}

// toolServer reads one server, and returns the places of its keys.
func (d *document) toolServer(full, called string, n *yaml.Node) (protocol.ToolServer, map[string]*yaml.Node) {
	server := protocol.ToolServer{Name: called}
	places := map[string]*yaml.Node{}
	folder := filepath.Dir(d.path)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolveAlias(n.Content[i+1])
		at := slices.IndexFunc(serverKeys, func(k key) bool { return k.name == name.Value })
		switch {
		case at < 0:
			d.unknownServerKey(full, name)
			continue
		case places[name.Value] != nil:
			d.fail(d.at(name), "duplicate key %q: it is on line %d already", full+"."+name.Value, places[name.Value].Line)
			continue
		case empty(value):
			continue
		}
		places[name.Value] = value
		said, fits := d.serverValue(full+"."+name.Value, serverKeys[at].takes, value)
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
			server.Env = d.settingsOf(full+".env", value)
		case "cwd":
			server.Cwd = absolute(folder, value.Value)
		case "url":
			server.URL = value.Value
		case "headers":
			server.Headers = d.settingsOf(full+".headers", value)
		case "timeout":
			server.Timeout, _ = parseDuration(value.Value)
		case "timeout_on_progress":
			server.TimeoutOnProgress = value.Value
		case "max_concurrent":
			server.MaxConcurrent, _ = strconv.Atoi(value.Value)
		}
	}
	return server, places
}

func (d *document) unknownServerKey(full string, key *yaml.Node) {
	var known []string
	for _, k := range serverKeys {
		known = append(known, k.name)
	}
	hint := "known keys: " + strings.Join(known, ", ")
	if near := suggest.Nearest(key.Value, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	d.warn(d.at(key), "unknown key %q; %s", full+"."+key.Value, hint)
}

// serverValue reports whether a value has the type of its key; of a list it returns the elements.
func (d *document) serverValue(full string, takes kind, n *yaml.Node) (said []string, is bool) {
	switch takes {
	case named:
		is = n.Kind == yaml.MappingNode
	case texts:
		is = n.Kind == yaml.SequenceNode
		for _, element := range n.Content {
			element = resolveAlias(element)
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
		d.fail(d.at(n), "%s must be %s, not %s", full, takes, describe(n))
	}
	return said, is
}

// settingsOf reads a mapping of names to strings.
func (d *document) settingsOf(full string, n *yaml.Node) []protocol.Setting {
	var all []protocol.Setting
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolveAlias(n.Content[i+1])
		if value.Kind != yaml.ScalarNode || empty(value) {
			// The value is not shown: it may be a secret.
			d.fail(d.at(value), "%s.%s must be a string", full, name.Value)
			continue
		}
		all = append(all, protocol.Setting{Name: name.Value, Value: value.Value})
	}
	return all
}

// parseDuration parses a positive number of seconds, or a duration such as 90s.
func parseDuration(said string) (protocol.Seconds, bool) {
	if seconds, err := strconv.ParseFloat(said, 64); err == nil {
		return protocol.Seconds(seconds), seconds > 0 && seconds < 1e6
	}
	parsed, err := time.ParseDuration(said)
	return protocol.SecondsOf(parsed), err == nil && parsed > 0
}
