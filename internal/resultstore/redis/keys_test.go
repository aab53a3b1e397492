package redis

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// TestKeysSortAsRecordsDo compares all pairs of keys that can be made of awkward parts.
func TestKeysSortAsRecordsDo(t *testing.T) {
	var keys []resultstore.Key
	for _, task := range []string{"", "\x00", "\x00\x00", "\x00\x01", "\x01", "a", "a\x00", "a\x00b", "a\x01", "aa", "ab", "b", "é", "\xff"} {
		for _, item := range []int{math.MinInt, protocol.NoItem, 0, 9, 10, math.MaxInt} {
			for _, attempt := range []int{0, 1, 10} {
				keys = append(keys, resultstore.Key{Task: task, Item: item, Attempt: attempt})
			}
		}
	}
	for _, a := range keys {
		for _, b := range keys {
			want := cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Item, b.Item), cmp.Compare(a.Attempt, b.Attempt))
			if got := cmp.Compare(field(a), field(b)); got != want {
				t.Errorf("%+v and %+v: %d, want %d", a, b, got, want)
			}
		}
	}
}

// TestRangesOfKeys looks at what each query's range holds.
func TestRangesOfKeys(t *testing.T) {
	tasks := []string{"", "\x00", "\x00\x01", "a", "a\x00", "a\x00\x01", "aa", "b"}
	within := func(query resultstore.Query) (found []string) {
		from, to := fieldsOf(query)
		for _, task := range tasks {
			key := field(resultstore.Key{Task: task, Item: 3, Attempt: 1})
			after := from == "-" || from[0] == '[' && key >= from[1:] || from[0] == '(' && key > from[1:]
			before := to == "+" || to[0] == '[' && key <= to[1:] || to[0] == '(' && key < to[1:]
			if after && before {
				found = append(found, task)
			}
		}
		return found
	}
	wants := func(query resultstore.Query, want ...string) {
		t.Helper()
		if got := within(query); !slices.Equal(got, want) {
			t.Errorf("%+v: %q, want %q", query, got, want)
		}
	}
	wants(resultstore.Query{}, tasks...)
	wants(resultstore.Query{Kind: resultstore.Run}, "")
	wants(resultstore.Query{Kind: resultstore.Task}, tasks[1:]...)
	wants(resultstore.Query{Kind: resultstore.Run, Task: "a"})
	for _, task := range tasks[1:] {
		wants(resultstore.Query{Task: task}, task)
		wants(resultstore.Query{Task: task, Kind: resultstore.Task}, task)
		three, four := 3, 4
		wants(resultstore.Query{Task: task, Item: &three}, task)
		wants(resultstore.Query{Task: task, Item: &four})
	}
}

func TestMomentsSortAsTimesDo(t *testing.T) {
	moments := []string{
		moment(time.Unix(-1, 0)), moment(time.Time{}), moment(time.Unix(0, 1)), moment(time.Unix(9, 999_999_999)), moment(time.Unix(1<<33, 0)),
	}
	if !slices.IsSorted(moments) {
		t.Errorf("%q", moments)
	}
	for _, m := range moments {
		if len(m) != 16 {
			t.Errorf("%q has %d characters, and the scripts count on 16", m, len(m))
		}
	}
}
