package reference

import (
	"errors"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func TestPartsOfAFile(t *testing.T) {
	for _, c := range []struct{ path, text, want string }{
		{"/a/b.tar.gz", "${item}", "/a/b.tar.gz"},
		{"/a/b.tar.gz", "${item.name} ${item.stem} ${item.dir}", "b.tar.gz b.tar /a"},
		{"/a/.profile", "${item.stem}", ".profile"},
		{"/b", "${item.dir}", "/"},
		{"/b", "${item.size}", "!there are ${item.name}, ${item.stem}, ${item.dir}, ${item.text}"},
		{"/b", "${item[0]}", "!has no such part"},
	} {
		path := value.String(c.path)
		scope := &Scope{Bindings: []protocol.Binding{{Head: "item", Value: protocol.Payload{Inline: &path}, File: true}}}
		got, err := ResolveText(c.text, scope)
		if part, fails := strings.CutPrefix(c.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s of %s: got %v, want %q", c.text, c.path, err, part)
			}
			continue
		}
		if err != nil || got.Text() != c.want {
			t.Errorf("%s of %s: got %q, %v", c.text, c.path, got.Text(), err)
		}
	}
}

func TestDocumentOfAFile(t *testing.T) {
	document := value.Object(
		value.Field{Name: "text", Value: value.String("one\n\ntwo")}, value.Field{Name: "title", Value: value.String("")},
		value.Field{Name: "pages", Value: value.List(page("1", "one"), page("2", "two"))},
	)
	empty := value.Object(value.Field{Name: "text", Value: value.String(" \n")}, value.Field{Name: "title", Value: value.String("A scan")}, value.Field{Name: "pages", Value: value.List(page("1", " \n"))})
	for _, c := range []struct{ path, text, want string }{
		{"a.pdf", "Sum up:\n${item.text}\nBriefly.", "Sum up:\none\n\ntwo\nBriefly."},
		{"a.pdf", "${item.title}.", "."},
		{"a.pdf", "${item.pages[1].text} of ${item.name}", "two of a.pdf"},
		{"a.pdf", "${item.pages[-1].name}", "2"},
		{"a.pdf", "${item.pages[*].text}!", `["one","two"]!`},
		{"a.pdf", "${item.pages}!", `[{"name":"1","text":"one"},{"name":"2","text":"two"}]!`},
		{"a.pdf", "${item.pages[2].text}", "!has 2 elements, so there is no [2]"},
		{"a.pdf", "${item.pages[2].text:-none}", "none"},
		{"a.pdf", "${item.pages.text}", "!the pages are a list"},
		{"a.pdf", "${item.text.first}", "!a text has no fields"},
		{"a.pdf", "${item.pages[0].image}", "!a page has a text, a name and a kind"},
		{"scan.pdf", "${item.text}", `!file "scan.pdf" has no text`},
		{"scan.pdf", "${item.text:-nothing}", "nothing"},
		{"scan.pdf", "${item.title}", "A scan"},
		{"broken.pdf", "${item.text}", "!it is broken"},
		{"broken.pdf", "${item.text:-nothing}", "!it is broken"},
		{"broken.pdf", "${item.name}", "broken.pdf"},
	} {
		path := value.String(c.path)
		scope := &Scope{Bindings: []protocol.Binding{{Head: "item", Value: protocol.Payload{Inline: &path}, File: true}}, Document: func(path string) (value.Value, error) {
			switch path {
			case "a.pdf":
				return document, nil
			case "scan.pdf":
				return empty, nil
			}
			return value.Value{}, errors.New("it is broken")
		}}
		got, err := ResolveText(c.text, scope)
		if part, fails := strings.CutPrefix(c.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s of %s: got %v, want %q", c.text, c.path, err, part)
			}
			continue
		}
		if err != nil || got.Text() != c.want {
			t.Errorf("%s of %s: got %q, %v", c.text, c.path, got.Text(), err)
		}
	}
	path := value.String("a.pdf")
	if _, err := ResolveText("${item.text}", &Scope{Bindings: []protocol.Binding{{Head: "item", Value: protocol.Payload{Inline: &path}, File: true}}}); err == nil || !strings.Contains(err.Error(), "only available in parameters") {
		t.Errorf("without documents: %v", err)
	}
}

func page(name, text string) value.Value {
	return value.Object(value.Field{Name: "name", Value: value.String(name)}, value.Field{Name: "text", Value: value.String(text)})
}
