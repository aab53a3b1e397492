package calllog

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

// logData returns what a log would store.
func logData(t *testing.T, l *Log) (log protocol.CallLog) {
	t.Helper()
	if err := json.Unmarshal(l.Data(), &log); err != nil {
		t.Fatal(err)
	}
	return log
}

func userMessage(text string) protocol.SentMessage {
	return protocol.SentMessage{Role: "user", Text: text}
}

// A conversation that goes on is not repeated, and a request that is sent again says so.
func TestLogOfAConversation(t *testing.T) {
	l := New(&redaction.Set{}, false)
	messages := []protocol.SentMessage{userMessage("one")}
	l.Sent(protocol.Sent{Messages: messages})
	l.Sent(protocol.Sent{Messages: messages})
	l.Sent(protocol.Sent{Tool: "add", Messages: []protocol.SentMessage{{Role: "arguments", Text: "{}"}}})
	l.Sent(protocol.Sent{Messages: append(messages, userMessage("two"))})
	l.Sent(protocol.Sent{Messages: []protocol.SentMessage{userMessage("other")}})
	log := logData(t, l)
	for i, want := range []struct{ again, messages int }{{0, 1}, {1, 0}, {0, 1}, {1, 1}, {0, 1}} {
		if got := log.Events[i].Sent; got.Again != want.again || len(got.Messages) != want.messages {
			t.Errorf("event %d: %+v", i, got)
		}
	}
	if log.Events[3].Sent.Messages[0].Text != "two" {
		t.Errorf("%+v", log.Events[3].Sent)
	}
}

// A log is small, whatever is sent and printed; a secret at a place where a text is cut stays unknown.
func TestLogsAreLimited(t *testing.T) {
	const secret = "hush-hush-0123456789"
	set := &redaction.Set{}
	set.Add("[key]", secret)
	for _, isItem := range []bool{false, true} {
		l := New(set, isItem)
		sent, printed := protocol.MaxLogSent, protocol.MaxLogPrinted
		if isItem {
			sent, printed = protocol.MaxItemLogSent, protocol.MaxItemLogPrinted
		}
		for i := range 200 {
			l.Sent(protocol.Sent{Messages: []protocol.SentMessage{userMessage(strings.Repeat("ä", i) + strings.Repeat(secret, 20_000))}})
		}
		l.Sent(protocol.Sent{Messages: []protocol.SentMessage{{Role: "user", Text: strings.Repeat("x", largestSent+1)}}})
		for range 50_000 {
			l.Print("some line\n", false)
			l.Print("other\n", true)
		}
		data := l.Data()
		// Each event and each message has a frame; the most of them are of what was printed.
		if most := sent + printed + (mostSent+mostPrinted)*200; len(data) > most {
			t.Errorf("item %v: %d bytes, more than %d", isItem, len(data), most)
		}
		if strings.Contains(string(data), "hush") || strings.Contains(string(data), "0123456789") {
			t.Errorf("item %v: a part of the secret is in the log", isItem)
		}
		log := logData(t, l)
		first := log.Events[0].Sent.Messages[0]
		if first.Bytes != 20_000*len("[key]") || first.Text == "" || first.Tail == "" || log.Unsent == 0 {
			t.Errorf("item %v: %d bytes, %d requests left out", isItem, first.Bytes, log.Unsent)
		}
		kept := map[bool]int{}
		for _, event := range log.Events {
			if event.Sent == nil {
				kept[event.Stderr] += len(event.Text)
			}
		}
		if kept[false]+kept[true] > printed || kept[false]+log.Unprinted.Output != 500_000 || kept[true]+log.Unprinted.Stderr != 300_000 {
			t.Errorf("item %v: kept %v, left out %+v", isItem, kept, log.Unprinted)
		}
		last := log.Events[len(log.Events)-1]
		if !strings.HasSuffix(last.Text, "other\n") || !last.Stderr {
			t.Errorf("item %v: the last event is %+v", isItem, last)
		}
	}
}

// A line without an end is part of the log, and one that grows without end does not wait for it.
func TestLogOfUnfinishedLines(t *testing.T) {
	l := New(&redaction.Set{}, false)
	l.Print(strings.Repeat("x", longestPartial+1), false)
	l.Print("prompt> ", true)
	log := logData(t, l)
	if len(log.Events) != 2 || len(log.Events[0].Text) != longestPartial+1 || log.Events[1].Text != "prompt> " {
		t.Errorf("%+v", log.Events)
	}
	if l.Data() == nil || New(&redaction.Set{}, false).Data() != nil {
		t.Error("a log with events has no data, or one without has some")
	}
	if log.StartedAt.After(time.Now()) {
		t.Error(log.StartedAt)
	}
}
