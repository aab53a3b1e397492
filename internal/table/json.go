package table

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// lines are the rows of JSON lines.
type lines struct {
	from *bufio.Reader
	line int // Of what was read last.
}

func openLines(_ context.Context, from io.ReaderAt, size int64, _ Options) (reader, error) {
	text, _ := openText(from, size)
	return &lines{from: text}, nil
}

func (l *lines) columns() []string { return nil }

func (l *lines) next() (Row, error) {
	for {
		text, tooLarge, err := l.read()
		if err != nil {
			return Row{}, err
		}
		l.line++
		place := fmt.Sprintf("line %d", l.line)
		if tooLarge {
			return invalidRow(place, text[:maxShown], errorf("the line is larger than %d MiB", MaxRow>>20)), nil
		}
		if text = bytes.Trim(text, " \t\r\n"); len(text) > 0 {
			return rowOf(place, text), nil
		}
	}
}

// read returns the next line; of one that is too large, its beginning.
func (l *lines) read() (text []byte, tooLarge bool, err error) {
	for {
		part, err := l.from.ReadSlice('\n')
		if !tooLarge {
			text = append(text, part...)
			tooLarge = len(text) > MaxRow
		}
		switch {
		case err == nil, errors.Is(err, io.EOF) && len(text) > 0:
			return text, tooLarge, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, err
		}
	}
}

// maxShown is how much of a row that is too large its value has, in bytes.
const maxShown = 1 << 10

// rowOf reads a row of JSON.
func rowOf(place string, text []byte) Row {
	read, err := value.ParseUnique(text)
	switch {
	case err != nil:
		return invalidRow(place, text, errorf("%s", err))
	case read.Kind() != value.KindObject:
		return invalidRow(place, text, errorf("the row is %s, not an object", read.Kind().Article()))
	}
	return Row{Place: place, Value: read}
}

// invalidRow returns a row that is its text: it is found in the results.
func invalidRow(place string, text []byte, why *Error) Row {
	return Row{Place: place, Value: value.String(value.EscapeInvalid(string(text))), Err: at(place, why)}
}

// list are the rows of a JSON list.
type list struct {
	decoder *json.Decoder
	from    *limited
	row     int
}

func openList(_ context.Context, from io.ReaderAt, size int64, _ Options) (reader, error) {
	text, _ := openText(from, size)
	source := &limited{from: text, left: MaxRow}
	l := &list{decoder: json.NewDecoder(source), from: source}
	first, err := l.decoder.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errorf("it is empty, and must be a list of objects")
	case err != nil:
		return nil, errorf("it is not valid JSON: %s", err)
	case first != json.Delim('['):
		return nil, errorf("it must be a list of objects").withHint("a file with an object in each line is named .jsonl")
	}
	return l, nil
}

func (l *list) columns() []string { return nil }

func (l *list) next() (Row, error) {
	l.from.left = MaxRow
	if !l.decoder.More() {
		return Row{}, l.end()
	}
	l.row++
	place := fmt.Sprintf("row %d", l.row)
	var text json.RawMessage
	if err := l.decoder.Decode(&text); err != nil {
		return Row{}, l.invalid(place, err)
	}
	return rowOf(place, text), nil
}

// end reads what follows the last row.
func (l *list) end() error {
	place := fmt.Sprintf("after row %d", l.row)
	if _, err := l.decoder.Token(); err != nil {
		return l.invalid(place, err)
	}
	if _, err := l.decoder.Token(); !errors.Is(err, io.EOF) {
		return errorf("%s: something follows the list", place)
	}
	return io.EOF
}

func (l *list) invalid(place string, err error) error {
	if of, is := errors.AsType[*Error](err); is {
		return at(place, of)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errorf("%s: the file ends within the list", place)
	}
	return errorf("%s: it is not valid JSON: %s", place, err)
}

// limited is a reader that fails when a row is too large.
type limited struct {
	from io.Reader
	left int
}

// Read implements io.Reader.
func (l *limited) Read(to []byte) (int, error) {
	if l.left <= 0 {
		return 0, errorf("the row is larger than %d MiB", MaxRow>>20)
	}
	read, err := l.from.Read(to)
	l.left -= read
	return read, err
}
