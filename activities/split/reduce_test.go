package split_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/activities/split"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// grouped returns the groups of texts.
func grouped(t *testing.T, m split.Measure, texts ...string) [][]string {
	t.Helper()
	var groups [][]string
	g := &split.Grouper{Measure: m, Add: func(group []value.Value) error {
		var all []string
		for _, text := range group {
			all = append(all, text.Text())
		}
		groups = append(groups, all)
		return nil
	}}
	for _, text := range texts {
		if err := g.Take(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.End(); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, group := range groups {
		count += len(group)
		tokens := 0.0
		for _, text := range group {
			tokens += m.Tokens(text)
		}
		if tokens > m.Room {
			t.Errorf("%.0f tokens in a room of %.0f: %.80q", tokens, m.Room, group)
		}
	}
	if g.Groups != len(groups) || g.Texts != count {
		t.Errorf("%d groups with %d texts are counted, and there are %d with %d", g.Groups, g.Texts, len(groups), count)
	}
	return groups
}

func TestGroups(t *testing.T) {
	m := split.Measure{Room: 100, PerToken: 1}
	if groups := grouped(t, m); groups != nil {
		t.Errorf("no texts are in the groups %q", groups)
	}
	var texts []string
	for i := range 50 {
		texts = append(texts, strings.Repeat(fmt.Sprintf("w%d ", i), 1+i%17))
	}
	groups := grouped(t, m, texts...)
	var all []string
	for i, group := range groups {
		all = append(all, group...)
		if i > 0 && m.Tokens(groups[i][0]) <= m.Room-sum(m, groups[i-1]) {
			t.Errorf("group %d has room for %q", i-1, groups[i][0])
		}
	}
	if !slices.Equal(all, texts) {
		t.Errorf("the groups have the texts %q", all)
	}
	long := strings.Repeat("Some words of a sentence. ", 60)
	groups = grouped(t, m, "before", long, "after")
	if joined := strings.Join(slices.Concat(groups...), " "); strings.Join(strings.Fields(joined), " ") != "before "+strings.TrimSpace(long)+" after" {
		t.Errorf("a long text has become %q", joined)
	}
}

func sum(m split.Measure, texts []string) (tokens float64) {
	for _, text := range texts {
		tokens += m.Tokens(text)
	}
	return tokens
}

func TestTextOf(t *testing.T) {
	for given, want := range map[string]string{
		`null`: "", `" a "`: "a", `{"response": " b ", "model": "m"}`: "b", `3`: "3", `[1]`: "[1]", `{"a": 1}`: `{"a":1}`,
		`{"item": 1, "index": 0, "status": "completed", "result": {"response": "c"}}`: "c",
		`{"item": 1, "index": 0, "status": "failed", "result": null}`:                 "",
		`{"result": 3}`: `{"result":3}`,
	} {
		element, err := value.Parse([]byte(given))
		if err != nil {
			t.Fatal(err)
		}
		if got := split.TextOf(element); got != want {
			t.Errorf("%s stands for %q, not %q", given, got, want)
		}
	}
}

// reductionOf is a call that makes one answer of texts.
func reductionOf(t *testing.T, m *model, prompt, parameters string) *split.Call {
	t.Helper()
	c := callOf(t, m, "", parameters)
	c.Request.Method, c.Combine = llm.Reduce, &protocol.Combine{Prompt: prompt}
	return c
}

// TestMeasure: the room is that of the server, and what was recorded counts for all that follow.
func TestMeasure(t *testing.T) {
	m := (&model{limit: 1000, tokenizes: true}).start(t)
	c := reductionOf(t, m, "Combine.", `, "max_tokens": 200`)
	sample := func() (string, error) { return strings.Repeat("word ", 100), nil }
	first, err := c.Measure(t.Context(), sample)
	if err != nil {
		t.Fatal(err)
	}
	if counted := m.tokenized; counted == 0 || first.PerToken <= 0 || first.PerToken >= 1 {
		t.Errorf("%d texts were counted, and a token is %v", counted, first.PerToken)
	}
	other := reductionOf(t, m, "Combine.", `, "max_tokens": 200`)
	other.Steps = c.Steps
	again, err := other.Measure(t.Context(), func() (string, error) { t.Error("the sample is read again"); return "", nil })
	if err != nil || again != first {
		t.Errorf("%+v, then %+v: %v", first, again, err)
	}
}

// TestReduceWhatIsTooLong: a group that the server refuses is combined in parts, and so is a text.
func TestReduceWhatIsTooLong(t *testing.T) {
	var texts, want []string
	for page := 1; page <= 40; page++ {
		fact := fmt.Sprintf("The secret of page %d is word.", page)
		want = append(want, fact)
		texts = append(texts, fact+" "+strings.Repeat("Nothing else happened here. ", 5))
	}
	for name, given := range map[string][]string{"texts": texts, "one text": {strings.Join(texts, "\n\n")}} {
		m := (&model{limit: 700}).start(t)
		c := reductionOf(t, m, "Combine the secrets.", `, "max_tokens": 100`)
		result, err := c.Reduce(t.Context(), given)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantFacts(t, name, responseOf(result), want)
		if again := len(m.tooLong) - len(slices.Compact(slices.Sorted(slices.Values(m.tooLong)))); again > 0 {
			t.Errorf("%s: %d prompts were sent again after they were refused", name, again)
		}
		if len(m.tooLong) == 0 || len(m.asked) < 3 || result.Usage.LLMCalls != int64(len(m.asked)) {
			t.Errorf("%s: %d prompts were too long, %d were answered, and %d are counted", name, len(m.tooLong), len(m.asked), result.Usage.LLMCalls)
		}
	}
	m := (&model{limit: 700}).start(t)
	c := reductionOf(t, m, "Combine the secrets.", "")
	result, err := c.Reduce(t.Context(), texts[:3])
	if err != nil || len(m.asked) != 1 || len(m.tooLong) != 0 || len(c.Steps.(recorded)) != 0 {
		t.Errorf("three texts: %v, %d calls, %d recorded", err, len(m.asked), len(c.Steps.(recorded)))
	}
	if prompt := m.asked[0]; !strings.HasPrefix(prompt, "Combine the secrets.\n\n# Text 1\n\nThe secret of page 1 is word.") || !strings.Contains(prompt, "\n\n# Text 3\n\n") {
		t.Errorf("the prompt is %.200q", prompt)
	}
	wantFacts(t, "three texts", responseOf(result), want[:3])
}
