package documents

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// folders are those of the documents that are not of a kind of their own, and the format as which each is read.
var folders = map[string]string{"docx": "docx", "pptx": "pptx", "xlsx": "xlsx", "odt": "odt", "ods": "ods", "odp": "odp", "html": "html", "epub": "epub", "rtf": "rtf", "eml": "eml", "md": "markdown", "csv": "csv", "txt": "text"}

// shown returns the words of Markdown as a person sees them: without the addresses of links, and without what makes tables.
func shown(markdown string) []string {
	markdown = strings.ReplaceAll(markdown, "<br>", " ")
	markdown = regexp.MustCompile(`\]\([^)\s]*\)`).ReplaceAllString(markdown, "]")
	markdown = regexp.MustCompile(`\[\^(\d+)\]`).ReplaceAllString(markdown, " $1 ")
	return strings.FieldsFunc(markdown, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsSymbol(r) || strings.ContainsRune("|<>=`", r)
	})
}

// expected returns the file of what a person reads in a document.
func expected(file string) string {
	if strings.HasPrefix(file, filepath.Join("testdata", "txt")) {
		return file + ".want"
	}
	return strings.TrimSuffix(file, filepath.Ext(file)) + ".txt"
}

func TestReadOffice(t *testing.T) {
	for folder, format := range folders {
		files, err := filepath.Glob("testdata/" + folder + "/*")
		if err != nil {
			t.Fatal(err)
		}
		const enough = 3
		if n := len(slices.DeleteFunc(slices.Clone(files), func(file string) bool { return slices.Contains([]string{".txt", ".want"}, filepath.Ext(file)) })); n < enough {
			t.Errorf("%d documents in %s", n, folder)
		}
		for _, file := range files {
			if extension := filepath.Ext(file); extension == ".txt" || extension == ".want" {
				continue
			}
			t.Run(folder+"/"+filepath.Base(file), func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				want, err := os.ReadFile(expected(file))
				if err != nil {
					t.Fatal(err)
				}
				options := Options{}
				if strings.Contains(file, "windows-1252") {
					options.Encoding = "windows-1252"
				}
				d, err := Read(context.Background(), file, data, options)
				if err != nil {
					t.Fatal(err)
				}
				parts := strings.Split(string(want), "\f")
				if d.Format != format || len(d.Parts) != len(parts) {
					t.Fatalf("format %q, %d parts, want %q and %d:\n%s", d.Format, len(d.Parts), format, len(parts), d.Text())
				}
				for i, part := range d.Parts {
					if share := inOrderShare(shown(part.Text), shown(parts[i])); share < 0.98 {
						t.Errorf("part %d has %.1f%% of the words in order:\n%s\nwant:\n%s", i+1, 100*share, part.Text, parts[i])
					}
				}
			})
		}
	}
}
