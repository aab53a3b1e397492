package answer_test

import (
	"strings"
	"testing"
	"time"

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
		{"[THINK]A draft: {\"title\":\"x\",\"total\":1}[/THINK]" + good, "", good, ""},
		{"```json\n" + good + "\n```", "", good, ""},
		{"Here you are:\n```json\n" + good + "\n```\nAnything else?", "", good, ""},
		{"```\n" + good, "", good, ""},
		{"Sure! " + good + " Bye [sic].", "", good, ""},
		{"I looked at {\"kind\":1}. The answer is " + good, "", good, ""},
		{"", good, good, ""},
		{"", "Well, so " + good, good, ""},
		{"no", "", "", "not JSON: invalid character 'o' in literal null (expecting 'u')"},
		{"no", "hm", "", "not JSON: invalid character 'o' in literal null (expecting 'u')"},
		{"The answer is above.", good, good, ""},
		{"The answer is [above].", "Well, so " + good, good, ""},
		{`{"name":"x"}`, good, "", "no title"},
		// What is within a broken value is not the answer.
		{`{"meta": ` + good + `, "summary": "x",}`, "", "", "not JSON: invalid character '}' looking for beginning of object key string"},
		{`{"name":"root","children":[` + good + `,{"name":"le`, "", "", "not JSON: unexpected EOF"},
		{`{'draft': ` + good + `} ` + good, "", good, ""},
		{`{"quoted \" and } in": a string} ` + good, "", good, ""},
		{"It is [5\" wide\n] " + good, "", good, ""},
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

// An answer without end costs a few passes over it, and not one for each bracket.
func TestFindJSONInAnAnswerWithoutEnd(t *testing.T) {
	const most = 50 // It was 1000.
	for _, text := range []string{
		strings.Repeat("[1,", 1000) + strings.Repeat("1,", 100_000), "x " + strings.Repeat(`{"a":`, 9000) + strings.Repeat(" ", 100_000), strings.Repeat(`{"a":[x`, 100_000),
	} {
		began := time.Now()
		if _, err := value.Parse([]byte("[" + strings.Repeat("1,", len(text)/2) + "1]")); err != nil {
			t.Fatal(err)
		}
		pass := time.Since(began)
		began = time.Now()
		if _, why := answer.FindJSON(text, "", fits); why == "" || time.Since(began) > most*pass {
			t.Errorf("%.20q: why %q after %v; one pass takes %v", text, why, time.Since(began), pass)
		}
	}
}
