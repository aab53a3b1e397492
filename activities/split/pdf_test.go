package split_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/require"

	"github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// pdfOf is a PDF document with these pages, each of which has these lines.
func pdfOf(pages [][]string) string {
	var b strings.Builder
	var at []int
	object := func(text string) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(at), text)
	}
	b.WriteString("%PDF-1.4\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	var kids strings.Builder
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 4+2*i)
	}
	object(fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", kids.String(), len(pages)))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	for i, lines := range pages {
		object(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>", 5+2*i))
		content := "BT /F1 10 Tf 14 TL 50 780 Td\n"
		for _, line := range lines {
			content += "(" + line + ") Tj T*\n"
		}
		content += "ET"
		object(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content))
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, table)
	return b.String()
}

// countedFiles counts how often a file is read.
type countedFiles struct {
	files
	read *int
}

func (f countedFiles) Read(path string, limit int64) ([]byte, error) {
	*f.read++
	return f.files.Read(path, limit)
}

// TestTenFactsOfAPDF: the chunks of a PDF document are whole pages, and the answer has what stands on ten of 300.
func TestTenFactsOfAPDF(t *testing.T) {
	require.Long(t, "the reader of 300 pages takes minutes with the race detector")
	// Compiling the reader of PDF documents takes seconds: the tests of all packages share what comes out.
	documents.SetCache(filepath.Join(os.TempDir(), "gleitzeit-tests"))
	var pages [][]string
	var want []string
	for page := 1; page <= 300; page++ {
		var lines []string
		for line := range 20 {
			lines = append(lines, "It was quiet on the river all that day, and nobody saw the boat.")
			if page%30 == 7 && line == 9 {
				fact := fmt.Sprintf("The secret of page %d is word%c.", page, 'a'+page/30)
				want, lines = append(want, fact), append(lines, fact)
			}
		}
		pages = append(pages, lines)
	}
	m := (&model{limit: 3000}).start(t)
	c := callOf(t, m, "", "")
	read := 0
	c.Request.Files = countedFiles{files{"report.pdf": pdfOf(pages)}, &read}
	c.Request.Parameters = c.Request.Parameters.With("file_path", value.String("report.pdf"))
	c.Split = protocol.Split{Size: 2500, By: protocol.SplitByPage, Combine: &protocol.Combine{}}
	result, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantFacts(t, "the response", responseOf(result), want)
	chunks, _ := result.Value.Get("chunks")
	first, _ := chunks.Elements()[0].Get("place")
	if !strings.HasPrefix(first.Text(), "pages 1–") || !strings.HasSuffix(first.Text(), " of report.pdf") || result.Warning != "" {
		t.Errorf("%q, warning %q", first.Text(), result.Warning)
	}
	if read != 1 { // For its chunks: a call about one has its text.
		t.Errorf("the document was read %d times", read)
	}
	c.Request.Parameters = c.Request.Parameters.With("on_truncation", value.String("fail"))
	if _, err := c.Handle(t.Context(), c.Request, nil); protocol.AsError(err, protocol.InternalError).Code != protocol.InvalidParams {
		t.Errorf("with fail: %v", err)
	}
}
