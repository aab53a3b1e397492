package stories_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// copyDocuments copies three documents of each format into a folder, and returns their names.
func copyDocuments(t *testing.T, to string) (names []string) {
	t.Helper()
	from := filepath.Join(root, "internal", "documents", "testdata")
	must(t, os.Mkdir(to, 0o755))
	for _, paths := range []string{
		"pdf/letter.pdf pdf/slides.pdf pdf/table.pdf", "docx/minutes.docx docx/report.docx docx/changes.docx", "pptx/plan.pptx pptx/safety.pptx pptx/school.pptx",
		"xlsx/orders.xlsx xlsx/invoices.xlsx xlsx/formats.xlsx", "odt/report.odt odt/changes.odt odt/languages.odt", "html/bicycle.html html/guestbook.htm html/languages.html",
		"epub/island.epub epub/verses.epub epub/languages.epub", "rtf/report.rtf rtf/diary.rtf rtf/changes.rtf", "eml/order.eml eml/invoice.eml eml/forwarded.eml",
		"md/readme.md md/code.md md/list.markdown", "csv/people.csv csv/excel.csv csv/stock.tsv", "txt/plain.text txt/utf16.log pdf/letter.txt",
	} {
		for path := range strings.FieldsSeq(paths) {
			data, err := os.ReadFile(filepath.Join(from, path))
			must(t, err)
			name := strings.ReplaceAll(path, "/", "-")
			must(t, os.WriteFile(filepath.Join(to, name), data, 0o644))
			names = append(names, name)
		}
	}
	return names
}

// TestDocumentsOfAFolder: what people have in a folder is read, whatever its format; of what cannot be read the batch says why, and goes
// on. `gleitzeit documents read` shows what the model saw.
func TestDocumentsOfAFolder(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	folder := u.Path("inbox")
	readable := copyDocuments(t, folder)
	broken := map[string]string{
		"broken-scan.pdf":    `broken-scan.pdf" has no text`,
		"broken-secret.pdf":  `broken-secret.pdf" is a PDF document with a password`,
		"broken-noise.pdf":   `broken-noise.pdf" is not a PDF document, as its name says`,
		"broken-half.docx":   `broken-half.docx" is`,
		"broken-old.doc":     `broken-old.doc" is`,
		"broken-latin.txt":   `broken-latin.txt" is not UTF-8 text`,
		"broken-picture.txt": `broken-picture.txt" is a PNG image, not text`,
		"broken-empty.txt":   `broken-empty.txt" is empty`,
		"endless-rows.html":  `endless-rows.html" has more than`,
		"endless-draw.pdf":   `endless-draw.pdf" `,
		"deep.rtf":           `deep.rtf" has more than 10000 groups within each other`,
	}
	data := func(path string) []byte {
		content, err := os.ReadFile(filepath.Join(root, "internal", "documents", "testdata", path))
		must(t, err)
		return content
	}
	docx := data("docx/report.docx")
	endless := "%PDF-1.7\n1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj\n2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj\n" +
		"3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources <</XObject <</X 5 0 R>>>> /Contents 4 0 R>> endobj\n4 0 obj <</Length 11>>\nstream\n/X Do /X Do\nendstream endobj\n"
	for i := range 40 { // 2^40 calls.
		endless += fmt.Sprintf("%d 0 obj <</Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources <</XObject <</X %d 0 R>>>> /Length 11>>\nstream\n/X Do /X Do\nendstream endobj\n", 5+i, min(6+i, 44))
	}
	for name, content := range map[string][]byte{
		"broken-scan.pdf": data("pdf/scan.pdf"), "broken-secret.pdf": data("pdf/encrypted.pdf"), "broken-noise.pdf": []byte("\x01\x02\x03 noise \x00\xff"),
		"broken-half.docx": docx[:len(docx)/2], "broken-old.doc": append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 600)...),
		"broken-latin.txt": []byte("caf\xe9"), "broken-picture.txt": []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), "broken-empty.txt": nil,
		"endless-rows.html": []byte("<table>" + strings.Repeat("<tr><td colspan=1000000000 rowspan=1000000000>x", 20_000) + "</table>"),
		"endless-draw.pdf":  []byte(endless + "trailer <</Root 1 0 R /Size 45>>\n%%EOF\n"),
		"deep.rtf":          []byte(`{\rtf1` + strings.Repeat("{", 5_000_000)),
	} {
		must(t, os.WriteFile(filepath.Join(folder, name), content, 0o644))
	}
	stdout, _ := u.Gleitzeit(6, "batch", "inbox", "--prompt", "What is this about?", "-o", "json")
	document := parseBatch(t, stdout)
	if document.Total != len(readable)+len(broken) || document.Succeeded != len(readable) || document.Failed != len(broken) || document.Warnings != 2 {
		t.Errorf("%d items, %d succeeded, %d failed, %d warnings", document.Total, document.Succeeded, document.Failed, document.Warnings)
	}
	for _, item := range document.Results {
		name := filepath.Base(item.Item)
		want, isBroken := broken[name]
		switch {
		case isBroken && (item.Error == nil || !strings.Contains(*item.Error.Message, want) || item.Error.Hint == nil && name != "broken-empty.txt" || len(item.FailedAttempts) > 0):
			t.Errorf("%s: %+v", name, item.Error)
		case !isBroken && (item.Status != "completed" || string(item.Result["response"]) != `"Hello from the scripted model."`):
			t.Errorf("%s: %s, %+v, %s", name, item.Status, item.Error, item.Result["response"])
		}
	}
	stdout, _ = u.Gleitzeit(0, "documents", "read", filepath.Join(folder, "pptx-plan.pptx"), "--pages", "1")
	if stdout == "" {
		t.Error("`documents read` printed nothing")
	}
	_, stderr := u.Gleitzeit(1, "documents", "read", filepath.Join(folder, "broken-secret.pdf"))
	wantLines(t, "stderr", stderr, broken["broken-secret.pdf"])
}

// TestQuestionsAfterDocuments: the text of a document stands where a prompt refers to it, and its hash is that of its content: what has
// changed is asked again, and nothing else.
func TestQuestionsAfterDocuments(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	must(t, os.Mkdir(u.Path("notes"), 0o755))
	write(t, u.Path("notes/a.html"), "<html><head><title>A</title></head><body><p>The <b>PINE</b>APPLE &amp; more.</p></body></html>")
	write(t, u.Path("notes/b.md"), "# B\n\nNothing.\n")
	arguments := []string{"batch", "notes", "--prompt", "Read this:\n\n${item.text}\n\nWhat is ${item.title} about?", "-o", "json"}
	responses := func(text string) string {
		var all []string
		for _, item := range parseBatch(t, text).Results {
			all = append(all, string(item.Result["response"]))
		}
		return strings.Join(all, " ")
	}
	stdout, _ := u.Gleitzeit(0, arguments...)
	const hello, saw = `"Hello from the scripted model."`, `"I saw the PINEAPPLE."`
	if got := responses(stdout); got != saw+" "+hello {
		t.Errorf("got %s", got)
	}
	preview, _ := u.Gleitzeit(0, append(arguments[:len(arguments)-2:len(arguments)-2], "--dry-run")...)
	wantLines(t, "the preview", preview, "PINE", "What is A about?", "What is B about?")
	write(t, u.Path("notes/b.md"), "# B\n\nA PINEAPPLE too.\n")
	stdout, _ = u.Gleitzeit(0, append(arguments, "--changed-only")...)
	if got := responses(stdout); got != saw+" "+saw || !strings.Contains(stdout, `"cached"`) && parseBatch(t, stdout).Total != 2 {
		t.Errorf("got %s", stdout)
	}
}
