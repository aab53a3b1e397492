package main

import (
	"regexp"
	"strings"
	"unicode"
)

// written returns the words of a PDF document: what is between blanks and has a letter or a digit.
func written(text string) (all []string) {
	for _, w := range strings.Fields(text) {
		if strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			all = append(all, w)
		}
	}
	return all
}

var (
	address  = regexp.MustCompile(`\]\([^)\s]*\)`)
	footnote = regexp.MustCompile(`\[\^(\d+)\]`)
	tag      = regexp.MustCompile(`</?[a-z][^>\n]*>`)
)

// seen returns the words of Markdown as a person sees them: without the addresses of links, and without what makes tables.
func seen(text string) []string {
	text = tag.ReplaceAllString(text, " ")
	text = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", `\`, "").Replace(text)
	text = footnote.ReplaceAllString(address.ReplaceAllString(text, "]"), " $1 ")
	return strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsSymbol(r) || strings.ContainsRune("|<>=`", r)
	})
}

func letters(words []string) []string { return strings.Split(strings.Join(words, ""), "") }

// inOrder returns which share of the longer list is in both in the same order.
func inOrder(got, want []string) float64 {
	if len(got)+len(want) == 0 {
		return 1
	}
	above := make([]int, len(want)+1)
	for _, g := range got {
		row := make([]int, len(want)+1)
		for j, w := range want {
			row[j+1] = max(row[j], above[j+1])
			if g == w {
				row[j+1] = above[j] + 1
			}
		}
		above = row
	}
	return float64(above[len(want)]) / float64(max(len(got), len(want)))
}
