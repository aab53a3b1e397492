package export

import (
	"io"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// rowGroup are the bounds of a group of rows of a Parquet file: so much of it is in memory.
const (
	rowGroupRows  = 10_000
	rowGroupBytes = 16 << 20
)

// parquetFile writes a row for each item. A column is of the type that all its values have, and of text otherwise.
type parquetFile struct {
	to *parquet.GenericWriter[any]
	*document
	rows, bytes int // Of the group that is in memory.
}

// ordered is a group of columns in their own order; that of parquet.Group is alphabetical.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

// Fields implements parquet.Node.
func (o ordered) Fields() []parquet.Field { return o.fields }

func newParquet(to io.Writer, d *document) (Writer, error) {
	group := parquet.Group{}
	place := map[string]int{}
	for i, one := range d.columns {
		group[one.name] = parquet.Compressed(parquet.Optional(nodeOf(one.kinds)), &parquet.Zstd)
		place[one.name] = i
	}
	fields := group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int { return place[a.Name()] - place[b.Name()] })
	schema := parquet.NewSchema("items", ordered{group, fields})
	return &parquetFile{to: parquet.NewGenericWriter[any](to, schema), document: d}, nil
}

func nodeOf(k kinds) parquet.Node {
	switch {
	case k.only(hasBool):
		return parquet.Leaf(parquet.BooleanType)
	case k.only(hasInt | hasLong):
		return parquet.Int(64)
	case k.only(hasInt | hasFloat):
		return parquet.Leaf(parquet.DoubleType)
	}
	return parquet.String()
}

// Write implements Writer.
func (w *parquetFile) Write(item Item) error {
	row := make(parquet.Row, len(w.columns))
	for i, v := range cells(w.columns, item) {
		row[i] = w.cell(w.columns[i].kinds, v)
		w.bytes += len(v.Text()) + 16
		if v.IsNull() {
			row[i] = row[i].Level(0, 0, i)
		} else {
			row[i] = row[i].Level(0, 1, i)
		}
	}
	if _, err := w.to.WriteRows([]parquet.Row{row}); err != nil {
		return err
	}
	if w.rows++; w.rows < rowGroupRows && w.bytes < rowGroupBytes {
		return nil
	}
	w.rows, w.bytes = 0, 0
	return w.to.Flush()
}

func (w *parquetFile) cell(k kinds, v value.Value) parquet.Value {
	switch {
	case v.IsNull():
		return parquet.NullValue()
	case k.only(hasBool):
		return parquet.BooleanValue(v.Bool())
	case k.only(hasInt | hasLong):
		number, _ := strconv.ParseInt(v.Digits(), 10, 64) // So the column was found.
		return parquet.Int64Value(number)
	case k.only(hasInt | hasFloat):
		number, _ := strconv.ParseFloat(v.Digits(), 64)
		return parquet.DoubleValue(number)
	}
	return parquet.ByteArrayValue([]byte(textOf(v)))
}

// Close implements Writer.
func (w *parquetFile) Close() error { return w.to.Close() }
