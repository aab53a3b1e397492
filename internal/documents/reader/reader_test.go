package reader_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
)

// A file that is empty is called so, and a document without text gets the parameter that sends its pages.
func TestWithoutText(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"a.txt", "", "the file is empty"},
		{"a.csv", "\n", "the file is empty"},
		{"a.txt", "text", ""},
		{"a.html", "<img src=x>", "`on_no_text: vision`"},
	} {
		d, err := documents.Read(t.Context(), c.name, []byte(c.content), documents.Options{})
		if got := reader.WithoutText(d); err != nil || !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s %q: %q, %v", c.name, c.content, got, err)
		}
	}
}
