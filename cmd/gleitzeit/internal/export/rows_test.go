package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	utf "golang.org/x/text/encoding/unicode"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	tables "github.com/gleitzeit/gleitzeit/internal/table"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// rowItems are rows with columns that are named like those of answers, and one that could not be read.
func rowItems(t *testing.T) itemsList {
	t.Helper()
	var items itemsList
	for _, text := range []string{
		`{"index":0,"item":{"id":"=1+1","status":" open ","item":"x\r\ny","a, b":"\"q\""},"status":"completed","result":{"response":"=no","parsed":{"n":1}},"error":null}`,
		`{"index":1,"item":{"id":"007","status":"","item":"@z","a, b":"'"},"status":"failed","result":null,"error":{"message":"broken"}}`,
		`{"index":2,"item":"{\"id\":","status":"failed","result":null,"error":{"message":"line 4: not JSON"}}`,
	} {
		entry, err := value.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		item, _ := itemOf(entry)
		items = append(items, item)
	}
	return items
}

// tableItems are the rows of a table.
type tableItems struct {
	itemsList
	of *protocol.Table
}

func (i tableItems) Table() *protocol.Table { return i.of }

func renderRows(t *testing.T, o Options) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := Render(t.Context(), rowItems(t), &view.Batch{Rows: true}, &o, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestRowsWithAnswers: the columns of a table keep their names and their cells, character for character; the answers are new columns.
func TestRowsWithAnswers(t *testing.T) {
	for format, want := range map[string]string{
		"csv": "id,status,item,\"a, b\",status (2),result,result.parsed.n,error,warning\n" +
			"=1+1,\" open \",\"x\r\ny\",\"\"\"q\"\"\",completed,'=no,1,,\n" +
			"007,,@z,',failed,,,broken,\n" +
			",,\"{\"\"id\"\":\",,failed,,,line 4: not JSON,\n",
		"jsonl": `{"id":"=1+1","status":" open ","item":"x\r\ny","a, b":"\"q\"","status (2)":"completed","result":"=no","result.parsed.n":1,"error":null,"warning":null}
{"id":"007","status":"","item":"@z","a, b":"'","status (2)":"failed","result":null,"error":"broken","warning":null}
{"item":"{\"id\":","status":"failed","result":null,"error":"line 4: not JSON","warning":null}
`,
	} {
		if got := renderRows(t, Options{Format: format}); got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", format, got, want)
		}
	}
	if got := renderRows(t, Options{Format: "csv", Fields: "index,result.response"}); got != "index,result.response\n0,'=no\n1,\n2,\n" {
		t.Errorf("with fields: %q", got)
	}
	if got := renderRows(t, Options{Format: "json", Keep: true}); !strings.Contains(got, `"id": "=1+1",`) || strings.Contains(got, `"index"`) {
		t.Errorf("JSON with the columns: %s", got)
	}
	if got := renderRows(t, Options{Format: "json"}); !strings.Contains(got, `"index": 0`) {
		t.Errorf("JSON: %s", got)
	}
}

// TestRowsAreReadBack: what is written can be the table of another batch.
func TestRowsAreReadBack(t *testing.T) {
	for _, name := range []string{"t.csv", "t.jsonl", "t.parquet", "t.tsv", "t.xlsx"} {
		data := renderRows(t, Options{Format: FormatOfFile(name)})
		opened, err := tables.Open(t.Context(), name, strings.NewReader(data), int64(len(data)), tables.Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		for i, item := range rowItems(t) {
			row, err := opened.Next()
			if err != nil || row.Err != nil {
				t.Fatal(name, err, row.Err)
			}
			for _, field := range item.get("item").Fields() {
				if got, _ := row.Value.Get(field.Name); got.Text() != field.Value.Text() || got.Kind() != value.KindString {
					t.Errorf("%s: row %d has %s as %q, not %s", name, i, got.JSON(), field.Name, field.Value.JSON())
				}
			}
		}
		if _, err := opened.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRowsStayInOrder: a file has the rows in the order of their table, whatever order they end in and whatever the flags are; requests
// have theirs only with --ordered.
func TestRowsStayInOrder(t *testing.T) {
	for _, requests := range []bool{false, true} {
		s, store := &source{rows: &protocol.Rows{File: "t.csv", Requests: requests}}, memory.New()
		for i := range 4 {
			row := value.Object(value.Field{Name: "id", Value: value.String(fmt.Sprint("r", i))})
			s.add(t, row, `{"response":"x"}`, nil)
		}
		s.put(t, store, 2)
		path := filepath.Join(t.TempDir(), "out.csv")
		file := NewFile(path, "batch", &Options{Format: "csv", Fields: "item.id"})
		for _, index := range []int{2, 3, 0} { // Nobody has seen the end of the second.
			file.Ended(t.Context(), store, "r", "batch", index)
		}
		if _, err := file.Finish(t.Context(), store, &view.Batch{Run: "r", Rows: !requests}); err != nil {
			t.Fatal(err)
		}
		want := "item.id r0 r1 r2 r3"
		if requests {
			want = "item.id r2 r3 r0 r1"
		}
		if got := strings.Join(lines(t, path), " "); got != want {
			t.Errorf("with requests %v: %s, want %s", requests, got, want)
		}
	}
}

// TestTableWithoutRows: the columns of a table come first, also where no row has them.
func TestTableWithoutRows(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "id,status,\"a, b\",status (2),result,error,warning\n"},
		{Options{Fields: "status", Keep: true}, "id,item.status,\"a, b\",status\n"},
		{Options{Fields: "index"}, "index\n"},
	} {
		c.o.Format = "csv"
		var out bytes.Buffer
		if _, err := Render(t.Context(), tableItems{of: &protocol.Table{Columns: []string{"id", "status", "a, b"}}}, &view.Batch{Rows: true}, &c.o, &out); err != nil || out.String() != c.want {
			t.Errorf("%+v: %q, %v", c.o, &out, err)
		}
	}
	var out bytes.Buffer
	if _, err := Render(t.Context(), tableItems{of: &protocol.Table{Columns: []string{"id"}}}, &view.Batch{Rows: true}, &Options{Format: "parquet"}, &out); err != nil {
		t.Fatal(err)
	}
	opened, err := tables.Open(t.Context(), "t.parquet", bytes.NewReader(out.Bytes()), int64(out.Len()), tables.Options{})
	if err != nil || strings.Join(opened.Columns(), " ") != "id status result error warning" {
		t.Errorf("Parquet: %v", err)
	}
}

// writtenAgain reads a table, lets every row complete or fail as it does, and writes it.
func writtenAgain(t *testing.T, name, data, output string) string {
	t.Helper()
	opened, err := tables.Open(t.Context(), name, strings.NewReader(data), int64(len(data)), tables.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var items itemsList
	for {
		row, err := opened.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		entry := value.Object(value.Field{Name: "index", Value: value.Int(int64(len(items)))}, value.Field{Name: "item", Value: row.Value})
		if row.Err != nil {
			message := value.Object(value.Field{Name: "message", Value: value.String(row.Err.Error())})
			entry = entry.With("status", value.String("failed")).With("error", message)
		} else {
			entry = entry.With("status", value.String("completed")).With("result", value.Object(value.Field{Name: "response", Value: value.String("ä;\t=")}))
		}
		item, _ := itemOf(entry)
		items = append(items, item)
	}
	path := filepath.Join(t.TempDir(), output)
	if _, err := write(t.Context(), tableItems{items, opened.Format()}, &view.Batch{Rows: true}, &Options{Format: FormatOfFile(output)}, path); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(written)
}

// TestRowsInJSON: a file of JSON is a list of the rows, which can be the table of another batch; on standard output the run is around them.
func TestRowsInJSON(t *testing.T) {
	text := `[{"id":"007","n":12345678901234567890,"status":"open"},{"id":"a","late":[1]}]`
	got := writtenAgain(t, "t.json", text, "o.json")
	want := `[
  {
    "id": "007",
    "n": 12345678901234567890,
    "status": "open",
    "status (2)": "completed",
    "result": "ä;\t=",
    "error": null,
    "warning": null
  },
  {
    "id": "a",
    "late": [
      1
    ],
    "status": "completed",
    "result": "ä;\t=",
    "error": null,
    "warning": null
  }
]
`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if again := writtenAgain(t, "o.json", got, "o.jsonl"); !strings.HasPrefix(again, `{"id":"007","n":12345678901234567890,"status":"open","status (2)":"completed",`) || strings.Count(again, "\n") != 2 {
		t.Errorf("read again: %s", again)
	}
	if got := writtenAgain(t, "t.json", "[]", "o.json"); got != "[]\n" {
		t.Errorf("without rows: %q", got)
	}
	if got := writtenAgain(t, "t.csv", "id\n1\n", "o.json"); !strings.HasPrefix(got, "[\n  {\n    \"id\": \"1\",\n    \"status\": \"completed\",") {
		t.Errorf("of CSV: %s", got)
	}
	items := tableItems{rowItems(t), &protocol.Table{}}
	render := func(items Items, o Options) string {
		path := filepath.Join(t.TempDir(), "o.json")
		if _, err := write(t.Context(), items, &view.Batch{Rows: true, Run: "r"}, &o, path); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(written)
	}
	if got, want := render(items, Options{Format: "json", Fields: "index"}), "[\n  {\n    \"index\": 0\n  },\n"; !strings.HasPrefix(got, want) {
		t.Errorf("with fields: %s", got)
	}
	if got := render(rowItems(t), Options{Format: "json"}); !strings.HasPrefix(got, "{\n  \"run\": \"r\",") || !strings.HasSuffix(got, "\n  ]\n}\n") {
		t.Errorf("requests: %s", got)
	}
	var out bytes.Buffer
	if _, err := Render(t.Context(), items, &view.Batch{Rows: true, Run: "r"}, &Options{Format: "json"}, &out); err != nil || !strings.HasPrefix(out.String(), "{\n  \"run\": \"r\",") {
		t.Errorf("on standard output: %s, %v", &out, err)
	}
}

// TestTablesAreWrittenAsTheyAre: CSV has the delimiter, the line ends, the byte order mark and the encoding of the table, and every cell
// of it, also in rows that are invalid.
func TestTablesAreWrittenAsTheyAre(t *testing.T) {
	for _, c := range []struct{ about, name, data, output, want string }{
		{"lines of Unix", "t.csv", "id,q\n1,\"a\nb\"\n", "o.csv", "id,q,status,result,error,warning\n1,\"a\nb\",completed,ä;\t=,,\n"},
		{
			"as Excel writes it", "t.csv", "\ufeffsep=;\r\nid;q\r\n1;\"a\nb;\r\"\r\n=1; x\r\n", "o.csv",
			"\ufeffsep=;\r\nid;q;status;result;error;warning\r\n1;\"a\nb;\r\";completed;\"ä;\t=\";;\r\n=1;\" x\";completed;\"ä;\t=\";;\r\n",
		},
		{
			"into TSV", "t.csv", "\ufeffsep=;\r\nid;q\r\n1;2\r\n", "o.tsv",
			"\ufeffid\tq\tstatus\tresult\terror\twarning\r\n1\t2\tcompleted\t\"ä;\t=\"\t\t\r\n",
		},
		{"TSV into CSV", "t.tsv", "id\tq\n1\t\"2\"\n", "o.csv", "id,q,status,result,error,warning\n1,2,completed,ä;\t=,,\n"},
		{"TSV", "t.tsv", "id\tq\n1\t2\n", "o.tab", "id\tq\tstatus\tresult\terror\twarning\n1\t2\tcompleted\t\"ä;\t=\"\t\t\n"},
		{"tabs in CSV", "t.csv", "id\tq\n1\t2\n", "o.csv", "id\tq\tstatus\tresult\terror\twarning\n1\t2\tcompleted\t\"ä;\t=\"\t\t\n"},
		{"all in quotes", "t.csv", "\"id\"\n\"1\"\n\"\"\n", "o.csv", "\"id\",\"status\",\"result\",\"error\",\"warning\"\n\"1\",\"completed\",\"ä;\t=\",\"\",\"\"\n\"\",\"completed\",\"ä;\t=\",\"\",\"\"\n"},
		{"an old Mac", "t.csv", "id,q\r1,2\r", "o.csv", "id,q,status,result,error,warning\r1,2,completed,ä;\t=,,\r"},
		{
			"invalid rows", "t.csv", "id,q\ncaf\xe9,2\n1\n1,2,3,\"4,\"\n\"x\"y,2\n\\xe9,2\n", "o.csv",
			"id,q,extra cells,status,result,error,warning\n" +
				"caf\xe9,2,,failed,,line 2: cell 1 is not valid UTF-8,\n" +
				"1,,,failed,,\"line 3: the row has 1 cell, and the header 2\",\n" +
				"1,2,\"[\"\"3\"\",\"\"4,\"\"]\",failed,,\"line 4: the row has 4 cells, and the header 2\",\n" +
				"\"\"\"x\"\"y\",2,,failed,,line 5: cell 1 has text after its closing quote,\n" +
				"\\xe9,2,,completed,ä;\t=,,\n",
		},
		{"invalid lines", "t.jsonl", "{\"a\":1,\"a\":2}\n{\"a\":1}\n", "o.csv", "item,a,status,result,error,warning\n" +
			"\"{\"\"a\"\":1,\"\"a\"\":2}\",,failed,,\"line 1: ambiguous: an object has two fields with the name \"\"a\"\"\",\n,1,completed,ä;\t=,,\n"},
		{"lines", "t.jsonl", "{\"a\":1,\"a\":2}\n", "o.jsonl", `{"item":"{\"a\":1,\"a\":2}","status":"failed","result":null,"error":"line 1: ambiguous: an object has two fields with the name \"a\"","warning":null}` + "\n"},
	} {
		if got := writtenAgain(t, c.name, c.data, c.output); got != c.want {
			t.Errorf("%s:\ngot  %q\nwant %q", c.about, got, c.want)
		}
	}
	utf16 := func(order utf.Endianness, text string) string {
		encoded, err := utf.UTF16(order, utf.UseBOM).NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	for _, order := range []utf.Endianness{utf.LittleEndian, utf.BigEndian} {
		got := writtenAgain(t, "t.csv", utf16(order, "id;q\r\n1;😀\r\n"), "o.csv")
		if want := utf16(order, "id;q;status;result;error;warning\r\n1;😀;completed;\"ä;\t=\";;\r\n"); got != want {
			t.Errorf("UTF-16: %q, want %q", got, want)
		}
	}
}
