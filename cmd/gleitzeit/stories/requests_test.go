package stories_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// openAI installs the package openai, and scripts that use it.
var openAI = packages("responses")

// brokenLines are what ten lines of a request file have instead of a request, and what a client reads of each.
func brokenLines(n int) (lines map[int]string, want map[string]string) {
	lines, want = map[int]string{}, map[string]string{}
	for i := range 10 {
		at, id := (i+1)*n/11, fmt.Sprintf("broken-%d", i)
		body := `{"model":"gpt","temperature":0,"messages":[{"role":"user","content":"hello"}]}`
		switch i % 5 {
		case 0:
			lines[at], want["null"] = `{"custom_id":"`+id+`",`, "invalid_json_line"
		case 1:
			lines[at] = `{"custom_id":"request-0","method":"POST","url":"/v1/chat/completions","body":` + body + `}`
		case 2:
			lines[at], want[id] = `{"custom_id":"`+id+`","method":"GET","url":"/v1/chat/completions","body":`+body+`}`, "invalid_request"
		case 3:
			lines[at], want[id] = `{"custom_id":"`+id+`","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt","messages":[]}}`, "400"
		case 4:
			lines[at], want[id] = `{"custom_id":"`+id+`","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt","stream":true}}`, "invalid_request"
		}
	}
	return lines, want
}

// A request file with ten broken lines, killed twice, has an answer or an error for each line, once. A client with the types of the
// package openai reads both files. GLEITZEIT_TEST_REQUESTS=2000 is more of them.
func TestRequestFile(t *testing.T) {
	t.Parallel()
	reader := withPackages(t, openAI)
	u := withOllama(t, ollamatest.Start(t))
	total := programtest.Number(t, "GLEITZEIT_TEST_REQUESTS", 200)
	broken, want := brokenLines(total)
	var file strings.Builder
	answers := 0
	for i := range total {
		line, is := broken[i]
		if !is {
			id := fmt.Sprintf("request-%d", i)
			url, body := "/v1/chat/completions", `{"model":"gpt","temperature":0,"messages":[{"role":"user","content":"hello"}]}`
			want[id] = "Hello from the scripted model."
			switch i % 50 {
			case 1:
				url, body = "/v1/embeddings", `{"model":"gpt","input":["a","b"]}`
				want[id] = "2"
			case 2:
				url, body = "/v1/responses", `{"model":"gpt","input":"PINEAPPLE","temperature":0}`
				want[id] = "I saw the PINEAPPLE."
			case 3:
				url, body = "/v1/completions", `{"model":"gpt","prompt":"PINEAPPLE","temperature":0}`
				want[id] = "I saw the PINEAPPLE."
			}
			line = fmt.Sprintf(`{"custom_id":%q,"method":"POST","url":%q,"body":%s}`, id, url, body)
			answers++
		}
		file.WriteString(line + "\n")
	}
	u.File("requests.jsonl", file.String())
	args := []string{"batch", "requests.jsonl", "--model", "gpt=llama3.2", "--output", "answers.jsonl", "--ordered"}
	for kill := range 2 {
		p := u.Start(args...)
		programtest.Eventually(t, "some requests are answered", func() bool {
			return programtest.Exists(u.Path("answers.jsonl.partial")) &&
				strings.Count(programtest.Read(t, u.Path("answers.jsonl.partial")), "\n") > (kill+1)*total/4
		})
		p.Kill()
	}
	_, stderr := u.Gleitzeit(6, args...)
	if !strings.Contains(stderr, "resum") {
		t.Errorf("it was not resumed:\n%s", stderr)
	}
	output, errors := idsOf(t, u.Path("answers.jsonl")), idsOf(t, u.Path("answers.errors.jsonl"))
	if len(output) != answers || len(errors) != 10 || answers != total-10 {
		t.Errorf("%d answers of %d, and %d errors", len(output), answers, len(errors))
	}
	if wanted := inOrder(want, total); !slices.Equal(output, wanted) {
		t.Errorf("the answers are not in the order of the file: %q", output[:min(len(output), 20)])
	}
	script := exec.CommandContext(t.Context(), "node", reader+"/read.js", u.Path("answers.jsonl"), u.Path("answers.errors.jsonl"))
	read, err := script.Output()
	must(t, err)
	var seen struct {
		Lines    int                 `json:"lines"`
		Problems []string            `json:"problems"`
		Found    map[string][]string `json:"found"`
	}
	programtest.JSON(t, string(read), &seen)
	if seen.Lines != total || len(seen.Problems) > 0 {
		t.Errorf("a client reads %d lines, and %q", seen.Lines, seen.Problems)
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		expected := []string{want[id]}
		switch id {
		case "null":
			expected = []string{want[id], want[id]}
		case "request-0":
			expected = append(expected, "duplicate_custom_id", "duplicate_custom_id")
		}
		if !slices.Equal(seen.Found[id], expected) {
			t.Errorf("%s: %q, want %q", id, seen.Found[id], expected)
		}
	}
	if len(seen.Found) != len(want) {
		t.Errorf("%d ids, want %d", len(seen.Found), len(want))
	}
}

// idsOf returns the custom_id of each line of an output or error file; empty where it is null.
func idsOf(t *testing.T, path string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(programtest.Read(t, path)) {
		var read struct {
			CustomID string `json:"custom_id"`
		}
		must(t, json.Unmarshal([]byte(line), &read))
		ids = append(ids, read.CustomID)
	}
	return ids
}

// inOrder returns the ids of the valid requests in the order of the file.
func inOrder(want map[string]string, total int) (ids []string) {
	for i := range total {
		if id := fmt.Sprintf("request-%d", i); want[id] != "" {
			ids = append(ids, id)
		}
	}
	return ids
}
