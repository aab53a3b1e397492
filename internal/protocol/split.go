package protocol

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Split says how a call reads a document that is too long to be read at once: in chunks, one after the other.
type Split struct {
	Size    int      `json:"size,omitempty"`    // Maximum number of tokens of a chunk; 0: what fits into the context, if the document does not.
	Overlap int      `json:"overlap,omitempty"` // Number of tokens at the end of a chunk that the next one begins with.
	By      SplitBy  `json:"by,omitempty"`      // Where chunks end if possible.
	Combine *Combine `json:"combine,omitempty"` // How the answers become one; nil: they are joined, or merged by the fields of their schema.
}

// Bytes is the approximate size of a split in a call.
func (s *Split) Bytes() int64 {
	size := 100
	if c := s.Combine; c != nil {
		size += len(c.Prompt) + len(c.Parameters.JSON())
		if c.Source != nil {
			size += len(c.Source.Text)
		}
	}
	return int64(size)
}

// SplitBy is where chunks end if possible.
type SplitBy string

// Where chunks can end. The zero value is SplitByParagraph.
const (
	SplitByParagraph SplitBy = "paragraph"
	SplitByHeading   SplitBy = "heading"
	SplitByPage      SplitBy = "page"
	SplitByLine      SplitBy = "line"
)

// Combine says how the answers about chunks become one: the same model reads them, or another method does.
type Combine struct {
	Prompt string `json:"prompt,omitempty"` // For the model, with its references; empty: a default.

	Method     string      `json:"method,omitempty"`    // In full; empty: the model combines them.
	Parameters value.Value `json:"parameters,omitzero"` // Of that method, with their references.
	Source     *Script     `json:"source,omitempty"`    // The text of its source parameter.
	Timeout    Seconds     `json:"timeout,omitempty"`   // Of that method.
}

// TooLong is the cause of the error of a call whose prompt is longer than the context of the model.
type TooLong struct {
	Tokens int64 // Of the prompt; 0 if the server does not say.
	Limit  int64 // Of the context; 0 if the server does not say.
}

// Error implements error.
func (t *TooLong) Error() string {
	return fmt.Sprintf("a prompt of %d tokens in a context of %d tokens", t.Tokens, t.Limit)
}
