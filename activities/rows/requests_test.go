package rows_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/rows"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// memory is an open file.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

func requests(text string, of protocol.ExpandRequest) *rows.Source {
	of.Rows = &protocol.Rows{File: "r.jsonl", Key: "custom_id", Requests: true}
	return rows.New("r.jsonl", memory{bytes.NewReader([]byte(text))}, int64(len(text)), "", of)
}

// A line that cannot be sent is an item that cannot run; one that repeats an id is not found by that id.
func TestRequestsAreRows(t *testing.T) {
	line := func(id string) string {
		return `{"custom_id":"` + id + `","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":1.50}}` + "\n"
	}
	text := line("a") + "\n{\n" + line("a") + line("b")
	item := func(id string) string {
		return `{"custom_id":"` + id + `","url":"/v1/embeddings","body":{"model":"m","input":1.50}}`
	}
	all := []string{
		"line 1 " + item("a") + " <nil>",
		`line 3 {"line":3,"id":null,"problems":[{"code":"invalid_json_line","message":"the line is not JSON: unexpected EOF","param":null,"line":3}]} ` +
			"line 3: the line is not JSON: unexpected EOF (invalid_json_line)",
		`line 4 {"line":4,"id":"a","problems":[{"code":"duplicate_custom_id","message":"an earlier line has the custom_id \"a\"","param":"custom_id","line":4}]} ` +
			`line 4: an earlier line has the custom_id "a" (duplicate_custom_id)`,
		"line 5 " + item("b") + " <nil>",
	}
	for limit, want := range map[int][]string{0: all, 3: all[:3]} {
		source := requests(text, protocol.ExpandRequest{Limit: limit})
		var got []string
		keys := source.Keys()
		err := source.Each(t.Context(), func(row rows.Row) error {
			keys.Add(row)
			problem := "<nil>"
			if row.Error != nil {
				problem = row.Error.Message
			}
			got = append(got, fmt.Sprintf("%s %s %s", row.Place, row.Item.JSON(), problem))
			return nil
		})
		if err != nil || keys.Check(t.Context()) != nil || !slices.Equal(got, want) {
			t.Errorf("%v %v\n%q\nwant\n%q", err, keys.Check(t.Context()), got, want)
		}
		if count, err := source.Count(t.Context()); err != nil || count != 4 {
			t.Errorf("%d %v", count, err)
		}
	}
	err := requests(" \n", protocol.ExpandRequest{}).Each(t.Context(), func(rows.Row) error { return nil })
	if want := `cannot read the requests of "r.jsonl": there are none (empty_file)`; err == nil || protocol.AsError(err, 0).Message != want {
		t.Errorf("got %v", err)
	}
}
