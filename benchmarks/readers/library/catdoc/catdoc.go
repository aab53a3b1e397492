// Package catdoc reads DOCX, ODT and RTF with lu4p/cat.
package catdoc

import "github.com/lu4p/cat"

// Read reads a document by its content.
func Read(_ string, data []byte) (string, error) { return cat.FromBytes(data) }
