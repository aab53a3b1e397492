package pdf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	pdfium "github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

const (
	pageOfMemory = 64 << 10 // The unit in which WebAssembly counts.
	mostMemory   = 1 << 30  // Of any instance; Limits.Memory is less.
)

// engine is PDFium as a WebAssembly module. It is compiled for the machine once; each document gets an instance of its own, which sees no
// disk and no network, has no more memory than it may have, and is thrown away with the document.
type engine struct {
	starting sync.Mutex
	cache    string
	pool     pdfium.Pool
	slots    chan struct{} // As many as documents are read at a time.

	creating sync.Mutex
	limit    int64         // Of the instance that is being created.
	memory   *linearMemory // Of the instance that was created last.
}

var pdfEngine = engine{slots: make(chan struct{}, max(2, runtime.NumCPU()))}

// SetCache names the folder in which the PDF reader keeps what it compiles, about 22 MB. Without one every process compiles anew, which
// takes seconds. It has no effect once a PDF has been read.
func SetCache(folder string) {
	pdfEngine.starting.Lock()
	defer pdfEngine.starting.Unlock()
	pdfEngine.cache = folder
}

// Prepare starts the engine before the clock of a document runs.
func Prepare(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := pdfEngine.start()
	return err
}

// start compiles PDFium, or loads what an earlier process compiled.
func (e *engine) start() (pdfium.Pool, error) {
	e.starting.Lock()
	defer e.starting.Unlock()
	if e.pool != nil {
		return e.pool, nil
	}
	folder := ""
	if e.cache != "" {
		folder = filepath.Join(e.cache, "pdfium")
	}
	pool, err := e.compile(folder)
	if err != nil && folder != "" {
		// A damaged cache, or one that cannot be written, must not stop anybody from reading.
		if os.RemoveAll(folder) == nil {
			pool, err = e.compile(folder)
		}
		if err != nil {
			pool, err = e.compile("")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("start the PDF reader: %w", err)
	}
	e.pool = pool
	return pool, nil
}

func (e *engine) compile(cache string) (pdfium.Pool, error) {
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(mostMemory / pageOfMemory).
		WithCloseOnContextDone(true) // Else a loop in a document never ends.
	if cache != "" {
		compiled, err := wazero.NewCompilationCacheWithDir(cache)
		if err != nil {
			return nil, fmt.Errorf("cache of compiled code: %w", err)
		}
		config = config.WithCompilationCache(compiled)
	}
	ctx := experimental.WithMemoryAllocator(context.Background(), experimental.MemoryAllocatorFunc(e.allocate))
	return webassembly.Init(webassembly.Config{
		Context:       experimental.WithCompilationWorkers(ctx, max(1, runtime.NumCPU()/2)), // The engine may run in this process, and must not starve.
		MaxTotal:      cap(e.slots),
		RuntimeConfig: config,
		FSConfig:      wazero.NewFSConfig(), // No folder at all; the default is the whole disk.
		Stdout:        io.Discard,
		Stderr:        io.Discard,
	})
}

// allocate reserves the memory of an instance. It is called while the instance is created, under the mutex of create.
func (e *engine) allocate(_, most uint64) experimental.LinearMemory {
	e.memory = reserve(min(uint64(e.limit), most))
	return e.memory
}

// create returns a new instance and its memory.
func (e *engine) create(ctx context.Context, pool pdfium.Pool, memory int64) (pdfium.Pdfium, *linearMemory, error) {
	e.creating.Lock()
	defer e.creating.Unlock()
	e.limit, e.memory = min(memory, mostMemory), nil
	instance, err := pool.GetInstanceWithContext(ctx)
	if err != nil {
		e.memory.release()
		return nil, nil, fmt.Errorf("start the PDF reader: %w", err)
	}
	return instance, e.memory, nil
}

// errSlowStep ends a step that takes too long.
var errSlowStep = errors.New("a step takes too long")

// with calls f with an instance of PDFium. The instance is stopped when the context ends or when a step has computed for too long; f begins
// a step by calling next.
func (e *engine) with(ctx context.Context, memory int64, step time.Duration, f func(reader pdfium.Pdfium, next func()) error) error {
	pool, err := e.start()
	if err != nil {
		return err
	}
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	instance, reserved, err := e.create(ctx, pool, memory)
	if err != nil {
		return err
	}
	// Its pages are returned when no code of the instance runs anymore: a stopped call may be about to touch them.
	defer reserved.release()
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	killed := make(chan struct{})
	stop := context.AfterFunc(limited, func() {
		defer close(killed)
		_ = instance.Kill()
	})
	next, end := watchSteps(step, func() { cancel(errSlowStep) })
	err = f(instance, next)
	end()
	if stop() {
		_ = instance.Close()
		return err
	}
	<-killed
	return context.Cause(limited)
}

// watchSteps calls slow when the goroutine of the caller has computed for longer than a step. The caller begins a step by calling next.
func watchSteps(step time.Duration, slow func()) (next, end func()) {
	clock, free := threadClock()
	var began atomic.Int64
	next = func() { began.Store(int64(clock())) }
	next()
	done := make(chan struct{})
	go func() {
		wait := time.NewTimer(step)
		defer wait.Stop()
		for {
			select {
			case <-done:
				return
			case <-wait.C:
			}
			left := step - (clock() - time.Duration(began.Load()))
			if left <= 0 {
				slow()
				return
			}
			wait.Reset(max(left, step/20))
		}
	}()
	return next, func() {
		close(done)
		free()
	}
}
