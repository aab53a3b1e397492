package export

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// TestResultsOfAnOpenRun: items that have ended are shown as in a result, and where they are too many or too large, the command that
// exports them.
func TestResultsOfAnOpenRun(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		ended, total int
		text         string
		large        bool
	}{
		{"none", 0, 3, "", false},
		{"few of many", 3, 700, "small", false},
		{"many", 501, 700, "small", true},
		{"large", 5, 7, strings.Repeat("x", 1<<20), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, store := &source{}, memory.New()
			for i := range test.total {
				s.add(t, value.Int(int64(i)), fmt.Sprintf(`{"response":"%s"}`, test.text), nil)
			}
			s.records = s.records[:test.ended] // The others have not ended.
			s.put(t, store, 500)
			run, err := view.Read(t.Context(), store, "r", "")
			if err == nil {
				err = AddEnded(t.Context(), store, run)
			}
			if err != nil {
				t.Fatal(err)
			}
			if test.ended == 0 {
				if run.Tasks[0].Result != nil || run.HasResults() {
					t.Errorf("the result is %s", run.Tasks[0].Result.JSON())
				}
				return
			}
			result := run.Tasks[0].Result
			if succeeded, _ := result.Get("succeeded"); succeeded.Digits() != fmt.Sprint(test.ended) {
				t.Errorf("%s have succeeded, want %d", succeeded.Digits(), test.ended)
			}
			text := run.Tasks[0].ResultText(0)
			list, _ := result.Get("results")
			export := "`gleitzeit batch export r batch --format jsonl`"
			if shown := len(list.Elements()); test.large && shown > 0 || !test.large && shown != test.ended {
				t.Errorf("%d items are shown", shown)
			}
			if test.large != strings.Contains(text, export) || test.large != strings.HasPrefix(text, fmt.Sprintf("%d of %d ", test.ended, test.total)) {
				t.Errorf("the text is %.200s", text)
			}
		})
	}
}
