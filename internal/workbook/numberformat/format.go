// Package numberformat shows numbers as the formats of workbooks have them: "#,##0.00", "dd.mm.yyyy".
package numberformat

import (
	"math"
	"strconv"
	"strings"
)

// Format is how a workbook shows numbers and dates. The empty one shows them as they are.
type Format string

// BuiltIn are the formats that workbooks name by number alone. Those of dates that follow the reader's country are ISO 8601.
var BuiltIn = map[int]Format{
	1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%",
	14: day, 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: minutes, 21: seconds, 22: "yyyy-mm-dd h:mm",
	27: day, 28: day, 29: day, 30: day, 31: day, 32: minutes, 33: seconds, 34: minutes, 35: seconds, 36: day,
	37: "#,##0;-#,##0", 38: "#,##0;-#,##0", 39: "#,##0.00;-#,##0.00", 40: "#,##0.00;-#,##0.00",
	45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0",
	50: day, 51: day, 52: day, 53: day, 54: day, 55: minutes, 56: seconds, 57: day, 58: day,
}

const (
	day     = "yyyy-mm-dd"
	minutes = "h:mm"
	seconds = "h:mm:ss"
)

// piece is a part of a format: text as it is, or a code of one or more equal letters.
type piece struct {
	text    string
	literal bool
}

const maxFormatCode = 1_000 // Excel allows 255 characters.

// sections returns the pieces of a format for positive numbers, negative ones, zero and text.
func sections(code string) [][]piece {
	if len(code) > maxFormatCode {
		return nil
	}
	all := [][]piece{nil}
	add := func(text string, literal bool) {
		last := &all[len(all)-1]
		if n := len(*last); !literal && n > 0 && !(*last)[n-1].literal && strings.EqualFold((*last)[n-1].text[:1], text) {
			(*last)[n-1].text += text
			return
		}
		*last = append(*last, piece{text, literal})
	}
	letters := []rune(code)
	for i := 0; i < len(letters); i++ {
		switch r := letters[i]; r {
		case ';':
			all = append(all, nil)
		case '"':
			end := i + 1
			for end < len(letters) && letters[end] != '"' {
				end++
			}
			add(string(letters[i+1:end]), true)
			i = end
		case '\\':
			if i++; i < len(letters) {
				add(string(letters[i]), true)
			}
		case '_', '*':
			i++ // A blank as wide as the next character, or that character as often as it fits.
		case '[':
			end := i
			for end < len(letters) && letters[end] != ']' {
				end++
			}
			inner := string(letters[i+1 : end])
			if symbol, is := strings.CutPrefix(inner, "$"); is {
				symbol, _, _ = strings.Cut(symbol, "-")
				add(symbol, true)
			} else if trimmed := strings.Trim(strings.ToLower(inner), "hms"); trimmed == "" && inner != "" {
				all[len(all)-1] = append(all[len(all)-1], piece{"[" + strings.ToLower(inner), false})
			}
			i = end
		default:
			rest := strings.ToUpper(string(letters[i:min(i+7, len(letters))]))
			switch {
			case strings.HasPrefix(rest, "AM/PM"):
				add("A", false)
				i += len("AM/PM") - 1
			case strings.HasPrefix(rest, "GENERAL"):
				add("G", false)
				i += len("GENERAL") - 1
			case strings.ContainsRune("yYmMdDhHsS0#?,.%@Ee", r):
				add(string(r), false)
			default:
				add(string(r), true)
			}
		}
	}
	return all
}

// Show returns a number as the format has it. Where the format would drop digits of a long number, all are shown.
func (f Format) Show(value string, dayZero int) string {
	value = strings.TrimSpace(value)
	number, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsInf(number, 0) || math.IsNaN(number) {
		return value
	}
	all := sections(string(f))
	if f == "" || len(all) == 0 {
		return Plain(value, number)
	}
	section, isNegative := all[0], number < 0
	switch {
	case number < 0 && len(all) > 1:
		section, isNegative = all[1], false
	case number == 0 && len(all) > 2:
		section = all[2]
	}
	if kindOf(section) != Digits {
		if text, is := showDate(section, number, dayZero); is {
			return text
		}
		return Plain(value, number)
	}
	return showNumber(section, value, number, isNegative)
}

// Plain returns a number with the 15 digits that a workbook guarantees, without an exponent unless it is enormous or tiny. Whole numbers
// keep all their digits.
func Plain(value string, number float64) string {
	if strings.Trim(value, "0123456789") == "" || strings.Trim(value[1:], "0123456789") == "" && value[0] == '-' {
		return value
	}
	const digits, enormous, tiny = 15, 1e21, 1e-9
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(number, 'g', digits, 64), 64)
	if err != nil || math.Abs(number) >= enormous {
		return value
	}
	if number != 0 && math.Abs(number) < tiny {
		return strconv.FormatFloat(rounded, 'E', -1, 64)
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// showNumber fills the places of a format with digits.
func showNumber(section []piece, value string, number float64, isNegative bool) string {
	whole, decimals, least, percent, scale := 0, 0, 0, 0, 0
	hasPlaces, hasPoint, thousands := false, false, false
	for _, p := range section {
		if p.literal {
			continue
		}
		switch p.text[0] {
		case 'E', 'e', 'G', '@', '?':
			return surround(section, Plain(value, number))
		case '0', '#':
			hasPlaces = true
			scale = 0
			switch {
			case hasPoint:
				decimals += len(p.text)
				if p.text[0] == '0' {
					least = decimals
				}
			case p.text[0] == '0':
				whole += len(p.text)
			}
		case '.':
			hasPoint = true
		case ',':
			if hasPlaces {
				thousands = thousands || !hasPoint
				scale += len(p.text)
			}
		case '%':
			percent += len(p.text)
		}
	}
	if !hasPlaces {
		if len(section) == 0 {
			return ""
		}
		return surround(section, "")
	}
	if scale > 0 {
		thousands = strings.Contains(codeOf(section), ",#") || strings.Contains(codeOf(section), ",0")
	}
	number = math.Abs(number)
	const factor = 100
	for range percent {
		number *= factor
	}
	number /= math.Pow(1000, float64(scale))
	const most = 30 // Places behind the point, as Excel has it.
	decimals = min(decimals, most)
	digits := strconv.FormatFloat(roundHalfUp(number, decimals), 'f', decimals, 64)
	if unsigned := strings.TrimPrefix(value, "-"); percent == 0 && scale == 0 && decimals == 0 && strings.Trim(unsigned, "0123456789") == "" {
		digits = unsigned // With all its digits.
	}
	before, after, _ := strings.Cut(digits, ".")
	for len(after) > least && strings.HasSuffix(after, "0") {
		after = after[:len(after)-1]
	}
	if before == "0" && whole == 0 {
		before = ""
	}
	for len(before) < whole && whole <= maxFormatCode {
		before = "0" + before
	}
	return place(section, before, after, thousands, isNegative && strings.Trim(before+after, "0") != "")
}

// roundHalfUp rounds as people do: 2.675, which is a little less in binary, to 2.68.
func roundHalfUp(number float64, decimals int) float64 {
	const digits = 15
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(number, 'g', digits, 64), 64)
	if err != nil || decimals > digits {
		return number
	}
	power := math.Pow(10, float64(decimals))
	if scaled := rounded * power; scaled < 1e15 {
		shortened, err := strconv.ParseFloat(strconv.FormatFloat(scaled, 'g', digits, 64), 64)
		if err == nil {
			return math.Round(shortened) / power
		}
	}
	return number
}

func codeOf(section []piece) string {
	var code strings.Builder
	for _, p := range section {
		if !p.literal {
			code.WriteString(p.text)
		}
	}
	return code.String()
}

// surround returns text with what the format writes around it.
func surround(section []piece, text string) string {
	var to strings.Builder
	done := false
	for _, p := range section {
		switch {
		case p.literal && (p.text == "+" || p.text == "/"): // Of an exponent or a fraction.
		case p.literal:
			to.WriteString(p.text)
		case p.text[0] == '%':
			to.WriteString(p.text)
		case !done:
			done = true
			to.WriteString(text)
		}
	}
	return strings.TrimSpace(to.String())
}

// place writes digits into the places of a format. Digits for which there is no place go before the first; text between places stays
// between their digits, as in "000-00-0000".
func place(section []piece, before, after string, thousands, isNegative bool) string {
	places := 0
	for _, p := range section {
		if !p.literal && p.text[0] == '.' {
			break
		}
		if !p.literal && (p.text[0] == '0' || p.text[0] == '#') {
			places += len(p.text)
		}
	}
	var to strings.Builder
	if isNegative {
		to.WriteByte('-')
	}
	next, behind := 0, false
	for _, p := range section {
		switch {
		case p.literal || p.text[0] == '%':
			to.WriteString(p.text)
		case p.text[0] == '.':
			behind = true
			for ; next < len(before); next++ {
				digit(&to, before, next, thousands)
			}
			if after != "" {
				to.WriteString("." + after)
			}
		case behind || p.text[0] != '0' && p.text[0] != '#':
		default:
			upTo := len(before) - (places - len(p.text))
			places -= len(p.text)
			for ; next < upTo; next++ {
				digit(&to, before, next, thousands)
			}
		}
	}
	return strings.TrimSpace(to.String())
}

func digit(to *strings.Builder, digits string, at int, thousands bool) {
	if left := len(digits) - at; thousands && at > 0 && left%3 == 0 {
		to.WriteByte(',')
	}
	to.WriteByte(digits[at])
}
