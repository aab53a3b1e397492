package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/workbook/numberformat"
)

// sheetOf makes a workbook of one sheet.
func sheetOf(t testing.TB, rows, texts, styles string) string {
	t.Helper()
	relations := func(all ...string) string {
		text := "<Relationships>"
		for i, one := range all {
			kind, target, _ := strings.Cut(one, " ")
			text += fmt.Sprintf(`<Relationship Id="r%d" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%s" Target="%s"/>`, i, kind, target)
		}
		return text + "</Relationships>"
	}
	return zipped(t, map[string]string{
		"_rels/.rels":                relations("officeDocument /xl/workbook.xml"),
		"xl/workbook.xml":            `<workbook xmlns:r="r"><sheets><sheet name="One" r:id="r0"/><sheet name="Chart" r:id="r3"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": relations("worksheet worksheets/sheet1.xml", "sharedStrings sharedStrings.xml", "styles styles.xml", "chartsheet c.xml"),
		"xl/worksheets/sheet1.xml":   "<worksheet><sheetData>" + rows,
		"xl/sharedStrings.xml":       "<sst>" + texts + "</sst>",
		"xl/styles.xml":              "<styleSheet>" + styles + "</styleSheet>",
	})
}

const sheetEnd = "</sheetData></worksheet>"

func TestWorkbook(t *testing.T) {
	// As LibreOffice 7.4 wrote it. The date in row 4 is one that Excel and LibreOffice number differently.
	got := read(t, "people.xlsx", testdata(t, "people.xlsx"), Options{})
	want := `["name" "number" "born" "seen" "at" "share" "ok" "sum"]
row 2 {"name":"Ada Lovelace\nsecond line","number":123456789012345,"born":"2026-11-29","seen":"2026-11-29T18:30:00","at":"06:05:00","share":0.5,"ok":1,"sum":0.3}
row 4 {"name":"007","number":-1.5,"born":"1900-02-28","seen":"","at":"","share":"","ok":"","sum":"#N/A"}
`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := read(t, "people.xlsx", testdata(t, "people.xlsx"), Options{Sheet: "other SHEET"}), "[\"id\"]\nrow 2 {\"id\":1}\n"; got != want {
		t.Errorf("the other sheet: %s", got)
	}
	if got, want := read(t, "people.xlsx", testdata(t, "people.xlsx"), Options{Sheet: "none"}), `! it has no sheet "none"; its sheets: "People", "Other sheet"`; got != want {
		t.Errorf("no sheet: %s", got)
	}
}

func TestCellsOfWorkbooks(t *testing.T) {
	const styles = `<numFmts><numFmt numFmtId="164" formatCode="[$-409]d&quot;d&quot;\ mmm;@"/><numFmt numFmtId="165" formatCode="[h]:mm:ss"/><numFmt numFmtId="166" formatCode="[Red]#,##0.00&quot; days&quot;"/></numFmts>
		<cellStyleXfs><xf numFmtId="22"/></cellStyleXfs>
		<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="21"/></cellXfs>`
	const texts = `<si><t>a</t></si><si><r><t xml:space="preserve">b </t></r><r><t>c</t></r><rPh sb="0" eb="1"><t>no</t></rPh></si><si><t>x_x000D_y_x005F_x0041_</t></si><si><t/></si>`
	const header = `<row r="1"><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>`
	for _, c := range []struct{ about, rows, want string }{
		{"numbers", `<row><c><v>12345678901234567</v></c><c><v>1.2345678901234568E+16</v></c></row><row><c><v>0.30000000000000004</v></c><c><v>0.1234567890123456</v></c></row><row><c s="4"><v>12.5</v></c><c><v>1E-3</v></c></row>`, `
row 2 {"a":12345678901234567,"b c":12345678901234568}
row 3 {"a":0.3,"b c":0.1234567890123456}
row 4 {"a":12.5,"b c":0.001}
`},
		{"dates", `<row><c s="1"><v>46355</v></c><c s="2"><v>46355.999</v></c></row><row><c s="3"><v>1.5</v></c><c s="5"><v>0.5</v></c></row><row><c s="1"><v>59</v></c><c s="1"><v>1</v></c></row><row><c s="1"><v>-1</v></c><c s="1"><v>3000000</v></c></row>`, `
row 2 {"a":"2026-11-29","b c":"2026-11-29"}
row 3 {"a":"36:00:00","b c":"12:00:00"}
row 4 {"a":"1900-02-28","b c":"1900-01-01"}
row 5 {"a":-1,"b c":3000000}
`},
		{"types", `<row><c t="b"><v>1</v></c><c t="str"><f>A1</f><v>text</v></c></row><row><c t="inlineStr"><is><t>in</t></is></c><c t="e"><v>#DIV/0!</v></c></row><row><c t="d"><v>2026-01-02</v></c><c t="s"><v>2</v></c></row>`, `
row 2 {"a":true,"b c":"text"}
row 3 {"a":"in","b c":"#DIV/0!"}
row 4 {"a":"2026-01-02","b c":"x\ry_x0041_"}
`},
		{"rows and cells that are not there", `<row r="5"><c r="B5"><v>1</v></c></row><row r="6"><c r="A6" s="1"/></row><row/><row r="9"/><row><c><v>2</v></c></row>`, `
row 5 {"a":"","b c":1}
row 10 {"a":2,"b c":""}
`},
		{"formulas that were never calculated, as Python programs write them", `<row><c><f>1+1</f><v></v></c><c t="str"><f>T(1)</f><v></v></c></row><row><c><f>1+1</f><v/></c></row>`, `
row 2 {"a":"=1+1","b c":""} ! row 2: cell A2 is a formula without a result
row 3 {"a":"=1+1","b c":""} ! row 3: cell A3 is a formula without a result
`},
		{"rows that are invalid", `<row><c><f>SUM(B1:B2)</f></c><c><v>1</v></c></row><row><c><v>1</v></c><c r="AB3"><v>5</v></c></row><row><c t="s"><v>9</v></c></row><row><c><v>3</v></c></row>`, `
row 2 {"a":"=SUM(B1:B2)","b c":1} ! row 2: cell A2 is a formula without a result
row 3 {"a":1,"b c":"","extra cells":{"AB3":5}} ! row 3: cell AB3 is in a column without a name
row 4 {"a":"","b c":""} ! row 4: cell A4 refers to the text "9", which the workbook does not have
row 5 {"a":3,"b c":""}
`},
	} {
		got := read(t, "t.xlsx", sheetOf(t, header+c.rows+sheetEnd, texts, styles), Options{})
		if want := `["a" "b c"]` + c.want; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.about, got, want)
		}
	}
	for _, c := range []struct{ about, rows, want string }{
		{"cut off", header + `<row><c><v>1</v></c></row><row><c>`, `["a" "b c"]` + "\nrow 2 {\"a\":1,\"b c\":\"\"}\n! after row 3: it is not valid XLSX: xl/worksheets/sheet1.xml: XML syntax error on line 1: unexpected EOF"},
		{"empty", sheetEnd, "! the sheet is empty: its first row must have the names of the columns"},
		{"the same name twice", `<row><c t="s"><v>0</v></c><c r="C1" t="s"><v>0</v></c></row>` + sheetEnd, `! the header is invalid: column 2 has no name; columns 1 and 3 are named "a"`},
		{"too far right", header + `<row><c r="ZZZZ2"><v>1</v></c></row>` + sheetEnd, `["a" "b c"]` + "\n! after row 2: it has 475254 columns, and the limit is 20000"},
	} {
		if got := read(t, "t.xlsx", sheetOf(t, c.rows, texts, styles), Options{}); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.about, got, c.want)
		}
	}
	for _, data := range []string{"", "PK", "a,b\n1,2\n"} {
		if got := read(t, "t.xlsx", data, Options{}); got != "! it is not valid XLSX: zip: not a valid zip file" {
			t.Errorf("%q: %s", data, got)
		}
	}
	if got := read(t, "t.xlsx", zipped(t, map[string]string{"a": "b"}), Options{}); got != "! it is not valid XLSX: xl/workbook.xml is missing" {
		t.Errorf("another archive: %s", got)
	}
}

// TestUnpackedWorkbook: what unpacks to more than a row may have fails at once.
func TestUnpackedWorkbook(t *testing.T) {
	spaces := strings.Repeat(" ", 4*MaxRow)
	if got, want := read(t, "t.xlsx", sheetOf(t, `<row><c><v>1</v></c></row>`+spaces+sheetEnd, "", ""), Options{}), "xl/worksheets/sheet1.xml is larger than 16 MiB"; !strings.Contains(got, want) {
		t.Errorf("%.300s", got)
	}
}

// TestEndOfWorkbooks: the end of a context is no error of the table.
func TestEndOfWorkbooks(t *testing.T) {
	data := sheetOf(t, `<row><c><v>1</v></c></row>`+strings.Repeat(`<row><c><v>2</v></c></row>`, 2_000)+sheetEnd, "", "")
	ctx, cancel := context.WithCancel(t.Context())
	opened, err := Open(ctx, "t.xlsx", strings.NewReader(data), int64(len(data)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for err == nil {
		_, err = opened.Next()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzWorkbook(f *testing.F) {
	for _, seed := range []string{`<row r="2"><c r="A2" t="s" s="0"><v>0</v></c></row>`, `<row><c><f/></c></row>`, `<row><c t="inlineStr"><is><t>_x0`, `<row r="999999999"><c r="ZZZZZ1"><v>1e999</v></c>`} {
		f.Add(seed, "yy;@")
	}
	f.Fuzz(func(t *testing.T, rows, code string) {
		read(t, "t.xlsx", sheetOf(t, `<row><c><v>1</v></c></row>`+rows+sheetEnd, "<si><t>a</t></si>", ""), Options{})
		for _, number := range []string{"60", "-0.5", "1e300", rows} {
			_, _ = io.Discard.Write(numberOf(number, numberformat.Format(code).Kind(), 1462).JSON())
		}
	})
}
