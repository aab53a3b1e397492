package table

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// records splits CSV into records. Unlike encoding/csv it keeps every character of a cell, also a carriage return, and continues after
// a record that is invalid.
type records struct {
	from      *bufio.Reader
	delimiter byte
	alone     bool // A carriage return alone ends a line, as on old Macs.
	line      int  // Of what is read next, from 1.

	lineEnd string // The first one; empty: there is none.
	plain   bool   // A cell is not in quotes.

	cells []string
	cell  []byte
	size  int
}

// delimiters are those that are found, the first one by default.
const delimiters = ",;\t|"

// delimiterOf reads the name of a delimiter.
func delimiterOf(text string) (byte, *Error) {
	switch {
	case text == "tab" || text == `\t`:
		return '\t', nil
	case len(text) != 1 || text == "\n" || text == "\r" || text == `"` || text[0] >= utf8.RuneSelf:
		return 0, errorf("delimiter %q is not one ASCII character", text).withHint("write , ; | or tab")
	}
	return text[0], nil
}

// errOpenQuote is the error of a quote that is not closed.
var errOpenQuote = errors.New("the quote is never closed")

// next returns the cells of the next record, which are valid until the next call, and its line. Empty lines are skipped. The second
// error is one of the record alone.
func (r *records) next() (cells []string, line int, invalid, err error) {
	for {
		line = r.line
		if invalid, err = r.read(); err != nil {
			return nil, line, nil, err
		}
		if len(r.cells) > 1 || r.cells[0] != "" || invalid != nil || r.size > 0 {
			return r.cells, line, invalid, nil
		}
	}
}

// read reads a record, and the end of its last line.
func (r *records) read() (invalid, err error) {
	r.cells, r.cell, r.size = r.cells[:0], r.cell[:0], 0
	if _, err := r.from.Peek(1); err != nil {
		return nil, err
	}
	for {
		wrong, err := r.readStart()
		if err != nil {
			return nil, err
		}
		end, err := r.readPlain()
		if err != nil {
			return nil, err
		}
		cell := string(r.cell)
		if wrong != nil && len(r.cell) > *wrong {
			if invalid == nil {
				invalid = errorf("cell %d has text after its closing quote", len(r.cells)+1).withHint("a quote within a quoted cell is doubled: \"\"")
			}
			cell = `"` + strings.ReplaceAll(cell[:*wrong], `"`, `""`) + `"` + cell[*wrong:] // As it is written: whoever repairs it sees why.
		}
		r.plain = r.plain || wrong == nil
		r.cells = append(r.cells, cell)
		if r.cell = r.cell[:0]; len(r.cells) > maxColumns {
			return nil, tooManyColumns(len(r.cells))
		}
		if end != r.delimiter {
			return invalid, nil
		}
	}
}

// readStart reads a part of a cell that is in quotes, and returns its length; nil if the cell has none.
func (r *records) readStart() (length *int, err error) {
	if first, err := r.from.Peek(1); err != nil || first[0] != '"' {
		return nil, nil //nolint:nilerr // readPlain reports the error.
	}
	line := r.line
	err = r.readQuoted()
	if errors.Is(err, errOpenQuote) {
		return nil, errorf("line %d: the quote at the beginning of cell %d is never closed", line, len(r.cells)+1).
			withHint("a quote within a quoted cell is doubled: \"\"")
	}
	quoted := len(r.cell)
	return &quoted, err
}

// readQuoted reads a cell in quotes.
func (r *records) readQuoted() error {
	if _, err := r.from.ReadByte(); err != nil {
		return err
	}
	for {
		part, err := r.from.ReadSlice('"')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				return errOpenQuote
			}
			return err
		}
		r.line += bytes.Count(part, []byte{'\n'})
		if r.alone {
			r.line += bytes.Count(part, []byte{'\r'})
		}
		if tooLarge := r.add(part); tooLarge != nil {
			return tooLarge
		}
		if err != nil {
			continue
		}
		if following, err := r.from.Peek(1); err != nil || following[0] != '"' {
			r.cell = r.cell[:len(r.cell)-1]
			return nil //nolint:nilerr // The file has ended, and the cell with it.
		}
		if _, err := r.from.ReadByte(); err != nil {
			return err
		}
	}
}

// add adds to the cell.
func (r *records) add(part []byte) error {
	if r.size += len(part); r.size > MaxRow {
		return errorf("line %d: the row is larger than %d MiB", r.line, MaxRow>>20).withHint("a quote may not be closed")
	}
	r.cell = append(r.cell, part...)
	return nil
}

// readPlain reads up to the next delimiter, or to the end of the line or file, and returns that: a line feed for the end.
func (r *records) readPlain() (end byte, err error) {
	for {
		data, err := r.from.Peek(max(1, r.from.Buffered()))
		if errors.Is(err, io.EOF) && len(data) == 0 {
			return '\n', nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		at := 0
		for at < len(data) && data[at] != r.delimiter && data[at] != '\n' && data[at] != '\r' {
			at++
		}
		if err := r.add(data[:at]); err != nil {
			return 0, err
		}
		if at == len(data) {
			if _, err := r.from.Discard(at); err != nil {
				return 0, err
			}
			continue
		}
		found, lineEnd := data[at], string(data[at:at+1])
		if _, err := r.from.Discard(at + 1); err != nil {
			return 0, err
		}
		if found == r.delimiter {
			return found, nil
		}
		if found == '\r' && !r.alone {
			if following, err := r.from.Peek(1); err != nil || following[0] != '\n' {
				if err := r.add([]byte{'\r'}); err != nil {
					return 0, err
				}
				continue
			}
			if _, err := r.from.ReadByte(); err != nil {
				return 0, err
			}
			lineEnd = "\r\n"
		}
		r.line++
		r.lineEnd = cmp.Or(r.lineEnd, lineEnd)
		return '\n', nil
	}
}

// csvRows are the rows of CSV.
type csvRows struct {
	*records
	names     []string
	tsv       bool // The file is named so.
	as        encoded
	separator bool // The first line names the delimiter.
}

func openCSV(_ context.Context, from io.ReaderAt, size int64, o Options) (reader, error) {
	return openDelimited(from, size, o, 0)
}

func openTSV(_ context.Context, from io.ReaderAt, size int64, o Options) (reader, error) {
	return openDelimited(from, size, o, '\t')
}

// separatorLine matches the line with which Excel finds the delimiter.
var separatorLine = regexp.MustCompile("^\"?(?i:sep)=([^\"\r\n\\x80-\\x{10FFFF}])\"?(\r\n|\n|\r)")

// openDelimited opens a table whose delimiter is that of the options, else that which its first line names, else a usual one, else
// the one that fits.
func openDelimited(from io.ReaderAt, size int64, o Options, usual byte) (reader, error) {
	text, as := openText(from, size)
	rows := &csvRows{records: &records{from: text, delimiter: usual, line: 1}, tsv: usual == '\t', as: as}
	sample, _ := text.Peek(bufferSize)
	if found := separatorLine.FindSubmatch(sample); found != nil {
		rows.separator, rows.delimiter, rows.lineEnd, rows.line = true, found[1][0], string(found[2]), rows.line+1
		if _, err := text.Discard(len(found[0])); err != nil {
			return nil, err
		}
		sample, _ = text.Peek(bufferSize)
	}
	whole := len(sample) < bufferSize
	rows.alone = endsLinesAlone(sample, whole)
	switch {
	case o.Delimiter != "":
		rows.delimiter, _ = delimiterOf(o.Delimiter) // Checked before.
	case rows.delimiter == 0:
		rows.delimiter = findDelimiter(sample, whole, rows.alone)
	}
	return rows, rows.readHeader()
}

// format returns how the file is written, as far as it was read.
func (r *csvRows) format() *protocol.CSV {
	return &protocol.CSV{
		TSV: r.tsv, Delimiter: string(r.delimiter), LineEnd: cmp.Or(r.lineEnd, "\n"), ByteOrderMark: r.as.mark, Encoding: r.as.name, Separator: r.separator, Quoted: !r.plain,
	}
}

// endsLinesAlone reports whether lines end with a carriage return alone.
func endsLinesAlone(sample []byte, whole bool) bool {
	at := bytes.IndexByte(sample, '\r')
	return at >= 0 && bytes.IndexByte(sample, '\n') < 0 && (whole || at < len(sample)-1)
}

// mostSampled is how many records the delimiter is found by.
const mostSampled = 50

// findDelimiter returns the delimiter with which most records have as many cells as the header, and that is more than one.
func findDelimiter(sample []byte, whole, alone bool) byte {
	found, best, bestCells := delimiters[0], 0.0, 0
	for i := range len(delimiters) {
		r := &records{from: bufio.NewReaderSize(bytes.NewReader(sample), bufferSize), delimiter: delimiters[i], alone: alone, line: 1}
		header, same, total := 0, 0, 0
		for total < mostSampled {
			cells, _, _, err := r.next()
			if err != nil {
				break
			}
			if _, err := r.from.Peek(1); err != nil && !whole && total > 0 {
				break // It may go on after the sample.
			}
			if total == 0 {
				header = len(cells)
			}
			total++
			if len(cells) == header {
				same++
			}
		}
		if header < 2 {
			continue
		}
		if share := float64(same) / float64(total); share > best || share == best && header > bestCells {
			found, best, bestCells = delimiters[i], share, header
		}
	}
	return found
}

func (r *csvRows) readHeader() error {
	header, _, invalid, err := r.records.next()
	switch {
	case errors.Is(err, io.EOF):
		return errorf("it is empty: the first line must have the names of the columns")
	case err != nil:
		return err
	case invalid != nil:
		return errorf("the header is invalid: %s", invalid)
	}
	for i, name := range header {
		if !utf8.ValidString(name) {
			return errorf("the header is invalid: the name of column %d is not valid UTF-8", i+1).withHint("save the file as UTF-8")
		}
		r.names = append(r.names, name)
	}
	return checkColumns(r.names)
}

func (r *csvRows) columns() []string { return r.names }

func (r *csvRows) next() (Row, error) {
	cells, line, invalid, err := r.records.next()
	if err != nil {
		return Row{}, err
	}
	row := Row{Place: fmt.Sprintf("line %d", line)}
	values, escaped := make([]value.Value, len(cells)), 0
	for i, cell := range cells {
		if !utf8.ValidString(cell) {
			escaped = cmp.Or(escaped, i+1)
			cell = value.EscapeInvalid(cell)
		}
		values[i] = value.String(cell)
	}
	switch {
	case escaped > 0:
		invalid = errorf("cell %d is not valid UTF-8", escaped).withHint("save the file as UTF-8")
	case invalid == nil && len(cells) != len(r.names):
		invalid = errorf("the row has %s, and the header %d", count(len(cells), "cell"), len(r.names)).
			withHint("a cell with a delimiter or a line break must be in quotes")
	}
	var rest value.Value
	if len(values) > len(r.names) {
		rest = value.List(values[len(r.names):]...)
	}
	row.Value = object(r.names, values, rest)
	row.Err = at(row.Place, invalid)
	return row, nil
}

// escapedCell matches the message of a row of CSV with bytes that are not UTF-8.
var escapedCell = regexp.MustCompile(`^line [0-9]+: cell [0-9]+ is not valid UTF-8$`)

// IsEscaped reports whether the message is that of a row in whose value bytes that are not UTF-8 are escaped, so that
// value.UnescapeInvalid returns its cells as they are in the file.
func IsEscaped(message string) bool { return escapedCell.MatchString(message) }

// at returns the error of a row with its place; nil if there is none.
func at(place string, invalid error) error {
	if invalid == nil {
		return nil
	}
	of := asError(invalid)
	return &Error{Message: place + ": " + of.Message, Hint: of.Hint}
}
