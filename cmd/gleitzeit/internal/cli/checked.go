package cli

import (
	"io"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// checked is standard output. It remembers that something could not be written: results that nobody got are no success.
type checked struct {
	mu     sync.Mutex
	to     io.Writer
	failed error
}

// Write implements io.Writer.
func (c *checked) Write(data []byte) (int, error) {
	written, err := c.to.Write(data)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed = err
	}
	return written, err
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
