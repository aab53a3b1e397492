// Command readers compares readers of documents over internal/documents/testdata. It is a module of its own, so that the readers that were
// not chosen are no dependencies. From this folder:
//
//	go run . [FORMAT…]    compares the readers of all formats, or of some
//	go run . -sizes       measures what each library adds to a program
//
// pdftotext and pandoc have rows if they are installed.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/benchmarks/readers/library/catdoc"
	"github.com/gleitzeit/gleitzeit/benchmarks/readers/library/dslipak"
	"github.com/gleitzeit/gleitzeit/benchmarks/readers/library/enmime"
	"github.com/gleitzeit/gleitzeit/benchmarks/readers/library/excelize"
	"github.com/gleitzeit/gleitzeit/benchmarks/readers/library/gleitzeit"
	"github.com/gleitzeit/gleitzeit/benchmarks/readers/library/godocx"
	"github.com/gleitzeit/gleitzeit/benchmarks/readers/library/ledongthuc"
	"github.com/gleitzeit/gleitzeit/benchmarks/readers/library/markdown"
	"github.com/gleitzeit/gleitzeit/benchmarks/readers/library/pdfium"
)

const documents = "../../internal/documents/testdata"

// reader reads the formats whose folders it names.
type reader struct {
	name    string
	program string // The program that it runs; empty if it is a library.
	formats string
	read    func(file string, data []byte) (string, error)
}

var readers = []reader{
	{"internal/documents", "", "pdf docx odt rtf pptx odp xlsx ods html epub eml csv md", gleitzeit.Read},
	{"PDFium, its own order", "", "pdf", pdfium.Read},
	{"ledongthuc/pdf", "", "pdf", ledongthuc.Read},
	{"ledongthuc/pdf, by row", "", "pdf", ledongthuc.ReadRows},
	{"dslipak/pdf", "", "pdf", dslipak.Read},
	{"pdftotext", "pdftotext", "pdf", func(file string, _ []byte) (string, error) { return output("pdftotext", file, "-") }},
	{"pdftotext -layout", "pdftotext", "pdf", func(file string, _ []byte) (string, error) { return output("pdftotext", "-layout", file, "-") }},
	{"pandoc", "pandoc", "docx odt rtf html epub csv", func(file string, _ []byte) (string, error) {
		return output("pandoc", "--sandbox", "--track-changes=accept", "--to=gfm", "--wrap=none", file)
	}},
	{"lu4p/cat", "", "docx odt rtf", catdoc.Read},
	{"fumiama/go-docx", "", "docx", godocx.Read},
	{"excelize", "", "xlsx", excelize.Read},
	{"excelize, raw", "", "xlsx", excelize.ReadRaw},
	{"html-to-markdown", "", "html", markdown.ReadPlain},
	{"html-to-markdown, tables", "", "html", markdown.Read},
	{"enmime", "", "eml", enmime.Read},
}

func output(program string, args ...string) (string, error) {
	out, err := exec.Command(program, args...).Output()
	return string(out), err
}

func main() {
	one := flag.String("reader", "", "the only reader, whose results are printed as JSON; it is given files")
	cache := flag.String("cache", "", "folder for what PDFium compiles")
	sizes := flag.Bool("sizes", false, "measure what each library adds to a program")
	flag.Parse()
	var err error
	switch {
	case *one != "":
		gleitzeit.SetCache(*cache)
		pdfium.SetCache(*cache)
		at := slices.IndexFunc(readers, func(r reader) bool { return r.name == *one })
		err = readers[at].measure(flag.Args())
	case *sizes:
		err = compareSizes()
	default:
		err = compare(flag.Args())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// compare prints the table. Each reader works in a process of its own for each format, so that its memory is its own.
func compare(formats []string) error {
	if len(formats) == 0 {
		formats = strings.Fields(readers[0].formats)
	}
	cache, err := os.MkdirTemp("", "readers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	if slices.Contains(formats, "pdf") {
		if err := startPDFium(cache); err != nil {
			return err
		}
	}
	fmt.Print("| Format | Reader | documents with 98 % of the words | words in order | characters in order | processor time for a document | peak memory |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, format := range formats {
		files, err := documentsOf(format)
		if err != nil {
			return err
		}
		for _, r := range readers {
			if _, err := exec.LookPath(r.program); r.program != "" && err != nil || !slices.Contains(strings.Fields(r.formats), format) {
				continue
			}
			all, err := r.inProcesses(cache, files)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			if err := row(format, r.name, all); err != nil {
				return err
			}
		}
	}
	return nil
}

// documentsOf returns the documents of a format for which there is an expected text.
func documentsOf(format string) (files []string, err error) {
	all, err := filepath.Glob(filepath.Join(documents, format, "*"))
	for _, file := range all {
		if extension := filepath.Ext(file); extension != ".txt" && extension != ".py" && filepath.Base(file) != "encrypted.pdf" { // Which nobody can read.
			files = append(files, file)
		}
	}
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no documents in %s", filepath.Join(documents, format))
	}
	return files, err
}

// row prints the row of a reader, and what it misses to standard error.
func row(format, name string, all []result) error {
	good, words, characters := 0, 0.0, 0.0
	var took time.Duration
	var memory int64
	var bad []string
	for _, r := range all {
		expected, err := os.ReadFile(strings.TrimSuffix(r.File, filepath.Ext(r.File)) + ".txt")
		if err != nil {
			return err
		}
		wordsOf := seen
		if format == "pdf" {
			wordsOf = written
		}
		share := inOrder(wordsOf(r.Text), wordsOf(string(expected)))
		words += share
		characters += inOrder(letters(wordsOf(r.Text)), letters(wordsOf(string(expected))))
		took += r.Took
		memory = max(memory, r.Peak)
		if share >= 0.98 {
			good++
		} else {
			bad = append(bad, fmt.Sprintf("%s %.0f %% %s", filepath.Base(r.File), 100*share, r.Error))
		}
	}
	n := float64(len(all))
	fmt.Printf("| %s | %s | %d of %d | %.1f %% | %.1f %% | %.1f ms | %d MB |\n", format, name, good, len(all), 100*words/n, 100*characters/n, float64(took.Microseconds())/1000/n, memory>>20)
	if len(bad) > 0 {
		fmt.Fprintf(os.Stderr, "%s, %s: %s\n", format, name, strings.Join(bad, ", "))
	}
	return nil
}
