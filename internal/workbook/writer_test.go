package workbook

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// written returns a workbook of rows.
func written(t testing.TB, rows ...[]Cell) []byte {
	t.Helper()
	var to bytes.Buffer
	w, err := NewWriter(&to)
	for _, row := range rows {
		if err == nil {
			err = w.Row(row)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// TestWriter: what is written is read back, character for character, and as the kind that it is.
func TestWriter(t *testing.T) {
	texts := []string{
		" a ", "two\nlines", "of\r\nWindows\ttab", "<&>\"'", "=1+1", "_x000D_", "_x0041", "__x0041_", "_x005F_x0041_", "\x00\x1f\x0b", "ä😀\ufffe\uffff", "007", "]]>",
	}
	var row []Cell
	for _, text := range texts {
		row = append(row, Cell{Kind: Text, Text: text})
	}
	row = append(row, Cell{}, Cell{Kind: Number, Text: "-1.50e3"}, Cell{Kind: Bool, Text: "1"}, Cell{Kind: Bool, Text: "0"})
	book, err := open(t.Context(), written(t, []Cell{{Kind: Text, Text: "a"}}, nil, row))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := book.Rows(book.Sheets[0])
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := rows.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for column, want := range row {
		if want.Text == "" {
			continue
		}
		got, err := rows.Cell()
		if err != nil || got.Row != 3 || got.Column != column || got.Kind != want.Kind || got.Text != want.Text || got.Formula != "" {
			t.Errorf("column %d: %+v, %v, want %q", column, got, err, want.Text)
		}
	}
}

func FuzzWriter(f *testing.F) {
	for _, seed := range []string{"_x005F_x000D_\r\n<", "_x0000\x00", "__x_x0041\uffff_"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?")
		if got := unescapeControls(unescapedXML.Replace(escaped(text))); got != text {
			t.Errorf("%q is %q", text, got)
		}
	})
}

var unescapedXML = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&#13;", "\r")

func TestLimitsOfWriter(t *testing.T) {
	for text, want := range map[string]int{
		strings.Repeat("a", MaxText): MaxText, strings.Repeat("a", MaxText+1): MaxText,
		"": 0, strings.Repeat("ä", MaxText): 2 * MaxText, strings.Repeat("😀", MaxText): MaxText / 2 * 4, // Two units each, of 4 bytes.
	} {
		if got, cut := Fit(text); len(got) != want || cut != (len(got) < len(text)) || !strings.HasPrefix(text, got) {
			t.Errorf("%d bytes of %.10q are %d, %v", len(text), text, len(got), cut)
		}
	}
	w, err := NewWriter(&bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(w.Row(make([]Cell, MaxColumns+1))); got != "a sheet has at most 1048576 rows and 16384 columns" {
		t.Error(got)
	}
	w.rows = MaxRows
	if w.Row(nil) == nil {
		t.Error("a row more than a sheet can have")
	}
}
