// Package answer reads what a model wrote: which part of a text is the answer, and which JSON is in it.
package answer

import "strings"

// tag is a pair of marks between which models write their thoughts.
type tag struct{ open, close string }

// tags are those of the models, as their chat templates have them.
var tags = []tag{
	{"<think>", "</think>"},           // DeepSeek, Qwen and most others
	{"<thought>", "</thought>"},       // EXAONE Deep
	{"[THINK]", "[/THINK]"},           // Magistral
	{"◁think▷", "◁/think▷"},           // Kimi-VL
	{"<seed:think>", "</seed:think>"}, // Seed-OSS
}

const spaces = " \t\r\n"

// Split separates thoughts at the beginning of a text from the answer. Models that think write them between tags such as <think> and
// </think>. Some chat templates contain the opening tag, so that the text has only the closing one: then it has to stand
// at the beginning or the end of a line. An answer that ends within the thoughts is empty.
func Split(text string) (thoughts, answer string) {
	trimmed := strings.TrimSpace(text)
	for _, t := range tags {
		inside, opened := strings.CutPrefix(trimmed, t.open)
		thoughts, rest, closed := strings.Cut(inside, t.close)
		switch {
		case opened && !closed:
			return strings.TrimSpace(inside), ""
		case opened, closed && t.endsThoughts(thoughts, rest):
			return strings.TrimSpace(thoughts), strings.TrimSpace(rest)
		}
	}
	return "", text
}

// endsThoughts reports whether a closing tag without an opening one ends thoughts, and is not one that the answer is about.
func (t tag) endsThoughts(before, after string) bool {
	if strings.Contains(before, t.open) || strings.Contains(after, t.close) || strings.Contains(before, "```") {
		return false
	}
	return before == "" || strings.HasSuffix(before, "\n") || after == "" || strings.HasPrefix(after, "\n")
}

// afterThoughts is what follows the last closing tag of a text, or all of it.
func afterThoughts(text string) string {
	for _, t := range tags {
		if at := strings.LastIndex(text, t.close); at >= 0 {
			text = text[at+len(t.close):]
		}
	}
	return text
}

// Live passes on the text of an answer while it is written, without thoughts at its beginning. Whether a text begins with thoughts
// that have only a closing tag cannot be known before that tag.
type Live struct {
	Write func(text string)

	held   string // Not passed on yet: it may be the beginning of a tag.
	inside string // Within thoughts: the tag that ends them.
	begun  bool   // The answer itself has begun.
}

// Add passes on a piece of the text, or holds it.
func (l *Live) Add(piece string) {
	if l.begun {
		l.Write(piece)
		return
	}
	l.held += piece
	if l.inside == "" && !l.enter() {
		return
	}
	_, rest, closed := strings.Cut(l.held, l.inside)
	if !closed {
		l.held = l.held[max(0, len(l.held)-len(l.inside)):] // The tag may be in it in part.
		return
	}
	if rest = strings.TrimLeft(rest, spaces); rest == "" {
		l.held = l.inside
		return
	}
	l.inside, l.held = "", rest
	l.End()
}

// enter reports whether the text begins with thoughts. One that does not is passed on, unless it may be the beginning of a tag.
func (l *Live) enter() bool {
	text := strings.TrimLeft(l.held, spaces)
	for _, t := range tags {
		if strings.HasPrefix(t.open, text) {
			return false
		}
		if inside, opened := strings.CutPrefix(text, t.open); opened {
			l.inside, l.held = t.close, inside
			return true
		}
	}
	l.End()
	return false
}

// End passes on what was held, at the end of the answer.
func (l *Live) End() {
	if l.inside == "" && l.held != "" {
		l.Write(l.held)
		l.begun = true
	}
	l.held = ""
}
