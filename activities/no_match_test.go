package activities

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestHintOfAPatternWithoutFiles(t *testing.T) {
	base := tree(t, "you/docs/a.md", "you/docs/sub/b.txt", "you/docs/sub/other/c.txt", "you/onlysub/a/x.txt", "you/onlysub/b/y.txt", "you/onlysub/b/c/z.txt", "you/empty/.keep", "you/hidden/sub/.git/x")
	run := protocol.RunInfo{FlowFolder: base + "/you", Folder: base + "/you"}
	for _, c := range []struct{ folder, pattern, want string }{
		{"onlysub", "", "no file in \"onlysub\" matches \"*\"; 3 files lie in 3 folders beneath (pattern: \"**/*\", or --recursive of `gleitzeit batch`, takes them)"},
		{"docs", "*.txt", "; 2 files lie in 2 folders beneath (pattern: \"**/*.txt\", or --recursive"},
		{"docs", "other/*.txt", "; 1 file lies in 1 folder beneath (pattern: \"**/other/*.txt\", or"},
		{"docs", "txt", "(a pattern stands for the whole name: use *.txt for all files with this ending)"},
		{"docs", ".pdf", "(a pattern stands for the whole name: use *.pdf for all"},
		{"docs", "docs/*.txt", "(a pattern is relative to the folder: use *.txt)"},
		{"docs", "*.jpg", "(neither the folder nor one beneath it has such a file: name another folder or pattern)"},
		{"empty", "", "left out: 1 hidden file (neither the folder nor one beneath it has such a file"},
		{"hidden", "", "no file in \"hidden\" matches \"*\" (neither the folder nor one beneath it has such a file"},
	} {
		_, err := (&Activities{}).expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: c.folder, Pattern: c.pattern}, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.folder, c.pattern, err, c.want)
		}
	}
}
