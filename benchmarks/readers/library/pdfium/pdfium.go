// Package pdfium reads PDF documents with PDFium alone, in its own order.
package pdfium

import (
	"path/filepath"
	"strings"
	"sync"
	"time"

	pdfium "github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

var (
	cache string
	pool  = sync.OnceValues(func() (pdfium.Pool, error) { return Start(cache) })
)

// SetCache names the folder for what is compiled.
func SetCache(folder string) { cache = folder }

// Start compiles PDFium, or loads it from the cache.
func Start(folder string) (pdfium.Pool, error) {
	compiled, err := wazero.NewCompilationCacheWithDir(filepath.Join(folder, "pdfium"))
	if err != nil {
		return nil, err
	}
	config := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithCloseOnContextDone(true).WithCompilationCache(compiled)
	return webassembly.Init(webassembly.Config{MaxTotal: 1, RuntimeConfig: config, FSConfig: wazero.NewFSConfig()})
}

// Read reads a PDF document.
func Read(_ string, data []byte) (string, error) {
	all, err := pool()
	if err != nil {
		return "", err
	}
	in, err := all.GetInstance(time.Minute)
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
	var to strings.Builder
	for i := range n.PageCount {
		page, err := in.GetPageText(&requests.GetPageText{Page: requests.Page{ByIndex: &requests.PageByIndex{Document: d.Document, Index: i}}})
		if err != nil {
			return "", err
		}
		to.WriteString(page.Text + "\n")
	}
	return to.String(), nil
}
