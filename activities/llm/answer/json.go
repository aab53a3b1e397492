package answer

import (
	"encoding/json"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// FindJSON returns the JSON of an answer: the first that fits of the whole text, what follows thoughts, the fenced block, and
// the JSON value in the text; if there is no JSON in the text, the same of the thoughts that the server returned separately. A
// block or a value is only taken if it is the only one, or the only one that fits. check returns why a value does not fit; empty
// if it does. If none fits, why is about the first one that is JSON.
func FindJSON(text, thoughts string, check func(value.Value) string) (found value.Value, why string) {
	found, why, isJSON := findIn(text, check)
	if why == "" || isJSON || strings.TrimSpace(thoughts) == "" {
		return found, why
	}
	thought, reason, isJSON := findIn(thoughts, check)
	if isJSON || strings.TrimSpace(text) == "" {
		return thought, reason
	}
	return found, why
}

// findIn finds the JSON in one text, and reports whether there is any, whether it fits or not.
func findIn(text string, check func(value.Value) string) (found value.Value, why string, isJSON bool) {
	whole, err := parse(text)
	if err == nil {
		if why = check(whole); why == "" {
			return whole, "", true
		}
	}
	text = afterThoughts(text)
	for _, candidates := range [][]value.Value{parsed(text), parsed(fenced(text)...), embedded(text)} {
		fitting := 0
		for _, candidate := range candidates {
			switch reason := check(candidate); {
			case reason == "":
				found = candidate
				fitting++
			case why == "":
				why = reason
			}
		}
		if fitting == 1 {
			return found, "", true
		}
		if fitting > 1 && why == "" {
			why = "it contains several JSON values that match"
		}
	}
	if why == "" {
		return value.Value{}, err.Error(), false
	}
	return value.Value{}, why, true
}

func parse(text string) (value.Value, error) { return value.Parse([]byte(strings.TrimSpace(text))) }

// parsed are those of the texts that are JSON.
func parsed(texts ...string) []value.Value {
	var all []value.Value
	for _, text := range texts {
		if v, err := parse(text); err == nil {
			all = append(all, v)
		}
	}
	return all
}

// fenced are the contents of the fenced blocks of a text. The last one need not be closed.
func fenced(text string) []string {
	var blocks []string
	for {
		_, rest, opened := strings.Cut(text, "```")
		if !opened {
			return blocks
		}
		_, rest, _ = strings.Cut(rest, "\n") // The language.
		block, after, _ := strings.Cut(rest, "```")
		blocks = append(blocks, block)
		text = after
	}
}

// maxEmbedded is the maximum number of places at which JSON is looked for in a text.
const maxEmbedded = 1000

// embedded are the objects and lists in a text, without those within others. What is within brackets that are no JSON is not
// looked at: it is a part of a value that is broken.
func embedded(text string) []value.Value {
	var all []value.Value
	for range maxEmbedded {
		at := strings.IndexAny(text, "{[")
		if at < 0 {
			break
		}
		text = text[at:]
		var raw json.RawMessage
		decoder := json.NewDecoder(strings.NewReader(text))
		if decoder.Decode(&raw) != nil {
			end := closing(text)
			if end < 0 {
				break
			}
			text = text[end:]
			continue
		}
		if v, err := value.Parse(raw); err == nil {
			all = append(all, v)
		}
		text = text[decoder.InputOffset():]
	}
	return all
}

// closing returns the end of the brackets with which a text begins; -1 if they do not close. Those in strings do not count; a
// string ends with its line, since a quotation mark in prose may have no second one.
func closing(text string) int {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n' || c == '"':
			inString = c == '"' && !inString
		case inString && c == '\\':
			i++
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}
