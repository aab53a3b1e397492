package documents

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// TestMain keeps the compiled PDF reader between runs: it takes seconds to compile.
func TestMain(m *testing.M) {
	if folder, err := os.UserCacheDir(); err == nil {
		SetCache(filepath.Join(folder, "gleitzeit-test"))
	}
	os.Exit(m.Run())
}

func pdfFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/pdf/" + name + ".pdf")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readWords returns the words of a text: what is between blanks and has a letter or a digit.
func readWords(text string) []string {
	return slices.DeleteFunc(strings.Fields(text), func(w string) bool {
		return !strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	})
}

// inOrderShare returns which share of the wanted words is in the text, in their order, of the longer of the two.
func inOrderShare(got, want []string) float64 {
	if len(got) == 0 && len(want) == 0 {
		return 1
	}
	above := make([]int, len(want)+1)
	for _, g := range got {
		row := make([]int, len(want)+1)
		for j, w := range want {
			if g == w {
				row[j+1] = above[j] + 1
			} else {
				row[j+1] = max(row[j], above[j+1])
			}
		}
		above = row
	}
	return float64(above[len(want)]) / float64(max(len(got), len(want)))
}

func TestReadPDF(t *testing.T) {
	files, err := filepath.Glob("testdata/pdf/*.pdf")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".pdf")
		if name == "encrypted" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, ".pdf") + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			d, err := Read(context.Background(), "unnamed", pdfFile(t, name), Options{})
			if err != nil {
				t.Fatal(err)
			}
			pages := strings.Split(string(want), "\f")
			if d.Format != "pdf" || len(d.Parts) != len(pages) {
				t.Fatalf("format %q, %d pages, want %d", d.Format, len(d.Parts), len(pages))
			}
			for i, p := range d.Parts {
				if share := inOrderShare(readWords(p.Text), readWords(pages[i])); share < 0.98 {
					t.Errorf("page %d has %.1f%% of the words in order:\n%s\nwant:\n%s", i+1, 100*share, p.Text, pages[i])
				}
			}
		})
	}
}

func TestReadPDFPages(t *testing.T) {
	d, err := Read(context.Background(), "a.pdf", pdfFile(t, "empty-page"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Title != "A page without text" || !slices.Contains(d.Metadata, Property{"Author", "Ada Example"}) {
		t.Errorf("title %q, metadata %v", d.Title, d.Metadata)
	}
	if !slices.Equal(d.Warnings, []string{"page 2 has no text"}) || d.Empty() {
		t.Errorf("warnings %q, empty %v", d.Warnings, d.Empty())
	}
	d, err = Read(context.Background(), "a.pdf", pdfFile(t, "empty-page"), Options{Pages: []Range{{3, 0}}})
	if err != nil || len(d.Parts) != 1 || d.Parts[0] != (Part{"page", "3", "This is the third page."}) {
		t.Errorf("got %+v, %v", d, err)
	}
	if _, err = Read(context.Background(), "a.pdf", pdfFile(t, "empty-page"), Options{Pages: []Range{{4, 5}}}); err == nil || err.Error() != "has no page 4: it has 3" {
		t.Errorf("got %v", err)
	}
}

func TestReadScannedPDF(t *testing.T) {
	d, err := Read(context.Background(), "a.pdf", pdfFile(t, "scan"), Options{})
	if err != nil || !d.Empty() || !slices.Equal(d.Warnings, []string{"page 1 has no text"}) {
		t.Fatalf("got %+v, %v", d, err)
	}
	image, err := RenderPDF(context.Background(), pdfFile(t, "scan"), 1, 150)
	if err != nil {
		t.Fatal(err)
	}
	page, err := png.Decode(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	if size := page.Bounds(); size.Dx() < 1274 || size.Dx() > 1276 || size.Dy() < 1649 || size.Dy() > 1651 {
		t.Errorf("the page is %v", size)
	}
	dark := 0
	for y := range page.Bounds().Dy() {
		for x := range page.Bounds().Dx() {
			if r, _, _, _ := page.At(x, y).RGBA(); r < 0x8000 {
				dark++
			}
		}
	}
	if dark < 5_000 || dark > 500_000 {
		t.Errorf("%d dark pixels", dark)
	}
}

func TestReadPDFWithPassword(t *testing.T) {
	_, err := Read(context.Background(), "a.pdf", pdfFile(t, "encrypted"), Options{})
	var p *Problem
	if !errors.As(err, &p) || p.Text != "is a PDF document with a password" {
		t.Errorf("got %v", err)
	}
}

func TestReadPDFBesideThePage(t *testing.T) {
	data := pdfPage("BT /F 12 Tf 72 700 Td (inside) Tj 0 300 Td (outside) Tj ET", "", "")
	d, err := Read(context.Background(), "a.pdf", data, Options{})
	if err != nil || d.Text() != "inside" {
		t.Errorf("got %q, %v", d.Text(), err)
	}
}
