package numberformat

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind is what a format makes of a number.
type Kind uint8

// The kinds of formats.
const (
	Digits Kind = iota // A number.
	Date
	Clock // A time of the day.
	DateTime
	Duration // In hours, minutes or seconds.
)

// Kind returns what the format makes of a number that is not negative.
func (f Format) Kind() Kind {
	if all := sections(string(f)); len(all) > 0 {
		return kindOf(all[0])
	}
	return Digits
}

func kindOf(section []piece) Kind {
	day, clock, month := false, false, false
	for _, p := range section {
		if p.literal {
			continue
		}
		switch strings.ToLower(p.text[:1]) {
		case "[":
			return Duration
		case "y", "d":
			day = true
		case "h", "s", "a":
			clock = true
		case "m":
			month = true // Or minutes.
		}
	}
	switch {
	case day && clock:
		return DateTime
	case clock:
		return Clock
	case day, month:
		return Date
	}
	return Digits
}

// Split returns the date and time of a number of days, and how long after midnight it is, rounded to a unit; false if there is no such
// date. Day zero is in days from that of the system of 1900.
func Split(days float64, dayZero int, unit time.Duration) (at time.Time, sinceMidnight time.Duration, is bool) {
	const last = 2_958_466 // The day after 9999-12-31.
	if days < 0 || days+float64(dayZero) >= last {
		return time.Time{}, 0, false
	}
	const perDay = 24 * time.Hour
	whole := math.Floor(days)
	sinceMidnight = time.Duration(math.Round((days-whole)*float64(perDay/unit))) * unit
	date := int(whole) + dayZero
	if dayZero == 0 && date < 60 {
		date++ // The system of 1900 has a 29 February in that year.
	}
	return time.Date(1899, time.December, 30+date, 0, 0, 0, 0, time.UTC).Add(sinceMidnight), sinceMidnight, true
}

// showDate returns the date of a number of days; false if there is no such date.
func showDate(section []piece, days float64, dayZero int) (string, bool) {
	unit := time.Second
	for _, p := range section {
		if !p.literal && p.text[0] == '.' {
			unit = time.Millisecond
		}
	}
	at, elapsed, is := Split(days, dayZero, unit)
	if !is {
		return "", false
	}
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
