package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// parquetRows are the rows of a Parquet file.
type parquetRows struct {
	names  []string
	fields []*parquetField
	leaves int
	groups []parquet.RowGroup
	open   parquet.Rows // Of the first group; nil between two of them.
	read   []parquet.Row
	row    int
}

// parquetBuffer is how many rows are read at once.
const parquetBuffer = 64

func openParquet(_ context.Context, from io.ReaderAt, size int64, _ Options) (opened reader, err error) {
	defer recoverParquet(&err)
	file, err := parquet.OpenFile(from, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, errorf("it is not valid Parquet: %s", err)
	}
	rows := &parquetRows{groups: file.RowGroups()}
	for _, column := range file.Root().Fields() {
		rows.names = append(rows.names, column.Name())
		rows.fields = append(rows.fields, newParquetField(column, &rows.leaves))
	}
	if rows.leaves > maxColumns {
		return nil, tooManyColumns(rows.leaves)
	}
	return rows, checkColumns(rows.names)
}

// recoverParquet makes an error of a panic: the library has some for files that are damaged.
func recoverParquet(err *error) {
	if problem := recover(); problem != nil {
		*err = errorf("it is not valid Parquet: %v", problem)
	}
}

func (p *parquetRows) columns() []string { return p.names }

func (p *parquetRows) next() (row Row, err error) {
	defer recoverParquet(&err)
	for len(p.read) == 0 {
		if err := p.fill(); err != nil {
			return Row{}, err
		}
	}
	p.row++
	row = Row{Place: fmt.Sprintf("row %d", p.row)}
	leaves := make([][]parquet.Value, p.leaves)
	p.read[0].Range(func(column int, values []parquet.Value) bool {
		leaves[column] = values
		return true
	})
	p.read = p.read[1:]
	cells := make([]value.Value, len(p.fields))
	for i, field := range p.fields {
		cells[i], err = field.value(leaves, 0, 0)
		if err != nil {
			row.Err = at(row.Place, errorf("column %q: %s", p.names[i], err))
		}
	}
	row.Value = object(p.names, cells, value.Value{})
	return row, nil
}

// fill reads the next rows.
func (p *parquetRows) fill() error {
	if p.open == nil {
		if len(p.groups) == 0 {
			return io.EOF
		}
		p.open = p.groups[0].Rows()
	}
	read := make([]parquet.Row, parquetBuffer)
	count, err := p.open.ReadRows(read)
	p.read = read[:count]
	switch {
	case errors.Is(err, io.EOF):
		err = p.open.Close()
		p.open, p.groups = nil, p.groups[1:]
	case err == nil && count == 0:
		err = io.ErrNoProgress
	}
	if err != nil {
		return errorf("after row %d: %s", p.row, err)
	}
	return nil
}

// parquetField is a column or a part of one.
type parquetField struct {
	name     string
	optional bool
	repeated bool
	list     bool // The repeated part within holds the elements.
	pairs    bool // The repeated part within holds keys and values.
	fields   []*parquetField
	leaf     int // The first of the leaves beneath,
	leaves   int // and how many there are.
	convert  func(parquet.Value) (value.Value, error)
}

func newParquetField(from parquet.Field, next *int) *parquetField {
	f := &parquetField{name: from.Name(), optional: from.Optional(), repeated: from.Repeated(), leaf: *next}
	if from.Leaf() {
		f.convert, f.leaves = converter(from.Type()), 1
		*next++
		return f
	}
	for _, field := range from.Fields() {
		f.fields = append(f.fields, newParquetField(field, next))
	}
	f.leaves = *next - f.leaf
	single := len(f.fields) == 1 && f.fields[0].repeated
	if kind := from.Type().LogicalType(); kind != nil && single {
		_, f.list = kind.Value.(*format.ListType)
		_, isMap := kind.Value.(*format.MapType)
		f.pairs = isMap && len(f.fields[0].fields) == 2
	}
	return f
}

// value assembles a value from those of the leaves beneath, as Dremel's levels say. Each leaf has at least one value.
func (f *parquetField) value(leaves [][]parquet.Value, repetition, definition int) (value.Value, error) {
	if f.leaves == 0 || len(leaves[f.leaf]) == 0 {
		return value.Value{}, nil // A group without columns.
	}
	first := leaves[f.leaf][0]
	switch {
	case f.repeated:
		return f.elements(leaves, repetition+1, definition+1)
	case f.optional && first.DefinitionLevel() <= definition:
		return value.Value{}, nil
	case f.optional:
		definition++
	}
	return f.content(leaves, repetition, definition)
}

// elements assembles the list that a repeated field is.
func (f *parquetField) elements(leaves [][]parquet.Value, repetition, definition int) (value.Value, error) {
	if leaves[f.leaf][0].DefinitionLevel() < definition {
		return value.List(), nil
	}
	var elements []value.Value
	rest := slices.Clone(leaves)
	part := slices.Clone(leaves)
	for len(rest[f.leaf]) > 0 {
		for i := f.leaf; i < f.leaf+f.leaves; i++ {
			if len(rest[i]) == 0 {
				return value.Value{}, errors.New("its levels do not match")
			}
			end := 1
			for end < len(rest[i]) && rest[i][end].RepetitionLevel() > repetition {
				end++
			}
			part[i], rest[i] = rest[i][:end], rest[i][end:]
		}
		element, err := f.content(part, repetition, definition)
		if err != nil {
			return value.Value{}, err
		}
		elements = append(elements, element)
	}
	return value.List(elements...), nil
}

// content assembles what is in a field that is there.
func (f *parquetField) content(leaves [][]parquet.Value, repetition, definition int) (value.Value, error) {
	if f.convert != nil {
		return f.convert(leaves[f.leaf][0])
	}
	var fields []value.Field
	for _, field := range f.fields {
		found, err := field.value(leaves, repetition, definition)
		if err != nil {
			return value.Value{}, err
		}
		fields = append(fields, value.Field{Name: field.name, Value: found})
	}
	switch {
	case f.list:
		return unwrapped(fields[0].Value), nil
	case f.pairs:
		return mapping(fields[0].Value), nil
	}
	return value.Object(fields...), nil
}

// unwrapped returns the elements of a list whose elements are groups of one field, as writers nest them.
func unwrapped(list value.Value) value.Value {
	elements := make([]value.Value, len(list.Elements()))
	for i, element := range list.Elements() {
		if elements[i] = element; element.Kind() == value.KindObject && len(element.Fields()) == 1 {
			elements[i] = element.Fields()[0].Value
		}
	}
	return value.List(elements...)
}

// mapping returns an object for a list of keys and values, where the keys are texts that differ; else the list.
func mapping(list value.Value) value.Value {
	seen := map[string]bool{}
	fields := make([]value.Field, 0, len(list.Elements()))
	for _, pair := range list.Elements() {
		key, val := pair.Fields()[0].Value, pair.Fields()[1].Value
		if key.Kind() != value.KindString || seen[key.Text()] {
			return list
		}
		seen[key.Text()] = true
		fields = append(fields, value.Field{Name: key.Text(), Value: val})
	}
	return value.Object(fields...)
}
