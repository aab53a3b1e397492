// Package table reads the rows of a table one after the other, as objects with a field for each column: CSV, TSV, JSON lines, a JSON
// list, XLSX and Parquet. Memory does not depend on how many rows there are. It opens no file, and follows nothing that a table names.
package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Row is a row of a table.
type Row struct {
	Place string      // Where it is, for people: "line 7", "row 3".
	Value value.Value // An object with a field for each column, in their order; of an invalid row, what could be read.
	Err   error       // Why the row is invalid: an *Error. The rows after it can be read.
}

// Error is an error of a table or of one of its rows.
type Error struct {
	Message string
	Hint    string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

func errorf(format string, args ...any) *Error { return &Error{Message: fmt.Sprintf(format, args...)} }

func (e *Error) withHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Options say how a table is read.
type Options struct {
	Delimiter string // Of CSV: a character, or "tab"; empty: it is found.
	Sheet     string // Of a workbook; empty is the first one.
}

// MaxRow is the maximum size of a row, in bytes of the file.
const MaxRow = 16 << 20

// reader reads the rows of a table in one format.
type reader interface {
	// columns returns the names of the columns; nil if each row has its own.
	columns() []string
	// next returns the next row, or io.EOF, or an *Error after which no row can be read.
	next() (Row, error)
}

// Table is a table whose rows are read one after the other. It is for one goroutine.
type Table struct{ reader }

// Columns returns the names of the columns; nil if each row has its own.
func (t *Table) Columns() []string { return t.columns() }

// Format returns what the table looks like, as far as it was read.
func (t *Table) Format() *protocol.Table {
	format := &protocol.Table{Columns: t.columns()}
	if rows, is := t.reader.(*csvRows); is {
		format.CSV = rows.format()
	}
	return format
}

// Next returns the next row. At the end the error is io.EOF; any other one is of the whole table.
func (t *Table) Next() (Row, error) {
	row, err := t.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return Row{}, failed(err)
	}
	return row, err
}

// failed returns the end of a context as it is, and any other error as one of the table.
func failed(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return asError(err)
}

// asError returns an error as one of the table.
func asError(err error) *Error {
	if of, is := errors.AsType[*Error](err); is {
		return of
	}
	return errorf("%s", err)
}

// fileFormat is a format of tables.
type fileFormat struct {
	name    string
	endings []string
	sheets  bool
	open    func(ctx context.Context, from io.ReaderAt, size int64, o Options) (reader, error)
}

// formats are all of them.
var formats = []fileFormat{
	{name: "CSV", endings: []string{".csv"}, open: openCSV},
	{name: "TSV", endings: []string{".tsv", ".tab"}, open: openTSV},
	{name: "JSON lines", endings: []string{".jsonl", ".ndjson"}, open: openLines},
	{name: "JSON", endings: []string{".json"}, open: openList},
	{name: "XLSX", endings: []string{".xlsx", ".xlsm"}, sheets: true, open: openWorkbook},
	{name: "Parquet", endings: []string{".parquet"}, open: openParquet},
}

func formatOf(name string) *fileFormat {
	ending := strings.ToLower(path.Ext(name))
	at := slices.IndexFunc(formats, func(f fileFormat) bool { return slices.Contains(f.endings, ending) })
	if at < 0 {
		return nil
	}
	return &formats[at]
}

// SplitSheet returns the path of a file and the sheet of it that is meant: "book.xlsx#Sheet 1".
func SplitSheet(name string) (file, sheet string) {
	for at := range len(name) {
		if name[at] != '#' {
			continue
		}
		if of := formatOf(name[:at]); of != nil && of.sheets {
			return name[:at], name[at+1:]
		}
	}
	return name, ""
}

// Check returns why a file of the name cannot be read as a table with the options; nil if it can.
func Check(name string, o Options) *Error {
	of := formatOf(name)
	if of == nil {
		return errorf("the format of a table is known by the ending of its name, and %q has none of %s", path.Base(name), Endings()).
			withHint("save it as CSV, or rename it")
	}
	if o.Delimiter == "" {
		return nil
	}
	if of.name != "CSV" && of.name != "TSV" {
		return errorf("delimiter is only supported for CSV, and %q is %s", path.Base(name), of.name)
	}
	if _, err := delimiterOf(o.Delimiter); err != nil {
		return err
	}
	return nil
}

// Endings lists the endings of the names of tables for people.
func Endings() string {
	var all []string
	for _, f := range formats {
		all = append(all, f.endings...)
	}
	return strings.Join(all, ", ")
}

// Open opens the table in a file of so many bytes, whose name selects the format. Reading it ends with the context.
func Open(ctx context.Context, name string, from io.ReaderAt, size int64, o Options) (*Table, error) {
	if err := Check(name, o); err != nil {
		return nil, err
	}
	opened, err := formatOf(name).open(ctx, from, size, o)
	if err != nil {
		return nil, failed(err)
	}
	return &Table{opened}, nil
}

// checkColumns returns an error for columns without a name, or with one that another has.
func checkColumns(names []string) error {
	places := map[string][]string{}
	var wrong, twice []string
	for i, name := range names {
		if name == "" {
			wrong = append(wrong, fmt.Sprintf("column %d has no name", i+1))
			continue
		}
		if len(places[name]) == 1 {
			twice = append(twice, name)
		}
		places[name] = append(places[name], fmt.Sprint(i+1))
	}
	for _, name := range twice {
		wrong = append(wrong, fmt.Sprintf("columns %s are named %q", joinWords(places[name]), name))
	}
	if len(wrong) == 0 {
		return nil
	}
	const most = 5
	if more := len(wrong) - most; more > 0 {
		wrong = append(wrong[:most], fmt.Sprintf("and %d more", more))
	}
	return errorf("the header is invalid: %s", strings.Join(wrong, "; ")).withHint("give each column a name of its own")
}

func joinWords(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// maxColumns is how many columns a table may have: more is data that was taken for names.
const maxColumns = 20_000

func tooManyColumns(count int) *Error {
	return errorf("it has %d columns, and the limit is %d", count, maxColumns)
}

// object makes the value of a row. There may be fewer cells than names, and something of an invalid row that has no name.
func object(names []string, cells []value.Value, rest value.Value) value.Value {
	fields := make([]value.Field, min(len(names), len(cells)), len(cells)+1)
	for i := range fields {
		fields[i] = value.Field{Name: names[i], Value: cells[i]}
	}
	if !rest.IsNull() {
		name := "extra cells"
		for slices.Contains(names, name) {
			name += "'"
		}
		fields = append(fields, value.Field{Name: name, Value: rest})
	}
	return value.Object(fields...)
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
