// Command officereaders compares readers of documents other than PDF over internal/documents/testdata. It is a module of its own, so that
// the readers that were not chosen are no dependencies. From this folder:
//
//	go run . [FOLDER]
//
// pandoc has rows if it is installed.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/JohannesKaufmann/html-to-markdown/v2/converter"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/base"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/commonmark"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/table"
	"github.com/fumiama/go-docx"
	"github.com/jhillyerd/enmime/v2"
	"github.com/lu4p/cat"
	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html/charset"

	"github.com/gleitzeit/gleitzeit/internal/documents"
)

// reader reads the formats whose folders it names.
type reader struct {
	name    string
	formats string
	read    func(file string, data []byte) (string, error)
}

var readers = []reader{
	{"internal/documents", "docx odt rtf pptx odp xlsx ods html epub eml csv md", viaDocuments},
	{"pandoc", "docx odt rtf html epub csv", viaPandoc},
	{"lu4p/cat", "docx odt rtf", func(_ string, data []byte) (string, error) { return cat.FromBytes(data) }},
	{"fumiama/go-docx", "docx", viaGoDocx},
	{"excelize GetRows", "xlsx", func(_ string, data []byte) (string, error) { return viaExcelize(data, false) }},
	{"excelize GetRows, raw", "xlsx", func(_ string, data []byte) (string, error) { return viaExcelize(data, true) }},
	{"html-to-markdown", "html", func(_ string, data []byte) (string, error) { return viaConverter(data, false) }},
	{"html-to-markdown, tables", "html", func(_ string, data []byte) (string, error) { return viaConverter(data, true) }},
	{"enmime", "eml", viaEnmime},
}

func main() {
	folder := "../../internal/documents/testdata"
	if len(os.Args) > 1 {
		folder = os.Args[1]
	}
	fmt.Print("| Format | Reader | documents with 98% of the words | words in order | characters in order | ms a document | peak MB |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, format := range strings.Fields(readers[0].formats) {
		files := documentsOf(filepath.Join(folder, format))
		for _, r := range readers {
			if _, err := exec.LookPath("pandoc"); err != nil && r.name == "pandoc" {
				continue
			}
			if strings.Contains(" "+r.formats+" ", " "+format+" ") {
				compare(format, r, files)
			}
		}
	}
}

// documentsOf returns the documents of a folder for which there is an expected text.
func documentsOf(folder string) []string {
	all, err := filepath.Glob(folder + "/*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var files []string
	for _, file := range all {
		if filepath.Ext(file) != ".txt" {
			files = append(files, file)
		}
	}
	return files
}

func compare(format string, r reader, files []string) {
	if _, err := r.read(files[0], contents(files[0])); err != nil { // Warms up.
		fmt.Fprintln(os.Stderr, format, r.name, err)
	}
	good, words, characters := 0, 0.0, 0.0
	var took time.Duration
	before := peak(true)
	var bad []string
	for _, file := range files {
		data, want := contents(file), string(contents(strings.TrimSuffix(file, filepath.Ext(file))+".txt"))
		at := time.Now()
		got, err := r.read(file, data)
		took += time.Since(at)
		if err != nil {
			got = ""
		}
		share := inOrder(wordsOf(got), wordsOf(want))
		words += share
		characters += inOrder(charactersOf(got), charactersOf(want))
		if share >= 0.98 {
			good++
		} else {
			bad = append(bad, fmt.Sprintf("%s %.0f %% %v", filepath.Base(file), 100*share, err))
		}
	}
	n := float64(len(files))
	fmt.Printf("| %s | %s | %d of %d | %.1f %% | %.1f %% | %.1f | %d |\n", format, r.name, good, len(files), 100*words/n, 100*characters/n, float64(took.Microseconds())/1000/n, max(peak(false)-before, 0)>>10)
	if len(bad) > 0 {
		fmt.Fprintf(os.Stderr, "%s, %s: %s\n", format, r.name, strings.Join(bad, ", "))
	}
}

func contents(file string) []byte {
	data, err := os.ReadFile(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return data
}

func viaDocuments(file string, data []byte) (string, error) {
	d, err := documents.Read(context.Background(), file, data, documents.Options{})
	return d.Text(), err
}

func viaPandoc(file string, _ []byte) (string, error) {
	out, err := exec.Command("pandoc", "--sandbox", "--track-changes=accept", "--to=gfm", "--wrap=none", file).Output()
	return string(out), err
}

func viaGoDocx(_ string, data []byte) (string, error) {
	d, err := docx.Parse(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	var to strings.Builder
	for _, item := range d.Document.Body.Items {
		fmt.Fprintln(&to, item)
	}
	return to.String(), nil
}

func viaExcelize(data []byte, raw bool) (string, error) {
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{RawCellValue: raw})
	if err != nil {
		return "", err
	}
	defer f.Close()
	var to strings.Builder
	for _, sheet := range f.GetSheetList() {
		rows, err := f.GetRows(sheet)
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			to.WriteString(strings.Join(row, " | ") + "\n")
		}
	}
	return to.String(), nil
}

func viaConverter(data []byte, tables bool) (string, error) {
	c := converter.NewConverter(converter.WithPlugins(base.NewBasePlugin(), commonmark.NewCommonmarkPlugin()), converter.WithEscapeMode(converter.EscapeModeDisabled))
	if tables {
		c.Register.Plugin(table.NewTablePlugin(table.WithNewlineBehavior(table.NewlineBehaviorPreserve), table.WithHeaderPromotion(true)))
	}
	utf8, err := charset.NewReader(bytes.NewReader(data), "")
	if err != nil {
		return "", err
	}
	markdown, err := c.ConvertReader(utf8)
	return string(markdown), err
}

func viaEnmime(_ string, data []byte) (string, error) {
	e, err := enmime.ReadEnvelope(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	var to strings.Builder
	for _, name := range []string{"From", "To", "Date", "Subject"} {
		fmt.Fprintf(&to, "%s: %s\n", name, e.GetHeader(name))
	}
	to.WriteString(e.Text)
	for _, part := range e.Attachments {
		if strings.HasPrefix(part.ContentType, "text/") {
			to.WriteString("\n" + string(part.Content))
		}
	}
	return to.String(), nil
}

var (
	address  = regexp.MustCompile(`\]\([^)\s]*\)`)
	footnote = regexp.MustCompile(`\[\^(\d+)\]`)
	tag      = regexp.MustCompile(`</?[a-z][^>\n]*>`)
)

// wordsOf returns words as a person sees them: without the addresses of links, and without what makes tables.
func wordsOf(text string) []string {
	text = tag.ReplaceAllString(text, " ")
	text = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", `\`, "").Replace(text)
	text = footnote.ReplaceAllString(address.ReplaceAllString(text, "]"), " $1 ")
	return strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsSymbol(r) || strings.ContainsRune("|<>=`", r)
	})
}

func charactersOf(text string) []string {
	return strings.Split(strings.Join(wordsOf(text), ""), "")
}

// inOrder returns which share of the longer list is in both in the same order.
func inOrder(got, want []string) float64 {
	if len(got)+len(want) == 0 {
		return 1
	}
	above := make([]int, len(want)+1)
	for _, g := range got {
		row := make([]int, len(want)+1)
		for j, w := range want {
			row[j+1] = max(row[j], above[j+1])
			if g == w {
				row[j+1] = above[j] + 1
			}
		}
		above = row
	}
	return float64(above[len(want)]) / float64(max(len(got), len(want)))
}

// peak returns the most memory of the process since the last call with reset, in kB; 0 where the system does not say.
func peak(reset bool) int {
	if reset {
		_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	}
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, _ := strconv.Atoi(number)
	return n
}
