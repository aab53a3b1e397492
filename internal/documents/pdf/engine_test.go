package pdf

import (
	"os"
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	slow := make(chan struct{})
	next, end := watchSteps(20*time.Millisecond, func() { close(slow) })
	defer end()
	next()
	for turns := 0; ; turns++ { // Computes until it is stopped.
		select {
		case <-slow:
			return
		default:
			turns *= 3
		}
	}
}

func TestDamagedCache(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(folder+"/pdfium", []byte("a file where the folder should be"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := engine{cache: folder, slots: make(chan struct{}, 1)}
	pool, err := e.start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	if entries, err := os.ReadDir(folder + "/pdfium"); err != nil || len(entries) == 0 {
		t.Errorf("the cache was not made anew: %v", err)
	}
}
