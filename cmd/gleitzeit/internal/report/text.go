package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// Limits of texts in a report, in bytes.
const (
	maxOutput = 40_000 // Of an output, or the result of a task.
	maxInput  = 10_000
	maxPrompt = 8_000
	maxAnswer = 4_000 // Of an item.
	maxOfItem = 1_500 // Of a parameter of an item.
	maxGist   = 160   // Of what stands for it in a table.
	maxReason = 4_000
	maxName   = 2_000
	maxLabel  = 200
	maxBrief  = 600
)

// text is a text with its name.
type text struct {
	Name string
	Text string
	Left int // Bytes at its end that are left out.
}

// newText returns a text as people see it: without control characters, and cut.
func newText(name, content string, limit int) text {
	content = strings.TrimRight(content, "\n")
	cut, left := cutText(content, limit)
	name, _ = cutText(name, maxLabel)
	return text{Name: value.Visible(name), Text: value.VisibleLines(cut), Left: left}
}

// textOf returns a value as people see it.
func textOf(name string, v value.Value, limit int) text {
	if v.Kind() == value.KindString {
		return newText(name, v.Text(), limit)
	}
	return newText(name, view.Text(v), limit)
}

// visible returns a name or a description as people see it.
func visible(content string) string {
	cut, left := cutText(content, maxName)
	if left > 0 {
		cut += "…"
	}
	return value.VisibleLines(cut)
}

// cutText cuts a text to a number of bytes, and returns how many are left out.
func cutText(content string, limit int) (cut string, left int) {
	if len(content) <= limit {
		return content, 0
	}
	at := limit
	for at > 0 && !utf8.RuneStart(content[at]) {
		at--
	}
	return content[:at], len(content) - at
}

// fieldTexts returns the fields of an object as texts.
func fieldTexts(object value.Value, limit int) (all []text) {
	for _, field := range object.Fields() {
		all = append(all, textOf(field.Name, field.Value, limit))
	}
	return all
}

// secretWords are words in the names of inputs and parameters whose values a report does not show: it is made to be passed on.
var secretWords = map[string]bool{
	"password": true, "passwd": true, "passphrase": true, "secret": true, "secrets": true, "token": true, "credential": true, "credentials": true,
	"apikey": true, "authorization": true,
}

// secretKeys are words that a key follows which is a secret.
var secretKeys = map[string]bool{"api": true, "private": true, "access": true, "signing": true}

// isSecretName reports whether a name has a word that names a secret: "api_key" and "githubToken", not "max_tokens" or "key".
func isSecretName(name string) bool {
	var words strings.Builder
	lower := false
	for _, r := range name {
		if lower && 'A' <= r && r <= 'Z' {
			words.WriteByte(' ')
		}
		lower = 'a' <= r && r <= 'z'
		if r == '_' || r == '-' || r == '.' {
			r = ' '
		}
		words.WriteRune(r)
	}
	before := ""
	for _, word := range strings.Fields(strings.ToLower(words.String())) {
		if secretWords[word] || word == "key" && secretKeys[before] {
			return true
		}
		before = word
	}
	return false
}

// inputTexts returns the inputs of a run, without values that are secrets by their names.
func inputTexts(inputs value.Value) []text { return fieldTexts(withoutSecrets(inputs), maxInput) }

// hiddenValue stands for the value of a field whose name says that it is a secret.
const hiddenValue = "(hidden)"

// withoutSecrets returns a value without those of fields whose names say that they are secrets.
func withoutSecrets(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindList:
		elements := make([]value.Value, len(v.Elements()))
		for i, element := range v.Elements() {
			elements[i] = withoutSecrets(element)
		}
		return value.List(elements...)
	case value.KindObject:
		fields := make([]value.Field, len(v.Fields()))
		for i, field := range v.Fields() {
			fields[i] = value.Field{Name: field.Name, Value: withoutSecrets(field.Value)}
			if isSecretName(field.Name) && !reference.Contains(field.Value.Text()) { // A reference is no secret.
				fields[i].Value = value.String(hiddenValue)
			}
		}
		return value.Object(fields...)
	}
	return v
}

// gist returns the beginning of a text on one line, and whether that is all of it.
func gist(content string) (line string, whole bool) {
	beginning, left := cutText(content, 4*maxGist)
	line = strings.Join(strings.Fields(value.Visible(strings.ReplaceAll(beginning, "\n", " "))), " ")
	short, more := cutText(line, maxGist)
	whole = left == 0 && more == 0 && !strings.Contains(strings.TrimSpace(content), "\n")
	if !whole {
		short = strings.TrimRight(short, " ") + "…"
	}
	return short, whole
}

// number formats a count with commas between its thousands.
func number[N int | int64](count N) string {
	digits := fmt.Sprint(count)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
