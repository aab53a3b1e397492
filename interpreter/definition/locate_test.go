package definition

import (
	"strings"
	"testing"
)

// TestLocate finds every § of a text in the file. In the file, each stands where an editor's cursor would be.
func TestLocate(t *testing.T) {
	long := strings.Repeat("ü", 5000)
	for _, test := range []struct {
		name, file string
		want       []Position
	}{
		{"plain", "k: §a §", []Position{{1, 4}, {1, 7}}},
		{"plain over lines", "k: a\n  §b\n\n  c §", []Position{{2, 3}, {4, 5}}},
		{"single quotes", "k: '§''s ''§'' '", []Position{{1, 5}, {1, 12}}},
		{"single quotes over lines", "k: '§a\n   b §'", []Position{{1, 5}, {2, 6}}},
		{"double quotes", `k: "\"§\" \\ § \u00e9\x41\U0001F986§"`, []Position{{1, 7}, {1, 14}, {1, 36}}},
		{"white space as escapes", `k: "\t\n \ \_\N\L\P\r§ §"`, []Position{{1, 22}, {1, 24}}},
		{"double quotes over lines", "k: \"a \\\n   \\  § b\n   §\"", []Position{{2, 7}, {3, 4}}},
		{"an escape as the place", `k: "a\u00a7"`, []Position{{1, 6}}},
		{"literal", "k: |\n  §\n    §\n\n   § x\n", []Position{{2, 3}, {3, 5}, {5, 4}}},
		{"literal with a header", "k: |2+ # comment §\n   §\n\n", []Position{{2, 4}}},
		{"folded", "k: >-\n  a\n  §\n\n   b §\n  §\n", []Position{{3, 3}, {5, 6}, {6, 3}}},
		{"anchor and tag", "k: &a !!str\n  '§'", []Position{{2, 4}}},
		{"tag and anchor before a block", "k: !!str &a |\n  §", []Position{{2, 3}}},
		{"in brackets", "k: [a, §, \"§\"]", []Position{{1, 8}, {1, 12}}},
		{"Windows", "k: |\r\n  a\r\n  §\r\n", []Position{{3, 3}}},
		{"characters of several bytes", "ü: \"ü🦆 § 🦆§\"", []Position{{1, 8}, {1, 11}}},
		{"a long line", "k: [" + long + ", §, " + long + " §]", []Position{{1, 5007}, {1, 10011}}},
		{"line separators", "k: \"a\u2028§\u0085§\"", []Position{{1, 7}, {1, 9}}},
		{"byte order mark", "\ufeffk: §", []Position{{1, 4}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			flow, found := Parse("f", []byte(test.file))
			if flow == nil {
				t.Fatal(found)
			}
			var got []Position
			flow.Root.Strings(func(n *Node) {
				places := flow.Locate(n)
				for at := 0; ; at++ {
					next := strings.Index(n.Text[at:], "§")
					if next < 0 {
						return
					}
					at += next
					got = append(got, places.At(at))
				}
			})
			if len(got) != len(test.want) {
				t.Fatalf("got %v, want %v", got, test.want)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Errorf("number %d: got %v, want %v", i, got[i], test.want[i])
				}
			}
		})
	}
}
