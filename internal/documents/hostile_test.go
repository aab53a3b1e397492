package documents

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/xmlarchive"
)

const (
	wordXML   = `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>%s</w:body></w:document>`
	sheetXML  = `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>`
	odfXML    = `<office:document-content xmlns:office="o" xmlns:text="t" xmlns:table="b"><office:body><office:%[1]s>%[2]s</office:%[1]s></office:body></office:document-content>`
	relsXML   = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>`
	relation1 = `<Relationship Id="r%d" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%s" Target="%s"/>`
)

// packed returns an archive of files, given as names and contents by turns.
func packed(t testing.TB, files ...string) []byte {
	t.Helper()
	var to bytes.Buffer
	z := zip.NewWriter(&to)
	for i := 0; i < len(files); i += 2 {
		method := zip.Deflate
		if files[i] == "mimetype" {
			method = zip.Store
		}
		content := compressed(t, files[i+1], method)
		file, err := z.CreateRaw(&zip.FileHeader{Name: files[i], Method: method, CRC32: crc32.ChecksumIEEE([]byte(files[i+1])), UncompressedSize64: uint64(len(files[i+1])), CompressedSize64: uint64(len(content))})
		if err == nil {
			_, err = file.Write(content)
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

func compressed(t testing.TB, content string, method uint16) []byte {
	t.Helper()
	if method == zip.Store {
		return []byte(content)
	}
	var to bytes.Buffer
	w, err := flate.NewWriter(&to, flate.BestSpeed)
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

func officeFile(t testing.TB, main, content string, more ...string) []byte {
	t.Helper()
	return packed(t, append([]string{"[Content_Types].xml", "<Types/>", "_rels/.rels", fmt.Sprintf(relsXML, fmt.Sprintf(relation1, 1, "officeDocument", main)), main, content}, more...)...)
}

func wordFile(t testing.TB, body string, more ...string) []byte {
	t.Helper()
	return officeFile(t, "word/document.xml", fmt.Sprintf(wordXML, body), more...)
}

func workbookFile(t testing.TB, sheets int, sheet string, more ...string) []byte {
	t.Helper()
	var list, targets strings.Builder
	for i := range sheets {
		fmt.Fprintf(&list, `<sheet name="s%d" r:id="r%d"/>`, i, i)
		fmt.Fprintf(&targets, relation1, i, "worksheet", "worksheets/sheet1.xml")
	}
	fmt.Fprintf(&targets, relation1, sheets+1, "sharedStrings", "shared.xml")
	return officeFile(t, "xl/workbook.xml", `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>`+list.String()+`</sheets></workbook>`,
		append([]string{"xl/_rels/workbook.xml.rels", fmt.Sprintf(relsXML, targets.String()), "xl/worksheets/sheet1.xml", fmt.Sprintf(sheetXML, sheet)}, more...)...)
}

// bomb returns a Word document whose text unpacks to 10 GB, and says that it unpacks to a declared number of bytes.
func bomb(t testing.TB, declared uint64) []byte {
	t.Helper()
	const piece, pieces = 64 << 20, 160
	var one, to bytes.Buffer
	w, err := flate.NewWriter(&one, flate.BestCompression)
	if err == nil {
		_, err = w.Write(make([]byte, piece))
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(&to)
	for _, name := range []string{"[Content_Types].xml", "word/document.xml"} {
		file, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, UncompressedSize64: declared, CompressedSize64: uint64(one.Len() * pieces)})
		for range pieces {
			if err == nil {
				_, err = file.Write(one.Bytes())
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	rels, err := z.Create("_rels/.rels")
	if err == nil {
		_, err = fmt.Fprintf(rels, relsXML, fmt.Sprintf(relation1, 1, "officeDocument", "word/document.xml"))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// hostile are documents that cost without end where nothing bounds them. Those without a problem are read.
var hostile = []struct {
	name    string
	make    func(testing.TB) []byte
	problem string
}{
	{"bomb.docx", func(t testing.TB) []byte { return bomb(t, 10<<30) }, "unpacks to 10 GiB"},
	{"lying bomb.docx", func(t testing.TB) []byte { return bomb(t, 1000) }, "is damaged"},
	{"bomb in an image.docx", func(t testing.TB) []byte {
		return wordFile(t, "<w:p/>", "word/media/a.png", strings.Repeat("x", 40<<20))
	}, "unpacks to 40 MiB"},
	{"archives in archives.docx", func(t testing.TB) []byte {
		data := wordFile(t, "<w:p/>")
		for range 100 {
			data = officeFile(t, "word/document.xml", string(data), "word/embeddings/a.docx", string(data))
			if len(data) > 8<<20 {
				break
			}
		}
		return data
	}, "cannot be read as XML"},
	{"many files.docx", func(t testing.TB) []byte {
		return bytes.Replace(wordFile(t, "<w:p/>", "a", strings.Repeat("PK\x01\x02", 1)), []byte("PK\x05\x06"), append(bytes.Repeat([]byte("PK\x01\x02"), 100_000), "PK\x05\x06"...), 1)
	}, "has 100005 files in it"},
	{"deep.docx", func(t testing.TB) []byte { return wordFile(t, strings.Repeat("<w:sdt>", 1_000_000)) }, "has more than 1000 elements within each other"},
	{"entities.docx", func(t testing.TB) []byte {
		return officeFile(t, "word/document.xml", `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`+fmt.Sprintf(wordXML, "<w:p><w:r><w:t>&b;</w:t></w:r></w:p>"))
	}, `"word/document.xml" cannot be read as XML`},
	{"outside entity.docx", func(t testing.TB) []byte {
		return officeFile(t, "word/document.xml", `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>`+fmt.Sprintf(wordXML, "<w:p><w:r><w:t>&a;</w:t></w:r></w:p>"))
	}, `"word/document.xml" cannot be read as XML`},
	{"endless table.docx", func(t testing.TB) []byte {
		return wordFile(t, "<w:tbl>"+strings.Repeat(`<w:tr><w:tc><w:tcPr><w:gridSpan w:val="16000"/></w:tcPr></w:tc></w:tr>`, 100_000)+"</w:tbl>")
	}, "has more than 67108864 bytes of text"},
	{"long tag.docx", func(t testing.TB) []byte {
		noise := make([]byte, xmlarchive.MaxPiece+1<<20)
		state := uint32(1)
		for i := range noise {
			state = state*1_664_525 + 1_013_904_223
			noise[i] = 'a' + byte(state>>28)
		}
		return wordFile(t, `<w:p w:a="`+string(noise)+`"/>`)
	}, "has a piece of more than 16777216 bytes in its XML"},
	{"styles based on each other.docx", func(t testing.TB) []byte {
		return wordFile(t, `<w:p><w:pPr><w:pStyle w:val="A"/></w:pPr><w:r><w:t>x</w:t></w:r></w:p>`, "word/_rels/document.xml.rels", fmt.Sprintf(relsXML, fmt.Sprintf(relation1, 1, "styles", "styles.xml")), "word/styles.xml",
			`<w:styles xmlns:w="w"><w:style w:styleId="A"><w:basedOn w:val="B"/></w:style><w:style w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>`)
	}, ""},
	{"100,000 sheets.xlsx", func(t testing.TB) []byte { return workbookFile(t, 100_000, `<row><c><v>1</v></c></row>`) }, "has more than 10000 sheets"},
	{"10,000 sheets.xlsx", func(t testing.TB) []byte { return workbookFile(t, 10_000, `<row><c><v>1</v></c></row>`) }, ""},
	{"far cells.xlsx", func(t testing.TB) []byte {
		var rows strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&rows, `<row r="%d"><c r="XFD%[1]d"><v>1</v></c></row>`, i*300+1)
		}
		return workbookFile(t, 1, rows.String())
	}, ""},
	{"wide sheet.xlsx", func(t testing.TB) []byte {
		var first strings.Builder
		for range maxColumns {
			first.WriteString("<c><v>1</v></c>")
		}
		return workbookFile(t, 1, "<row>"+first.String()+"</row>"+strings.Repeat(`<row><c r="XFD1"><v>1</v></c></row>`, 5_000))
	}, "has more than 67108864 bytes of text"},
	{"one text, 100,000 times.xlsx", func(t testing.TB) []byte {
		return workbookFile(t, 1, "<row>"+strings.Repeat(`<c t="s"><v>0</v></c>`, 100_000)+"</row>", "xl/shared.xml", "<sst><si><t>"+strings.Repeat("long text ", 20_000)+"</t></si></sst>")
	}, "has more than 67108864 bytes of text"},
	{"repeated cells.ods", func(t testing.TB) []byte {
		return packed(t, "mimetype", odfType+"spreadsheet", "content.xml", fmt.Sprintf(odfXML, "spreadsheet", `<table:table><table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="16000"><text:p>x</text:p></table:table-cell></table:table-row></table:table>`))
	}, "has more than 67108864 bytes of text"},
	{"repeated cells in a text.odt", func(t testing.TB) []byte {
		return packed(t, "mimetype", odfType+"text", "content.xml", fmt.Sprintf(odfXML, "text", `<table:table>`+strings.Repeat(`<table:table-row><table:table-cell table:number-columns-repeated="2000000000"/></table:table-row>`, 10_000)+`</table:table>`))
	}, "has more than 67108864 bytes of text"},
	{"blanks.odt", func(t testing.TB) []byte {
		return packed(t, "mimetype", odfType+"text", "content.xml", fmt.Sprintf(odfXML, "text", "<text:p>"+strings.Repeat(`<text:s text:c="2000000000"/>`, 100_000)+"</text:p>"))
	}, "has more than 67108864 bytes of text"},
	{"one slide, 100,000 times.pptx", func(t testing.TB) []byte {
		return officeFile(t, "ppt/presentation.xml", `<p xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">`+strings.Repeat(`<sldId id="1" r:id="r1"/>`, 100_000)+"</p>", "ppt/_rels/presentation.xml.rels", fmt.Sprintf(relsXML, fmt.Sprintf(relation1, 1, "slide", "s.xml")), "ppt/s.xml", "<sld/>")
	}, "has 100000 parts"},
	{"cells over all columns.html", func(testing.TB) []byte {
		return []byte("<table>" + strings.Repeat(`<tr><td colspan=1000000000 rowspan=1000000000>x`, 20_000) + "</table>")
	}, "has more than 67108864 bytes of text"},
	{"endless table.html", func(testing.TB) []byte { return []byte("<table>" + strings.Repeat("<tr><td>a<td>b", 1_000_000)) }, ""},
	{"deep.html", func(testing.TB) []byte { return []byte(strings.Repeat("<div><table><tr><td><b>", 300_000) + "x") }, ""},
	{"tables in tables.html", func(testing.TB) []byte { return []byte(strings.Repeat("<table><tr><td>x<td>y", 300_000)) }, ""},
	{"links.html", func(testing.TB) []byte { return []byte(strings.Repeat("<a href=https://example.org/>x", 300_000)) }, ""},
	{"one paragraph.html", func(testing.TB) []byte { return []byte(strings.Repeat("<b>x <br>", 1_000_000)) }, ""},
	{"notes in notes.rtf", func(testing.TB) []byte {
		return []byte(`{\rtf1` + strings.Repeat(`{\footnote x`, 9_000) + strings.Repeat(`{x}`, 300_000))
	}, ""},
	{"deep lists.html", func(testing.TB) []byte { return []byte(strings.Repeat("<ul><li>x", 300_000)) }, ""},
	{"attributes.html", func(testing.TB) []byte { return []byte("<p " + strings.Repeat("a=b ", 5_000_000) + ">x") }, ""},
	{"deep.rtf", func(testing.TB) []byte { return []byte(`{\rtf1` + strings.Repeat("{", 5_000_000)) }, "has more than 10000 groups within each other"},
	{"numbers.rtf", func(testing.TB) []byte {
		return []byte(`{\rtf1\bin99999999999999999999 \uc2147483647\u-2147483648 \f-1 x\bin-5 }`)
	}, ""},
	{"cells.rtf", func(testing.TB) []byte { return []byte(`{\rtf1` + strings.Repeat(`\intbl\cell`, 3_000_000)) }, "has more than 67108864 bytes of text"},
	{"deep.eml", func(testing.TB) []byte {
		var to strings.Builder
		to.WriteString("From: a\r\n")
		for i := range 1000 {
			fmt.Fprintf(&to, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%[1]d\r\n", i)
		}
		return []byte(to.String())
	}, "has more than 50 parts within each other"},
	{"100,000 attachments.eml", func(testing.TB) []byte {
		return []byte("From: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nx\r\n", 100_000) + "--b--\r\n")
	}, "has more than 10000 attachments"},
	{"bomb.eml", func(t testing.TB) []byte {
		return []byte("From: a\r\nContent-Type: application/octet-stream; name=a.docx\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(bomb(t, 10<<30)))
	}, ""},
	{"mails in mails.eml", func(testing.TB) []byte {
		return []byte(strings.Repeat("From: a\r\nSubject: s\r\nContent-Type: message/rfc822\r\n\r\n", 100_000) + "From: b\r\n\r\nthe end")
	}, ""},
	{"endless table.csv", func(testing.TB) []byte { return []byte(strings.Repeat("a,b,c\n", 1_500_000)) }, ""},
	{"words.html", func(testing.TB) []byte { return []byte("<p>" + strings.Repeat("word ", 12_000_000)) }, "is an HTML page of 57 MiB, and the limit is"},
	{"fewer words.html", func(testing.TB) []byte { return []byte("<p>" + strings.Repeat("word ", 6_500_000)) }, "has a piece of more than 20 MiB in its HTML"},
	{"paragraphs.html", func(testing.TB) []byte {
		return []byte(strings.Repeat("<p>word word word word word word word word</p>", 700_000))
	}, ""},
	{"headings.html", func(testing.TB) []byte { return []byte(strings.Repeat("<h1>a</h1>", 5_000_000)) }, "is an HTML page of 48 MiB, and the limit is"},
	{"fewer headings.html", func(testing.TB) []byte { return []byte(strings.Repeat("<h1>a</h1>", 3_300_000)) }, "has more than 4,000,000 tags"},
	{"fewest words.html", func(testing.TB) []byte { return []byte("<p>" + strings.Repeat("word ", 4_100_000)) }, ""},
	{"fewest headings.html", func(testing.TB) []byte { return []byte(strings.Repeat("<h1>a</h1>", 1_900_000)) }, ""},
	{"open quote.csv", func(testing.TB) []byte { return []byte("a,b\n\"" + strings.Repeat("x,y\n", 15_000_000)) }, "has a row of more than 8 MiB, which begins in line 2"},
	{"short rows.csv", func(testing.TB) []byte { return []byte(strings.Repeat("a,b\n", 15_000_000)) }, "has more than 4,000,000 rows"},
	{"fewer rows.csv", func(testing.TB) []byte { return []byte(strings.Repeat("a,b\n", 3_900_000)) }, ""},
	{"lines.md", func(testing.TB) []byte { return []byte(strings.Repeat("# a\r\n", 12_000_000)) }, ""},
	{"lines.txt", func(testing.TB) []byte { return []byte(strings.Repeat("a\r\n", 20_000_000)) }, ""},
	{"commas.csv", func(testing.TB) []byte { return []byte("a\"b" + strings.Repeat(",", 30_000_000)) }, "has more than 65536 columns in a line"},
	{"100,000 sheets.ods", func(t testing.TB) []byte {
		return packed(t, "mimetype", odfType+"spreadsheet", "content.xml", fmt.Sprintf(odfXML, "spreadsheet", strings.Repeat(`<table:table table:name="x"><table:table-row><table:table-cell><text:p>1</text:p></table:table-cell></table:table-row></table:table>`, 100_000)))
	}, "has 10001 parts"},
	{"one slide of drawings.odp", func(t testing.TB) []byte {
		return packed(t, "mimetype", odfType+"presentation", "content.xml", fmt.Sprintf(odfXML, "presentation", strings.Repeat("<page/>", 50_000)))
	}, "has 10001 parts"},
	{"one chapter, 100,000 times.epub", func(t testing.TB) []byte {
		return packed(t, "mimetype", "application/epub+zip", "META-INF/container.xml", `<c><rootfile full-path="a.opf"/></c>`, "a.opf", `<p><item id="a" href="a.html"/>`+strings.Repeat(`<itemref idref="a"/>`, 100_000)+"</p>", "a.html", "x")
	}, "has 100000 parts"},
}
