package view

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// What Temporal takes of a run's summary and its details, in bytes of JSON with room for what is around it: it refuses to
// start a run whose own are larger than 400 and 20,000.
const (
	maxSummary   = 300
	maxDetails   = 19_000
	maxFact      = 200   // Of one value of the facts.
	maxFacts     = 8_000 // Of all lines of them, but for the last.
	maxAttribute = 1_800 // Of a search attribute, of which it takes 2,048.
)

// WebUISummary returns the title of a run in the Web UI: the workflow's name, as much of it as Temporal takes.
func WebUISummary(p *plan.Plan) string { return bounded(p.Name, maxSummary) }

// SearchName returns the workflow's name as a search attribute of its runs, as much of it as Temporal takes.
func SearchName(p *plan.Plan) string { return bounded(p.Name, maxAttribute) }

// WebUIDetails returns what the Web UI shows of a run beside its tasks, as Markdown: version, tags and metadata, a line each, and then
// the description, in which the workflow may use Markdown itself. It comes last, so that nothing in it spoils another part.
func WebUIDetails(p *plan.Plan) string {
	var facts strings.Builder
	add := func(name string, values ...string) {
		if len(values) == 0 || facts.Len() > maxFacts {
			return
		}
		for i, value := range values {
			values[i] = codeSpan(bounded(value, maxFact))
		}
		facts.WriteString("- " + codeSpan(bounded(name, maxFact)) + " " + strings.Join(values, " ") + "\n")
	}
	if p.Version != "" {
		add("version", p.Version)
	}
	if len(p.Tags) > 0 {
		add("tags", append([]string{}, p.Tags[:min(len(p.Tags), 20)]...)...)
	}
	if p.Metadata != nil {
		for _, field := range p.Metadata.Fields() {
			val := field.Value.Text()
			if field.Value.Kind() != value.KindString {
				val = string(field.Value.JSON())
			}
			add(field.Name, val)
		}
	}
	if facts.Len() > 0 && p.Description != "" {
		facts.WriteString("\n")
	}
	return bounded(facts.String()+p.Description, maxDetails)
}

// codeSpan shows text as it is, on one line: nothing in it is Markdown.
func codeSpan(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	longest, run := 0, 0
	for _, r := range text {
		if r != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	if text == "" {
		text = " "
	}
	fence := strings.Repeat("`", longest+1)
	if longest > 0 {
		return fence + " " + text + " " + fence
	}
	return fence + text + fence
}

// bounded cuts a text so that its JSON has no more bytes than the limit.
func bounded(text string, limit int) string {
	size := 0
	for at, r := range text {
		if r < utf8.RuneSelf {
			data, err := json.Marshal(string(r))
			if err != nil {
				return text[:at]
			}
			size += len(data) - 2
		} else {
			size += 6 // As an escape, at most twice that long.
			if r > 0xFFFF {
				size += 6
			}
		}
		if size > limit-len("…")*2 {
			return text[:at] + "…"
		}
	}
	return text
}
