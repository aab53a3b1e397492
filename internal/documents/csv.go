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
	c := newCost(ctx, o, len(data))
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma, reader.FieldsPerRecord, reader.LazyQuotes = delimiter, -1, true
	var rows [][]string
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Document{}, &Problem{Text: fmt.Sprintf("is not a table that can be read: %v", err), Hint: "check its quotes and its delimiter"}
		}
		for i, value := range row {
			row[i] = strings.TrimSpace(value)
			c.spendText(len(value) + len(" | "))
		}
		if rows = append(rows, row); c.check() != nil {
			return Document{}, c.err
		}
	}
	table := newMarkdown(c).grid(rows)
	return Document{Parts: []Part{{Text: table}}}, c.err
}

// delimiterOf returns what stands between the values of a table: what its first line names, else what most lines have equally often.
func delimiterOf(name, text string) rune {
	if rest, is := strings.CutPrefix(strings.ToLower(text[:min(len(text), len("sep=")+1)]), "sep="); is && rest != "" && !strings.ContainsAny(rest, "\"\r\n") {
		return []rune(rest)[0]
	}
	if strings.EqualFold(filepath.Ext(name), ".csv") == false && strings.Contains(text, "\t") {
		return '\t'
	}
	const sample = 64 << 10
	best, most := ',', 0
	for _, delimiter := range []rune{',', ';', '\t', '|'} {
		counts := map[int]int{}
		quoted, count := false, 0
		for _, letter := range text[:min(len(text), sample)] {
			switch {
			case letter == '"':
				quoted = !quoted
			case quoted:
			case letter == delimiter:
				count++
			case letter == '\n':
				counts[count]++
				count = 0
			}
		}
		counts[count]++
		for count, lines := range counts {
			if score := lines * min(count, 1) * 100 * 1; score > most {
				best, most = delimiter, score
			}
		}
	}
	return best
}
