package view

import (
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
)

// columnGap is between two columns of a table.
const columnGap = "  "

// Arrow begins what to do, below what is wrong.
const Arrow = "→ "

// narrowest is the minimum width of a column that is cut.
const narrowest = 8

// Shape says how a table becomes narrower than its cells are.
type Shape struct {
	Cut  []int // Columns whose cells are cut with "…", in this order,
	Drop []int // and then columns that are left out, in this order.
	// Text: the last column is text, which is broken between words, and the table has no headings.
	Text bool
}

// FitTable returns rows of equally many cells as a table for a terminal of a width in columns; 0 is no limit. People copy the first cell of
// a row, so that it is never cut, unless Cut says so: a long one has a row for itself, above the others, which stay in their columns. Where
// nothing is left to leave out, rows that are too wide follow as text.
func FitTable(rows [][]string, width int, shape Shape) string {
	if width == 0 || tableWidth(rows) <= width {
		return Table(rows)
	}
	for out := 0; ; out++ {
		l := newLayout(rows, width, shape, out)
		for l.need() > width && l.raise() {
		}
		if l.need() > width && out < len(shape.Drop) {
			continue
		}
		if l.need() > width {
			l = newLayout(rows, width, shape, out)
			for l.need() > width && l.relieve() {
			}
		}
		return l.text()
	}
}

// layout is a table that has to fit.
type layout struct {
	rows  [][]string
	wide  [][]int // The widths of the cells.
	width int
	cut   []int // Columns, as in Shape.
	wraps bool  // Text of Shape.

	above    []bool // By row: the first cell is above the others.
	unfolded []bool // By row: it follows as text.
}

// newLayout returns a layout without the first columns that may be left out, so many.
func newLayout(rows [][]string, width int, shape Shape, out int) *layout {
	count := len(rows)
	l := &layout{
		rows: make([][]string, count), wide: make([][]int, count), width: width, wraps: shape.Text, above: make([]bool, count), unfolded: make([]bool, count),
	}
	places := map[int]int{}
	for column := range rows[0] {
		if slices.Contains(shape.Drop[:out], column) {
			continue
		}
		places[column] = len(places)
		for i, row := range rows {
			l.rows[i] = append(l.rows[i], row[column])
			l.wide[i] = append(l.wide[i], runewidth.StringWidth(row[column]))
		}
	}
	for _, column := range shape.Cut {
		if place, kept := places[column]; kept {
			l.cut = append(l.cut, place)
		}
	}
	return l
}

// headings returns how many rows at the top are headings.
func (l *layout) headings() int {
	if l.wraps {
		return 0
	}
	return 1
}

// columns returns the number of columns.
func (l *layout) columns() int { return len(l.rows[0]) }

// inColumn reports whether the cell of a row is in its column.
func (l *layout) inColumn(row, column int) bool {
	return !l.unfolded[row] && (column > 0 || !l.above[row])
}

// natural returns the width of the widest cell of a column.
func (l *layout) natural(column int) int {
	widest := 0
	for i := range l.rows {
		if l.inColumn(i, column) {
			widest = max(widest, l.wide[i][column])
		}
	}
	return widest
}

// least returns the width that a column needs.
func (l *layout) least(column int) int {
	switch {
	case l.wraps && column == l.columns()-1:
		return min(l.natural(column), l.width/2)
	case slices.Contains(l.cut, column):
		return min(l.natural(column), narrowest)
	}
	return l.natural(column)
}

// need returns the width that the table needs.
func (l *layout) need() int {
	need := -len(columnGap)
	for column := range l.columns() {
		need += l.least(column) + len(columnGap)
	}
	return need
}

// raise puts the longest first cells above the rest of their rows. It reports whether there were any.
func (l *layout) raise() bool {
	least := 0
	if l.headings() > 0 {
		least = l.wide[0][0]
	}
	widest := l.natural(0)
	if widest <= least || slices.Contains(l.cut, 0) {
		return false
	}
	for i := l.headings(); i < len(l.rows); i++ {
		if l.inColumn(i, 0) && l.wide[i][0] == widest {
			l.above[i] = true
		}
	}
	return true
}

// relieve makes the table narrower where the fewest rows save the most: their first cells are put above the others, or they follow as text.
// It reports whether there were any.
func (l *layout) relieve() bool {
	best, widestOf, rank := -1, 0, 0.0
	for column := range l.columns() {
		if slices.Contains(l.cut, column) || l.wraps && column == l.columns()-1 {
			continue
		}
		widest, next, count := l.natural(column), 0, 0
		for i := range l.rows {
			switch wide := l.wide[i][column]; {
			case !l.inColumn(i, column):
			case wide < widest || i < l.headings():
				next = max(next, wide)
			default:
				count++
			}
		}
		if saved := widest - next; count > 0 && saved > 0 && float64(saved)/float64(count) > rank {
			best, widestOf, rank = column, widest, float64(saved)/float64(count)
		}
	}
	if best < 0 { // The headings alone are too wide.
		done := !slices.Contains(l.unfolded, false)
		for i := range l.unfolded {
			l.unfolded[i] = true
		}
		return !done
	}
	for i := l.headings(); i < len(l.rows); i++ {
		switch {
		case !l.inColumn(i, best) || l.wide[i][best] < widestOf:
		case best == 0:
			l.above[i] = true
		default:
			l.unfolded[i] = true
		}
	}
	if !slices.Contains(l.unfolded[l.headings():], false) {
		l.unfolded[0] = true // Headings say nothing above columns that are not there.
	}
	return true
}

// widths returns the widths of the columns: what is left goes to those that are cut, first to the last of them, and to text.
func (l *layout) widths() []int {
	widths, rest := make([]int, l.columns()), l.width-l.need()
	for column := range widths {
		widths[column] = l.least(column)
	}
	for _, column := range slices.Backward(l.cut) {
		more := max(min(rest, l.natural(column)-widths[column]), 0)
		widths[column] += more
		rest -= more
	}
	if l.wraps {
		widths[len(widths)-1] += max(rest, 0)
	}
	return widths
}

func (l *layout) text() string {
	var text strings.Builder
	widths := l.widths()
	for i, row := range l.rows {
		if l.unfolded[i] || l.wraps && widestWord(row[len(row)-1]) > widths[len(row)-1] {
			if row[0] != "" {
				text.WriteString(row[0] + "\n")
			}
			rest := slices.DeleteFunc(slices.Clone(row[1:]), func(cell string) bool { return cell == "" })
			text.WriteString(strings.Join(Rows(columnGap, strings.Join(rest, columnGap), columnGap, l.width), "\n") + "\n")
			continue
		}
		line, first := "", row[0]
		if l.above[i] {
			text.WriteString(first + "\n")
			first = ""
		}
		for column, cell := range row {
			if column == 0 {
				cell = first
			}
			if slices.Contains(l.cut, column) {
				cell = runewidth.Truncate(cell, widths[column], "…")
			}
			if column < len(row)-1 {
				line += runewidth.FillRight(cell, widths[column]) + columnGap
				continue
			}
			if l.wraps {
				next := strings.Repeat(" ", runewidth.StringWidth(line))
				if strings.HasPrefix(cell, Arrow) {
					next += "  "
				}
				line = strings.Join(Rows(line, cell, next, l.width), "\n")
			} else {
				line += cell
			}
		}
		text.WriteString(line + "\n")
	}
	return text.String()
}

// widestWord returns the width of the widest word of a text.
func widestWord(text string) int {
	widest := 0
	for word := range strings.FieldsSeq(text) {
		widest = max(widest, runewidth.StringWidth(word))
	}
	return widest
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
