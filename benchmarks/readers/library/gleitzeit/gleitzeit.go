// Package gleitzeit reads with internal/documents.
package gleitzeit

import (
	"context"

	"github.com/gleitzeit/gleitzeit/internal/documents"
)

// SetCache names the folder for what the PDF reader compiles.
func SetCache(folder string) { documents.SetCache(folder) }

// Read reads all formats.
func Read(file string, data []byte) (string, error) {
	d, err := documents.Read(context.Background(), file, data, documents.Options{})
	return d.Text(), err
}
