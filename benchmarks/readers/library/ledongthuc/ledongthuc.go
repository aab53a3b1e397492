// Package ledongthuc reads PDF documents with ledongthuc/pdf.
package ledongthuc

import (
	"bytes"
	"io"
	"strings"

	"github.com/ledongthuc/pdf"
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

// ReadRows reads a PDF document by the rows of its pages.
func ReadRows(_ string, data []byte) (string, error) {
	r, err := pdf.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	var to strings.Builder
	for i := 1; i <= r.NumPage(); i++ {
		rows, err := r.Page(i).GetTextByRow()
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			for _, w := range row.Content {
				to.WriteString(w.S)
			}
			to.WriteString("\n")
		}
	}
	return to.String(), nil
}
