package activities

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// aboutFile runs a call about a file, and returns its outcome and what its record has of the call.
func aboutFile(t *testing.T, path, given string) (*protocol.Outcome, string) {
	t.Helper()
	store, item := memory.New(), value.String(path)
	outcome, _ := runAttemptOf(t, protocol.Method{Name: "test/do"}, store, protocol.Call{
		Parameters: parameters(t, given), Reads: []string{filepath.Dir(path)},
		Bindings: []protocol.Binding{{Head: "item", Value: protocol.Payload{Inline: &item}, File: true}},
	}, nil, echo)
	whole := protocol.NoItem
	records, err := store.Records(t.Context(), resultstore.Query{Run: "r", Execution: "e", Kind: resultstore.Task, Task: "a", Item: &whole})
	if err != nil || len(records) != 1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	return outcome, records[0].Call
}

// The document of an item is read where a reference leads to it, and only there. The hash of the call has what it says.
func TestDocumentOfAnItem(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	notes, latin, binary := write("notes.md", "# Notes\n\nTea at five.\n"), write("latin.txt", "caf\xe9"), write("broken.docx", "PK\x03\x04 and no more")
	mail := write("a.eml", "Subject: Hello\r\nContent-Type: text/plain\r\n\r\nTea?\r\n")
	for _, c := range []struct{ path, given, want string }{
		{notes, `{"prompt": "${item.text}\n\nWhat is ${item.title} about?"}`, `{"prompt":"# Notes\n\nTea at five.\n\nWhat is Notes about?"}`},
		{notes, `{"prompt": "${item.pages[0].text}", "name": "${item.name}"}`, `{"prompt":"# Notes\n\nTea at five.","name":"notes.md"}`},
		{mail, `{"prompt": "${item.title}"}`, `{"prompt":"Hello"}`},
		{latin, `{"prompt": "${item.text}!", "encoding": "windows-1252"}`, `{"prompt":"café!","encoding":"windows-1252"}`},
		{binary, `{"prompt": "${item.name}"}`, `{"prompt":"broken.docx"}`},
	} {
		outcome, _ := aboutFile(t, c.path, c.given)
		if outcome.Value.Inline == nil || string(outcome.Value.Inline.JSON()) != c.want {
			t.Errorf("%s: got %+v", c.given, outcome)
		}
	}
	for _, c := range []struct{ path, given, want string }{
		{latin, `{"prompt": "${item.text}"}`, `latin.txt" is not UTF-8 text`},
		{binary, `{"prompt": "${item.text:-none}"}`, `broken.docx" is`},
		{binary, `{"prompt": "${item.title}"}`, `broken.docx" is`},
		{notes, `{"prompt": "${item.pages[1].text}"}`, `has 1 element, so there is no [1]`},
		{notes, `{"prompt": "${item.text}", "encoding": "latin-nothing"}`, `unknown encoding "latin-nothing"`},
		{filepath.Join(folder, "missing.pdf"), `{"prompt": "${item.text}"}`, "no such file"},
	} {
		outcome, _ := aboutFile(t, c.path, c.given)
		if outcome.Error == nil || !strings.Contains(outcome.Error.Message, c.want) || outcome.Error.Kind != protocol.Permanent {
			t.Errorf("%s of %s: got %+v", c.given, c.path, outcome.Error)
		}
	}
	_, before := aboutFile(t, notes, `{"prompt": "${item.text}"}`)
	_, same := aboutFile(t, notes, `{"prompt": "${item.text}"}`)
	write("notes.md", "# Notes\n\nTea at six.\n")
	_, after := aboutFile(t, notes, `{"prompt": "${item.text}"}`)
	if before == "" || same != before || after == before {
		t.Errorf("hashes %q, %q and, of the file that changed, %q", before, same, after)
	}
}
