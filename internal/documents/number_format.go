package documents

import (
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"time"
)

// numberFormat is how a workbook shows numbers and dates. The zero value shows them as they are.
type numberFormat struct {
	id   int
	code string
}

// builtIn are the formats that workbooks name by number alone. Those of dates that follow the reader's country are ISO 8601.
var builtIn = map[int]string{
	1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%",
	14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm",
	27: "yyyy-mm-dd", 30: "yyyy-mm-dd", 31: "yyyy-mm-dd", 34: "h:mm", 35: "h:mm:ss", 36: "yyyy-mm-dd", 50: "yyyy-mm-dd", 57: "yyyy-mm-dd",
	37: "#,##0;-#,##0", 38: "#,##0;-#,##0", 39: "#,##0.00;-#,##0.00", 40: "#,##0.00;-#,##0.00",
	45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0",
}

// numberFormats returns the formats of a workbook by the numbers of styles.
func (a *archive) numberFormats(files []string) (styles []numberFormat, err error) {
	codes := map[int]string{}
	for _, file := range files {
		err = a.walk(file, false, func(x *xmlReader, token xml.Token) error {
			t, is := token.(xml.StartElement)
			switch {
			case !is:
			case t.Name.Local == "dxfs": // Its formats depend on conditions.
				return x.skip()
			case t.Name.Local == "numFmt":
				if id, err := strconv.Atoi(attribute(t, "numFmtId")); err == nil {
					codes[id] = attribute(t, "formatCode")
				}
			case t.Name.Local == "cellXfs":
				return x.within(func(token xml.Token) error {
					if t, is := token.(xml.StartElement); is && t.Name.Local == "xf" {
						id, _ := strconv.Atoi(attribute(t, "numFmtId"))
						code := codes[id]
						if builtIn[id] != "" {
							code = builtIn[id]
						}
						styles = append(styles, numberFormat{id, code})
					}
					return nil
				})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return styles, nil
}

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

// show returns a number as the format has it. Where the format would drop digits of a long number, all are shown.
func (f numberFormat) show(value string, dayZero int) string {
	value = strings.TrimSpace(value)
	number, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsInf(number, 0) || math.IsNaN(number) {
		return value
	}
	all := sections(f.code)
	if f.code == "" || len(all) == 0 {
		return plainNumber(value, number)
	}
	section, isNegative := all[0], number < 0
	switch {
	case number < 0 && len(all) > 1:
		section, isNegative = all[1], false
	case number == 0 && len(all) > 2:
		section = all[2]
	}
	if isDate(section) {
		if text, is := showDate(section, number, dayZero); is {
			return text
		}
		return plainNumber(value, number)
	}
	return showNumber(section, value, number, isNegative)
}

// plainNumber returns a number with the 15 digits that a workbook guarantees, without an exponent unless it is enormous or tiny. Whole numbers
// keep all their digits.
func plainNumber(value string, number float64) string {
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
			return surround(section, plainNumber(value, number))
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

func isDate(section []piece) bool {
	for _, p := range section {
		if !p.literal && strings.ContainsRune("ymdhs[A", rune(strings.ToLower(p.text)[0])) || !p.literal && p.text == "A" {
			return true
		}
	}
	return false
}

// showDate returns the date of a number of days; false if there is no such date.
func showDate(section []piece, days float64, dayZero int) (string, bool) {
	const last = 2_958_466 // 31.12.9999
	if days < 0 || days >= last {
		return "", false
	}
	hasFraction := false
	for _, p := range section {
		hasFraction = hasFraction || !p.literal && p.text[0] == '.'
	}
	unit := time.Second
	if hasFraction {
		unit = time.Millisecond
	}
	const perDay = 24 * time.Hour
	elapsed := (time.Duration(math.Round((days-math.Floor(days))*float64(perDay/unit))) * unit)
	whole := int(math.Floor(days)) + dayZero
	if dayZero == 0 && whole < 60 {
		whole++ // The system of 1900 has a 29 February in that year.
	}
	at := time.Date(1899, time.December, 30+whole, 0, 0, 0, 0, time.UTC).Add(elapsed)
	half := false
	for _, p := range section {
		half = half || !p.literal && p.text == "A"
	}
	var to strings.Builder
	for i, p := range section {
		if p.literal {
			to.WriteString(p.text)
			continue
		}
		to.WriteString(dateField(section, i, at, int(days), elapsed, half))
	}
	return strings.TrimSpace(to.String()), true
}

// dateField returns what a code stands for.
func dateField(section []piece, i int, at time.Time, days int, elapsed time.Duration, half bool) string {
	code := strings.ToLower(section[i].text)
	two := func(n int) string {
		if text := strconv.Itoa(n); len(code) == 1 || len(text) > 1 {
			return text
		}
		return "0" + strconv.Itoa(n)
	}
	switch code[0] {
	case 'y', 'e':
		if len(code) <= 2 && code[0] == 'y' {
			return at.Format("06")
		}
		return at.Format("2006")
	case 'm':
		if isMinutes(section, i) {
			return two(at.Minute())
		}
		return [...]string{at.Format("1"), at.Format("01"), at.Format("Jan"), at.Format("January"), at.Format("Jan")[:1]}[min(len(code), 5)-1]
	case 'd':
		return [...]string{at.Format("2"), at.Format("02"), at.Format("Mon"), at.Format("Monday")}[min(len(code), 4)-1]
	case 'h':
		hour := at.Hour()
		if half {
			hour = (hour+11)%12 + 1
		}
		return two(hour)
	case 's':
		return two(at.Second())
	case '[':
		unit := map[byte]time.Duration{'h': time.Hour, 'm': time.Minute, 's': time.Second}[code[1]]
		code = code[1:]
		return two(days*int(24*time.Hour/unit) + int(elapsed/unit))
	case 'a':
		return at.Format("PM")
	case '.':
		if i+1 < len(section) && !section[i+1].literal && section[i+1].text[0] == '0' {
			return at.Format(".000")[:min(len(section[i+1].text), 3)+1]
		}
		return "."
	case ',':
		return ","
	}
	return ""
}

// isMinutes reports whether a code of "m" means minutes: next to hours or seconds.
func isMinutes(section []piece, i int) bool {
	for at := i - 1; at >= 0; at-- {
		if !section[at].literal {
			if strings.Contains("h[", strings.ToLower(section[at].text[:1])) {
				return true
			}
			break
		}
	}
	for at := i + 1; at < len(section); at++ {
		if !section[at].literal {
			return strings.ToLower(section[at].text[:1]) == "s"
		}
	}
	return false
}
