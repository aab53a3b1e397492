// Package excelize reads XLSX with xuri/excelize.
package excelize

import (
	"bytes"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Read reads cells as they are formatted.
func Read(_ string, data []byte) (string, error) { return read(data, excelize.Options{}) }

// ReadRaw reads cells as they are stored.
func ReadRaw(_ string, data []byte) (string, error) {
	return read(data, excelize.Options{RawCellValue: true})
}

func read(data []byte, o excelize.Options) (string, error) {
	f, err := excelize.OpenReader(bytes.NewReader(data), o)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var to strings.Builder
	for _, sheet := range f.GetSheetList() {
		rows, err := f.GetRows(sheet)
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			to.WriteString(strings.Join(row, " | ") + "\n")
		}
	}
	return to.String(), nil
}
