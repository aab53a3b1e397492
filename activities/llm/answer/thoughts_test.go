package answer_test

import (
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
