package stories_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/require"
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
var mermaidParser = sync.OnceValues(func() (string, error) {
	parser := filepath.Join(folder, "mermaid")
	if err := os.CopyFS(parser, os.DirFS("../testdata/mermaid")); err != nil {
		return "", err
	}
	install := exec.Command("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
	install.Dir = parser
	if said, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm cannot install Mermaid: %w\n%s", err, said)
	}
	return parser, nil
})

// mermaid reads texts with Mermaid's parser. The test is skipped where that cannot be had.
func mermaid(t *testing.T, texts ...string) []flowchart {
	t.Helper()
	for _, needed := range []string{"node", "npm"} {
		if _, err := exec.LookPath(needed); err != nil {
			require.Skip(t, "there is no "+needed)
		}
	}
	parser, err := mermaidParser()
	if err != nil {
		require.Skip(t, err.Error())
	}
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
