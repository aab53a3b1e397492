package documents

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/documents/pdf"
)

// pdfOf returns a PDF document of objects, the first of which is the catalog.
func pdfOf(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, a := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", a)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

// pdfPage returns a PDF document of one page with this content; more objects have numbers from 6.
func pdfPage(content, filter, resources string, more ...string) []byte {
	return pdfOf(append([]string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F 5 0 R >> " + resources + " >> /Contents 4 0 R >>",
		fmt.Sprintf("<< /Length %d %s >>\nstream\n%s\nendstream", len(content), filter, content),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}, more...)...)
}

func pdfDeflated(t testing.TB, piece string, times int) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, zlib.BestSpeed)
	for range times {
		if err == nil {
			_, err = w.Write([]byte(piece))
		}
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// memoryPeak returns the most memory that the process had since the last call with reset, in bytes; 0 where the system does not say.
func memoryPeak(reset bool) int64 {
	if runtime.GOOS != "linux" {
		return 0
	}
	if reset && os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) != nil {
		return 0
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	kilobytes, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}

// computed returns what the process has computed so far; 0 where the system does not say.
func computed() time.Duration {
	status, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * time.Second / 100
}

func TestReadHostilePDF(t *testing.T) {
	if err := pdf.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	letter := pdfFile(t, "letter")
	blanks := strings.Repeat(" ", 1<<20)
	for _, c := range []struct {
		name string
		data []byte
		want string // What the problem says; "*" where that depends on the machine, empty if the document can be read.
	}{
		{"mark alone", []byte("%PDF-1.7\n"), "is not a complete PDF document"},
		{"first half", letter[:len(letter)/2], "is not a complete PDF document"},
		{"noise", append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte{1, 200, 3, 77, 0}, 50_000)...), "is not a complete PDF document"},
		{"pages in a loop", pdfOf("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2000000000 >>"), "is not a complete PDF document"},
		{"too many pages", pdfOf("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids ["+strings.Repeat("3 0 R ", 20_000)+"] /Count 20000 >>", "<< /Type /Page /Parent 2 0 R >>"), "has 20000 parts, and the limit is 10000"},
		{"calls without end", pdfPage("/X Do /X Do", "", "/XObject << /X 6 0 R >>", nestedForms()...), "*"},
		{"much in little", pdfPage(pdfDeflated(t, blanks, 800), "/Filter /FlateDecode", ""), "*"},
		{"text without end", pdfPage(pdfDeflated(t, "BT /F 9 Tf (a b) Tj 9 9 Td (c) Tj ET ", 2_000_000), "/Filter /FlateDecode", ""), "*"},
		{"deep arrays", pdfPage(pdfDeflated(t, "[", 2_000_000), "/Filter /FlateDecode", ""), ""},
		{"huge page and image", pdfPage("/I Do", "", "/XObject << /I 6 0 R >>", "<< /Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Length 1 >>\nstream\nx\nendstream"), ""},
		{"broken font", pdfFont("(a) Tj", "/FirstChar 0 /LastChar 2147483647 /Widths [1 2] /FontDescriptor 7 0 R /ToUnicode 8 0 R", "<< /Type /FontDescriptor /FontName /X /Flags 4 /FontFile2 9 0 R >>",
			pdfStream("", "begincodespacerange <00> <ffffffff> endcodespacerange 1 beginbfrange <00> <ffffffff> <0041> endbfrange"), pdfStream("/Length1 2147483647", "\x00\x01\x00\x00\xff\xff"+strings.Repeat("glyf\xff\xff\xff\xff", 100_000))), ""},
		{"font with endless names", pdfFont("(a) Tj", "/Encoding << /Differences ["+strings.Repeat(" 65 /a", 400_000)+"] >>"), ""},
		{"font that draws itself", pdfOf("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F 5 0 R >> >> /Contents 4 0 R >>", pdfStream("", "BT /F 9 Tf (aaaa) Tj ET"),
			"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /CharProcs << /a 6 0 R >> /Encoding << /Differences [97 /a] >> /FirstChar 97 /LastChar 97 /Widths [9] /Resources << /Font << /F 5 0 R >> >> >>", pdfStream("", "BT /F 9 Tf "+strings.Repeat("(aaaa) Tj ", 1000)+"ET")), ""},
		{"endless table", pdfPage(pdfDeflated(t, "0 0 9 9 re S BT /F 9 Tf 1 0 0 1 9 9 Tm (a) Tj 1 0 0 1 99 9 Tm (b) Tj ET ", 90_000), "/Filter /FlateDecode", ""), "*"},
		{"script at the start", pdfOf("<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (while(true){}) >> >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", "<< /Type /Page /Parent 2 0 R >>"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := memoryPeak(true)
			start := computed()
			_, err := Read(context.Background(), "a.pdf", c.data, Options{})
			took := computed() - start
			grown := memoryPeak(false) - before
			if grown > 300<<20 {
				t.Errorf("took %d MB", grown>>20)
			}
			t.Logf("computed for %s, %d MB: %v", took, grown>>20, err)
			if took > 10*time.Second { // The collector computes too.
				t.Errorf("computed for %s", took)
			}
			var p *Problem
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && !errors.As(err, &p), c.want != "" && c.want != "*" && err.Error() != c.want:
				t.Errorf("got %v", err)
			}
			if d, err := Read(context.Background(), "a.pdf", letter, Options{}); err != nil || d.Empty() {
				t.Errorf("the next document: %v", err)
			}
		})
	}
}

// pdfStream returns an object with a content.
func pdfStream(entries, content string) string {
	return fmt.Sprintf("<< /Length %d %s >>\nstream\n%s\nendstream", len(content), entries, content)
}

// nestedForms returns drawings each of which draws the next one twice.
func nestedForms() (nested []string) {
	for i := range 40 { // 2^40 calls.
		nested = append(nested, pdfStream(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X %d 0 R >> >>", 7+min(i, 38)), "/X Do /X Do"))
	}
	return nested
}

// pdfFont returns a PDF document of one page, with a text in a font of these entries; more objects have numbers from 7.
func pdfFont(shown, entries string, more ...string) []byte {
	return pdfPage("BT /G 9 Tf "+shown+" ET", "", "/Font << /G 6 0 R >>", append([]string{"<< /Type /Font /Subtype /TrueType /BaseFont /X " + entries + " >>"}, more...)...)
}

// TestRenderHostilePDF: what a page shows as an image costs no more than its text.
func TestRenderHostilePDF(t *testing.T) {
	if err := pdf.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	image := func(entries, content string) []byte {
		return pdfPage("612 0 0 792 0 0 cm /I Do", "", "/XObject << /I 6 0 R >>", pdfStream("/Type /XObject /Subtype /Image "+entries, content))
	}
	for _, c := range []struct {
		name string
		data []byte
		want string // What the problem says; "*" where that depends on the machine, empty if there is an image.
	}{
		{"image of 10 GB", image("/Width 60000 /Height 60000 /ColorSpace /DeviceRGB /BitsPerComponent 8", "x"), ""},
		{"image of 2^62 pixels", image("/Width 2147483647 /Height 2147483647 /ColorSpace /DeviceRGB /BitsPerComponent 16", "x"), ""},
		{"24 megapixels", image("/Width 6000 /Height 4000 /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode", pdfDeflated(t, strings.Repeat("\x80", 1<<20), 23)), ""},
		{"drawing without end", pdfPage(pdfDeflated(t, "0 0 612 792 re f 1 0 0 1 9 9 cm ", 2_000_000), "/Filter /FlateDecode", ""), "*"},
		{"calls without end", pdfPage("/X Do /X Do", "", "/XObject << /X 6 0 R >>", nestedForms()...), "*"},
		{"a gigapixel", image("/Width 30000 /Height 30000 /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode", pdfDeflated(t, strings.Repeat("\x80", 1<<20), 860)), "*"},
		{"page of 350 km", bytes.Replace(pdfPage("", "", ""), []byte("612 792"), []byte("999999999 999999999"), 1), "has a page 1 that is too large for an image"},
		{"broken font", pdfFont("(a) Tj", "/FontDescriptor 7 0 R", "<< /Type /FontDescriptor /FontName /X /Flags 4 /FontFile2 8 0 R >>", pdfStream("", "\x00\x01\x00\x00\xff\xff"+strings.Repeat("glyf\xff\xff\xff\xff", 100_000))), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, start := memoryPeak(true), computed()
			data, err := RenderPDF(context.Background(), c.data, 1, 150)
			took, grown := computed()-start, memoryPeak(false)-before
			if grown > 300<<20 || took > 10*time.Second {
				t.Errorf("took %s and %d MB", took, grown>>20)
			}
			t.Logf("%s and %d MB: %d bytes, %v", took, grown>>20, len(data), err)
			var p *Problem
			switch {
			case c.want == "" && (err != nil || len(data) == 0):
				t.Errorf("got %d bytes, %v", len(data), err)
			case c.want != "" && !errors.As(err, &p), c.want != "" && c.want != "*" && err.Error() != c.want:
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestReadPDFMemoryLimit(t *testing.T) {
	data := pdfPage(pdfDeflated(t, strings.Repeat(" ", 1<<20), 48), "/Filter /FlateDecode", "")
	_, err := Read(context.Background(), "a.pdf", data, Options{Limits: Limits{Memory: 60 << 20, Time: 20 * time.Minute}})
	if err == nil || err.Error() != pdf.ErrDamaged.Text {
		t.Errorf("got %v", err)
	}
	d, err := Read(context.Background(), "a.pdf", data, Options{Limits: Limits{Time: 20 * time.Minute}})
	if err != nil || len(d.Parts) != 1 {
		t.Errorf("with more memory: %+v, %v", d, err)
	}
}

func TestReadPDFEndsWithItsContext(t *testing.T) {
	if err := pdf.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	data := pdfPage(pdfDeflated(t, "BT /F 9 Tf (a b) Tj 9 9 Td (c) Tj ET ", 2_000_000), "/Filter /FlateDecode", "")
	// The module is stopped, and not left behind: no more documents are read at a time than there are processors.
	for range max(2, runtime.NumCPU()) + 1 {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		start := time.Now()
		if _, err := Read(ctx, "a.pdf", data, Options{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 10*time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if d, err := Read(ctx, "a.pdf", pdfFile(t, "letter"), Options{}); err != nil || d.Empty() {
		t.Errorf("the next document: %v", err)
	}
}

func TestReadPDFsAtATime(t *testing.T) {
	names := []string{"letter", "paper", "form", "columns-by-line", "rotated", "article", "encrypted"}
	var group sync.WaitGroup
	for i := range 40 {
		data := pdfFile(t, names[i%len(names)])
		group.Go(func() {
			if _, err := Read(context.Background(), "a.pdf", data, Options{}); (err != nil) != (names[i%len(names)] == "encrypted") {
				t.Errorf("%s: %v", names[i%len(names)], err)
			}
		})
	}
	group.Wait()
}

// FuzzPDF reads anything as a PDF: an answer or a problem, within the limits.
func FuzzPDF(f *testing.F) {
	for _, name := range []string{"form", "kerning", "rotated", "encrypted-empty", "glyph-names", "table-by-column", "broken-index"} {
		f.Add(pdfFile(f, name))
	}
	if err := pdf.Prepare(context.Background()); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := readRecovered(context.Background(), format{called: "a PDF document", read: readPDF}, "a.pdf", data, Options{Limits: Limits{}.withDefaults()})
		var p *Problem
		if err != nil && !errors.As(err, &p) {
			t.Error(err)
		}
	})
}
