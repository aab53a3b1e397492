package answer_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm/answer"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// fits wants an object with a title.
func fits(v value.Value) string {
	if _, is := v.Get("title"); !is {
		return "no title"
	}
	return ""
}

func TestFindJSON(t *testing.T) {
	const good = `{"title":"Invoice 7","total":12.50}`
	for _, test := range []struct{ text, thoughts, want, why string }{
		{good, "", good, ""},
		{"\n" + good + "\n", "", good, ""},
		{"<think>\nThe user wants {JSON}.\n</think>\n\n" + good, "", good, ""},
		{"A draft: {\"title\":\"x\"}\n</think>\n" + good, "", good, ""},
		{"```json\n" + good + "\n```", "", good, ""},
		{"Here you are:\n```json\n" + good + "\n```\nAnything else?", "", good, ""},
		{"```\n" + good, "", good, ""},
		{"Sure! " + good + " Bye [sic].", "", good, ""},
		{"I looked at {\"kind\":1}. The answer is " + good, "", good, ""},
		{"", good, good, ""},
		{"", "Well, so " + good, good, ""},
		{"no", good, "", "not JSON: invalid character 'o' in literal null (expecting 'u')"},
		{"Either " + good + " or " + good, "", "", "it contains several JSON values that match"},
		{"[1] " + `{"name":"x"}`, "", "", "no title"},
		{`{"name":"x"}`, "", "", "no title"},
		{"", "", "", "not JSON: unexpected EOF"},
	} {
		found, why := answer.FindJSON(test.text, test.thoughts, fits)
		if got := string(found.JSON()); why != test.why || test.why == "" && got != test.want {
			t.Errorf("%q: %s, why %q; want %s, %q", test.text, got, why, test.want, test.why)
		}
	}
}
