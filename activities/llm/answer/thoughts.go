// Package answer reads what a model wrote: which part of a text is the answer, and which JSON is in it.
package answer

import "strings"

const (
	openTag  = "<think>"
	closeTag = "</think>"

	spaces = " \t\r\n"
)

// Split separates thoughts at the beginning of a text from the answer. Models that think write them between <think> and
// </think>. Some chat templates contain the opening tag, so that the text has only the closing one: then it has to stand
// at the beginning or the end of a line. An answer that ends within the thoughts is empty.
func Split(text string) (thoughts, answer string) {
	trimmed := strings.TrimSpace(text)
	inside, opened := strings.CutPrefix(trimmed, openTag)
	thoughts, rest, closed := strings.Cut(inside, closeTag)
	switch {
	case opened && !closed:
		return strings.TrimSpace(inside), ""
	case opened, closed && endsThoughts(thoughts, rest):
		return strings.TrimSpace(thoughts), strings.TrimSpace(rest)
	}
	return "", text
}

// endsThoughts reports whether a closing tag without an opening one ends thoughts, and is not one that the answer is about.
func endsThoughts(before, after string) bool {
	if strings.Contains(before, openTag) || strings.Contains(after, closeTag) || strings.Contains(before, "```") {
		return false
	}
	return before == "" || strings.HasSuffix(before, "\n") || after == "" || strings.HasPrefix(after, "\n")
}

// Live passes on the text of an answer while it is written, without thoughts at its beginning. Whether a text begins with thoughts
// that have only a closing tag cannot be known before that tag.
type Live struct {
	Write func(text string)

	held   string // Not passed on yet: it may be the beginning of a tag.
	inside bool   // Within thoughts.
	begun  bool   // The answer itself has begun.
}

// Add passes on a piece of the text, or holds it.
func (l *Live) Add(piece string) {
	if l.begun {
		l.Write(piece)
		return
	}
	l.held += piece
	if !l.inside {
		text := strings.TrimLeft(l.held, spaces)
		if strings.HasPrefix(openTag, text) {
			return
		}
		inside, opened := strings.CutPrefix(text, openTag)
		if !opened {
			l.End()
			return
		}
		l.inside, l.held = true, inside
	}
	_, rest, closed := strings.Cut(l.held, closeTag)
	if !closed {
		l.held = l.held[max(0, len(l.held)-len(closeTag)):] // The tag may be in it in part.
		return
	}
	if rest = strings.TrimLeft(rest, spaces); rest == "" {
		l.held = closeTag
		return
	}
	l.inside, l.held = false, rest
	l.End()
}

// End passes on what was held, at the end of the answer.
func (l *Live) End() {
	if !l.inside && l.held != "" {
		l.Write(l.held)
		l.begun = true
	}
	l.held = ""
}
