package table

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// read returns what a table has: its columns, a line for each row, and its error.
func read(t testing.TB, name, data string, o Options) string {
	t.Helper()
	var shown strings.Builder
	opened, err := Open(t.Context(), name, strings.NewReader(data), int64(len(data)), o)
	if err != nil {
		return "! " + err.Error()
	}
	if opened.Columns() != nil {
		fmt.Fprintf(&shown, "%q\n", opened.Columns())
	}
	for {
		row, err := opened.Next()
		if errors.Is(err, io.EOF) {
			return shown.String()
		}
		if err != nil {
			return shown.String() + "! " + err.Error()
		}
		fmt.Fprintf(&shown, "%s %s", row.Place, row.Value.JSON())
		if row.Err != nil {
			fmt.Fprintf(&shown, " ! %s", row.Err)
		}
		shown.WriteByte('\n')
	}
}

func utf16Of(text string, little, mark bool) string {
	var data []byte
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	for _, unit := range units {
		if little {
			data = append(data, byte(unit), byte(unit>>8))
		} else {
			data = append(data, byte(unit>>8), byte(unit))
		}
	}
	return string(data)
}

func TestCSV(t *testing.T) {
	for _, c := range []struct {
		about, data string
		o           Options
		want        string
	}{
		{"digits stay text", "id,n\n007,1e3\n", Options{}, `["id" "n"]
line 2 {"id":"007","n":"1e3"}
`},
		{"quotes, and what is in them", "a,b\n\"x,\"\"y\"\"\",\"1\r\n2\n3\"\n\"\",5\" wide\n", Options{}, `["a" "b"]
line 2 {"a":"x,\"y\"","b":"1\r\n2\n3"}
line 5 {"a":"","b":"5\" wide"}
`},
		{"line ends, empty lines, and no line end", "a,b\r\n\r\n1,2\r\n\n3,4\r", Options{}, "[\"a\" \"b\"]\nline 3 {\"a\":\"1\",\"b\":\"2\"}\nline 5 {\"a\":\"3\",\"b\":\"4\\r\"}\n"},
		{"old Macs", "a,b\r1,2\r\r3,\"4\r5\"\r", Options{}, "[\"a\" \"b\"]\nline 2 {\"a\":\"1\",\"b\":\"2\"}\nline 4 {\"a\":\"3\",\"b\":\"4\\r5\"}\n"},
		{"semicolons", "a;b\n1,5;2\n2,5;3\n", Options{}, "[\"a\" \"b\"]\nline 2 {\"a\":\"1,5\",\"b\":\"2\"}\nline 3 {\"a\":\"2,5\",\"b\":\"3\"}\n"},
		{"tabs", "a\tb, c\n1\t2\n", Options{}, "[\"a\" \"b, c\"]\nline 2 {\"a\":\"1\",\"b, c\":\"2\"}\n"},
		{"bars in quotes", "a|b\n\"x|y\"|2\n", Options{}, "[\"a\" \"b\"]\nline 2 {\"a\":\"x|y\",\"b\":\"2\"}\n"},
		{"one column", "question\nWhat, then?\nA; B|C\n", Options{Delimiter: "tab"}, "[\"question\"]\nline 2 {\"question\":\"What, then?\"}\nline 3 {\"question\":\"A; B|C\"}\n"},
		{"one column with an empty cell", "q\n\"\"\n\nx\n", Options{}, "[\"q\"]\nline 2 {\"q\":\"\"}\nline 4 {\"q\":\"x\"}\n"},
		{"named", "a:b\n1:2,3\n", Options{Delimiter: ":"}, "[\"a\" \"b\"]\nline 2 {\"a\":\"1\",\"b\":\"2,3\"}\n"},
		{"byte order mark", "\ufeffid,b\n1,ä\n", Options{}, "[\"id\" \"b\"]\nline 2 {\"id\":\"1\",\"b\":\"ä\"}\n"},
		{"UTF-16", utf16Of("id,b\r\n1,ä😀\r\n", true, true), Options{}, "[\"id\" \"b\"]\nline 2 {\"id\":\"1\",\"b\":\"ä😀\"}\n"},
		{"UTF-16, the other way", utf16Of("id,b\n1,ä\n", false, true), Options{}, "[\"id\" \"b\"]\nline 2 {\"id\":\"1\",\"b\":\"ä\"}\n"},
		{"UTF-16 without a mark", utf16Of("id,b\n1,ä\n", true, false), Options{}, "[\"id\" \"b\"]\nline 2 {\"id\":\"1\",\"b\":\"ä\"}\n"},
		{"UTF-16 without a mark, the other way", utf16Of("id,b\n1,ä\n", false, false), Options{}, "[\"id\" \"b\"]\nline 2 {\"id\":\"1\",\"b\":\"ä\"}\n"},
		{"ragged rows", "a,b,c\n1,2\n\"x\ny\",2,3,4\n5,6,7\n", Options{}, `["a" "b" "c"]
line 2 {"a":"1","b":"2"} ! line 2: the row has 2 cells, and the header 3
line 3 {"a":"x\ny","b":"2","c":"3","extra cells":["4"]} ! line 3: the row has 4 cells, and the header 3
line 5 {"a":"5","b":"6","c":"7"}
`},
		{"text after a quote", "a,b\n\"x\"y,2\n3,4\n", Options{}, `["a" "b"]
line 2 {"a":"\"x\"y","b":"2"} ! line 2: cell 1 has text after its closing quote
line 3 {"a":"3","b":"4"}
`},
		{"an open quote", "a,b\n1,2\n3,\"4\n5,6\n", Options{}, "[\"a\" \"b\"]\nline 2 {\"a\":\"1\",\"b\":\"2\"}\n! line 3: the quote at the beginning of cell 2 is never closed"},
		{"not UTF-8", "a,b\ncaf\xe9,2\n3,4\n", Options{}, `["a" "b"]
line 2 {"a":"caf\\xe9","b":"2"} ! line 2: cell 1 is not valid UTF-8
line 3 {"a":"3","b":"4"}
`},
		{"headers that are not names", "a,,b,a,b,\n1,2,3,4,5,6\n", Options{}, `! the header is invalid: column 2 has no name; column 6 has no name; columns 1 and 4 are named "a"; columns 3 and 5 are named "b"`},
		{"nothing", "", Options{}, "! it is empty: the first line must have the names of the columns"},
		{"blank lines", "\n\r\n", Options{}, "! it is empty: the first line must have the names of the columns"},
		{"a header alone", "a,b", Options{}, "[\"a\" \"b\"]\n"},
		{"quotes before text after a quote", "a,b\n\"x \"\"y\"\" \"z,2\n", Options{}, `["a" "b"]
line 2 {"a":"\"x \"\"y\"\" \"z","b":"2"} ! line 2: cell 1 has text after its closing quote
`},
		{"a name that is taken", "a,extra cells\n1,2,3\n", Options{}, `["a" "extra cells"]
line 2 {"a":"1","extra cells":"2","extra cells'":["3"]} ! line 2: the row has 3 cells, and the header 2
`},
		{"more than one thing is wrong", "a,b\n\"x\"y,\xe9,\xe8\n", Options{}, `["a" "b"]
line 2 {"a":"\"x\"y","b":"\\xe9","extra cells":["\\xe8"]} ! line 2: cell 2 is not valid UTF-8
`},
		{"the separator as Excel writes it", "sep=;\r\na,b;c\r\n1;2\r\n", Options{}, "[\"a,b\" \"c\"]\nline 3 {\"a,b\":\"1\",\"c\":\"2\"}\n"},
		{"a separator that nothing else has", "\ufeffSEP=#\na#b\n", Options{}, "[\"a\" \"b\"]\n"},
		{"a separator in quotes, and a tab", "\"sep=\t\"\na\tb\n", Options{}, "[\"a\" \"b\"]\n"},
		{"a separator and a delimiter that is named", "sep=;\na,b\n", Options{Delimiter: ","}, "[\"a\" \"b\"]\n"},
		{"a separator in UTF-16", utf16Of("sep=|\r\na|b\r\n", true, true), Options{}, "[\"a\" \"b\"]\n"},
		{"a separator on an old Mac", "sep=;\ra;b\r1;2", Options{}, "[\"a\" \"b\"]\nline 3 {\"a\":\"1\",\"b\":\"2\"}\n"},
		{"a column that begins like a separator", "sep=;x\n1;2\n", Options{}, "[\"sep=\" \"x\"]\nline 2 {\"sep=\":\"1\",\"x\":\"2\"}\n"},
		{"a separator alone", "sep=;\n", Options{}, "! it is empty: the first line must have the names of the columns"},
	} {
		if got := read(t, "t.csv", c.data, c.o); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.about, got, c.want)
		}
	}
	if got, want := read(t, "t.tsv", "sep=;\na;b\n", Options{}), "[\"a\" \"b\"]\n"; got != want {
		t.Errorf("TSV with a separator: %s", got)
	}
	if got, want := read(t, "t.TSV", "a,b\tc\n1\t2\n", Options{}), "[\"a,b\" \"c\"]\nline 2 {\"a,b\":\"1\",\"c\":\"2\"}\n"; got != want {
		t.Errorf("TSV: %s", got)
	}
}

func TestJSON(t *testing.T) {
	for _, c := range []struct{ about, name, data, want string }{
		{"lines", "t.jsonl", "{\"id\": 12345678901234567890, \"n\": 1.50}\n\n \r\n{\"b\": null}", `line 1 {"id":12345678901234567890,"n":1.50}
line 4 {"b":null}
`},
		{"broken lines", "t.ndjson", "{\"a\": 1\n[1]\n{\"a\": 2}\n{}x", `line 1 "{\"a\": 1" ! line 1: not JSON: unexpected EOF
line 2 "[1]" ! line 2: the row is a list, not an object
line 3 {"a":2}
line 4 "{}x" ! line 4: not JSON: unexpected text after the value
`},
		{"no lines", "t.jsonl", "\n", ""},
		{"lines that would be read as others", "t.jsonl", "{\"a\":1,\"b\":2,\"a\":3}\n{\"a\":{\"b\":[{\"c\":1,\"\\u0063\":1}]}}\n{\"a\":\"caf\xe9\"}\n{\"a\":{\"b\":1},\"b\":2}", `line 1 "{\"a\":1,\"b\":2,\"a\":3}" ! line 1: ambiguous: an object has two fields with the name "a"
line 2 "{\"a\":{\"b\":[{\"c\":1,\"\\u0063\":1}]}}" ! line 2: ambiguous: an object has two fields with the name "c"
line 3 "{\"a\":\"caf\\xe9\"}" ! line 3: not valid UTF-8
line 4 {"a":{"b":1},"b":2}
`},
		{"a list with them", "t.json", "[{\"a\":1,\"a\":2},{\"a\":1}]", `row 1 "{\"a\":1,\"a\":2}" ! row 1: ambiguous: an object has two fields with the name "a"
row 2 {"a":1}
`},
		{"a long line that is broken", "t.jsonl", "{" + strings.Repeat("x", 3000), "line 1 \"{" + strings.Repeat("x", 3000) + "\" ! line 1: not JSON: invalid character 'x'\n"},
		{"UTF-16 lines", "t.jsonl", utf16Of("{\"a\":\"ä\"}\n", true, true), "line 1 {\"a\":\"ä\"}\n"},
		{"list", "t.json", " [{\"id\": 12345678901234567890, \"a\": [1, {}]} ,\n{\"b\": 1.50}, 7]\n", `row 1 {"id":12345678901234567890,"a":[1,{}]}
row 2 {"b":1.50}
row 3 "7" ! row 3: the row is a number, not an object
`},
		{"empty list", "t.json", "[]", ""},
		{"no list", "t.json", "{\"a\": 1}", "! it must be a list of objects"},
		{"nothing", "t.json", "", "! it is empty, and must be a list of objects"},
		{"cut off", "t.json", "[{\"a\": 1}, {\"b\"", "row 1 {\"a\":1}\n! row 2: the file ends within the list"},
		{"cut off between", "t.json", "[{\"a\": 1}", "row 1 {\"a\":1}\n! after row 1: the file ends within the list"},
		{"not JSON", "t.json", "[{\"a\": 1}, x]", "row 1 {\"a\":1}\n! row 2: it is not valid JSON: invalid character 'x' looking for beginning of value"},
		{"something after it", "t.json", "[{\"a\": 1}] {}", "row 1 {\"a\":1}\n! after row 1: something follows the list"},
	} {
		if got := read(t, c.name, c.data, Options{}); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.about, got, c.want)
		}
	}
}

// TestFormat: what a table looks like is known when it was read.
func TestFormat(t *testing.T) {
	for _, c := range []struct{ about, name, data, want string }{
		{"lines of Unix", "t.csv", "a,b\n1,2\n", `{"columns":["a","b"],"csv":{"delimiter":",","line_end":"\n"}}`},
		{"as Excel writes it", "t.csv", "\ufeffsep=;\r\na;b\r\n\"1\";2\r\n", `{"columns":["a","b"],"csv":{"delimiter":";","line_end":"\r\n","byte_order_mark":true,"separator":true}}`},
		{"all in quotes", "t.csv", "\"a\",\"b\"\r\n\"1\",\"\"\r\n", `{"columns":["a","b"],"csv":{"delimiter":",","line_end":"\r\n","quoted":true}}`},
		{"line breaks in a header", "t.csv", "\"a\nb\",c\r\n1,2\r\n", `{"columns":["a\nb","c"],"csv":{"delimiter":",","line_end":"\r\n"}}`},
		{"an old Mac, in UTF-16", "t.csv", utf16Of("a|b\r1|2\r", false, true), `{"columns":["a","b"],"csv":{"delimiter":"|","line_end":"\r","byte_order_mark":true,"encoding":"utf-16be"}}`},
		{"UTF-16 without a mark", "t.tsv", utf16Of("a\tb\n", true, false), `{"columns":["a","b"],"csv":{"tsv":true,"delimiter":"\t","line_end":"\n","encoding":"utf-16le"}}`},
		{"no line end", "t.csv", "a;b", `{"columns":["a","b"],"csv":{"delimiter":";","line_end":"\n"}}`},
		{"JSON lines", "t.jsonl", "{\"a\":1}\n", `{}`},
		{"a workbook", "people.xlsx#Other sheet", testdata(t, "people.xlsx"), `{"columns":["id"]}`},
	} {
		name, sheet := SplitSheet(c.name)
		opened, err := Open(t.Context(), name, strings.NewReader(c.data), int64(len(c.data)), Options{Sheet: sheet})
		for err == nil {
			_, err = opened.Next()
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(c.about, err)
		}
		if got, err := json.Marshal(opened.Format()); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, want %s", c.about, got, c.want)
		}
	}
}

// TestIsEscaped: the cells of a row whose error says so are those of the file.
func TestIsEscaped(t *testing.T) {
	opened, err := Open(t.Context(), "t.csv", strings.NewReader("a,b\n\xe9,\\xe9\n"), 11, Options{})
	if err != nil {
		t.Fatal(err)
	}
	row, err := opened.Next()
	if err != nil || row.Err == nil || !IsEscaped(row.Err.Error()) || IsEscaped("x "+row.Err.Error()) || IsEscaped("line 2: the row has 2 cells, and the header 3") {
		t.Errorf("%v, %v", row.Err, err)
	}
	if first, _ := row.Value.Get("a"); first.Text() == "\xe9" {
		t.Error("a value cannot have bytes that are not UTF-8")
	}
}

// TestSizes: a row that is too large fails, and costs no memory.
func TestSizes(t *testing.T) {
	large := strings.Repeat("x", MaxRow+1)
	for _, c := range []struct{ name, data, want string }{
		{"t.csv", "a,b\n1," + large + "\n", "line 2: the row is larger than 16 MiB"},
		{"t.csv", "a,b\n1,\"" + strings.Repeat("x\n", MaxRow), "the row is larger than 16 MiB"},
		{"t.csv", strings.Repeat(",", maxColumns), "it has 20001 columns, and the limit is 20000"},
		{"t.jsonl", "{\"a\":\"" + large + "\"}\n", "line 1: the line is larger than 16 MiB"},
		{"t.json", "[{\"a\":\"" + large + large + "\"}]", "row 1: the row is larger than 16 MiB"},
		{"t.json", "[" + strings.Repeat(" ", 2*MaxRow) + "]", "the row is larger than 16 MiB"},
	} {
		got := read(t, c.name, c.data, Options{})
		if !strings.Contains(got, c.want) || len(got) > 10_000 {
			t.Errorf("%s: %.300s", c.want, got)
		}
	}
	if got := read(t, "t.jsonl", large+"\n{\"a\":1}\n", Options{}); !strings.HasSuffix(got, "\nline 2 {\"a\":1}\n") {
		t.Errorf("after a line that is too large: %.300s", got)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"t.txt": `the format of a table is known by the ending of its name, and "t.txt" has none of .csv, .tsv, .tab, .jsonl, .ndjson, .json, .xlsx, .xlsm, .parquet`,
		"a/t":   `the format of a table is known by the ending of its name, and "t" has none of .csv, .tsv, .tab, .jsonl, .ndjson, .json, .xlsx, .xlsm, .parquet`,
		"t.CSV": "",
	} {
		if err := Check(name, Options{}); err == nil && want != "" || err != nil && err.Message != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []struct{ name, delimiter, want string }{
		{"t.csv", ";", ""}, {"t.tsv", "|", ""}, {"t.csv", "tab", ""},
		{"t.csv", ";;", `delimiter ";;" is not one ASCII character`}, {"t.csv", `"`, `delimiter "\"" is not one ASCII character`}, {"t.csv", "ä", `delimiter "ä" is not one ASCII character`},
		{"t.jsonl", ";", `delimiter is only supported for CSV, and "t.jsonl" is JSON lines`},
	} {
		if err := Check(c.name, Options{Delimiter: c.delimiter}); err == nil && c.want != "" || err != nil && err.Message != c.want {
			t.Errorf("%s with %q: %v", c.name, c.delimiter, err)
		}
	}
	for name, want := range map[string][2]string{
		"a/book.xlsx#Sheet 1": {"a/book.xlsx", "Sheet 1"}, "b.xlsm#a#b": {"b.xlsm", "a#b"}, "a#b.xlsx": {"a#b.xlsx", ""}, "a#b.xlsx#c": {"a#b.xlsx", "c"}, "t.csv#x": {"t.csv#x", ""},
	} {
		if file, sheet := SplitSheet(name); file != want[0] || sheet != want[1] {
			t.Errorf("%s: %q, %q", name, file, sheet)
		}
	}
}

// generated is a CSV or JSON lines file of so many rows that is made while it is read, in order.
type generated struct {
	header string
	row    string // Each has the same size; %09d is its number.
	rows   int
}

func (g generated) size() int64 {
	return int64(len(g.header)) + int64(g.rows)*int64(len(fmt.Sprintf(g.row, 0)))
}

// ReadAt implements io.ReaderAt.
func (g generated) ReadAt(to []byte, at int64) (int, error) {
	if at >= g.size() {
		return 0, io.EOF
	}
	if at < int64(len(g.header)) {
		return copy(to, g.header[at:]), nil
	}
	at -= int64(len(g.header))
	size := int64(len(fmt.Sprintf(g.row, 0)))
	read := 0
	for number := at / size; number < int64(g.rows) && read < len(to); number++ {
		text := fmt.Sprintf(g.row, number)
		read += copy(to[read:], text[at%size:])
		at = (number + 1) * size
	}
	return read, nil
}

// TestMemory: it does not grow with the file. GLEITZEIT_TEST_TABLE_MB is the size of the files, in MB.
func TestMemory(t *testing.T) {
	megabytes := 20
	if text := os.Getenv("GLEITZEIT_TEST_TABLE_MB"); text != "" {
		var err error
		if megabytes, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Repeat("question ", 20)
	for name, of := range map[string]generated{
		"t.csv":   {header: "id,question\n", row: "%09d,\"" + text + "\"\n"},
		"t.jsonl": {row: `{"id":%09d,"question":"` + text + "\"}\n"},
		"t.json":  {header: "[{\"id\":1}", row: `,{"id":"%09d","question":"` + text + "\"}"},
	} {
		if name == "t.jsonl" {
			of.row = `{"id":"%09d","question":"` + text + "\"}\n"
		}
		of.rows = megabytes << 20 / len(fmt.Sprintf(of.row, 0))
		opened, err := Open(t.Context(), name, of, of.size(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var most uint64
		rows := 0
		for {
			row, err := opened.Next()
			if errors.Is(err, io.EOF) || name == "t.json" && rows > of.rows {
				break
			}
			if err != nil || row.Err != nil {
				t.Fatal(err, row.Err)
			}
			if rows++; rows%(of.rows/10) == 0 {
				runtime.GC()
				var memory runtime.MemStats
				runtime.ReadMemStats(&memory)
				most = max(most, memory.HeapAlloc)
			}
		}
		if rows < of.rows || most > 8<<20 {
			t.Errorf("%s of %d MB: %d of %d rows, %d bytes of memory", name, megabytes, rows, of.rows, most)
		}
	}
}

// FuzzCSV compares with encoding/csv where that is as strict, and checks that each cell is as it was written.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "a;b\n\"x\"\"\n\";2", "\xff\xfea\x00,\x00", "a\r1\r", "a,\"b\n", "a|b\r\n\"\"|\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		read(t, "t.csv", data, Options{})
		r := newRecords(data)
		standard := csv.NewReader(strings.NewReader(data))
		standard.FieldsPerRecord = -1
		if strings.ContainsRune(data, '\r') {
			return // It loses some of them.
		}
		for {
			want, wrong := standard.Read()
			if wrong != nil && !errors.Is(wrong, io.EOF) {
				return
			}
			got, _, invalid, err := r.next()
			if errors.Is(wrong, io.EOF) != errors.Is(err, io.EOF) || err == nil && (invalid != nil || !slices.Equal(got, want)) {
				t.Fatalf("%q: %q %v %v, want %q %v", data, got, invalid, err, want, wrong)
			}
			if err != nil {
				return
			}
		}
	})
}

func newRecords(data string) *records {
	return &records{from: bufio.NewReader(strings.NewReader(data)), delimiter: ',', line: 1}
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{"{}\n{}", "[{},1]", "{\"a\":1}\n\n[", "\xfe\xff\x00{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		read(t, "t.jsonl", data, Options{})
		read(t, "t.json", data, Options{})
	})
}

// zipped makes a workbook of its parts.
func zipped(t testing.TB, parts map[string]string) string {
	t.Helper()
	var file bytes.Buffer
	to := zip.NewWriter(&file)
	for name, text := range parts {
		part, err := to.Create(name)
		if err == nil {
			_, err = io.WriteString(part, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
