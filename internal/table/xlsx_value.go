package table

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// pattern is how numbers in cells are shown, as far as it changes what they mean.
type pattern uint8

const (
	general pattern = iota
	dates
	times
	datesWithTimes
	elapsed // A duration in hours.
)

// patternOf returns the pattern of a number format. Those with small numbers have no code in the file.
func patternOf(id int, code string) pattern {
	if code != "" {
		return patternOfCode(code)
	}
	switch {
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
		return dates
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id == 45, id == 47, id == 55, id == 56:
		return times
	case id == 22:
		return datesWithTimes
	case id == 46:
		return elapsed
	}
	return general
}

// patternOfCode reads the code of a number format: "yyyy-mm-dd", "[h]:mm", "#,##0.00".
func patternOfCode(code string) pattern {
	var plain strings.Builder
	code = strings.ToLower(code)
	for i := 0; i < len(code) && code[i] != ';'; i++ {
		switch code[i] {
		case '"', '[':
			end := strings.IndexByte(code[i+1:], map[byte]byte{'"': '"', '[': ']'}[code[i]])
			if end < 0 {
				return general
			}
			inner := code[i+1 : i+1+end]
			if code[i] == '[' && inner != "" && (strings.Trim(inner, "h") == "" || strings.Trim(inner, "m") == "" || strings.Trim(inner, "s") == "") {
				return elapsed
			}
			i += 1 + end
		case '\\', '_', '*':
			i++
		default:
			plain.WriteByte(code[i])
		}
	}
	text := strings.NewReplacer("am/pm", "h", "a/p", "h", "general", "").Replace(plain.String())
	has := func(of string) bool { return strings.ContainsAny(text, of) }
	switch clock := has("hs"); {
	case clock && has("yd"):
		return datesWithTimes
	case clock:
		return times
	case has("ydm"):
		return dates
	}
	return general
}

// value returns the value of a number in a cell: a date and a time as ISO 8601 has them.
func (p pattern) value(raw string, is1904 bool) value.Value {
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return value.String(raw)
	}
	const endOfDates = 2_958_466 // The day after 9999-12-31.
	if p == general || f < 0 || f >= endOfDates {
		return number(raw, f)
	}
	milliseconds := int64(math.Round(f * 86_400_000))
	if p == elapsed {
		seconds := milliseconds / 1000
		return value.String(fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60) + fractionOf(milliseconds))
	}
	first := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case is1904:
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case f < 60: // After it comes a day that never was, 1900-02-29.
		first = first.AddDate(0, 0, 1)
	}
	days, rest := milliseconds/86_400_000, milliseconds%86_400_000
	at := first.AddDate(0, 0, int(days)).Add(time.Duration(rest) * time.Millisecond)
	switch p {
	case dates:
		return value.String(at.Format(time.DateOnly))
	case times:
		return value.String(at.Format("15:04:05.999"))
	}
	return value.String(at.Format("2006-01-02T15:04:05.999"))
}

func fractionOf(milliseconds int64) string {
	if milliseconds%1000 == 0 {
		return ""
	}
	return fmt.Sprintf(".%03d", milliseconds%1000)
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
