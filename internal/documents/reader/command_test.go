package reader_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// A converter gets the document as a file or on its standard input, and nothing of the environment. No shell sees its words.
func TestCommand(t *testing.T) {
	t.Setenv("API_KEY", "sk-1234567890")
	environment := []string{"PATH=" + os.Getenv("PATH")}
	read := func(words []string, timeout time.Duration, name, content string) (documents.Document, error) {
		r := reader.New(map[string]reader.Converter{".DOC": &reader.Command{Words: words, Timeout: timeout, Environment: environment}})
		return r.ReadData(t.Context(), name, []byte(content), documents.Options{})
	}
	for _, c := range []struct {
		words []string
		name  string
		want  string
	}{
		{[]string{"cat", "{file}"}, "a.doc", "one\ntwo"},
		{[]string{"cat"}, "A.Doc", "one\ntwo"},
		{[]string{"echo", "$(id); `id` | {file}.x"}, "-rf.doc", "$(id); `id` | "},
		{[]string{"sh", "-c", "sleep 200 & echo hi"}, "a.doc", "hi"},
		{[]string{"sh", "-c", "echo \"key: $API_KEY\""}, "a.doc", "key:"},
	} {
		d, err := read(c.words, 0, c.name, "one\ntwo\n")
		if err != nil || !strings.HasPrefix(d.Text(), c.want) || d.Format != "doc" || strings.Contains(d.Text(), "-rf") || strings.Contains(d.Text(), "sk-") {
			t.Errorf("%q: got %+v, %v", c.words, d, err)
		}
	}
	for _, c := range []struct {
		words   []string
		timeout time.Duration
		want    string
		code    protocol.Code
	}{
		{[]string{"sh", "-c", "echo bad magic >&2; exit 3"}, 0, `file "a.doc" cannot be read by its converter "sh": exit status 3: bad magic`, protocol.TaskValidationFailed},
		{[]string{"sh", "-c", "sleep 60 & wait"}, 50 * time.Millisecond, `file "a.doc" cannot be read by its converter "sh": timed out after 50ms`, protocol.TaskValidationFailed},
		{[]string{"sh", "-c", "yes | head -c 100000000; sleep 60"}, 0, `file "a.doc" cannot be read by its converter "sh": it writes more than 64 MiB`, protocol.TaskValidationFailed},
		{[]string{"printf", `\377\376\000`}, 0, `file "a.doc" begins as UTF-16 text, and is not`, protocol.TaskValidationFailed},
		{[]string{"no-such-program"}, 0, `cannot start the converter "no-such-program": executable file not found in $PATH`, protocol.ConfigurationError},
	} {
		began := time.Now()
		_, err := read(c.words, c.timeout, "a.doc", "x")
		failure := protocol.AsError(err, protocol.InternalError)
		if failure.Message != c.want || failure.Code != c.code || failure.Kind != protocol.Permanent || failure.Hint == "" {
			t.Errorf("%q: got %+v", c.words, failure)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%q took %s", c.words, took)
		}
	}
	if _, err := reader.New(map[string]reader.Converter{"doc": &reader.Command{}}).ReadData(t.Context(), filepath.Join("x", "a.txt"), []byte("text"), documents.Options{}); err != nil {
		t.Errorf("a file of another extension: %v", err)
	}
}
