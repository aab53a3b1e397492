package docs_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/npmtest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// published is the schema as people get it without the program.
const published = "workflow.schema.json"

func TestThePublishedSchemaIsThatOfTheProgram(t *testing.T) {
	command := exec.CommandContext(t.Context(), programtest.Path(t), "schema")
	command.Env = append(os.Environ(), "GLEITZEIT_HOME="+t.TempDir())
	got, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(published, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := programtest.Read(t, published); string(got) != want {
		t.Errorf("docs/%s differs from what `gleitzeit schema` prints; -update writes it", published)
	}
}

// cursor is where an editor is asked what can stand there.
const cursor = "▏"

// place is a document with a place in it, as the language server has it, and the block that shows what is offered there.
type place struct {
	Text      string `json:"text"`
	Line      int    `json:"line"`
	Character int    `json:"character"`
	shown     block
}

// offer is one thing that can stand at a place.
type offer struct {
	Label string `json:"label"`
	About string `json:"about"`
}

func TestEditorsOfferWhatThePageShows(t *testing.T) {
	const page = "editors.md"
	lines := strings.Split(strings.TrimSuffix(programtest.Read(t, page), "\n"), "\n")
	places := placesOf(blocksOf(lines))
	if len(places) == 0 {
		t.Fatal("the page shows no place")
	}
	offered := complete(t, places)
	for i := len(places) - 1; i >= 0; i-- { // From the end, so that what is replaced moves no line that is still to come.
		shown, got := places[i].shown, table(offered[i])
		if slices.Equal(got, shown.lines) {
			continue
		}
		if *update {
			lines = slices.Replace(lines, shown.line, shown.line+len(shown.lines), got...)
			continue
		}
		t.Errorf("%s:%d: the language server offers\n%s\nthe page has\n%s", page, shown.line+1, strings.Join(got, "\n"), strings.Join(shown.lines, "\n"))
	}
	if *update {
		if err := os.WriteFile(page, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// placesOf finds the blocks of YAML with a cursor; the block of text after each shows what is offered.
func placesOf(blocks []block) []place {
	var places []place
	for i, b := range blocks {
		if b.language != "yaml" || i+1 == len(blocks) || blocks[i+1].language != "text" {
			continue
		}
		for number, line := range b.lines {
			before, after, found := strings.Cut(line, cursor)
			if !found {
				continue
			}
			text := slices.Clone(b.lines)
			text[number] = before + after
			places = append(places, place{strings.Join(text, "\n") + "\n", number, len(before), blocks[i+1]})
		}
	}
	return places
}

// table shows offers as an editor does: each with what it means.
func table(offers []offer) []string {
	width := 0
	for _, one := range offers {
		width = max(width, len(one.Label))
	}
	var lines []string
	for _, one := range offers {
		lines = append(lines, strings.TrimRight(one.Label+strings.Repeat(" ", width-len(one.Label)+2)+one.About, " "))
	}
	return lines
}

// complete asks the language server that VS Code's YAML extension, Neovim and others have about places of workflows that
// lie beside the published schema.
func complete(t *testing.T, places []place) [][]offer {
	t.Helper()
	folder := npmtest.Folder(t, os.DirFS(filepath.Join("testdata", "npm")))
	if err := os.WriteFile(filepath.Join(folder, published), []byte(programtest.Read(t, published)), 0o644); err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(places)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "node", "complete.js", folder)
	command.Dir = folder
	command.Stdin = bytes.NewReader(in)
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, said.Bytes())
	}
	var offered [][]offer
	if err := json.Unmarshal(out, &offered); err != nil || len(offered) != len(places) {
		t.Fatalf("%d places were asked about: %v\n%s", len(places), err, out)
	}
	return offered
}
