package reference

import (
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
		{"/b", "${item.size}", "!there are ${item.name}, ${item.stem} and ${item.dir}"},
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
