package protocol

import "testing"

func TestActivityIDs(t *testing.T) {
	for _, c := range []struct {
		task string
		item int
		id   string
	}{{"sum", NoItem, "sum"}, {"files", 0, "files[0]"}, {"files", 17, "files[17]"}} {
		if got := FormatActivityID(c.task, c.item); got != c.id {
			t.Errorf("%s, %d: got %s", c.task, c.item, got)
		}
		if task, item := ParseActivityID(c.id); task != c.task || item != c.item {
			t.Errorf("%s: got %s, %d", c.id, task, item)
		}
	}
	for _, foreign := range []string{"", "a[", "a[x]", "a b"} {
		if task, item := ParseActivityID(foreign); task != foreign || item != NoItem {
			t.Errorf("%q: got %s, %d", foreign, task, item)
		}
	}
}
