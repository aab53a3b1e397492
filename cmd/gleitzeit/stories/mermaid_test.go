package stories_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// flowchart is a text as Mermaid's own parser understands it.
type flowchart struct {
	Error  string                     `json:"error"`
	Config map[string]json.RawMessage `json:"config"` // What the text says about Mermaid itself: nothing, or it has escaped.
	Nodes  []struct {
		ID      string   `json:"id"`
		Label   string   `json:"label"` // As a person sees it.
		Shape   string   `json:"shape"`
		Classes []string `json:"classes"`
	} `json:"nodes"`
	Edges []graphEdge `json:"edges"`
}

// mermaidParser installs the parser once, for all tests; the error says why it cannot be had.
var mermaidParser = packages("mermaid")

// withMermaid is the folder of the parser. The test is skipped where that cannot be had.
func withMermaid(t *testing.T) string {
	t.Helper()
	return withPackages(t, mermaidParser)
}

// parsed reads texts with Mermaid's parser.
func parsed(t *testing.T, texts ...string) []flowchart {
	t.Helper()
	parser := withMermaid(t)
	input, err := json.Marshal(texts)
	must(t, err)
	command := exec.Command("node", "parse.mjs")
	command.Dir, command.Stdin = parser, bytes.NewReader(input)
	var said bytes.Buffer
	command.Stderr = &said
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	var read []flowchart
	must(t, json.Unmarshal(output, &read))
	if len(read) != len(texts) {
		t.Fatalf("of %d texts %d were read", len(texts), len(read))
	}
	for i, chart := range read {
		if chart.Error != "" || len(chart.Config) > 0 {
			t.Errorf("Mermaid says %q, and takes %v for settings, of\n%s", chart.Error, chart.Config, texts[i])
		}
	}
	return read
}

// picture is a flowchart as a person sees it in a browser.
type picture struct {
	Title  string   `json:"title"`
	Labels []string `json:"labels"` // In the order of the numbers of the tasks.
}

const draw = `mermaid.initialize({startOnLoad: false});
mermaid.render("chart", TEXT).then(({svg}) => {
	document.body.innerHTML = svg;
	const number = n => Number(n.id.match(/-t(\d+)-/)[1]);
	const nodes = [...document.querySelectorAll("g.node")].sort((a, b) => number(a) - number(b));
	return JSON.stringify({
		title: document.querySelector(".flowchartTitleText").textContent,
		labels: nodes.map(n => n.querySelector(".nodeLabel").innerText),
	});
})`

// drawn has Mermaid draw a text in a browser.
func drawn(t *testing.T, text string) picture {
	t.Helper()
	library := filepath.Join(withMermaid(t), "node_modules", "mermaid", "dist", "mermaid.min.js")
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mermaid.js" {
			http.ServeFile(w, r, library)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, err := w.Write([]byte(`<!doctype html><script src="mermaid.js"></script><body></body>`))
		if err != nil {
			t.Error(err)
		}
	}))
	defer page.Close()
	tab := newTab(t)
	if status := tab.visit(page.URL); status != http.StatusOK {
		t.Fatalf("the page answers %d", status)
	}
	quoted, err := json.Marshal(text)
	must(t, err)
	var seen picture
	programtest.JSON(t, tab.evaluate(strings.Replace(draw, "TEXT", string(quoted), 1)), &seen)
	tab.screenshot("mermaid")
	return seen
}
