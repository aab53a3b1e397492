package view

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// columnGap is between two columns of a table.
const columnGap = "  "

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
