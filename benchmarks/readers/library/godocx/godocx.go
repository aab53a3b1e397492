// Package godocx reads DOCX with fumiama/go-docx.
package godocx

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/fumiama/go-docx"
)

// Read reads a Word document.
func Read(_ string, data []byte) (string, error) {
	d, err := docx.Parse(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	var to strings.Builder
	for _, item := range d.Document.Body.Items {
		fmt.Fprintln(&to, item)
	}
	return to.String(), nil
}
