package export

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// parsed is a value written as JSON.
func parsed(t *testing.T, text string) value.Value {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// requests is a run of a request file: an answer, a refused request, a broken line, a duplicate, a server that was not there, and one
// that did not start.
func requests(t *testing.T) (f *fixture, output, errors []string) {
	t.Helper()
	s := &source{}
	request := func(id string) value.Value {
		return parsed(t, `{"custom_id":"`+id+`","url":"/v1/chat/completions","body":{"model":"m"}}`)
	}
	s.add(t, request("a"), `{"status_code":200,"request_id":"req-1","body":{"z":1.50,"a":12345678901234567890},"model":"m","tokens_used":3}`, nil)
	s.add(t, request("b"), `{"status_code":400,"request_id":"req-2","body":{"error":{"message":"no"}},"warning":"refused"}`, nil)
	broken := func(item string) {
		s.add(t, parsed(t, item), "", func(r *resultstore.Record) {
			r.Status, r.Error = protocol.Failed, protocol.Errorf(protocol.InvalidParams, "line 3: the line is not JSON")
		})
	}
	broken(`{"line":3,"id":null,"problems":[{"code":"invalid_json_line","message":"the line is not JSON","param":null,"line":3},{"code":"x"}]}`)
	broken(`{"line":4,"id":"a","problems":[{"code":"duplicate_custom_id","message":"twice","param":"custom_id","line":4}]}`)
	s.add(t, request("c"), "", func(r *resultstore.Record) {
		r.Status, r.Error = protocol.Failed, protocol.Errorf(protocol.ProviderNotAvailable, "the server cannot be reached")
	})
	s.add(t, request("d"), "", func(r *resultstore.Record) { r.Status, r.Reason = protocol.Cancelled, "the run was cancelled" })
	s.counts = &protocol.Counts{Total: len(s.items), Succeeded: 2, Failed: 3, Skipped: 1}
	f = &fixture{store: memory.New(), entries: s.items}
	s.put(t, f.store, 2)
	const id = `{"id":"ID","custom_id":`
	output = []string{id + `"a","response":{"status_code":200,"request_id":"req-1","body":{"z":1.50,"a":12345678901234567890}},"error":null}`}
	errors = []string{
		id + `"b","response":{"status_code":400,"request_id":"req-2","body":{"error":{"message":"no"}}},"error":null}`,
		id + `null,"response":null,"error":{"code":"invalid_json_line","message":"the line is not JSON","param":null,"line":3}}`,
		id + `"a","response":null,"error":{"code":"duplicate_custom_id","message":"twice","param":"custom_id","line":4}}`,
		id + `"c","response":null,"error":{"code":"provider_not_available","message":"the server cannot be reached","param":null,"line":null}}`,
		id + `"d","response":null,"error":{"code":"batch_cancelled","message":"the run was cancelled","param":null,"line":null}}`,
	}
	return f, output, errors
}

// withoutIDs returns lines whose ids are "ID", and the ids, which must differ and have the form of the API.
func withoutIDs(t *testing.T, lines []string) (without, ids []string) {
	t.Helper()
	for _, line := range lines {
		entry := parsed(t, line)
		field, _ := entry.Get("id")
		id := field.Text()
		if !strings.HasPrefix(id, "batch_req_") || slices.Contains(ids, id) {
			t.Errorf("the id is %q of %q", id, ids)
		}
		ids = append(ids, id)
		without = append(without, string(entry.With("id", value.String("ID")).JSON()))
	}
	return without, ids
}

func TestResponses(t *testing.T) {
	f, output, errors := requests(t)
	all := strings.Split(strings.TrimSpace(render(t, f.records(t), f, Options{Format: Responses})), "\n")
	got, ids := withoutIDs(t, all)
	if want := slices.Concat(output, errors); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	again := strings.Split(strings.TrimSpace(render(t, f.records(t), f, Options{Format: Responses})), "\n")
	if _, other := withoutIDs(t, again); !slices.Equal(ids, other) {
		t.Errorf("ids %q and %q", ids, other)
	}
	expired := f.about(t)
	expired.Status = protocol.TimedOut
	w := &responses{document: &document{batch: expired}}
	skipped := Item{Index: 5, Status: protocol.Skipped, Entry: parsed(t, `{"item":"x","reason":"too late"}`)}
	if got := string(w.line(skipped).JSON()); !strings.Contains(got, `"custom_id":"x","response":null,"error":{"code":"batch_expired","message":"too late"`) {
		t.Error(got)
	}
	for status, want := range map[protocol.Status]string{protocol.TimedOut: "batch_expired", protocol.Cancelled: "batch_cancelled"} {
		about := f.about(t)
		about.Status = status
		w := &responses{document: &document{batch: about}}
		late := Item{Index: 6, Status: protocol.Cancelled, Entry: parsed(t, `{"item":"x","error":{"name":"TASK_CANCELLED","message":"it had not started"}}`)}
		if got := string(w.line(late).JSON()); !strings.Contains(got, `"error":{"code":"`+want+`","message":"it had not started"`) {
			t.Errorf("%s: %s", status, got)
		}
	}
	other := Item{Status: protocol.Completed, Entry: parsed(t, `{"item":"/f/a.txt","result":{"response":"hello"}}`)}
	if got := string(w.line(other).JSON()); !strings.Contains(got, `"custom_id":"/f/a.txt","response":{"status_code":200,"request_id":"batch_req_`) || !strings.Contains(got, `"body":{"response":"hello"}},"error":null`) {
		t.Error(got)
	}
}

// The requests are in two files, each once, whatever process wrote which part of them.
func TestResponsesOfARunThatIsKilled(t *testing.T) {
	f, output, errors := requests(t)
	for _, o := range []Options{{Format: Responses}, {Format: Responses, Ordered: true}, {Format: Responses, Errors: "wrong.jsonl"}} {
		path := filepath.Join(t.TempDir(), "out.jsonl")
		errorFile := strings.TrimSuffix(path, ".jsonl") + ".errors.jsonl"
		if o.Errors != "" {
			o.Errors = filepath.Join(filepath.Dir(path), o.Errors)
			errorFile = o.Errors
		}
		file := NewFile(path, "batch", &o)
		for _, index := range f.shuffled() {
			file.Ended(t.Context(), f.store, "r", "batch", index)
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
			file = NewFile(path, "batch", &o)
		}
		if _, err := file.Finish(t.Context(), f.store, f.about(t)); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string][]string{path: output, errorFile: errors} {
			got, _ := withoutIDs(t, lines(t, name))
			if want = slices.Clone(want); !o.Ordered {
				slices.Sort(got)
				slices.Sort(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s of %+v:\n%s\nwant\n%s", filepath.Base(name), o, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 2 {
			t.Errorf("%v %v", left, err)
		}
	}
}

func TestErrorFile(t *testing.T) {
	for _, test := range []struct {
		o            Options
		output, want string
	}{
		{Options{Format: Responses}, "a/answers.jsonl", "a/answers.errors.jsonl"},
		{Options{Format: Responses}, "answers", "answers.errors"},
		{Options{Format: Responses, Errors: "e"}, "answers", "e"},
		{Options{Format: Responses}, "", ""},
		{Options{Format: "jsonl"}, "answers.jsonl", ""},
	} {
		if got := test.o.ErrorFile(test.output); got != test.want {
			t.Errorf("%+v %q: %q", test.o, test.output, got)
		}
	}
	for want, o := range map[string]Options{
		"--errors is for --format responses": {Format: "jsonl", Errors: "e", Named: true},
		"--fields and --format responses cannot be combined: clients expect all fields of a response": {Format: Responses, Fields: "item"},
		"<nil>": {Format: Responses, Errors: "e"},
	} {
		if got := fmt.Sprint(o.Check()); got != want {
			t.Errorf("%+v: %s", o, got)
		}
	}
}

// TestFormatOfAnswers: answers to a request file are those of the API, unless the ending of the file selects another format.
func TestFormatOfAnswers(t *testing.T) {
	for file, want := range map[string]string{
		"": Responses, "a.jsonl": Responses, "a.NDJSON": Responses, "a.out": Responses, "a.txt": Responses, "answers": Responses,
		"a.csv": "csv", "a.json": "json", "a.md": "markdown", "a.parquet": "parquet",
	} {
		if got := FormatOfAnswers(file); got != want {
			t.Errorf("--output %q: %s, want %s", file, got, want)
		}
		o := Options{Format: FormatOfAnswers(file)}
		if errors := o.ErrorFile(file); (errors != "") != (file != "" && want == Responses) {
			t.Errorf("--output %q: the error file is %q", file, errors)
		}
	}
}

// TestFormatOfRequests: the answers to a request file are those of the API by themselves, unless something else is asked for.
func TestFormatOfRequests(t *testing.T) {
	for _, c := range []struct {
		o        Options
		requests bool
		file     string
		want     string
	}{
		{Options{Format: "jsonl"}, true, "a.jsonl", Responses},
		{Options{Format: "text"}, true, "", Responses},
		{Options{Format: "text", Errors: "e.jsonl"}, true, "answers", Responses},
		{Options{Format: "csv"}, true, "a.csv", "csv"},
		{Options{Format: "jsonl", Named: true}, true, "a.jsonl", "jsonl"},
		{Options{Format: "jsonl", Fields: "item.custom_id"}, true, "a.jsonl", "jsonl"},
		{Options{Format: "jsonl", Keep: true}, true, "a.jsonl", "jsonl"},
		{Options{Format: "jsonl"}, false, "a.jsonl", "jsonl"},
		{Options{Format: "jsonl", Errors: "e.jsonl"}, false, "a.jsonl", "--errors is for --format responses"},
		{Options{Format: "csv", Errors: "e.jsonl"}, true, "a.csv", "--errors is for --format responses"},
	} {
		if err := c.o.Check(); err != nil {
			t.Errorf("%+v, before the items are known: %v", c.o, err)
		}
		c.o.Decide(c.requests, c.file)
		got := c.o.Format
		if err := c.o.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v %v %q: %s", c.o, c.requests, c.file, got)
		}
	}
}

// TestRequestsAsATable: a line that cannot be sent has its custom_id, and the error says what is wrong; how it is recorded is nobody's
// matter.
func TestRequestsAsATable(t *testing.T) {
	f, _, _ := requests(t)
	about := f.about(t)
	about.Rows = true // As of each table.
	var out strings.Builder
	if _, err := Render(t.Context(), f.records(t), about, &Options{Format: "csv"}, &out); err != nil {
		t.Fatal(err)
	}
	read, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil || strings.Join(read[0], ",") != "custom_id,url,body,status,result,error,warning" {
		t.Fatalf("%q, %v", out.String(), err)
	}
	for i, want := range []string{"a,completed,", "b,completed,", ",failed,line 3: the line is not JSON", "a,failed,line 3: the line is not JSON", "c,failed,the server cannot be reached", "d,skipped,the run was cancelled"} {
		row := read[i+1]
		if got := row[0] + "," + row[3] + "," + row[5]; got != want {
			t.Errorf("row %d: %s, want %s", i+1, got, want)
		}
	}
	if got := render(t, f.records(t), f, Options{Format: "text", Only: "failed"}); !strings.Contains(got, "== line 3\n") || !strings.Contains(got, "== line 4, a\n") || !strings.Contains(got, "== c\n") || strings.Contains(got, "problems") {
		t.Errorf("text: %s", got)
	}
}
