// Package answer reads what a model wrote: which part of a text is the answer, and which JSON is in it.
package answer

import "strings"

const (
	openTag  = "<think>"
	closeTag = "</think>"
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
