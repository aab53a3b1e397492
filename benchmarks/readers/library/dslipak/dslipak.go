// Package dslipak reads PDF documents with dslipak/pdf.
package dslipak

import (
	"bytes"
	"io"

	"github.com/dslipak/pdf"
)

// Read reads a PDF document as plain text.
func Read(_ string, data []byte) (string, error) {
	r, err := pdf.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	text, err := r.GetPlainText()
	if err != nil {
		return "", err
	}
	all, err := io.ReadAll(text)
	return string(all), err
}
