package cli

import (
	"context"
	"errors"
	"os"
	"sync"
)

// errInterrupted is why a command's context ends when nothing else takes the signal.
var errInterrupted = errors.New("interrupted")

// interrupts hands signals to whoever knows what to do with them; where nobody does, the command ends.
type interrupts struct {
	mu sync.Mutex
	to chan<- os.Signal
}

func listen(ctx context.Context, from <-chan os.Signal, cancel context.CancelCauseFunc) *interrupts {
	i := &interrupts{}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case signal := <-from:
				i.mu.Lock()
				to := i.to
				i.mu.Unlock()
				if to == nil {
					cancel(errInterrupted)
					return
				}
				select {
				case to <- signal:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return i
}

// receive sends signals to the caller until release is called.
func (i *interrupts) receive() (signals <-chan os.Signal, release func()) {
	to := make(chan os.Signal, 2)
	i.set(to)
	return to, func() { i.set(nil) }
}

func (i *interrupts) set(to chan<- os.Signal) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.to = to
}

// stopping runs the end of a process that serves. A signal meanwhile quits immediately.
func stopping(signals <-chan os.Signal, stop func() error) error {
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	select {
	case err := <-stopped:
		return err
	case <-signals:
		return exitError{exitInterrupted}
	}
}
