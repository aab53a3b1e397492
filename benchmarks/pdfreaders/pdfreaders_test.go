// Package pdfreaders compares readers of PDF documents over internal/documents/testdata/pdf. It is a module of its own, so that the
// readers that were not chosen are no dependencies. From this folder:
//
//	go test -v .
//
// pdftotext has a row if it is installed.
package pdfreaders

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	dslipak "github.com/dslipak/pdf"
	pdfium "github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	ledongthuc "github.com/ledongthuc/pdf"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/gleitzeit/gleitzeit/internal/documents"
)

type reader struct {
	name string
	read func(file string, data []byte) (string, error)
}

func TestCompare(t *testing.T) {
	files, err := filepath.Glob("../../internal/documents/testdata/pdf/*.pdf")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	cache := t.TempDir()
	for _, note := range []string{"without a cache", "with a cache"} {
		at, began := time.Now(), computed()
		pool, err := start(cache)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("PDFium starts %s in %.2f s, of which it computes %.2f s on all processors\n", note, time.Since(at).Seconds(), (computed() - began).Seconds())
		_ = pool.Close()
	}
	pool, err := start(cache)
	if err != nil {
		t.Fatal(err)
	}
	documents.SetCache(cache)
	readers := []reader{
		{"internal/documents", viaDocuments},
		{"PDFium, its own order", func(_ string, data []byte) (string, error) { return viaPDFium(pool, data) }},
		{"ledongthuc/pdf", viaLedongthuc},
		{"ledongthuc/pdf by row", viaLedongthucRows},
		{"dslipak/pdf", viaDslipak},
		{"pdftotext", func(file string, _ []byte) (string, error) { return viaProgram("pdftotext", file, "-") }},
		{"pdftotext -layout", func(file string, _ []byte) (string, error) { return viaProgram("pdftotext", "-layout", file, "-") }},
	}
	bad := map[string][]string{}
	fmt.Printf("\n| Reader | documents with 98%% of the words | words in order | characters in order | ms of a processor a document | peak MB |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range readers {
		if _, err := exec.LookPath("pdftotext"); err != nil && strings.HasPrefix(r.name, "pdftotext") {
			continue
		}
		if _, err := r.read(files[0], contents(t, files[0])); err != nil { // Warms up.
			t.Log(r.name, err)
		}
		good, count, words, characters := 0, 0, 0.0, 0.0
		before := peak(true)
		var took time.Duration
		for _, file := range files {
			if filepath.Base(file) == "encrypted.pdf" {
				continue // Cannot be read by anybody.
			}
			data := contents(t, file)
			want := string(contents(t, strings.TrimSuffix(file, ".pdf")+".txt"))
			began := computed()
			got, err := safely(r, file, data)
			took += computed() - began
			count++
			share := inOrder(wordsOf(got), wordsOf(want))
			if err != nil {
				share, got = 0, ""
			}
			words += share
			characters += inOrder(charactersOf(got), charactersOf(want))
			if share >= 0.98 {
				good++
			} else {
				bad[r.name] = append(bad[r.name], fmt.Sprintf("%s %.0f %%", strings.TrimSuffix(filepath.Base(file), ".pdf"), 100*share))
			}
		}
		fmt.Printf("| %s | %d of %d | %.1f %% | %.1f %% | %.1f | %d |\n", r.name, good, count, 100*words/float64(count), 100*characters/float64(count), float64(took.Microseconds())/1000/float64(count), (peak(false)-before)>>10)
	}
	fmt.Println()
	for _, r := range readers {
		fmt.Printf("%s: %s\n", r.name, strings.Join(bad[r.name], ", "))
	}
}

func contents(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// safely gives a reader ten seconds, and survives its panic.
func safely(r reader, file string, data []byte) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- result{"", fmt.Errorf("panic: %v", p)}
			}
		}()
		text, err := r.read(file, data)
		done <- result{text, err}
	}()
	select {
	case d := <-done:
		return d.text, d.err
	case <-time.After(10 * time.Second):
		return "", context.DeadlineExceeded
	}
}

func viaDocuments(file string, data []byte) (string, error) {
	d, err := documents.Read(context.Background(), file, data, documents.Options{})
	return d.Text(), err
}

func start(cache string) (pdfium.Pool, error) {
	compiled, err := wazero.NewCompilationCacheWithDir(cache + "/pdfium")
	if err != nil {
		return nil, err
	}
	config := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithCloseOnContextDone(true).WithCompilationCache(compiled)
	return webassembly.Init(webassembly.Config{MaxTotal: 1, RuntimeConfig: config, FSConfig: wazero.NewFSConfig()})
}

func viaPDFium(pool pdfium.Pool, data []byte) (string, error) {
	in, err := pool.GetInstance(time.Minute)
	if err != nil {
		return "", err
	}
	defer in.Close()
	d, err := in.OpenDocument(&requests.OpenDocument{File: &data})
	if err != nil {
		return "", err
	}
	n, err := in.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: d.Document})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i := range n.PageCount {
		page, err := in.GetPageText(&requests.GetPageText{Page: requests.Page{ByIndex: &requests.PageByIndex{Document: d.Document, Index: i}}})
		if err != nil {
			return "", err
		}
		b.WriteString(page.Text + "\n")
	}
	return b.String(), nil
}

func viaLedongthuc(_ string, data []byte) (string, error) {
	r, err := ledongthuc.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	text, err := r.GetPlainText()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(text)
	return b.String(), err
}

func viaLedongthucRows(_ string, data []byte) (string, error) {
	r, err := ledongthuc.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i := 1; i <= r.NumPage(); i++ {
		rows, err := r.Page(i).GetTextByRow()
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			for _, w := range row.Content {
				b.WriteString(w.S)
			}
			b.WriteString("\n")
		}
	}
	return b.String(), nil
}

func viaDslipak(_ string, data []byte) (string, error) {
	r, err := dslipak.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	text, err := r.GetPlainText()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(text)
	return b.String(), err
}

func viaProgram(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	return string(out), err
}

// computed returns what this process and the programs that it ran have computed: other programs do not count.
func computed() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

// wordsOf returns what is between blanks and has a letter or a digit.
func wordsOf(text string) []string {
	var all []string
	for _, w := range strings.Fields(text) {
		if strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			all = append(all, w)
		}
	}
	return all
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
