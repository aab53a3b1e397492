package mcpserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

const (
	initialize  = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	ping        = `{"jsonrpc":"2.0","id":"last","method":"ping"}`
)

// serve serves a client that sends the input, and returns what it receives and what the user is told.
func serve(t *testing.T, in io.Reader) (answers []string, told string) {
	t.Helper()
	var mu sync.Mutex
	s, err := New(Options{Folders: []string{t.TempDir()}, Tell: func(text string) {
		mu.Lock()
		defer mu.Unlock()
		told += text + "\n"
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := s.ServeStreams(t.Context(), in, &out); err != nil {
		t.Errorf("serving ends with %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(out.String()) {
		var answer struct {
			ID     json.RawMessage
			Result json.RawMessage
			Error  struct {
				Code    int
				Message string
			}
		}
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if answer.Result != nil {
			answers = append(answers, string(answer.ID)+" ok")
		} else {
			answers = append(answers, fmt.Sprintf("%s %d %s", answer.ID, answer.Error.Code, answer.Error.Message))
		}
	}
	slices.Sort(answers) // The order is any.
	return answers, told
}

func TestInvalidLines(t *testing.T) {
	for name, test := range map[string]struct{ line, want string }{
		"text":                  {"garbage", "null -32700 the line is not JSON: invalid character 'g'"},
		"cut off":               {`{"jsonrpc":"2.0","id":7,`, "null -32700 the line is not JSON: unexpected end"},
		"two values":            {`{} {}`, "null -32700 the line is not JSON: invalid character '{'"},
		"bytes":                 {"\x00\xff\xfe", "null -32700 the line is not JSON: "},
		"number":                {`42`, "null -32600 the line is not a JSON-RPC 2.0 message"},
		"null":                  {`null`, "null -32600 the line is not a JSON-RPC 2.0 message"},
		"object":                {`{"hello":"world"}`, "null -32600 the line is not a JSON-RPC 2.0 message"},
		"other version":         {`{"jsonrpc":"1.0","id":7,"method":"ping"}`, "7 -32600 the line is not a JSON-RPC 2.0 message"},
		"id is an object":       {`{"jsonrpc":"2.0","id":{},"method":"ping"}`, "null -32600 the line is not a JSON-RPC 2.0 message"},
		"method is a number":    {`{"jsonrpc":"2.0","id":"a","method":5}`, `"a" -32600 the line is not a JSON-RPC 2.0 message`},
		"neither call nor end":  {`{"jsonrpc":"2.0","id":7}`, "null -32600 the line is not a JSON-RPC 2.0 message"},
		"deep":                  {strings.Repeat("[", 100_000), "null -32700 the line is not JSON: "},
		"deep, but JSON":        {`{"jsonrpc":"2.0","id":7,"method":"ping","params":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}", "7 -32600 the line is not a JSON-RPC 2.0 message"},
		"empty batch":           {`[]`, "null -32600 the batch is empty"},
		"batch of numbers":      {`[1,2,3]`, "null -32600 the line is not a JSON-RPC 2.0 message"},
		"batch with one number": {`[{"jsonrpc":"2.0","id":7,"method":"ping"},1]`, "null -32600 the line is not a JSON-RPC 2.0 message"},
		"too long":              {`"` + strings.Repeat("x", maxMessage) + `"`, "null -32600 the message is longer than 16777216 bytes"},
		"much too long":         {strings.Repeat("x", 3*maxMessage), "null -32600 the message is longer than 16777216 bytes"},
		"id is null":            {`{"jsonrpc":"2.0","id":null,"method":"ping"}`, "null -32600 the id of a request must be a string or a whole number below 2^53"},
		"id is a fraction":      {`{"jsonrpc":"2.0","id":7.5,"method":"ping"}`, "7.5 -32600 the id of a request must be"},
		"id is large":           {`{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}`, "9007199254740993 -32600 the id of a request must be"},
		"id is huge":            {`{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"ping"}`, "123456789012345678901234567890 -32600 the id of a request must be"},
		"no version":            {`{"id":7,"method":"ping"}`, "7 -32600 the line is not a JSON-RPC 2.0 message"},
		"unknown method":        {`{"jsonrpc":"2.0","id":7,"method":"no/such"}`, `7 -32601 `},
	} {
		t.Run(name, func(t *testing.T) {
			answers, told := serve(t, strings.NewReader(strings.Join([]string{initialize, initialized, test.line, ping}, "\n")))
			matches := func(answer string) bool { return strings.HasPrefix(answer, test.want) }
			if len(answers) != 3 || !slices.Contains(answers, "1 ok") || !slices.ContainsFunc(answers, matches) || !slices.Contains(answers, `"last" ok`) {
				t.Errorf("the answers are %.200q, want %q", answers, test.want)
			}
			if reported := strings.Count(told, "ignored a line of standard input: "); (reported == 1) == (name == "unknown method") || len(told) > 400 {
				t.Errorf("the user is told %.1000q", told)
			}
		})
	}
}

func TestLines(t *testing.T) {
	text := initialize + "\r\n\n  \n" + initialized + "\n" +
		`[{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","id":3,"method":"tools/list"}]` + "\n" +
		`{"jsonrpc":"2.0","id":99,"result":{}}` + "\n" + ping
	// A byte order mark, and the largest numbers that a client in JavaScript can count to.
	text = "\ufeff" + strings.ReplaceAll(text, `"id":2,`, `"id":9007199254740991,`)
	want := `["\"last\" ok" "1 ok" "3 ok" "9007199254740991 ok"]`
	for _, in := range []io.Reader{strings.NewReader(text), strings.NewReader(text + "\n"), iotest.OneByteReader(strings.NewReader(text))} {
		if answers, told := serve(t, in); fmt.Sprintf("%q", answers) != want || told != "" {
			t.Errorf("the answers are %q, and the user is told %q", answers, told)
		}
	}
}

// The input may end at any place: what was read before is answered.
func TestInputEnds(t *testing.T) {
	calls := initialize + "\n" + initialized + "\n"
	for id := range 50 {
		calls += fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"list_workflows"}}`+"\n", 10+id)
	}
	for range 20 {
		if answers, told := serve(t, strings.NewReader(calls)); len(answers) != 51 || told != "" {
			t.Fatalf("%d answers: %q; the user is told %q", len(answers), answers, told)
		}
	}
	if answers, _ := serve(t, strings.NewReader("")); len(answers) != 0 {
		t.Errorf("no input has the answers %q", answers)
	}
	// A second call with the id of an open one has no answer of its own.
	call := `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"list_workflows"}}` + "\n"
	if answers, _ := serve(t, strings.NewReader(initialize+"\n"+initialized+"\n"+call+call)); len(answers) < 2 || answers[1] != "5 ok" {
		t.Errorf("the answers are %q", answers)
	}
}
