package export

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/require"
	tables "github.com/gleitzeit/gleitzeit/internal/table"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/internal/workbook"
)

func render(t *testing.T, items Items, f *fixture, o Options) string {
	t.Helper()
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := Render(t.Context(), items, f.about(t), &o, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// What the records have, page by page or not, is what the entries of results have.
func TestItemsOfRecords(t *testing.T) {
	for _, pageSize := range []int{0, 1, 7, 500} {
		f := newFixture(t, pageSize)
		var got []value.Value
		err := f.records(t).Each(t.Context(), func(item Item) error {
			if item.Index != len(got) {
				t.Errorf("item %d comes after %d others", item.Index, len(got))
			}
			got = append(got, item.Entry)
			return nil
		})
		if err != nil || len(got) != len(f.entries) {
			t.Fatalf("%d items, %v", len(got), err)
		}
		for i := range got {
			if string(got[i].JSON()) != string(f.entries[i].JSON()) {
				t.Errorf("pages of %d:\n%s\nwant\n%s", pageSize, got[i].JSON(), f.entries[i].JSON())
			}
		}
	}
}

// While a run is open, an item that will be tried again has not ended.
func TestAnItemThatIsRetried(t *testing.T) {
	f := newFixture(t, 10)
	open, err := OpenRecords(t.Context(), f.store, "r", "batch", true)
	if err != nil {
		t.Fatal(err)
	}
	failed := len(answers)
	err = open.Each(t.Context(), func(item Item) error {
		if item.Index == failed {
			return errors.New("it has ended")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// jq reads JSON and JSON lines back.
func TestJSONReadByJQ(t *testing.T) {
	program, err := exec.LookPath("jq")
	if err != nil {
		require.Skip(t, "jq is not installed")
	}
	f := newFixture(t, 10)
	var want strings.Builder
	for _, entry := range f.entries {
		fmt.Fprintf(&want, "%s\n", entry.JSON())
	}
	jq := func(filter, input string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), program, "-c", filter)
		command.Stdin = strings.NewReader(input)
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	// Both sides go through jq: it writes numbers its own way.
	wanted := jq(".", want.String())
	if got := jq(".results[]", render(t, f.records(t), f, Options{Format: "json"})); got != wanted {
		t.Errorf("json:\n%s", got)
	}
	lines := render(t, f.records(t), f, Options{Format: "jsonl"})
	if got := jq(`select(has("item"))`, lines); got != wanted {
		t.Errorf("jsonl:\n%s", got)
	}
	if !strings.HasPrefix(lines, want.String()) {
		t.Error("the lines are not the entries with all their digits")
	}
	if got := jq(`select(has("run")) | [.run, .total, .failed, .skipped, .warnings]`, lines); got != fmt.Sprintf("[\"r\",%d,1,1,2]\n", len(f.entries)) {
		t.Errorf("the run: %s", got)
	}
	empty := render(t, itemsList(nil), f, Options{Format: "json"})
	if got := jq(".results", empty); got != "[]\n" {
		t.Errorf("without items: %s", empty)
	}
}

// encoding/csv reads CSV back, and no cell of it is a formula.
func TestCSVReadBack(t *testing.T) {
	f := newFixture(t, 10)
	read := func(o Options) [][]string {
		t.Helper()
		o.Format = "csv"
		out := strings.TrimPrefix(render(t, f.records(t), f, o), byteOrderMark)
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	rows, raw := read(Options{BOM: true}), read(Options{Raw: true})
	header := []string{"item", "index", "status", "result", "result.parsed.n", "result.parsed.half", "result.parsed.big", "result.parsed.ok", "result.parsed.mixed", "result.parsed.late", "error", "warning"}
	if !slices.Equal(rows[0], header) {
		t.Errorf("header %q", rows[0])
	}
	if len(rows) != len(f.entries)+1 || len(raw) != len(rows) {
		t.Fatalf("%d rows", len(rows))
	}
	harmless := 0
	for i, entry := range f.entries {
		item := Item{Index: i, Entry: entry}
		parsed := func(name string) string { return textOf(item.get("result", "parsed", name)) }
		want := []string{
			textOf(item.get("item")), fmt.Sprint(i), textOf(item.get("status")), textOf(item.get("result", "response")),
			parsed("n"), parsed("half"), parsed("big"), parsed("ok"), parsed("mixed"), parsed("late"), textOf(item.problem()), textOf(item.warning()),
		}
		if !slices.Equal(raw[i+1], want) {
			t.Errorf("row %d is %q, want %q", i, raw[i+1], want)
		}
		for at, cell := range rows[i+1] {
			switch cell {
			case want[at]:
				if cell != "" && cell != "-5" && strings.ContainsRune("=+-@\t\r＝", []rune(cell)[0]) {
					t.Errorf("a formula: %q", cell)
				}
			case "'" + want[at]:
				harmless++
			default:
				t.Errorf("row %d has %q, want %q", i, cell, want[at])
			}
		}
	}
	if harmless != 8 {
		t.Errorf("%d cells were made harmless", harmless)
	}
	if out := render(t, f.records(t), f, Options{Format: "csv", BOM: true}); !strings.HasPrefix(out, byteOrderMark+"item,") {
		t.Errorf("with a byte order mark: %.20q", out)
	}
}

// TestXLSXReadBack: numbers are numbers as far as a spreadsheet keeps their digits, and everything else is text, which never runs.
func TestXLSXReadBack(t *testing.T) {
	f := newFixture(t, 10)
	data := render(t, f.records(t), f, Options{Format: "xlsx"})
	opened, err := tables.Open(t.Context(), "t.xlsx", strings.NewReader(data), int64(len(data)), tables.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, entry := range f.entries {
		row, err := opened.Next()
		if err != nil || row.Err != nil {
			t.Fatal(err, row.Err)
		}
		item := Item{Index: i, Entry: entry}
		for name, want := range map[string]value.Value{
			"item": item.get("item"), "index": value.Int(int64(i)), "status": item.get("status"), "result": value.String(textOf(item.get("result", "response"))),
			"result.parsed.half": item.get("result", "parsed", "half"), "result.parsed.big": value.String(textOf(item.get("result", "parsed", "big"))),
			"error": value.String(textOf(item.problem())),
		} {
			got, _ := row.Value.Get(name)
			if textOf(got) != textOf(want) || want.Kind() == value.KindNumber && got.Kind() != want.Kind() {
				t.Errorf("row %d has %s as %s, want %s", i, name, got.JSON(), want.JSON())
			}
		}
		if ok, _ := row.Value.Get("result.parsed.ok"); i < len(answers) && ok.Kind() != value.KindBool {
			t.Errorf("row %d: %s", i, ok.JSON())
		}
	}
}

// TestLimitsOfXLSX: a text that no cell can have is cut, and a line says so.
func TestLimitsOfXLSX(t *testing.T) {
	long := value.String(strings.Repeat("x", workbook.MaxText+1))
	entry := value.Object(value.Field{Name: "index", Value: value.Int(0)}, value.Field{Name: "item", Value: long}, value.Field{Name: "status", Value: long})
	item, _ := itemOf(entry)
	var out bytes.Buffer
	notes, err := Render(t.Context(), itemsList{item}, &view.Batch{}, &Options{Format: "xlsx"}, &out)
	if want := "warning: 2 of the cells have only the first 32767 characters of their text, which is the limit of XLSX; CSV and Parquet have all of it"; err != nil || !slices.Equal(notes, []string{want}) {
		t.Errorf("%q, %v", notes, err)
	}
	w := &sheet{rows: workbook.MaxRows, document: &document{}}
	if got := fmt.Sprint(w.Write(item)); got != "XLSX has at most 1048576 rows (write CSV or Parquet)" {
		t.Error(got)
	}
	if _, err := newWorkbook(&out, &document{columns: make([]*column, workbook.MaxColumns+1)}); err == nil || err.Error() != "there are 16385 columns, and XLSX has at most 16384 (name the fields that you want with --fields, or write CSV)" {
		t.Error(err)
	}
}

// goldmark reads a report back: a heading and a block for each item, whatever its answer says.
func TestMarkdownReadBack(t *testing.T) {
	f := newFixture(t, 10)
	out := []byte(render(t, f.records(t), f, Options{Format: "markdown"}))
	document := goldmark.DefaultParser().Parse(text.NewReader(out))
	titles, starts := 0, []int{}
	for node := document.FirstChild(); node != nil; node = node.NextSibling() {
		heading, is := node.(*ast.Heading)
		switch {
		case node.Kind() == ast.KindHTMLBlock:
			t.Errorf("HTML: %q", node.Lines().Value(out))
		case !is || heading.Level == 1 && titles == 0 && plainText(heading, out) == "Docs":
		case heading.Level == 2 && titles < len(f.entries) && plainText(heading, out) == textOf(Item{Entry: f.entries[titles]}.get("item")):
			starts = append(starts, heading.Lines().At(0).Stop+1)
			titles++
		default:
			t.Errorf("heading %q of level %d after %d items", plainText(heading, out), heading.Level, titles)
		}
	}
	if titles != len(f.entries) {
		t.Fatalf("%d items of %d have a heading:\n%s", titles, len(f.entries), out)
	}
	for i, answer := range answers {
		end := bytes.Index(out[starts[i]:], []byte("\n## "+f.heading(i+1)))
		if got := unquoted(string(out[starts[i] : starts[i]+end])); got != strings.TrimSpace(value.VisibleLines(answer)) {
			t.Errorf("answer %q is %q", answer, got)
		}
	}
	for _, want := range []string{"**Warning:** the answer was cut off", "**Warning:** half of it", "mend it", "Skipped: the run was cancelled", "# Docs\n\n"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("the report does not have %q", want)
		}
	}
}

func (f *fixture) heading(i int) string { return textOf(Item{Entry: f.entries[i]}.get("item")) }

// plainText returns the text of a node as a reader sees it.
func plainText(node ast.Node, source []byte) string {
	var all strings.Builder
	err := ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if leaf, is := n.(*ast.Text); is && entering {
			all.Write(util.UnescapePunctuations(leaf.Value(source)))
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		panic(err)
	}
	return all.String()
}

// unquoted returns the text of a section: a code block, a quote, or what it is.
func unquoted(section string) string {
	section = strings.Trim(section, "\n")
	if fence, rest, is := strings.Cut(section, "\n"); is && strings.Trim(fence, "`") == "" && strings.HasSuffix(rest, "\n"+fence) {
		return strings.TrimSuffix(rest, "\n"+fence)
	}
	lines := strings.Split(section, "\n")
	if slices.ContainsFunc(lines, func(line string) bool { return !strings.HasPrefix(line, "> ") }) || section == "> quote\n> more" {
		return section
	}
	for i := range lines {
		lines[i] = lines[i][2:]
	}
	return strings.Join(lines, "\n")
}

// A Parquet reader finds the columns with their types, and the values of the records.
func TestParquetReadBack(t *testing.T) {
	f := newFixture(t, 10)
	out := render(t, f.records(t), f, Options{Format: "parquet"})
	file, err := parquet.OpenFile(strings.NewReader(out), int64(len(out)))
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, column := range file.Root().Columns() {
		columns = append(columns, column.Name()+" "+column.Type().String())
	}
	want := []string{
		"item STRING", "index INT(64,true)", "status STRING", "result STRING", "result.parsed.n INT(64,true)", "result.parsed.half DOUBLE", "result.parsed.big INT(64,true)",
		"result.parsed.ok BOOLEAN", "result.parsed.mixed STRING", "result.parsed.late STRING", "error STRING", "warning STRING",
	}
	if !slices.Equal(columns, want) {
		t.Errorf("columns %q", columns)
	}
	reader := parquet.NewReader(file)
	defer reader.Close()
	rows := make([]parquet.Row, len(f.entries)+1)
	n, err := reader.ReadRows(rows)
	if n != len(f.entries) || err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%d rows, %v", n, err)
	}
	for i, row := range rows[:n] {
		item := Item{Entry: f.entries[i]}
		parsed := func(name string) value.Value { return item.get("result", "parsed", name) }
		wanted := []value.Value{
			item.get("item"), item.get("index"), item.get("status"), item.get("result", "response"), parsed("n"), parsed("half"), parsed("big"), parsed("ok"), parsed("mixed"), parsed("late"),
			item.problem(), item.warning(),
		}
		for at, v := range wanted {
			if row[at].IsNull() != v.IsNull() || !v.IsNull() && row[at].String() != textOf(v) {
				t.Errorf("row %d, %s: %q, want %q", i, columns[at], row[at], textOf(v))
			}
		}
	}
}

// The columns of a table do not depend on the order in which items ended.
func TestColumnsInAnyOrder(t *testing.T) {
	f := newFixture(t, 10)
	var items itemsList
	for i, entry := range f.entries {
		items = append(items, Item{Index: i, Status: "completed", Entry: entry})
	}
	for i, parsed := range []string{`{"n":1,"zz":1}`, `{"aa":1,"zz":1,"n":2}`} {
		entry, err := value.Parse([]byte(fmt.Sprintf(`{"index":%d,"result":{"parsed":%s}}`, len(items), parsed)))
		if err != nil {
			t.Fatal(i, err)
		}
		items = append(items, Item{Index: len(items), Status: "completed", Entry: entry})
	}
	forwards := render(t, items, f, Options{Format: "csv"})
	slices.Reverse(items)
	backwards := render(t, items, f, Options{Format: "csv"})
	first, _, _ := strings.Cut(forwards, "\n")
	if header, _, _ := strings.Cut(backwards, "\n"); header != first || !strings.Contains(header, "result.parsed.late,result.parsed.zz,result.parsed.aa") {
		t.Errorf("%s\n%s", first, header)
	}
}

func TestFields(t *testing.T) {
	f := newFixture(t, 10)
	object := value.Object(value.Field{Name: "id", Value: value.Int(7)}, value.Field{Name: "status", Value: value.String("new")}, value.Field{Name: "a b", Value: value.String("=x")})
	result, err := value.Parse([]byte(`{"result":{"score":0.5,"tags":["a","b"]},"output":"said"}`))
	if err != nil {
		t.Fatal(err)
	}
	items := itemsList{{Index: 0, Status: "completed", Entry: value.Object(
		value.Field{Name: "item", Value: object}, value.Field{Name: "index", Value: value.Int(0)}, value.Field{Name: "status", Value: value.String("completed")},
		value.Field{Name: "result", Value: result}, value.Field{Name: "error"},
	)}}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Format: "csv", Fields: "index,score,id,result.tags[1],output"}, "index,score,id,result.tags[1],output\n0,0.5,7,b,said\n"},
		{Options{Format: "csv", Fields: "status,item,result.result.*", Keep: true}, "status,item,id,item.status,a b,result.result.score,result.result.tags\n" +
			"completed,\"{\"\"id\"\":7,\"\"status\"\":\"\"new\"\",\"\"a b\"\":\"\"=x\"\"}\",7,new,'=x,0.5,\"[\"\"a\"\",\"\"b\"\"]\"\n"},
		{Options{Format: "jsonl", Fields: `item["a b"],result.*`}, `{"item[\"a b\"]":"=x","result.result":{"score":0.5,"tags":["a","b"]},"result.output":"said"}` + "\n"},
		{Options{Format: "text", Fields: "score"}, "== {\"id\":7,\"status\":\"new\",\"a b\":\"=x\"}\nscore: 0.5\n"},
		{Options{Format: "csv", Fields: "index", Only: "failed"}, "index\n"},
	} {
		if got := render(t, items, f, c.o); got != c.want {
			t.Errorf("%+v:\n%s\nwant\n%s", c.o, got, c.want)
		}
	}
	file := f.records(t)
	if got := render(t, file, f, Options{Format: "jsonl", Fields: "item.stem", Only: "failed"}); got != fmt.Sprintf("{\"item.stem\":\"%d_a\"}\n", len(answers)) {
		t.Errorf("the stem of a file: %s", got)
	}
	unknown, err := Render(t.Context(), items, f.about(t), &Options{Format: "jsonl", Fields: "scoer,score,error.message"}, io.Discard)
	if err != nil || !slices.Equal(unknown, []string{`warning: no item has the field "scoer"`}) {
		t.Errorf("fields that no item has: %q, %v", unknown, err)
	}
	for _, wrong := range []Options{{Fields: "a..b"}, {Fields: "item,${x}"}, {Fields: "["}, {Fields: "x:-1"}, {Only: "cancelled"}} {
		if err := wrong.Check(); err == nil {
			t.Errorf("%+v is valid", wrong)
		}
	}
}

// Names that a model or an input chose are data too: a table has no two columns of one name, and no formula as one.
func TestNamesOfColumns(t *testing.T) {
	f := newFixture(t, 10)
	result, err := value.Parse([]byte(`{"parsed":{"=cmd":1,"a.b":2,"":3,"item":4}}`))
	if err != nil {
		t.Fatal(err)
	}
	item := value.Object(value.Field{Name: "=id", Value: value.Int(1)}, value.Field{Name: "index", Value: value.Int(2)}, value.Field{Name: "", Value: value.Int(3)})
	items := itemsList{{Status: "completed", Entry: value.Object(
		value.Field{Name: "item", Value: item}, value.Field{Name: "index", Value: value.Int(0)}, value.Field{Name: "result", Value: result},
	)}}
	for _, format := range []string{"csv", "parquet"} {
		out := render(t, items, f, Options{Format: format, Keep: true, Fields: "item,item,index,result.parsed.*"})
		if format == "parquet" {
			file, err := parquet.OpenFile(strings.NewReader(out), int64(len(out)))
			if err != nil || file.NumRows() != 1 {
				t.Errorf("parquet: %v", err)
			}
			continue
		}
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"item", "'=id", "item.index", `item[""]`, "item (2)", "index", "result.parsed.=cmd", `result.parsed["a.b"]`, `result.parsed[""]`, "result.parsed.item"}
		if !slices.Equal(rows[0], want) {
			t.Errorf("%q", rows[0])
		}
	}
}

func TestNamesOfFormats(t *testing.T) {
	for file, want := range map[string]string{"a.CSV": "csv", "a.json": "json", "a.jsonl": "jsonl", "a.md": "markdown", "a.parquet": "parquet", "a.txt": "text", "a": "text"} {
		if got := FormatOfFile(file); got != want {
			t.Errorf("%s: %s", file, got)
		}
	}
	if name, known := FormatOf("md"); name != "markdown" || !known {
		t.Errorf("md is %q", name)
	}
	if _, known := FormatOf("xml"); known {
		t.Error("xml is a format")
	}
}
