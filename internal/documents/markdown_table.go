package documents

import (
	"slices"
	"strings"
)

const (
	maxColumns  = 16_384 // As Excel has it.
	maxTables   = 30     // Within each other. Deeper ones are read as text of the last.
	bytesOfCell = 32     // What a cell takes besides its text, at least.
)

// table is a table under construction.
type table struct {
	rows   [][]string
	cell   []string // Blocks of the open cell.
	inCell bool
	row    []string
	layout bool     // It has a table within it: Markdown cannot show it as a table.
	blocks []string // All blocks in order, if it is layout.
	span   int      // Cells that the open one covers besides its own.
	height int      // Rows that the open one covers besides its own.
	down   []int    // For each column, the rows that are still covered from above.
	drop   bool     // The open row is not shown.
}

func (m *markdown) table() *table {
	if len(m.tables) == 0 {
		return nil
	}
	return m.tables[len(m.tables)-1]
}

func (m *markdown) openTable() {
	m.end()
	if len(m.tables) >= maxTables {
		m.surplus++
		return
	}
	m.tables = append(m.tables, &table{})
}

// spread turns a table into blocks, one after the other.
func (t *table) spread() {
	if t.layout {
		return
	}
	t.layout = true
	for _, row := range append(t.rows, t.row) {
		for _, cell := range row {
			if cell != "" {
				t.blocks = append(t.blocks, cell)
			}
		}
	}
	t.rows, t.row = nil, nil
}

func (m *markdown) openRow() {
	m.closeRow()
}

// openCell begins a cell. Text between cells belongs to none, and stands before the table.
func (m *markdown) openCell() {
	m.closeCell()
	if t := m.table(); t != nil {
		t.inCell, t.span, t.height = true, 0, 0
	}
}

// span says how many cells the open one covers besides its own.
func (m *markdown) span(covered int) {
	if t := m.table(); t != nil {
		t.span = covered
	}
}

// closeCell ends a cell.
func (m *markdown) closeCell() {
	m.end()
	t := m.table()
	if t == nil || !t.inCell {
		return
	}
	t.inCell = false
	if t.layout {
		t.blocks = append(t.blocks, t.cell...)
	} else {
		m.coverFromAbove()
		m.appendCell(strings.Join(t.cell, "\n"))
		for range min(t.span, maxColumns) {
			m.appendCell("")
		}
		for ; t.height > 0 && len(t.down) < len(t.row); t.down = append(t.down, 0) {
		}
		for column := max(len(t.row)-1-max(t.span, 0), 0); t.height > 0 && column < len(t.row); column++ {
			t.down[column] = t.height
		}
	}
	t.cell = nil
}

// coverFromAbove appends the cells up to the next one that no row above covers.
func (m *markdown) coverFromAbove() {
	t := m.table()
	for column := len(t.row); column < len(t.down) && t.down[column] > 0 && m.cost.Err == nil; column++ {
		t.down[column]--
		m.appendCell("")
	}
}

// appendCell appends a cell to the row.
func (m *markdown) appendCell(text string) {
	t := m.table()
	if m.cost.spendText(bytesOfCell); m.cost.Err == nil && len(t.row) < maxColumns {
		t.row = append(t.row, text)
	}
}

func (m *markdown) closeRow() {
	m.closeCell()
	if t := m.table(); t != nil {
		if len(t.row) > 0 && !t.drop {
			t.rows = append(t.rows, t.row)
		}
		t.row, t.drop = nil, false
	}
}

// dropRow leaves the open row out.
func (m *markdown) dropRow() {
	if t := m.table(); t != nil {
		t.drop = true
	}
}

// closeTable ends a table. Markdown has no tables within tables: a small one within a table of several columns becomes lines of its cell,
// and what else has a table within it, or one column, is there for the layout of its page.
func (m *markdown) closeTable() {
	if m.surplus > 0 {
		m.end()
		m.surplus--
		return
	}
	m.closeRow()
	t := m.table()
	if t == nil {
		return
	}
	m.tables = m.tables[:len(m.tables)-1]
	if !slices.ContainsFunc(t.rows, func(row []string) bool { return len(row) > 1 }) {
		t.spread()
	}
	if outer := m.table(); outer != nil && outer.inCell {
		if text, is := t.lines(); is && outer.isWide() {
			if text != "" {
				m.block(text, false)
			}
			return
		}
		outer.spread()
	}
	for _, text := range t.blocks {
		m.block(text, false)
	}
	if !t.layout {
		if text := m.grid(t.rows); text != "" {
			m.block(text, false)
		}
	}
}

// isWide reports whether a table has several columns, as far as it is read.
func (t *table) isWide() bool {
	return !t.layout && (len(t.row) > 0 || len(t.rows) > 0 && len(t.rows[0]) > 1)
}

// lines returns a small table as a line for each row.
func (t *table) lines() (string, bool) {
	const most = 200 // Bytes.
	size := 0
	var lines []string
	for _, row := range append(t.rows, t.blocks) {
		line := strings.Join(slices.DeleteFunc(slices.Clone(row), func(cell string) bool { return cell == "" }), " ")
		if size += len(line) + 1; size > most {
			return "", false
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n"), true
}

// grid returns rows as a Markdown table whose head is the first row; empty if no cell has text.
func (m *markdown) grid(rows [][]string) string {
	width := 0
	for _, row := range rows {
		for i, cell := range row {
			if cell != "" {
				width = max(width, i+1)
			}
		}
	}
	if width == 0 {
		return ""
	}
	var to []byte
	for _, row := range rows {
		if to = appendRow(to, row, width); m.cost.Check() != nil {
			return ""
		}
	}
	return string(to)
}

// appendRow appends a row to a table that is empty before its head. Rows may end early, but not the head: it says how many columns there
// are. Empty rows are left out.
func appendRow(to []byte, row []string, width int) []byte {
	if !slices.ContainsFunc(row, func(cell string) bool { return cell != "" }) {
		return to
	}
	isHead := len(to) == 0
	if !isHead {
		to = append(to, '\n')
	}
	to = append(to, '|')
	for c := range width {
		if c >= len(row) && !isHead {
			break
		}
		to = append(to, ' ')
		if c < len(row) && row[c] != "" {
			to = append(to, cellText(row[c])...)
			to = append(to, ' ')
		}
		to = append(to, '|')
	}
	if isHead {
		to = append(to, ("\n|" + strings.Repeat(" --- |", width))...)
	}
	return to
}

// cellText keeps text within its cell.
func cellText(text string) string {
	text = strings.TrimSpace(text)
	if !strings.ContainsAny(text, "|\n\r") {
		return text
	}
	for strings.Contains(text, "\n\n") {
		text = strings.ReplaceAll(text, "\n\n", "\n")
	}
	return strings.NewReplacer("\r\n", "<br>", "\n", "<br>", "\r", "<br>", "|", `\|`).Replace(text)
}
