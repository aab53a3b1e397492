package documents

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// readCSV reads a table of values, whose delimiter is found, as a Markdown table.
func readCSV(ctx context.Context, name string, data []byte, o Options) (Document, error) {
	text, err := textIn(data, o.Encoding)
	if err != nil {
		return Document{}, err
	}
	delimiter := delimiterOf(name, text)
	if first, rest, is := strings.Cut(text, "\n"); is && strings.HasPrefix(strings.ToLower(first), "sep=") { // As Excel writes it.
		text = rest
	}
	for line := range strings.Lines(text) {
		if strings.Count(line, string(delimiter)) > maxDelimiters {
			return Document{}, &Problem{Text: fmt.Sprintf("has more than %d columns in a line", maxDelimiters), Hint: "check its delimiter and its line breaks"}
		}
	}
	c := newCost(ctx, o, len(data))
	width := 0
	err = eachRow(c, text, delimiter, func(row []string) {
		for i, value := range row {
			if value != "" {
				width = max(width, i+1)
			}
		}
	})
	var table []byte
	if err == nil {
		err = eachRow(c, text, delimiter, func(row []string) {
			before := len(table)
			table = appendRow(table, row, width)
			c.spendText(len(table) - before)
		})
	}
	return Document{Parts: []Part{{Text: string(table)}}}, err
}

const maxDelimiters = 65_536 // In a line. More would take much memory for a table that nobody has.

// eachRow calls each for every row, whose slice is used again for the next.
func eachRow(c *cost, text string, delimiter rune, each func(row []string)) error {
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma, reader.FieldsPerRecord, reader.LazyQuotes, reader.ReuseRecord = delimiter, -1, true, true
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return c.Err
		}
		if err != nil {
			return &Problem{Text: fmt.Sprintf("is not a table that can be read: %v", err), Hint: "check its quotes and its delimiter"}
		}
		for i, value := range row {
			row[i] = strings.TrimSpace(value)
		}
		if each(row); c.Check() != nil {
			return c.Err
		}
	}
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
