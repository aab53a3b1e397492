package history

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

var update = flag.Bool("update", false, "write what the recorded histories say into testdata")

// recorded are the histories that replay tests read.
const recorded = "../../../../../workflows/testdata/histories"

// events reads a recorded history.
func events(t *testing.T, file string) []*historypb.HistoryEvent {
	t.Helper()
	data, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	history, err := client.HistoryFromJSON(data, client.HistoryJSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return history.GetEvents()
}

// line writes an event as a line, without times.
func line(e Event) string {
	text := e.Task
	if e.Item != protocol.NoItem {
		text = protocol.FormatActivityID(e.Task, e.Item)
	}
	text += " " + e.Method
	if e.Outcome == nil {
		return text + " started"
	}
	text += " " + string(e.Outcome.Status)
	if e.Outcome.Error != nil {
		text += fmt.Sprintf(" %s %q", e.Outcome.Error.Name, e.Outcome.Error.Message)
	}
	if e.Outcome.Reason != "" {
		text += fmt.Sprintf(" because %q", e.Outcome.Reason)
	}
	if c := e.Outcome.Items; c != nil {
		text += fmt.Sprintf(" items %d/%d/%d of %d", c.Succeeded, c.Failed, c.Skipped, c.Total)
	}
	if e.Cancelling {
		text += " (cancelling)"
	}
	return text
}

// TestRecordedHistories decodes every recorded history, and each once more as a stream that breaks off after every event
// and is read again from the start.
func TestRecordedHistories(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(recorded, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded histories: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			all := events(t, file)
			var whole, broken []string
			var decoder, patient Decoder
			for i, event := range all {
				decoded, next := decoder.Decode(event)
				for _, e := range decoded {
					whole = append(whole, line(e))
				}
				if last := i == len(all)-1; (next != "") != (last && event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW) {
					t.Errorf("event %d continues in %q", event.GetEventId(), next)
				} else if decoder.Closed() != (last && next == "") {
					t.Errorf("after event %d of %d closed is %v", i+1, len(all), decoder.Closed())
				}
				if i == len(all)-1 {
					break // Where it continues, the decoder is ready for the next history.
				}
				for _, again := range all[:i+1] {
					decoded, _ := patient.Decode(again)
					for _, e := range decoded {
						broken = append(broken, line(e))
					}
				}
			}
			decoded, _ := patient.Decode(all[len(all)-1])
			for _, e := range decoded {
				broken = append(broken, line(e))
			}
			got := strings.Join(whole, "\n") + "\n"
			if again := strings.Join(broken, "\n") + "\n"; again != got {
				t.Errorf("a stream that breaks off says\n%s\nand the whole\n%s", again, got)
			}
			programtest.Golden(t, filepath.Join("testdata", name+".txt"), got, *update)
		})
	}
}
