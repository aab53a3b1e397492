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
		{"docs", "txt", "(a pattern stands for the whole name: write pattern: \"*.txt\" for all files with this ending)"},
		{"docs", ".pdf", "(a pattern stands for the whole name: write pattern: \"*.pdf\" for all"},
		{"docs", "docs/*.txt", "(a pattern is relative to the folder: write pattern: \"*.txt\")"},
		{"docs", "*.jpg", "no file in \"docs\" matches \"*.jpg\"; it has 1 file: a.md (write pattern: \"*.md\")"},
		{"onlysub", "**/*.pdf", "matches \"**/*.pdf\"; it has 3 files: x.txt, z.txt, y.txt (write pattern: \"**/*.txt\")"},
		{"empty", "", "left out: 1 hidden file (the folder has no files to read, and none beneath it"},
		{"hidden", "", "no file in \"hidden\" matches \"*\" (the folder has no files to read, and none beneath it"},
	} {
		_, err := (&Activities{}).expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: c.folder, Pattern: c.pattern}, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.folder, c.pattern, err, c.want)
		}
	}
}

// TestHintOfFlags: for a batch that was typed the same is said in terms of its flags.
func TestHintOfFlags(t *testing.T) {
	base := tree(t, "you/docs/a.md", "you/docs/b.md", "you/docs/c", "you/docs/d.md", "you/docs/sub/b.txt")
	run := protocol.RunInfo{FlowFolder: base + "/you", Folder: base + "/you"}
	for pattern, want := range map[string]string{
		"*.jpg": "it has 4 files: a.md, b.md, c, … (write --pattern '*.md')",
		"*.txt": "1 file lies in 1 folder beneath (--recursive takes it)",
		"md":    "(a pattern stands for the whole name: write --pattern '*.md'",
	} {
		_, err := (&Activities{nameFlags: true}).expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: "docs", Pattern: pattern}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", pattern, err, want)
		}
	}
}
