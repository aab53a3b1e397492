// Package archtest proves which way imports go. It parses the sources itself: a test that asks the go command is
// answered from the test cache after a bad import.
package archtest

import (
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gleitzeit/gleitzeit"

// rule says what the packages of one folder may import of this module, and of the fenced modules below. A folder
// ending in "/..." stands for all beneath it too.
type rule struct {
	folder string
	own    []string
	fenced []string
}

// The modules that only some packages may see: everything that does I/O, or knows Temporal.
const (
	sdkWorkflow = "go.temporal.io/sdk/workflow"
	sdkActivity = "go.temporal.io/sdk/activity"
	sdkWorker   = "go.temporal.io/sdk/worker"
	sdkClient   = "go.temporal.io/sdk/client"
	sdkValues   = "go.temporal.io/sdk/converter"
	sdkErrors   = "go.temporal.io/sdk/temporal"
	sdkLog      = "go.temporal.io/sdk/log"
	api         = "go.temporal.io/api/..."
	apiEnums    = "go.temporal.io/api/enums/v1"
	server      = "go.temporal.io/server/..."
	mcpSDK      = "github.com/modelcontextprotocol/go-sdk/..."
	disk        = "os"
	network     = "net/..."
	processes   = "os/exec"
	yaml        = "go.yaml.in/yaml/v4"
	schema      = "github.com/santhosh-tekuri/jsonschema/v6"
	ecmascript  = "github.com/dlclark/regexp2/v2/..."
	database    = "modernc.org/sqlite/..."
	redisClient = "github.com/redis/go-redis/..."
	grpc        = "google.golang.org/grpc/..."
	cobra       = "github.com/spf13/cobra"
	ollama      = "github.com/ollama/ollama/..."
	profiles    = "go.temporal.io/sdk/contrib/envconfig"
	uiServer    = "github.com/temporalio/ui-server/..."
	echo        = "github.com/labstack/echo/..."
	dotenv      = "github.com/compose-spec/compose-go/..."
	expressions = "github.com/expr-lang/expr/..."
	pdfReader   = "github.com/klippa-app/go-pdfium/..."
	webAssembly = "github.com/tetratelabs/wazero/..."
)

var fenced = []string{
	"go.temporal.io/...",
	mcpSDK,
	ollama,
	disk,
	network,
	processes,
	yaml,
	schema,
	ecmascript,
	database,
	redisClient,
	grpc,
	cobra,
	"database/sql",
	expressions,
	uiServer,
	echo,
	dotenv,
	pdfReader,
	webAssembly,
}

// rules is the table of the house. A package that no rule names is an error: the table is complete.
var rules = []rule{
	{"cmd/gleitzeit", []string{"cmd/gleitzeit/internal/cli"}, []string{disk}},
	{"cmd/gleitzeit/internal/cli", []string{
		"cmd/gleitzeit/internal/approve", "cmd/gleitzeit/internal/batch", "cmd/gleitzeit/internal/batchapi", "cmd/gleitzeit/internal/batchclient", "cmd/gleitzeit/internal/batchruns", "cmd/gleitzeit/internal/completion", "cmd/gleitzeit/internal/doctor", "cmd/gleitzeit/internal/documents", "cmd/gleitzeit/internal/export", "cmd/gleitzeit/internal/help", "cmd/gleitzeit/internal/logs", "cmd/gleitzeit/internal/mcpserver", "cmd/gleitzeit/internal/methods", "cmd/gleitzeit/internal/mistyped", "cmd/gleitzeit/internal/opener", "cmd/gleitzeit/internal/outputs", "cmd/gleitzeit/internal/parameters", "cmd/gleitzeit/internal/progress", "cmd/gleitzeit/internal/report", "cmd/gleitzeit/internal/retry",
		"cmd/gleitzeit/internal/runs", "cmd/gleitzeit/internal/schedule", "cmd/gleitzeit/internal/starter", "cmd/gleitzeit/internal/startpage", "cmd/gleitzeit/internal/upkeep", "cmd/gleitzeit/internal/view", "interpreter", "interpreter/definition", "interpreter/plan", "interpreter/schema",
		"internal/config", "internal/documents/reader", "internal/gate", "internal/home", "internal/licenses", "internal/protocol", "internal/value", "internal/version",
	}, []string{disk, cobra}},
	{"cmd/gleitzeit/internal/documents", []string{"activities/documents", "internal/documents", "internal/documents/reader", "internal/protocol", "internal/value"}, []string{disk, cobra}},
	{"cmd/gleitzeit/internal/outputs", []string{
		"activities", "interpreter/plan", "interpreter/reference", "internal/protocol", "internal/resultstore", "internal/table", "internal/value",
	}, []string{disk}},
	{"cmd/gleitzeit/internal/export", []string{
		"cmd/gleitzeit/internal/completion", "cmd/gleitzeit/internal/outputs", "cmd/gleitzeit/internal/view", "interpreter/reference", "internal/home", "internal/protocol", "internal/resultstore", "internal/table", "internal/value", "internal/workbook",
	}, []string{disk, cobra}},
	{"cmd/gleitzeit/internal/page", nil, nil},
	{"cmd/gleitzeit/internal/report", []string{
		"activities/llm/images", "cmd/gleitzeit/internal/export", "cmd/gleitzeit/internal/outputs", "cmd/gleitzeit/internal/page", "cmd/gleitzeit/internal/view", "interpreter/plan", "interpreter/reference", "internal/home", "internal/protocol", "internal/resultstore", "internal/temporalname", "internal/value",
	}, []string{disk, cobra}},
	{"cmd/gleitzeit/internal/startpage", []string{
		"cmd/gleitzeit/internal/page", "cmd/gleitzeit/internal/report", "cmd/gleitzeit/internal/view", "internal/protocol", "internal/resultstore", "internal/value",
	}, []string{network}},
	{"cmd/gleitzeit/internal/batch", []string{
		"cmd/gleitzeit/internal/parameters", "activities", "activities/llm", "activities/rows", "interpreter", "interpreter/definition", "interpreter/plan", "interpreter/reference",
		"internal/documents/reader", "internal/protocol", "internal/requestfile", "internal/value",
	}, []string{disk}},
	{"cmd/gleitzeit/internal/batchapi", []string{
		"cmd/gleitzeit/internal/batch", "cmd/gleitzeit/internal/view", "activities/llm", "interpreter", "interpreter/definition", "interpreter/plan", "internal/config", "internal/gate", "internal/home", "internal/protocol", "internal/requestfile", "internal/value",
	}, []string{disk, network}},
	{"cmd/gleitzeit/internal/batchclient", []string{"internal/config", "internal/home", "internal/protocol", "internal/requestfile", "internal/value"}, []string{disk, network}},
	{"cmd/gleitzeit/internal/batchruns", []string{
		"activities/llm", "cmd/gleitzeit/internal/batchapi", "cmd/gleitzeit/internal/export", "cmd/gleitzeit/internal/runs", "cmd/gleitzeit/internal/view", "interpreter/definition", "interpreter/plan", "internal/protocol",
	}, nil},
	{"cmd/gleitzeit/internal/mistyped", []string{"cmd/gleitzeit/internal/view", "internal/suggest"}, []string{disk, cobra}},
	{"cmd/gleitzeit/internal/parameters", []string{"internal/protocol", "internal/value"}, nil},
	{"cmd/gleitzeit/internal/mcpserver", []string{
		"cmd/gleitzeit/internal/view", "interpreter", "interpreter/definition", "interpreter/plan", "internal/gate", "internal/mcptask", "internal/protocol", "internal/temporalname", "internal/value",
	}, []string{disk, network, mcpSDK}},
	{"cmd/gleitzeit/internal/progress", []string{
		"cmd/gleitzeit/internal/runs/history", "cmd/gleitzeit/internal/view", "interpreter/plan", "internal/protocol", "internal/resultstore", "internal/value",
	}, []string{disk}},
	{"cmd/gleitzeit/internal/runs", []string{"internal/temporalname",
		"cmd/gleitzeit/internal/runs/followers", "cmd/gleitzeit/internal/runs/history", "cmd/gleitzeit/internal/runs/retention", "cmd/gleitzeit/internal/view", "worker", "workflows", "activities", "activities/llm", "activities/mcp", "activities/python",
		"interpreter/plan", "internal/child", "internal/cluster", "internal/config", "internal/documents", "internal/documents/reader", "internal/encryption", "internal/engine", "internal/home", "internal/protocol", "internal/redaction", "internal/resultstore",
		"internal/resultstore/open", "internal/resultstore/sealed", "internal/scratch", "internal/secretsource", "internal/suggest", "internal/value", "internal/webui",
	}, []string{disk, sdkClient, sdkErrors, api}},
	{"cmd/gleitzeit/internal/retry", []string{
		"activities", "workflows", "cmd/gleitzeit/internal/runs", "cmd/gleitzeit/internal/view", "interpreter/definition", "interpreter/plan", "internal/protocol", "internal/resultstore", "internal/resultstore/memory", "internal/value",
	}, nil},
	{"cmd/gleitzeit/internal/logs", []string{
		"cmd/gleitzeit/internal/runs", "cmd/gleitzeit/internal/runs/history", "cmd/gleitzeit/internal/view", "internal/protocol", "internal/resultstore", "internal/value",
	}, []string{cobra}},
	{"cmd/gleitzeit/internal/doctor", []string{
		"activities/python", "cmd/gleitzeit/internal/runs", "cmd/gleitzeit/internal/view", "internal/home", "internal/protocol", "internal/resultstore/open", "internal/value",
	}, []string{disk, network, cobra}},
	{"cmd/gleitzeit/internal/help", []string{"cmd/gleitzeit/internal/view"}, []string{disk, cobra}},
	{"cmd/gleitzeit/internal/completion", []string{
		"cmd/gleitzeit/internal/view", "internal/resultstore", "interpreter/definition", "cmd/gleitzeit/internal/methods", "cmd/gleitzeit/internal/parameters", "cmd/gleitzeit/internal/runs", "interpreter/schema", "internal/home", "internal/protocol",
	}, []string{disk, cobra}},
	{"cmd/gleitzeit/internal/methods", []string{
		"cmd/gleitzeit/internal/parameters", "cmd/gleitzeit/internal/view", "internal/protocol", "internal/suggest", "internal/value",
	}, []string{cobra}},
	{"cmd/gleitzeit/internal/opener", []string{
		"cmd/gleitzeit/internal/runs", "internal/child", "internal/engine", "internal/gate", "internal/home", "internal/protocol",
	}, []string{network, processes, cobra}},
	{"cmd/gleitzeit/internal/starter", []string{
		"cmd/gleitzeit/internal/runs", "cmd/gleitzeit/internal/view", "internal/protocol", "internal/suggest", "internal/value",
	}, []string{disk, cobra}},
	{"cmd/gleitzeit/internal/approve", []string{
		"cmd/gleitzeit/internal/parameters", "cmd/gleitzeit/internal/runs", "cmd/gleitzeit/internal/view", "internal/protocol", "internal/value",
	}, []string{cobra}},
	{"cmd/gleitzeit/internal/schedule", []string{
		"cmd/gleitzeit/internal/completion", "cmd/gleitzeit/internal/runs", "cmd/gleitzeit/internal/view", "interpreter/plan", "internal/protocol", "internal/suggest", "internal/temporalname", "internal/value",
	}, []string{disk, cobra, sdkClient, sdkErrors, api}},
	{"cmd/gleitzeit/internal/upkeep", []string{
		"cmd/gleitzeit/internal/runs", "cmd/gleitzeit/internal/runs/retention", "cmd/gleitzeit/internal/view", "internal/backup", "internal/config", "internal/home", "internal/protocol", "internal/resultstore",
	}, []string{cobra}},
	{"cmd/gleitzeit/internal/runs/followers", nil, nil},
	{"cmd/gleitzeit/internal/runs/retention", []string{"workflows", "internal/home", "internal/protocol", "internal/resultstore", "internal/sqlitefile"}, []string{disk, sdkClient, api}},
	{"cmd/gleitzeit/internal/runs/history", []string{"workflows", "interpreter/plan", "internal/protocol"}, []string{sdkErrors, sdkValues, api}},
	{"cmd/gleitzeit/internal/view", []string{"interpreter/plan", "internal/protocol", "internal/resultstore", "internal/value"}, nil},
	{"interpreter", []string{"interpreter/definition", "interpreter/resolve", "interpreter/rules", "interpreter/plan", "interpreter/reference", "internal/protocol", "internal/value"}, nil},
	{"interpreter/definition", []string{"internal/temporalname", "internal/protocol", "internal/value"}, []string{yaml}},
	{"interpreter/condition", []string{"interpreter/reference", "internal/protocol", "internal/regex", "internal/value"}, []string{expressions}},
	{"interpreter/resolve", []string{"interpreter/definition", "interpreter/plan", "interpreter/reference", "internal/glob", "internal/jsonschema", "internal/protocol", "internal/suggest", "internal/table", "internal/value"}, nil},
	{"interpreter/rules", []string{"internal/temporalname", "interpreter/condition", "interpreter/definition", "interpreter/plan", "interpreter/reference", "interpreter/resolve", "internal/jsonschema", "internal/protocol", "internal/value"}, []string{schema}},
	{"interpreter/schema", []string{"interpreter/definition", "internal/protocol", "internal/value", "internal/suggest"}, nil},
	{"interpreter/reference", []string{"internal/protocol", "internal/value", "internal/suggest"}, nil},
	{"interpreter/plan", []string{"internal/protocol", "internal/value"}, nil},
	{"interpreter/fanout", []string{"interpreter/plan", "internal/protocol"}, nil},
	{"workflows", []string{"interpreter/fanout", "interpreter/plan", "internal/protocol", "internal/value"}, []string{sdkWorkflow, sdkErrors, apiEnums}},
	{"activities", []string{"activities/approval", "activities/calllog", "activities/lists", "activities/rows", "activities/split", "internal/documents/reader", "internal/folder", "internal/glob", "internal/protocol", "internal/redaction", "internal/resultstore", "internal/secretsource", "internal/table", "internal/value", "interpreter/condition", "interpreter/reference"}, []string{sdkActivity, sdkErrors, sdkValues, disk}},
	{"activities/calllog", []string{"internal/protocol", "internal/redaction"}, nil},
	{"activities/lists", []string{"internal/listfile", "internal/protocol", "internal/scratch", "internal/value", "interpreter/reference"}, nil},
	{"activities/rows", []string{"internal/protocol", "internal/requestfile", "internal/table", "internal/value"}, nil},
	{"activities/llm", []string{"activities/llm/answer", "activities/llm/content", "activities/llm/document", "activities/llm/images", "activities/llm/ollama", "activities/llm/openai", "activities/llm/pool", "activities/llm/provider", "activities/split", "internal/documents", "internal/documents/reader", "internal/jsonschema", "internal/protocol", "internal/redaction", "internal/value"}, []string{network}},
	{"activities/approval", []string{"internal/jsonschema", "internal/protocol", "internal/suggest", "internal/value"}, nil},
	{"activities/documents", []string{"internal/documents", "internal/documents/reader", "internal/jsonschema", "internal/protocol", "internal/value"}, nil},
	{"activities/notify", []string{"internal/child", "internal/jsonschema", "internal/protocol", "internal/redaction", "internal/value"}, []string{disk, network, processes}},
	{"activities/split", []string{"internal/jsonschema", "internal/protocol", "internal/value"}, nil},
	{"activities/llm/answer", []string{"internal/value"}, nil},
	{"activities/llm/document", nil, nil},
	{"activities/llm/images", []string{"internal/documents"}, []string{network}}, // To detect the type of content.
	{"activities/llm/pool", []string{"activities/llm/provider", "internal/protocol"}, nil},
	{"activities/llm/provider", []string{"internal/protocol", "internal/redaction", "internal/value"}, []string{network}},
	{"activities/llm/ollama", []string{"activities/llm/provider", "internal/jsonschema", "internal/protocol", "internal/value"}, []string{network, ollama}},
	{"activities/llm/openai", []string{"activities/llm/provider", "internal/protocol", "internal/value"}, []string{network}},
	{"activities/python", []string{"internal/child", "internal/listfile", "internal/redaction", "internal/scratch", "internal/protocol", "internal/value"}, []string{disk, processes}},
	{"activities/mcp", []string{"activities/mcp/stdio", "activities/mcp/wire", "internal/redaction", "internal/secretsource", "internal/jsonschema", "internal/mcptask", "internal/protocol", "internal/value"}, []string{mcpSDK, disk, network}},
	{"activities/mcp/wire", []string{"internal/mcptask", "internal/value"}, []string{mcpSDK}},
	{"activities/mcp/stdio", []string{"internal/child", "internal/protocol", "internal/redaction"}, []string{disk, processes}},
	{"worker", []string{
		"workflows", "activities", "activities/approval", "activities/documents", "activities/llm", "activities/python", "activities/mcp", "activities/notify", "interpreter/plan", "internal/documents/reader", "internal/jsonschema", "internal/protocol", "internal/value", "internal/resultstore",
	}, []string{sdkWorker, sdkWorkflow, sdkActivity, sdkClient, sdkValues, sdkErrors, api}},
	{"internal/value", nil, nil},
	{"internal/mcptask", nil, nil},
	{"internal/child", nil, []string{processes}},
	{"internal/redaction", []string{"internal/value"}, []string{network}},
	{"internal/encryption", []string{"internal/protocol"}, []string{disk, grpc, sdkValues, api}},
	{"internal/secretsource", []string{"internal/protocol"}, []string{disk, dotenv}},
	{"internal/protocol", []string{"internal/redaction", "internal/value"}, nil},
	{"internal/jsonschema", []string{"internal/protocol", "internal/regex", "internal/value"}, []string{schema, ecmascript}},
	{"internal/requestfile", []string{"internal/value"}, nil},
	{"internal/licenses", nil, nil},
	{"internal/version", nil, nil},
	{"internal/suggest", nil, nil},
	{"internal/table", []string{"internal/protocol", "internal/value", "internal/workbook", "internal/workbook/numberformat", "internal/xmlarchive"}, nil},
	{"internal/workbook", []string{"internal/workbook/numberformat", "internal/xmlarchive"}, nil},
	{"internal/workbook/numberformat", nil, nil},
	{"internal/xmlarchive", nil, nil},
	{"internal/glob", nil, nil},
	{"internal/folder", []string{"internal/glob"}, []string{disk}},
	{"internal/documents/reader", []string{"internal/child", "internal/documents", "internal/protocol", "internal/scratch", "internal/value"}, []string{disk, processes}},
	{"internal/documents", []string{"internal/documents/pdf", "internal/workbook", "internal/workbook/numberformat", "internal/xmlarchive"}, nil},
	{"internal/documents/pdf", nil, []string{disk, pdfReader, webAssembly}}, // The disk for what PDFium is compiled to.
	{"internal/regex", nil, nil},
	{"internal/temporalname", nil, nil},
	{"internal/config", []string{"internal/protocol", "internal/value", "internal/suggest"}, []string{disk, network, yaml}},
	{"internal/scratch", nil, []string{disk}},
	{"internal/listfile", []string{"internal/protocol", "internal/value"}, []string{disk}},
	{"internal/home", []string{"internal/protocol", "internal/value"}, []string{disk}},
	{"internal/engine", []string{"internal/home", "internal/protocol", "internal/value"}, []string{disk, network, database, grpc, "database/sql", server, sdkClient, sdkWorker, sdkLog, api}},
	{"internal/cluster", []string{"internal/protocol", "internal/value"}, []string{grpc, profiles, sdkClient, sdkLog, api}},
	{"internal/webui", []string{"internal/gate", "internal/home", "internal/protocol", "internal/value"}, []string{disk, network, grpc, api, sdkValues, uiServer, echo}},
	{"internal/gate", []string{"internal/home"}, []string{disk, network}},
	{"internal/resultstore", []string{"internal/protocol", "internal/value"}, nil},
	{"internal/resultstore/memory", []string{"internal/protocol", "internal/value", "internal/resultstore"}, nil},
	{"internal/resultstore/packed", []string{"internal/protocol", "internal/value"}, nil},
	{"internal/backup", []string{"internal/home", "internal/protocol", "internal/sqlitefile"}, []string{disk}},
	{"internal/sqlitefile", nil, []string{disk, database, "database/sql"}},
	{"internal/resultstore/sqlite", []string{"internal/protocol", "internal/value", "internal/resultstore", "internal/resultstore/packed", "internal/sqlitefile"}, []string{disk, database, "database/sql", network}},
	{"internal/resultstore/redis", []string{"internal/protocol", "internal/value", "internal/resultstore", "internal/resultstore/packed"}, []string{disk, redisClient, network}},
	{"internal/resultstore/open", []string{
		"internal/protocol", "internal/value", "internal/resultstore", "internal/resultstore/memory", "internal/resultstore/sqlite", "internal/resultstore/redis",
	}, nil},
	{"internal/resultstore/sealed", []string{"internal/encryption", "internal/protocol", "internal/resultstore", "internal/resultstore/packed"}, nil},
	{"internal/resultstore/storetest", []string{"internal/protocol", "internal/value", "internal/resultstore"}, nil},
	{"internal/require", nil, []string{disk}},
	{"internal/programtest", []string{"internal/require"}, []string{disk, processes}},
	{"internal/redactiontest", []string{"internal/redaction"}, []string{network}},
	{"internal/npmtest", []string{"internal/require"}, []string{disk, processes}},
	{"internal/ollamatest", []string{"internal/require"}, []string{disk, network, processes, ollama}},
	{"internal/redistest", []string{"internal/require"}, []string{disk, network, processes, redisClient}},
	{"internal/servertest", []string{"internal/engine", "internal/home"}, []string{sdkClient, disk}},
}

// vague are names that say nothing of what is inside.
var vague = []string{"util", "utils", "common", "helper", "helpers", "misc", "types", "models"}

const root = "../.."

func TestImportsGoOneWay(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range sources(t) {
		folder := filepath.ToSlash(filepath.Dir(file))
		if strings.Contains(folder, "testdata") || strings.HasPrefix(folder, "benchmarks") || strings.HasPrefix(folder, "examples") {
			continue
		}
		at := slices.IndexFunc(rules, func(r rule) bool { return r.folder == folder })
		if at < 0 {
			if folder != "internal/archtest" && !onlyTests(t, folder) {
				t.Errorf("%s: the table has no rule for this folder", folder)
			}
			continue
		}
		seen[folder] = true
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, path := range importsOf(t, file) {
			if why := refused(rules[at], path); why != "" {
				t.Errorf("%s imports %s: %s", file, path, why)
			}
		}
	}
	for _, r := range rules {
		if !seen[r.folder] {
			t.Errorf("the table has a rule for %s, which is not there", r.folder)
		}
	}
}

// above are the floors that stand on internal. Nothing beneath internal may import them, whatever the table says; only
// tests may, to try a package with what really calls it.
var above = []string{"cmd", "worker", "workflows", "activities", "interpreter"}

func TestInternalImportsNoFloorAbove(t *testing.T) {
	for _, file := range sources(t) {
		if !strings.HasPrefix(filepath.ToSlash(file), "internal/") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, path := range importsOf(t, file) {
			if isAbove(path) {
				t.Errorf("%s imports %s, and internal is the ground that it stands on", file, path)
			}
		}
	}
	for _, r := range rules {
		for _, own := range r.own {
			if strings.HasPrefix(r.folder, "internal/") && isAbove(module+"/"+own) {
				t.Errorf("the table lets %s import %s, and internal is the ground that it stands on", r.folder, own)
			}
		}
	}
	for path, want := range map[string]bool{"/worker": true, "/interpreter/plan": true, "/cmd/gleitzeit/internal/view": true, "/internal/value": false} {
		if isAbove(module+path) != want {
			t.Errorf("%s: above is %v", path, !want)
		}
	}
}

// isAbove reports whether an imported path is of a floor that stands on internal.
func isAbove(path string) bool {
	own, of := strings.CutPrefix(path, module+"/")
	floor, _, _ := strings.Cut(own, "/")
	return of && slices.Contains(above, floor)
}

func TestNoNameIsVague(t *testing.T) {
	for _, file := range sources(t) {
		for _, part := range strings.Split(filepath.ToSlash(strings.TrimSuffix(file, ".go")), "/") {
			if slices.Contains(vague, strings.TrimSuffix(part, "_test")) {
				t.Errorf("%s: %q says nothing of what is inside", file, part)
			}
		}
	}
}

func TestThreeTestBinariesLinkTheEngine(t *testing.T) {
	engines := []string{module + "/internal/engine", module + "/internal/servertest", module + "/cmd/gleitzeit/internal/cli", module + "/cmd/gleitzeit/internal/runs"}
	linking := map[string]bool{}
	for _, file := range sources(t) {
		folder := filepath.ToSlash(filepath.Dir(file))
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		if folder == "internal/engine" || folder == "cmd/gleitzeit/internal/cli" || folder == "cmd/gleitzeit/internal/runs" || slices.ContainsFunc(importsOf(t, file), func(path string) bool { return slices.Contains(engines, path) }) {
			linking[folder] = true
		}
	}
	if len(linking) > 3 {
		t.Errorf("%d test binaries link the engine, and each takes minutes to build: %v", len(linking), linking)
	}
}

// TestRefusals makes sure that the table can refuse.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ folder, path string }{
		{"workflows", "os"},
		{"workflows", "net/http"},
		{"workflows", module + "/activities"},
		{"interpreter/plan", "go.temporal.io/sdk/workflow"},
		{"activities/python", "go.temporal.io/sdk/activity"},
		{"cmd/gleitzeit/internal/cli", "go.temporal.io/server/temporal"},
		{"internal/protocol", "github.com/google/uuid"},
	} {
		at := slices.IndexFunc(rules, func(r rule) bool { return r.folder == c.folder })
		if refused(rules[at], c.path) == "" {
			t.Errorf("%s may import %s", c.folder, c.path)
		}
	}
}

// refused tells why a folder may not import a path, or nothing.
func refused(r rule, path string) string {
	if own, of := strings.CutPrefix(path, module+"/"); of {
		if !slices.Contains(r.own, own) {
			return "the table does not let it"
		}
		return ""
	}
	if (r.folder == "internal/protocol" || r.folder == "internal/value") && strings.Contains(strings.Split(path, "/")[0], ".") {
		return "it imports the standard library alone"
	}
	if slices.ContainsFunc(fenced, matches(path)) && !slices.ContainsFunc(r.fenced, matches(path)) {
		return "that is fenced off"
	}
	return ""
}

func matches(path string) func(pattern string) bool {
	return func(pattern string) bool {
		if base, beneath := strings.CutSuffix(pattern, "/..."); beneath {
			return path == base || strings.HasPrefix(path, base+"/")
		}
		return path == pattern
	}
}

func onlyTests(t *testing.T, folder string) bool {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".go") && !strings.HasSuffix(entry.Name(), "_test.go") {
			return false
		}
	}
	return true
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, spec := range parsed.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// sources lists every Go file of the module, from its root.
func sources(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			relative, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			files = append(files, relative)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// mayNameProviders are files that name a provider of models although they are not of its package, and why.
var mayNameProviders = map[string]string{
	"activities/llm/providers.go":            "the table",
	"cmd/gleitzeit/internal/cli/batch.go":    "an example in the help",
	"cmd/gleitzeit/internal/cli/provider.go": "an example in the help",

	"cmd/gleitzeit/internal/batchclient/client.go": "the variable that clients of the Batch API have for its key",
}

// TestOnlyTheTableNamesProviders: to add a provider of models is to add a package and a line.
func TestOnlyTheTableNamesProviders(t *testing.T) {
	const around = "activities/llm/"
	var names []string
	entries, err := os.ReadDir(filepath.Join(root, around))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() && !slices.Contains([]string{"provider", "pool", "answer", "document", "images", "testdata"}, entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	if len(names) < 2 {
		t.Fatalf("the packages of providers are %v", names)
	}
	for _, file := range sources(t) {
		file = filepath.ToSlash(file)
		if strings.HasSuffix(file, "_test.go") || mayNameProviders[file] != "" ||
			!slices.ContainsFunc([]string{around, "internal/config/", "worker/", "cmd/"}, func(folder string) bool { return strings.HasPrefix(file, folder) }) {
			continue
		}
		for _, name := range names {
			if strings.HasPrefix(file, around+name+"/") {
				continue
			}
			for _, word := range wordsOf(t, file) {
				if strings.Contains(strings.ToLower(word), name) {
					t.Errorf("%s names the provider %s: %s", file, name, word)
				}
			}
		}
	}
}

// wordsOf are the names and the texts of a file; comments are none.
func wordsOf(t *testing.T, file string) []string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var s scanner.Scanner
	s.Init(set.AddFile(file, set.Base(), len(source)), source, nil, 0)
	var words []string
	for {
		_, kind, text := s.Scan()
		if kind == token.EOF {
			return words
		}
		if kind == token.IDENT || kind == token.STRING {
			words = append(words, text)
		}
	}
}

// TestOnePlaceStartsPrograms: a program that is started anywhere else could get this process's variables, with keys in them.
func TestOnePlaceStartsPrograms(t *testing.T) {
	starts := regexp.MustCompile(`\b(exec\.Command(Context)?|os\.StartProcess|syscall\.(ForkExec|StartProcess))\(`)
	found := 0
	for _, file := range sources(t) {
		file = filepath.ToSlash(file)
		// What is for tests alone starts programs of the developer's machine, and so do modules that compare with them.
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "benchmarks/") || strings.Contains(file, "/testdata/") || regexp.MustCompile(`^internal/[a-z]+test/`).MatchString(file) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case !starts.Match(data):
		case strings.HasPrefix(file, "internal/child/"):
			found++
		default:
			t.Errorf("%s starts a program: internal/child does that", file)
		}
	}
	if found != 1 {
		t.Errorf("%d files of internal/child start programs", found)
	}
}
