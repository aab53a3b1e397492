package numberformat

import (
	"math"
	"strconv"
	"strings"
	"time"
)

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
