package documents

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func officeData(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// inUTF16 is how OLE containers write names.
func inUTF16(name string) string {
	var to strings.Builder
	for _, letter := range name {
		to.WriteString(string(letter) + "\x00")
	}
	return to.String()
}

func TestWhatCannotBeRead(t *testing.T) {
	const ole = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	whole := officeData(t, "docx/terms.docx")
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"old.doc", []byte(ole + strings.Repeat("\x00", 504) + inUTF16("WordDocument")), "is a Word 97 document"},
		{"old.xls", []byte(ole + inUTF16("Workbook")), "is an Excel 97 workbook"},
		{"old.ppt", []byte(ole + inUTF16("PowerPoint Document")), "is a PowerPoint 97 presentation"},
		{"old.msg", []byte(ole + inUTF16("__substg1.0_0037001F")), "is an Outlook message"},
		{"locked.docx", []byte(ole + inUTF16("EncryptedPackage")), "is an Office document with a password"},
		{"locked.xlsx", []byte(ole + inUTF16("EncryptedPackage")), "is an Office document with a password"},
		{"half.docx", whole[:len(whole)/2], "is damaged, or not really a Word document: its ZIP archive cannot be read"},
		{"nothing.pdf", nil, "is empty"},
		{"nothing.docx", nil, "is empty"},
		{"blank.odt", []byte(" \n"), "is empty"},
		{"nothing.eml", nil, "is empty"},
		{"renamed.docx", []byte("just text"), "is not a Word document, as its name says"},
		{"empty.docx", packed(t, "[Content_Types].xml", "<Types/>", "word/styles.xml", "<x/>"), "is damaged, or not really a Word document: its main part is missing"},
		{"lost.xlsx", officeFile(t, "xl/workbook.xml", `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="s" r:id="r1"/></sheets></workbook>`, "xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="r1" Type="x/worksheet" Target="s.xml"/></Relationships>`), `is damaged, or not really an Excel workbook: "xl/s.xml" is missing`},
		{"cut.docx", officeFile(t, "word/document.xml", `<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>x`), `is damaged, or not really a Word document: "word/document.xml" cannot be read as XML`},
		{"lost.odt", packed(t, "mimetype", odfType+"text", "meta.xml", "<x/>"), `is damaged, or not really an OpenDocument file: "content.xml" is missing`},
		{"locked.odt", packed(t, "mimetype", odfType+"text", "META-INF/manifest.xml", "<m><file-entry><encryption-data/></file-entry></m>", "content.xml", "\x01\x02"), "is an OpenDocument file with a password"},
		{"drm.epub", packed(t, "mimetype", "application/epub+zip", "META-INF/encryption.xml", `<e><CipherReference URI="OEBPS/one.xhtml"/></e>`), "is an EPUB book with copy protection"},
		{"lost.epub", packed(t, "mimetype", "application/epub+zip"), `is damaged, or not really an EPUB book: "META-INF/container.xml" is missing`},
		{"binary.xlsb", officeFile(t, "xl/workbook.bin", "x"), "is a binary Excel workbook"},
		{"secret.eml", []byte("From: a\r\nContent-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"), "is an encrypted mail"},
		{"prose.eml", []byte("Dear all,\n\nthis is no mail.\n"), "is not a mail, as its name says"},
		{"latin.txt", []byte("caf\xe9"), "is not UTF-8 text"},
	} {
		d, err := Read(context.Background(), c.name, c.data, Options{})
		var p *Problem
		if !errors.As(err, &p) || p.Text != c.want || p.Hint == "" {
			t.Errorf("%s: got %v, %q", c.name, err, d.Text())
		}
	}
}

func TestEncodings(t *testing.T) {
	for _, c := range []struct{ name, encoding, data, want string }{
		{"a.txt", "windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
		{"a.txt", "shift_jis", "\x93\xfa\x96\x7b", "日本"},
		{"a.txt", "iso-8859-2", "\xa3\xf3d\xbc", "Łódź"},
		{"a.txt", "latin1", "\xff\xfeh\x00i\x00", "hi"}, // A byte order mark decides.
		{"a.csv", "windows-1252", "a;b\n\x80;\xdf\n", "| a | b |\n| --- | --- |\n| € | ß |"},
		{"a.html", "windows-1251", "<p>\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
	} {
		d, err := Read(context.Background(), c.name, []byte(c.data), Options{Encoding: c.encoding})
		if err != nil || d.Text() != c.want {
			t.Errorf("%s in %s: %q, %v", c.name, c.encoding, d.Text(), err)
		}
	}
	for encoding, want := range map[string]string{"utf-9": `cannot be read in the encoding "utf-9", which is not known`, "utf-8": "is not utf-8 text"} {
		if _, err := Read(context.Background(), "a.txt", []byte("caf\xe9"), Options{Encoding: encoding}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", encoding, err)
		}
	}
}

// TestWhatIsTold wants warnings of what a reader leaves out.
func TestWhatIsTold(t *testing.T) {
	for file, want := range map[string][]string{
		"xlsx/orders.xlsx": {`sheet "Orders": 1 formulas were never calculated, and are shown as formulas`, `sheet "Notes (internal)" is hidden in the workbook`},
		"pptx/safety.pptx": {"slide 2 is hidden in the presentation"},
		"docx/terms.docx":  nil,
	} {
		d, err := Read(context.Background(), file, officeData(t, file), Options{})
		if err != nil || !slices.Equal(d.Warnings, want) {
			t.Errorf("%s: got %q, %v", file, d.Warnings, err)
		}
	}
	d, err := Read(context.Background(), "a.eml", []byte("From: a\r\nSubject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Disposition: attachment; filename=a.docx\r\n\r\nnot one\r\n--b--\r\n"), Options{})
	if err != nil || len(d.Parts) != 2 || !slices.Equal(d.Warnings, []string{`attachment "a.docx" is not a Word document, as its name says`}) {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestPartsOfOffice(t *testing.T) {
	d, err := Read(context.Background(), "o.xlsx", officeData(t, "xlsx/orders.xlsx"), Options{Pages: []Range{{2, 2}}})
	if err != nil || len(d.Parts) != 1 || d.Parts[0] != (Part{"sheet", "Notes (internal)", "| margin 40 % |\n| --- |"}) {
		t.Errorf("got %+v, %v", d, err)
	}
	d, err = Read(context.Background(), "p.odp", officeData(t, "odp/plan.odp"), Options{Pages: []Range{{3, 0}}})
	if err != nil || len(d.Parts) != 1 || d.Parts[0].Name != "3" || !strings.HasPrefix(d.Parts[0].Text, "Costs") {
		t.Errorf("got %+v, %v", d, err)
	}
	d, err = Read(context.Background(), "e.epub", officeData(t, "epub/island.epub"), Options{Pages: []Range{{2, 2}}})
	if err != nil || len(d.Parts) != 1 || d.Parts[0].Name != "The storm" || d.Title != "island" || !slices.Contains(d.Metadata, Property{"author", "Ada Example"}) {
		t.Errorf("got %+v, %v", d, err)
	}
	for _, file := range []string{"odp/plan.odp", "pptx/plan.pptx", "ods/invoices.ods", "eml/order.eml"} {
		if _, err := Read(context.Background(), file, officeData(t, file), Options{Pages: []Range{{9, 9}}}); err == nil || !strings.HasPrefix(err.Error(), "has no page 9") {
			t.Errorf("%s: got %v", file, err)
		}
	}
}

func TestImagesOfOffice(t *testing.T) {
	const pixel = "\x89PNG\r\n\x1a\n"
	mail := []byte("From: a\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<img alt=Logo src=cid:1>\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <1>\r\n\r\n" + pixel + "\r\n--b--\r\n")
	for name, data := range map[string][]byte{
		"a.docx": wordFile(t, `<w:p xmlns:r="r"><w:r><blip r:embed="r2"/><blip r:embed="r1"/></w:r></w:p>`, "word/_rels/document.xml.rels", `<Relationships><Relationship Id="r1" Type="x/image" Target="media/a.png"/><Relationship Id="r2" Type="x/image" Target="https://example.org/b.png" TargetMode="External"/></Relationships>`, "word/media/a.png", pixel),
		"a.html": []byte(`<img src="data:image/png;base64,iVBORw0KGgo="><img src="https://example.org/b.png">`),
		"a.epub": packed(t, "mimetype", "application/epub+zip", "META-INF/container.xml", `<c><rootfile full-path="a.opf"/></c>`, "a.opf", `<p><item id="a" href="a.html"/><itemref idref="a"/></p>`, "a.html", `<img src="i/a.png">`, "i/a.png", pixel),
		"a.eml":  mail,
		"a.pptx": officeFile(t, "ppt/presentation.xml", `<p xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sldId r:id="r1"/></p>`, "ppt/_rels/presentation.xml.rels", fmt.Sprintf(relsXML, fmt.Sprintf(relation1, 1, "slide", "s.xml")), "ppt/s.xml", `<sld xmlns:r="r"><pic><blip r:embed="r1"/></pic></sld>`, "ppt/_rels/s.xml.rels", fmt.Sprintf(relsXML, fmt.Sprintf(relation1, 1, "image", "a.png")), "ppt/a.png", pixel),
		"a.odt":  packed(t, "mimetype", odfType+"text", "content.xml", fmt.Sprintf(odfXML, "text", `<text:p><frame><image href="Pictures/a.png"/></frame><frame><image href="https://example.org/b.png"/></frame></text:p>`), "Pictures/a.png", pixel),
		"a.xlsx": workbookFile(t, 1, "<row/>", "xl/worksheets/_rels/sheet1.xml.rels", fmt.Sprintf(relsXML, fmt.Sprintf(relation1, 1, "drawing", "d.xml")), "xl/worksheets/_rels/d.xml.rels", fmt.Sprintf(relsXML, fmt.Sprintf(relation1, 1, "image", "../a.png")), "xl/a.png", pixel),
	} {
		d, err := Read(context.Background(), name, data, Options{Images: true})
		if err != nil || len(d.Images) != 1 || d.Images[0].Type != "image/png" || !bytes.Equal(bytes.TrimSpace(d.Images[0].Data), bytes.TrimSpace([]byte(pixel))) {
			t.Errorf("%s: got %+v, %v", name, d.Images, err)
		}
		if d, err = Read(context.Background(), name, data, Options{}); err != nil || len(d.Images) != 0 {
			t.Errorf("%s without images: got %d, %v", name, len(d.Images), err)
		}
	}
}

// TestOfficeEnds wants every reader to end soon after its context.
func TestOfficeEnds(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	const many = 200_000
	for name, read := range map[string]func() error{
		"docx": func() error {
			_, err := readDOCX(ended, "", wordFile(t, strings.Repeat("<w:p/>", many)), Options{Limits: Limits{}.withDefaults()})
			return err
		},
		"xlsx": func() error {
			_, err := readXLSX(ended, "", workbookFile(t, 1, strings.Repeat("<row/>", many)), Options{Limits: Limits{}.withDefaults()})
			return err
		},
		"html": func() error {
			_, err := readHTML(ended, "", []byte(strings.Repeat("<p>x", many)), Options{})
			return err
		},
		"rtf": func() error {
			_, err := readRTF(ended, "", []byte(`{\rtf1`+strings.Repeat(`x\par`, many)), Options{})
			return err
		},
		"csv": func() error {
			_, err := readCSV(ended, "", []byte(strings.Repeat("a,b\n", many)), Options{})
			return err
		},
	} {
		if err := read(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestTables wants one line for each row, whatever is in its cells.
func TestTables(t *testing.T) {
	for _, c := range []struct{ page, want string }{
		{"<table><tr><th>a<br>b<th>c|d<tr><td><ul><li>x<li>y</ul><td><pre>1\n2</pre></table>", "| a<br>b | c\\|d |\n| --- | --- |\n| - x<br>- y | 1<br>2 |"},
		{"<table><tr><td rowspan=2>a<td>b<tr><td>c<tr><td colspan=2>d</table>", "| a | b |\n| --- | --- |\n| | c |\n| d | |"},
		{"<table><tr><td>a<td><table><tr><td>b<td>c</table><tr><td>d<td>e</table>", "| a | b c |\n| --- | --- |\n| d | e |"},
		{"<table><tr><td>one<tr><td>two</table>", "one\n\ntwo"},
		{"<table><tr><td></table>x", "x"},
		{"<td>a<td>b", "a\n\nb"},
		{"<p>a<table><caption>b</caption><tr><td>c<td>d<tr><td>e</table>f", "a\n\nb\n\n| c | d |\n| --- | --- |\n| e |\n\nf"},
	} {
		d, err := Read(context.Background(), "a.html", []byte(c.page), Options{})
		if err != nil || d.Text() != c.want {
			t.Errorf("%s: got %q, %v", c.page, d.Text(), err)
		}
	}
}

// TestOddMails wants what mail programs and people make of the rules.
func TestOddMails(t *testing.T) {
	for name, c := range map[string]struct{ mail, want string }{
		"of a mailbox file":        {"From a@b Mon Nov  5 09:15:00 2024\nFrom: a\nstray line\nSubject: s\n\ntext", "From: a\nSubject: s\n\ntext"},
		"raw 8-bit header":         {"From: J\xfcrgen\n\ncaf\xe9", "From: Jürgen\n\ncafé"},
		"raw UTF-8 header":         {"From: Jürgen\n\ncafé", "From: Jürgen\n\ncafé"},
		"unknown character set":    {"From: a\nContent-Type: text/plain; charset=x-nothing\n\ncaf\xe9", "From: a\n\ncafé"},
		"plain text that is empty": {"From: a\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\n \n--b\nContent-Type: text/html\n\n<p>page</p>\n--b--\n", "From: a\n\npage"},
		"no end":                   {"From: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext", "From: a\n\ntext"},
		"broken base64":            {"From: a\nContent-Transfer-Encoding: base64\n\ndGV4dA==!!!", "From: a\n\ntext"},
		"page in cp1251":           {"From: a\nContent-Type: text/html\n\n<meta charset=windows-1251><p>\xcf\xf0", "From: a\n\nПр"},
	} {
		d, err := Read(context.Background(), "a.eml", []byte(c.mail), Options{})
		if err != nil || d.Text() != c.want {
			t.Errorf("%s: got %q, %v", name, d.Text(), err)
		}
	}
}

// TestRaisedNumbers wants numbers that are raised not to belong to what is before them.
func TestRaisedNumbers(t *testing.T) {
	for name, data := range map[string][]byte{
		"a.html": []byte("<p>10<sup>2</sup> m in 2019<sup>3</sup>, the 1<sup>st</sup></p>"),
		"a.docx": wordFile(t, `<w:p><w:r><w:t>10</w:t></w:r><w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>2</w:t></w:r><w:r><w:t xml:space="preserve"> m in 2019</w:t></w:r><w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>3</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>, the 1st</w:t></w:r></w:p>`),
		"a.rtf":  []byte(`{\rtf1 10{\super 2} m in 2019\super 3\nosupersub , the 1{\super st}\par}`),
		"a.odt":  packed(t, "mimetype", odfType+"text", "content.xml", `<x xmlns:text="t" xmlns:style="s"><style:style style:name="T1"><style:text-properties style:text-position="super 58%"/></style:style>`+fmt.Sprintf(odfXML, "text", `<text:p>10<text:span text:style-name="T1">2</text:span> m in 2019<text:span text:style-name="T1">3</text:span>, the 1st</text:p>`)+"</x>"),
		"a.pptx": officeFile(t, "ppt/presentation.xml", `<p xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sldId r:id="r1"/></p>`, "ppt/_rels/presentation.xml.rels", fmt.Sprintf(relsXML, fmt.Sprintf(relation1, 1, "slide", "s.xml")), "ppt/s.xml", `<sld><sp><txBody><p><r><t>10</t></r><r><rPr baseline="30000"/><t>2</t></r><r><rPr/><t> m in 2019</t></r><r><rPr baseline="30000"/><t>3</t></r><r><t>, the 1st</t></r></p></txBody></sp></sld>`),
	} {
		if d, err := Read(context.Background(), name, data, Options{}); err != nil || d.Text() != "10² m in 2019³, the 1st" {
			t.Errorf("%s: got %q, %v", name, d.Text(), err)
		}
	}
}

// TestWorkbooks wants cells as Excel shows them.
func TestWorkbooks(t *testing.T) {
	for rows, want := range map[string]string{
		`<row><c t="inlineStr"><is><t>a_x000D_b_x005F_x0041_</t></is></c><c t="b"><v>0</v></c></row>`:                                                               "| a<br>b_x0041_ | FALSE |\n| --- | --- |",
		`<row><c><f t="shared" si="1">X1+1</f></c><c><f t="shared" si="1"/></c><c><f>X1</f><v/></c><c><f>X1</f><v>5</v></c><c t="str"><f>T(1)</f><v></v></c></row>`: "| =X1+1 | =… as in A1 | =X1 | 5 |\n| --- | --- | --- | --- |",
		`<row><c t="d"><v>2026-01-02T00:00:00</v></c><c t="e"><v>#REF!</v></c><c r="XFE1"><v>1</v></c></row>`:                                                       "| 2026-01-02 | #REF! |\n| --- | --- |",
	} {
		if d, err := Read(context.Background(), "a.xlsx", workbookFile(t, 1, rows), Options{}); err != nil || d.Text() != want {
			t.Errorf("%s: got %q, %v", rows, d.Text(), err)
		}
	}
}

func TestTitlesOfSlides(t *testing.T) {
	data := packed(t, "mimetype", odfType+"presentation", "content.xml", fmt.Sprintf(odfXML, "presentation", `<page><frame class="title"><text-box><text:p>A</text:p></text-box></frame><frame class="page-number"><text-box><text:p>1</text:p></text-box></frame><frame><text-box><text:p>b</text:p></text-box></frame></page>`))
	if d, err := Read(context.Background(), "a.odp", data, Options{}); err != nil || d.Text() != "# A\n\nb" {
		t.Errorf("got %q, %v", d.Text(), err)
	}
}

// TestFieldsAndLists wants what stands on paper only to be left out, and numbers as lists have them.
func TestFieldsAndLists(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"a.docx", wordFile(t, `<w:p><w:fldSimple w:instr=" PAGE "><w:r><w:t>7</w:t></w:r></w:fldSimple><w:r><w:t>a</w:t></w:r><w:r><w:fldChar w:fldCharType="begin"/><w:instrText>NUMPAGES</w:instrText><w:fldChar w:fldCharType="separate"/><w:t>9</w:t><w:fldChar w:fldCharType="end"/><w:t>b</w:t></w:r></w:p>`), "ab"},
		{"a.rtf", []byte(`{\rtf1 a{\field{\*\fldinst PAGE}{\fldrslt 7}}b\par}`), "ab"},
		{"a.odt", packed(t, "mimetype", odfType+"text", "content.xml", fmt.Sprintf(odfXML, "text", `<text:p text:style-name="Title">a<text:page-number>7</text:page-number>b</text:p>`)), "# ab"},
		{"a.html", []byte(`<ol type="a" start="3"><li>x<li>y</ol><ol type=I><li>z</ol><blockquote>q</blockquote><ul><li><input type=checkbox checked>done</ul>`), "c. x\nd. y\nI. z\n\n> q\n\n- ☒ done"},
		{"b.html", []byte(`<p>pulls.<a role="doc-noteref" href="#1">1</a> Twice</p>`), "pulls.¹ Twice"},
	} {
		if d, err := Read(context.Background(), c.name, c.data, Options{}); err != nil || d.Text() != c.want {
			t.Errorf("%s: got %q, %v", c.name, d.Text(), err)
		}
	}
}
