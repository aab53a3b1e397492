package view

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Limits of a run's summary and details, in bytes of JSON, with some room: Temporal does not start a run whose summary is
// larger than 400 or whose details are larger than 20,000.
const (
	maxSummary   = 300
	maxDetails   = 19_000
	maxFact      = 200   // One name or value among the facts.
	maxFacts     = 8_000 // All lines of facts except the last.
	maxAttribute = 1_800 // A search attribute; the limit of Temporal is 2,048.
)

// WebUISummary returns the title of a run, or of a call of its own, in the Web UI: the name of the workflow or of the method, cut to
// Temporal's limit.
func WebUISummary(p *plan.Plan) string { return bounded(p.Name, maxSummary) }

// SearchName returns the workflow's name as a search attribute of its runs, cut to Temporal's limit.
func SearchName(p *plan.Plan) string { return bounded(p.Name, maxAttribute) }

// WebUIDetails returns the details of a run in the Web UI as Markdown: lines with the version, the tags and the metadata,
// then the description, which may be Markdown. It is last, so that its Markdown does not affect the other parts.
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

// codeSpan returns a text as a code span of Markdown, on one line.
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

// bounded cuts a text so that its JSON is at most limit bytes long.
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
