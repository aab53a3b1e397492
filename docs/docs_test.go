// Package docs_test proves the documentation: it types every command that README.md and docs/*.md show, compares what
// they print, follows links, and compares tables with what the program knows. It starts the built program and links no
// engine.
//
// In a page, a block whose first line is `# file: NAME`, or whose fence has a name after the language, is that file from
// there on. In a console block, `$ COMMAND` is typed and the lines beneath are what must be seen, both streams together. A
// line `Killed` or `^C` sends that signal once everything above it has been printed. `go test ./docs -update` writes what was
// seen into the pages.
package docs_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/activities/mcp"
	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/condition"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/rules"
)

const root = ".."

// asksModels finds tasks of models, and commands that ask one.
var asksModels = regexp.MustCompile(`method: llm/|(?m)^\$ gleitzeit (batch|call llm/).*(--prompt|--vision|llm/)`)

var update = flag.Bool("update", false, "write the output that was seen into the pages")

func TestMain(m *testing.M) { os.Exit(programtest.Main(m, ollamatest.Stop)) }

func TestPagesShowWhatTheProgramPrints(t *testing.T) {
	program := programtest.Path(t)
	for _, path := range pages(t) {
		t.Run(strings.TrimPrefix(filepath.ToSlash(path), "../"), func(t *testing.T) {
			t.Parallel()
			d, text := newDesk(t, program), programtest.Read(t, path)
			if asksModels.MatchString(text) {
				d.ollama = ollamatest.Start(t)
			}
			if strings.Contains(text, "node_modules/") {
				d.install(t, filepath.Join("testdata", "mcp"))
			}
			play(t, path, d)
		})
	}
}

func TestEveryErrorCodeIsExplained(t *testing.T) {
	var want strings.Builder
	for _, info := range protocol.Codes {
		fmt.Fprintf(&want, "| %d | `%s` | %s | %s |\n", info.Code, info.Name, info.Kind, info.Meaning)
	}
	if page := programtest.Read(t, "errors.md"); !strings.Contains(page, want.String()) {
		t.Errorf("docs/errors.md does not hold the codes as internal/protocol has them:\n%s", want.String())
	}
}

func TestEveryKeyIsExplained(t *testing.T) {
	const unknown = `
name: x
nonsense: 1
inputs: {a: {nonsense: 1}}
batch: {nonsense: 1}
defaults: {llm/v1: {nonsense: 1}}
mcp_servers: {a: {nonsense: 1}}
tasks:
  - {id: a, method: mcp/tool.echo, nonsense: 1, retry: {nonsense: 1}, split: {nonsense: 1}}
`
	flow, found := definition.Parse("flow.yaml", []byte(unknown))
	if flow == nil {
		t.Fatal(found)
	}
	if len(flow.UnknownKeys) != 8 {
		t.Fatalf("%d unknown keys were found, not one each of a workflow, an input, a batch, a default, an MCP server, a task, a retry and a split", len(flow.UnknownKeys))
	}
	page := programtest.Read(t, "workflow-reference.md")
	for _, where := range flow.UnknownKeys {
		section := sectionOf(page, strings.ToLower(where.Where))
		for _, key := range where.Known {
			if !strings.Contains(section, "`"+key+"`") {
				t.Errorf("docs/workflow-reference.md, section %q, does not have the key %s", where.Where, key)
			}
		}
	}
}

func TestEverySettingIsExplained(t *testing.T) {
	settings, err := config.Load(config.Options{Env: func(string) (string, bool) { return "", false }, Home: t.TempDir(), Providers: llm.Providers()})
	if err != nil {
		t.Fatal(err)
	}
	section := sectionOf(programtest.Read(t, "settings.md"), "all settings")
	for _, entry := range settings.Entries {
		if !strings.Contains(section, "| `"+entry.Name+"`") {
			t.Errorf("docs/settings.md, section \"All settings\", does not have %s", entry.Name)
		}
	}
}

func TestEveryRuleIsExplained(t *testing.T) {
	names := []string{"syntax", "limit"}
	for _, rule := range rules.All() {
		names = append(names, rule.Name)
	}
	checks := programtest.Read(t, "checks.md")
	section := sectionOf(programtest.Read(t, "workflow-reference.md"), "rules")
	var rows []string // One a rule, in the order in which they are applied.
	for line := range strings.Lines(section) {
		if name, _, is := strings.Cut(strings.TrimPrefix(line, "| `"), "` |"); is && strings.HasPrefix(line, "| `") {
			rows = append(rows, name)
		}
	}
	if !slices.Equal(rows, names) {
		t.Errorf("docs/workflow-reference.md, section \"Rules\", has the rules\n%s\nand there are\n%s", rows, names)
	}
	for _, name := range names {
		_, own, _ := strings.Cut(checks, "\n## "+name+"\n")
		if own, _, _ = strings.Cut(own, "\n## "); !strings.Contains(own, " ["+name+"]\n") {
			t.Errorf("docs/checks.md has no section %s that shows a message of the rule", name)
		}
	}
}

func TestEveryFunctionOfConditionsIsExplained(t *testing.T) {
	var want strings.Builder
	for _, f := range condition.Functions() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", f.Name, f.Takes, f.About)
	}
	if page := programtest.Read(t, "workflow-reference.md"); !strings.Contains(page, want.String()) {
		t.Errorf("docs/workflow-reference.md does not hold the functions as interpreter/condition has them:\n%s", want.String())
	}
}

func TestEveryMethodIsExplained(t *testing.T) {
	page, tools := programtest.Read(t, "protocols.md"), sectionOf(programtest.Read(t, "mcp.md"), "methods")
	for _, spec := range []protocol.Spec{llm.Spec(""), python.Spec(), mcp.Spec()} {
		if !strings.Contains(page, "\n## "+spec.Name+"\n") {
			t.Errorf("docs/protocols.md has no section %s", spec.Name)
		}
		for _, method := range spec.Methods {
			if !strings.Contains(page, "\n### "+method.Name+"\n") && !strings.Contains(tools, "| `"+method.Name+"` |") {
				t.Errorf("docs/protocols.md has no section %s, nor docs/mcp.md a line", method.Name)
			}
		}
	}
}

func TestEveryParameterOfModelsIsExplained(t *testing.T) {
	page := programtest.Read(t, "providers.md")
	for _, method := range llm.Spec("").Methods {
		for title, schema := range map[string]json.RawMessage{"parameters": method.Parameters, "results": method.Result} {
			described, err := value.Parse(schema)
			if err != nil {
				t.Fatal(err)
			}
			properties, _ := described.Get("properties")
			for _, property := range properties.Fields() {
				if !strings.Contains(sectionOf(page, title), "`"+property.Name+"`") {
					t.Errorf("docs/providers.md, section %q, does not have %s of %s", title, property.Name, method.Name)
				}
			}
		}
	}
}

// sectionOf returns what stands beneath the heading that ends with these words, up to the next one.
func sectionOf(page, title string) string {
	var section strings.Builder
	inside := false
	for _, line := range prose(page) {
		if strings.HasPrefix(line, "#") {
			inside = strings.HasSuffix(strings.ToLower(strings.TrimSpace(line)), title)
		}
		if inside {
			section.WriteString(line)
		}
	}
	return section.String()
}

// pages are the files of Markdown in docs and its folders, and those at the root of the repository that show commands.
func pages(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"*.md", "*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no pages are %s: %v", pattern, err)
		}
		paths = append(paths, found...)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "skills/gleitzeit/SKILL.md"} {
		paths = append(paths, filepath.Join(root, filepath.FromSlash(name)))
	}
	return paths
}
