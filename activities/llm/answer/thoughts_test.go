package answer_test

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm/answer"
)

func TestSplit(t *testing.T) {
	for _, test := range []struct{ text, thoughts, answer string }{
		{"It is an invoice.", "", "It is an invoice."},
		{"  spaces stay \n", "", "  spaces stay \n"},
		{"<think>\nhm {x}\n</think>\n\nIt is an invoice.", "hm {x}", "It is an invoice."},
		{"\n<think></think>yes", "", "yes"},
		{"The user wants a sentence.\n</think>\n\nIt is an invoice.", "The user wants a sentence.", "It is an invoice."},
		{"</think>yes", "", "yes"},
		{"<think>\nSo, let me see", "So, let me see", ""},
		{"only thoughts</think>", "only thoughts", ""},
		{"[THINK]hm[/THINK]yes", "hm", "yes"},
		{"◁think▷hm", "hm", ""},
		{"<thought>\nhm\n</thought>\nyes", "hm", "yes"},
		{"hm\n</seed:think>\nyes", "hm", "yes"},
		{"<thinking>hm</thinking>yes", "", "<thinking>hm</thinking>yes"},
		{"[1, 2]", "", "[1, 2]"},
		{"The tag `</think>` ends thoughts.", "", "The tag `</think>` ends thoughts."},
		{"Write <think> and then\n</think>\n", "", "Write <think> and then\n</think>\n"},
		{"```xml\n</think>\n```", "", "```xml\n</think>\n```"},
	} {
		thoughts, rest := answer.Split(test.text)
		if thoughts != test.thoughts || rest != test.answer {
			t.Errorf("%q: thoughts %q, answer %q; want %q, %q", test.text, thoughts, rest, test.thoughts, test.answer)
		}
	}
}

// An answer is shown while it is written, in whatever pieces it comes; its thoughts are not.
func TestLive(t *testing.T) {
	for text, want := range map[string]string{
		"It is an invoice.": "It is an invoice.",
		"  spaces stay \n":  "  spaces stay \n",
		"<think>\nhm {x}\n</think>\n\nIt is an invoice.": "It is an invoice.",
		"\n<think></think>yes":                           "yes",
		"<think>\nSo, let me see":                        "",
		"◁think▷hm◁/think▷yes":                           "yes",
		"[THINK]hm[/THINK] yes":                          "yes",
		"[1, 2]":                                         "[1, 2]",
		"<thin":                                          "<thin",
		"< 5":                                            "< 5",
		"It ends with </think> and <think>":              "It ends with </think> and <think>",
		"":                                               "",
	} {
		for size := 1; size <= len(text)+1; size++ {
			var shown strings.Builder
			live := answer.Live{Write: func(text string) { shown.WriteString(text) }}
			for rest := text; rest != ""; {
				piece := rest[:min(size, len(rest))]
				live.Add(piece)
				rest = rest[len(piece):]
			}
			if live.End(); shown.String() != want {
				t.Errorf("%q in pieces of %d bytes: %q", text, size, shown.String())
			}
		}
	}
}
