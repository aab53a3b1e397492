package view

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// columnGap is between two columns of a table.
const columnGap = "  "

// narrowest is the minimum width of a column that is cut.
const narrowest = 8

// Fit cuts the cells of one column with "…" so that a table of the rows is no wider than a terminal of the width; 0 is no limit.
func Fit(rows [][]string, column, width int) {
	if width == 0 {
		return
	}
	others := 0
	for i := range rows[0] {
		if i == column {
			continue
		}
		widest := 0
		for _, row := range rows {
			widest = max(widest, runewidth.StringWidth(row[i]))
		}
		others += widest + len(columnGap)
	}
	for _, row := range rows {
		row[column] = runewidth.Truncate(row[column], max(width-others, narrowest), "…")
	}
}

// Table returns rows of equally many cells as text, in columns as wide as a terminal shows them.
func Table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], runewidth.StringWidth(cell))
		}
	}
	var text strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			if i == len(row)-1 {
				text.WriteString(cell + "\n")
				break
			}
			text.WriteString(runewidth.FillRight(cell, widths[i]) + columnGap)
		}
	}
	return text.String()
}
