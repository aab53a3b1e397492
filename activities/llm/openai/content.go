package openai

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// contentOf reads the content of a message or of a piece of one: a text, or a list of parts, of which some are thoughts or a refusal.
func contentOf(message value.Value) (said, thoughts, refusal string) {
	content, _ := message.Get("content")
	if content.Kind() != value.KindList {
		return content.Text(), "", ""
	}
	var texts, thinking, refused strings.Builder
	for _, part := range content.Elements() {
		switch text(part, "type") {
		case "thinking", "reasoning":
			thinking.WriteString(partText(part))
		case "refusal":
			refused.WriteString(partText(part))
		default:
			texts.WriteString(partText(part))
		}
	}
	return texts.String(), thinking.String(), refused.String()
}

// partText is the text of a part: a field of it, or the texts of a list of parts.
func partText(part value.Value) string {
	if part.Kind() == value.KindString {
		return part.Text()
	}
	for _, name := range []string{"text", "thinking", "reasoning", "refusal"} {
		field, is := part.Get(name)
		if !is {
			continue
		}
		if field.Kind() != value.KindList {
			return field.Text()
		}
		var all strings.Builder
		for _, inner := range field.Elements() {
			all.WriteString(partText(inner))
		}
		return all.String()
	}
	return ""
}
