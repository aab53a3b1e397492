package export

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// itemsWithAnswers are those of a batch with a schema: a file whose answer is there, and one that failed before it.
func itemsWithAnswers(t *testing.T) itemsList {
	t.Helper()
	var items itemsList
	for _, text := range []string{
		`{"item":"/f/b.txt","index":0,"status":"failed","result":null,"error":{"message":"no text"}}`,
		`{"item":"/f/a.txt","index":1,"status":"completed","result":{"response":"{}","model":"m","parsed":{"name":"Ada","age":36,"status":"single"}},"error":null}`,
		`{"item":"/f/c.txt","index":2,"status":"failed","result":null,"error":{"message":"no text"}}`,
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

// A short name is that of the answer before it is that of the file, for each item, and where it could be both, a note says which.
func TestShortNamesOfAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []string
		fields  string
		rows    string
		notes   string
	}{
		{"a schema", []string{"name", "age", "status"}, "name,age", ",|Ada,36|,", `note: the field "name" is "result.parsed.name", not "item.name"`},
		{"no schema that is known", nil, "name,age", "b.txt,|Ada,36|,", `note: the field "name" is "result.parsed.name", not "item.name"`},
		{"a field of the item", []string{"status"}, "status", "failed|completed|failed", `note: the field "status" is that of the item, not "result.parsed.status"`},
		{"a path", []string{"name"}, "item.name,result.parsed.name", "b.txt,|a.txt,Ada|c.txt,", ""},
		{"a path that is not whole", []string{"age"}, "result.age", "||", `warning: no item has the field "result.age"; there is "result.parsed.age"`},
		{"another such path", nil, "item.age", "||", `warning: no item has the field "item.age"; there is "result.parsed.age"`},
		{"no field", nil, "height", "||", `warning: no item has the field "height"`},
		{"a file without answers", nil, "stem,response", "b,|a,{}|c,", ""},
	} {
		var out strings.Builder
		notes, err := Render(t.Context(), itemsWithAnswers(t), &view.Batch{Run: "r", Answers: c.answers}, &Options{Format: "jsonl", Fields: c.fields}, &out)
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		for line := range strings.Lines(out.String()) {
			row, err := value.Parse([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			var cells []string
			for _, field := range row.Fields() {
				cells = append(cells, textOf(field.Value))
			}
			rows = append(rows, strings.Join(cells, ","))
		}
		got := strings.Join(rows, "|")
		if got != c.rows || strings.Join(notes, "\n") != c.notes {
			t.Errorf("%s: %s\n%s", c.name, got, strings.Join(notes, "\n"))
		}
	}
	var table strings.Builder
	if _, err := Render(t.Context(), itemsWithAnswers(t), &view.Batch{Run: "r"}, &Options{Format: "csv", Fields: "name,age"}, &table); err != nil || table.String() != "name,age\n,\nAda,36\n,\n" {
		t.Errorf("%s, %v", &table, err)
	}
}

// A file whose ending is that of another format is not written as text, nor one of a known format in another one.
func TestFilesOfOtherFormats(t *testing.T) {
	for _, file := range []string{"z.ods", "a/b.PDF", "c.yaml", "d.docx", "x.jsonl.gz", "t.xls", "x.foo"} {
		if err := (&Options{}).CheckFile(file); err == nil || !strings.Contains(err.Error(), ".json, .jsonl, .ndjson, .csv, .tsv, .tab, .xlsx, .md, .markdown, .parquet") {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, file := range []string{"", "results", "a.txt", "a.log", "v1.2", "a.csv", "b.md", "c.parquet", "xlsx", "d.XLSX", "e.tsv", ".hidden", "day.2026-01-02"} {
		if err := (&Options{}).CheckFile(file); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, c := range []struct {
		format, file string
		fits         bool
	}{
		{"csv", "a.xlsx", false}, {"xlsx", "a.csv", false}, {"markdown", "a.json", false}, {"text", "a.jsonl", false}, {"csv", "a.ods", false}, {"responses", "a.csv", false},
		{"csv", "a.CSV", true}, {"csv", "a.foo", true}, {"csv", "a", true}, {"responses", "a.jsonl", true}, {"text", "a.md", true}, {"jsonl", "a.ndjson", true},
	} {
		if err := (&Options{Format: c.format, Named: true}).CheckFile(c.file); err == nil != c.fits {
			t.Errorf("%s as %s: %v", c.file, c.format, err)
		}
	}
}

// TestModelsOfRows: a file about which several models were asked has a row for each of them, which names it.
func TestModelsOfRows(t *testing.T) {
	for _, c := range []struct {
		models  []string
		options Options
		want    string
	}{
		{[]string{"m1", "m2"}, Options{}, "item,index,model,status,result,error,warning\n/f/a.txt,0,m1,completed,x,,\n/f/a.txt,1,m2,completed,x,,\n"},
		{[]string{"m1"}, Options{}, "item,index,model,status,result,error,warning\n/f/a.txt,0,m1,completed,x,,\n/f/a.txt,1,m1,completed,x,,\n"},
		{[]string{"m1", "m2"}, Options{Fields: "index"}, "index\n0\n1\n"},
		{nil, Options{}, "item,index,status,result,error,warning\n/f/a.txt,0,completed,x,,\n/f/a.txt,1,completed,x,,\n"},
	} {
		s, store := &source{models: c.models}, memory.New()
		for range 2 {
			s.add(t, value.String("/f/a.txt"), `{"response":"x","model":"of the server"}`, nil)
		}
		s.put(t, store, 0)
		f := &fixture{store: store}
		c.options.Format = "csv"
		if got := render(t, f.records(t), f, c.options); got != c.want {
			t.Errorf("%q, %q:\n%s", c.models, c.options.Fields, got)
		}
	}
}
