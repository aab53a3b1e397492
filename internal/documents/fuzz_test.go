package documents

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"
)

// fuzzed reads what a fuzz test made, without the recovery of Read. An error is a problem, and time does not run away.
func fuzzed(t *testing.T, read func(context.Context, string, []byte, Options) (Document, error), data []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	limits := Limits{Text: 1 << 20, Parts: 100}.withDefaults()
	d, err := read(ctx, "a.csv", data, Options{Images: true, Limits: limits})
	var p *Problem
	if err = asProblem(err); err != nil && (!errors.As(err, &p) || p.Text == "" || p.Hint == "") {
		t.Errorf("got %v", err)
	}
	size := 0
	for _, part := range d.Parts {
		size += len(part.Text)
	}
	// Addresses of links and what makes tables come on top of the text.
	if size > 64<<20 {
		t.Errorf("%d bytes of text", size)
	}
}

// seeds adds the contents of the documents of a folder.
func seeds(f *testing.F, folder string) {
	f.Helper()
	files, err := filepath.Glob("testdata/" + folder + "/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no files in %s: %v", folder, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func FuzzRTF(f *testing.F) {
	seeds(f, "rtf")
	f.Add([]byte(`{\rtf1{\fonttbl{\f0\fcharset128 x;}}\f0\'82\'a0{\*\shpinst{\shptxt a\par}}{\stylesheet{\s1 heading 1;}}\s1\u-10179?\u-8704?\trowd\intbl a\cell\row}`))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzed(t, readRTF, data) })
}

func FuzzHTML(f *testing.F) {
	seeds(f, "html")
	f.Add([]byte(`<table><tr><td rowspan=3 colspan=2>a<table><tr><td>b<td>c</table><td>d<pre>x</pre><ol start=-5><li>a</table><main>m</main>`))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzed(t, readHTML, data) })
}

func FuzzEML(f *testing.F) {
	seeds(f, "eml")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzed(t, readEML, data) })
}

func FuzzCSV(f *testing.F) {
	seeds(f, "csv")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzed(t, readCSV, data) })
}

func FuzzText(f *testing.F) {
	seeds(f, "txt")
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := PlainText(data)
		if !utf8.ValidString(text) || err != nil && text != "" {
			t.Errorf("%q, %v", text, err)
		}
		fuzzed(t, readMarkdown, data)
	})
}

func FuzzDOCX(f *testing.F) {
	f.Add(`<w:p><w:pPr><w:pStyle w:val="A"/><w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr><w:rPr><w:del/></w:rPr></w:pPr><w:r><w:t>x</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="3"/></w:tcPr><w:p/></w:tc></w:tr></w:tbl>`, `<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>`)
	f.Add(`<w:p><w:r><w:fldChar w:fldCharType="begin"/><w:instrText>HYPERLINK "x"</w:instrText><w:fldChar w:fldCharType="separate"/><w:t>a</w:t><w:fldChar w:fldCharType="end"/><w:footnoteReference w:id="1"/></w:r></w:p>`, `<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt w:val="upperRoman"/><w:lvlText w:val="%1"/></w:lvl></w:abstractNum><w:style w:styleId="A"><w:name w:val="heading 9"/></w:style>`)
	f.Fuzz(func(t *testing.T, body, parts string) {
		fuzzed(t, readDOCX, wordFile(t, body, "word/_rels/document.xml.rels", fmt.Sprintf(relsXML, fmt.Sprintf(relation1, 1, "numbering", "n.xml")+fmt.Sprintf(relation1, 2, "styles", "n.xml")+fmt.Sprintf(relation1, 3, "footnotes", "n.xml")), "word/n.xml", fmt.Sprintf(wordXML, parts)))
	})
}

func FuzzPPTX(f *testing.F) {
	f.Add(`<sp><nvPr><ph type="title"/></nvPr><txBody><p><pPr lvl="1"><buAutoNum/></pPr><r><t>a</t></r></p></txBody></sp><tbl><tr><tc><txBody><p><r><t>c</t></r></p></txBody></tc></tr></tbl>`)
	f.Fuzz(func(t *testing.T, slide string) {
		fuzzed(t, readPPTX, officeFile(t, "ppt/presentation.xml", `<p xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sldId r:id="r1"/></p>`, "ppt/_rels/presentation.xml.rels", fmt.Sprintf(relsXML, fmt.Sprintf(relation1, 1, "slide", "s.xml")), "ppt/s.xml", "<sld>"+slide+"</sld>",
			"ppt/_rels/s.xml.rels", fmt.Sprintf(relsXML, fmt.Sprintf(relation1, 1, "notesSlide", "s.xml")+fmt.Sprintf(relation1, 2, "diagramData", "s.xml"))))
	})
}

func FuzzXLSX(f *testing.F) {
	f.Add(`<row r="1"><c r="A1" t="s"><v>0</v></c><c r="ZZZ9" t="inlineStr"><is><t>x</t></is></c><c s="1"><f>A1</f></c></row>`, "a")
	f.Fuzz(func(t *testing.T, rows, shared string) {
		fuzzed(t, readXLSX, workbookFile(t, 2, rows, "xl/shared.xml", "<sst><si><t>"+shared+"</t></si></sst>"))
	})
}

func FuzzODF(f *testing.F) {
	f.Add("text", `<text:h text:outline-level="2">a</text:h><text:list><text:list-item><text:p>b<text:note><text:note-body><text:p>n</text:p></text:note-body></text:note></text:p></text:list-item></text:list><table:table><table:table-row><table:table-cell table:number-columns-repeated="5"><text:p>c</text:p></table:table-cell></table:table-row></table:table>`)
	f.Add("spreadsheet", `<table:table><table:table-row table:number-rows-repeated="3"><table:table-cell table:number-columns-repeated="5"><text:p>c</text:p></table:table-cell></table:table-row></table:table>`)
	f.Add("presentation", `<page><frame class="title"><text-box><text:p>a</text:p></text-box></frame><notes><frame><text-box><text:p>n</text:p></text-box></frame></notes></page>`)
	f.Fuzz(func(t *testing.T, kind, body string) {
		fuzzed(t, readODF, packed(t, "mimetype", odfType+"text", "content.xml", fmt.Sprintf(odfXML, kind, body)))
	})
}

func FuzzEPUB(f *testing.F) {
	f.Add(`<item id="a" href="a%2ehtml"/><itemref idref="a"/>`, "<h1>x</h1><img src='a.png'>")
	f.Fuzz(func(t *testing.T, book, page string) {
		fuzzed(t, readEPUB, packed(t, "mimetype", "application/epub+zip", "META-INF/container.xml", `<c><rootfile full-path="a.opf"/></c>`, "a.opf", "<p>"+book+"</p>", "a.html", page, "a.png", "x"))
	})
}

// FuzzArchive breaks whole files: what is wrong is a problem of the file, never a crash.
func FuzzArchive(f *testing.F) {
	for _, folder := range []string{"docx", "pptx", "xlsx", "odt", "ods", "odp", "epub"} {
		seeds(f, folder)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, read := range []func(context.Context, string, []byte, Options) (Document, error){readDOCX, readPPTX, readXLSX, readODF, readEPUB, readOLE} {
			fuzzed(t, read, data)
		}
	})
}
