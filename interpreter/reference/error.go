package reference

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Error is something that looks like a reference and is not valid.
type Error struct {
	Offset, Length int // Of its `$` in the text, and how far it goes; in bytes.
	Message        string
	Hint           string
}

// literally is what to do about an error where no reference was meant.
const literally = "write $${ for a literal ${"

// maxErrors is how many errors of one text are reported: a hostile one has one every two bytes.
const maxErrors = 100

// longestShown is how much of what a user wrote, in bytes, a message repeats.
const longestShown = 80

// cut shortens what a message repeats.
func cut(text string) string {
	if len(text) > longestShown {
		end := longestShown
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// clip shortens what a message repeats as it is written.
func clip(text string) string {
	return value.Visible(cut(text))
}

// quote shortens what a message repeats in quotes.
func quote(text string) string { return strconv.Quote(cut(text)) }

func inOrder(errs, more []Error) []Error {
	all := slices.Concat(errs, more)
	slices.SortStableFunc(all, func(a, b Error) int { return cmp.Compare(a.Offset, b.Offset) })
	return all
}

// scanError is what stops the scanner.
type scanError struct {
	at     int    // Everything before this offset was understood.
	why    string // Completes "invalid reference ${…: ".
	open   bool   // Nothing closes it.
	nested bool   // Its default contains another reference.
}

// error says how far the error extends: up to the brace that closes it, if that comes before the line ends and before
// another `${`. So one slip is one message, and what follows is read as if nothing had been.
func (f *scanError) problem(text string, start int) *Error {
	if parts := doubled.FindStringSubmatch(text[start:]); parts != nil {
		return &Error{Offset: start, Length: len(parts[0]), Message: clip(parts[0]) + " is not a reference here", Hint: "write ${" + clip(ofActions.Replace(parts[1])) + "}"}
	}
	from := f.at
	if f.nested {
		from += len(opening)
	}
	end := max(from, start+len(opening))
	if !f.open {
		end = closing(text, end)
	}
	shown := clip(strings.TrimRight(text[start:end], " \t\r\n"))
	m := &Error{Offset: start, Length: end - start, Hint: literally}
	switch {
	case f.open:
		m.Message = shown + ` is missing its closing "}"`
		if parts := begun.FindStringSubmatch(text[start:]); parts != nil && len(parts[1]) <= longestShown {
			m.Hint = "write " + parts[1] + "}"
		}
	default:
		m.Message = "invalid reference " + shown + ": " + f.why
	}
	return m
}

// doubled is a reference as GitHub Actions has it.
var doubled = regexp.MustCompile(`^\$\{\{-? *([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[[0-9*]+\])*) *-?\}\}`)

// ofActions removes what names the step there.
var ofActions = strings.NewReplacer("steps.", "", "needs.", "", "outputs.", "")

// begun is the beginning of a reference that may be all of it but the brace.
var begun = regexp.MustCompile(`^(\$\{[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[[0-9*]+\])*)(?:$|[\s"'(),;!?<>/])`)

func closing(text string, from int) int {
	for i := from; i < len(text); i++ {
		switch {
		case text[i] == '}':
			return i + 1
		case text[i] == '\n', strings.HasPrefix(text[i:], opening):
			return from
		}
	}
	return from
}
