package workbook

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/workbook/numberformat"
	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

// file returns a workbook with sheets of the same rows.
func file(t testing.TB, rows string, more ...string) []byte {
	t.Helper()
	const relation = `<Relationship Id="%s" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%s" Target="%s"/>`
	parts := append([]string{
		"_rels/.rels", "<r>" + fmt.Sprintf(relation, "r1", "officeDocument", "/xl/book.xml") + "</r>",
		"xl/book.xml", `<workbook><workbookPr date1904="1"/><sheets><sheet name="One" sheetId="1" id="r1"/><sheet name="Chart" id="r2"/><sheet name="Two" state="veryHidden" id="r1"/></sheets></workbook>`,
		"xl/_rels/book.xml.rels", "<r>" + fmt.Sprintf(relation, "r1", "worksheet", "sheets/1.xml") + fmt.Sprintf(relation, "r2", "chartsheet", "c.xml") +
			fmt.Sprintf(relation, "r3", "sharedStrings", "texts.xml") + fmt.Sprintf(relation, "r4", "styles", "styles.xml") + "</r>",
		"xl/sheets/1.xml", "<worksheet><sheetData>" + rows,
	}, more...)
	var to bytes.Buffer
	z := zip.NewWriter(&to)
	for i := 0; i < len(parts); i += 2 {
		part, err := z.Create(parts[i])
		if err == nil {
			_, err = io.WriteString(part, parts[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

const (
	sheetEnd = "</sheetData></worksheet>"
	noStyles = "<styleSheet/>"
)

func open(ctx context.Context, data []byte) (*Workbook, error) {
	a, err := xmlarchive.Open(bytes.NewReader(data), int64(len(data)), "a workbook", xmlarchive.NewBudget(ctx, xmlarchive.Unlimited))
	if err != nil {
		return nil, err
	}
	const mostText = 1 << 20
	return Open(a, mostText)
}

// read returns the cells of the first sheet, and the error that ends it.
func read(ctx context.Context, data []byte) (all []Cell, err error) {
	w, err := open(ctx, data)
	if err != nil {
		return nil, err
	}
	rows, err := w.Rows(w.Sheets[0])
	if err != nil {
		return nil, err
	}
	for {
		if err := rows.Next(); err != nil {
			return all, err
		}
		for {
			cell, err := rows.Cell()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return all, err
			}
			all = append(all, cell)
		}
	}
}

func TestSheets(t *testing.T) {
	w, err := open(t.Context(), file(t, sheetEnd, "xl/styles.xml", noStyles))
	if err != nil || !slices.Equal(w.Sheets, []Sheet{{"One", "xl/sheets/1.xml", false}, {"Two", "xl/sheets/1.xml", true}}) || w.Others != 1 || w.DayZero != 1462 {
		t.Errorf("got %+v, %v", w, err)
	}
}

func TestCells(t *testing.T) {
	const styles = `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="0.0"/></numFmts><cellStyleXfs><xf numFmtId="9"/></cellStyleXfs><cellXfs><xf numFmtId="164"/><xf numFmtId="14"/></cellXfs><dxfs><dxf><numFmt numFmtId="164" formatCode="x"/></dxf></dxfs></styleSheet>`
	const texts = `<sst><si><t>x_x000D_y</t><rPh><t>no</t></rPh></si><si><r><t>a</t></r><r><t>b</t></r></si></sst>`
	got, err := read(t.Context(), file(t, `<row><c><v> 1.50 </v></c><c s="1"><v>2</v></c><c s="9"><v>3</v></c></row>
		<row r="4"><c r="b4" t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="s"><v>2</v></c><c r="F4" s="1"/></row>
		<row><c t="b"><v>true</v></c><c t="e"><v>#N/A</v></c><c t="d"><v>2026-01-02</v></c><c t="inlineStr"><is><t>in</t></is></c><c t="str"><f>A1</f><v></v></c></row>
		<row><c><f t="shared" si="3">A1</f><v>7</v></c><c><f t="shared" si="3"/></c><c><f>B1</f><v></v></c><c><v/></c></row>`+sheetEnd, "xl/texts.xml", texts, "xl/styles.xml", styles))
	want := []Cell{
		{Row: 1, Text: "1.50", Format: "0.0"}, {Row: 1, Column: 1, Text: "2", Format: numberformat.BuiltIn[14]}, {Row: 1, Column: 2, Text: "3"},
		{Row: 4, Column: 1, Kind: Text, Text: "x\ry"}, {Row: 4, Column: 2, Kind: Text, Text: "ab"}, {Row: 4, Column: 3, Kind: Unknown, Text: "2"},
		{Row: 5, Kind: Bool, Text: "1"}, {Row: 5, Column: 1, Kind: Failure, Text: "#N/A"}, {Row: 5, Column: 2, Kind: Date, Text: "2026-01-02"},
		{Row: 5, Column: 3, Kind: Text, Text: "in"}, {Row: 5, Column: 4, Kind: Text, Formula: "A1"},
		{Row: 6, Text: "7", Formula: "A1", Shared: "3", Format: "0.0"}, {Row: 6, Column: 1, Kind: Formula, Shared: "3"}, {Row: 6, Column: 2, Kind: Formula, Formula: "B1"},
	}
	if !errors.Is(err, io.EOF) || len(got) != len(want) {
		t.Fatalf("%d cells, %v: %+v", len(got), err, got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got  %+v\nwant %+v", got[i], want[i])
		}
	}
}

// TestBounds: what a workbook lists, and each row, are limited, and reading ends with its context.
func TestBounds(t *testing.T) {
	const much, size = 17 << 20, 1 << 10
	blanks := strings.Repeat(" ", much)
	elements := func(name string) string {
		return strings.Repeat("<"+name+` of="`+blanks[:size]+`"/>`, much/size)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		about string
		ctx   context.Context
		data  []byte
		want  string
	}{
		{"a row", t.Context(), file(t, "<row>"+elements("c")+"</row>"+sheetEnd, "xl/styles.xml", noStyles), "xl/sheets/1.xml is larger than 16 MiB"},
		{"no row", t.Context(), file(t, blanks+sheetEnd, "xl/styles.xml", noStyles), "xl/sheets/1.xml is larger than 16 MiB"},
		{"many rows", t.Context(), file(t, elements("row")+sheetEnd, "xl/styles.xml", noStyles), "EOF"},
		{"styles", t.Context(), file(t, sheetEnd, "xl/styles.xml", "<cellXfs>"+elements("xf")), "xl/styles.xml is larger than 16 MiB"},
		{"relations", t.Context(), file(t, sheetEnd, "xl/_rels/book.xml.rels", "<r>"+elements("Relationship")), "xl/_rels/book.xml.rels is larger than 16 MiB"},
		{"empty texts", t.Context(), file(t, sheetEnd, "xl/styles.xml", noStyles, "xl/texts.xml", "<sst>"+strings.Repeat("<si/>", 40_000)+"</sst>"), ErrTooMuchText.Error()},
		{"texts", t.Context(), file(t, sheetEnd, "xl/styles.xml", noStyles, "xl/texts.xml", "<sst>"+blanks), "xl/texts.xml is larger than 1 MiB"},
		{"depth", t.Context(), file(t, strings.Repeat("<a>", 2_000), "xl/styles.xml", noStyles), "xl/sheets/1.xml has more than 1000 elements within each other"},
		{"an end in a row", t.Context(), file(t, "<row><c>", "xl/styles.xml", noStyles), "xl/sheets/1.xml: XML syntax error on line 1: unexpected EOF"},
		{"formats that are missing", t.Context(), file(t, sheetEnd), "xl/styles.xml is missing"},
		{"a context that has ended", ended, file(t, strings.Repeat("<row/>", 10_000)+sheetEnd, "xl/styles.xml", noStyles), context.Canceled.Error()},
	} {
		if _, err := read(c.ctx, c.data); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v", c.about, err)
		}
	}
}

func TestManyTexts(t *testing.T) {
	const many = 3*textsOfList + 1
	var texts strings.Builder
	for i := range many {
		fmt.Fprintf(&texts, "<si><t>%d</t></si>", i)
	}
	w, err := open(t.Context(), file(t, sheetEnd, "xl/texts.xml", "<sst>"+texts.String()+"</sst>", "xl/styles.xml", noStyles))
	if err != nil {
		t.Fatal(err)
	}
	for i := -1; i <= many; i++ {
		if text, is := w.text(fmt.Sprint(" ", i)); is != (i >= 0 && i < many) || is && text != fmt.Sprint(i) {
			t.Errorf("%d: got %q, %v", i, text, is)
		}
	}
}

func TestNamesOfCells(t *testing.T) {
	for column := range 1000 {
		name := Cell{Row: 7, Column: column}.Name()
		if got := columnOf(name); got != column {
			t.Errorf("%d is %s, which is %d", column, name, got)
		}
	}
	if name := (Cell{Row: 1, Column: 701}).Name() + (Cell{Row: 1, Column: 702}).Name(); name != "ZZ1AAA1" {
		t.Error(name)
	}
	if columnOf("7") != -1 || columnOf("") != -1 || columnOf(strings.Repeat("Z", 100)) < farthest {
		t.Error("what is no column has one")
	}
}

func FuzzRows(f *testing.F) {
	f.Add(`<row r="1"><c r="A1" t="s"><v>0</v></c><c r="ZZZ9" t="inlineStr"><is><t>_x0</t></is></c><c s="1"><f si="1">A1</f></c></row>`, "<si><t>a</t></si>")
	f.Fuzz(func(t *testing.T, rows, texts string) {
		if _, err := read(t.Context(), file(t, rows+sheetEnd, "xl/texts.xml", texts, "xl/styles.xml", noStyles)); err == nil {
			t.Error("it does not end")
		}
	})
}
