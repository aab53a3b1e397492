package documents

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	pdfium "github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// pdfMemory is what PDFium may use for one document: pages of 64 KiB.
const pdfMemory = 250 << 20 >> 16

// engine is PDFium as a WebAssembly module. It is compiled for the machine once; each document gets an instance of its own, which sees no
// disk, no network, no clock of the system and no more memory than it may have, and which is thrown away with the document.
type engine struct {
	mutex sync.Mutex
	cache string
	pool  pdfium.Pool
}

var pdfEngine engine

// SetCache names the folder in which the PDF reader keeps what it compiles, about 22 MB. Without one every process compiles anew, which
// takes seconds. It has no effect once a PDF has been read.
func SetCache(folder string) {
	pdfEngine.mutex.Lock()
	defer pdfEngine.mutex.Unlock()
	pdfEngine.cache = folder
}

// start compiles PDFium, or loads what an earlier process compiled.
func (e *engine) start(ctx context.Context) (pdfium.Pool, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.pool != nil {
		return e.pool, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	folder := ""
	if e.cache != "" {
		folder = filepath.Join(e.cache, "pdfium")
	}
	pool, err := startPDFium(folder)
	if err != nil && folder != "" {
		// A damaged cache must not stop anybody from reading.
		if os.RemoveAll(folder) == nil {
			pool, err = startPDFium(folder)
		}
		if err != nil {
			pool, err = startPDFium("")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("start the PDF reader: %w", err)
	}
	e.pool = pool
	return pool, nil
}

func startPDFium(cache string) (pdfium.Pool, error) {
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(pdfMemory).
		WithCloseOnContextDone(true) // Else a loop in a document never ends.
	if cache != "" {
		compiled, err := wazero.NewCompilationCacheWithDir(cache)
		if err != nil {
			return nil, fmt.Errorf("cache of compiled code: %w", err)
		}
		config = config.WithCompilationCache(compiled)
	}
	return webassembly.Init(webassembly.Config{
		Context:       experimental.WithCompilationWorkers(context.Background(), runtime.NumCPU()),
		MaxTotal:      max(2, runtime.NumCPU()),
		RuntimeConfig: config,
		FSConfig:      wazero.NewFSConfig(), // No folder at all; the default is the whole disk.
		Stdout:        io.Discard,
		Stderr:        io.Discard,
	})
}

// with calls f with an instance of PDFium and stops the instance when the context ends.
func (e *engine) with(ctx context.Context, f func(pdfium.Pdfium) error) error {
	pool, err := e.start(ctx)
	if err != nil {
		return err
	}
	instance, err := pool.GetInstanceWithContext(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("start the PDF reader: %w", err)
	}
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		_ = instance.Kill()
	})
	err = f(instance)
	if stop() {
		_ = instance.Close()
	} else {
		<-killed
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// preparePDF starts the engine before the clock of a document runs.
func preparePDF(ctx context.Context) error {
	_, err := pdfEngine.start(ctx)
	return err
}

// renderTime bounds a call of RenderPDF whose context has no end of its own.
const renderTime = 60 * time.Second
