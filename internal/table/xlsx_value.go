package table

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/internal/workbook"
	"github.com/gleitzeit/gleitzeit/internal/workbook/numberformat"
)

// valueOf returns the value of a cell.
func (s *sheetRows) valueOf(cell workbook.Cell) (value.Value, *Error) {
	switch cell.Kind {
	case workbook.Number:
		kind, known := s.kinds[cell.Format]
		if !known {
			kind = cell.Format.Kind()
			s.kinds[cell.Format] = kind
		}
		return numberOf(cell.Text, kind, s.dayZero), nil
	case workbook.Bool:
		return value.Bool(cell.Text == "1"), nil
	case workbook.Formula:
		written := ""
		if cell.Formula != "" {
			written = "=" + cell.Formula
		}
		return value.String(written), errorf("is a formula without a result").withHint("open the workbook in a spreadsheet program, and save it")
	case workbook.Unknown:
		return value.String(""), errorf("refers to the text %q, which the workbook does not have", cell.Text)
	}
	return value.String(cell.Text), nil
}

// numberOf returns the value of a number in a cell: a date and a time as ISO 8601 has them.
func numberOf(raw string, kind numberformat.Kind, dayZero int) value.Value {
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return value.String(raw)
	}
	at, sinceMidnight, is := numberformat.Split(f, dayZero, time.Millisecond)
	if !is {
		return number(raw, f)
	}
	switch kind {
	case numberformat.Date:
		return value.String(at.Format(time.DateOnly))
	case numberformat.Clock:
		return value.String(at.Format("15:04:05.999"))
	case numberformat.DateTime:
		return value.String(at.Format("2006-01-02T15:04:05.999"))
	case numberformat.Duration:
		const hoursOfDay = 24
		ofDay := time.Time{}.Add(sinceMidnight % time.Hour)
		return value.String(fmt.Sprintf("%02d:", int(f)*hoursOfDay+int(sinceMidnight/time.Hour)) + ofDay.Format("04:05.999"))
	}
	return number(raw, f)
}

// number returns a number as people read it: all digits of an integer, and of a fraction those that are not noise, as in
// 0.30000000000000004.
func number(raw string, f float64) value.Value {
	if digits, is := value.Digits(raw); is && strings.Trim(raw, "-0123456789") == "" {
		return digits
	}
	shortest := float(f, 64)
	const significant, noise = 15, 3
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', significant, 64), 64)
	if short := float(rounded, 64); err == nil && len(short.Digits()) <= len(shortest.Digits())-noise {
		return short
	}
	return shortest
}
