// Package temporalname says which names Temporal takes for runs and task queues, and makes such names of any text. The
// Temporal SDK sends both in a header of gRPC, which carries printable ASCII alone.
package temporalname

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gosimple/slug"
)

// Max is Temporal's limit on the id of a run and the name of a task queue, in bytes.
const Max = 1000

// Problem returns why a text can be neither the id of a run nor the name of a task queue, to follow the name in a message:
// `contains "é"`. It is empty where it can: 1 to Max characters of printable ASCII, no spaces at the ends.
func Problem(name string) string {
	illegal := Illegal(name, func(r rune) bool { return r >= ' ' && r <= '~' })
	switch {
	case name == "":
		return "is empty"
	case illegal != "":
		return "contains " + illegal
	case strings.TrimSpace(name) != name:
		return "begins or ends with a space"
	case len(name) > Max:
		return fmt.Sprintf("is %d characters long, and %d is the limit", len(name), Max)
	}
	return ""
}

// Hint returns what to write instead of a name that has a Problem.
func Hint(name string) string {
	near := Slug(name, Max)
	switch {
	case len(name) > Max:
		return "use a shorter one"
	case near == "":
		return "use printable ASCII characters only: letters a-z, digits, punctuation"
	}
	return "use printable ASCII characters only, for example " + strconv.Quote(near)
}

// Illegal lists the characters of a text that are not legal, each once and the first three of many: `"é", "ß"`. It is empty
// where all are legal.
func Illegal(text string, legal func(rune) bool) string {
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

// Slug writes a text in lower-case ASCII letters, digits, "-" and "_", other scripts transliterated, in at most so many
// characters. It is empty where nothing is left.
func Slug(text string, most int) string {
	// A text may have megabytes, and a character may become several; of its beginning enough is left.
	if runes := []rune(text); len(runes) > 4*most {
		text = string(runes[:4*most])
	}
	made := slug.Make(text)
	if len(made) > most {
		made = made[:most]
	}
	return strings.Trim(made, "-_")
}
