package batch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/interpreter"
)

func TestSplitsInShort(t *testing.T) {
	for text, want := range map[string]string{
		"2000":                          `{"size":2000}`,
		" 2000 , overlap=0 ":            `{"size":2000,"overlap":0}`,
		"size=2000,overlap=100,by=page": `{"size":2000,"overlap":100,"by":"page"}`,
		"by=heading":                    `{"by":"heading"}`,
		"auto":                          `{}`,
		"":                              `!size must be a number of tokens, not ""`,
		"many":                          `!size must be a number of tokens, not "many"`,
		"0":                             `!size must be a number of tokens, not "0"`,
		"2e3":                           `!size must be a number of tokens, not "2e3"`,
		"99999999999":                   `!size must be a number of tokens, not "99999999999"`,
		"2000,100":                      `!size is given twice`,
		"overlap=-1":                    `!overlap must be a number of tokens, not "-1"`,
		"by=chapter":                    `!by must be one of paragraph, heading, page, line, not "chapter"`,
		"chunk=20":                      `!unknown key "chunk"; the keys are size, overlap and by`,
		"=20":                           `!unknown key ""; the keys are size, overlap and by`,
		"size=20,":                      `!size must be a number of tokens, not ""`,
	} {
		got, err := readSplit(text)
		if message, fails := strings.CutPrefix(want, "!"); fails && fmt.Sprint(err) != message || !fails && (err != nil || string(got.JSON()) != want) {
			t.Errorf("%q: %s, %v", text, got.JSON(), err)
		}
	}
}

// TestSplitIsTyped: the flags are keys of the template; what is wrong is reported once.
func TestSplitIsTyped(t *testing.T) {
	for _, c := range []struct {
		args                 []string
		split, combine, want string
	}{
		{nil, "", "null", ""},
		{[]string{"--split", "20"}, `{"size":20}`, "null", ""},
		{[]string{"--split=auto", "--combine", "true"}, "{}", "true", ""},
		{[]string{"--split", "20", "--combine", "One answer about ${item.name}"}, `{"size":20}`, `"One answer about ${item.name}"`, ""},
		{[]string{"--combine", "true"}, "", "null", "--combine has no effect without --split"},
		{[]string{"--combine", "true", "--set", "on_truncation=split"}, "", "true", ""},
		{[]string{"--split", "20", "--combine", `{method: python/execute, code: "result = 1/0"}`}, `{"size":20}`, `{"method":"python/execute","code":"result = 1/0"}`, ""},
		{[]string{"--split", "20", "--combine", "method: python/execute\nfile: merge.py"}, `{"size":20}`, `{"method":"python/execute","file":"merge.py"}`, ""},
		{[]string{"--split", "20", "--combine", "{prompt: One answer}"}, `{"size":20}`, `{"prompt":"One answer"}`, ""},
		{[]string{"--split", "20", "--combine", "Answer: which fruit?"}, `{"size":20}`, `"Answer: which fruit?"`, ""},
		{[]string{"--split", "20", "--combine", "- one\n- two"}, `{"size":20}`, `"- one\n- two"`, ""},
		{[]string{"--split", "20", "--combine", "{method: python/execute"}, `{"size":20}`, "null", "--combine: it begins with a brace and is not a mapping"},
		{[]string{"--split", "x", "--combine", " "}, "{}", "null", `--split: size must be a number of tokens, not "x"; --combine: the prompt is empty`},
	} {
		var s splitting
		var b interpreter.Batch
		var found problems
		var set []string
		flags := pflag.NewFlagSet("batch", pflag.ContinueOnError)
		s.register(flags)
		flags.StringArrayVar(&set, "set", nil, "")
		if err := flags.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		s.apply(flags, set, &b, &found)
		split, said := "", []string(nil)
		if b.Split != nil {
			split = string(b.Split.JSON())
		}
		for _, problem := range found {
			said = append(said, problem.Message)
		}
		if split != c.split || string(b.Combine.JSON()) != c.combine || strings.Join(said, "; ") != c.want {
			t.Errorf("%q: %s, %s, %q", c.args, split, b.Combine.JSON(), said)
		}
	}
}
