package documents_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"github.com/gleitzeit/gleitzeit/internal/documents"
)

// in16 is a text as UTF-16 without a byte order mark.
func in16(text string, order binary.ByteOrder) string {
	var to []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		to = append(to, 0, 0)
		order.PutUint16(to[len(to)-2:], unit)
	}
	return string(to)
}

func in32(text string, order binary.ByteOrder) string {
	var to []byte
	for _, r := range text {
		to = append(to, 0, 0, 0, 0)
		order.PutUint32(to[len(to)-4:], uint32(r))
	}
	return string(to)
}

func TestTexts(t *testing.T) {
	const chinese = "昨天下午我们一起去公园散步。\n天气很好，Ärger 100%。\r\n回来以后喝茶、看书，聊了很久很久。\n"
	texts := []string{
		"Hello, world!\n", "a", "ab", "Grüße, Jürgen. 😀 done\r\n\tx", chinese, "Привет, мир!\nКак дела?\n", "ÄÖÜ äöü ß\n", "日本語のテキスト。カタカナ ABC\n", "name;amount\r\n\"Müller\";12,50 €\r\n",
		"BMW and GIF89a are no images.\n", "PK is not ZIP", "ID3 tags\n", strings.Repeat("x", 5000) + "Ω\n",
	}
	for _, text := range texts {
		for form, data := range map[string]string{
			"UTF-8": text, "UTF-8 with a mark": "\ufeff" + text,
			"UTF-16LE": in16(text, binary.LittleEndian), "UTF-16BE": in16(text, binary.BigEndian),
			"UTF-16LE with a mark": in16("\ufeff"+text, binary.LittleEndian), "UTF-16BE with a mark": in16("\ufeff"+text, binary.BigEndian),
			"UTF-32LE with a mark": in32("\ufeff"+text, binary.LittleEndian), "UTF-32BE with a mark": in32("\ufeff"+text, binary.BigEndian),
		} {
			if got, err := documents.PlainText([]byte(data)); err != nil || got != text {
				t.Errorf("%s of %.20q: %.40q, %v", form, text, got, err)
			}
		}
	}
	// Without NUL bytes nothing says that it is UTF-16.
	if got, err := documents.PlainText([]byte(in16("天气很好", binary.LittleEndian))); err == nil {
		t.Errorf("%q", got)
	}
}

func TestWhatIsNoText(t *testing.T) {
	latin, err := charmap.ISO8859_1.NewEncoder().String("BMW: Grüße aus dem Café, überall schöne Häuser ")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ data, want string }{
		"pdf":               {"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\n", "is a PDF document, not text"},
		"binary pdf":        {"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\x00\x01", "is a PDF document, not text"},
		"zip":               {zipped(t, "a.txt"), "is a ZIP archive, not text"},
		"docx":              {zipped(t, "[Content_Types].xml", "word/document.xml"), "is a Word document, not text"},
		"xlsx":              {zipped(t, "[Content_Types].xml", "xl/workbook.xml"), "is an Excel workbook, not text"},
		"gzip":              {gzipped(t, "hello"), "is a gzip archive, not text"},
		"tar":               {tarred(t), "is a tar archive, not text"},
		"png":               {pngImage(t), "is a PNG image, not text"},
		"jpeg":              {"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "is a JPEG image, not text"},
		"gif":               {"GIF89a\x01\x00\x01\x00\x80\x00\x00", "is a GIF image, not text"},
		"heic":              {"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "is an HEIC image, not text"},
		"icon":              {"\x00\x00\x01\x00\x01\x00\x10\x10\x00\x00", "is an image (image/x-icon), not text"},
		"sqlite":            {"SQLite format 3\x00\x10\x00\x01\x01\x00", "is an SQLite database, not text"},
		"program":           {string(program), "is a program, not text"},
		"7z":                {"7z\xbc\xaf\x27\x1c\x00\x04", "is a 7z archive, not text"},
		"mp3":               {"ID3\x03\x00\x00\x00\x00\x00\x0fTIT2\x00\x00\x00\x05\x00\x00\x00abcd", "is an MP3 file, not text"},
		"latin-1":           {latin, "is not UTF-8 text"},
		"odd latin-1":       {latin + "!", "is not UTF-8 text"},
		"nul in a text":     {"hello x\x00 more text here", "has NUL bytes: it is binary data, not text"},
		"nul at the end":    {"hello\x00", "has NUL bytes: it is binary data, not text"},
		"nul behind a mark": {"\ufeffhello\x00", "has NUL bytes: it is binary data, not text"},
		"nuls":              {strings.Repeat("\x00", 40), "has NUL bytes: it is binary data, not text"},
		"bytes":             {"\x00\x01\x02\x03\xff\xfe\xfd\x80\x81", "has NUL bytes: it is binary data, not text"},
		"half of UTF-16":    {in16("\ufeffhello", binary.LittleEndian) + "x", "begins as UTF-16 text, and is not"},
		"half a surrogate":  {in16("\ufeffhello", binary.BigEndian) + "\xd8\x00", "begins as UTF-16 text, and is not"},
		"broken UTF-8":      {"\ufeffhello\xff", "begins as UTF-8 text, and is not"},
	} {
		got, err := documents.PlainText([]byte(c.data))
		problem, is := errors.AsType[*documents.Problem](err)
		if !is || problem.Text != c.want || problem.Hint == "" {
			t.Errorf("%s: %.60q, %v", name, got, err)
		}
	}
}

func zipped(t *testing.T, names ...string) string {
	t.Helper()
	var to bytes.Buffer
	archive := zip.NewWriter(&to)
	for _, name := range names {
		file, err := archive.Create(name)
		if err == nil {
			_, err = file.Write([]byte("content of " + name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return to.String()
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var to bytes.Buffer
	archive := gzip.NewWriter(&to)
	if _, err := archive.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return to.String()
}

func tarred(t *testing.T) string {
	t.Helper()
	var to bytes.Buffer
	archive := tar.NewWriter(&to)
	if err := archive.WriteHeader(&tar.Header{Name: filepath.Join("docs", "a.txt"), Mode: 0o644, Size: 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Write([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return to.String()
}

func pngImage(t *testing.T) string {
	t.Helper()
	var to bytes.Buffer
	if err := png.Encode(&to, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	return to.String()
}
