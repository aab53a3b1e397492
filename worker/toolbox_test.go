package worker_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/worker"
)

func TestMain(m *testing.M) { ollamatest.Main(m) }

func handlers(t *testing.T, o llm.Options) protocol.Handler {
	t.Helper()
	made, closeAll, err := worker.Handlers(worker.HandlerOptions{LLM: o})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeAll(); err != nil {
			t.Error(err)
		}
	})
	return named(made, "llm/v1").Handler
}

func named(all []activities.Protocol, name string) activities.Protocol {
	for _, p := range all {
		if p.Spec.Name == name {
			return p
		}
	}
	return activities.Protocol{}
}

// A model of a real Ollama calls a built-in tool of mcp/v1, and hears what it says.
func TestToolsRoundTrip(t *testing.T) {
	address := ollamatest.Start(t)
	handler := handlers(t, llm.Options{Provider: "ollama", Providers: []protocol.ProviderSettings{
		{Name: "ollama", URLs: []string{address}}, {Name: "openai", URLs: []string{address + "/v1"}, Model: "llama3.2"},
	}})
	for _, parameters := range []string{
		`{"prompt":"What is 2 + 3?","tools":["add"]}`,
		`{"prompt":"What is 2 + 3?","tools":["mcp/tool.add","echo"]}`,
		`{"prompt":"What is 2 + 3?","tools":["add"],"provider":"openai"}`,
	} {
		given, err := value.Parse([]byte(parameters))
		if err != nil {
			t.Fatal(err)
		}
		result, err := handler.Handle(t.Context(), protocol.Request{Method: llm.Chat, Parameters: given}, nil)
		if err != nil {
			t.Fatalf("%s: %v", parameters, err)
		}
		response, _ := result.Value.Get("response")
		calls, _ := result.Value.Get("tool_calls")
		if response.Text() != "The tool answered." || len(calls.Elements()) != 1 || result.Usage.LLMCalls != 2 {
			t.Fatalf("%s: %s", parameters, result.Value.JSON())
		}
		made := calls.Elements()[0]
		for path, want := range map[string]string{"round": "1", "tool": `"add"`, "arguments.a": "2", "arguments.b": "3", "result.result": "5"} {
			at := made
			for step := range strings.SplitSeq(path, ".") {
				at, _ = at.Get(step)
			}
			if got := string(at.JSON()); got != want {
				t.Errorf("%s: %s of the call is %s, not %s", parameters, path, got, want)
			}
		}
	}
}

// A tool is found by each of its names, and a name that is none is told.
func TestNamesOfTools(t *testing.T) {
	handler := handlers(t, llm.Options{})
	given, err := value.Parse([]byte(`{"prompt":"x","tools":["subtract"]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = handler.Handle(t.Context(), protocol.Request{Method: llm.Chat, Parameters: given}, nil)
	if err == nil || protocol.AsError(err, 0).Code != protocol.MethodNotSupported || !strings.Contains(err.Error(), `no MCP server has a tool "subtract"`) {
		t.Errorf("got %v", err)
	}
}
