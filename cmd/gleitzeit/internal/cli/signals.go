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
	mu     sync.Mutex
	to     chan<- os.Signal
	raised chan os.Signal // By this process itself.
}

func listen(ctx context.Context, from <-chan os.Signal, cancel context.CancelCauseFunc) *interrupts {
	i := &interrupts{raised: make(chan os.Signal, 1)}
	go func() {
		for {
			var signal os.Signal
			select {
			case <-ctx.Done():
				return
			case signal = <-from:
			case signal = <-i.raised:
			}
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
	}()
	return i
}

// raise hands out a signal that nobody has sent. It does not block.
func (i *interrupts) raise(signal os.Signal) {
	select {
	case i.raised <- signal:
	default:
	}
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
