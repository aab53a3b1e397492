package documents

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
)

// readCSV reads a table of values, whose delimiter is found, as a Markdown table.
func readCSV(ctx context.Context, name string, data []byte, o Options) (Document, error) {
	text, err := textIn(data, o.Encoding)
	if err != nil {
		return Document{}, err
	}
	delimiter := delimiterOf(name, text)
	skipped := 0
	if first, rest, is := strings.Cut(text, "\n"); is && strings.HasPrefix(strings.ToLower(first), "sep=") { // As Excel writes it.
		text, skipped = rest, 1
	}
	for line := range strings.Lines(text) {
		if strings.Count(line, string(delimiter)) > maxDelimiters {
			return Document{}, &Problem{Text: fmt.Sprintf("has more than %d columns in a line", maxDelimiters), Hint: "check its delimiter and its line breaks"}
		}
	}
	c := newCost(ctx, o, len(data))
	width := 0
	warning := ""
	line, err := eachRow(c, text, delimiter, func(row []string) {
		for i, value := range row {
			if value != "" {
				width = max(width, i+1)
			}
		}
	})
	if line > 0 {
		warning = fmt.Sprintf("the quote that begins in line %d is not closed: all after it is one cell", line+skipped)
	}
	var table []byte
	if err == nil {
		_, err = eachRow(c, text, delimiter, func(row []string) {
			before := len(table)
			table = appendRow(table, row, width)
			c.spendText(len(table) - before)
		})
	}
	d := Document{Parts: []Part{{Text: string(table)}}}
	if warning != "" {
		d.Warnings = []string{warning}
	}
	return d, err
}

const (
	maxDelimiters = 65_536    // In a line. More would take much memory for a table that nobody has.
	maxRows       = 4_000_000 // They take the time.
	maxRow        = 8 << 20   // Bytes: a quote that is not closed makes one row of all that follows.

	splitTable = "split the table into several files, or read it row by row with `rows` in a batch"
)

var errLongRow = errors.New("a row is too long")

// rowReader limits what is read of a row.
type rowReader struct {
	from io.Reader
	left int
}

// Read implements io.Reader.
func (r *rowReader) Read(to []byte) (int, error) {
	if r.left <= 0 {
		return 0, errLongRow
	}
	n, err := r.from.Read(to)
	r.left -= n
	return n, err
}

// eachRow calls each for every row, whose slice is used again for the next. It returns the line in which a quote begins that is not
// closed; 0 if there is none.
func eachRow(c *cost, text string, delimiter rune, each func(row []string)) (open int, err error) {
	from := &rowReader{from: strings.NewReader(text)}
	reader := csv.NewReader(from)
	reader.Comma, reader.FieldsPerRecord, reader.LazyQuotes, reader.ReuseRecord = delimiter, -1, true, true
	for rows := 0; ; rows++ {
		from.left = maxRow
		start := int(reader.InputOffset())
		row, err := reader.Read()
		switch {
		case errors.Is(err, io.EOF):
			return open, c.Err
		case errors.Is(err, errLongRow):
			start += len(text[start:]) - len(strings.TrimLeft(text[start:], "\r\n"))
			return 0, &Problem{Text: fmt.Sprintf("has a row of more than %d MiB, which begins in line %d of the table", maxRow>>20, strings.Count(text[:start], "\n")+1), Hint: "check whether a quote in it is not closed"}
		case rows == maxRows:
			return 0, &Problem{Text: fmt.Sprintf("has more than %s rows", humanize.Comma(maxRows)), Hint: splitTable}
		}
		if err != nil {
			return 0, &Problem{Text: fmt.Sprintf("is not a table that can be read: %v", err), Hint: "check its quotes and its delimiter"}
		}
		if int(reader.InputOffset()) == len(text) && len(row) > 0 {
			open = openQuote(reader, text[start:], len(row)-1)
		}
		for i, value := range row {
			row[i] = strings.TrimSpace(value)
		}
		if each(row); c.Check() != nil {
			return 0, c.Err
		}
	}
}

// openQuote returns the line of the last value of the last row if that begins with a quote that is not closed, or else 0.
func openQuote(reader *csv.Reader, rest string, last int) int {
	first, _ := reader.FieldPos(0)
	line, column := reader.FieldPos(last)
	rest = strings.TrimLeft(rest, "\r\n")
	for range line - first {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	value := rest[min(max(column-1, 0), len(rest)):]
	if strings.HasPrefix(value, `"`) && strings.Count(value, `"`)%2 != 0 {
		return line
	}
	return 0
}

// delimiterOf returns what stands between the values of a table: what its first line names, else what most lines have equally often.
func delimiterOf(name, text string) rune {
	if rest, is := strings.CutPrefix(strings.ToLower(text[:min(len(text), len("sep=")+1)]), "sep="); is && rest != "" && !strings.ContainsAny(rest, "\"\r\n") {
		return []rune(rest)[0]
	}
	if !strings.EqualFold(filepath.Ext(name), ".csv") && strings.Contains(text, "\t") {
		return '\t'
	}
	const sample = 64 << 10
	best, most := ',', 0
	for _, delimiter := range []rune{',', ';', '\t', '|'} {
		counts, first := map[int]int{}, -1
		quoted, count := false, 0
		end := func() {
			if first < 0 {
				first = count
			}
			counts[count]++
			count = 0
		}
		for _, letter := range text[:min(len(text), sample)] {
			switch {
			case letter == '"':
				quoted = !quoted
			case quoted:
			case letter == delimiter:
				count++
			case letter == '\n':
				end()
			}
		}
		end()
		for count, lines := range counts {
			score := lines * min(count, 1)
			if count == first {
				score *= 2 // The head says more than any row.
			}
			if score > most {
				best, most = delimiter, score
			}
		}
	}
	return best
}
