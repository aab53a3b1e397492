package protocol

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// MaxTemporalName is the limit of Temporal for the name of a task queue, a workflow id and an activity id, in bytes.
const MaxTemporalName = 1000

// TemporalNameProblem returns why a text can be neither the id of a run nor the name of a task queue, to follow the name in
// a message: `contains "é"`. It is "" where it can: 1 to 1,000 printable ASCII characters, no spaces at the ends. The
// Temporal SDK sends both in a header of gRPC, which carries nothing else.
func TemporalNameProblem(name string) string {
	illegal := IllegalCharacters(name, func(r rune) bool { return r >= ' ' && r <= '~' })
	switch {
	case name == "":
		return "is empty"
	case illegal != "":
		return "contains " + illegal
	case strings.TrimSpace(name) != name:
		return "begins or ends with a space"
	case len(name) > MaxTemporalName:
		return fmt.Sprintf("is %d characters long, and %d is the limit", len(name), MaxTemporalName)
	}
	return ""
}

// TemporalNameHint returns what to write instead of a name that TemporalNameProblem rejects.
func TemporalNameHint(name string) string {
	near := ASCIIName(name)
	switch {
	case len(name) > MaxTemporalName:
		return "use a shorter one"
	case near == "" || TemporalNameProblem(near) != "":
		return "use printable ASCII characters only: letters a-z, digits, punctuation"
	}
	return "use printable ASCII characters only, for example " + strconv.Quote(near)
}

// IllegalCharacters lists the characters of a text that are not legal, each once and the first three of many: `"é", "ß"`.
// It is "" where all are legal.
func IllegalCharacters(text string, legal func(rune) bool) string {
	const shown = 3
	var quoted []string
	seen := map[rune]bool{}
	for _, r := range text {
		if legal(r) || seen[r] {
			continue
		}
		seen[r] = true
		if len(quoted) < shown {
			quoted = append(quoted, strconv.Quote(string(r)))
		}
	}
	list := strings.Join(quoted, ", ")
	if more := len(seen) - len(quoted); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// ASCIIName writes a text in printable ASCII: letters with accents, Greek and Cyrillic ones by their Latin spelling, and
// anything else that is not ASCII, and spaces around it, as one "-". It is "" where no letter or digit is left.
func ASCIIName(text string) string {
	var name strings.Builder
	gap, lettered := false, false
	for _, r := range text {
		spelling, known := latin[r]
		switch {
		case known || unicode.Is(unicode.Mn, r):
		case r > ' ' && r <= '~':
			spelling = string(r)
		default:
			gap = true
			continue
		}
		if gap && spelling != "" {
			if name.Len() > 0 && spelling != "-" && !strings.HasSuffix(name.String(), "-") {
				name.WriteByte('-')
			}
			gap = false
		}
		lettered = lettered || strings.ContainsFunc(spelling, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
		name.WriteString(spelling)
	}
	if !lettered {
		return ""
	}
	return name.String()
}

// latin has the spellings of letters in ASCII.
var latin = spellings(map[string]string{
	"a": "àáâãåāăąαа", "ae": "äæ", "b": "б", "c": "çćĉċč", "ch": "чχ", "d": "ďđðδд", "e": "èéêëēĕėęěεеёэ", "f": "φф", "g": "ĝğġģγгґ",
	"h": "ĥħ", "i": "ìíîïĩīĭįıηιийі", "j": "ĵ", "k": "ķκк", "kh": "х", "l": "ĺļľłλл", "m": "μм", "n": "ñńņňŋνн", "o": "òóôõøōŏőοωо",
	"oe": "öœ", "p": "πп", "ps": "ψ", "r": "ŕŗřρр", "s": "śŝşšșσςс", "sh": "ш", "shch": "щ", "ss": "ß", "t": "ţťŧțτт", "th": "þθ", "ts": "ц",
	"u": "ùúûũūŭůűųу", "ue": "ü", "v": "βв", "w": "ŵ", "x": "ξ", "y": "ýÿŷυы", "ya": "я", "ye": "є", "yi": "ї", "yu": "ю", "z": "źżžζз", "zh": "ж",
	"": "ъь",
})

func spellings(table map[string]string) map[rune]string {
	all := map[rune]string{}
	for spelling, letters := range table {
		for _, r := range letters {
			all[r] = spelling
			if upper := unicode.ToUpper(r); upper > '~' && upper != r {
				all[upper] = strings.ToUpper(spelling[:min(1, len(spelling))]) + spelling[min(1, len(spelling)):]
			}
		}
	}
	return all
}
