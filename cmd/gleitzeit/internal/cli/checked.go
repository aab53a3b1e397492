package cli

import (
	"errors"
	"io"
	"sync"
	"syscall"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// checked is standard output, or standard error. It remembers that something could not be written: results that nobody got are no success.
type checked struct {
	mu     sync.Mutex
	to     io.Writer
	failed error
	closed func() // Called once, when nobody reads any more.
}

// Write implements io.Writer.
func (c *checked) Write(data []byte) (int, error) {
	written, err := c.to.Write(data)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if errors.Is(err, syscall.EPIPE) && !errors.Is(c.failed, syscall.EPIPE) && c.closed != nil {
			c.closed()
		}
		c.failed = err
	}
	return written, err
}

// plain is a terminal that moves no cursor. What is written to it is what a file would get.
type plain struct{ io.Writer }

// isClosed reports whether nobody reads any more.
func (c *checked) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Is(c.failed, syscall.EPIPE)
}

// err is what went wrong, nil where all was written.
func (c *checked) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		return nil
	}
	return protocol.Errorf(protocol.ConfigurationError, "cannot write the results: %s", c.failed).
		WithHint("they are kept: `gleitzeit results @latest` prints them again")
}
