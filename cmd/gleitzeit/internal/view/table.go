package view

import (
	"slices"
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

// FitTable returns rows whose table is no wider than a terminal of the width; 0 is no limit. Columns are cut with "…" first, in the order
// given, then left out, in the order given; on a very narrow terminal the last column is cut, too, and then the first.
func FitTable(rows [][]string, width int, cut, leaveOut []int) [][]string {
	if width == 0 {
		return rows
	}
	for out := 0; ; out++ {
		var kept, cuttable []int
		for i := range rows[0] {
			if slices.Contains(leaveOut[:out], i) {
				continue
			}
			if slices.Contains(cut, i) {
				cuttable = append(cuttable, len(kept))
			}
			kept = append(kept, i)
		}
		part := make([][]string, len(rows))
		for i, row := range rows {
			for _, column := range kept {
				part[i] = append(part[i], row[column])
			}
		}
		for _, column := range cuttable {
			shrink(part, column, width, narrowest)
		}
		if tableWidth(part) <= width {
			return part
		}
		if out == len(leaveOut) {
			shrink(part, len(kept)-1, width, narrowest)
			shrink(part, 0, width, 1)
			return part
		}
	}
}

// shrink cuts the cells of a column, down to a least width, so that the table fits.
func shrink(rows [][]string, column, width, least int) {
	over := tableWidth(rows) - width
	if over <= 0 {
		return
	}
	widest := 0
	for _, row := range rows {
		widest = max(widest, runewidth.StringWidth(row[column]))
	}
	for _, row := range rows {
		row[column] = runewidth.Truncate(row[column], max(widest-over, least), "…")
	}
}

// tableWidth returns the width of the widest line of a table.
func tableWidth(rows [][]string) int {
	widest := 0
	for line := range strings.Lines(Table(rows)) {
		widest = max(widest, runewidth.StringWidth(strings.TrimRight(line, "\n")))
	}
	return widest
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
