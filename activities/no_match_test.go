package activities

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

func TestHintOfAPatternWithoutFiles(t *testing.T) {
	for pattern, want := range map[string]string{
		"*.txt":       "use **/*.txt to search folders below it too",
		"txt":         "a pattern stands for the whole name: use *.txt for all files with this ending",
		".pdf":        "use *.pdf for all",
		"docs/*.txt":  "a pattern is relative to the folder: use *.txt",
		"other/*.txt": "use **/other/*.txt to search folders below it too",
	} {
		if hint := protocol.AsError(noMatch("/home/you/docs", protocol.ExpandRequest{Pattern: pattern}, listing{}), 0).Hint; !strings.Contains(hint, want) {
			t.Errorf("%s: %q, want %q", pattern, hint, want)
		}
	}
}
