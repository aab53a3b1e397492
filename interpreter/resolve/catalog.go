package resolve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// Catalog is what tasks can call: the methods of the protocols, and the tools of the workflow's own MCP servers.
type Catalog struct {
	Suggester
	specs   []protocol.Spec
	servers []string // Of the workflow.
	methods map[string]*Method
}

func newCatalog(source Source, suggester Suggester) *Catalog {
	catalog := &Catalog{Suggester: suggester, specs: source.Specs, methods: map[string]*Method{}}
	for _, server := range source.Definition.ToolServers {
		catalog.servers = append(catalog.servers, server.Name)
	}
	return catalog
}

// methodOf returns the method that a task calls, or why there is none. Both are nil where the task names no method.
func (c *Catalog) methodOf(task *Task) (*Method, *Problem) {
	if task.Task.Method == nil || task.Task.Method.Text == "" {
		return nil, nil
	}
	name, at := task.Task.Method.Written, task.Task.Method.Position
	if task.Protocol == nil {
		if found := c.Find(name); found != nil {
			return available(found, at)
		}
		if wrong := c.UnknownServer(name, at); wrong != nil {
			return nil, wrong
		}
		hint := c.SuggestMethod(name, "")
		if hint == "" {
			hint = c.toolsBeside(name)
		}
		if hint == "" {
			hint = c.SuggestServers(name)
		}
		return nil, &Problem{"", at, "unknown method " + definition.Quote(name), cmp.Or(hint, c.methodElsewhere(name), ListMethods)}
	}
	spec := c.Spec(task.Protocol.Written)
	if spec == nil {
		var known []string
		for _, other := range c.specs {
			known = append(known, other.Name)
		}
		return nil, &Problem{"", task.Protocol.Position, "unknown protocol " + definition.Quote(task.Protocol.Written),
			c.SuggestProtocol(task.Protocol.Written, known)}
	}
	found := c.Find(name)
	if found != nil && found.Spec.Name == spec.Name {
		return available(found, at)
	}
	if short := c.Find(Family(spec.Name) + "/" + name); short != nil && short.Spec.Name == spec.Name {
		return available(short, at)
	}
	for _, full := range []string{name, Family(spec.Name) + "/" + name} {
		if wrong := c.UnknownServer(full, at); wrong != nil {
			return nil, wrong
		}
	}
	if found != nil {
		return nil, &Problem{"", at, fmt.Sprintf("method %s belongs to protocol %s, not to %s",
			definition.Quote(name), found.Spec.Name, spec.Name), "remove or correct the protocol"}
	}
	return nil, &Problem{"", at, fmt.Sprintf("unknown method %s of protocol %s", definition.Quote(name), spec.Name),
		cmp.Or(c.SuggestMethod(name, spec.Name), ListMethods)}
}

// methodsElsewhere are what other programs have methods for, under the first or the last part of their names.
var methodsElsewhere = []struct {
	families, shorts []string // In lower case.
	method, hint     string   // The hint, if there is the method.
}{
	{nil, []string{"embeddings", "embedding"}, "llm/embed", `did you mean "llm/embed"?`},
	{nil, []string{"completion", "completions", "complete"}, "llm/chat", `write method: llm/chat, or llm/generate for text that continues a prompt`},
	{nil, []string{"transcription", "transcriptions", "whisper"}, "llm/transcribe", `did you mean "llm/transcribe"?`},
	{[]string{"http", "https", "rest", "fetch", "curl", "web", "api", "request", "requests"}, nil, "python/execute",
		`no method gets web pages; write method: python/execute, parameters: {code: "import urllib.request; result = urllib.request.urlopen('https://example.com').read().decode()"}, or use a tool of an MCP server`},
	{[]string{"shell", "bash", "sh", "cmd", "command", "exec", "process", "terminal"}, nil, "python/execute",
		`there are no shell commands; write method: python/execute, parameters: {code: "import subprocess; result = subprocess.getoutput('ls')"}`},
}

// modelServers are servers of models and families of them, beside those that a protocol lists.
var modelServers = []string{"anthropic", "azure", "claude", "deepseek", "gemini", "google", "gpt", "groq", "huggingface", "llama", "lmstudio", "mistral", "openai", "openrouter", "qwen", "vllm"}

// methodElsewhere says what to write for a method as other programs have it; empty if that is not known.
func (c *Catalog) methodElsewhere(name string) string {
	family, short, has := strings.Cut(strings.ToLower(name), "/")
	for _, one := range methodsElsewhere {
		if (slices.Contains(one.families, family) || has && slices.Contains(one.shorts, short)) && c.Find(one.method) != nil {
			return one.hint
		}
	}
	servers := modelServers
	for i := range c.specs {
		servers = append(slices.Clone(servers), c.specs[i].Providers...)
	}
	isServer := slices.ContainsFunc(servers, func(server string) bool { return strings.HasPrefix(family, server) })
	switch _, model, _ := strings.Cut(name, "/"); {
	case !isServer || c.Find("llm/chat") == nil:
	case !has:
		return "write method: llm/chat, with model: " + definition.Shorten(name) + " in its parameters"
	case slices.Contains([]string{"", "chat", "call", "invoke", "ask", "prompt", "generate", "run"}, short):
		return "write method: llm/chat; the settings say which server it asks"
	default:
		return "write method: llm/chat, with model: " + definition.Shorten(model) + " in its parameters"
	}
	return c.toolElsewhere(name)
}

// toolElsewhere says how a tool is named in full, for a name of its protocol that is none.
func (c *Catalog) toolElsewhere(name string) string {
	family, short, has := strings.Cut(name, "/")
	for i := range c.specs {
		if !has || Family(c.specs[i].Name) != family {
			continue
		}
		for _, m := range c.specs[i].Methods {
			if strings.HasSuffix(m.Name, "."+short) {
				return "did you mean " + definition.Quote(m.Name) + "?"
			}
		}
		if !slices.ContainsFunc(c.specs[i].Methods, func(m protocol.Method) bool { return strings.HasPrefix(m.Name, family+"/tool.") }) {
			continue
		}
		if server, tool, dotted := strings.Cut(short, "."); dotted && tool != "" && !strings.ContainsAny(tool, "./") && suggest.Nearest(server, []string{"tool"}) == "" && server != "tool" {
			return "the tool of an MCP server is " + family + "/" + definition.Shorten(server) + ".tool." + definition.Shorten(tool)
		}
		return "a tool is " + family + "/tool.NAME, or " + family + "/SERVER.tool.NAME of an MCP server; " + ListMethods
	}
	return ""
}

// available returns the method, or why no task can call it.
func available(found *Method, at definition.Position) (*Method, *Problem) {
	if found.Unavailable != "" {
		return nil, &Problem{"", at, found.Unavailable, ""}
	}
	return found, nil
}

// UnknownServer returns the problem of a name that would be a method if there were an MCP server of the name in it; nil for
// other names.
func (c *Catalog) UnknownServer(name string, at definition.Position) *Problem {
	for i := range c.specs {
		server := c.specs[i].ServerOf(name)
		known := append(append([]string{}, c.specs[i].Servers...), c.servers...)
		if server == "" || slices.Contains(known, server) {
			continue
		}
		hint := c.Suggest(server, known)
		if hint == "" {
			hint = "define it in the settings (mcp.servers." + server + ") or in the workflow (mcp_servers)"
		}
		return &Problem{"", at, "unknown MCP server " + definition.Quote(server), hint}
	}
	return nil
}

// toolsBeside lists the tools that a name stands beside: those that are built in, or those of a server that has been asked for them.
func (c *Catalog) toolsBeside(name string) string {
	const most = 10
	kind := name[:strings.LastIndex(name, ".")+1] // mcp/SERVER.tool.
	for i := range c.specs {
		var tools []string
		for _, other := range c.specs[i].Methods {
			if kind != "" && !other.IsPattern() && strings.HasPrefix(other.Name, kind) {
				tools = append(tools, other.Name)
			}
		}
		if more := len(tools) - most; more > 0 {
			tools = append(tools[:most], fmt.Sprintf("%d more", more))
		}
		if len(tools) > 0 {
			return "there are " + JoinWords(tools, "and")
		}
	}
	return ""
}

// SuggestServers returns a hint for a name that would be a method if there were any MCP server.
func (c *Catalog) SuggestServers(name string) string {
	for i := range c.specs {
		if c.specs[i].MayNeedServer(name) {
			return "no MCP server is configured: define one in the settings (mcp.servers) or in the workflow (mcp_servers)"
		}
	}
	return ""
}

// Spec returns a protocol by its name; nil where there is none.
func (c *Catalog) Spec(name string) *protocol.Spec {
	for i := range c.specs {
		if c.specs[i].Name == name {
			return &c.specs[i]
		}
	}
	return nil
}

// Find returns a method by its full name; nil where there is none.
func (c *Catalog) Find(name string) *Method {
	for i := range c.specs {
		candidate, found := c.specs[i].Find(name, c.servers...)
		if !found {
			continue
		}
		if c.methods[name] == nil {
			c.methods[name] = newMethod(candidate, &c.specs[i])
		}
		return c.methods[name]
	}
	return nil
}

// Family returns the first part of the names of a protocol's methods: "python" of "python/v1".
func Family(protocolName string) string {
	before, _, _ := strings.Cut(protocolName, "/")
	return before
}

// SuggestMethod looks for a method of nearly that name, in one protocol or in all: in full, and by its last part.
func (c *Catalog) SuggestMethod(name, protocolName string) string {
	if hint := c.methodsOf(name); hint != "" && protocolName == "" {
		return hint
	}
	var full []string
	for _, spec := range c.specs {
		if protocolName != "" && spec.Name != protocolName {
			continue
		}
		for _, candidate := range spec.Methods {
			if candidate.IsPattern() {
				continue
			}
			full = append(full, candidate.Name)
			if _, short, _ := strings.Cut(candidate.Name, "/"); short == name {
				return "did you mean " + definition.Quote(candidate.Name) + "?"
			}
		}
	}
	if hint := c.Suggest(name, full); hint != "" || protocolName == "" {
		return hint
	}
	return c.Suggest(Family(protocolName)+"/"+name, full)
}

// methodsOf names the first method of a protocol, which most tasks want, for a name that is that of a protocol.
func (c *Catalog) methodsOf(name string) string {
	for _, spec := range c.specs {
		if name != Family(spec.Name) && name != spec.Name {
			continue
		}
		for _, m := range spec.Methods {
			if !m.IsPattern() {
				return "it is a protocol: write method: " + m.Name + "; " + ListMethods
			}
		}
	}
	return ""
}

// ListMethods says how to see all methods.
const ListMethods = "`gleitzeit methods` lists all"

// SuggestProtocol looks for a protocol of nearly that name.
func (c *Catalog) SuggestProtocol(name string, known []string) string {
	for _, candidate := range known {
		if Family(candidate) == name {
			return "did you mean " + definition.Quote(candidate) + "?"
		}
	}
	return c.Suggest(name, known)
}

// CalledBy returns the methods that a default is for: one, or all of a protocol. A method that a protocol has under any name
// is there under the names that tasks call it by.
func (c *Catalog) CalledBy(one *definition.Default, tasks []*Task) []*Method {
	if m := c.Find(one.Name); m != nil {
		return []*Method{m}
	}
	spec := c.Spec(one.Name)
	if spec == nil {
		return nil
	}
	var all []*Method
	for _, candidate := range spec.Methods {
		if !candidate.IsPattern() {
			all = append(all, c.Find(candidate.Name))
		}
	}
	for _, task := range tasks {
		if m := task.Method; m != nil && m.Spec == spec && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}
